//! The actions on change sets.

use super::changes::{Asked, changes, differs};
use super::describe::change_set_named;
use super::engine::{exports, place};
use super::evaluate;
use super::imports;
use super::lifecycle::begin_update;
use super::operations::Answer;
use super::request::{
    can_update, check_name, goal, new_stack, not_nested, operation, remember, repeated,
};
use super::validation;
use crate::local::core::{Core, enter};
use crate::local::ids;
use crate::local::model::{ChangeSet, Phase, Stack};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use std::sync::Arc;

const NOTHING: &str = "The submitted information didn't contain changes. Submit different \
                       information to create a change set.";

/// CreateChangeSet.
pub fn create(core: &Arc<Core>, query: &Query) -> Answer {
    let name = query.required("ChangeSetName")?;
    check_name("changeSetName", name)?;
    let kind = query.text("ChangeSetType").unwrap_or("UPDATE");
    let mut stack = subject(core, query, kind)?;
    if let Some(known) = stack.change_sets.iter().find(|set| set.name == name) {
        // The same request again, after its answer was lost.
        if query
            .text("ClientToken")
            .is_some_and(|token| known.operation == token)
        {
            return Ok(json!({ "Id": known.id, "StackId": stack.id }));
        }
        return Err(Refusal::new(
            400,
            "AlreadyExistsException",
            format!(
                "ChangeSet {name} cannot be created due to a mismatch with existing attribute Name"
            ),
        ));
    }
    let set = made(core, query, kind, name, &mut stack)?;
    let answer = json!({ "Id": set.id, "StackId": stack.id });
    let mut state = core.store.state();
    match state.find_mut(&stack.id) {
        Some(known) => {
            known.events = stack.events;
            known.change_sets.push(set);
        }
        None => {
            stack.change_sets.push(set);
            state.add(stack);
        }
    }
    Ok(answer)
}

/// The stack that the change set is for: a new one, under review, for a create.
fn subject(core: &Core, query: &Query, kind: &str) -> Result<Stack, Refusal> {
    let name = query.required("StackName")?;
    let state = core.store.state();
    let known = state.find(name);
    if kind == "UPDATE" || (kind == "IMPORT" && known.is_some()) {
        let stack =
            known.ok_or_else(|| Refusal::validation(format!("Stack [{name}] does not exist")))?;
        not_nested(stack, "CreateChangeSet")?;
        if stack.busy()
            || stack.status == "REVIEW_IN_PROGRESS"
            || stack.status.starts_with("ROLLBACK_")
        {
            can_update(stack, true)?;
        }
        return Ok(stack.clone());
    }
    if let Some(stack) = known {
        if stack.status == "REVIEW_IN_PROGRESS" {
            return Ok(stack.clone());
        }
        let set = query.text("ChangeSetName").unwrap_or_default();
        return Err(Refusal::validation(format!(
            "Stack [{}] already exists and cannot be created again with the changeSet [{set}].",
            stack.name
        )));
    }
    check_name("stackName", name)?;
    let mut stack = new_stack(core, name);
    stack.operation = operation("CREATE_CHANGESET", query, Phase::Idle);
    enter(
        &mut stack,
        "REVIEW_IN_PROGRESS",
        Some("User Initiated".to_owned()),
    );
    Ok(stack)
}

fn made(
    core: &Core,
    query: &Query,
    kind: &str,
    name: &str,
    stack: &mut Stack,
) -> Result<ChangeSet, Refusal> {
    let place = place(core, stack);
    let goal = goal(core, query, &stack.goal, &place)?;
    let operation = operation("CREATE_CHANGESET", query, Phase::Idle);
    let mut set = ChangeSet {
        id: core.arn(&format!("changeSet/{name}/{}", ids::uuid())),
        name: name.to_owned(),
        description: query.owned("Description"),
        kind: kind.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        execution: "AVAILABLE".to_owned(),
        created: ids::now(),
        on_failure: query.owned("OnStackFailure"),
        revert_drift: query.text("DeploymentMode") == Some("REVERT_DRIFT"),
        operation: query.owned("ClientToken").unwrap_or(operation.id.clone()),
        events: operation.id.clone(),
        ..ChangeSet::default()
    };
    set.imports = imports::asked(core, query, stack, &goal)?;
    let exported = exports(
        &core.store.state().stacks,
        &evaluate::parse(goal.text()).unwrap_or_default(),
    );
    let asked = Asked {
        place: &place,
        exports: &exported,
        imports: &set.imports,
        revert_drift: set.revert_drift,
    };
    let failure = match changes(stack, &goal, &asked) {
        Err(refusal) => Some(refusal.message),
        Ok(changes) => {
            let nothing = kind == "UPDATE"
                && changes.is_empty()
                && !differs(stack, &goal)
                && !stack.status.ends_with("_FAILED");
            set.changes = changes;
            nothing.then(|| NOTHING.to_owned())
        }
    };
    let failure = failure.or_else(|| {
        if query.flag("DisableValidation") == Some(true) {
            return None;
        }
        let findings = validation::validate(core, stack, &goal, &set.imports, true);
        let summary = validation::summary(&findings);
        validation::tell(stack, &operation, findings);
        summary
    });
    if let Some(reason) = failure {
        set.status = "FAILED".to_owned();
        set.execution = "UNAVAILABLE".to_owned();
        set.reason = Some(reason);
    }
    set.goal = goal;
    Ok(set)
}

/// ExecuteChangeSet.
pub fn execute(core: &Arc<Core>, query: &Query) -> Answer {
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
    if stack.status != "REVIEW_IN_PROGRESS" {
        can_update(stack, query.flag("DisableRollback") == Some(true))?;
    }
    // Executing one deletes all others of the stack.
    stack.change_sets.clear();
    stack.change_set_id = Some(set.id.clone());
    begin(stack, set, query);
    remember(stack, "ExecuteChangeSet", query, &Value::Bool(true));
    drop(state);
    core.drive(id);
    Ok(Value::Null)
}

fn begin(stack: &mut Stack, set: ChangeSet, query: &Query) {
    let keeps = set.on_failure.as_deref() == Some("DO_NOTHING");
    stack.delete_on_failure = set.on_failure.as_deref() == Some("DELETE");
    let reason = Some("User Initiated".to_owned());
    let mut next = match set.kind.as_str() {
        "CREATE" => operation("CREATE_STACK", query, Phase::Create),
        "IMPORT" => operation("UPDATE_STACK", query, Phase::Import),
        _ => operation("UPDATE_STACK", query, Phase::Update),
    };
    next.disable_rollback |= keeps;
    next.express |= set.goal.mode.as_deref() == Some("EXPRESS");
    next.imports = set.imports;
    next.revert_drift = set.revert_drift;
    if set.kind == "CREATE" {
        stack.goal = set.goal;
        stack.operation = next;
        return enter(stack, "CREATE_IN_PROGRESS", reason);
    }
    let import = set.kind == "IMPORT";
    begin_update(stack, set.goal, next);
    if import {
        // The event of an update is not an import's.
        stack.events.pop();
        enter(stack, "IMPORT_IN_PROGRESS", reason);
    }
}

/// DeleteChangeSet.
pub fn delete(core: &Arc<Core>, query: &Query) -> Answer {
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
