//! The actions of the CloudFormation API.

use super::changes::{changes, differs};
use super::describe::{self, body, capability, change_set_named, named};
use super::engine::{exports, place};
use super::evaluate::{self, Place};
use super::parameters::{self, Given};
use super::transform;
use crate::local::core::{Core, enter};
use crate::local::ids;
use crate::local::model::{ChangeSet, Goal, Operation, Phase, Snapshot, Stack, State};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::services::{s3, ssm};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

type Answer = Result<Value, Refusal>;

/// Answers a request.
///
/// # Errors
/// What the service refuses, in its words.
pub fn answer(core: &Arc<Core>, action: &str, query: &Query) -> Answer {
    match action {
        "DescribeStacks" => describe::stacks(core, query),
        "ListStacks" => describe::list_stacks(core, query),
        "DescribeStackEvents" => describe::events(core, query),
        "DescribeStackResource" => describe::one_resource(core, query),
        "DescribeStackResources" => describe::resources(core, query),
        "ListStackResources" => describe::list_resources(core, query),
        "GetTemplate" => describe::template(core, query),
        "GetTemplateSummary" | "ValidateTemplate" => describe::summary(core, query),
        "DescribeChangeSet" => describe::change_set(core, query),
        "ListChangeSets" => describe::list_change_sets(core, query),
        "ListExports" => describe::exports(core, query),
        "GetStackPolicy" => describe::policy(core, query),
        "CreateStack" => create_stack(core, query),
        "UpdateStack" => update_stack(core, query),
        "DeleteStack" => delete_stack(core, query),
        "CreateChangeSet" => create_change_set(core, query),
        "ExecuteChangeSet" => execute_change_set(core, query),
        "DeleteChangeSet" => delete_change_set(core, query),
        "CancelUpdateStack" => cancel_update(core, query),
        "ContinueUpdateRollback" => continue_rollback(core, query),
        "RollbackStack" => rollback_stack(core, query),
        "UpdateTerminationProtection" => protect(core, query),
        "SetStackPolicy" => set_policy(core, query),
        other => Err(unknown(other)),
    }
}

/// Whether an action changes what is kept.
pub fn changes_state(action: &str) -> bool {
    !["Describe", "List", "Get", "Validate"]
        .iter()
        .any(|verb| action.starts_with(verb))
}

/// The refusal of an action that there is not.
pub fn unknown(action: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidAction",
        format!("Could not find operation {action} for version 2010-05-15"),
    )
}

/// What the request asks the stack to be.
fn goal(core: &Core, query: &Query, before: &Goal, place: &Place) -> Result<Goal, Refusal> {
    let text = match body(core, query)? {
        Some(text) => text,
        None if query.flag("UsePreviousTemplate") == Some(true) => before.body.clone(),
        None => {
            return Err(Refusal::validation(
                "Either Template URL or Template Body must be specified.",
            ));
        }
    };
    let written = evaluate::parse(&text)?;
    let stored = |name: &str| ssm::find(&core.store.state(), name).map(|found| found.value);
    let (parameters, resolved) =
        parameters::evaluate(&written, &given(query), &before.parameters, &stored)?;
    let mut goal = Goal {
        body: text,
        description: written["Description"].as_str().map(str::to_owned),
        secrets: parameters::secrets(&written),
        parameters,
        resolved,
        ..Goal::default()
    };
    let load = |url: &str| s3::read_url(core.store.directory(), url);
    let template = transform::apply(&written, place, &goal.values(), &load)?;
    goal.capabilities = query.list("Capabilities");
    if let Some(template) = &template {
        // Who looks at a change set first has seen what the transforms made.
        let direct = query.text("ChangeSetName").is_none();
        let expand = "CAPABILITY_AUTO_EXPAND";
        if direct && !goal.capabilities.iter().any(|given| given == expand) {
            return Err(insufficient(expand));
        }
        goal.processed = Some(template.to_string());
    }
    let template = template.unwrap_or(written);
    evaluate::validate(&template)?;
    evaluate::conditions(&template, place, &goal.values())?;
    require_capability(&template, &goal.capabilities)?;
    goal.tags = if query.has_list("Tags") {
        tags(query)?
    } else {
        before.tags.clone()
    };
    goal.topics = if query.has_list("NotificationARNs") {
        query.list("NotificationARNs")
    } else {
        before.topics.clone()
    };
    goal.role_arn = query.owned("RoleARN").or_else(|| before.role_arn.clone());
    goal.mode = query.owned("DeploymentConfig.Mode");
    Ok(goal)
}

fn given(query: &Query) -> BTreeMap<String, Given> {
    query
        .rows("Parameters")
        .into_iter()
        .filter_map(|row| {
            let name = row.get("ParameterKey")?.clone();
            let previous = row
                .get("UsePreviousValue")
                .is_some_and(|flag| flag == "true");
            let value = row.get("ParameterValue").cloned().unwrap_or_default();
            Some((
                name,
                if previous {
                    Given::Previous
                } else {
                    Given::Value(value)
                },
            ))
        })
        .collect()
}

fn require_capability(template: &Value, acknowledged: &[String]) -> Result<(), Refusal> {
    let Some(needed) = capability(template) else {
        return Ok(());
    };
    let enough = acknowledged
        .iter()
        .any(|given| given == needed || given == "CAPABILITY_NAMED_IAM");
    if enough {
        return Ok(());
    }
    Err(insufficient(needed))
}

fn insufficient(needed: &str) -> Refusal {
    Refusal::new(
        400,
        "InsufficientCapabilitiesException",
        format!("Requires capabilities : [{needed}]"),
    )
}

fn tags(query: &Query) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for row in query.rows("Tags") {
        let (key, value) = (row.get("Key").cloned(), row.get("Value").cloned());
        let key = key.ok_or_else(|| Refusal::validation("A tag must have a key"))?;
        if key.starts_with("aws:") {
            return Err(Refusal::validation(format!(
                "aws: prefixed tag key names are not allowed for external use: {key}"
            )));
        }
        tags.insert(key, value.unwrap_or_default());
    }
    Ok(tags)
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let good = Regex::new("^[a-zA-Z][-a-zA-Z0-9]{0,127}$").is_ok_and(|rule| rule.is_match(name));
    if good {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

fn new_stack(core: &Core, name: &str) -> Stack {
    Stack {
        id: core.arn(&format!("stack/{name}/{}", ids::uuid())),
        name: name.to_owned(),
        created: ids::now(),
        ..Stack::default()
    }
}

fn operation(kind: &str, query: &Query, phase: Phase) -> Operation {
    Operation {
        id: ids::uuid(),
        kind: kind.to_owned(),
        token: query.owned("ClientRequestToken"),
        phase,
        started: ids::now(),
        disable_rollback: query.flag("DisableRollback") == Some(true),
        ..Operation::default()
    }
}

/// A request that is repeated with its token is answered as it was.
fn repeated(state: &State, action: &str, query: &Query) -> Option<Value> {
    let key = format!("{action}/{}", query.text("ClientRequestToken")?);
    let mut stacks = state.stacks.iter().rev();
    stacks.find_map(|stack| stack.tokens.get(&key)).cloned()
}

fn remember(stack: &mut Stack, action: &str, query: &Query, answer: &Value) {
    if let Some(token) = query.text("ClientRequestToken") {
        stack
            .tokens
            .insert(format!("{action}/{token}"), answer.clone());
    }
}

fn create_stack(core: &Arc<Core>, query: &Query) -> Answer {
    let name = query.required("StackName")?;
    check_name(name)?;
    if let Some(answer) = repeated(&core.store.state(), "CreateStack", query) {
        return Ok(answer);
    }
    let mut stack = new_stack(core, name);
    stack.goal = goal(core, query, &Goal::default(), &place(core, &stack))?;
    stack.policy = query.owned("StackPolicyBody");
    stack.protected = query.flag("EnableTerminationProtection") == Some(true);
    stack.timeout = query
        .text("TimeoutInMinutes")
        .and_then(|minutes| minutes.parse().ok());
    stack.operation = operation("CREATE_STACK", query, Phase::Create);
    stack.operation.express = stack.goal.mode.as_deref() == Some("EXPRESS");
    match query.text("OnFailure") {
        Some("DO_NOTHING") => stack.operation.disable_rollback = true,
        Some("DELETE") => stack.delete_on_failure = true,
        _ => {}
    }
    stack.disable_rollback = stack.operation.disable_rollback;
    enter(
        &mut stack,
        "CREATE_IN_PROGRESS",
        Some("User Initiated".to_owned()),
    );
    let (id, mut state) = (stack.id.clone(), core.store.state());
    if state.find(name).is_some() {
        let message = format!("Stack [{name}] already exists");
        return Err(Refusal::new(400, "AlreadyExistsException", message));
    }
    let answer = json!({ "StackId": id });
    remember(&mut stack, "CreateStack", query, &answer);
    state.add(stack);
    drop(state);
    core.drive(id);
    Ok(answer)
}

/// Whether the stack can be updated, in the service's words where it cannot.
fn can_update(stack: &Stack, disable_rollback: bool) -> Result<(), Refusal> {
    let ready = matches!(
        stack.status.as_str(),
        "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE"
    ) || (disable_rollback
        && matches!(stack.status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED"));
    if ready {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "Stack:{} is in {} state and can not be updated.",
        stack.id, stack.status
    )))
}

fn begin_update(stack: &mut Stack, goal: Goal, query: &Query) {
    let before = Snapshot {
        goal: std::mem::replace(&mut stack.goal, goal),
        resources: stack.resources.clone(),
        outputs: stack.outputs.clone(),
    };
    let stopped = stack.status.ends_with("_FAILED");
    let base = stack.operation.before.take().filter(|_| stopped);
    stack.operation = operation("UPDATE_STACK", query, Phase::Update);
    stack.operation.before = Some(base.unwrap_or_else(|| Box::new(before)));
    stack.operation.express = stack.goal.mode.as_deref() == Some("EXPRESS");
    enter(
        stack,
        "UPDATE_IN_PROGRESS",
        Some("User Initiated".to_owned()),
    );
}

fn update_stack(core: &Arc<Core>, query: &Query) -> Answer {
    if let Some(answer) = repeated(&core.store.state(), "UpdateStack", query) {
        return Ok(answer);
    }
    let (before, place) = {
        let state = core.store.state();
        let stack = named(&state, query)?;
        can_update(stack, query.flag("DisableRollback") == Some(true))?;
        (stack.goal.clone(), place(core, stack))
    };
    let goal = goal(core, query, &before, &place)?;
    let mut state = core.store.state();
    let stack = state
        .find_mut(&place.stack_id)
        .ok_or_else(|| Refusal::no_stack(&place.stack_name))?;
    if !differs(stack, &goal) && !stack.status.ends_with("_FAILED") {
        return Err(Refusal::validation("No updates are to be performed."));
    }
    begin_update(stack, goal, query);
    let answer = json!({ "StackId": stack.id });
    remember(stack, "UpdateStack", query, &answer);
    drop(state);
    core.drive(place.stack_id);
    Ok(answer)
}

fn delete_stack(core: &Arc<Core>, query: &Query) -> Answer {
    let name = query.required("StackName")?;
    let mut state = core.store.state();
    let busy_import = in_use(&state, name);
    let Some(stack) = state
        .find_mut(name)
        .filter(|stack| stack.status != "DELETE_COMPLETE")
    else {
        return Ok(Value::Null);
    };
    if stack.protected {
        return Err(Refusal::validation(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        )));
    }
    if stack.operation.phase == Phase::Delete {
        return Ok(Value::Null);
    }
    if stack.busy() && stack.operation.phase != Phase::Create {
        return Err(Refusal::validation(format!(
            "Stack [{}] cannot be deleted while in status {}",
            stack.id, stack.status
        )));
    }
    let retain = query.list("RetainResources");
    if !retain.is_empty() && stack.status != "DELETE_FAILED" {
        return Err(Refusal::validation(format!(
            "Invalid operation on stack [{}]. RetainResources is only supported for stacks in DELETE_FAILED state.",
            stack.id
        )));
    }
    if let Some((export, user)) = busy_import {
        stack.operation = operation("DELETE_STACK", query, Phase::Idle);
        let reason =
            format!("Delete canceled. Cannot delete export {export} as it is in use by {user}");
        enter(
            stack,
            "DELETE_IN_PROGRESS",
            Some("User Initiated".to_owned()),
        );
        enter(stack, "DELETE_FAILED", Some(reason));
        return Ok(Value::Null);
    }
    let creating = stack.busy();
    stack.operation = operation("DELETE_STACK", query, Phase::Delete);
    // A create that is under way stops; the engine sees the new phase when it looks.
    stack.operation.cancelled = false;
    stack.operation.skip = retain.into_iter().collect();
    enter(
        stack,
        "DELETE_IN_PROGRESS",
        Some("User Initiated".to_owned()),
    );
    let id = stack.id.clone();
    drop(state);
    if !creating {
        core.drive(id);
    }
    Ok(Value::Null)
}

/// An export of the stack that another one imports, and that one's name.
fn in_use(state: &State, name: &str) -> Option<(String, String)> {
    let stack = state.find(name)?;
    let exported: Vec<&String> = stack
        .outputs
        .iter()
        .filter_map(|o| o.export.as_ref())
        .collect();
    if exported.is_empty() {
        return None;
    }
    state
        .stacks
        .iter()
        .filter(|other| other.id != stack.id && other.status != "DELETE_COMPLETE")
        .find_map(|other| {
            let template = evaluate::parse(other.goal.text()).ok()?;
            let imported = imports(&template, other);
            let export = exported.iter().find(|export| imported.contains(export))?;
            Some(((*export).clone(), other.name.clone()))
        })
}

fn imports(value: &Value, stack: &Stack) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(|item| imports(item, stack)).collect(),
        Value::Object(fields) => match fields.get("Fn::ImportValue") {
            Some(name) => {
                let place = Place {
                    stack_name: stack.name.clone(),
                    ..Place::default()
                };
                let (none, no_exports, no_conditions) =
                    (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
                let scope = evaluate::Scope {
                    template: &Value::Null,
                    place: &place,
                    parameters: &stack.goal.values(),
                    conditions: &no_conditions,
                    resources: &none,
                    exports: &no_exports,
                    later: None,
                };
                let name = scope.resolve(name).ok().flatten();
                name.and_then(|name| name.as_str().map(str::to_owned))
                    .into_iter()
                    .collect()
            }
            None => fields
                .values()
                .flat_map(|field| imports(field, stack))
                .collect(),
        },
        _ => vec![],
    }
}

fn create_change_set(core: &Arc<Core>, query: &Query) -> Answer {
    let set_name = query.required("ChangeSetName")?;
    let name = query.required("StackName")?;
    let create = query.text("ChangeSetType") == Some("CREATE");
    let mut stack = {
        let state = core.store.state();
        match state.find(name) {
            Some(stack) if create && stack.status != "REVIEW_IN_PROGRESS" => {
                return Err(Refusal::validation(format!(
                    "Stack [{}] already exists and cannot be created again with the changeSet [{set_name}].",
                    stack.name
                )));
            }
            Some(stack) => stack.clone(),
            None if create => {
                check_name(name)?;
                let mut stack = new_stack(core, name);
                stack.operation = operation("CREATE_CHANGESET", query, Phase::Idle);
                enter(
                    &mut stack,
                    "REVIEW_IN_PROGRESS",
                    Some("User Initiated".to_owned()),
                );
                stack
            }
            None => {
                return Err(Refusal::validation(format!(
                    "Stack [{name}] does not exist"
                )));
            }
        }
    };
    if stack.change_sets.iter().any(|set| set.name == set_name) {
        return Err(Refusal::new(
            400,
            "AlreadyExistsException",
            format!(
                "ChangeSet {set_name} cannot be created due to a mismatch with existing attribute Name"
            ),
        ));
    }
    if !create && stack.busy() {
        can_update(&stack, false)?;
    }
    let place = place(core, &stack);
    let goal = goal(core, query, &stack.goal, &place)?;
    let exported = exports(&core.store.state().stacks);
    let made = changes(&stack, &goal, &place, &exported);
    let id = core.arn(&format!("changeSet/{set_name}/{}", ids::uuid()));
    let mut set = ChangeSet {
        id: id.clone(),
        name: set_name.to_owned(),
        description: query.owned("Description"),
        kind: if create { "CREATE" } else { "UPDATE" }.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        execution: "AVAILABLE".to_owned(),
        created: ids::now(),
        on_failure: query.owned("OnStackFailure"),
        ..ChangeSet::default()
    };
    let failure = match made {
        Err(refusal) => Some(refusal.message),
        Ok(_) if !create && !differs(&stack, &goal) && !stack.status.ends_with("_FAILED") => Some(
            "The submitted information didn't contain changes. Submit different information to create a change set."
                .to_owned(),
        ),
        Ok(changes) => {
            set.changes = changes;
            None
        }
    };
    if let Some(reason) = failure {
        set.status = "FAILED".to_owned();
        set.execution = "UNAVAILABLE".to_owned();
        set.reason = Some(reason);
    }
    set.goal = goal;
    let answer = json!({ "Id": id, "StackId": stack.id });
    let mut state = core.store.state();
    match state.find_mut(&stack.id) {
        Some(known) => known.change_sets.push(set),
        None => {
            stack.change_sets.push(set);
            state.add(stack);
        }
    }
    Ok(answer)
}

fn execute_change_set(core: &Arc<Core>, query: &Query) -> Answer {
    let name = query.required("ChangeSetName")?;
    let mut state = core.store.state();
    if repeated(&state, "ExecuteChangeSet", query).is_some() {
        return Ok(Value::Null);
    }
    let (id, set) = {
        let (stack, set) = change_set_named(&state, query, name)?;
        (stack.id.clone(), set.clone())
    };
    if set.execution != "AVAILABLE" {
        return Err(Refusal::new(
            400,
            "InvalidChangeSetStatus",
            format!(
                "ChangeSet [{}] cannot be executed in its current status of [{}]",
                set.id, set.status
            ),
        ));
    }
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    if set.kind != "CREATE" {
        can_update(stack, query.flag("DisableRollback") == Some(true))?;
    }
    // Executing one deletes all others of the stack.
    stack.change_sets.clear();
    stack.change_set_id = Some(set.id);
    if set.kind == "CREATE" {
        stack.goal = set.goal;
        stack.operation = operation("CREATE_STACK", query, Phase::Create);
        stack.operation.express = stack.goal.mode.as_deref() == Some("EXPRESS");
        stack.delete_on_failure = set.on_failure.as_deref() == Some("DELETE");
        stack.operation.disable_rollback |= set.on_failure.as_deref() == Some("DO_NOTHING");
        enter(
            stack,
            "CREATE_IN_PROGRESS",
            Some("User Initiated".to_owned()),
        );
    } else {
        begin_update(stack, set.goal, query);
    }
    remember(stack, "ExecuteChangeSet", query, &Value::Bool(true));
    drop(state);
    core.drive(id);
    Ok(Value::Null)
}

fn delete_change_set(core: &Arc<Core>, query: &Query) -> Answer {
    let name = query.required("ChangeSetName")?;
    let mut state = core.store.state();
    let found = change_set_named(&state, query, name)
        .ok()
        .map(|(stack, set)| (stack.id.clone(), set.id.clone()));
    if let Some((stack, set)) = found
        && let Some(stack) = state.find_mut(&stack)
    {
        stack.change_sets.retain(|held| held.id != set);
    }
    Ok(Value::Null)
}

fn cancel_update(core: &Arc<Core>, query: &Query) -> Answer {
    let mut state = core.store.state();
    let id = named(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    if stack.operation.phase != Phase::Update {
        return Err(Refusal::validation(
            "CancelUpdateStack cannot be called from current stack status",
        ));
    }
    stack.operation.cancelled = true;
    Ok(Value::Null)
}

fn continue_rollback(core: &Arc<Core>, query: &Query) -> Answer {
    let mut state = core.store.state();
    let id = named(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    if stack.status != "UPDATE_ROLLBACK_FAILED" {
        return Err(Refusal::validation(format!(
            "Stack:{id} is in {} state and can not continue rollback.",
            stack.status
        )));
    }
    let before = stack.operation.before.take();
    let (done, stale) = (stack.operation.done.clone(), stack.operation.stale.clone());
    stack.operation = Operation {
        before,
        done,
        stale,
        skip: query.list("ResourcesToSkip").into_iter().collect(),
        ..operation("CONTINUE_ROLLBACK", query, Phase::UpdateRollback)
    };
    enter(
        stack,
        "UPDATE_ROLLBACK_IN_PROGRESS",
        Some("User Initiated".to_owned()),
    );
    drop(state);
    core.drive(id);
    Ok(Value::Null)
}

fn rollback_stack(core: &Arc<Core>, query: &Query) -> Answer {
    let mut state = core.store.state();
    let id = named(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    let (phase, status) = match stack.status.as_str() {
        "CREATE_FAILED" => (Phase::CreateRollback, "ROLLBACK_IN_PROGRESS"),
        "UPDATE_FAILED" => (Phase::UpdateRollback, "UPDATE_ROLLBACK_IN_PROGRESS"),
        other => {
            return Err(Refusal::validation(format!(
                "Stack:{id} is in {other} state and can not be rolled back."
            )));
        }
    };
    let before = stack.operation.before.take();
    let stale = stack.operation.stale.clone();
    stack.operation = Operation {
        before,
        stale,
        ..operation("ROLLBACK", query, phase)
    };
    enter(stack, status, Some("User Initiated".to_owned()));
    drop(state);
    core.drive(id.clone());
    Ok(json!({ "StackId": id }))
}

fn protect(core: &Arc<Core>, query: &Query) -> Answer {
    let mut state = core.store.state();
    let id = named(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    query.required("EnableTerminationProtection")?;
    stack.protected = query.flag("EnableTerminationProtection") == Some(true);
    Ok(json!({ "StackId": id }))
}

fn set_policy(core: &Arc<Core>, query: &Query) -> Answer {
    let policy = query.required("StackPolicyBody")?.to_owned();
    if serde_json::from_str::<Value>(&policy).is_err() {
        return Err(Refusal::validation(
            "Error validating stack policy: Invalid stack policy",
        ));
    }
    let mut state = core.store.state();
    let id = named(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    stack.policy = Some(policy);
    Ok(Value::Null)
}
