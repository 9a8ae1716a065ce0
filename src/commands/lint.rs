//! `infra lint`: the templates under AWS's rules and under Guard. Needs no account.

use crate::error::{Error, Result};
use crate::lint::{self, Finding, Guard, Level, Linter};
use crate::project::Project;
use crate::settings::{Settings, command};
use crate::ui::Ui;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Arguments of `infra lint`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stacks; all of the manifest's when none is named.
    #[arg(value_name = "STACK")]
    pub stacks: Vec<String>,
    /// A file of CloudFormation Guard rules to hold as well; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub guard: Vec<PathBuf>,
    /// Print SARIF, for code scanning.
    #[arg(long, conflicts_with = "json")]
    pub sarif: bool,
    /// Exit with 1 for warnings too.
    #[arg(long)]
    pub strict: bool,
}

/// Lints.
pub fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let project = Project::load(settings)?;
    let names = project.select(&arguments.stacks, false)?;
    let guards = arguments.guard.iter().map(|path| {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::file(path, "read the rules", &error))?;
        let name = path.display().to_string();
        Ok(Guard { name, text })
    });
    let found = findings(&project, &names, guards.collect::<Result<Vec<_>>>()?)?;
    let is_open = |one: &&Finding| one.suppressed.is_none();
    let count = |level: Level| {
        let open = found.iter().filter(is_open);
        open.filter(|one| one.level == level).count()
    };
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    if arguments.sarif {
        ui.product(&lint::sarif(&found).to_string());
    } else if settings.json {
        let document = Document {
            version: 1,
            findings: found,
        };
        ui.product(&serde_json::to_string(&document).unwrap_or_default());
    } else {
        let lines: Vec<String> = found.iter().filter(is_open).map(Finding::line).collect();
        ui.product(&lines.join("\n"));
        let suppressed = found.len() - lines.len();
        ui.status(&format!(
            "{} linted: {}, {}, {suppressed} suppressed",
            super::run::stacks(names.len()),
            counted(errors, "error"),
            counted(warnings, "warning")
        ));
    }
    if errors > 0 || (arguments.strict && warnings > 0) {
        return Err(Error::stacks("the templates do not hold the rules."));
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Refuses stacks whose templates break rules. The rules take some 240 MiB, which only the end of a process
/// gives back; so a process of their own loads them.
///
/// # Errors
/// Every error that the rules find in them.
pub(super) async fn refuse(settings: &Settings, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let broken = |why: String| {
        Error::asked(format!("the templates cannot be linted: {why}."))
            .hint("--no-lint deploys without")
    };
    let program = crate::settings::program().map_err(|error| broken(error.to_string()))?;
    let mut lint = tokio::process::Command::new(program);
    lint.arg("lint").arg("--manifest").arg(&settings.manifest);
    if let Some(environment) = &settings.environment {
        lint.arg("--env").arg(environment);
    }
    let ran = lint.args(["--json", "--"]).args(names).output().await;
    let ran = ran.map_err(|error| broken(error.to_string()))?;
    let document = serde_json::from_slice::<Document>(&ran.stdout);
    let document =
        document.map_err(|_| broken(String::from_utf8_lossy(&ran.stderr).into_owned()))?;
    let errors = document.findings.iter();
    let errors = errors.filter(|one| one.level == Level::Error && one.suppressed.is_none());
    let messages: Vec<String> = errors.map(Finding::line).collect();
    if messages.is_empty() {
        return Ok(());
    }
    Err(Error {
        messages,
        ..Error::asked("")
    }
    .hint(format!(
        "{} shows warnings too; --no-lint deploys all the same",
        command("lint")
    )))
}

/// What `--json` prints.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u64,
    findings: Vec<Finding>,
}

fn findings(project: &Project, names: &[String], guards: Vec<Guard>) -> Result<Vec<Finding>> {
    let linter = Linter::new(guards)
        .map_err(|why| Error::asked(format!("the rules cannot be read: {why}.")))?;
    let mut found = Vec::new();
    for name in names {
        if let Some(ready) = project.prepared.get(name) {
            let more = linter.lint(name, ready);
            found.extend(more.map_err(|why| Error::asked(format!("{name}: {why}.")))?);
        }
    }
    Ok(found)
}
