//! What an operation's events tell of its failure: what failed, what only followed from it, and what
//! became of the rest.

use super::reason::Reason;
use crate::cloud::StackEvent;
use crate::event::{Failure, Other};
use crate::plan::action::Status;
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

/// Fills in what else failed, and what was brought back, was kept and could not be brought back.
pub(super) fn survey(failure: &mut Failure, id: &str, events: &[StackEvent], cause: &StackEvent) {
    let back = |event: &StackEvent| event.physical_id == id && event.status.contains("ROLLBACK");
    let turn = events.iter().position(back).unwrap_or(events.len());
    let (forth, back) = events.split_at(turn);
    let resource = |event: &&StackEvent| event.physical_id != id;
    failure.also = others(forth, id, cause);
    failure.stuck = others(back, id, cause);
    for event in back.iter().filter(resource) {
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
                reason: Reason::parse(event.reason.as_deref().unwrap_or_default()).text,
            });
        }
    }
    others
}

/// What to run next, where the same command is not all. Names are of what failed last.
pub(super) fn next(stack: &str, ended: &str, names: &[String]) -> Option<String> {
    let flags =
        |flag: &str| -> String { names.iter().map(|name| format!(" {flag} {name}")).collect() };
    match Status::parse(ended).ok()? {
        Status::UpdateRollbackFailed => Some(format!(
            "when that is put right, the same command goes on with the rollback; to leave what \
             cannot be brought back as it is: infra continue {stack}{}",
            flags("--skip")
        )),
        Status::RollbackFailed => Some(
            "when that is put right, the same command deletes what is left and creates the stack again"
                .to_owned(),
        ),
        Status::CreateFailed | Status::UpdateFailed => Some(format!(
            "infra deploy {stack} --on-failure keep goes on from here; infra rollback {stack} brings it back"
        )),
        Status::DeleteFailed => Some(format!(
            "when the cause is lifted: infra destroy {stack}; to leave it where it is: infra destroy \
             {stack} --exclusively{}",
            flags("--retain")
        )),
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
    let mut lines: Vec<String> = Vec::new();
    for (meaning, others) in [
        ("also failed", &failure.also),
        ("could not be brought back", &failure.stuck),
    ] {
        let told = others.iter();
        lines.extend(told.map(|one| format!("{meaning}: {}: {}", one.resource, one.reason)));
    }
    let mut ended = format!("{stack} ended in {}", failure.ended);
    if !failure.restored.is_empty() {
        ended = format!("{ended}; rolled back: {}", list(&failure.restored));
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
            time: String::new(),
            resource: resource.to_owned(),
            physical_id: resource.to_lowercase(),
            resource_type: "T".to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
            token: None,
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
        let cause = events.iter().find(|event| is_cause(event)).unwrap();
        survey(&mut failure, "stack", &events, cause);
        let (_, lines) = told("Stack", &failure);
        assert_eq!(
            lines,
            [
                "also failed: B: neither",
                "could not be brought back: A: not back",
                "Stack ended in UPDATE_ROLLBACK_FAILED; rolled back: D, F; left behind: E"
            ]
        );
        let next = next("Stack", &failure.ended, &["A".to_owned()]).unwrap();
        assert!(next.ends_with("infra continue Stack --skip A"), "{next}");
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
