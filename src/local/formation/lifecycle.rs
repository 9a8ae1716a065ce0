//! The actions that create, change and delete stacks.

use super::changes::differs;
use super::describe::subject;
use super::engine::place;
use super::evaluate::{Exports, Place, Scope};
use super::operations::Answer;
use super::request::{
    can_update, check_name, goal, new_stack, not_nested, operation, remember, repeated,
};
use super::source;
use super::{hierarchy, policy, skips, validation};
use crate::local::core::{Core, enter};
use crate::local::model::{Finding, Goal, Operation, Phase, Snapshot, Stack, State};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const REVIEW: &str = "REVIEW_IN_PROGRESS";
const USER: &str = "User Initiated";

/// CreateStack.
pub fn create(core: &Arc<Core>, query: &Query) -> Answer {
    let name = query.required("StackName")?;
    check_name("stackName", name)?;
    query.one_of("OnFailure", &["DO_NOTHING", "ROLLBACK", "DELETE"])?;
    query.one_of("DeploymentConfig.Mode", &["STANDARD", "EXPRESS"])?;
    if let Some(answer) = repeated(&core.store.state(), "CreateStack", query) {
        return Ok(answer);
    }
    let mut stack = new_stack(core, name);
    stack.goal = goal(core, query, &Goal::default(), &place(core, &stack))?;
    stack.policy = policy_of(core, query, "StackPolicy")?;
    stack.protected = query.flag("EnableTerminationProtection") == Some(true);
    stack.timeout = query
        .text("TimeoutInMinutes")
        .and_then(|minutes| minutes.parse().ok());
    stack.operation = operation("CREATE_STACK", query, Phase::Create);
    match query.text("OnFailure") {
        Some(_) if query.flag("DisableRollback").is_some() => {
            return Err(Refusal::validation(
                "You can specify either DisableRollback or OnFailure, but not both.",
            ));
        }
        Some("DO_NOTHING") => stack.operation.disable_rollback = true,
        Some("DELETE") => stack.delete_on_failure = true,
        _ => {}
    }
    stack.disable_rollback = stack.operation.disable_rollback;
    let findings = found(core, &stack, &stack.goal, query);
    let mut state = core.store.state();
    if let Some(known) = state.find(name) {
        // What is only under review is not there yet.
        if known.status != REVIEW {
            let message = format!("Stack [{name}] already exists");
            return Err(Refusal::new(400, "AlreadyExistsException", message));
        }
        stack.id.clone_from(&known.id);
        stack.created.clone_from(&known.created);
        stack.events.clone_from(&known.events);
        stack.change_sets.clone_from(&known.change_sets);
        obsolete(&mut stack);
    }
    let id = stack.id.clone();
    enter(&mut stack, "CREATE_IN_PROGRESS", Some(USER.to_owned()));
    validation::record(&mut stack, findings);
    let answer = json!({ "StackId": id, "OperationId": stack.operation.id });
    remember(&mut stack, "CreateStack", query, &answer);
    match state.find_mut(&id) {
        Some(known) => {
            *known = stack;
            known.changed = true;
        }
        None => state.add(stack),
    }
    drop(state);
    core.drive(id);
    Ok(answer)
}

/// Change sets that were made for what the stack was before.
fn obsolete(stack: &mut Stack) {
    let open = stack.change_sets.iter_mut();
    for set in open.filter(|set| set.execution == "AVAILABLE") {
        set.execution = "OBSOLETE".to_owned();
    }
}

/// What the validations before a deployment find.
fn found(core: &Core, stack: &Stack, goal: &Goal, query: &Query) -> Vec<Finding> {
    if query.flag("DisableValidation") == Some(true) {
        return vec![];
    }
    validation::validate(core, stack, goal, &BTreeMap::new(), false)
}

fn policy_of(core: &Core, query: &Query, name: &str) -> Result<Option<String>, Refusal> {
    let url = query.text(&format!("{name}URL"));
    if url.is_some() && query.text(&format!("{name}Body")).is_some() {
        return Err(Refusal::validation(format!(
            "You cannot specify both {name}URL and {name}Body"
        )));
    }
    let stored = url.map(|url| {
        let found = crate::local::services::s3::read_url(core.store.directory(), url);
        found.ok_or_else(|| Refusal::validation("S3 error: The specified key does not exist."))
    });
    let text = match stored {
        Some(stored) => Some(stored?),
        None => query.owned(&format!("{name}Body")),
    };
    if let Some(text) = &text {
        policy::check(text)?;
    }
    Ok(text)
}

/// Turns a stack towards a goal; what it was is kept until that is reached.
pub fn begin_update(stack: &mut Stack, goal: Goal, operation: Operation) {
    let before = Snapshot {
        goal: std::mem::replace(&mut stack.goal, goal),
        resources: stack.resources.clone(),
        outputs: stack.outputs.clone(),
    };
    let last = std::mem::replace(&mut stack.operation, operation);
    stack.operation.before = Some(Box::new(before));
    // What was kept as it failed, or waits for its parent, has not left where it was before that.
    if stack.status.ends_with("_FAILED") || last.phase == Phase::UpdateCleanup {
        stack.operation.before = last.before.or(stack.operation.before.take());
        stack.operation.stale = last.stale;
    }
    enter(stack, "UPDATE_IN_PROGRESS", Some(USER.to_owned()));
}

/// UpdateStack.
pub fn update(core: &Arc<Core>, query: &Query) -> Answer {
    if let Some(answer) = repeated(&core.store.state(), "UpdateStack", query) {
        return Ok(answer);
    }
    let (before, place) = {
        let state = core.store.state();
        let stack = subject(&state, query)?;
        can_update(stack, query.flag("DisableRollback") == Some(true))?;
        (stack.clone(), place(core, stack))
    };
    let goal = goal(core, query, &before.goal, &place)?;
    let policy = policy_of(core, query, "StackPolicy")?;
    let for_now = policy_of(core, query, "StackPolicyDuringUpdate")?;
    if !differs(&before, &goal) && policy.is_none() && !before.status.ends_with("_FAILED") {
        return Err(Refusal::validation("No updates are to be performed."));
    }
    let findings = found(core, &before, &goal, query);
    let mut state = core.store.state();
    let stack = state
        .find_mut(&place.stack_id)
        .ok_or_else(|| Refusal::no_stack(&place.stack_name))?;
    can_update(stack, query.flag("DisableRollback") == Some(true))?;
    stack.policy = policy.or(stack.policy.take());
    obsolete(stack);
    begin_update(stack, goal, operation("UPDATE_STACK", query, Phase::Update));
    stack.operation.policy = for_now;
    validation::record(stack, findings);
    let answer = json!({ "StackId": stack.id, "OperationId": stack.operation.id });
    remember(stack, "UpdateStack", query, &answer);
    drop(state);
    core.drive(place.stack_id);
    Ok(answer)
}

/// DeleteStack.
pub fn delete(core: &Arc<Core>, query: &Query) -> Answer {
    let name = query.required("StackName")?;
    let mut state = core.store.state();
    let importer = in_use(&state, name);
    let Some(stack) = state
        .find_mut(name)
        .filter(|stack| stack.status != "DELETE_COMPLETE")
    else {
        return Ok(Value::Null);
    };
    if stack.operation.phase == Phase::Delete {
        return Ok(Value::Null);
    }
    let retain = query.list("RetainResources");
    let force = query.text("DeletionMode") == Some("FORCE_DELETE_STACK");
    can_delete(stack, !retain.is_empty(), force)?;
    if let Some((export, user)) = importer {
        stack.operation = operation("DELETE_STACK", query, Phase::Idle);
        let reason =
            format!("Delete canceled. Cannot delete export {export} as it is in use by {user}");
        let before = stack.status.clone();
        enter(stack, "DELETE_IN_PROGRESS", Some(USER.to_owned()));
        enter(stack, "DELETE_FAILED", Some(reason.clone()));
        // Nothing was begun: the stack is what it was.
        stack.status = before;
        stack.reason = Some(reason);
        return Ok(Value::Null);
    }
    let creating = stack.busy();
    // A create that is under way stops, and is not waited for.
    stack.operation = operation("DELETE_STACK", query, Phase::Delete);
    core.interrupt();
    stack.operation.skip = retain.into_iter().collect();
    if force {
        let failed = stack
            .resources
            .values()
            .filter(|held| held.status == "DELETE_FAILED");
        let failed: Vec<String> = failed.map(|held| held.logical_id.clone()).collect();
        stack.operation.skip.extend(failed);
    }
    enter(stack, "DELETE_IN_PROGRESS", Some(USER.to_owned()));
    stack.change_sets.clear();
    let id = stack.id.clone();
    hierarchy::deleted_with(&mut state, &id);
    drop(state);
    if !creating {
        core.drive(id);
    }
    Ok(Value::Null)
}

fn can_delete(stack: &Stack, retains: bool, force: bool) -> Result<(), Refusal> {
    if stack.protected {
        return Err(Refusal::validation(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        )));
    }
    if stack.busy() && stack.operation.phase != Phase::Create {
        return Err(Refusal::validation(format!(
            "Stack [{}] cannot be deleted while in status {}",
            stack.id, stack.status
        )));
    }
    let stuck = stack.status == "DELETE_FAILED";
    if retains && !stuck {
        return Err(Refusal::validation(format!(
            "Invalid operation on stack [{}]. RetainResources is only supported for stacks in DELETE_FAILED state.",
            stack.id
        )));
    }
    if force && !stuck {
        return Err(Refusal::validation(format!(
            "Invalid operation on stack [{}]. FORCE_DELETE_STACK is only supported for stacks in DELETE_FAILED state.",
            stack.id
        )));
    }
    Ok(())
}

/// An export of the stack that another one imports, and that one's name.
fn in_use(state: &State, name: &str) -> Option<(String, String)> {
    let stack = state.find(name)?;
    let mut exports = stack
        .outputs
        .iter()
        .filter_map(|output| output.export.as_ref());
    exports.find_map(|export| {
        let user = importers(state, export)
            .into_iter()
            .find(|user| user.id != stack.id)?;
        Some((export.clone(), user.name.clone()))
    })
}

/// The stacks that import an export.
pub fn importers<'a>(state: &'a State, export: &str) -> Vec<&'a Stack> {
    let living = state.stacks.iter().filter(|stack| {
        stack.status != "DELETE_COMPLETE" && stack.goal.text().contains("ImportValue")
    });
    living
        .filter(|stack| {
            source::parse(stack.goal.text())
                .is_ok_and(|template| imports(&template, stack).iter().any(|name| name == export))
        })
        .collect()
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
                let scope = Scope {
                    template: &Value::Null,
                    place: &place,
                    parameters: &stack.goal.values(),
                    conditions: &BTreeMap::new(),
                    resources: &BTreeMap::new(),
                    exports: &Exports::default(),
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

/// CancelUpdateStack.
pub fn cancel_update(core: &Arc<Core>, query: &Query) -> Answer {
    let mut state = core.store.state();
    let id = subject(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    if stack.operation.phase != Phase::Update {
        return Err(Refusal::validation(
            "CancelUpdateStack cannot be called from current stack status",
        ));
    }
    stack.operation.cancelled = true;
    core.interrupt();
    Ok(Value::Null)
}

/// ContinueUpdateRollback.
pub fn continue_rollback(core: &Arc<Core>, query: &Query) -> Answer {
    let mut state = core.store.state();
    let stack = subject(&state, query)?;
    let id = stack.id.clone();
    not_nested(stack, "ContinueUpdateRollback")?;
    if stack.status != "UPDATE_ROLLBACK_FAILED" {
        return Err(Refusal::validation(format!(
            "Stack:{id} is in {} state and can not continue rollback.",
            stack.status
        )));
    }
    let skip = skips::asked(&state, stack, query)?;
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    let previous = std::mem::take(&mut stack.operation);
    stack.operation = Operation {
        before: previous.before,
        done: previous.done,
        stale: previous.stale,
        skip,
        ..operation("CONTINUE_ROLLBACK", query, Phase::UpdateRollback)
    };
    enter(stack, "UPDATE_ROLLBACK_IN_PROGRESS", Some(USER.to_owned()));
    drop(state);
    core.drive(id);
    Ok(Value::Null)
}

/// RollbackStack.
pub fn roll_back(core: &Arc<Core>, query: &Query) -> Answer {
    let mut state = core.store.state();
    let id = subject(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    not_nested(stack, "RollbackStack")?;
    // An update of what never stood goes back to nothing as well.
    let stood = stack
        .operation
        .before
        .as_ref()
        .is_some_and(|before| !before.goal.body.is_empty());
    let (phase, status) = match stack.status.as_str() {
        "CREATE_FAILED" => (Phase::CreateRollback, "ROLLBACK_IN_PROGRESS"),
        "UPDATE_FAILED" if stood => (Phase::UpdateRollback, "UPDATE_ROLLBACK_IN_PROGRESS"),
        "UPDATE_FAILED" => (Phase::CreateRollback, "ROLLBACK_IN_PROGRESS"),
        other => {
            return Err(Refusal::validation(format!(
                "Stack:{id} is in {other} state and can not be rolled back."
            )));
        }
    };
    let previous = std::mem::take(&mut stack.operation);
    stack.operation = Operation {
        before: previous.before,
        stale: previous.stale,
        ..operation("ROLLBACK", query, phase)
    };
    enter(stack, status, Some(USER.to_owned()));
    let answer = json!({ "StackId": id, "OperationId": stack.operation.id });
    drop(state);
    core.drive(id);
    Ok(answer)
}

/// UpdateTerminationProtection.
pub fn protect(core: &Arc<Core>, query: &Query) -> Answer {
    let mut state = core.store.state();
    let id = subject(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    not_nested(stack, "UpdateTerminationProtection")?;
    query.required("EnableTerminationProtection")?;
    stack.protected = query.flag("EnableTerminationProtection") == Some(true);
    Ok(json!({ "StackId": id }))
}

/// SetStackPolicy.
pub fn set_policy(core: &Arc<Core>, query: &Query) -> Answer {
    let policy = policy_of(core, query, "StackPolicy")?.ok_or_else(|| {
        Refusal::validation("You must specify one of: StackPolicyBody, StackPolicyURL")
    })?;
    let mut state = core.store.state();
    let id = subject(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    stack.policy = Some(policy);
    Ok(Value::Null)
}
