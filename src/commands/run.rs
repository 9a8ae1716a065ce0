//! What the commands that work on stacks share: what may be begun, where events go, and how it ends.

use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execute::{Ask, Ended, Outcome, Sink};
use crate::permissions::{Feature, Need, On, always, given, sometimes};
use crate::plan::action::Status;
use crate::plan::data::allowed;
use crate::plan::{Action, Plan};
use crate::report::record::{Header, Record};
use crate::report::{self, progress::Progress};
use crate::settings::Settings;
use crate::ui::Ui;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    ui: Ui,
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
        let (json, talk, kept) = (settings.json, ui.clone(), record.clone());
        let progress = Mutex::new(Progress::new(stacks));
        let sink = Arc::new(move |event: Event| {
            if let Some(record) = &kept {
                record.add(&event);
            }
            if json {
                return talk.product(&report::json(&event));
            }
            let below = progress
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .line(&event, talk.width());
            let line = report::line(&talk, &event);
            match event.is_trouble() {
                true => talk.insist(line.as_deref(), &below),
                false => talk.progress(line.as_deref(), &below),
            }
        });
        let ui = ui.clone();
        Self { sink, record, ui }
    }

    /// Writes the record's last line, and clears the terminal's.
    pub(super) fn close(&self, outcomes: &BTreeMap<String, Outcome>) {
        if let Some(record) = &self.record {
            record.end(&serde_json::to_value(outcomes).unwrap_or_default());
        }
        self.ui.settle();
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

/// What to run after a run that did not do everything: the same command, unless a stack has failed into a status
/// in which that is refused.
pub(super) fn again(ended: &Ended, goes_on: impl Fn(Status) -> bool) -> Option<&'static str> {
    let refused = ended.left_in.iter().any(|status| !goes_on(*status));
    match ended.interrupted {
        _ if refused => None,
        true => Some("run the same command again to go on: what is done is not repeated"),
        false => Some(
            "when the cause is lifted, run the same command again: what is done is not repeated",
        ),
    }
}

/// The summary, and the exit code that follows from it; `next` is what to run where not everything was done. A run
/// that was interrupted is an error even if everything was: nothing is to come after it.
pub(super) fn conclude(
    session: &Session,
    ui: &Ui,
    ended: &Ended,
    next: Option<&str>,
) -> Result<()> {
    let outcomes = &ended.outcomes;
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
    if ended.interrupted || failed + skipped + left > 0 {
        let (kind, begins) = match ended.interrupted {
            true => (Kind::Interrupted, "interrupted: "),
            false => (Kind::Stacks, ""),
        };
        let left = match left {
            0 => String::new(),
            count => format!(", {count} left running"),
        };
        let message = format!(
            "{begins}{failed} failed, {skipped} skipped, {done} done, {unchanged} unchanged{left}; {numbers}."
        );
        return Err(Error {
            hints: next.map(str::to_owned).into_iter().collect(),
            ..Error::new(kind, message)
        });
    }
    ui.status(&if done == 0 {
        format!("{} unchanged; {numbers}; no changes", stacks(unchanged))
    } else {
        format!("{} done, {unchanged} unchanged; {numbers}", stacks(done))
    });
    Ok(())
}
