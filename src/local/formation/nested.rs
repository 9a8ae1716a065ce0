//! Nested stacks: a stack as a resource of another. The parent's work on the resource drives the
//! nested stack, which waits with its cleanup until the stack at the top is sure.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html>

use super::changes::differs;
use super::engine::{self, change, place, read};
use super::lifecycle::begin_update;
use super::parameters::Given;
use super::request::{evaluated, new_stack};
use super::skips;
use crate::local::core::{Core, enter};
use crate::local::ids;
use crate::local::model::{Goal, Operation, Phase, Resource, Stack, State};
use crate::local::services::s3;
use crate::template::scalar_text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

/// The type of a nested stack.
pub const KIND: &str = "AWS::CloudFormation::Stack";

const USER: &str = "User Initiated";

/// Drives a nested stack until its operation has ended or waits for its parent.
fn settle(core: Arc<Core>, id: String) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    // A box, since an operation can drive one of its own kind.
    Box::pin(async move { engine::drive_nested(&core, &id).await })
}

/// Drives a nested stack until nothing is under way.
fn finish(core: Arc<Core>, id: String) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move { engine::drive(&core, &id).await })
}

fn operation(kind: &str, phase: Phase) -> Operation {
    Operation {
        id: ids::uuid(),
        kind: kind.to_owned(),
        phase,
        // What becomes of a failure is for the stack at the top to say.
        disable_rollback: true,
        started: ids::now(),
        ..Operation::default()
    }
}

/// What the resource asks its stack to be.
///
/// # Errors
/// A template or values that the service refuses.
pub(super) fn goal(
    core: &Core,
    parent: &Goal,
    child: &Stack,
    properties: &Value,
) -> Result<Goal, String> {
    let url = properties["TemplateURL"].as_str().unwrap_or_default();
    let text = s3::read_url(core.store.directory(), url)
        .ok_or_else(|| format!("S3 error: The specified key does not exist. ({url})"))?;
    let given: BTreeMap<String, Given> = properties["Parameters"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            // A list is handed on as its items with commas between them.
            let text = match value {
                Value::Array(items) => {
                    let items: Vec<String> = items.iter().filter_map(scalar_text).collect();
                    items.join(",")
                }
                one => scalar_text(one).unwrap_or_default(),
            };
            (name.clone(), Given::Value(text))
        })
        .collect();
    let place = place(core, child);
    let mut goal = evaluated(core, text, &given, &child.goal, &place).map_err(|no| no.message)?;
    goal.tags = parent.tags.clone();
    for tag in properties["Tags"].as_array().into_iter().flatten() {
        if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
            goal.tags.insert(key.to_owned(), value.to_owned());
        }
    }
    goal.capabilities = parent.capabilities.clone();
    goal.topics = parent.topics.clone();
    goal.role_arn = parent.role_arn.clone();
    Ok(goal)
}

/// A nested stack, begun to be created; its id.
///
/// # Errors
/// A template or values that the service refuses.
pub fn begin(core: &Core, parent: &str, wanted: &Resource) -> Result<String, String> {
    let parent = read(core, parent, Stack::clone).ok_or("the stack is gone")?;
    let reviewed = under_review(&core.store.state(), &parent, &wanted.logical_id);
    let child = reviewed.unwrap_or_else(|| child_of(core, &parent, &wanted.logical_id));
    let goal = goal(core, &parent.goal, &child, &wanted.properties)?;
    let id = child.id.clone();
    let mut state = core.store.state();
    if state.find(&id).is_none() {
        state.add(child);
    }
    let child = state.find_mut(&id).ok_or("the nested stack is gone")?;
    child.goal = goal;
    child.operation = operation("CREATE_STACK", Phase::Create);
    enter(child, "CREATE_IN_PROGRESS", Some(USER.to_owned()));
    Ok(id)
}

/// A stack that is to be a resource of another one.
pub(super) fn child_of(core: &Core, parent: &Stack, logical_id: &str) -> Stack {
    let unique = ids::uuid().replace('-', "")[..12].to_uppercase();
    let name = format!("{}-{logical_id}-{unique}", parent.name);
    let mut child = new_stack(core, &name);
    child.parent = Some(parent.id.clone());
    child.root = Some(parent.root.clone().unwrap_or_else(|| parent.id.clone()));
    child.nested_as = Some(logical_id.to_owned());
    child
}

/// The nested stack that a change set made for the resource.
pub(super) fn under_review(state: &State, parent: &Stack, logical_id: &str) -> Option<Stack> {
    let is = |stack: &&Stack| {
        stack.status == "REVIEW_IN_PROGRESS"
            && stack.parent.as_ref() == Some(&parent.id)
            && stack.nested_as.as_deref() == Some(logical_id)
    };
    state.stacks.iter().find(is).cloned()
}

/// Follows a nested stack to the end of its creation, and answers its outputs.
///
/// # Errors
/// Why it was not created.
pub async fn create(core: &Arc<Core>, id: &str) -> Result<BTreeMap<String, Value>, String> {
    settle(core.clone(), id.to_owned()).await;
    concluded(core, id, "CREATE_COMPLETE", "created")
}

fn concluded(
    core: &Core,
    id: &str,
    good: &str,
    done: &str,
) -> Result<BTreeMap<String, Value>, String> {
    let child = read(core, id, Stack::clone).ok_or("the nested stack is gone")?;
    if child.status == good {
        return Ok(outputs(&child));
    }
    let reason = child.reason.unwrap_or_default();
    Err(format!(
        "Embedded stack {id} was not successfully {done}: {reason}"
    ))
}

fn outputs(child: &Stack) -> BTreeMap<String, Value> {
    let each = child.outputs.iter();
    each.map(|output| {
        let name = format!("Outputs.{}", output.key);
        (name, Value::String(output.value.clone()))
    })
    .collect()
}

/// Brings a nested stack to what the resource asks; nothing where it is that.
///
/// # Errors
/// Why it was not updated.
pub async fn update(
    core: &Arc<Core>,
    parent: &str,
    id: &str,
    properties: &Value,
) -> Result<Option<BTreeMap<String, Value>>, String> {
    // A process that ended may have left it half way.
    settle(core.clone(), id.to_owned()).await;
    let (parent, child) = {
        let state = core.store.state();
        let parent = state.find(parent).cloned().ok_or("the stack is gone")?;
        let child = state.find(id).cloned().ok_or("the nested stack is gone")?;
        (parent, child)
    };
    standing(&child)?;
    let wanted = goal(core, &parent.goal, &child, properties)?;
    // With its cleanup it waits for its parent, which may have been gone on with to something else.
    let waits = child.operation.phase == Phase::UpdateCleanup;
    if !differs(&child, &wanted) && (waits || child.status.ends_with("_COMPLETE")) {
        return Ok(None);
    }
    change(core, id, |child| {
        begin_update(child, wanted, operation("UPDATE_STACK", Phase::Update));
    });
    settle(core.clone(), id.to_owned()).await;
    concluded(core, id, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "updated").map(Some)
}

/// Somebody may have deleted the nested stack by itself.
fn standing(child: &Stack) -> Result<(), String> {
    if !child.status.starts_with("DELETE_") {
        return Ok(());
    }
    let (id, status) = (&child.id, &child.status);
    Err(format!(
        "Embedded stack {id} was not successfully updated: it is in {status} state"
    ))
}

/// Brings a nested stack back to where it was before its parent's update, without what its parent skips;
/// whether it had moved.
///
/// # Errors
/// Why it could not be brought back.
pub async fn restore(core: &Arc<Core>, id: &str, skip: &BTreeSet<String>) -> Result<bool, String> {
    read(core, id, standing).unwrap_or(Ok(()))?;
    let moved = change(core, id, |child| {
        let moved = matches!(child.operation.phase, Phase::Update | Phase::UpdateCleanup)
            || matches!(
                child.status.as_str(),
                "UPDATE_FAILED" | "UPDATE_ROLLBACK_FAILED"
            );
        if moved {
            child.operation.phase = Phase::UpdateRollback;
            child.operation.done.clear();
            child.operation.skip = skips::handed(skip, &child.name);
            enter(child, "UPDATE_ROLLBACK_IN_PROGRESS", None);
        }
        moved || child.operation.phase == Phase::UpdateRollback
    });
    if moved != Some(true) {
        return Ok(false);
    }
    settle(core.clone(), id.to_owned()).await;
    let good = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS";
    concluded(core, id, good, "updated").map(|_| true)
}

/// Lets a nested stack do the cleanup that it has waited with.
pub async fn clean_up(core: &Arc<Core>, id: &str) {
    finish(core.clone(), id.to_owned()).await;
}

/// Deletes a nested stack.
///
/// # Errors
/// Why it could not be deleted.
pub async fn remove(core: &Arc<Core>, id: &str) -> Result<(), String> {
    let there = change(core, id, |child| {
        if child.status != "DELETE_COMPLETE" && child.operation.phase != Phase::Delete {
            child.operation = operation("DELETE_STACK", Phase::Delete);
            enter(child, "DELETE_IN_PROGRESS", Some(USER.to_owned()));
        }
    });
    if there.is_none() {
        return Ok(());
    }
    settle(core.clone(), id.to_owned()).await;
    concluded(core, id, "DELETE_COMPLETE", "deleted").map(|_| ())
}
