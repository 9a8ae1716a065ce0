//! Operations: each stack's walk through its statuses. The phase and what it has dealt with stand in
//! the state, so that an operation goes on where it was when the process ended.
//!
//! Order of statuses and events:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>

use super::evaluate::{self, Exports, Place, Scope};
use super::outputs::outputs;
use super::policy::{self, Touch};
use super::source;
use super::walk::{Walked, walk};
use super::{dynamic, nested, references, removal, work};
use crate::local::core::{Core, enter, enter_resource};
use crate::local::ids;
use crate::local::model::{Goal, Phase, Resource, Stack, State};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why an update that is complete is not all that was asked for.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html>
const LEFT: &str = "Update successful. One or more resources could not be deleted.";

/// Works until the stack's operation has ended.
pub async fn drive(core: &Arc<Core>, id: &str) {
    loop {
        match phase(core, id) {
            Phase::Idle => return,
            phase => work(core, id, phase).await,
        }
    }
}

/// Works until a nested stack's operation has ended, or waits for its parent with its cleanup.
pub async fn drive_nested(core: &Arc<Core>, id: &str) {
    loop {
        match phase(core, id) {
            Phase::Idle | Phase::UpdateCleanup | Phase::RollbackCleanup => return,
            phase => work(core, id, phase).await,
        }
    }
}

fn phase(core: &Core, id: &str) -> Phase {
    read(core, id, |stack| stack.operation.phase).unwrap_or_default()
}

async fn work(core: &Arc<Core>, id: &str, phase: Phase) {
    match phase {
        Phase::Idle => {}
        Phase::Create => create(core, id).await,
        Phase::CreateRollback => create_rollback(core, id).await,
        Phase::Update => update(core, id).await,
        Phase::UpdateCleanup => cleanup(core, id, "UPDATE_COMPLETE").await,
        Phase::UpdateRollback => update_rollback(core, id).await,
        Phase::RollbackCleanup => cleanup(core, id, "UPDATE_ROLLBACK_COMPLETE").await,
        Phase::Delete => delete(core, id).await,
        Phase::Import => import(core, id).await,
        Phase::ImportRollback => import_rollback(core, id),
    }
    core.touch();
}

pub(super) fn read<T>(core: &Core, id: &str, look: impl FnOnce(&Stack) -> T) -> Option<T> {
    core.store.state().find(id).map(look)
}

pub(super) fn change<T>(core: &Core, id: &str, change: impl FnOnce(&mut Stack) -> T) -> Option<T> {
    let changed = core.store.state().find_mut(id).map(change);
    core.touch();
    changed
}

/// Where the stack is.
pub fn place(core: &Core, stack: &Stack) -> Place {
    Place {
        stack_id: stack.id.clone(),
        stack_name: stack.name.clone(),
        topics: stack.goal.topics.clone(),
        ..core.place()
    }
}

/// What the stacks give to others, where a template or a part of one asks for it at all: most ask for
/// nothing, and an account may hold thousands of stacks.
pub fn exports(stacks: &[Stack], asking: &Value) -> Exports {
    let mut found = Exports::default();
    if !asks_others(asking) {
        return found;
    }
    for stack in stacks
        .iter()
        .filter(|stack| stack.status != "DELETE_COMPLETE")
    {
        for output in &stack.outputs {
            let key = (stack.name.clone(), output.key.clone());
            found.outputs.insert(key, output.value.clone());
            if let Some(name) = &output.export {
                found.named.insert(name.clone(), output.value.clone());
            }
        }
    }
    found
}

fn asks_others(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, inner)| {
            matches!(name.as_str(), "Fn::ImportValue" | "Fn::GetStackOutput") || asks_others(inner)
        }),
        Value::Array(items) => items.iter().any(asks_others),
        _ => false,
    }
}

/// A goal's template with its conditions evaluated.
pub(super) struct Program {
    pub(super) template: Value,
    pub(super) values: BTreeMap<String, String>,
    pub(super) conditions: BTreeMap<String, bool>,
    pub(super) needs: BTreeMap<String, BTreeSet<String>>,
    dynamic: BTreeMap<String, String>,
}

impl Program {
    pub(super) fn read(goal: &Goal, place: &Place) -> Result<Self, String> {
        let values = goal.values();
        let template = source::parse(goal.text()).map_err(|refusal| refusal.message)?;
        let conditions =
            evaluate::conditions(&template, place, &values).map_err(|refusal| refusal.message)?;
        let needs = references::dependencies(&template, &conditions);
        Ok(Self {
            template,
            values,
            conditions,
            needs,
            dynamic: goal.dynamic.clone(),
        })
    }

    /// A resource's properties with every function evaluated and every reference to a plain
    /// parameter read; with the state, those as well that were not known before.
    pub(super) fn properties(
        &self,
        scope: &Scope<'_>,
        name: &str,
        state: Option<&State>,
    ) -> Result<Option<Value>, String> {
        let written = &self.template["Resources"][name]["Properties"];
        let value = scope.resolve(written)?.filter(|value| !value.is_null());
        value
            .map(|value| dynamic::applied(value, &self.dynamic, state))
            .transpose()
    }

    /// What the stack's values can refer to.
    pub(super) fn scope<'a>(
        &'a self,
        stack: &'a Stack,
        place: &'a Place,
        exports: &'a Exports,
    ) -> Scope<'a> {
        Scope {
            template: &self.template,
            place,
            parameters: &self.values,
            conditions: &self.conditions,
            resources: &stack.resources,
            exports,
            later: None,
        }
    }
}

fn program(core: &Core, id: &str) -> Result<Arc<Program>, String> {
    let (goal, place) = read(core, id, |stack| (stack.goal.clone(), place(core, stack)))
        .ok_or("the stack is gone")?;
    Program::read(&goal, &place).map(Arc::new)
}

/// What was under way when something else failed.
fn cancel(stack: &mut Stack, verb: &str, status: &str) {
    let suffix = "_IN_PROGRESS";
    let open: Vec<String> = stack
        .resources
        .values()
        .filter(|resource| resource.status.ends_with(suffix))
        .map(|resource| resource.logical_id.clone())
        .collect();
    for name in open {
        enter_resource(
            stack,
            &name,
            status,
            Some(&format!("Resource {verb} cancelled")),
        );
    }
}

fn finish(stack: &mut Stack, status: &str, reason: Option<String>) {
    stack.operation.phase = Phase::Idle;
    stack.operation.done.clear();
    enter(stack, status, reason);
}

fn turn(stack: &mut Stack, phase: Phase, status: &str, reason: Option<String>) {
    stack.operation.phase = phase;
    // What was cancelled is the phase that ends here.
    stack.operation.cancelled = false;
    stack.operation.done.clear();
    enter(stack, status, reason);
}

/// Makes every resource as the goal asks, then evaluates the outputs.
async fn make_all(core: &Arc<Core>, id: &str, verb: &'static str) -> Result<(), String> {
    if let Some(invalid) = read(core, id, |stack| stack.operation.invalid.clone()).flatten() {
        return Err(invalid);
    }
    if let Some(late) = read(core, id, |stack| stack.goal.late.clone()).flatten() {
        return Err(late);
    }
    let program = program(core, id)?;
    if verb == "update" {
        removable(core, id, &program)?;
    }
    let operation = if verb == "create" { "CREATE" } else { "UPDATE" };
    let walked = walk(core, id, program.needs.clone(), false, |core, id, name| {
        work::make(core, id, name, program.clone(), operation)
    })
    .await;
    if walked.is_good() {
        outputs(core, id, &program)
    } else {
        Err(walked.reason(verb))
    }
}

/// Refuses an update that takes away what the stack policy protects.
fn removable(core: &Core, id: &str, program: &Program) -> Result<(), String> {
    change(core, id, |stack| {
        let Some(policy) = stack.operation.policy.clone().or(stack.policy.clone()) else {
            return Ok(());
        };
        let gone = stack
            .resources
            .values()
            .filter(|held| !program.needs.contains_key(&held.logical_id));
        let denied = gone
            .filter_map(|held| {
                let name = &held.logical_id;
                let why = policy::denied(&policy, Touch::Delete, name, &held.kind)?;
                Some((name.clone(), why))
            })
            .next();
        let Some((name, why)) = denied else {
            return Ok(());
        };
        enter_resource(stack, &name, "UPDATE_FAILED", Some(&why));
        Err(Walked::failed_at(name).reason("update"))
    })
    .unwrap_or(Ok(()))
}

async fn create(core: &Arc<Core>, id: &str) {
    let result = make_all(core, id, "create").await;
    change(core, id, |stack| match result {
        _ if stack.operation.phase != Phase::Create => {}
        Ok(()) => finish(stack, "CREATE_COMPLETE", None),
        Err(reason) => {
            cancel(stack, "creation", "CREATE_FAILED");
            if stack.operation.disable_rollback {
                finish(stack, "CREATE_FAILED", Some(reason.trim_end().to_owned()));
            } else if stack.delete_on_failure {
                turn(stack, Phase::Delete, "DELETE_IN_PROGRESS", Some(reason));
            } else {
                let reason = format!(
                    "{}. Rollback requested by user.",
                    reason.trim_end_matches(['.', ' '])
                );
                turn(
                    stack,
                    Phase::CreateRollback,
                    "ROLLBACK_IN_PROGRESS",
                    Some(reason),
                );
            }
        }
    });
}

async fn create_rollback(core: &Arc<Core>, id: &str) {
    let all = read(core, id, |stack| stack.operation.retain_except_on_create).unwrap_or_default();
    let keep = if all {
        removal::Keep::Nothing
    } else {
        removal::Keep::AsOnCreate
    };
    let walked = remove_all(core, id, keep).await;
    change(core, id, |stack| {
        if walked.is_good() {
            finish(stack, "ROLLBACK_COMPLETE", None);
        } else {
            finish(stack, "ROLLBACK_FAILED", Some(walked.reason("delete")));
        }
    });
}

async fn delete(core: &Arc<Core>, id: &str) {
    let walked = remove_all(core, id, removal::Keep::AsPolicy).await;
    change(core, id, |stack| {
        if walked.is_good() {
            stack.deleted = Some(ids::now());
            stack.outputs.clear();
            finish(stack, "DELETE_COMPLETE", None);
        } else {
            finish(stack, "DELETE_FAILED", Some(walked.reason("delete")));
        }
    });
}

/// Removes every resource, each before what it is built from.
async fn remove_all(core: &Arc<Core>, id: &str, keep: removal::Keep) -> Walked {
    let resources = read(core, id, |stack| stack.resources.clone()).unwrap_or_default();
    walk(
        core,
        id,
        reversed(resources.values()),
        true,
        move |core, id, name| removal::remove(core, id, name, keep),
    )
    .await
}

fn reversed<'a>(
    resources: impl Iterator<Item = &'a Resource>,
) -> BTreeMap<String, BTreeSet<String>> {
    let all: Vec<&Resource> = resources.collect();
    let mut needs: BTreeMap<String, BTreeSet<String>> = all
        .iter()
        .map(|resource| (resource.logical_id.clone(), BTreeSet::new()))
        .collect();
    for resource in &all {
        for need in &resource.depends_on {
            if let Some(users) = needs.get_mut(need) {
                users.insert(resource.logical_id.clone());
            }
        }
    }
    needs
}

async fn update(core: &Arc<Core>, id: &str) {
    let result = make_all(core, id, "update").await;
    change(core, id, |stack| match result {
        Ok(()) => {
            stack.updated = Some(ids::now());
            turn(
                stack,
                Phase::UpdateCleanup,
                "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
                None,
            );
        }
        Err(reason) => {
            cancel(stack, "update", "UPDATE_FAILED");
            if stack.operation.disable_rollback {
                finish(stack, "UPDATE_FAILED", Some(reason.trim_end().to_owned()));
            } else {
                turn(
                    stack,
                    Phase::UpdateRollback,
                    "UPDATE_ROLLBACK_IN_PROGRESS",
                    Some(reason),
                );
            }
        }
    });
}

/// Brings what was changed back to where it was; what is new goes in the cleanup.
async fn update_rollback(core: &Arc<Core>, id: &str) {
    let before = read(core, id, |stack| stack.operation.before.clone())
        .flatten()
        .unwrap_or_default();
    let needs = before
        .resources
        .iter()
        .map(|(name, resource)| (name.clone(), resource.depends_on.clone()))
        .collect();
    let old = Arc::new(before.resources.clone());
    let walked = walk(core, id, needs, false, |core, id, name| {
        work::restore(core, id, name, old.clone())
    })
    .await;
    change(core, id, |stack| {
        if walked.is_good() {
            stack.goal = before.goal;
            stack.outputs = before.outputs;
            turn(
                stack,
                Phase::RollbackCleanup,
                "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
                None,
            );
        } else {
            stack.operation.phase = Phase::Idle;
            cancel(stack, "update", "UPDATE_FAILED");
            enter(
                stack,
                "UPDATE_ROLLBACK_FAILED",
                Some(walked.reason("update")),
            );
        }
    });
}

/// Takes over the resources that the operation names.
async fn import(core: &Arc<Core>, id: &str) {
    let result = import_all(core, id).await;
    change(core, id, |stack| match result {
        Ok(()) => {
            stack.updated = Some(ids::now());
            finish(stack, "IMPORT_COMPLETE", None);
        }
        Err(reason) => {
            cancel(stack, "import", "IMPORT_FAILED");
            let status = "IMPORT_ROLLBACK_IN_PROGRESS";
            turn(stack, Phase::ImportRollback, status, Some(reason));
        }
    });
}

async fn import_all(core: &Arc<Core>, id: &str) -> Result<(), String> {
    let program = program(core, id)?;
    let wanted = read(core, id, |stack| stack.operation.imports.clone()).unwrap_or_default();
    let mut needs = program.needs.clone();
    needs.retain(|name, _| wanted.contains_key(name));
    let walked = walk(core, id, needs, false, |core, id, name| {
        work::make(core, id, name, program.clone(), "IMPORT")
    })
    .await;
    if walked.is_good() {
        outputs(core, id, &program)
    } else {
        Err(walked.reason("import"))
    }
}

/// Lets go of what was taken over: the stack is what it was.
fn import_rollback(core: &Core, id: &str) {
    let mut state = core.store.state();
    let mut released = Vec::new();
    if let Some(stack) = state.find_mut(id) {
        let before = stack.operation.before.take().unwrap_or_default();
        let taken: Vec<String> = stack
            .resources
            .keys()
            .filter(|name| !before.resources.contains_key(*name))
            .cloned()
            .collect();
        for name in taken {
            enter_resource(stack, &name, "IMPORT_ROLLBACK_COMPLETE", None);
            let held = stack.resources.remove(&name);
            released.extend(held.filter(|held| !held.physical_id.is_empty()));
        }
        stack.goal = before.goal;
        stack.outputs = before.outputs;
        finish(stack, "IMPORT_ROLLBACK_COMPLETE", None);
    }
    state.account.changed = true;
    state.account.kept.extend(released);
}

/// Deletes what nothing refers to any more. A failed deletion does not fail the update.
async fn cleanup(core: &Arc<Core>, id: &str, status: &str) {
    for child in nested_stacks(core, id) {
        nested::clean_up(core, &child).await;
    }
    let program = program(core, id).ok();
    let undone = phase(core, id) == Phase::RollbackCleanup;
    let stale = change(core, id, |stack| {
        let gone: Vec<String> = stack
            .resources
            .keys()
            .filter(|name| {
                program
                    .as_ref()
                    .is_some_and(|p| !p.needs.contains_key(*name))
            })
            .cloned()
            .collect();
        for name in gone {
            stack.operation.stale.extend(stack.resources.remove(&name));
        }
        stack.operation.stale.clone()
    })
    .unwrap_or_default();
    let mut left = reversed(stale.iter());
    // Old ones of one name can stand twice; the walk goes by name, the work by physical id.
    while let Some(name) = left
        .iter()
        .find(|(_, users)| users.iter().all(|user| !left.contains_key(user)))
        .map(|(name, _)| name.clone())
    {
        left.remove(&name);
        for resource in stale.iter().filter(|resource| resource.logical_id == name) {
            removal::discard(core, id, resource, undone).await;
        }
    }
    change(core, id, |stack| {
        stack.operation.stale.clear();
        stack.operation.before = None;
        let reason = leaves_behind(stack).then(|| LEFT.to_owned());
        finish(stack, status, reason);
    });
}

/// Whether the cleanup that is under way could not delete something.
fn leaves_behind(stack: &Stack) -> bool {
    let events = stack.events.iter().rev();
    let mut own = events.take_while(|event| event.physical_id != stack.id);
    own.any(|event| event.status == "DELETE_FAILED")
}

/// The nested stacks that are resources of the stack.
fn nested_stacks(core: &Core, id: &str) -> Vec<String> {
    let held = read(core, id, |stack| stack.resources.clone()).unwrap_or_default();
    held.into_values()
        .filter(|held| held.kind == nested::KIND && !held.physical_id.is_empty())
        .map(|held| held.physical_id)
        .collect()
}
