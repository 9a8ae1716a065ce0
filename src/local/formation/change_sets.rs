//! The actions on change sets.

use super::changes::{Asked, changes, differs, differs_itself};
use super::engine::{exports, place};
use super::hierarchy::{self, EXECUTED};
use super::imports;
use super::lifecycle::begin_update;
use super::operations::Answer;
use super::request::{can_update, check_name, goal, new_stack, operation, remember, repeated};
use super::reviews::change_set_named;
use super::source;
use super::validation;
use crate::local::core::{Core, enter};
use crate::local::ids;
use crate::local::model::{ChangeSet, Operation, Phase, Stack, State};
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
    allowed(query, kind)?;
    let mut stack = subject(core, query, kind)?;
    let open = |set: &&ChangeSet| set.name == name && set.execution != EXECUTED;
    if let Some(known) = stack.change_sets.iter().find(open) {
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
            format!("ChangeSet [{}] already exists", known.id),
        ));
    }
    let made = made(core, query, kind, name, &mut stack)?;
    let answer = json!({ "Id": made.set.id, "StackId": stack.id });
    let mut state = core.store.state();
    keep(&mut state, stack, made.set);
    for (child, set) in made.nested {
        keep(&mut state, child, set);
    }
    Ok(answer)
}

/// Adds a change set to its stack, which may be new as well.
fn keep(state: &mut State, mut stack: Stack, set: ChangeSet) {
    match state.find_mut(&stack.id) {
        Some(known) => {
            known.events = stack.events;
            known.change_sets.retain(|held| held.name != set.name);
            known.change_sets.push(set);
        }
        None => {
            stack.change_sets.push(set);
            state.add(stack);
        }
    }
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
fn allowed(query: &Query, kind: &str) -> Result<(), Refusal> {
    query.one_of("ChangeSetType", &["CREATE", "UPDATE", "IMPORT"])?;
    query.one_of("OnStackFailure", &["DO_NOTHING", "ROLLBACK", "DELETE"])?;
    query.one_of("DeploymentMode", &["REVERT_DRIFT"])?;
    query.one_of("DeploymentConfig.Mode", &["STANDARD", "EXPRESS"])?;
    if query.text("OnStackFailure") == Some("DELETE") && kind != "CREATE" {
        return Err(Refusal::validation(
            "OnStackFailure DELETE is only valid when ChangeSetType is CREATE.",
        ));
    }
    Ok(())
}

/// The stack that the change set is for: a new one, under review, for a create.
fn subject(core: &Core, query: &Query, kind: &str) -> Result<Stack, Refusal> {
    let name = query.required("StackName")?;
    let state = core.store.state();
    let known = state.find(name);
    if kind == "UPDATE" || (kind == "IMPORT" && known.is_some()) {
        let stack =
            known.ok_or_else(|| Refusal::validation(format!("Stack [{name}] does not exist")))?;
        can_update(stack, true)?;
        return Ok(stack.clone());
    }
    if let Some(stack) = known {
        if stack.status == "REVIEW_IN_PROGRESS" {
            return Ok(stack.clone());
        }
        let set = query.text("ChangeSetName").unwrap_or_default();
        return Err(Refusal::validation(format!(
            "Stack [{name}] already exists and cannot be created again with the changeSet [{set}]."
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

/// A change set, and those of the stacks nested in its own.
struct Made {
    set: ChangeSet,
    nested: Vec<(Stack, ChangeSet)>,
}

fn made(
    core: &Core,
    query: &Query,
    kind: &str,
    name: &str,
    stack: &mut Stack,
) -> Result<Made, Refusal> {
    let goal = goal(core, query, &stack.goal, &place(core, stack))?;
    let operation = operation("CREATE_CHANGESET", query, Phase::Idle);
    let set = ChangeSet {
        id: core.arn(&format!("changeSet/{name}/{}", ids::uuid())),
        name: name.to_owned(),
        description: query.owned("Description"),
        kind: kind.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        execution: "AVAILABLE".to_owned(),
        created: ids::now(),
        on_failure: query.owned("OnStackFailure"),
        revert_drift: query.text("DeploymentMode") == Some("REVERT_DRIFT"),
        import_existing: query.flag("ImportExistingResources") == Some(true),
        nests: query.flag("IncludeNestedStacks") == Some(true),
        imports: imports::asked(core, query, stack, &goal)?,
        operation: query.owned("ClientToken").unwrap_or(operation.id.clone()),
        events: operation.id.clone(),
        goal,
        ..ChangeSet::default()
    };
    let validates = query.flag("DisableValidation") != Some(true);
    Ok(worked_out(core, stack, set, validates))
}

/// Works out what a change set does, or why it cannot be executed.
fn worked_out(core: &Core, stack: &mut Stack, mut set: ChangeSet, validates: bool) -> Made {
    let (mut nested, mut failure) = (Vec::new(), None);
    let exported = exports(
        &core.store.state().stacks,
        &source::parse(set.goal.text()).unwrap_or_default(),
    );
    let asked = Asked {
        place: &place(core, stack),
        exports: &exported,
        imports: &set.imports,
        revert_drift: set.revert_drift,
    };
    match changes(stack, &set.goal, &asked) {
        _ if set.goal.late.is_some() => failure.clone_from(&set.goal.late),
        Err(refusal) => failure = Some(refusal.message),
        Ok(changes) => set.changes = changes,
    }
    if set.nests && failure.is_none() {
        (nested, failure) = descend(core, stack, &mut set, validates);
    }
    if failure.is_none() && does_nothing(stack, &set) {
        failure = Some(NOTHING.to_owned());
    }
    if validates && failure.is_none() {
        let findings = validation::validate(core, stack, &set.goal, &set.imports, true);
        failure = validation::summary(&findings);
        let operation = Operation {
            id: set.events.clone(),
            kind: "CREATE_CHANGESET".to_owned(),
            ..Operation::default()
        };
        validation::tell(stack, &operation, findings);
    }
    if let Some(reason) = failure {
        set.status = "FAILED".to_owned();
        set.execution = "UNAVAILABLE".to_owned();
        set.reason = Some(reason);
    }
    Made { set, nested }
}

fn does_nothing(stack: &Stack, set: &ChangeSet) -> bool {
    // What a nested stack does is told by its own change set, or else not known.
    let differs = if set.nests {
        differs_itself(stack, &set.goal)
    } else {
        differs(stack, &set.goal)
    };
    set.kind == "UPDATE" && set.changes.is_empty() && !differs && !stack.status.ends_with("_FAILED")
}

/// The change sets of the nested stacks, told in the parent's, and why they fail it. One without
/// changes is none.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/change-sets-for-nested-stacks.html>
fn descend(
    core: &Core,
    stack: &Stack,
    set: &mut ChangeSet,
    validates: bool,
) -> (Vec<(Stack, ChangeSet)>, Option<String>) {
    let (mut all, mut failure) = (Vec::new(), None);
    for draft in hierarchy::drafts(core, stack, set) {
        let (name, mut child) = (draft.logical_id, draft.child);
        let mut made = match draft.refused {
            None => worked_out(core, &mut child, draft.set, validates),
            Some(reason) => Made {
                set: ChangeSet {
                    status: "FAILED".to_owned(),
                    reason: Some(reason),
                    ..draft.set
                },
                nested: vec![],
            },
        };
        if made.set.reason.as_deref() == Some(NOTHING) {
            set.changes
                .retain(|change| !hierarchy::is_of(change, &name));
            continue;
        }
        // Only the one at the top is there to be executed.
        made.set.execution = "UNAVAILABLE".to_owned();
        if made.set.status == "FAILED" {
            failure = failure.or_else(|| {
                let id = &made.set.id;
                Some(format!(
                    "Nested change set {id} was not successfully created: Currently in FAILED."
                ))
            });
        } else {
            made.set.reason = Some("Only executable from the root change set.".to_owned());
        }
        hierarchy::tell(&mut set.changes, &name, &child, &made.set);
        all.push((child, made.set));
        all.extend(made.nested);
    }
    (all, failure)
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
    executable(query, &set)?;
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    if stack.status != "REVIEW_IN_PROGRESS" {
        can_update(stack, query.flag("DisableRollback") == Some(true))?;
    }
    hierarchy::executed(stack, &set.id);
    let root = set.id.clone();
    begin(stack, set, query);
    remember(stack, "ExecuteChangeSet", query, &Value::Bool(true));
    hierarchy::executed_below(&mut state, &root);
    drop(state);
    core.drive(id);
    Ok(Value::Null)
}

fn executable(query: &Query, set: &ChangeSet) -> Result<(), Refusal> {
    let invalid = |what: &str, is: &str| {
        let words = format!(
            "ChangeSet [{}] cannot be executed in its current {what} of [{is}]",
            set.id
        );
        Err(Refusal::new(400, "InvalidChangeSetStatus", words))
    };
    if set.status != "CREATE_COMPLETE" {
        return invalid("status", &set.status);
    }
    if set.execution != "AVAILABLE" {
        return invalid("execution status", &set.execution);
    }
    if set.on_failure.is_some() && query.flag("DisableRollback").is_some() {
        return Err(Refusal::validation(
            "You cannot specify both OnStackFailure and DisableRollback.",
        ));
    }
    Ok(())
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
        // As the service tells it, though it is the first time.
        stack.updated = Some(ids::now());
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
    let found = match change_set_named(&state, query, name) {
        Ok((stack, set)) => (stack.id.clone(), set.clone()),
        // It is gone already.
        Err(no) if no.code == "ChangeSetNotFound" => return Ok(Value::Null),
        Err(no) => return Err(no),
    };
    let (id, set) = found;
    if let Some(root) = &set.root {
        return Err(Refusal::new(
            400,
            "InvalidChangeSetStatus",
            format!(
                "ChangeSet [{}] can only be deleted from the root change set [{root}]",
                set.id
            ),
        ));
    }
    if let Some(stack) = state.find_mut(&id) {
        stack.change_sets.retain(|held| held.id != set.id);
    }
    hierarchy::deleted_below(&mut state, &set.id);
    Ok(Value::Null)
}
