//! One file a command: its arguments, its help, its function.

pub mod data;
pub mod deploy;
pub mod destroy;
pub mod diff;
pub mod drift;
pub mod events;
pub mod graph;
pub mod lint;
pub mod local;
pub mod login;
pub mod model;
pub mod outputs;
pub mod permissions;
pub mod plan;
pub mod predict;
pub mod preflight;
pub mod recover;
pub mod run;
pub mod session;
pub mod synth;
pub mod up;
pub mod user;
pub mod verify;
pub mod warehouse;

use crate::cli::{Cli, Command, Schema};
use crate::error::{Error, Result};
use crate::manifest;
use crate::permissions::{Asks, Need};
use crate::project::Project;
use crate::report;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use session::{CURRENT, OPEN, Session};
use std::io::Write;
use std::path::Path;

/// What each command asks of AWS.
pub const ASKS: &[Asks] = &[
    asks("up", up::NEEDS),
    asks("deploy", deploy::NEEDS),
    asks("plan", plan::NEEDS),
    asks("preflight", preflight::NEEDS),
    asks("verify", verify::NEEDS),
    asks("destroy", destroy::NEEDS),
    asks("diff", diff::NEEDS),
    asks("drift", drift::NEEDS),
    asks("synth", NONE),
    asks("lint", NONE),
    asks("list", NONE),
    asks("graph", NONE),
    asks("status", &[OPEN, CURRENT]),
    asks("outputs", outputs::NEEDS),
    asks("events", events::NEEDS),
    asks("rollback", recover::ROLLBACK),
    asks("continue", recover::CONTINUE),
    asks("data", data::NEEDS),
    asks("model", model::NEEDS),
    asks("user", user::NEEDS),
    asks("login", login::NEEDS),
    asks("token", login::TOKEN),
    asks("logout", login::LOGOUT),
    asks("predict", login::TOKEN),
    asks("local", NONE),
    asks("permissions", NONE),
    asks("schema", NONE),
];

const NONE: &[&[Need]] = &[];

const fn asks(command: &'static str, needs: &'static [&'static [Need]]) -> Asks {
    Asks { command, needs }
}

/// Which stacks.
#[derive(Debug, Args)]
pub struct Selection {
    /// The stacks; all of the manifest's when none is named.
    #[arg(value_name = "STACK")]
    pub stacks: Vec<String>,
}

/// Runs the command line, and answers the exit code.
pub fn run(cli: Cli) -> u8 {
    let settings = Settings::read(&cli.global);
    let ui = Ui::new(&settings);
    match dispatch(cli.command, &settings, &ui) {
        Ok(()) => 0,
        Err(error) => {
            ui.complain(&error.to_string());
            error.kind.exit_code()
        }
    }
}

fn dispatch(command: Command, settings: &Settings, ui: &Ui) -> Result<()> {
    match command {
        Command::List => list(settings, ui),
        Command::Graph(arguments) => graph::run(&arguments, settings, ui),
        Command::Lint(arguments) => lint::run(&arguments, settings, ui),
        Command::Synth(arguments) => synth::run(&arguments, settings, ui),
        Command::Permissions(arguments) => permissions::run(&arguments, settings, ui),
        Command::Schema { of } => {
            ui.product(&match of {
                Schema::Manifest => manifest::json_schema(),
                Schema::Plan => crate::plan::json_schema(),
            });
            Ok(())
        }
        Command::Up(arguments) => block_on(up::run(&arguments, settings, ui)),
        Command::Deploy(arguments) => block_on(deploy::run(&arguments, settings, ui)),
        Command::Plan(arguments) => block_on(plan::run(&arguments, settings, ui)),
        Command::Preflight(arguments) => block_on(preflight::run(&arguments, settings, ui)),
        Command::Verify(arguments) => block_on(verify::run(&arguments, settings, ui)),
        Command::Destroy(arguments) => block_on(destroy::run(&arguments, settings, ui)),
        Command::Diff(arguments) => block_on(diff::run(&arguments, settings, ui)),
        Command::Drift(arguments) => block_on(drift::run(&arguments, settings, ui)),
        Command::Status(arguments) => block_on(status(&arguments, settings, ui)),
        Command::Outputs(arguments) => block_on(outputs::run(&arguments, settings, ui)),
        Command::Events(arguments) => block_on(events::run(&arguments, settings, ui)),
        Command::Rollback(arguments) => block_on(recover::roll_back(&arguments, settings, ui)),
        Command::Continue(arguments) => block_on(recover::go_on(&arguments, settings, ui)),
        Command::Data(arguments) => block_on(data::run(&arguments, settings, ui)),
        Command::Model(arguments) => block_on(model::run(&arguments, settings, ui)),
        Command::User(arguments) => block_on(user::run(&arguments, settings, ui)),
        Command::Login(arguments) => block_on(login::run(&arguments, settings, ui)),
        Command::Token => block_on(login::token(settings, ui)),
        Command::Logout => block_on(login::logout(settings, ui)),
        Command::Predict(arguments) => block_on(predict::run(&arguments, settings, ui)),
        Command::Local(arguments) => block_on(local::run(&arguments, settings, ui)),
    }
}

/// Commands that talk to nobody start no runtime.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::asked(format!("cannot start the runtime: {error}.")))?
        .block_on(work)
}

/// The permissions of any new file, and of one that its owner alone reads.
const PUBLIC: u32 = 0o666;
const PRIVATE: u32 = 0o600;

/// Writes a file that the user named: whole or not at all, with the permissions of any new file.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    write(path, PUBLIC, |out| out.write_all(text.as_bytes()))
}

/// The same of what its owner alone reads.
fn write_private(path: &Path, text: &str) -> Result<()> {
    write(path, PRIVATE, |out| out.write_all(text.as_bytes()))
}

/// The same of what comes piece by piece.
fn write_streamed(
    path: &Path,
    give: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    write(path, PUBLIC, give)
}

fn write(
    path: &Path,
    mode: u32,
    give: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new();
        #[cfg(unix)]
        file.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
        let mut file = file.tempfile_in(directory)?;
        give(&mut file)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| Error::file(path, "write", &error))
}

fn list(settings: &Settings, ui: &Ui) -> Result<()> {
    let project = Project::load(settings)?;
    if settings.json {
        let stacks: Vec<_> = project
            .manifest
            .stacks
            .iter()
            .map(|stack| {
                serde_json::json!({
                    "stack": stack.name,
                    "deployed_name": stack.deployed_name,
                    "template": stack.template,
                    "needs": project.graph.dependencies_of(&stack.name),
                })
            })
            .collect();
        ui.product(&serde_json::json!({ "stacks": stacks }).to_string());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = project
        .manifest
        .stacks
        .iter()
        .map(|stack| {
            let needs = project.graph.dependencies_of(&stack.name);
            vec![stack.name.clone(), needs.join(", ")]
        })
        .collect();
    ui.product(&report::table(&["STACK", "NEEDS"], &rows));
    Ok(())
}

async fn status(arguments: &Selection, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        stand(arguments, settings, ui, session).await
    })
    .await
}

async fn stand(
    arguments: &Selection,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let names = session.project.select(&arguments.stacks, false)?;
    let current = session.current(&names).await?;
    let plan = crate::plan::deploy(
        &session.project,
        &session.order(&names, false),
        &current,
        false,
    );
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let step = plan.step(name);
            let status = step
                .map_or("absent", |step| step.status.as_str())
                .to_owned();
            let as_asked = step.is_some_and(|step| step.action == crate::plan::Action::Nothing);
            vec![
                name.clone(),
                status,
                if as_asked { "no" } else { "yes" }.to_owned(),
            ]
        })
        .collect();
    if settings.json {
        let stacks: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({"stack": row[0], "status": row[1], "different": row[2] == "yes"})
            })
            .collect();
        ui.product(&serde_json::json!({ "stacks": stacks }).to_string());
    } else {
        ui.product(&report::table(&["STACK", "STATUS", "DIFFERENT"], &rows));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_says_what_it_asks_for() {
        let program = Cli::command();
        let commands: Vec<&str> = program
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        let told: Vec<&str> = ASKS.iter().map(|asks| asks.command).collect();
        assert_eq!(commands, told);
        let needs = ASKS.iter().flat_map(Asks::needs);
        let asked: BTreeSet<&str> = needs.flat_map(|need| need.operations).copied().collect();
        let all = crate::permissions::all();
        assert_eq!(asked, all.iter().map(String::as_str).collect());
    }
}
