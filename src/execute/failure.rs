//! Why a stack failed: the root cause first, where it stands in our files, and what to do.

use super::Context;
use super::aftermath::{
    Parts, failed, first_cause, last_operation, next, own_reason, survey, told,
};
use super::hints::hint;
use super::patience::patient;
use super::reason::{Denied, Reason};
use super::watch::Told;
use crate::cloud::{Deployed, Finding, OnFailure, StackEvent};
use crate::error::Error;
use crate::event::{Failure, Other};
use crate::plan::{Step, held_back};
use std::time::Duration;

/// How deep nested stacks are followed.
const DEEPEST: usize = 8;
/// How long a decoding may take; it is told without.
const DECODING: Duration = Duration::from_secs(10);
/// How much of an encoded message is shown.
const SHOWN: usize = 16;
const STACK: &str = "AWS::CloudFormation::Stack";

/// What CloudFormation's validation found before it did anything, each thing at its place.
pub(super) fn invalid(context: &Context, step: &Step, findings: &[Finding]) -> Error {
    let told = findings.iter().map(|finding| {
        let path: Vec<&str> = finding.path.split('/').skip(3).collect();
        let place = context
            .project
            .locate(&step.stack, &finding.resource, &path);
        let place = place.map(|at| format!(" ({at})")).unwrap_or_default();
        format!(
            "{} {}{place}: {} at {}",
            finding.resource, finding.resource_type, finding.reason, finding.path
        )
    });
    Error {
        messages: told.collect(),
        ..Error::stacks("")
    }
    .because("CloudFormation's validation stopped it before anything was changed")
}

/// A refused call, with what to do about it where that is known.
pub(super) fn advised(mut refused: Error) -> Error {
    if let (Some(code), true) = (&refused.code, refused.hints.is_empty()) {
        let mut reason = Reason::parse(&refused.messages.join("\n"));
        reason.codes.push(code.clone());
        refused.hints.extend(hint(STACK, &reason));
    }
    refused
}

/// The failure of an operation that has ended.
pub(super) async fn failure(context: &Context, step: &Step, now: &Deployed, all: &Told) -> Error {
    let (id, events) = (&now.id, &all.events);
    let Some(first) = first_cause(id, events) else {
        let said = own_reason(id, events).or(now.reason.as_deref());
        return no_resource(context, step, now, &Reason::parse(said.unwrap_or_default()));
    };
    let parts = Parts::of(id, events);
    let undone = failed(id, parts.back);
    let mut stuck = Vec::new();
    for event in &undone {
        stuck.extend(inside(context, event, Way::Back).await);
    }
    let names = without(&now.status, &undone, &stuck);
    let (cause, root) = match (first_cause(id, parts.forth), undone.first()) {
        (Some(cause), _) => (
            cause,
            inside(context, cause, Way::Forth).await.into_iter().next(),
        ),
        (None, Some(cause)) => (*cause, Some(stuck.remove(0))),
        (None, None) => (first, None),
    };
    let Deep {
        path, event: root, ..
    } = root.unwrap_or_else(|| Deep::of(cause));
    let said = root.reason.as_deref();
    let reason = Reason::parse(said.unwrap_or("CloudFormation gives no reason"));
    let reason = decoded(context, reason).await;
    // A nested stack's template is not ours to point into: the resource that holds it is.
    let property: Vec<&str> = match path.is_empty() {
        true => reason.property.iter().map(String::as_str).collect(),
        false => vec![],
    };
    let mut failure = Failure {
        place: context
            .project
            .locate(&step.stack, &cause.resource, &property),
        property: Some(reason.property.join(".")).filter(|path| !path.is_empty()),
        code: reason.codes.first().cloned(),
        hint: hint(&root.resource_type, &reason),
        path: path.into_iter().chain([root.resource]).collect(),
        resource_type: root.resource_type,
        status: root.status,
        reason: reason.text,
        stuck: stuck.into_iter().map(Deep::told).collect(),
        ended: now.status.clone(),
        ..Failure::default()
    };
    survey(&mut failure, &parts, cause);
    failure.next = onwards(context, step, now, &names);
    let (what, lines) = told(&step.stack, &failure);
    Error {
        causes: lines,
        hints: failure.hint.iter().chain(&failure.next).cloned().collect(),
        failure: Some(Box::new(failure)),
        ..Error::stacks(what)
    }
}

/// What a command that goes on without it has to name: a delete leaves resources of the stack itself, a rollback
/// those that failed, wherever they are.
fn without(ended: &str, undone: &[&StackEvent], stuck: &[Deep]) -> Vec<String> {
    match ended {
        "UPDATE_ROLLBACK_FAILED" => stuck.iter().filter_map(Deep::skipped).collect(),
        _ => undone.iter().map(|event| event.resource.clone()).collect(),
    }
}

/// What to run next; where what it has to delete is protected, what comes before that.
fn onwards(context: &Context, step: &Step, now: &Deployed, names: &[String]) -> Option<String> {
    let keeps = context.options.on_failure == OnFailure::Keep;
    let stack = context.project.stack(&step.stack);
    let held = stack.and_then(|stack| held_back(stack, now, keeps));
    held.or_else(|| next(&step.stack, &step.action, &now.status, names))
}

/// The stack itself is the cause: its time ran out, or somebody cancelled it.
fn no_resource(context: &Context, step: &Step, now: &Deployed, reason: &Reason) -> Error {
    let said = match reason.text.as_str() {
        "" => String::new(),
        text => format!(": {}", text.trim_end_matches('.')),
    };
    let next = onwards(context, step, now, &[]);
    Error {
        hints: hint(STACK, reason).into_iter().chain(next).collect(),
        ..Error::stacks(format!("{} ended in {}{said}.", step.stack, now.status))
    }
}

/// Which way an operation went when something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Towards what was asked for.
    Forth,
    /// Back to what was there before.
    Back,
}

/// A failure, perhaps inside of nested stacks.
struct Deep {
    /// The resources that lead to it.
    path: Vec<String>,
    /// The name of the nested stack that it is in.
    stack: Option<String>,
    event: StackEvent,
}

impl Deep {
    fn of(event: &StackEvent) -> Self {
        Self {
            path: vec![],
            stack: None,
            event: event.clone(),
        }
    }

    /// The same as CloudFormation names what a rollback is to leave as it is. A nested stack as a whole is nothing
    /// of that kind: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html>
    fn skipped(&self) -> Option<String> {
        let resource = &self.event.resource;
        match &self.stack {
            _ if self.event.resource_type == STACK => None,
            Some(stack) => Some(format!("{stack}.{resource}")),
            None => Some(resource.clone()),
        }
    }

    fn told(self) -> Other {
        let mut all = self.path.into_iter().chain([self.event.resource]);
        Other {
            resource: all.next().unwrap_or_default(),
            within: all.collect(),
            reason: Reason::parse(self.event.reason.as_deref().unwrap_or_default()).text,
        }
    }
}

/// The failures that the failure of a nested stack stands for, the first of them first; itself where it is another
/// resource's, or nothing is known of those.
async fn inside(context: &Context, failed: &StackEvent, way: Way) -> Vec<Deep> {
    let (mut found, mut open) = (Vec::new(), vec![Deep::of(failed)]);
    while let Some(one) = open.pop() {
        let below = match one.path.len() < DEEPEST {
            true => below(context, &one.event, way).await,
            false => vec![],
        };
        if below.is_empty() {
            found.push(one);
            continue;
        }
        let name = one.event.physical_id.split('/').nth(1);
        let path = [&one.path[..], std::slice::from_ref(&one.event.resource)].concat();
        open.extend(below.into_iter().rev().map(|event| Deep {
            path: path.clone(),
            stack: name.map(str::to_owned),
            event,
        }));
    }
    found
}

/// What failed in the nested stack, if the failure is that of one which began to work.
async fn below(context: &Context, failed: &StackEvent, way: Way) -> Vec<StackEvent> {
    let id = &failed.physical_id;
    // Otherwise it was refused, and its events are of another time.
    let worked = failed
        .reason
        .as_ref()
        .is_some_and(|reason| reason.contains("Embedded stack"));
    if failed.resource_type != STACK || !id.starts_with("arn:") || !worked {
        return vec![];
    }
    let events = patient(context, || context.cloud.events_since(id, None, None)).await;
    // Who may not read them is told what the stack around it says.
    within(id, &events.unwrap_or_default().events, &failed.status, way)
}

/// What failed in the last operation of a nested stack that went that way: back, all that is failed; forth, what
/// was first, since the rest only stopped with it.
fn within(id: &str, events: &[StackEvent], status: &str, way: Way) -> Vec<StackEvent> {
    let begins: &[&str] = match way {
        _ if status.starts_with("DELETE") => &["DELETE_IN_PROGRESS"],
        Way::Back => &["UPDATE_ROLLBACK_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"],
        Way::Forth => &["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"],
    };
    let parts = Parts::of(id, last_operation(id, events, begins));
    match way {
        Way::Back => failed(id, parts.back).into_iter().cloned().collect(),
        Way::Forth => first_cause(id, parts.forth).into_iter().cloned().collect(),
    }
}

/// The reason with an encoded authorization failure read where the caller may, and shortened where
/// not.
async fn decoded(context: &Context, mut reason: Reason) -> Reason {
    let Some(encoded) = &reason.encoded else {
        return reason;
    };
    let decoding = context.cloud.decode(encoded);
    let denial = tokio::time::timeout(DECODING, decoding).await;
    let Some(denial) = denial.ok().flatten() else {
        let shown: String = encoded.chars().take(SHOWN).collect();
        let more = format!(" Encoded authorization failure message: {shown}...");
        reason.text.push_str(&more);
        return reason;
    };
    let more = format!(
        " Decoded: {} may not {} on {}.",
        denial.principal, denial.action, denial.resource
    );
    reason.text.push_str(&more);
    let explicit = "with an explicit deny in a policy";
    reason.denied = Some(Denied {
        action: denial.action,
        resource: Some(denial.resource),
        principal: Some(denial.principal),
        by: denial.explicit.then(|| explicit.to_owned()),
    });
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_of_a_nested_stack_is_the_one_that_went_that_way() {
        let told = [
            ("N", "n", "UPDATE_IN_PROGRESS"),
            ("A", "a", "UPDATE_COMPLETE"),
            ("B", "b", "UPDATE_FAILED"),
            ("C", "c", "UPDATE_FAILED"),
            ("N", "n", "UPDATE_ROLLBACK_IN_PROGRESS"),
            ("B", "b", "UPDATE_COMPLETE"),
            ("A", "a", "UPDATE_FAILED"),
            ("N", "n", "UPDATE_ROLLBACK_FAILED"),
            ("N", "n", "UPDATE_ROLLBACK_IN_PROGRESS"),
            ("A", "a", "UPDATE_FAILED"),
            ("D", "d", "UPDATE_FAILED"),
            ("N", "n", "UPDATE_ROLLBACK_FAILED"),
        ];
        let event =
            |(at, (resource, physical_id, status)): (usize, &(&str, &str, &str))| StackEvent {
                id: at.to_string(),
                resource: (*resource).to_owned(),
                physical_id: (*physical_id).to_owned(),
                resource_type: "T".to_owned(),
                status: (*status).to_owned(),
                ..StackEvent::default()
            };
        let events: Vec<StackEvent> = told.iter().enumerate().map(event).collect();
        let names = |way| -> Vec<String> {
            let failed = within("n", &events, "UPDATE_FAILED", way).into_iter();
            failed.map(|event| event.resource).collect()
        };
        assert_eq!(names(Way::Forth), ["B"]);
        assert_eq!(names(Way::Back), ["A", "D"]);
    }

    #[test]
    fn what_a_rollback_skips_has_its_nested_stack_in_front() {
        let event = |resource: &str, kind: &str| StackEvent {
            resource: resource.to_owned(),
            resource_type: kind.to_owned(),
            ..StackEvent::default()
        };
        let own = Deep::of(&event("A", "T"));
        assert_eq!(own.skipped().as_deref(), Some("A"));
        let nested = Deep {
            path: vec!["Mid".to_owned(), "Leaf".to_owned()],
            stack: Some("Root-Mid-1-Leaf-2".to_owned()),
            event: event("L", "T"),
        };
        assert_eq!(nested.skipped().as_deref(), Some("Root-Mid-1-Leaf-2.L"));
        assert_eq!(Deep::of(&event("Mid", STACK)).skipped(), None);
    }
}
