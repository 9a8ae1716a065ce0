//! The services asked, before a resource is made, changed or deleted.

use super::{dynamic, engine};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::life::{self, Wait, World};
use crate::local::model::{Resource, Stack, State};

/// Why the resource cannot be created.
pub(super) fn of_create(core: &Core, state: &State, id: &str, wanted: &Resource) -> Option<String> {
    dynamic::unreadable(state, &wanted.kind, &wanted.properties).or_else(|| {
        ask(core, state, id, |world, stack| {
            life::refuse_create(world, stack, wanted)
        })
    })
}

/// Why the resource cannot be changed.
pub(super) fn of_update(
    core: &Core,
    id: &str,
    old: &Resource,
    wanted: &Resource,
) -> Option<String> {
    let state = core.store.state();
    dynamic::unreadable(&state, &wanted.kind, &wanted.properties).or_else(|| {
        ask(core, &state, id, |world, stack| {
            life::refuse_update(world, stack, old, wanted)
        })
    })
}

/// Why the resource cannot be deleted.
pub(super) fn of_delete(core: &Core, id: &str, resource: &Resource) -> Option<String> {
    ask(core, &core.store.state(), id, |world, stack| {
        life::refuse_delete(world, stack, resource)
    })
}

fn ask(
    core: &Core,
    state: &State,
    id: &str,
    ask: impl FnOnce(&World<'_>, &Stack) -> Option<String>,
) -> Option<String> {
    let stack = state.find(id)?;
    let (place, now) = (engine::place(core, stack), ids::now());
    let world = World {
        state,
        place: &place,
        directory: core.store.directory(),
        today: now.get(..10).unwrap_or_default(),
    };
    ask(&world, stack)
}

/// Waits for what the create of the resource waits for.
pub(super) async fn wait_to_create(core: &Core, wanted: &Resource) {
    let wait = life::on_create(&core.store.state(), wanted);
    linger(core, wait).await;
}

/// Waits for what the delete of the resource waits for.
pub(super) async fn wait_to_delete(core: &Core, resource: &Resource) {
    let wait = life::on_delete(&core.store.state(), resource);
    linger(core, wait).await;
}

/// Lets pass what is left of a wait.
async fn linger(core: &Core, wait: Option<Wait>) {
    let Some(wait) = wait else { return };
    let passed = ids::since(&wait.since).unwrap_or_default();
    tokio::time::sleep(core.duration(wait.seconds).saturating_sub(passed)).await;
}
