//! `infra diff`: reads only.

use super::deploy::CHANGE_SETS;
use super::drift;
use super::session::{self, Session};
use crate::error::{Error, Result};
use crate::execute::{self, Job, Options};
use crate::permissions::{Need, with};
use crate::plan::{self, Current, Plan, effects::Certainty, told::Told};
use crate::report;
use crate::report::record;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What `infra diff` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::CURRENT,
    &with("with --change-set", &session::SOURCES),
    &with("with --change-set", &CHANGE_SETS),
    &with("with --drift", &drift::DETECTION),
];

/// Arguments of `infra diff`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stacks; all of the manifest's when none is named.
    #[arg(value_name = "STACK")]
    pub stacks: Vec<String>,
    /// Exit with 1 when anything differs.
    #[arg(long)]
    pub exit_code: bool,
    /// Exit with 1 when the change does that.
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub fail_on: Vec<Danger>,
    /// Ask CloudFormation too, by change sets that are deleted again, and show where it and the
    /// prediction differ.
    #[arg(long)]
    pub change_set: bool,
    /// With --change-set: ask for change sets that bring back what drifted.
    #[arg(long, requires = "change_set")]
    pub revert_drift: bool,
    /// Have CloudFormation detect drift too, and show what is live beside what was and will be asked.
    #[arg(long)]
    pub drift: bool,
    /// Print Markdown, for a comment on a pull request.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

/// What a change may do that somebody wants to look at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Danger {
    /// It allows what was not allowed before.
    Widening,
    /// It replaces a resource, or may.
    Replacement,
    /// It deletes or replaces what holds data, or may.
    Data,
}

/// Shows what a deploy would change.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        diff(arguments, settings, ui, session).await
    })
    .await
}

async fn diff(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let names = session.project.select(&arguments.stacks, false)?;
    let current = session.current(&names).await?;
    let mut plan = plan::deploy(
        &session.project,
        &session.order(&names, false),
        &current,
        false,
    );
    estimate(session, settings, &mut plan);
    if arguments.change_set {
        ask(arguments, settings, ui, session, &current, &mut plan).await?;
    }
    if arguments.drift {
        let there = names.iter().filter(|name| current.contains_key(*name));
        let mut drift = drift::detect(session, there).await?;
        for step in &mut plan.steps {
            step.drift = drift.remove(&step.stack);
        }
    }
    if arguments.markdown {
        ui.product(&report::markdown::text(&plan.shown()));
    } else {
        show(settings, ui, &plan);
    }
    let dangers: Vec<&str> = arguments
        .fail_on
        .iter()
        .filter_map(|one| one.found(&plan))
        .collect();
    if !dangers.is_empty() {
        return Err(Error::stacks(format!(
            "the change {}.",
            dangers.join(", and ")
        )));
    }
    if arguments.exit_code && !plan.is_empty() {
        return Err(Error::stacks("the stacks differ from the manifest."));
    }
    Ok(())
}

/// Prints a plan as the command's product.
pub(super) fn show(settings: &Settings, ui: &Ui, plan: &Plan) {
    let shown = plan.shown();
    ui.product(&if settings.json {
        serde_json::to_string(&shown).unwrap_or_default()
    } else {
        report::plan::text(ui, &shown)
    });
}

/// Fills in what CloudFormation says.
async fn ask(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
    current: &BTreeMap<String, Current>,
    plan: &mut Plan,
) -> Result<()> {
    let stacks: Vec<String> = plan.steps.iter().map(|step| step.stack.clone()).collect();
    let known = current
        .iter()
        .map(|(name, now)| (name.clone(), now.stack.outputs.clone()));
    let told = execute::ask(Job {
        cloud: session.cloud.clone(),
        project: session.project.clone(),
        plan: plan.clone(),
        graph: &session.project.graph.subgraph(&stacks),
        sources: session.sources(&stacks, settings, ui).await?,
        known: known.collect(),
        options: Options {
            revert_drift: arguments.revert_drift,
            ..Options::reading(&settings.run)
        },
        sink: Arc::new(|_| {}),
        ask: Arc::new(|_| false),
    })
    .await?;
    for (stack, changes) in told {
        if let Some(step) = plan.steps.iter_mut().find(|step| step.stack == stack) {
            step.change_set = Some(Told::new(changes, step.effects.as_ref()));
        }
    }
    Ok(())
}

/// Fills in how long the plan takes.
pub(super) fn estimate(session: &Session, settings: &Settings, plan: &mut Plan) {
    let history = record::history(&settings.runs(), settings.local);
    plan.times = plan::estimate::times(&session.project, plan, &history);
}

impl Danger {
    /// What the plan does of that kind, in words.
    fn found(self, plan: &Plan) -> Option<&'static str> {
        let effects = || plan.steps.iter().filter_map(|step| step.effects.as_ref());
        let mut resources = effects().flat_map(|effects| &effects.resources);
        let (found, words) = match self {
            Self::Widening => (
                plan.steps.iter().any(|step| !step.widens.is_empty()),
                "allows what was not allowed before",
            ),
            Self::Replacement => (
                resources.any(|one| one.replacement > Certainty::No),
                "replaces resources",
            ),
            Self::Data => (
                !report::plan::data(plan).is_empty(),
                "deletes or replaces what holds data",
            ),
        };
        found.then_some(words)
    }
}
