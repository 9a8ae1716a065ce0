//! `infra graph`: what depends on what.

use crate::error::Result;
use crate::plan::soft;
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;

/// Arguments of `infra graph`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print Graphviz DOT.
    #[arg(long)]
    pub dot: bool,
}

/// Shows the graph.
pub fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let project = Project::load(settings)?;
    if arguments.dot {
        ui.product(&project.graph.to_dot());
        return Ok(());
    }
    ui.product(&project.graph.to_text());
    for edge in soft::edges(&project, None) {
        let read: Vec<String> = edge
            .values
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        ui.product(&format!(
            "soft: {} -> {}, whose parameters fix {}; deploy --overlap does not wait for it",
            edge.dependent,
            edge.dependency,
            read.join(", ")
        ));
    }
    Ok(())
}
