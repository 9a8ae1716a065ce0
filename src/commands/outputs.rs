//! `infra outputs`.

use super::session::{self, Session};
use crate::error::Result;
use crate::permissions::Need;
use crate::report;
use crate::settings::Settings;
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
        Ok((names, outputs))
    });
    let (names, outputs) = read.await?;
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
    let Some(path) = &arguments.file else {
        ui.product(&text);
        return Ok(());
    };
    super::write_whole(path, &text)
}

/// Outputs as a table.
pub fn table(names: &[String], outputs: &BTreeMap<String, Outputs>) -> String {
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
