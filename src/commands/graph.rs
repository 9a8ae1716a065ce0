//! `infra graph`: what depends on what.

use crate::error::Result;
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
    let graph = Project::load(settings)?.graph;
    ui.product(&if arguments.dot {
        graph.to_dot()
    } else {
        graph.to_text()
    });
    Ok(())
}
