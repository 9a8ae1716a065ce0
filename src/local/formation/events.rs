//! Answers about events.

use super::describe::{page_of, subject, subject_in};
use super::lag::Past;
use super::reviews::change_set_named;
use crate::local::core::Core;
use crate::local::model::{Event, Stack};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

type Answer = Result<Value, Refusal>;

/// DescribeStackEvents.
pub fn events(core: &Core, query: &Query) -> Answer {
    let past = Past::seen_by(core, "DescribeStackEvents");
    let state = core.store.state();
    let stack = subject_in(&past, &state, query)?;
    let all = stack.events.iter().rev();
    let progress = all.filter(|event| event.finding.is_none());
    let (found, next) = page_of(progress, query, |one| event(stack, one));
    Ok(json!({ "StackEvents": found, "NextToken": next }))
}

fn event(stack: &Stack, event: &Event) -> Value {
    json!({
        "StackId": stack.id,
        "EventId": event.id,
        "StackName": stack.name,
        "OperationId": event.operation,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.kind,
        "Timestamp": event.time,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceProperties": event.properties,
        "ClientRequestToken": event.token,
    })
}

/// DescribeEvents: progress and findings, by stack, change set or operation.
pub fn operation_events(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let set = query.text("ChangeSetName");
    let operation = query.text("OperationId");
    let (stack, operation) = match (set, operation) {
        (Some(set), _) => {
            let (stack, set) = change_set_named(&state, query, set)?;
            (stack, Some(set.events.as_str()))
        }
        (None, _) if query.text("StackName").is_some() => (subject(&state, query)?, operation),
        (None, Some(operation)) => {
            let of = |stack: &&Stack| {
                stack
                    .events
                    .iter()
                    .any(|event| event.operation == operation)
            };
            let stack = state.stacks.iter().find(of).ok_or_else(|| {
                Refusal::validation(format!("Operation with id {operation} does not exist"))
            })?;
            (stack, Some(operation))
        }
        (None, None) => {
            return Err(Refusal::validation(
                "One of ChangeSetName, OperationId or StackName must be specified",
            ));
        }
    };
    let failed = query.flag("Filters.FailedEvents") == Some(true);
    let chosen = stack.events.iter().rev().filter(|event| {
        let broken = event.status.ends_with("_FAILED") || event.finding.is_some();
        operation.is_none_or(|id| id == event.operation) && (!failed || broken)
    });
    let (found, next) = page_of(chosen, query, |one| operation_event(stack, one));
    Ok(json!({ "OperationEvents": found, "NextToken": next }))
}

fn operation_event(stack: &Stack, one: &Event) -> Value {
    let own = one.kind == "AWS::CloudFormation::Stack" && one.logical_id == stack.name;
    let kind = match &one.finding {
        Some(_) => "VALIDATION_ERROR",
        None if one.status.ends_with("_FAILED") && !own => "PROVISIONING_ERROR",
        None if own => "STACK_EVENT",
        None => "PROGRESS_EVENT",
    };
    let over = match one.status.as_str() {
        status if status.ends_with("_FAILED") || status.contains("ROLLBACK") => "FAILED",
        status if status.ends_with("_COMPLETE") => "SUCCEEDED",
        _ => "IN_PROGRESS",
    };
    let mut shown = event(stack, one);
    shown["EventType"] = json!(kind);
    shown["OperationType"] = json!(one.operation_kind);
    shown["OperationStatus"] = json!(own.then_some(over));
    if let Some(finding) = &one.finding {
        shown["ResourceStatus"] = Value::Null;
        shown["ValidationName"] = json!(finding.name);
        shown["ValidationStatus"] = json!("FAILED");
        shown["ValidationFailureMode"] = json!(if finding.stops { "FAIL" } else { "WARN" });
        shown["ValidationStatusReason"] = json!(finding.reason);
        shown["ValidationPath"] = json!(finding.path);
    }
    shown
}
