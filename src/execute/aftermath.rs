//! What an operation's events tell of its failure: what failed, what only followed from it, and what
//! became of the rest.

use super::reason::Reason;
use crate::cloud::StackEvent;
use crate::event::{Failure, Left, Other};
use crate::plan::Action;
use crate::plan::action::Status;
use crate::settings::command;
use regex::Regex;
use std::sync::LazyLock;

/// The first failure is the cause; cancellations only follow from it.
pub(super) fn is_cause(event: &StackEvent) -> bool {
    static CANCELLED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)^resource (creation|update|deletion|import) cancelled").ok()
    });
    let reason = event.reason.as_deref().unwrap_or_default();
    let cancelled = CANCELLED
        .as_ref()
        .is_some_and(|words| words.is_match(reason));
    event.status.ends_with("_FAILED") && !cancelled
}

/// The first thing that went wrong with a resource of the stack.
pub(super) fn first_cause<'a>(id: &str, events: &'a [StackEvent]) -> Option<&'a StackEvent> {
    let mut events = events.iter();
    events.find(|event| is_cause(event) && event.physical_id != id)
}

/// Why the stack itself says that it does not go on, where no resource is the cause.
pub(super) fn own_reason<'a>(id: &str, events: &'a [StackEvent]) -> Option<&'a str> {
    let own = events.iter().filter(|event| event.physical_id == id);
    own.filter(|event| event.status.contains("ROLLBACK") || event.status.ends_with("_FAILED"))
        .find_map(|event| event.reason.as_deref())
}

/// The events of the last operation that began with one of the statuses.
pub(super) fn last_operation<'a>(
    id: &str,
    events: &'a [StackEvent],
    begins: &[&str],
) -> &'a [StackEvent] {
    let begin =
        |event: &StackEvent| event.physical_id == id && begins.contains(&event.status.as_str());
    let at = events.iter().rposition(begin).unwrap_or_default();
    events.get(at..).unwrap_or_default()
}

/// An operation's events in their parts.
pub(super) struct Parts<'a> {
    /// The stack's id.
    id: &'a str,
    /// What was asked for, until it failed.
    pub(super) forth: &'a [StackEvent],
    /// What was undone then. All of a rollback and of a delete is here.
    pub(super) back: &'a [StackEvent],
    /// What the stack no longer has, and is deleted in the end: it is as asked by then, or as it was.
    pub(super) cleanup: &'a [StackEvent],
}

impl<'a> Parts<'a> {
    pub(super) fn of(id: &'a str, events: &'a [StackEvent]) -> Self {
        let own = |events: &[StackEvent], is: &dyn Fn(&str) -> bool| {
            let mut all = events.iter();
            let at = all.position(|event| event.physical_id == id && is(&event.status));
            at.unwrap_or(events.len())
        };
        let cleanup = own(events, &|status| {
            status.ends_with("COMPLETE_CLEANUP_IN_PROGRESS")
        });
        let (done, cleanup) = events.split_at(cleanup);
        let turn = own(done, &|status| {
            status.contains("ROLLBACK") || status == "DELETE_IN_PROGRESS"
        });
        let (forth, back) = done.split_at(turn);
        Self {
            id,
            forth,
            back,
            cleanup,
        }
    }

    /// What the stack let go of and could not delete.
    pub(super) fn left(&self) -> Vec<Left> {
        let failed = failed(self.id, self.cleanup).into_iter();
        failed
            .map(|event| Left {
                resource: event.resource.clone(),
                resource_type: event.resource_type.clone(),
                physical_id: event.physical_id.clone(),
                reason: Reason::parse(event.reason.as_deref().unwrap_or_default()).text,
            })
            .collect()
    }
}

/// What is failed at the end of these events, in the order in which it first was so: what could not be deleted is
/// tried again, and may go then.
pub(super) fn failed<'a>(id: &str, events: &'a [StackEvent]) -> Vec<&'a StackEvent> {
    let mut failed: Vec<&StackEvent> = Vec::new();
    for event in events.iter().filter(|event| event.physical_id != id) {
        let is = |one: &&StackEvent| {
            one.resource == event.resource && one.physical_id == event.physical_id
        };
        if is_cause(event) && !failed.iter().any(is) {
            failed.push(event);
        } else if event.status.ends_with("_COMPLETE") || event.status.ends_with("_SKIPPED") {
            failed.retain(|one| !is(one));
        }
    }
    failed
}

/// What the rollback of the last update, in as many attempts as there were, has failed at and not brought back.
#[must_use]
pub fn stuck<'a>(id: &str, events: &'a [StackEvent]) -> Vec<&'a StackEvent> {
    let last = last_operation(id, events, &["UPDATE_IN_PROGRESS"]);
    let began = |event: &StackEvent| {
        event.physical_id == id && event.status == "UPDATE_ROLLBACK_IN_PROGRESS"
    };
    let at = last.iter().position(began).unwrap_or(last.len());
    failed(id, last.get(at..).unwrap_or_default())
}

/// Fills in what else failed, what was brought back, and what was kept.
pub(super) fn survey(failure: &mut Failure, parts: &Parts<'_>, cause: &StackEvent) {
    let id = parts.id;
    failure.also = others(parts.forth, id, cause);
    failure.left = parts.left();
    let resource = |event: &&StackEvent| event.physical_id != id;
    let undone = parts.back.iter().chain(parts.cleanup);
    for event in undone.filter(resource) {
        let list = match event.status.as_str() {
            "DELETE_COMPLETE" | "UPDATE_COMPLETE" => &mut failure.restored,
            "DELETE_SKIPPED" => &mut failure.kept,
            _ => continue,
        };
        if !list.contains(&event.resource) {
            list.push(event.resource.clone());
        }
    }
}

fn others(events: &[StackEvent], id: &str, cause: &StackEvent) -> Vec<Other> {
    let mut others: Vec<Other> = Vec::new();
    let failed = events
        .iter()
        .filter(|event| is_cause(event) && event.physical_id != id && event.id != cause.id);
    for event in failed {
        if others.iter().all(|other| other.resource != event.resource) {
            others.push(Other {
                resource: event.resource.clone(),
                within: vec![],
                reason: Reason::parse(event.reason.as_deref().unwrap_or_default()).text,
            });
        }
    }
    others
}

/// What to run next, where the same command is not all. `names` are what that has to do without.
pub(super) fn next(stack: &str, asked: &Action, ended: &str, names: &[String]) -> Option<String> {
    let without =
        |flag: &str| -> String { names.iter().map(|name| format!(" {flag} {name}")).collect() };
    match Status::parse(ended).ok()? {
        Status::UpdateRollbackFailed => {
            let again = match asked {
                Action::RollBack => command(&format!("continue {stack}")),
                _ => "the same command".to_owned(),
            };
            let skip = command(&format!("continue {stack}{}", without("--skip")));
            let or = format!("; to leave what cannot be brought back as it is: {skip}");
            let or = Some(or).filter(|_| !names.is_empty()).unwrap_or_default();
            Some(format!(
                "when that is put right, {again} goes on with the rollback{or}"
            ))
        }
        Status::RollbackFailed if *asked == Action::RollBack => Some(format!(
            "when that is put right: {} deletes what is left and creates the stack again, {} only deletes it",
            command(&format!("deploy {stack}")),
            command(&format!("destroy {stack}"))
        )),
        Status::RollbackFailed => Some(
            "when that is put right, the same command deletes what is left and creates the stack again"
                .to_owned(),
        ),
        Status::CreateFailed | Status::UpdateFailed => Some(format!(
            "{} goes on from here; {} brings it back",
            command(&format!("deploy {stack} --on-failure keep")),
            command(&format!("rollback {stack}"))
        )),
        Status::DeleteFailed => {
            let retain = format!("destroy {stack} --exclusively{}", without("--retain"));
            let or = format!("; to leave it where it is: {}", command(&retain));
            let or = Some(or).filter(|_| !names.is_empty()).unwrap_or_default();
            let again = command(&format!("destroy {stack}"));
            Some(format!("when the cause is lifted: {again}{or}"))
        }
        _ => None,
    }
}

/// A failure as it is read: what it is, then a line each of what came of it.
pub(super) fn told(stack: &str, failure: &Failure) -> (String, Vec<String>) {
    let place = failure.place.as_ref().map(|at| format!(" ({at})"));
    let what = format!(
        "{} {} {}{}: {}",
        failure.path.join(" > "),
        failure.resource_type,
        failure.status,
        place.unwrap_or_default(),
        failure.reason
    );
    let deletes = failure.ended.starts_with("DELETE_");
    // What a create made goes when it is rolled back.
    let stuck = match deletes || failure.ended.starts_with("ROLLBACK_") {
        true => "could not be deleted",
        false => "could not be brought back",
    };
    let mut lines: Vec<String> = Vec::new();
    for (meaning, others) in [("also failed", &failure.also), (stuck, &failure.stuck)] {
        lines.extend(others.iter().map(|one| format!("{meaning}: {one}")));
    }
    lines.extend(
        failure
            .left
            .iter()
            .map(|one| format!("could not be deleted, and no stack has it any more: {one}")),
    );
    let mut ended = format!("{stack} ended in {}", failure.ended);
    if !failure.restored.is_empty() {
        let undone = if deletes { "deleted" } else { "rolled back" };
        ended = format!("{ended}; {undone}: {}", list(&failure.restored));
    }
    if !failure.kept.is_empty() {
        ended = format!("{ended}; left behind: {}", list(&failure.kept));
    }
    lines.push(ended);
    (what, lines)
}

/// Names, the first of many.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: usize, resource: &str, status: &str, reason: &str) -> StackEvent {
        StackEvent {
            id: number.to_string(),
            resource: resource.to_owned(),
            physical_id: resource.to_lowercase(),
            resource_type: "T".to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
            ..StackEvent::default()
        }
    }

    fn events(list: &[(&str, &str, &str)]) -> Vec<StackEvent> {
        let numbered = list.iter().enumerate();
        numbered
            .map(|(at, (resource, status, reason))| event(at, resource, status, reason))
            .collect()
    }

    #[test]
    fn a_cancellation_is_no_cause_and_an_order_that_was_cancelled_is() {
        let cause = |reason| is_cause(&event(0, "A", "CREATE_FAILED", reason));
        assert!(!cause("Resource creation cancelled"));
        assert!(!cause("Resource update cancelled"));
        assert!(cause("The order was cancelled"));
        assert!(!is_cause(&event(0, "A", "CREATE_COMPLETE", "")));
    }

    #[test]
    fn what_came_of_a_failed_update_is_told() {
        let events = events(&[
            ("Stack", "UPDATE_IN_PROGRESS", "User Initiated"),
            ("A", "UPDATE_FAILED", "no"),
            ("B", "UPDATE_FAILED", "neither"),
            ("C", "UPDATE_FAILED", "Resource update cancelled"),
            (
                "Stack",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "The following resource(s) failed to update: [A, B].",
            ),
            ("D", "UPDATE_COMPLETE", ""),
            ("A", "UPDATE_FAILED", "not back"),
            ("E", "DELETE_SKIPPED", ""),
            ("F", "DELETE_COMPLETE", ""),
            (
                "Stack",
                "UPDATE_ROLLBACK_FAILED",
                "The following resource(s) failed to update: [A].",
            ),
        ]);
        let mut failure = Failure {
            path: vec!["A".to_owned()],
            ended: "UPDATE_ROLLBACK_FAILED".to_owned(),
            ..Failure::default()
        };
        let cause = first_cause("stack", &events).unwrap();
        let parts = Parts::of("stack", &events);
        survey(&mut failure, &parts, cause);
        let stuck: Vec<&str> = failed("stack", parts.back)
            .iter()
            .map(|event| event.reason.as_deref().unwrap())
            .collect();
        assert_eq!(stuck, ["not back"]);
        let all = super::stuck("stack", &events);
        assert_eq!(all.first().map(|event| event.resource.as_str()), Some("A"));
        failure.stuck = vec![Other {
            resource: "N".to_owned(),
            within: vec!["A".to_owned()],
            reason: "not back".to_owned(),
        }];
        let (_, lines) = told("Stack", &failure);
        assert_eq!(
            lines,
            [
                "also failed: B: neither",
                "could not be brought back: N > A: not back",
                "Stack ended in UPDATE_ROLLBACK_FAILED; rolled back: D, F; left behind: E"
            ]
        );
    }

    #[test]
    fn what_is_next_depends_on_the_command() {
        let names = ["A".to_owned()];
        let next = |asked: &Action, ended| next("S", asked, ended, &names).unwrap();
        let stuck = "UPDATE_ROLLBACK_FAILED";
        let told = next(&Action::Update, stuck);
        assert!(told.contains("the same command goes on"), "{told}");
        assert!(told.ends_with(": infra continue S --skip A"), "{told}");
        let told = next(&Action::RollBack, stuck);
        assert!(told.contains("infra continue S goes on"), "{told}");
        let told = next(&Action::RollBack, "ROLLBACK_FAILED");
        assert!(told.contains("infra deploy S deletes what"), "{told}");
        let told = next(&Action::Create, "DELETE_FAILED");
        assert!(told.ends_with("--exclusively --retain A"), "{told}");
        assert_eq!(
            super::next("S", &Action::Create, "ROLLBACK_COMPLETE", &[]),
            None
        );
    }

    #[test]
    fn what_was_deleted_at_last_did_not_fail() {
        let events = events(&[
            ("Stack", "CREATE_IN_PROGRESS", ""),
            ("A", "CREATE_FAILED", "no"),
            ("Stack", "DELETE_IN_PROGRESS", ""),
            ("B", "DELETE_FAILED", "in use"),
            ("C", "DELETE_FAILED", "held"),
            ("B", "DELETE_COMPLETE", ""),
            ("Stack", "DELETE_FAILED", ""),
        ]);
        let parts = Parts::of("stack", &events);
        let names = |events: &[&StackEvent]| -> Vec<String> {
            events.iter().map(|event| event.resource.clone()).collect()
        };
        assert_eq!(names(&failed("stack", parts.forth)), ["A"]);
        assert_eq!(names(&failed("stack", parts.back)), ["C"]);
    }

    #[test]
    fn what_an_update_could_not_delete_is_left() {
        let events = events(&[
            ("Stack", "UPDATE_IN_PROGRESS", ""),
            ("A", "UPDATE_COMPLETE", ""),
            ("Stack", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
            ("A", "DELETE_FAILED", "in use"),
            ("B", "DELETE_COMPLETE", ""),
            ("Stack", "UPDATE_COMPLETE", ""),
        ]);
        let left = Parts::of("stack", &events).left();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].to_string(), "A T a: in use");
    }

    #[test]
    fn the_last_operation_is_set_apart() {
        let events = events(&[
            ("Stack", "CREATE_IN_PROGRESS", ""),
            ("A", "CREATE_FAILED", "old"),
            ("Stack", "DELETE_IN_PROGRESS", ""),
            ("A", "DELETE_FAILED", "new"),
        ]);
        let last = last_operation("stack", &events, &["DELETE_IN_PROGRESS"]);
        assert_eq!(last.len(), 2);
        assert_eq!(own_reason("stack", &events), None);
    }

    #[test]
    fn many_names_are_cut() {
        let names: Vec<String> = (1..=9).map(|n| format!("R{n}")).collect();
        assert_eq!(list(&names), "R1, R2, R3, R4, R5, R6 and 3 more");
    }
}
