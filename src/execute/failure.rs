//! Why a stack failed: the root cause first, where it stands in our files, and what to do.

use super::Context;
use super::hints::hint;
use super::patience::patient;
use crate::cloud::{Deployed, Finding, StackEvent};
use crate::error::Error;
use crate::plan::Step;
use regex::Regex;
use std::sync::LazyLock;

/// How deep nested stacks are followed.
const DEEPEST: usize = 8;

/// What CloudFormation's validation found before it did anything, each thing at its place.
pub(super) fn invalid(context: &Context, step: &Step, findings: &[Finding]) -> Error {
    let told = findings.iter().map(|finding| {
        let path: Vec<&str> = finding.path.split('/').skip(3).collect();
        let place = place(context, step, &finding.resource, &path);
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

fn place(context: &Context, step: &Step, resource: &str, path: &[&str]) -> String {
    let place = context.project.locate(&step.stack, resource, path);
    place.map(|place| format!(" ({place})")).unwrap_or_default()
}

/// The cause first: the resource, the reason, and where it stands in our files.
pub(super) async fn failure(
    context: &Context,
    step: &Step,
    now: &Deployed,
    cause: Option<&StackEvent>,
) -> Error {
    let Some(cause) = cause else {
        let reason = now.reason.clone().unwrap_or_default();
        return Error::stacks(format!("{} ended in {}. {reason}", step.stack, now.status));
    };
    let (names, root) = root(context, cause).await;
    let reason = root.reason.as_deref();
    let reason = plain(reason.unwrap_or("CloudFormation gives no reason"));
    let reason = decoded(context, reason).await;
    // A nested stack's template is not ours to point into: the resource that holds it is.
    let property = match names.is_empty() {
        true => property(&reason),
        false => vec![],
    };
    let place = place(context, step, &cause.resource, &property);
    let path: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .chain([root.resource.as_str()])
        .collect();
    let error = Error::stacks(format!(
        "{} {} {}{place}: {reason}",
        path.join(" > "),
        root.resource_type,
        root.status
    ))
    .because(format!("{} ended in {}", step.stack, now.status));
    match hint(&root.resource_type, &reason) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The first failure inside of nested stacks, and the resources that lead to it.
async fn root(context: &Context, cause: &StackEvent) -> (Vec<String>, StackEvent) {
    let (mut names, mut found) = (Vec::new(), cause.clone());
    for _ in 0..DEEPEST {
        let nested = found.resource_type == "AWS::CloudFormation::Stack"
            && found.physical_id.starts_with("arn:");
        if !nested {
            break;
        }
        let id = found.physical_id.clone();
        let events = patient(context, || context.cloud.events_since(&id, None, None)).await;
        // The stack's own events have its own id; the last operation is the one that failed.
        let inner = events.unwrap_or_default().into_iter().rev();
        let mut operation: Vec<StackEvent> = inner
            .take_while(|event| event.physical_id != id || !is_start(&event.status))
            .collect();
        operation.reverse();
        let failed = operation
            .into_iter()
            .find(|event| is_cause(event) && event.physical_id != id);
        let Some(failed) = failed else { break };
        names.push(std::mem::replace(&mut found, failed).resource);
    }
    (names, found)
}

fn is_start(status: &str) -> bool {
    matches!(status, "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS")
}

/// The first failure is the cause; cancellations only follow from it.
pub(super) fn is_cause(event: &StackEvent) -> bool {
    let reason = event.reason.as_deref();
    event.status.ends_with("_FAILED") && !reason.is_some_and(|reason| reason.contains("cancelled"))
}

/// AWS's reason without the envelope that handlers put around it.
fn plain(reason: &str) -> String {
    static ENVELOPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?s)^Resource handler returned message: "(.*)" \(RequestToken: [^)]*\)$"#)
            .ok()
    });
    let inner = ENVELOPE
        .as_ref()
        .and_then(|envelope| envelope.captures(reason));
    let inner = inner
        .and_then(|parts| parts.get(1))
        .map(|part| part.as_str());
    inner.unwrap_or(reason).trim().to_owned()
}

/// The property that a reason names: `#/Foo/Bar: ...`.
fn property(reason: &str) -> Vec<&str> {
    let named = reason.split_once("#/").map(|(_, rest)| rest);
    let path = named.and_then(|rest| rest.split([':', ' ', ')']).next());
    path.map(|path| path.split('/').collect())
        .unwrap_or_default()
}

/// The reason with an encoded authorization failure decoded where the caller may, and shortened where
/// not.
async fn decoded(context: &Context, reason: String) -> String {
    const BEFORE: &str = "Encoded authorization failure message: ";
    let Some((said, rest)) = reason.split_once(BEFORE) else {
        return reason;
    };
    let encoded = rest.split_whitespace().next().unwrap_or(rest);
    match context.cloud.decode(encoded).await {
        Some(denied) => format!("{said}It is denied: {denied}"),
        None => format!("{said}(an encoded message: sts:DecodeAuthorizationMessage would read it)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_taken_off() {
        let reason = "Resource handler returned message: \"The name \"x\" is taken (Service: S3, Status Code: 409)\" \
                      (RequestToken: 1-2, HandlerErrorCode: AlreadyExists)";
        assert_eq!(
            plain(reason),
            "The name \"x\" is taken (Service: S3, Status Code: 409)"
        );
        assert_eq!(plain("other"), "other");
    }

    #[test]
    fn a_named_property_is_found() {
        assert_eq!(
            property("Model validation failed (#/A/0/B: wrong)"),
            ["A", "0", "B"]
        );
        assert_eq!(
            property("#: required key [X] not found"),
            Vec::<&str>::new()
        );
    }
}
