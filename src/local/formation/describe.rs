//! Answers that only read.

use super::evaluate::{self, section};
use super::{check, drift, lifecycle, transform};
use crate::local::core::Core;
use crate::local::model::{ChangeSet, Event, Goal, Resource, Stack, State};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::services::s3;
use crate::template::Template;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Answer = Result<Value, Refusal>;

/// How many events, stacks or resources stand in one answer.
const PAGE: usize = 100;

/// A page of what there is to show, and the token of the next one.
pub fn page(items: Vec<Value>, query: &Query) -> (Vec<Value>, Option<String>) {
    page_of(items.into_iter(), query, |item| item)
}

/// The same, showing no more than the page.
fn page_of<T>(
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

pub fn stacks(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    if query.text("StackName").is_some() {
        return Ok(json!({ "Stacks": [stack(named(&state, query)?)] }));
    }
    let living = state.stacks.iter().rev();
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
        "Parameters": parameters(&stack.goal),
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "DisableRollback": stack.disable_rollback,
        "NotificationARNs": stack.goal.topics,
        "TimeoutInMinutes": stack.timeout,
        "Capabilities": stack.goal.capabilities,
        "Outputs": outputs,
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

fn parameters(goal: &Goal) -> Vec<Value> {
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

fn pairs(map: &BTreeMap<String, String>, key: &str, value: &str) -> Vec<Value> {
    map.iter()
        .map(|(name, text)| json!({ key: name, value: text }))
        .collect()
}

pub fn list_stacks(core: &Core, query: &Query) -> Answer {
    let wanted = query.list("StackStatusFilter");
    let state = core.store.state();
    let chosen = state
        .stacks
        .iter()
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

pub fn events(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let stack = named(&state, query)?;
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
        (None, _) if query.text("StackName").is_some() => (named(&state, query)?, operation),
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

pub fn resources(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let stack = named(&state, query)?;
    let one = query.text("LogicalResourceId");
    let found: Vec<Value> = stack
        .resources
        .values()
        .filter(|held| one.is_none_or(|one| one == held.logical_id))
        .map(|held| resource(stack, held, "Timestamp"))
        .collect();
    Ok(json!({ "StackResources": found }))
}

pub fn one_resource(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let stack = named(&state, query)?;
    let name = query.required("LogicalResourceId")?;
    let held = stack.resources.get(name).ok_or_else(|| {
        Refusal::validation(format!(
            "Resource {name} does not exist for stack {}",
            stack.name
        ))
    })?;
    Ok(json!({ "StackResourceDetail": resource(stack, held, "LastUpdatedTimestamp") }))
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

/// The template's text: given with the request, or in a bucket.
pub fn body(core: &Core, query: &Query) -> Result<Option<String>, Refusal> {
    if let Some(body) = query.text("TemplateBody") {
        if body.len() > crate::template::body::INLINE_LIMIT {
            return Err(Refusal::validation(
                "1 validation error detected: Value at 'templateBody' failed to satisfy \
                 constraint: Member must have length less than or equal to 51200",
            ));
        }
        return Ok(Some(body.to_owned()));
    }
    let Some(url) = query.text("TemplateURL") else {
        return Ok(None);
    };
    let found = s3::read_url(core.store.directory(), url);
    found.map(Some).ok_or_else(|| {
        Refusal::validation("S3 error: The specified key does not exist.".to_owned())
    })
}

pub fn template(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let goal = match query.text("ChangeSetName") {
        Some(name) => &change_set_named(&state, query, name)?.1.goal,
        None => &named(&state, query)?.goal,
    };
    let body = match query.text("TemplateStage") {
        Some("Processed") => goal.text(),
        _ => &goal.body,
    };
    // A stack in review has none, only its change sets do.
    let body = Some(body).filter(|body| !body.is_empty());
    Ok(json!({ "TemplateBody": body, "StagesAvailable": ["Original", "Processed"] }))
}

/// GetTemplateSummary and ValidateTemplate, which say much the same.
pub fn summary(core: &Core, query: &Query) -> Answer {
    let text = match body(core, query)? {
        Some(text) => text,
        None => {
            let state = core.store.state();
            let stack = named(&state, query)?;
            if stack.status == "REVIEW_IN_PROGRESS" {
                return Err(Refusal::validation(
                    "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.",
                ));
            }
            stack.goal.body.clone()
        }
    };
    let template = evaluate::parse(&text)?;
    // What transforms make of it is not known here.
    if !transform::is_transformed(&template) {
        check::validate(&template)?;
    }
    let declared = Template::parse(&text)
        .map(|template| template.parameters)
        .unwrap_or_default();
    let parameters: Vec<Value> = declared
        .iter()
        .map(|parameter| {
            let rule = &template["Parameters"][&parameter.name];
            json!({
                "ParameterKey": parameter.name,
                "DefaultValue": parameter.default,
                "ParameterType": parameter.type_name,
                "NoEcho": parameter.no_echo,
                "Description": rule["Description"],
                "ParameterConstraints": { "AllowedValues": parameter.allowed_values },
            })
        })
        .collect();
    let types: BTreeSet<&str> = section(&template, "Resources")
        .filter_map(|(_, entry)| entry["Type"].as_str())
        .collect();
    let needed = capability(&template);
    let why = needed.map(|_| {
        let iam: Vec<&&str> = types
            .iter()
            .filter(|kind| kind.starts_with("AWS::IAM::"))
            .collect();
        format!("The following resource(s) require capabilities: {iam:?}").replace('"', "")
    });
    Ok(json!({
        "Parameters": parameters,
        "Description": template["Description"],
        "Capabilities": needed.into_iter().collect::<Vec<_>>(),
        "CapabilitiesReason": why,
        "ResourceTypes": types,
        "Version": template["AWSTemplateFormatVersion"],
        "Metadata": template.get("Metadata").map(Value::to_string),
    }))
}

/// The capability that the template needs: IAM entities, and such with names of their own.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
pub fn capability(template: &Value) -> Option<&'static str> {
    const ENTITIES: &[(&str, &str)] = &[
        ("AWS::IAM::AccessKey", ""),
        ("AWS::IAM::Group", "GroupName"),
        ("AWS::IAM::InstanceProfile", "InstanceProfileName"),
        ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
        ("AWS::IAM::Policy", ""),
        ("AWS::IAM::Role", "RoleName"),
        ("AWS::IAM::User", "UserName"),
        ("AWS::IAM::UserToGroupAddition", ""),
    ];
    let mut needed = None;
    for (_, entry) in section(template, "Resources") {
        let Some((_, name)) = ENTITIES.iter().find(|(kind, _)| entry["Type"] == *kind) else {
            continue;
        };
        if !name.is_empty() && entry["Properties"].get(name).is_some() {
            return Some("CAPABILITY_NAMED_IAM");
        }
        needed = Some("CAPABILITY_IAM");
    }
    needed
}

/// The change set of that name or ARN, and its stack.
pub fn change_set_named<'a>(
    state: &'a State,
    query: &Query,
    name: &str,
) -> Result<(&'a Stack, &'a ChangeSet), Refusal> {
    let within = query.text("StackName");
    let stacks = state.stacks.iter().filter(|stack| match within {
        Some(within) => {
            stack.id == within || (stack.name == within && stack.status != "DELETE_COMPLETE")
        }
        None => true,
    });
    stacks
        .flat_map(|stack| stack.change_sets.iter().map(move |set| (stack, set)))
        .find(|(_, set)| set.id == name || (within.is_some() && set.name == name))
        .ok_or_else(|| Refusal::no_change_set(name))
}

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
        "Parameters": parameters(&set.goal),
        "CreationTime": set.created,
        "ExecutionStatus": set.execution,
        "Status": set.status,
        "StatusReason": set.reason,
        "NotificationARNs": set.goal.topics,
        "Capabilities": set.goal.capabilities,
        "Tags": pairs(&set.goal.tags, "Key", "Value"),
        "Changes": changes,
        "NextToken": next,
        "IncludeNestedStacks": false,
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

pub fn list_change_sets(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let stack = named(&state, query)?;
    let found: Vec<Value> = stack
        .change_sets
        .iter()
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
            })
        })
        .collect();
    Ok(json!({ "Summaries": found }))
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
