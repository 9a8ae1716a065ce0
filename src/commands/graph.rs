//! `infra graph`: what depends on what.

use crate::error::Result;
use crate::plan::soft::{self, Soft};
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use serde_json::{Value, json};

/// Arguments of `infra graph`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print Graphviz DOT.
    #[arg(long, conflicts_with = "json")]
    pub dot: bool,
}

/// Shows the graph.
pub fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let project = Project::load(settings)?;
    if arguments.dot {
        ui.product(&project.graph.to_dot());
        return Ok(());
    }
    let mut soft = soft::edges(&project, None);
    for value in soft.iter_mut().flat_map(|edge| edge.values.values_mut()) {
        project.secrets.hide(value);
    }
    if settings.json {
        ui.product(&document(&project, &soft).to_string());
        return Ok(());
    }
    ui.product(&project.graph.to_text());
    for edge in soft {
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

/// The stacks, and which needs which. A soft edge has the outputs that are read over it, with the values that
/// they will have.
fn document(project: &Project, soft: &[Soft]) -> Value {
    let mut edges = Vec::new();
    for dependent in project.graph.names() {
        for dependency in project.graph.dependencies_of(dependent) {
            let mut soft = soft.iter();
            let soft =
                soft.find(|edge| edge.dependent == *dependent && edge.dependency == dependency);
            edges.push(json!({
                "dependent": dependent,
                "dependency": dependency,
                "soft": soft.map(|edge| &edge.values),
            }));
        }
    }
    json!({ "version": 1, "stacks": project.graph.names(), "edges": edges })
}
