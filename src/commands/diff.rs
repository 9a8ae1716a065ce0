//! `infra diff`: reads only.

use super::session::Session;
use crate::error::{Error, Result};
use crate::plan;
use crate::report;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;

/// Arguments of `infra diff`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stacks; all of the manifest's when none is named.
    #[arg(value_name = "STACK")]
    pub stacks: Vec<String>,
    /// Exit with 1 when anything differs.
    #[arg(long)]
    pub exit_code: bool,
}

/// Shows what a deploy would change.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let session = Session::open(settings).await?;
    let names = session.project.select(&arguments.stacks, false)?;
    let current = session.current(&names).await?;
    let plan = plan::deploy(&session.project, &session.order(&names, false), &current);
    session.close().await;
    ui.product(&if settings.json {
        serde_json::to_string(&plan).unwrap_or_default()
    } else {
        report::plan(ui, &plan)
    });
    if arguments.exit_code && !plan.is_empty() {
        return Err(Error::stacks("the stacks differ from the manifest."));
    }
    Ok(())
}
