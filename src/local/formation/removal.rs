//! Resources that go: with their stack, in a rollback, or because nothing refers to them any more.

use super::engine::{change, read};
use super::work::{pass_time, strike};
use super::{nested, refusals};
use crate::local::core::{Core, enter_resource, event_of, record};
use crate::local::faults::Verb;
use crate::local::model::Resource;
use std::sync::Arc;

/// Which policies keep a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Everything goes.
    Nothing,
    /// A create rolls back: everything that it made goes, except what is to be retained.
    AsOnCreate,
    /// The stack goes: as the DeletionPolicy says.
    AsPolicy,
}

/// Removes a resource, unless a policy keeps it.
pub async fn remove(core: Arc<Core>, id: String, name: String, keep: Keep) -> Result<(), String> {
    let Some((resource, skipped)) = read(&core, &id, |stack| {
        Some((
            stack.resources.get(&name)?.clone(),
            stack.operation.skip.contains(&name),
        ))
    })
    .flatten() else {
        return Ok(());
    };
    if resource.status == "DELETE_COMPLETE" || resource.physical_id.is_empty() {
        change(&core, &id, |stack| stack.resources.remove(&name));
        return Ok(());
    }
    if skipped || is_kept(&resource, keep) {
        change(&core, &id, |stack| {
            enter_resource(stack, &name, "DELETE_SKIPPED", None);
            stack.resources.remove(&name);
        });
        keep_aside(&core, resource);
        return Ok(());
    }
    change(&core, &id, |stack| {
        enter_resource(stack, &name, "DELETE_IN_PROGRESS", None)
    });
    let mut failed = strike(&core, &id, &name, &resource.kind, Verb::Delete)
        .await
        .err();
    if resource.kind == nested::KIND && failed.is_none() {
        failed = nested::remove(&core, &resource.physical_id).await.err();
    }
    if let Some(reason) = failed.or_else(|| refusals::of_delete(&core, &id, &resource)) {
        change(&core, &id, |stack| {
            enter_resource(stack, &name, "DELETE_FAILED", Some(&reason))
        });
        return Err(reason);
    }
    refusals::wait_to_delete(&core, &resource).await;
    pass_time(&core, &id, &resource.kind).await;
    change(&core, &id, |stack| {
        enter_resource(stack, &name, "DELETE_COMPLETE", None);
        stack.resources.remove(&name);
    });
    Ok(())
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
fn is_kept(resource: &Resource, keep: Keep) -> bool {
    match resource.deletion_policy.as_deref() {
        Some("Retain") => keep != Keep::Nothing,
        Some("RetainExceptOnCreate") => keep == Keep::AsPolicy,
        _ => false,
    }
}

/// What a policy keeps is still in the account, and keeps its name.
fn keep_aside(core: &Core, resource: Resource) {
    let mut state = core.store.state();
    state.account.kept.push(resource);
    state.account.changed = true;
}

/// Deletes what an update left over, unless its policy keeps it. With `undone`, the update was rolled
/// back: it is what the update had made.
pub async fn discard(core: &Arc<Core>, id: &str, resource: &Resource, undone: bool) {
    let replaced = read(core, id, |stack| {
        stack.resources.contains_key(&resource.logical_id)
    });
    let policy = if replaced.unwrap_or_default() {
        resource.replace_policy.as_deref()
    } else {
        resource.deletion_policy.as_deref()
    };
    let tell = |status: &str, reason: Option<&str>| {
        change(core, id, |stack| {
            record(stack, event_of(resource, status, reason))
        });
    };
    let all = read(core, id, |stack| stack.operation.retain_except_on_create).unwrap_or_default();
    let kept = match policy {
        Some("Retain") => !(undone && all),
        Some("RetainExceptOnCreate") => !undone,
        _ => false,
    };
    if kept && !resource.physical_id.is_empty() {
        tell("DELETE_SKIPPED", None);
        return leave(core, id, resource);
    }
    if resource.physical_id.is_empty() {
        return;
    }
    tell("DELETE_IN_PROGRESS", None);
    let (name, kind) = (&resource.logical_id, &resource.kind);
    let mut failed = strike(core, id, name, kind, Verb::Delete).await.err();
    if resource.kind == nested::KIND && failed.is_none() {
        failed = nested::remove(core, &resource.physical_id).await.err();
    }
    if let Some(reason) = failed.or_else(|| refusals::of_delete(core, id, resource)) {
        tell("DELETE_FAILED", Some(&reason));
        return leave(core, id, resource);
    }
    refusals::wait_to_delete(core, resource).await;
    pass_time(core, id, &resource.kind).await;
    tell("DELETE_COMPLETE", None);
    forget(core, id, resource);
}

/// What an update left over and did not delete belongs to no stack any more.
fn leave(core: &Core, id: &str, resource: &Resource) {
    if resource.kind != nested::KIND {
        keep_aside(core, resource.clone());
    }
    forget(core, id, resource);
}

/// What is gone is not in the way of what it was built from.
fn forget(core: &Core, id: &str, resource: &Resource) {
    let is =
        |held: &Resource| held.kind == resource.kind && held.physical_id == resource.physical_id;
    change(core, id, |stack| {
        stack.operation.stale.retain(|held| !is(held))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn policies_keep() {
        let with = |policy: &str| Resource {
            deletion_policy: Some(policy.to_owned()),
            properties: json!(null),
            ..Resource::default()
        };
        assert!(is_kept(&with("Retain"), Keep::AsOnCreate));
        assert!(!is_kept(&with("RetainExceptOnCreate"), Keep::AsOnCreate));
        assert!(is_kept(&with("RetainExceptOnCreate"), Keep::AsPolicy));
        assert!(!is_kept(&with("Snapshot"), Keep::AsPolicy));
    }
}
