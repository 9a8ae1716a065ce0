//! `infra deploy`.

use super::preflight;
use super::run::{EXECUTION, Sinks, again, allow, ask, conclude, refuse, widen};
use super::session::{self, Session};
use crate::cloud::{Cloud, OnFailure};
use crate::error::{Error, Result};
use crate::execute::{self, Job, Options, Outcome, losses};
use crate::permissions::{Feature, Need, always, given, sometimes, with};
use crate::plan::action::{DeployAction, Status, on_deploy};
use crate::plan::file::{Made, PlanFile};
use crate::plan::{self, Action, Current, Plan, Step};
use crate::report;
use crate::settings::{Settings, command};
use crate::ui::Ui;
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What a deploy asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::CURRENT,
    &session::SOURCES,
    EXECUTION,
    &CHANGE_SETS,
    CHANGES,
    &[sometimes("with --plan", &["STS GetCallerIdentity"])],
    preflight::CHECKS,
    &with("with --verify", &super::verify::CHECKS),
];

/// What a plan asks for where a failure has left something behind.
pub(super) const LEFT: &[Need] = &[sometimes(
    "for a stack that a failure left behind",
    &[
        "CloudFormation DescribeStackEvents",
        "CloudFormation ListStackResources",
    ],
)];

/// What changing stacks asks for.
pub(super) const CHANGES: &[Need] = &[
    always(&[
        "CloudFormation CreateStack",
        "CloudFormation ExecuteChangeSet",
    ]),
    given(
        Feature::Protection,
        &["CloudFormation UpdateTerminationProtection"],
    ),
    given(Feature::StackPolicy, &["CloudFormation SetStackPolicy"]),
    sometimes(
        "for a stack that a failure left behind",
        &[
            "CloudFormation ContinueUpdateRollback",
            "CloudFormation DeleteStack",
            "CloudFormation ListStackResources",
            "CloudFormation RollbackStack",
        ],
    ),
];

/// What making, reading and dropping change sets asks for.
pub(super) const CHANGE_SETS: [Need; 4] = [
    always(&[
        "CloudFormation CreateChangeSet",
        "CloudFormation DeleteChangeSet",
        "CloudFormation DescribeChangeSet",
    ]),
    given(
        Feature::Tags,
        &["CloudFormation TagResource", "CloudFormation UntagResource"],
    ),
    given(Feature::ServiceRole, &["IAM PassRole"]),
    sometimes("if a validation fails", &["CloudFormation DescribeEvents"]),
];

/// Which stacks a deploy is for.
#[derive(Debug, Clone, Args)]
pub struct Scope {
    /// The stacks to deploy. What they depend on comes along.
    #[arg(value_name = "STACK", conflicts_with = "all")]
    pub stacks: Vec<String>,
    /// Deploy every stack of the manifest.
    #[arg(long)]
    pub all: bool,
    /// Deploy only the named stacks, not what they depend on.
    #[arg(long, short = 'e')]
    pub exclusively: bool,
}

/// The stacks in order, what is there of them, and what will be done.
pub(super) type Planned = (Vec<String>, BTreeMap<String, Current>, Plan);

impl Scope {
    /// The same; all stacks where none is named.
    pub(super) fn or_all(&self) -> Self {
        Self {
            all: self.all || self.stacks.is_empty(),
            ..self.clone()
        }
    }

    /// The plan of a deploy.
    ///
    /// With `keeps`, what failed half way is gone on from.
    pub(super) async fn plan(
        &self,
        session: &Session,
        settings: &Settings,
        keeps: bool,
    ) -> Result<Planned> {
        if self.stacks.is_empty() && !self.all {
            return Err(Error::asked("no stack is named.").hint("name stacks, or give --all"));
        }
        let named = session.project.select(&self.stacks, self.all)?;
        let names = widen(&named, self.exclusively, |name| {
            session.project.graph.ancestors(name)
        });
        planned(session, settings, session.order(&names, false), keeps).await
    }
}

async fn planned(
    session: &Session,
    settings: &Settings,
    order: Vec<String>,
    keeps: bool,
) -> Result<Planned> {
    let current = session.current(&order).await?;
    let mut plan = plan::deploy(&session.project, &order, &current, keeps);
    for step in &mut plan.steps {
        if let Some(now) = current.get(&step.stack) {
            loses_first(&session.cloud, step, now, keeps).await?;
        }
    }
    super::diff::estimate(session, settings, &mut plan);
    Ok((order, current, plan))
}

/// Adds to what a step loses that which it undoes or deletes first.
async fn loses_first(cloud: &Cloud, step: &mut Step, now: &Current, keeps: bool) -> Result<()> {
    match step.action {
        Action::Recreate => step.loses = losses::of_deletion(cloud, now).await?,
        Action::Recover if !keeps => {
            let undone = losses::of_rollback(cloud, now).await?;
            // Of a creation nothing is left that could be lost later.
            let later = step.status != Status::CreateFailed.as_str();
            step.loses.retain(|one| later && !undone.contains(one));
            step.loses.extend(undone);
        }
        _ => {}
    }
    Ok(())
}

/// Arguments of `infra deploy`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which stacks.
    #[command(flatten)]
    pub scope: Scope,
    /// Execute the plan in this file, which infra plan --out wrote, and nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stacks", "all", "exclusively", "dry_run", "express", "role_arn"])]
    pub plan: Option<PathBuf>,
    /// Show the plan and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Prove at the end that what is deployed works: see infra verify.
    #[arg(long, conflicts_with = "dry_run")]
    pub verify: bool,
    /// How long what is new may take to work everywhere.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 120,
        requires = "verify"
    )]
    pub verify_timeout: u64,
    /// How.
    #[command(flatten)]
    pub how: How,
}

/// How stacks are deployed.
#[derive(Debug, Clone, Args)]
pub struct How {
    /// Do not wait for a stack of which only names are read that its parameters fix: infra graph shows
    /// which those are.
    #[arg(long)]
    pub overlap: bool,
    /// How many stacks at once, at most.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub concurrency: usize,
    /// By what means.
    #[command(flatten)]
    pub means: Means,
    /// What becomes of a stack when something fails: brought back to where it was, kept as it is to be
    /// gone on from, or deleted where it is new.
    #[arg(long, value_enum, default_value_t = Failure::Rollback, value_name = "WHAT")]
    pub on_failure: Failure,
    /// The same as --on-failure keep.
    #[arg(long, conflicts_with = "on_failure")]
    pub no_rollback: bool,
    /// Do not hold the templates to AWS's rules first.
    #[arg(long, env = "INFRA_NO_LINT")]
    pub no_lint: bool,
    /// Do not look first for what would fail.
    #[arg(long, env = "INFRA_NO_PREFLIGHT")]
    pub no_preflight: bool,
    /// Allow this resource, which holds data, to be replaced ("all" for every one of this plan).
    #[arg(long, value_name = "RESOURCE")]
    pub allow_replace: Vec<String>,
    /// Allow this resource, which holds data, to be deleted ("all" for every one of this plan).
    #[arg(long, value_name = "RESOURCE")]
    pub allow_delete: Vec<String>,
}

/// By what means CloudFormation works. A plan that is kept is reviewed with them.
#[derive(Debug, Clone, Args)]
pub struct Means {
    /// Use CloudFormation's EXPRESS mode: done when the configuration is applied.
    #[arg(long)]
    pub express: bool,
    /// The service role that CloudFormation assumes.
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
}

/// What becomes of a stack when something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Failure {
    /// It is brought back to where it was.
    Rollback,
    /// It is kept as it is.
    Keep,
    /// A new stack is deleted; an update is rolled back.
    Delete,
}

impl Arguments {
    /// To deploy everything so.
    pub(super) fn everything(how: &How) -> Self {
        Self {
            scope: Scope {
                stacks: vec![],
                all: true,
                exclusively: false,
            },
            plan: None,
            dry_run: false,
            verify: false,
            verify_timeout: 0,
            how: how.clone(),
        }
    }
}

impl How {
    fn on_failure(&self) -> OnFailure {
        match self.on_failure {
            _ if self.no_rollback => OnFailure::Keep,
            Failure::Rollback => OnFailure::Rollback,
            Failure::Keep => OnFailure::Keep,
            Failure::Delete => OnFailure::Delete,
        }
    }
}

/// Deploys.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        deploy(arguments, settings, ui, session).await
    })
    .await
}

/// Plans, asks, and executes.
pub(super) async fn deploy(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let how = &arguments.how;
    let reviewed = arguments
        .plan
        .as_deref()
        .map(super::plan::read)
        .transpose()?;
    let Means { express, role_arn } = match &reviewed {
        Some(file) => Means {
            express: file.express,
            role_arn: file.role_arn.clone(),
        },
        None => how.means.clone(),
    };
    let keeps = how.on_failure() == OnFailure::Keep;
    let (order, current, plan) = match &reviewed {
        Some(file) => reviewed_plan(session, settings, file, keeps).await?,
        None => arguments.scope.plan(session, settings, keeps).await?,
    };
    if arguments.dry_run {
        super::diff::show(settings, ui, &plan);
        return Ok(());
    }
    refuse(&plan)?;
    if !how.no_lint {
        let sent = plan
            .steps
            .iter()
            .filter(|step| step.diff.is_some() || step.status == "absent");
        let sent: Vec<String> = sent.map(|step| step.stack.clone()).collect();
        super::lint::refuse(settings, &sent).await?;
    }
    if !plan.is_empty() {
        ui.status(report::plan::text(ui, &plan.shown()).trim_end());
        allow(&plan, &how.allow_delete, &how.allow_replace)?;
        if !how.no_preflight {
            preflight::before(session, ui, &plan, role_arn.as_deref()).await?;
        }
        warn_of_expiry(session, ui, &plan).await;
        let instead = "give --yes to deploy without a question";
        if !settings.yes && !ui.ask("Deploy? (yes/no)", &["yes", "y"], instead)? {
            return Err(Error::asked("nothing was deployed."));
        }
    }
    let changing: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Nothing)
        .map(|step| step.stack.clone())
        .collect();
    let sources = session.sources(&changing, settings, ui).await?;
    let mut known: BTreeMap<_, _> = current
        .iter()
        .map(|(name, now)| (name.clone(), now.stack.outputs.clone()))
        .collect();
    let options = Options {
        concurrency: how.concurrency,
        on_failure: how.on_failure(),
        express,
        role_arn,
        allow_replace: how.allow_replace.clone(),
        allow_delete: how.allow_delete.clone(),
        retain: vec![],
        change_sets: reviewed
            .as_ref()
            .map(|file| file.change_sets.clone())
            .unwrap_or_default(),
        run: settings.run.clone(),
        revert_drift: false,
    };
    let mut graph = session.project.graph.subgraph(&order);
    if how.overlap {
        let edges = plan::soft::edges(&session.project, Some(&plan));
        for edge in edges.into_iter().filter(|edge| edge.waits.is_none()) {
            graph.remove_edge(&edge.dependent, &edge.dependency);
            let outputs = known.entry(edge.dependency).or_insert_with(BTreeMap::new);
            outputs.extend(edge.values);
        }
    }
    let sinks = Sinks::open("deploy", session, settings, ui, order.len());
    let ended = execute::execute(Job {
        cloud: session.cloud.clone(),
        project: session.project.clone(),
        plan,
        graph: &graph,
        sources,
        known,
        options,
        sink: sinks.sink.clone(),
        ask: ask(ui),
    })
    .await;
    sinks.close(&ended.outcomes);
    let failed = ended
        .outcomes
        .values()
        .any(|o| matches!(o, Outcome::Failed | Outcome::Skipped(_) | Outcome::Left));
    if !failed && !settings.json {
        super::outputs::show(session, ui, &order, ended.outputs.clone());
    }
    let once = format!(
        "a plan is executed once: make another one, {}",
        command("plan --out FILE")
    );
    let next = match reviewed {
        // What was done has moved the stacks from where it found them.
        Some(_) => Some(once.as_str()),
        None => again(&ended, |status| {
            !matches!(on_deploy(status), DeployAction::Refuse(_))
        }),
    };
    conclude(session, ui, &ended, next)?;
    if arguments.verify {
        let patience = Duration::from_secs(arguments.verify_timeout);
        super::verify::watch(&order, patience, settings, ui, session).await?;
    }
    Ok(())
}

/// The plan that a file holds, if nothing of what it depends on has moved.
async fn reviewed_plan(
    session: &Session,
    settings: &Settings,
    file: &PlanFile,
    keeps: bool,
) -> Result<Planned> {
    let order = session.project.select(&file.stacks, false)?;
    let planned = planned(session, settings, session.order(&order, false), keeps).await?;
    let made = Made {
        project: &session.project,
        environment: settings.environment.as_deref(),
        account: &session.cloud.account().await?,
        region: &session.cloud.region,
        role_arn: file.role_arn.as_deref(),
        express: file.express,
        current: &planned.1,
    };
    let moved = file.moved(&made.file(&planned.2, &file.salt));
    if moved.is_empty() {
        return Ok(planned);
    }
    Err(Error {
        messages: moved.into_iter().map(|what| format!("{what}.")).collect(),
        ..Error::stacks("")
    }
    .because("the plan is not of what is there now")
    .hint(format!("make it again: {}", command("plan --out FILE"))))
}

/// Says at the start that the credentials may end before the deploy does.
async fn warn_of_expiry(session: &Session, ui: &Ui, plan: &Plan) {
    let Some(ends) = session.cloud.expiry().await else {
        return;
    };
    let left = ends.saturating_sub(crate::settings::now());
    let needed = plan.times.as_ref().map_or(0, |times| times.seconds);
    if left < needed {
        ui.status(&format!(
            "warning: the credentials end in {}, and this takes about {}. If they do not renew themselves, \
             the run pauses until they are fresh.",
            report::plan::duration(left),
            report::plan::duration(needed)
        ));
    }
}
