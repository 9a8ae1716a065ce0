//! Each rule, over an account that is written down.

mod computing;
mod identity;
mod naming;
mod networking;

use super::*;
use crate::local::model::Snapshot;
use serde_json::json;
use tempfile::TempDir;

/// An account with two stacks: one that a resource is asked for in, and another one.
struct Account {
    state: State,
    place: Place,
    directory: TempDir,
}

const OWN: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/Own/1";
const OTHER: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/Other/2";

impl Account {
    fn new() -> Self {
        let stack = |id: &str| Stack {
            id: id.to_owned(),
            name: id.split('/').nth(1).unwrap().to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            ..Stack::default()
        };
        let mut state = State::default();
        state.add(stack(OWN));
        state.add(stack(OTHER));
        let place = Place {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            ..Place::default()
        };
        Self {
            state,
            place,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// The same with a resource in a stack; it is called as its physical id.
    fn with(mut self, stack: &str, kind: &str, id: &str, properties: Value) -> Self {
        let resource = Resource {
            logical_id: id.to_owned(),
            ..resource(kind, id, properties)
        };
        let stack = self.state.find_mut(stack).unwrap();
        stack.resources.insert(id.to_owned(), resource);
        self
    }

    fn other(self, kind: &str, id: &str, properties: Value) -> Self {
        self.with(OTHER, kind, id, properties)
    }

    fn own(self, kind: &str, id: &str, properties: Value) -> Self {
        self.with(OWN, kind, id, properties)
    }

    /// The same with a resource that a policy kept.
    fn kept(mut self, kind: &str, id: &str, properties: Value) -> Self {
        self.state.account.kept.push(resource(kind, id, properties));
        self
    }

    fn ask<T>(&self, ask: impl FnOnce(&World<'_>, &Stack) -> T) -> T {
        let world = World {
            state: &self.state,
            place: &self.place,
            directory: self.directory.path(),
            today: "2026-11-24",
        };
        ask(&world, self.state.find(OWN).unwrap())
    }

    fn create(&self, kind: &str, properties: Value) -> Option<String> {
        let wanted = resource(kind, "", properties);
        self.ask(|world, stack| refuse_create(world, stack, &wanted))
            .map(words)
    }

    fn update(&self, kind: &str, before: Value, after: Value) -> Option<String> {
        let (old, wanted) = (resource(kind, "x", before), resource(kind, "x", after));
        self.ask(|world, stack| refuse_update(world, stack, &old, &wanted))
            .map(words)
    }

    fn delete(&self, kind: &str, id: &str, properties: Value) -> Option<String> {
        let held = resource(kind, id, properties);
        self.ask(|world, stack| refuse_delete(world, stack, &held))
            .map(words)
    }
}

fn resource(kind: &str, id: &str, properties: Value) -> Resource {
    Resource {
        logical_id: "Asked".to_owned(),
        physical_id: id.to_owned(),
        kind: kind.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        properties,
        ..Resource::default()
    }
}

/// The service's words within a status reason.
fn words(told: String) -> String {
    let Some((_, message)) = told.split_once("message: \"") else {
        return told;
    };
    let ends = [" (Service: ", "\" (RequestToken"];
    let end = ends.iter().filter_map(|end| message.find(end)).min();
    message[..end.unwrap()].to_owned()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}
