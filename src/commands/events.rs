//! `infra events`.

use super::session::Session;
use crate::error::{Error, Result};
use crate::report;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;

/// Arguments of `infra events`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stack.
    pub stack: String,
}

/// Shows a stack's events, oldest first.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let session = Session::open(settings).await?;
    let names = session
        .project
        .select(std::slice::from_ref(&arguments.stack), false)?;
    let stack = names.first().and_then(|name| session.project.stack(name));
    let name = stack
        .map(|stack| stack.deployed_name.clone())
        .unwrap_or_default();
    let events = match session.cloud.describe(&name).await? {
        Some(now) => session.cloud.events_since(&now.id, None, None).await?,
        None => return Err(Error::stacks(format!("the stack {name} is not deployed."))),
    };
    session.close().await;
    if settings.json {
        for event in events {
            ui.product(
                &serde_json::json!({
                    "time": event.time, "resource": event.resource, "status": event.status,
                    "physical_id": event.physical_id, "resource_type": event.resource_type,
                    "reason": event.reason,
                })
                .to_string(),
            );
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = events
        .into_iter()
        .map(|e| {
            vec![
                e.time,
                e.status,
                e.resource,
                e.resource_type,
                e.reason.unwrap_or_default(),
            ]
        })
        .collect();
    ui.product(&report::table(
        &["TIME", "STATUS", "RESOURCE", "TYPE", "REASON"],
        &rows,
    ));
    Ok(())
}
