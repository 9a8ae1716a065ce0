//! Answers that only read.

use super::lag::Past;
use super::source;
use super::{drift, lifecycle};
use crate::local::core::Core;
use crate::local::model::{Event, Goal, Resource, Stack, State};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Answer = Result<Value, Refusal>;

/// How many events, stacks or resources stand in one answer.
const PAGE: usize = 100;

/// A page of what there is to show, and the token of the next one.
pub fn page(items: Vec<Value>, query: &Query) -> (Vec<Value>, Option<String>) {
    page_of(items.into_iter(), query, |item| item)
}

/// The same, showing no more than the page.
pub(super) fn page_of<T>(
    items: impl Iterator<Item = T>,
    query: &Query,
    show: impl Fn(T) -> Value,
) -> (Vec<Value>, Option<String>) {
    let number = |name: &str| query.text(name).and_then(|text| text.parse::<usize>().ok());
    let start = number("NextToken").unwrap_or(0);
    let size = number("MaxResults").unwrap_or(PAGE).clamp(1, PAGE);
    let mut rest = items.skip(start);
    let shown: Vec<Value> = rest.by_ref().take(size).map(show).collect();
    let token = rest.next().map(|_| start.saturating_add(size).to_string());
    (shown, token)
}

/// The stack that the request names.
pub fn named<'a>(state: &'a State, query: &Query) -> Result<&'a Stack, Refusal> {
    let name = query.required("StackName")?;
    state.find(name).ok_or_else(|| Refusal::no_stack(name))
}

/// The same for the actions that say it in other words.
pub fn subject<'a>(state: &'a State, query: &Query) -> Result<&'a Stack, Refusal> {
    let name = query.required("StackName")?;
    state.find(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Refusal {
    Refusal::validation(format!("Stack [{name}] does not exist"))
}

/// The same as it was.
pub(super) fn subject_in<'a>(
    past: &'a Past,
    state: &'a State,
    query: &Query,
) -> Result<&'a Stack, Refusal> {
    let name = query.required("StackName")?;
    past.find(state, name).ok_or_else(|| missing(name))
}

pub fn stacks(core: &Core, query: &Query) -> Answer {
    let past = Past::seen_by(core, "DescribeStacks");
    let state = core.store.state();
    if let Some(name) = query.text("StackName") {
        let found = past.find(&state, name);
        let found = found.ok_or_else(|| Refusal::no_stack(name))?;
        return Ok(json!({ "Stacks": [stack(found)] }));
    }
    let living = past.stacks(&state).rev();
    let living = living.filter(|s| s.status != "DELETE_COMPLETE");
    let (found, next) = page_of(living, query, stack);
    Ok(json!({ "Stacks": found, "NextToken": next }))
}

fn stack(stack: &Stack) -> Value {
    let outputs: Vec<Value> = stack
        .outputs
        .iter()
        .map(|output| {
            json!({
                "OutputKey": output.key,
                "OutputValue": output.value,
                "Description": output.description,
                "ExportName": output.export,
            })
        })
        .collect();
    json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "ChangeSetId": stack.change_set_id,
        "Description": stack.goal.description,
        "Parameters": unless_empty(parameters(&stack.goal)),
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "DisableRollback": stack.disable_rollback,
        "NotificationARNs": stack.goal.topics,
        "TimeoutInMinutes": stack.timeout,
        "RollbackConfiguration": {},
        "Capabilities": unless_empty(stack.goal.capabilities.iter().map(|one| json!(one)).collect()),
        "Outputs": unless_empty(outputs),
        "RoleARN": stack.goal.role_arn,
        "Tags": pairs(&stack.goal.tags, "Key", "Value"),
        "EnableTerminationProtection": stack.protected,
        "ParentId": stack.parent,
        "RootId": stack.root,
        "DetailedStatus": stack.operation.invalid.as_ref().map(|_| "VALIDATION_FAILED"),
        "LastOperations": last_operations(stack),
        "DriftInformation": drift::information(stack),
        "DeploymentConfig": stack.goal.mode.as_ref().map(|mode| json!({ "Mode": mode })),
    })
}

/// A list that is left out where there is nothing in it.
pub(super) fn unless_empty(list: Vec<Value>) -> Option<Vec<Value>> {
    Some(list).filter(|list| !list.is_empty())
}

fn last_operations(stack: &Stack) -> Vec<Value> {
    let mut seen: Vec<&Event> = Vec::new();
    for event in stack.events.iter().rev() {
        let known = seen.iter().any(|other| other.operation == event.operation);
        if !known && !event.operation.is_empty() && seen.len() < 2 {
            seen.push(event);
        }
    }
    let shown = seen.into_iter();
    shown
        .map(|event| {
            json!({ "OperationType": event.operation_kind, "OperationId": event.operation })
        })
        .collect()
}

pub(super) fn parameters(goal: &Goal) -> Vec<Value> {
    goal.parameters
        .iter()
        .map(|(name, value)| {
            let secret = goal.secrets.contains(name);
            json!({
                "ParameterKey": name,
                "ParameterValue": if secret { "****" } else { value },
                "ResolvedValue": goal.resolved.get(name),
            })
        })
        .collect()
}

pub(super) fn pairs(map: &BTreeMap<String, String>, key: &str, value: &str) -> Vec<Value> {
    map.iter()
        .map(|(name, text)| json!({ key: name, value: text }))
        .collect()
}

pub fn list_stacks(core: &Core, query: &Query) -> Answer {
    let wanted = query.list("StackStatusFilter");
    let past = Past::seen_by(core, "ListStacks");
    let state = core.store.state();
    let chosen = past
        .stacks(&state)
        .rev()
        .filter(|stack| wanted.is_empty() || wanted.contains(&stack.status));
    let (found, next) = page_of(chosen, query, |stack| {
        json!({
            "StackId": stack.id,
            "StackName": stack.name,
            "TemplateDescription": stack.goal.description,
            "CreationTime": stack.created,
            "LastUpdatedTime": stack.updated,
            "DeletionTime": stack.deleted,
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "ParentId": stack.parent,
            "RootId": stack.root,
            "DriftInformation": drift::information(stack),
        })
    });
    Ok(json!({ "StackSummaries": found, "NextToken": next }))
}

fn resource(stack: &Stack, resource: &Resource, moment: &str) -> Value {
    json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.kind,
        moment: resource.updated,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason,
        "DriftInformation": drift::of_resource(resource),
    })
}

/// DescribeStackResources: of a stack, or of the one that a physical id is in.
pub fn resources(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let stack = match query.text("PhysicalResourceId") {
        Some(id) => holder(&state, id)?,
        None => named(&state, query)?,
    };
    let one = query.text("LogicalResourceId");
    let found: Vec<Value> = stack
        .resources
        .values()
        .filter(|held| one.is_none_or(|one| one == held.logical_id))
        .map(|held| resource(stack, held, "Timestamp"))
        .collect();
    Ok(json!({ "StackResources": found }))
}

/// The stack that a resource is in, by its physical id.
fn holder<'a>(state: &'a State, id: &str) -> Result<&'a Stack, Refusal> {
    let holds = |stack: &&Stack| stack.resources.values().any(|held| held.physical_id == id);
    let living = state
        .stacks
        .iter()
        .filter(|stack| stack.status != "DELETE_COMPLETE");
    living
        .rev()
        .find(holds)
        .ok_or_else(|| Refusal::validation(format!("Stack for {id} does not exist")))
}

/// DescribeStackResource.
pub fn one_resource(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let asked = query.required("StackName")?;
    let missing = || Refusal::validation(format!("Stack '{asked}' does not exist"));
    let stack = state.find(asked).ok_or_else(missing)?;
    let name = query.required("LogicalResourceId")?;
    let held = stack.resources.get(name).ok_or_else(|| {
        Refusal::validation(format!("Resource {name} does not exist for stack {asked}"))
    })?;
    let mut shown = resource(stack, held, "LastUpdatedTimestamp");
    let template = source::parse(stack.goal.text()).unwrap_or_default();
    let metadata = template["Resources"][name].get("Metadata");
    shown["Metadata"] = json!(metadata.map_or_else(|| "{}".to_owned(), Value::to_string));
    Ok(json!({ "StackResourceDetail": shown }))
}

pub fn list_resources(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let stack = named(&state, query)?;
    let found = stack
        .resources
        .values()
        .map(|held| resource(stack, held, "LastUpdatedTimestamp"))
        .collect();
    let (found, next) = page(found, query);
    Ok(json!({ "StackResourceSummaries": found, "NextToken": next }))
}

/// ListImports.
pub fn imports(core: &Core, query: &Query) -> Answer {
    let export = query.required("ExportName")?;
    let state = core.store.state();
    let users = lifecycle::importers(&state, export);
    if users.is_empty() {
        return Err(Refusal::validation(format!(
            "Export '{export}' is not imported by any stack."
        )));
    }
    let (found, next) = page_of(users.into_iter(), query, |stack| json!(stack.name));
    Ok(json!({ "Imports": found, "NextToken": next }))
}

pub fn exports(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let found = state
        .stacks
        .iter()
        .filter(|stack| stack.status != "DELETE_COMPLETE")
        .flat_map(|stack| stack.outputs.iter().map(move |output| (stack, output)))
        .filter_map(|(stack, output)| {
            let name = output.export.as_ref()?;
            Some(json!({ "ExportingStackId": stack.id, "Name": name, "Value": output.value }))
        })
        .collect();
    let (found, next) = page(found, query);
    Ok(json!({ "Exports": found, "NextToken": next }))
}

pub fn policy(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    Ok(json!({ "StackPolicyBody": named(&state, query)?.policy }))
}

/// DescribeAccountLimits: those of a new account.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_AccountLimit.html>
pub fn limits() -> Value {
    let limits = [
        ("StackLimit", 2000),
        ("StackOutputsLimit", 200),
        ("ConcurrentResourcesLimit", 2500),
    ];
    let limits = limits.map(|(name, value)| json!({ "Name": name, "Value": value }));
    json!({ "AccountLimits": limits })
}
