//! `infra outputs`.

use super::session::{self, Session};
use crate::error::Result;
use crate::permissions::Need;
use crate::plan::hidden::Hidden;
use crate::project::Project;
use crate::report;
use crate::secrets::MASK;
use crate::settings::{Settings, command};
use crate::ui::Ui;
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// A stack's outputs by name.
type Outputs = BTreeMap<String, String>;

/// What `infra outputs` asks for.
pub(super) const NEEDS: &[&[Need]] = &[session::OPEN, session::OUTPUTS];

/// Arguments of `infra outputs`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stacks; all of the manifest's when none is named.
    #[arg(value_name = "STACK")]
    pub stacks: Vec<String>,
    /// The form.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write to this file, not to standard output.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Show outputs that come from masked (NoEcho) parameters too; with --file only the owner reads them.
    #[arg(long)]
    pub reveal: bool,
}

/// The form of the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One object, a member a stack.
    Json,
    /// STACK_OUTPUT='value' lines for a shell.
    Env,
}

/// Shows outputs.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let read = Session::within(settings, async |session| {
        let names = session.project.select(&arguments.stacks, false)?;
        let outputs = session.outputs(&names).await?;
        Ok((session.project.clone(), names, outputs))
    });
    let (project, names, mut outputs) = read.await?;
    let masked = !arguments.reveal && mask(&project, &mut outputs);
    let format = if settings.json {
        Format::Json
    } else {
        arguments.format
    };
    let text = match format {
        Format::Table => table(&names, &outputs),
        Format::Json => json(&names, &outputs),
        Format::Env => env(&names, &outputs),
    };
    match &arguments.file {
        None => ui.product(&text),
        Some(path) if arguments.reveal => super::write_private(path, &text)?,
        Some(path) => super::write_whole(path, &text)?,
    }
    if masked {
        tell_of_masks(ui);
    }
    Ok(())
}

/// Says that outputs are masked, and how they are seen.
fn tell_of_masks(ui: &Ui) {
    let reveal = command("outputs --reveal");
    ui.status(&format!(
        "Outputs that come from masked parameters are masked: {reveal} shows them."
    ));
}

/// Prints outputs as a deploy's product.
pub(super) fn show(
    session: &Session,
    ui: &Ui,
    names: &[String],
    mut outputs: BTreeMap<String, Outputs>,
) {
    let masked = mask(&session.project, &mut outputs);
    ui.product(&table(names, &outputs));
    if masked {
        tell_of_masks(ui);
    }
}

/// Masks what comes from parameters that a template masks, and answers whether there was any.
fn mask(project: &Project, outputs: &mut BTreeMap<String, Outputs>) -> bool {
    let hidden = Hidden::asked(project);
    let mut any = false;
    for (stack, outputs) in outputs {
        for (name, value) in outputs {
            let before = value.clone();
            match hidden.output(stack, name) {
                true => MASK.clone_into(value),
                false => project.secrets.hide(value),
            }
            any |= *value != before;
        }
    }
    any
}

/// Outputs as a table.
fn table(names: &[String], outputs: &BTreeMap<String, Outputs>) -> String {
    let rows: Vec<Vec<String>> = names
        .iter()
        .filter_map(|name| Some((name, outputs.get(name)?)))
        .flat_map(|(name, given)| {
            let given = given.iter();
            given.map(move |(key, value)| vec![name.clone(), key.clone(), value.clone()])
        })
        .collect();
    report::table(&["STACK", "OUTPUT", "VALUE"], &rows)
}

fn json(names: &[String], outputs: &BTreeMap<String, Outputs>) -> String {
    let stacks: serde_json::Map<String, serde_json::Value> = names
        .iter()
        .filter_map(|name| Some((name.clone(), serde_json::json!(outputs.get(name)?))))
        .collect();
    serde_json::to_string_pretty(&stacks).unwrap_or_default()
}

fn env(names: &[String], outputs: &BTreeMap<String, Outputs>) -> String {
    let mut text = String::new();
    for (name, given) in names
        .iter()
        .filter_map(|name| Some((name, outputs.get(name)?)))
    {
        for (key, value) in given {
            let quoted = value.replace('\'', r"'\''");
            let variable = format!("{name}_{key}").replace('-', "_");
            let _ = writeln!(text, "{variable}='{quoted}'");
        }
    }
    text
}
