//! `infra deploy`.

use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::execute::{self, Job, Options, Outcome, Sink};
use crate::plan::data::allowed;
use crate::plan::{self, Action, Plan};
use crate::report::{self, progress::Progress};
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Arguments of `infra deploy`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stacks to deploy. What they depend on comes along.
    #[arg(
        value_name = "STACK",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub stacks: Vec<String>,
    /// Deploy every stack of the manifest.
    #[arg(long)]
    pub all: bool,
    /// Deploy only the named stacks, not what they depend on.
    #[arg(long, short = 'e')]
    pub exclusively: bool,
    /// How many stacks at once, at most.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub concurrency: usize,
    /// Show the plan and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Use CloudFormation's EXPRESS mode: done when the configuration is applied.
    #[arg(long)]
    pub express: bool,
    /// Keep what was made when something fails.
    #[arg(long)]
    pub no_rollback: bool,
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

/// Deploys.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let session = Session::open(settings).await?;
    let result = deploy(arguments, settings, ui, &session).await;
    session.close().await;
    result
}

async fn deploy(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let named = session.project.select(&arguments.stacks, arguments.all)?;
    let names = widen(&named, arguments.exclusively, |name| {
        session.project.graph.ancestors(name)
    });
    let order = session.order(&names, false);
    let current = session.current(&names).await?;
    let plan = plan::deploy(&session.project, &order, &current);
    if arguments.dry_run {
        return show(settings, ui, &plan);
    }
    refuse(&plan)?;
    if !plan.is_empty() {
        ui.status(report::plan(ui, &plan).trim_end());
        allow(&plan, &arguments.allow_delete, &arguments.allow_replace)?;
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
    let known: BTreeMap<_, _> = current
        .iter()
        .map(|(name, now)| (name.clone(), now.stack.outputs.clone()))
        .collect();
    let options = Options {
        concurrency: arguments.concurrency,
        no_rollback: arguments.no_rollback,
        express: arguments.express,
        role_arn: arguments.role_arn.clone(),
        allow_replace: arguments.allow_replace.clone(),
        allow_delete: arguments.allow_delete.clone(),
        retain: vec![],
        run: settings.run.clone(),
    };
    let graph = session.project.graph.subgraph(&order);
    let outcomes = execute::execute(Job {
        cloud: session.cloud.clone(),
        project: session.project.clone(),
        plan,
        graph: &graph,
        sources,
        known: known.clone(),
        options,
        sink: sink(settings, ui, order.len()),
    })
    .await;
    let failed = outcomes
        .values()
        .any(|o| matches!(o, Outcome::Failed | Outcome::Skipped(_)));
    if !failed && !settings.json {
        // What did not change was read before the walk.
        let mut outputs = known;
        outputs.extend(session.outputs(&changing).await?);
        ui.product(&super::outputs::table(&order, &outputs));
    }
    conclude(session, ui, &outcomes)
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
        ui.product(&report::plan(ui, plan));
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

/// Events on standard output as JSON, or as lines on standard error.
pub(super) fn sink(settings: &Settings, ui: &Ui, stacks: usize) -> Sink {
    let (json, ui) = (settings.json, ui.clone());
    let progress = Mutex::new(Progress::new(stacks));
    Arc::new(move |event| {
        if json {
            return ui.product(&report::json(&event));
        }
        let below = progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .line(&event);
        ui.progress(report::line(&ui, &event).as_deref(), &below);
    })
}

fn stacks(count: usize) -> String {
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
    let (calls, changing) = (session.cloud.calls.count(), session.cloud.calls.mutations());
    let numbers = format!("{calls} calls, {changing} of them changes");
    if failed + skipped > 0 {
        let interrupted = outcomes
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
                "{failed} failed, {skipped} skipped, {done} done, {unchanged} unchanged; {numbers}."
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
