//! Why a stack failed: the root cause first, where it stands in our files, and what to do.

use super::Context;
use super::aftermath::{is_cause, last_operation, next, own_reason, survey, told};

use super::hints::hint;
use super::patience::patient;
use super::reason::{Denied, Reason};
use super::watch::Told;
use crate::cloud::{Deployed, Finding, StackEvent};
use crate::error::Error;
use crate::event::Failure;
use crate::plan::Step;
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
    let events = &all.events;
    let Some(cause) = &all.cause else {
        let said = own_reason(&now.id, events).or(now.reason.as_deref());
        return no_resource(step, now, &Reason::parse(said.unwrap_or_default()));
    };
    let (names, root) = root(context, cause).await;
    let said = root.reason.as_deref();
    let reason = Reason::parse(said.unwrap_or("CloudFormation gives no reason"));
    let reason = decoded(context, reason).await;
    // A nested stack's template is not ours to point into: the resource that holds it is.
    let property: Vec<&str> = match names.is_empty() {
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
        path: names.into_iter().chain([root.resource]).collect(),
        resource_type: root.resource_type,
        status: root.status,
        reason: reason.text,
        ended: now.status.clone(),
        ..Failure::default()
    };
    survey(&mut failure, &now.id, events, cause);
    failure.next = next(&step.stack, &now.status, &last_to_fail(&failure, cause));
    let (what, lines) = told(&step.stack, &failure);
    Error {
        causes: lines,
        hints: failure.hint.iter().chain(&failure.next).cloned().collect(),
        failure: Some(Box::new(failure)),
        ..Error::stacks(what)
    }
}

/// What a command that goes on without it would have to name.
fn last_to_fail(failure: &Failure, cause: &StackEvent) -> Vec<String> {
    let others = match failure.stuck.is_empty() {
        true => &failure.also,
        false => &failure.stuck,
    };
    // What failed first may have been brought back.
    let first = failure.stuck.is_empty().then_some(&cause.resource);
    let others = others.iter().map(|other| &other.resource);
    first.into_iter().chain(others).cloned().collect()
}

/// The stack itself is the cause: its time ran out, or somebody cancelled it.
fn no_resource(step: &Step, now: &Deployed, reason: &Reason) -> Error {
    let said = match reason.text.as_str() {
        "" => String::new(),
        text => format!(": {}", text.trim_end_matches('.')),
    };
    let hints = hint(STACK, reason).into_iter();
    Error {
        hints: hints.chain(next(&step.stack, &now.status, &[])).collect(),
        ..Error::stacks(format!("{} ended in {}{said}.", step.stack, now.status))
    }
}

/// The first failure inside of nested stacks, and the resources that lead to it.
async fn root(context: &Context, cause: &StackEvent) -> (Vec<String>, StackEvent) {
    let (mut names, mut found) = (Vec::new(), cause.clone());
    for _ in 0..DEEPEST {
        if found.resource_type != STACK || !found.physical_id.starts_with("arn:") {
            break;
        }
        let id = found.physical_id.clone();
        let events = patient(context, || context.cloud.events_since(&id, None, None)).await;
        // Who may not read them is told what the stack around it says.
        let events = events.unwrap_or_default().events;
        let begins: &[&str] = match found.status.starts_with("DELETE") {
            true => &["DELETE_IN_PROGRESS"],
            false => &["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"],
        };
        let operation = last_operation(&id, &events, begins);
        let mut failed = operation.iter().filter(|event| is_cause(event));
        let Some(failed) = failed.find(|event| event.physical_id != id) else {
            break;
        };
        names.push(std::mem::replace(&mut found, failed.clone()).resource);
    }
    (names, found)
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
