//! `infra rollback` and `infra continue`: a stack out of a failed operation.

use super::run::{EXECUTION, Sinks, ask, conclude, refuse};
use super::session::{self, Session};
use crate::cloud::OnFailure;
use crate::error::{Error, Result};
use crate::execute::{self, Job, Options};
use crate::permissions::{Need, always};
use crate::plan::action::Status;
use crate::plan::{self, Action, Recovery};
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

/// Rolls back.
pub async fn roll_back(arguments: &Rollback, settings: &Settings, ui: &Ui) -> Result<()> {
    let recovery = Recovery {
        action: Action::RollBack,
        from: &[Status::CreateFailed, Status::UpdateFailed],
        through: &[
            Status::RollbackInProgress,
            Status::UpdateRollbackInProgress,
            Status::UpdateRollbackCompleteCleanupInProgress,
        ],
        to: &[Status::RollbackComplete, Status::UpdateRollbackComplete],
    };
    recover(&arguments.stack, recovery, settings, ui).await
}

/// Goes on with a rollback.
pub async fn go_on(arguments: &Continue, settings: &Settings, ui: &Ui) -> Result<()> {
    let recovery = Recovery {
        action: Action::ContinueRollback(arguments.skip.clone()),
        from: &[Status::UpdateRollbackFailed],
        through: &[
            Status::UpdateRollbackInProgress,
            Status::UpdateRollbackCompleteCleanupInProgress,
        ],
        to: &[Status::UpdateRollbackComplete],
    };
    recover(&arguments.stack, recovery, settings, ui).await
}

async fn recover(name: &str, recovery: Recovery, settings: &Settings, ui: &Ui) -> Result<()> {
    let work = async |session: &Session| run(session, name, recovery, settings, ui).await;
    Session::within(settings, work).await
}

async fn run(
    session: &Session,
    name: &str,
    recovery: Recovery,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let names = session.project.select(&[name.to_owned()], false)?;
    let stack = names.first().and_then(|name| session.project.stack(name));
    let stack = stack.ok_or_else(|| Error::asked(format!("there is no stack {name}.")))?;
    let now = session.cloud.describe(&stack.deployed_name).await?;
    let plan = plan::recovery(stack, now.as_ref(), recovery);
    refuse(&plan)?;
    ui.status(report::plan::text(ui, &plan.shown()).trim_end());
    let instead = "give --yes to do it without a question";
    if !settings.yes && !ui.ask("Go on? (yes/no)", &["yes", "y"], instead)? {
        return Err(Error::asked("nothing was done."));
    }
    let graph = session.project.graph.subgraph(&names);
    let sinks = Sinks::open("recover", session, settings, ui, 1);
    let execute::Ended { outcomes, .. } = execute::execute(Job {
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
    sinks.close(&outcomes);
    conclude(session, ui, &outcomes)
}
