//! `infra destroy`.

use super::run::{EXECUTION, Sinks, again, allow, ask, conclude, refuse, widen};
use super::session::{self, Session};
use crate::cloud::OnFailure;
use crate::error::{Error, Result};
use crate::execute::{self, Job, Options, losses};
use crate::permissions::{Feature, Need, always, given};
use crate::plan;
use crate::plan::action::Status;
use crate::report;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use std::collections::BTreeMap;

/// What `infra destroy` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::CURRENT,
    EXECUTION,
    &[
        always(&["CloudFormation DeleteStack"]),
        given(Feature::ServiceRole, &["IAM PassRole"]),
    ],
    super::deploy::LEFT,
];

/// Arguments of `infra destroy`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stacks to delete. What depends on them comes along.
    #[arg(
        value_name = "STACK",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub stacks: Vec<String>,
    /// Delete every stack of the manifest.
    #[arg(long)]
    pub all: bool,
    /// Delete only the named stacks, not what depends on them.
    #[arg(long, short = 'e')]
    pub exclusively: bool,
    /// How many stacks at once, at most.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub concurrency: usize,
    /// Show the plan and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// The service role that CloudFormation assumes.
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
    /// Leave this resource where it is; only for a stack in DELETE_FAILED.
    #[arg(long, value_name = "RESOURCE")]
    pub retain: Vec<String>,
    /// Allow this resource, which holds data, to be deleted ("all" for every one of this plan).
    #[arg(long, value_name = "RESOURCE")]
    pub allow_delete: Vec<String>,
}

/// Destroys.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        destroy(arguments, settings, ui, session).await
    })
    .await
}

async fn destroy(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let named = session.project.select(&arguments.stacks, arguments.all)?;
    let names = widen(&named, arguments.exclusively, |name| {
        session.project.graph.descendants(name)
    });
    let order = session.order(&names, true);
    let current = session.current(&names).await?;
    let mut plan = plan::destroy(&session.project, &order, &current);
    for step in &mut plan.steps {
        let loses = !step.loses.is_empty();
        if let Some(now) = current.get(&step.stack).filter(|_| loses) {
            step.loses = losses::of_deletion(&session.cloud, now).await?;
        }
        if step.status == Status::DeleteFailed.as_str() {
            step.loses
                .retain(|(name, _)| !arguments.retain.contains(name));
        }
    }
    if arguments.dry_run {
        super::diff::show(settings, ui, &plan);
        return Ok(());
    }
    refuse(&plan)?;
    if !plan.is_empty() {
        ui.status(report::plan::text(ui, &plan.shown()).trim_end());
        allow(&plan, &arguments.allow_delete, &[])?;
        confirm(session, settings, ui, &plan)?;
    }
    let options = Options {
        concurrency: arguments.concurrency,
        on_failure: OnFailure::Rollback,
        express: false,
        role_arn: arguments.role_arn.clone(),
        allow_replace: vec![],
        allow_delete: arguments.allow_delete.clone(),
        retain: arguments.retain.clone(),
        change_sets: BTreeMap::new(),
        run: settings.run.clone(),
        revert_drift: false,
    };
    let graph = session.project.graph.subgraph(&order).reversed();
    let sinks = Sinks::open("destroy", session, settings, ui, order.len());
    let ended = execute::execute(Job {
        cloud: session.cloud.clone(),
        project: session.project.clone(),
        plan,
        graph: &graph,
        sources: BTreeMap::new(),
        known: BTreeMap::new(),
        options,
        sink: sinks.sink.clone(),
        ask: ask(ui),
    })
    .await;
    sinks.close(&ended.outcomes);
    // Of no status a destroy is refused.
    conclude(session, ui, &ended, again(&ended, |_| true))
}

/// Where data goes, the project's name is typed in full.
fn confirm(session: &Session, settings: &Settings, ui: &Ui, plan: &plan::Plan) -> Result<()> {
    if settings.yes {
        return Ok(());
    }
    let project = session.project.manifest.project.as_str();
    let loses = plan.steps.iter().any(|step| !step.loses.is_empty());
    let instead = "give --yes to destroy without a question";
    let sure = if loses {
        ui.ask(
            &format!("Data will be lost. Type {project} to go on:"),
            &[project],
            instead,
        )?
    } else {
        ui.ask("Destroy? (yes/no)", &["yes", "y"], instead)?
    };
    if sure {
        Ok(())
    } else {
        Err(Error::asked("nothing was destroyed."))
    }
}
