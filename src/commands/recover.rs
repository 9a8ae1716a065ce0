//! `infra rollback` and `infra continue`: a stack out of a failed operation.

use super::run::{EXECUTION, Sinks, again, allow, ask, conclude, refuse};
use super::session::{self, Session};
use crate::cloud::{Cloud, OnFailure};
use crate::error::{Error, Result};
use crate::execute::{self, Job, Options, losses};
use crate::permissions::{Need, always, sometimes};
use crate::plan::action::Status;
use crate::plan::{self, Action, Recovery, Step};
use crate::report;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use std::collections::BTreeMap;

/// What `infra rollback` asks for.
pub(super) const ROLLBACK: &[&[Need]] = &[
    session::OPEN,
    EXECUTION,
    &[
        always(&["CloudFormation RollbackStack"]),
        sometimes(
            "for a stack that stopped half way",
            &[
                "CloudFormation GetTemplate",
                "CloudFormation GetStackPolicy",
                "CloudFormation DescribeStackEvents",
                "CloudFormation ListStackResources",
            ],
        ),
    ],
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
    /// A resource that holds data and may be deleted; `all` for every one.
    #[arg(long, value_name = "RESOURCE")]
    pub allow_delete: Vec<String>,
}

/// Arguments of `infra continue`.
#[derive(Debug, Args)]
pub struct Continue {
    /// The stack, in UPDATE_ROLLBACK_FAILED.
    pub stack: String,
    /// Leave this resource as it is; its stack may then not match its template. One of a nested stack has that
    /// stack's name in front: NESTED.RESOURCE.
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
    let asked = Asked {
        command: "rollback",
        stack: &arguments.stack,
        allow_delete: &arguments.allow_delete,
    };
    recover(asked, recovery, settings, ui).await
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
    let asked = Asked {
        command: "continue",
        stack: &arguments.stack,
        allow_delete: &[],
    };
    recover(asked, recovery, settings, ui).await
}

/// What is asked of which stack.
struct Asked<'a> {
    command: &'static str,
    stack: &'a str,
    allow_delete: &'a [String],
}

async fn recover(asked: Asked<'_>, recovery: Recovery, settings: &Settings, ui: &Ui) -> Result<()> {
    let work = async |session: &Session| run(session, asked, recovery, settings, ui).await;
    Session::within(settings, work).await
}

async fn run(
    session: &Session,
    asked: Asked<'_>,
    recovery: Recovery,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let name = asked.stack;
    let names = session.project.select(&[name.to_owned()], false)?;
    let stack = names.first().and_then(|name| session.project.stack(name));
    let stack = stack.ok_or_else(|| Error::asked(format!("there is no stack {name}.")))?;
    let now = session.cloud.describe(&stack.deployed_name).await?;
    let skip = match &recovery.action {
        Action::ContinueRollback(skip) => skip.clone(),
        _ => vec![],
    };
    let (from, through) = (recovery.from, recovery.through);
    let mut plan = plan::recovery(stack, now.as_ref(), recovery);
    refuse(&plan)?;
    // What is rolled back already is only followed.
    let undone = |step: &&mut Step| {
        let begins = Status::parse(&step.status).is_ok_and(|status| from.contains(&status));
        step.action == Action::RollBack && begins
    };
    for step in plan.steps.iter_mut().filter(undone) {
        if let Some(now) = session.current(&names).await?.get(&step.stack) {
            step.loses = losses::of_rollback(&session.cloud, now).await?;
        }
    }
    allow(&plan, asked.allow_delete, &[])?;
    if let (Some(now), false) = (&now, skip.is_empty()) {
        can_skip(&session.cloud, &now.id, &skip).await?;
    }
    ui.status(report::plan::text(ui, &plan.shown()).trim_end());
    let instead = "give --yes to do it without a question";
    if !settings.yes && !ui.ask("Go on? (yes/no)", &["yes", "y"], instead)? {
        return Err(Error::asked("nothing was done."));
    }
    let graph = session.project.graph.subgraph(&names);
    let sinks = Sinks::open(asked.command, session, settings, ui, 1);
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
    // The failure says what comes next, but where the same command goes on.
    let next = again(&ended, |status| {
        from.contains(&status) || through.contains(&status)
    });
    conclude(session, ui, &ended, next)
}

/// Refuses to skip what a rollback does not stand at, and says what it does.
async fn can_skip(cloud: &Cloud, id: &str, skip: &[String]) -> Result<()> {
    let can = skippable(cloud, id).await?;
    let cannot = skip.iter().filter(|name| !can.contains(name));
    let messages: Vec<String> = cannot
        .map(|name| format!("{name} cannot be skipped: the rollback did not fail at it."))
        .collect();
    // Events are kept for 90 days; then CloudFormation itself has to judge.
    if messages.is_empty() || can.is_empty() {
        return Ok(());
    }
    Err(Error {
        messages,
        ..Error::asked("")
    }
    .hint(format!("what can be skipped: {}", can.join(", "))))
}

/// What the rollback failed at in the stack and in those nested in it, as ContinueUpdateRollback names it.
async fn skippable(cloud: &Cloud, id: &str) -> Result<Vec<String>> {
    let (mut found, mut open) = (Vec::new(), vec![(String::new(), id.to_owned())]);
    while let Some((prefix, id)) = open.pop() {
        let events = cloud.events_since(&id, None, None).await?.events;
        for one in execute::stuck(&id, &events) {
            match one.physical_id.split('/').nth(1) {
                Some(name) if one.resource_type == "AWS::CloudFormation::Stack" => {
                    open.push((format!("{name}."), one.physical_id.clone()));
                }
                _ => found.push(format!("{prefix}{}", one.resource)),
            }
        }
    }
    Ok(found)
}
