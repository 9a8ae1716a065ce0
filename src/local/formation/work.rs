//! One resource: made, changed, replaced, brought back, removed. Nothing is provisioned; what a
//! handler would refuse (unfit properties, a taken name) is refused, and time passes.

use super::changes::{Verdict, takes_tags, verdict};
use super::dynamic;
use super::engine::{self, Program, change, read};
use super::nested;
use super::policy::{self, Touch};
use super::{refusals, values};
use crate::local::core::{Core, enter_resource};
use crate::local::faults::{Deed, Verb};
use crate::local::ids;
use crate::local::model::{Phase, Resource, Stack};
use crate::plan::estimate::of_type;
use crate::template::schema;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) async fn pass_time(core: &Core, id: &str, kind: &str) {
    // EXPRESS does not wait until what was made is ready.
    let express = read(core, id, |stack| stack.operation.express).unwrap_or_default();
    let share = if express { 0.2 } else { 1.0 };
    tokio::time::sleep(core.duration(of_type(kind) * share)).await;
}

/// Lets happen to the resource what is to go wrong with it.
pub(super) async fn strike(
    core: &Core,
    id: &str,
    name: &str,
    kind: &str,
    verb: Verb,
) -> Result<(), String> {
    let stack = read(core, id, |stack| stack.name.clone()).unwrap_or_default();
    let Some(fault) = core.faults.of_resource(&stack, name, kind, verb) else {
        return Ok(());
    };
    match fault.deed {
        Deed::Hang => std::future::pending().await,
        Deed::Slow => {
            let more = fault.factor.unwrap_or(10.0) - 1.0;
            tokio::time::sleep(core.duration(of_type(kind) * more.max(0.0))).await;
            Ok(())
        }
        _ => Err(fault.words()),
    }
}

/// Creates the resource, or brings it to what the template asks.
pub async fn make(
    core: Arc<Core>,
    id: String,
    name: String,
    program: Arc<Program>,
    operation: &'static str,
) -> Result<(), String> {
    let begun = begin(&core, &id, &name, &program);
    let (wanted, old) = match begun {
        Ok(both) => both,
        Err(reason) => return fail(&core, &id, &name, operation, &reason),
    };
    let Some(old) = old else {
        return create(&core, &id, wanted, operation).await;
    };
    let reverts = read(&core, &id, |stack| stack.operation.revert_drift).unwrap_or_default();
    if old.is_gone() && reverts {
        return create(&core, &id, wanted, operation).await;
    }
    let from = if reverts {
        old.actual()
    } else {
        &old.properties
    };
    let verdict = verdict(from, &old.kind, &wanted.kind, &wanted.properties);
    if let Some(reason) = denied(&core, &id, &name, &old.kind, verdict) {
        return fail(&core, &id, &name, operation, &reason);
    }
    if wanted.kind == nested::KIND && old.kind == nested::KIND {
        return update_nested(&core, &id, old, wanted).await;
    }
    match verdict {
        Verdict::Same => {
            let retagged =
                read(&core, &id, is_retagged).unwrap_or_default() && takes_tags(&wanted.kind);
            if retagged {
                return modify(&core, &id, old, wanted).await;
            }
            // Policies and dependencies can change without the handler being called.
            attend(&core, &id, wanted);
            // The process ended, or something else failed, while it was worked on.
            if !old.status.ends_with("_COMPLETE") {
                resume(&core, &id, &old).await;
            }
            Ok(())
        }
        Verdict::InPlace | Verdict::Perhaps => modify(&core, &id, old, wanted).await,
        Verdict::Replace => replace(&core, &id, old, wanted).await,
    }
}

/// Policies and dependencies, which change without the handler being called.
fn attend(core: &Core, id: &str, wanted: Resource) {
    change(core, id, |stack| {
        if let Some(resource) = stack.resources.get_mut(&wanted.logical_id) {
            resource.deletion_policy = wanted.deletion_policy;
            resource.replace_policy = wanted.replace_policy;
            resource.depends_on = wanted.depends_on;
        }
    });
}

/// Why the stack policy forbids an update of the resource, if it does.
fn denied(core: &Core, id: &str, name: &str, kind: &str, verdict: Verdict) -> Option<String> {
    let touch = match verdict {
        Verdict::Same => return None,
        Verdict::InPlace | Verdict::Perhaps => Touch::Modify,
        Verdict::Replace => Touch::Replace,
    };
    read(core, id, |stack| {
        let own = stack.operation.policy.as_ref();
        let policy = own.or(stack.policy.as_ref())?;
        (stack.operation.phase == Phase::Update)
            .then(|| policy::denied(policy, touch, name, kind))?
    })?
}

async fn update_nested(
    core: &Arc<Core>,
    id: &str,
    old: Resource,
    wanted: Resource,
) -> Result<(), String> {
    let (name, child) = (wanted.logical_id.clone(), old.physical_id.clone());
    change(core, id, |stack| {
        stack.resources.insert(
            name.clone(),
            Resource {
                physical_id: child.clone(),
                ..wanted.clone()
            },
        );
        enter_resource(stack, &name, "UPDATE_IN_PROGRESS", None);
    });
    let updated = nested::update(core, id, &child, &wanted.properties).await;
    let attributes = match updated {
        Ok(moved) => moved.unwrap_or(old.attributes),
        Err(reason) => return fail(core, id, &name, "UPDATE", &reason),
    };
    change(core, id, |stack| {
        if let Some(resource) = stack.resources.get_mut(&name) {
            resource.attributes = attributes;
        }
        enter_resource(stack, &name, "UPDATE_COMPLETE", None);
    });
    Ok(())
}

fn is_retagged(stack: &Stack) -> bool {
    stack
        .operation
        .before
        .as_ref()
        .is_some_and(|before| before.goal.tags != stack.goal.tags)
}

/// Resolves what the template asks of the resource, and what is there.
fn begin(
    core: &Core,
    id: &str,
    name: &str,
    program: &Program,
) -> Result<(Resource, Option<Resource>), String> {
    let mut state = core.store.state();
    let exports = engine::exports(&state.stacks, &program.template["Resources"][name]);
    let stack = state.find_mut(id).ok_or("the stack is gone")?;
    let entry = &program.template["Resources"][name];
    let text = |key: &str| entry[key].as_str().map(str::to_owned);
    let old = stack
        .resources
        .get(name)
        .filter(|r| !r.physical_id.is_empty())
        .cloned();
    let mut wanted = Resource {
        logical_id: name.to_owned(),
        kind: text("Type").unwrap_or_default(),
        depends_on: program.needs.get(name).cloned().unwrap_or_default(),
        deletion_policy: text("DeletionPolicy"),
        replace_policy: text("UpdateReplacePolicy"),
        properties: json!({}),
        ..Resource::default()
    };
    if old.is_none() {
        stack.resources.insert(name.to_owned(), wanted.clone());
    }
    let stack = state.find(id).ok_or("the stack is gone")?;
    let place = engine::place(core, stack);
    let scope = program.scope(stack, &place, &exports);
    if let Some(properties) = program.properties(&scope, name, Some(&state))? {
        wanted.properties = properties;
    }
    if let Some(schema) = schema::schema(&wanted.kind) {
        let unfit = schema.validate(&wanted.properties);
        if !unfit.is_empty() {
            return Err(format!(
                "Properties validation failed for resource {name} with message:\n{}",
                unfit.join("\n")
            ));
        }
    }
    if old.is_none() {
        let stack = state.find_mut(id).ok_or("the stack is gone")?;
        stack.resources.insert(name.to_owned(), wanted.clone());
        if !stack.operation.imports.contains_key(name) {
            enter_resource(stack, name, "CREATE_IN_PROGRESS", None);
        }
    }
    Ok((wanted, old))
}

async fn create(
    core: &Arc<Core>,
    id: &str,
    wanted: Resource,
    operation: &str,
) -> Result<(), String> {
    let (name, kind) = (wanted.logical_id.clone(), wanted.kind.clone());
    let import = read(core, id, |stack| {
        stack.operation.imports.get(&name).cloned()
    })
    .flatten();
    if let Some(physical_id) = import {
        return adopt(core, id, wanted, &physical_id).await;
    }
    let begun = match strike(core, id, &name, &kind, Verb::Create).await {
        Ok(()) if kind == nested::KIND => nested::begin(core, id, &wanted),
        Ok(()) => fresh(core, id, &wanted),
        Err(reason) => Err(reason),
    };
    let physical_id = match begun {
        Ok(physical_id) => physical_id,
        Err(reason) => return fail(core, id, &name, operation, &reason),
    };
    let child = physical_id.clone();
    change(core, id, |stack| {
        if let Some(resource) = stack.resources.get_mut(&name) {
            resource.physical_id = physical_id;
        }
        enter_resource(
            stack,
            &name,
            "CREATE_IN_PROGRESS",
            Some("Resource creation Initiated"),
        );
    });
    if kind != nested::KIND {
        refusals::wait_to_create(core, &wanted).await;
        complete(core, id, &name, &kind, "CREATE").await;
        return Ok(());
    }
    match nested::create(core, &child).await {
        Ok(attributes) => change(core, id, |stack| {
            if let Some(resource) = stack.resources.get_mut(&name) {
                resource.attributes = attributes;
            }
            enter_resource(stack, &name, "CREATE_COMPLETE", None);
        }),
        // It exists, and yet it is a create that failed.
        Err(reason) => {
            change(core, id, |stack| {
                enter_resource(stack, &name, "CREATE_FAILED", Some(&reason))
            });
            return Err(reason);
        }
    };
    Ok(())
}

/// Takes over a resource that exists.
async fn adopt(core: &Core, id: &str, wanted: Resource, physical_id: &str) -> Result<(), String> {
    let (name, kind) = (wanted.logical_id.clone(), wanted.kind.clone());
    let held = {
        let mut state = core.store.state();
        let is = |held: &Resource| held.kind == kind && held.physical_id == physical_id;
        let at = state.account.kept.iter().position(is);
        state.account.changed |= at.is_some();
        at.map(|at| state.account.kept.remove(at))
    };
    let Some(held) = held else {
        let reason =
            format!("Resource of type '{kind}' with identifier '{physical_id}' was not found.");
        change(core, id, |stack| {
            enter_resource(stack, &name, "IMPORT_FAILED", Some(&reason))
        });
        return Err(reason);
    };
    change(core, id, |stack| {
        // What it is called does not differ; how it is set may, and then it has drifted.
        let live = held.actual().clone();
        let resource = Resource {
            physical_id: physical_id.to_owned(),
            live: (live != wanted.properties).then_some(live),
            ..wanted
        };
        stack.resources.insert(name.clone(), resource);
        let why = Some("Resource import started.");
        enter_resource(stack, &name, "IMPORT_IN_PROGRESS", why);
    });
    pass_time(core, id, &kind).await;
    change(core, id, |stack| {
        let why = Some("Resource import completed.");
        enter_resource(stack, &name, "IMPORT_COMPLETE", why);
    });
    Ok(())
}

async fn complete(core: &Core, id: &str, name: &str, kind: &str, verb: &str) {
    pass_time(core, id, kind).await;
    change(core, id, |stack| {
        enter_resource(stack, name, &format!("{verb}_COMPLETE"), None);
    });
}

/// Brings to its end what was begun before.
async fn resume(core: &Core, id: &str, resource: &Resource) {
    let (name, verb) = (
        &resource.logical_id,
        resource.status.split('_').next().unwrap_or_default(),
    );
    if !resource.status.ends_with("_IN_PROGRESS") {
        change(core, id, |stack| {
            enter_resource(stack, name, &format!("{verb}_IN_PROGRESS"), None);
        });
    }
    complete(core, id, name, &resource.kind, verb).await;
}

/// The new resource's physical id, unless its service refuses it.
fn fresh(core: &Core, id: &str, wanted: &Resource) -> Result<String, String> {
    let mut state = core.store.state();
    if let Some(reason) = refusals::of_create(core, &state, id, wanted) {
        return Err(reason);
    }
    // A name may be secret; it is the resource's all the same.
    let given = dynamic::revealed(&state, wanted.properties.clone())?;
    let stack = state.find_mut(id).ok_or("the stack is gone")?;
    let place = engine::place(core, stack);
    let physical_id = values::physical_id(&wanted.kind, &wanted.logical_id, &given, &place);
    // From here on it counts for all others.
    let held = stack.resources.get_mut(&wanted.logical_id);
    if let Some(held) = held.filter(|held| held.physical_id.is_empty()) {
        held.physical_id.clone_from(&physical_id);
    }
    // What was kept of that name, and its service let be taken over, is this one now.
    let kept = state.account.kept.len();
    let is = |held: &Resource| held.kind == wanted.kind && held.physical_id == physical_id;
    state.account.kept.retain(|held| !is(held));
    state.account.changed |= state.account.kept.len() != kept;
    Ok(physical_id)
}

async fn modify(core: &Core, id: &str, old: Resource, wanted: Resource) -> Result<(), String> {
    let (name, kind) = (wanted.logical_id.clone(), wanted.kind.clone());
    let missing = old.is_gone().then(|| not_found(&old));
    let wanted = Resource {
        physical_id: old.physical_id.clone(),
        ..wanted
    };
    let refusal = refusals::of_update(core, id, &old, &wanted);
    change(core, id, |stack| {
        stack.resources.insert(name.clone(), wanted);
        enter_resource(stack, &name, "UPDATE_IN_PROGRESS", None);
    });
    let struck = strike(core, id, &name, &kind, Verb::Update).await;
    if let Some(reason) = struck.err().or(missing).or(refusal) {
        return fail(core, id, &name, "UPDATE", &reason);
    }
    complete(core, id, &name, &kind, "UPDATE").await;
    Ok(())
}

/// A handler's words for a resource that somebody deleted.
fn not_found(resource: &Resource) -> String {
    format!(
        "Resource handler returned message: \"Resource of type '{}' with identifier '{}' was not \
         found.\" (RequestToken: {}, HandlerErrorCode: NotFound)",
        resource.kind,
        resource.physical_id,
        ids::uuid()
    )
}

async fn replace(core: &Core, id: &str, old: Resource, wanted: Resource) -> Result<(), String> {
    const WHY: &str =
        "Requested update requires the creation of a new physical resource; hence creating one.";
    let (name, kind) = (wanted.logical_id.clone(), wanted.kind.clone());
    change(core, id, |stack| {
        enter_resource(stack, &name, "UPDATE_IN_PROGRESS", Some(WHY))
    });
    let struck = strike(core, id, &name, &kind, Verb::Update).await;
    let physical_id = match struck.and_then(|()| fresh(core, id, &wanted)) {
        Ok(physical_id) => physical_id,
        Err(reason) => return fail(core, id, &name, "UPDATE", &reason),
    };
    change(core, id, |stack| {
        stack.operation.stale.push(old);
        stack.resources.insert(
            name.clone(),
            Resource {
                physical_id,
                ..wanted
            },
        );
        enter_resource(
            stack,
            &name,
            "UPDATE_IN_PROGRESS",
            Some("Resource creation Initiated"),
        );
    });
    complete(core, id, &name, &kind, "UPDATE").await;
    Ok(())
}

fn fail(core: &Core, id: &str, name: &str, operation: &str, reason: &str) -> Result<(), String> {
    change(core, id, |stack| {
        let exists = stack
            .resources
            .get(name)
            .is_some_and(|r| !r.physical_id.is_empty());
        let status = if exists && operation == "UPDATE" {
            "UPDATE_FAILED"
        } else {
            "CREATE_FAILED"
        };
        enter_resource(stack, name, status, Some(reason));
    });
    Err(reason.to_owned())
}

/// Brings a resource back to what it was before a failed update.
pub async fn restore(
    core: Arc<Core>,
    id: String,
    name: String,
    old: Arc<BTreeMap<String, Resource>>,
) -> Result<(), String> {
    let Some(before) = old.get(&name) else {
        return Ok(());
    };
    let skipped =
        read(&core, &id, |stack| stack.operation.skip.contains(&name)).unwrap_or_default();
    let now = read(&core, &id, |stack| stack.resources.get(&name).cloned()).flatten();
    // Whatever was done to it gave it a status of a later time, tags alone included.
    let touched = now
        .as_ref()
        .is_none_or(|now| now.updated != before.updated || now.status != before.status);
    if before.kind == nested::KIND && !skipped {
        return restore_nested(&core, &id, before, now).await;
    }
    if skipped || !touched {
        change(&core, &id, |stack| {
            let kept = Resource {
                status: "UPDATE_COMPLETE".to_owned(),
                ..before.clone()
            };
            stack
                .resources
                .insert(name, if skipped { kept } else { before.clone() });
        });
        return Ok(());
    }
    change(&core, &id, |stack| {
        stack.resources.insert(name.clone(), before.clone());
        // A replacement that was made is not needed after all; what it was to replace is.
        stack
            .operation
            .stale
            .retain(|stale| stale.physical_id != before.physical_id);
        let made = now.filter(|now| now.physical_id != before.physical_id);
        stack.operation.stale.extend(made);
        enter_resource(stack, &name, "UPDATE_IN_PROGRESS", None);
    });
    if let Err(reason) = strike(&core, &id, &name, &before.kind, Verb::Rollback).await {
        return fail(&core, &id, &name, "UPDATE", &reason);
    }
    complete(&core, &id, &name, &before.kind, "UPDATE").await;
    Ok(())
}

async fn restore_nested(
    core: &Arc<Core>,
    id: &str,
    before: &Resource,
    now: Option<Resource>,
) -> Result<(), String> {
    let name = &before.logical_id;
    // What is skipped of a nested stack has its name in front, however deep that stack is.
    let own = before.physical_id.split('/').nth(1).unwrap_or_default();
    let own = format!("{own}.");
    let skip = read(core, id, |stack| {
        let nested = stack
            .operation
            .skip
            .iter()
            .filter(|path| path.contains('.'));
        nested
            .map(|path| path.strip_prefix(&own).unwrap_or(path).to_owned())
            .collect()
    });
    let restored = nested::restore(core, &before.physical_id, skip.unwrap_or_default()).await;
    let moved = match restored {
        Ok(moved) => moved || now.is_none_or(|now| !now.status.ends_with("_COMPLETE")),
        Err(reason) => return fail(core, id, name, "UPDATE", &reason),
    };
    change(core, id, |stack| {
        stack.resources.insert(name.clone(), before.clone());
        if moved {
            enter_resource(stack, name, "UPDATE_COMPLETE", None);
        }
    });
    Ok(())
}
