//! `infra deploy`.

use super::preflight;
use super::session::{self, Session};
use crate::cloud::OnFailure;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execute::{self, Ask, Job, Options, Outcome, Sink};
use crate::permissions::{Feature, Need, On, always, given, sometimes, with};
use crate::plan::data::allowed;
use crate::plan::file::PlanFile;
use crate::plan::{self, Action, Current, Plan};
use crate::report::record::{Header, Record};
use crate::report::{self, progress::Progress};
use crate::settings::Settings;
use crate::ui::Ui;
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a deploy asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::CURRENT,
    &session::SOURCES,
    EXECUTION,
    &CHANGE_SETS,
    &[
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
                "CloudFormation RollbackStack",
            ],
        ),
        sometimes("with --plan", &["STS GetCallerIdentity"]),
    ],
    preflight::CHECKS,
    &with("with --verify", &super::verify::CHECKS),
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

/// What working on stacks asks for, whatever is done to them. Who may not list them describes each.
pub(super) const EXECUTION: &[Need] = &[
    always(&[
        "CloudFormation DescribeStackEvents",
        "CloudFormation DescribeStacks",
    ]),
    sometimes(
        "to follow several stacks at once",
        &["CloudFormation DescribeStacks", "CloudFormation ListStacks"],
    )
    .on(On::Everything),
    given(Feature::Nested, &["CloudFormation DescribeStackEvents"]).on(On::NestedStacks),
    sometimes(
        "to read an encoded refusal",
        &["STS DecodeAuthorizationMessage"],
    ),
    sometimes(
        "if it is interrupted twice",
        &["CloudFormation CancelUpdateStack"],
    ),
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
    pub(super) async fn plan(&self, session: &Session, settings: &Settings) -> Result<Planned> {
        if self.stacks.is_empty() && !self.all {
            return Err(Error::asked("no stack is named.").hint("name stacks, or give --all"));
        }
        let named = session.project.select(&self.stacks, self.all)?;
        let names = widen(&named, self.exclusively, |name| {
            session.project.graph.ancestors(name)
        });
        planned(session, settings, session.order(&names, false)).await
    }
}

async fn planned(session: &Session, settings: &Settings, order: Vec<String>) -> Result<Planned> {
    let current = session.current(&order).await?;
    let mut plan = plan::deploy(&session.project, &order, &current);
    super::diff::estimate(session, settings, &mut plan);
    Ok((order, current, plan))
}

/// Arguments of `infra deploy`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which stacks.
    #[command(flatten)]
    pub scope: Scope,
    /// Execute the plan in this file, which infra plan --out wrote, and nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stacks", "all", "exclusively", "dry_run"])]
    pub plan: Option<PathBuf>,
    /// Do not wait for a stack of which only names are read that its parameters fix: infra graph shows
    /// which those are.
    #[arg(long)]
    pub overlap: bool,
    /// How many stacks at once, at most.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub concurrency: usize,
    /// Show the plan and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Use CloudFormation's EXPRESS mode: done when the configuration is applied.
    #[arg(long)]
    pub express: bool,
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
    /// The service role that CloudFormation assumes.
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
    /// Allow this resource, which holds data, to be replaced ("all" for every one of this plan).
    #[arg(long, value_name = "RESOURCE")]
    pub allow_replace: Vec<String>,
    /// Allow this resource, which holds data, to be deleted ("all" for every one of this plan).
    #[arg(long, value_name = "RESOURCE")]
    pub allow_delete: Vec<String>,
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
    let session = Session::open(settings).await?;
    let result = deploy(arguments, settings, ui, &session).await;
    session.end(result).await
}

async fn deploy(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let reviewed = arguments
        .plan
        .as_deref()
        .map(super::plan::read)
        .transpose()?;
    let (order, current, plan) = match &reviewed {
        Some(file) => reviewed_plan(session, settings, file).await?,
        None => arguments.scope.plan(session, settings).await?,
    };
    if arguments.dry_run {
        return show(settings, ui, &plan);
    }
    refuse(&plan)?;
    if !arguments.no_lint {
        let sent = plan
            .steps
            .iter()
            .filter(|step| step.diff.is_some() || step.status == "absent");
        let sent: Vec<String> = sent.map(|step| step.stack.clone()).collect();
        super::lint::refuse(settings, &sent).await?;
    }
    if !plan.is_empty() {
        ui.status(report::plan::text(ui, &plan).trim_end());
        allow(&plan, &arguments.allow_delete, &arguments.allow_replace)?;
        if !arguments.no_preflight {
            preflight::before(session, ui, &plan, arguments.role_arn.as_deref()).await?;
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
        concurrency: arguments.concurrency,
        on_failure: arguments.on_failure(),
        express: arguments.express,
        role_arn: arguments.role_arn.clone(),
        allow_replace: arguments.allow_replace.clone(),
        allow_delete: arguments.allow_delete.clone(),
        retain: vec![],
        change_sets: reviewed.map(|file| file.change_sets).unwrap_or_default(),
        run: settings.run.clone(),
        revert_drift: false,
    };
    let mut graph = session.project.graph.subgraph(&order);
    if arguments.overlap {
        for edge in plan::soft::edges(&session.project, Some(&plan)) {
            graph.remove_edge(&edge.dependent, &edge.dependency);
            let outputs = known.entry(edge.dependency).or_insert_with(BTreeMap::new);
            outputs.extend(edge.values);
        }
    }
    let sinks = Sinks::open("deploy", session, settings, ui, order.len());
    let execute::Ended { outcomes, outputs } = execute::execute(Job {
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
    sinks.close(&outcomes);
    let failed = outcomes
        .values()
        .any(|o| matches!(o, Outcome::Failed | Outcome::Skipped(_) | Outcome::Left));
    if !failed && !settings.json {
        ui.product(&super::outputs::table(&order, &outputs));
    }
    conclude(session, ui, &outcomes)?;
    if arguments.verify {
        let patience = Duration::from_secs(arguments.verify_timeout);
        super::verify::watch(&order, patience, settings, ui, session).await?;
    }
    Ok(())
}

/// The plan that a file holds, if nothing of what it depends on has moved.
async fn reviewed_plan(session: &Session, settings: &Settings, file: &PlanFile) -> Result<Planned> {
    let order = session.project.select(&file.stacks, false)?;
    let planned = planned(session, settings, session.order(&order, false)).await?;
    let account = session.cloud.account().await?;
    let (environment, region) = (settings.environment.as_deref(), &session.cloud.region);
    let now = PlanFile::new(&session.project, environment, &account, region, &planned.2);
    let moved = file.moved(&now);
    if moved.is_empty() {
        return Ok(planned);
    }
    Err(Error {
        messages: moved.into_iter().map(|what| format!("{what}.")).collect(),
        ..Error::stacks("")
    }
    .because("the plan is not of what is there now")
    .hint("make it again: infra plan --out FILE"))
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
            "warning: the credentials end in {} min, and this takes about {} min. If they do not renew \
             themselves, the run pauses until they are fresh.",
            left / 60,
            needed / 60
        ));
    }
}

/// The named stacks and what comes along with them.
pub(super) fn widen(
    named: &[String],
    exclusively: bool,
    along: impl Fn(&str) -> Vec<String>,
) -> Vec<String> {
    let mut names = named.to_vec();
    if !exclusively {
        for name in named {
            for other in along(name) {
                if !names.contains(&other) {
                    names.push(other);
                }
            }
        }
    }
    names
}

fn show(settings: &Settings, ui: &Ui, plan: &Plan) -> Result<()> {
    if settings.json {
        ui.product(&serde_json::to_string(plan).unwrap_or_default());
    } else {
        ui.product(&report::plan::text(ui, plan));
    }
    Ok(())
}

/// A plan with a refusal in it is not begun.
pub(super) fn refuse(plan: &Plan) -> Result<()> {
    let refused: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Refuse(why) => Some(format!("{}: {why}.", step.stack)),
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error {
        messages: refused,
        ..Error::stacks("")
    })
}

/// Data is lost only by name.
pub(super) fn allow(plan: &Plan, deleted: &[String], replaced: &[String]) -> Result<()> {
    let mut refused = Error {
        messages: vec![],
        ..Error::stacks("")
    };
    for step in &plan.steps {
        let gone = step
            .loses
            .iter()
            .filter(|(name, _)| !allowed(deleted, name));
        let renewed = step
            .replaces
            .iter()
            .filter(|(name, _)| !allowed(replaced, name));
        let both = gone
            .map(|one| ("deleted", "--allow-delete", one))
            .chain(renewed.map(|one| ("replaced", "--allow-replace", one)));
        for (verb, flag, (name, of)) in both {
            refused.messages.push(format!(
                "{}: {name} ({of}) holds data and would be {verb}.",
                step.stack
            ));
            refused
                .hints
                .push(format!("if that is wanted: {flag} {name}"));
        }
    }
    if refused.messages.is_empty() {
        Ok(())
    } else {
        Err(refused)
    }
}

/// Where a run's events go: standard output as JSON, or standard error as lines; and the run's record.
pub(super) struct Sinks {
    /// For the run.
    pub(super) sink: Sink,
    record: Option<Arc<Record>>,
}

impl Sinks {
    pub(super) fn open(
        command: &str,
        session: &Session,
        settings: &Settings,
        ui: &Ui,
        stacks: usize,
    ) -> Self {
        let project = &session.project.manifest.project;
        let now = crate::settings::now_millis;
        let mut header = Header::new(
            &settings.run,
            command,
            project,
            &session.cloud.region,
            now(),
        );
        header.environment.clone_from(&settings.environment);
        header.local = settings.local;
        let record = match Record::begin(&settings.runs(), &header, now) {
            Ok(record) => Some(Arc::new(record)),
            Err(error) => {
                ui.status(&format!("warning: this run is not recorded: {error}"));
                None
            }
        };
        let (json, ui, kept) = (settings.json, ui.clone(), record.clone());
        let progress = Mutex::new(Progress::new(stacks));
        let sink = Arc::new(move |event: Event| {
            if let Some(record) = &kept {
                record.add(&event);
            }
            if json {
                return ui.product(&report::json(&event));
            }
            let below = progress
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .line(&event, ui.width());
            ui.progress(report::line(&ui, &event).as_deref(), &below);
        });
        Self { sink, record }
    }

    /// Writes the record's last line.
    pub(super) fn close(&self, outcomes: &BTreeMap<String, Outcome>) {
        if let Some(record) = &self.record {
            record.end(&serde_json::to_value(outcomes).unwrap_or_default());
        }
    }
}

/// The questions that an interrupted run asks.
pub(super) fn ask(ui: &Ui) -> Ask {
    let ui = ui.clone();
    Arc::new(move |question| {
        // Without a terminal nobody can be asked, and whoever interrupts means it.
        ui.ask(question, &["yes", "y"], "").unwrap_or(true)
    })
}

pub(super) fn stacks(count: usize) -> String {
    format!("{count} stack{}", if count == 1 { "" } else { "s" })
}

/// The summary, and the exit code that follows from it.
pub(super) fn conclude(
    session: &Session,
    ui: &Ui,
    outcomes: &BTreeMap<String, Outcome>,
) -> Result<()> {
    let count = |wanted: fn(&Outcome) -> bool| outcomes.values().filter(|o| wanted(o)).count();
    let (done, unchanged) = (
        count(|o| *o == Outcome::Done),
        count(|o| *o == Outcome::Unchanged),
    );
    let (failed, skipped) = (
        count(|o| *o == Outcome::Failed),
        count(|o| matches!(o, Outcome::Skipped(_))),
    );
    let left = count(|o| *o == Outcome::Left);
    let (calls, changing) = (session.cloud.calls.count(), session.cloud.calls.mutations());
    let numbers = format!("{calls} calls, {changing} of them changes");
    if failed + skipped + left > 0 {
        let interrupted = left > 0
            || outcomes
                .values()
                .any(|o| *o == Outcome::Skipped(execute::INTERRUPTED.to_owned()));
        let kind = if interrupted {
            Kind::Interrupted
        } else {
            Kind::Stacks
        };
        return Err(Error::new(
            kind,
            format!(
                "{failed} failed, {skipped} skipped, {done} done, {unchanged} unchanged{}; {numbers}.",
                if left > 0 { format!(", {left} left running") } else { String::new() }
            ),
        )
        .hint(
            "when the cause is lifted, run the same command again: what is done is not repeated",
        ));
    }
    ui.status(&if done == 0 {
        format!("{} unchanged; {numbers}; no changes", stacks(unchanged))
    } else {
        format!("{} done, {unchanged} unchanged; {numbers}", stacks(done))
    });
    Ok(())
}
