//! Change sets of nested stacks: one for each stack below the one that a change set is for, made,
//! executed and deleted with it.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/change-sets-for-nested-stacks.html>

use super::engine::{self, Program};
use super::evaluate::section;
use super::nested;
use crate::local::core::{Core, enter};
use crate::local::ids;
use crate::local::model::{ChangeSet, Operation, Stack, State};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The execution status of what was executed; how that went is the stack's to tell.
pub(super) const EXECUTED: &str = "EXECUTE_COMPLETE";

const REVIEW: &str = "REVIEW_IN_PROGRESS";

/// A nested stack's change set that is yet to be worked out.
pub(super) struct Draft {
    /// The resource that the nested stack is.
    pub(super) logical_id: String,
    /// The nested stack; one under review where there is none yet.
    pub(super) child: Stack,
    /// Its change set.
    pub(super) set: ChangeSet,
    /// Why there cannot be one.
    pub(super) refused: Option<String>,
}

/// The change sets that the stacks nested in this one need.
pub(super) fn drafts(core: &Core, stack: &Stack, set: &ChangeSet) -> Vec<Draft> {
    let place = engine::place(core, stack);
    // What cannot be read has failed the parent's.
    let Ok(program) = Program::read(&set.goal, &place) else {
        return vec![];
    };
    let exports = engine::exports(&core.store.state().stacks, &program.template);
    let later = unknown(set);
    let mut scope = program.scope(stack, &place, &exports);
    scope.later = Some(&later);
    let resources = section(&program.template, "Resources");
    let nested = resources
        .filter(|(name, entry)| entry["Type"] == nested::KIND && program.needs.contains_key(*name));
    nested
        .filter_map(|(name, _)| {
            let properties = program.properties(&scope, name, None).ok().flatten();
            draft(core, stack, set, name, &properties.unwrap_or_default())
        })
        .collect()
}

/// What has no value before the parent's change set is executed.
fn unknown(set: &ChangeSet) -> BTreeSet<String> {
    let moving = set.changes.iter().filter_map(|change| {
        let change = &change["ResourceChange"];
        let stays = change["Replacement"] == "False" || change["Action"] == "Remove";
        (!stays).then(|| change["LogicalResourceId"].as_str().map(str::to_owned))?
    });
    moving.collect()
}

fn draft(
    core: &Core,
    stack: &Stack,
    parent: &ChangeSet,
    name: &str,
    properties: &Value,
) -> Option<Draft> {
    let child = child(core, stack, name)?;
    let unique = ids::uuid().replace('-', "")[..12].to_uppercase();
    let own: String = format!("{}-{name}", parent.name)
        .chars()
        .take(115)
        .collect();
    let own = format!("{own}-{unique}");
    let is_new = child.status == REVIEW;
    let goal = nested::goal(core, &parent.goal, &child, properties);
    let refused = goal.as_ref().err().cloned();
    let set = ChangeSet {
        id: core.arn(&format!("changeSet/{own}/{}", ids::uuid())),
        name: own,
        kind: if is_new { "CREATE" } else { "UPDATE" }.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        execution: "UNAVAILABLE".to_owned(),
        created: ids::now(),
        goal: goal.unwrap_or_default(),
        on_failure: parent.on_failure.clone(),
        revert_drift: parent.revert_drift,
        operation: parent.operation.clone(),
        events: ids::uuid(),
        nests: true,
        parent: Some(parent.id.clone()),
        root: Some(parent.root.clone().unwrap_or_else(|| parent.id.clone())),
        ..ChangeSet::default()
    };
    Some(Draft {
        logical_id: name.to_owned(),
        child,
        set,
        refused,
    })
}

/// The nested stack that is the resource, or is to be.
fn child(core: &Core, stack: &Stack, name: &str) -> Option<Stack> {
    let state = core.store.state();
    let held = stack.resources.get(name);
    if let Some(held) = held.filter(|held| !held.physical_id.is_empty()) {
        return state.find(&held.physical_id).cloned();
    }
    if let Some(reviewed) = nested::under_review(&state, stack, name) {
        return Some(reviewed);
    }
    let mut child = nested::child_of(core, stack, name);
    child.operation = Operation {
        id: ids::uuid(),
        kind: "CREATE_CHANGESET".to_owned(),
        ..Operation::default()
    };
    enter(&mut child, REVIEW, Some("User Initiated".to_owned()));
    Some(child)
}

/// Whether a change is the resource's.
pub(super) fn is_of(change: &Value, name: &str) -> bool {
    change["ResourceChange"]["LogicalResourceId"] == name
}

/// Names a nested stack's change set in its parent's.
pub(super) fn tell(changes: &mut [Value], name: &str, child: &Stack, set: &ChangeSet) {
    for change in changes.iter_mut().filter(|change| is_of(change, name)) {
        change["ResourceChange"]["ChangeSetId"] = json!(set.id);
        change["ResourceChange"]["PhysicalResourceId"] = json!(child.id);
    }
}

/// Executing a change set deletes all others of its stack.
pub(super) fn executed(stack: &mut Stack, id: &str) {
    stack.change_sets.retain(|set| set.id == id);
    for set in &mut stack.change_sets {
        set.execution = EXECUTED.to_owned();
    }
    stack.change_set_id = Some(id.to_owned());
}

/// The same for the change sets below it.
pub(super) fn executed_below(state: &mut State, root: &str) {
    for stack in state.stacks.iter_mut() {
        let mut sets = stack.change_sets.iter();
        let own = sets.find(|set| set.root.as_deref() == Some(root));
        if let Some(id) = own.map(|set| set.id.clone()) {
            executed(stack, &id);
            stack.changed = true;
        }
    }
}

/// Deletes the change sets below one that is deleted, and the stacks that there are only for them.
pub(super) fn deleted_below(state: &mut State, root: &str) {
    for stack in state.stacks.iter_mut() {
        let before = stack.change_sets.len();
        stack
            .change_sets
            .retain(|set| set.root.as_deref() != Some(root));
        if stack.change_sets.len() == before {
            continue;
        }
        stack.changed = true;
        if stack.change_sets.is_empty() && stack.status == REVIEW {
            gone(stack);
        }
    }
}

/// Deletes the nested stacks under review of a stack that is deleted.
pub(super) fn deleted_with(state: &mut State, root: &str) {
    let under = |stack: &&mut Stack| stack.status == REVIEW && stack.root.as_deref() == Some(root);
    state.stacks.iter_mut().filter(under).for_each(gone);
}

fn gone(stack: &mut Stack) {
    stack.deleted = Some(ids::now());
    stack.change_sets.clear();
    stack.changed = true;
    enter(stack, "DELETE_COMPLETE", None);
}

/// How far a change set's execution is.
pub(super) fn execution<'a>(stack: &Stack, set: &'a ChangeSet) -> &'a str {
    if set.execution != EXECUTED {
        return &set.execution;
    }
    let failed = stack.status.ends_with("_FAILED") || stack.status.contains("ROLLBACK");
    match (stack.busy(), failed) {
        (true, false) => "EXECUTE_IN_PROGRESS",
        (_, true) => "EXECUTE_FAILED",
        (false, false) => EXECUTED,
    }
}
