//! `infra rollback` and `infra continue`: a stack out of a failed operation.

use super::run::{EXECUTION, Sinks, again, ask, conclude, refuse};
use super::session::{self, Session};
use crate::cloud::OnFailure;
use crate::error::{Error, Result};
use crate::execute::{self, Job, Options};
use crate::permissions::{Need, always};
use crate::plan::action::Status;
use crate::plan::{self, Action};
use crate::report;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use std::collections::BTreeMap;

/// What `infra rollback` asks for.
pub(super) const ROLLBACK: &[&[Need]] = &[
    session::OPEN,
    EXECUTION,
    &[always(&["CloudFormation RollbackStack"])],
];

/// What `infra continue` asks for.
pub(super) const CONTINUE: &[&[Need]] = &[
    session::OPEN,
    EXECUTION,
    &[always(&["CloudFormation ContinueUpdateRollback"])],
];

/// Arguments of `infra rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The stack, in CREATE_FAILED or UPDATE_FAILED.
    pub stack: String,
}

/// Arguments of `infra continue`.
#[derive(Debug, Args)]
pub struct Continue {
    /// The stack, in UPDATE_ROLLBACK_FAILED.
    pub stack: String,
    /// Leave this resource as it is; its stack may then not match its template.
    #[arg(long, value_name = "RESOURCE")]
    pub skip: Vec<String>,
}

/// What is done to which stack.
struct Recovery<'a> {
    /// The command's name.
    command: &'static str,
    stack: &'a str,
    /// The statuses that it is for.
    statuses: &'static [Status],
    action: Action,
}

/// Rolls back.
pub async fn roll_back(arguments: &Rollback, settings: &Settings, ui: &Ui) -> Result<()> {
    let recovery = Recovery {
        command: "rollback",
        stack: &arguments.stack,
        statuses: &[Status::CreateFailed, Status::UpdateFailed],
        action: Action::RollBack,
    };
    recover(recovery, settings, ui).await
}

/// Goes on with a rollback.
pub async fn go_on(arguments: &Continue, settings: &Settings, ui: &Ui) -> Result<()> {
    let recovery = Recovery {
        command: "continue",
        stack: &arguments.stack,
        statuses: &[Status::UpdateRollbackFailed],
        action: Action::ContinueRollback(arguments.skip.clone()),
    };
    recover(recovery, settings, ui).await
}

async fn recover(recovery: Recovery<'_>, settings: &Settings, ui: &Ui) -> Result<()> {
    let work = async |session: &Session| run(session, recovery, settings, ui).await;
    Session::within(settings, work).await
}

async fn run(
    session: &Session,
    recovery: Recovery<'_>,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let name = recovery.stack;
    let names = session.project.select(&[name.to_owned()], false)?;
    let stack = names.first().and_then(|name| session.project.stack(name));
    let stack = stack.ok_or_else(|| Error::asked(format!("there is no stack {name}.")))?;
    let now = session.cloud.describe(&stack.deployed_name).await?;
    let plan = plan::recovery(stack, now.as_ref(), recovery.statuses, recovery.action);
    refuse(&plan)?;
    ui.status(report::plan::text(ui, &plan).trim_end());
    let instead = "give --yes to do it without a question";
    if !settings.yes && !ui.ask("Go on? (yes/no)", &["yes", "y"], instead)? {
        return Err(Error::asked("nothing was done."));
    }
    let graph = session.project.graph.subgraph(&names);
    let sinks = Sinks::open(recovery.command, session, settings, ui, 1);
    let ended = execute::execute(Job {
        cloud: session.cloud.clone(),
        project: session.project.clone(),
        plan,
        graph: &graph,
        sources: BTreeMap::new(),
        known: BTreeMap::new(),
        options: Options {
            concurrency: 1,
            on_failure: OnFailure::Rollback,
            express: false,
            role_arn: None,
            allow_replace: vec![],
            allow_delete: vec![],
            retain: vec![],
            change_sets: BTreeMap::new(),
            run: settings.run.clone(),
            revert_drift: false,
        },
        sink: sinks.sink.clone(),
        ask: ask(ui),
    })
    .await;
    sinks.close(&ended.outcomes);
    // A stack that was left is under way, which none of these is for.
    let next = again(&ended, |status| recovery.statuses.contains(&status));
    conclude(session, ui, &ended, next.filter(|_| !ended.interrupted))
}
