//! `infra events`.

use super::session::Session;
use crate::cloud::StackEvent;
use crate::error::{Error, Result};
use crate::plan::action::Status;
use crate::report;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use std::time::Duration;

/// Arguments of `infra events`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stack.
    pub stack: String,
    /// Follow the operation that is under way to its end.
    #[arg(long)]
    pub follow: bool,
}

/// How long it is waited between two looks.
const PAUSE: Duration = Duration::from_secs(1);

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
    let result = show(&session, &name, arguments.follow, settings, ui).await;
    session.close().await;
    result
}

async fn show(
    session: &Session,
    name: &str,
    follow: bool,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let gone = || Error::stacks(format!("the stack {name} is not deployed."));
    let mut now = session.cloud.describe(name).await?.ok_or_else(gone)?;
    let mut seen: Option<String> = None;
    loop {
        let events = session
            .cloud
            .events_since(&now.id, seen.as_deref(), None)
            .await?;
        if let Some(last) = events.last() {
            seen = Some(last.id.clone());
        }
        tell(events, follow, settings, ui);
        let moves = Status::parse(&now.status).is_ok_and(Status::in_progress);
        if !follow || !moves {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        now = session.cloud.describe(&now.id).await?.ok_or_else(gone)?;
    }
}

fn tell(events: Vec<StackEvent>, follow: bool, settings: &Settings, ui: &Ui) {
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
        return;
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
    if !follow {
        let header = ["TIME", "STATUS", "RESOURCE", "TYPE", "REASON"];
        return ui.product(&report::table(&header, &rows));
    }
    for row in rows {
        ui.product(row.join("  ").trim_end());
    }
}
