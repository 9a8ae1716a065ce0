//! `infra synth`: renders templates; needs no account.

use crate::error::{Error, Result};
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `infra synth`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stacks; all of the manifest's when none is named.
    #[arg(value_name = "STACK")]
    pub stacks: Vec<String>,
    /// Write STACK.yaml files into this directory.
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Renders.
pub fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let project = Project::load(settings)?;
    let names = project.select(&arguments.stacks, false)?;
    let Some(directory) = &arguments.output else {
        let [name] = names.as_slice() else {
            return Err(
                Error::asked("several templates do not fit on standard output.")
                    .hint("name one stack, or give --output DIR"),
            );
        };
        if let Some(ready) = project.prepared.get(name) {
            ui.product(&ready.rendered.text);
        }
        return Ok(());
    };
    std::fs::create_dir_all(directory).map_err(|error| Error::file(directory, "create", &error))?;
    for name in &names {
        if let Some(ready) = project.prepared.get(name) {
            let path = directory.join(format!("{name}.yaml"));
            super::write_whole(&path, &ready.rendered.text)?;
            ui.status(&format!("wrote {}", path.display()));
        }
    }
    Ok(())
}
