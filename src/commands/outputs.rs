//! `infra outputs`.

use super::session::Session;
use crate::error::{Error, Result};
use crate::plan::Current;
use crate::report;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

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
    let session = Session::open(settings).await?;
    let names = session.project.select(&arguments.stacks, false)?;
    let current = session.current(&names).await?;
    session.close().await;
    let format = if settings.json {
        Format::Json
    } else {
        arguments.format
    };
    let text = match format {
        Format::Table => table(&names, &current),
        Format::Json => json(&names, &current),
        Format::Env => env(&names, &current),
    };
    let Some(path) = &arguments.file else {
        ui.product(&text);
        return Ok(());
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| Error::file(path, "write", &error))
}

/// Outputs as a table.
pub fn table(names: &[String], current: &BTreeMap<String, Current>) -> String {
    let rows: Vec<Vec<String>> = names
        .iter()
        .filter_map(|name| Some((name, current.get(name)?)))
        .flat_map(|(name, now)| {
            let outputs = now.stack.outputs.iter();
            outputs.map(move |(key, value)| vec![name.clone(), key.clone(), value.clone()])
        })
        .collect();
    report::table(&["STACK", "OUTPUT", "VALUE"], &rows)
}

fn json(names: &[String], current: &BTreeMap<String, Current>) -> String {
    let stacks: serde_json::Map<String, serde_json::Value> = names
        .iter()
        .filter_map(|name| {
            Some((
                name.clone(),
                serde_json::json!(current.get(name)?.stack.outputs),
            ))
        })
        .collect();
    serde_json::to_string_pretty(&stacks).unwrap_or_default()
}

fn env(names: &[String], current: &BTreeMap<String, Current>) -> String {
    let mut text = String::new();
    for (name, now) in names
        .iter()
        .filter_map(|name| Some((name, current.get(name)?)))
    {
        for (key, value) in &now.stack.outputs {
            let quoted = value.replace('\'', r"'\''");
            let variable = format!("{name}_{key}").replace('-', "_");
            let _ = writeln!(text, "{variable}='{quoted}'");
        }
    }
    text
}
