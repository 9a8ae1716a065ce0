//! Answers about change sets.

use super::describe::{page, page_of, pairs, parameters, subject, unless_empty};
use super::hierarchy::{self, EXECUTED};
use crate::local::core::Core;
use crate::local::model::{ChangeSet, Stack, State};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

type Answer = Result<Value, Refusal>;

/// The change set of that name or ARN, and its stack.
pub fn change_set_named<'a>(
    state: &'a State,
    query: &Query,
    name: &str,
) -> Result<(&'a Stack, &'a ChangeSet), Refusal> {
    let within = query.text("StackName");
    let by_id = name.starts_with("arn:");
    match within {
        None if !by_id => {
            return Err(Refusal::validation(
                "StackName must be specified if ChangeSetName is not specified as an ARN.",
            ));
        }
        Some(_) if !by_id => {
            subject(state, query)?;
        }
        _ => {}
    }
    let stacks = state.stacks.iter().filter(|stack| match within {
        Some(within) => {
            stack.id == within || (stack.name == within && stack.status != "DELETE_COMPLETE")
        }
        None => true,
    });
    stacks
        .flat_map(|stack| stack.change_sets.iter().rev().map(move |set| (stack, set)))
        .find(|(_, set)| set.id == name || (within.is_some() && set.name == name))
        .ok_or_else(|| Refusal::no_change_set(name))
}

/// DescribeChangeSet.
pub fn change_set(core: &Core, query: &Query) -> Answer {
    let name = query.required("ChangeSetName")?;
    let state = core.store.state();
    let (stack, set) = change_set_named(&state, query, name)?;
    let values = query.flag("IncludePropertyValues") == Some(true);
    let (changes, next) = page_of(set.changes.iter(), query, |change| match values {
        true => change.clone(),
        false => without_values(change),
    });
    Ok(json!({
        "ChangeSetName": set.name,
        "ChangeSetId": set.id,
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": set.description,
        "Parameters": unless_empty(parameters(&set.goal)),
        "CreationTime": set.created,
        "ExecutionStatus": hierarchy::execution(stack, set),
        "Status": set.status,
        "StatusReason": set.reason,
        "NotificationARNs": set.goal.topics,
        "Capabilities": set.goal.capabilities,
        "RollbackConfiguration": {},
        "Tags": unless_empty(pairs(&set.goal.tags, "Key", "Value")),
        "Changes": changes,
        "NextToken": next,
        "IncludeNestedStacks": set.nests,
        "ParentChangeSetId": set.parent,
        "RootChangeSetId": set.root,
        "ImportExistingResources": set.import_existing.then_some(true),
        "DeploymentConfig": set.goal.mode.as_ref().map(|mode| json!({ "Mode": mode })),
        "OnStackFailure": set.on_failure,
        "DeploymentMode": set.revert_drift.then_some("REVERT_DRIFT"),
    }))
}

/// A change without the values that are only told on demand.
fn without_values(change: &Value) -> Value {
    let mut change = change.clone();
    let resource = &mut change["ResourceChange"];
    if let Some(fields) = resource.as_object_mut() {
        fields.shift_remove("BeforeContext");
        fields.shift_remove("AfterContext");
    }
    for detail in resource["Details"].as_array_mut().into_iter().flatten() {
        if let Some(target) = detail["Target"].as_object_mut() {
            for name in ["Path", "BeforeValue", "AfterValue", "AttributeChangeType"] {
                target.shift_remove(name);
            }
        }
    }
    change
}

/// ListChangeSets.
pub fn list_change_sets(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let stack = subject(&state, query)?;
    let open = stack.change_sets.iter();
    let found = open
        .filter(|set| set.execution != EXECUTED)
        .map(|set| {
            json!({
                "StackId": stack.id,
                "StackName": stack.name,
                "ChangeSetId": set.id,
                "ChangeSetName": set.name,
                "ExecutionStatus": set.execution,
                "Status": set.status,
                "StatusReason": set.reason,
                "CreationTime": set.created,
                "Description": set.description,
                "IncludeNestedStacks": set.nests,
                "ParentChangeSetId": set.parent,
                "RootChangeSetId": set.root,
                "ImportExistingResources": set.import_existing.then_some(true),
            })
        })
        .collect();
    let (found, next) = page(found, query);
    Ok(json!({ "Summaries": found, "NextToken": next }))
}
