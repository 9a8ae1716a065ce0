//! What a rollback that is gone on with leaves as it is: the resources to be skipped, checked.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html>

use super::nested;
use crate::local::model::{Resource, Stack, State};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use std::collections::BTreeSet;

/// The resources that the request leaves as they are: by logical id, or `NestedStackName.LogicalId`.
///
/// # Errors
/// A resource that cannot be skipped.
pub fn asked(state: &State, stack: &Stack, query: &Query) -> Result<BTreeSet<String>, Refusal> {
    let named = query.list("ResourcesToSkip");
    if query.flag("ForceRollback") != Some(true) {
        named
            .iter()
            .try_for_each(|path| check(state, stack, path))?;
        return Ok(named.into_iter().collect());
    }
    if named.is_empty() {
        return Ok(all(state, stack));
    }
    Err(Refusal::validation(
        "You cannot specify both ForceRollback and ResourcesToSkip.",
    ))
}

/// Of what a stack skips, that which is in one of its nested stacks or below.
pub fn handed(skip: &BTreeSet<String>, child: &str) -> BTreeSet<String> {
    let below = skip.iter().filter_map(|path| path.split_once('.'));
    below
        .map(|(stack, name)| {
            if stack == child {
                name.to_owned()
            } else {
                format!("{stack}.{name}")
            }
        })
        .collect()
}

fn check(state: &State, stack: &Stack, path: &str) -> Result<(), Refusal> {
    let refuse = |why: &str| {
        let words = format!("Resource {path} cannot be skipped: {why}");
        Err(Refusal::validation(words))
    };
    let found = match path.split_once('.') {
        None => Some((stack, path)),
        Some((child, name)) => {
            let named = below(state, stack).find(|one| one.name == child);
            named.map(|one| (one, name))
        }
    };
    let Some((holder, name)) = found else {
        return refuse("the stack has no nested stack of that name");
    };
    let Some(held) = holder.resources.get(name) else {
        return refuse(&format!("it does not exist in stack {}", holder.name));
    };
    if !is_stuck(holder, held) {
        return refuse("it is not in UPDATE_FAILED state because a rollback failed");
    }
    if held.kind == nested::KIND && !is_deleted(state, held) {
        return refuse(
            "its embedded stack is not in DELETE_IN_PROGRESS, DELETE_COMPLETE or DELETE_FAILED \
             state; the resources of a nested stack are named as NestedStackName.ResourceLogicalID",
        );
    }
    Ok(())
}

/// Everything that could not be brought back.
fn all(state: &State, stack: &Stack) -> BTreeSet<String> {
    let holders = std::iter::once(stack).chain(below(state, stack));
    let stuck = holders.flat_map(|holder| {
        let held = holder.resources.values();
        held.filter(move |held| {
            is_stuck(holder, held) && (held.kind != nested::KIND || is_deleted(state, held))
        })
        .map(move |held| (holder, &held.logical_id))
    });
    stuck
        .map(|(holder, name)| {
            if holder.id == stack.id {
                name.clone()
            } else {
                format!("{}.{name}", holder.name)
            }
        })
        .collect()
}

/// The stacks that are nested in a stack, at any depth.
fn below<'a>(state: &'a State, stack: &'a Stack) -> impl Iterator<Item = &'a Stack> {
    let all = state.stacks.iter();
    all.filter(|one| one.root.as_ref() == Some(&stack.id) && one.status != "DELETE_COMPLETE")
}

fn is_deleted(state: &State, held: &Resource) -> bool {
    let child = state.find(&held.physical_id);
    child.is_none_or(|child| child.status.starts_with("DELETE_"))
}

/// Whether a rollback could not bring the resource back. One that the update itself failed at, or that
/// was cancelled, is in the same status.
fn is_stuck(stack: &Stack, held: &Resource) -> bool {
    let mut earlier = stack.events.iter().rev();
    let is_its = |id: &str, of: &str| id == held.logical_id && of != stack.id;
    let failed = earlier.find(|event| is_its(&event.logical_id, &event.physical_id));
    let reason = failed.and_then(|event| event.reason.as_deref());
    let begun = earlier.find(|event| event.physical_id == stack.id);
    held.status == "UPDATE_FAILED"
        && reason != Some("Resource update cancelled")
        && begun.is_some_and(|event| event.status == "UPDATE_ROLLBACK_IN_PROGRESS")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::core::{enter, enter_resource};

    #[test]
    fn what_is_below_is_handed_on() {
        let skip = ["A", "Root-Mid-1.A", "Root-Mid-1-Leaf-2.B"].map(str::to_owned);
        let skip = BTreeSet::from(skip);
        let mid = handed(&skip, "Root-Mid-1");
        assert_eq!(
            mid,
            BTreeSet::from(["A", "Root-Mid-1-Leaf-2.B"].map(str::to_owned))
        );
        let leaf = handed(&mid, "Root-Mid-1-Leaf-2");
        assert_eq!(leaf, BTreeSet::from(["B".to_owned()]));
    }

    #[test]
    fn only_a_rollback_leaves_something_stuck() {
        let mut stack = Stack {
            id: "arn:1".to_owned(),
            name: "S".to_owned(),
            ..Stack::default()
        };
        for name in ["A", "B", "C"] {
            let held = Resource {
                logical_id: name.to_owned(),
                ..Resource::default()
            };
            stack.resources.insert(name.to_owned(), held);
        }
        enter(&mut stack, "UPDATE_IN_PROGRESS", None);
        enter_resource(&mut stack, "A", "UPDATE_FAILED", Some("no"));
        enter(&mut stack, "UPDATE_ROLLBACK_IN_PROGRESS", None);
        enter_resource(&mut stack, "B", "UPDATE_FAILED", Some("no"));
        enter_resource(
            &mut stack,
            "C",
            "UPDATE_FAILED",
            Some("Resource update cancelled"),
        );
        enter(&mut stack, "UPDATE_ROLLBACK_FAILED", None);
        let stuck = |name: &str| is_stuck(&stack, &stack.resources[name]);
        assert_eq!(["A", "B", "C"].map(stuck), [false, true, false]);
        assert_eq!(
            all(&State::default(), &stack),
            BTreeSet::from(["B".to_owned()])
        );
    }
}
