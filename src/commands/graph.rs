//! `infra graph`: what depends on what.

use crate::error::Result;
use crate::plan::soft::{self, Edge};
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
    let mut known = soft::edges(&project, None);
    for edge in &mut known {
        let texts = edge.values.values_mut().chain(&mut edge.waits);
        texts.for_each(|text| project.secrets.hide(text));
    }
    if settings.json {
        ui.product(&document(&project, &known).to_string());
        return Ok(());
    }
    ui.product(&project.graph.to_text());
    for edge in known {
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
/// they will have; one that is waited for although its values are known says why.
fn document(project: &Project, known: &[Edge]) -> Value {
    let mut edges = Vec::new();
    for dependent in project.graph.names() {
        for dependency in project.graph.dependencies_of(dependent) {
            let mut known = known.iter();
            let known =
                known.find(|edge| edge.dependent == *dependent && edge.dependency == dependency);
            let soft = known.filter(|edge| edge.waits.is_none());
            edges.push(json!({
                "dependent": dependent,
                "dependency": dependency,
                "soft": soft.map(|edge| &edge.values),
                "waits": known.and_then(|edge| edge.waits.as_ref()),
            }));
        }
    }
    json!({ "version": 1, "stacks": project.graph.names(), "edges": edges })
}
