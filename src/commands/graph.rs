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
        let (one, other) = (&edge.dependent, &edge.dependency);
        let fixed = format!("{one} -> {other}, whose parameters fix {}", read.join(", "));
        let mut line = match &edge.waits {
            None => format!("soft: {fixed}; deploy --overlap does not wait for it"),
            Some(why) => format!("waits: {fixed}; but {why}"),
        };
        project.secrets.hide(&mut line);
        ui.product(&line);
    }
    Ok(())
}
