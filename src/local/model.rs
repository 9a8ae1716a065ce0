//! What the embedded service remembers, as it stands in its state file.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Everything there is.
#[derive(Debug, Default)]
pub struct State {
    /// All stacks that ever were, oldest first; deleted ones included.
    pub stacks: Vec<Stack>,
    /// What belongs to no stack.
    pub account: Account,
}

/// What an account holds beside its stacks.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Parameters of the parameter store that no stack made, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Whether it differs from its file.
    #[serde(skip)]
    pub changed: bool,
}

/// A parameter of the parameter store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// String, StringList or SecureString.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value.
    pub value: String,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was last changed.
    pub modified: String,
}

/// What a stack is asked to be: all of it that an update can change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Goal {
    /// The template, verbatim.
    pub body: String,
    /// The template after its transforms, if it has any.
    pub processed: Option<String>,
    /// The template's description.
    pub description: Option<String>,
    /// Parameter values, defaults included.
    pub parameters: BTreeMap<String, String>,
    /// What the parameters that name one of the parameter store's stand for.
    pub resolved: BTreeMap<String, String>,
    /// Parameters that are never shown.
    pub secrets: BTreeSet<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Acknowledged capabilities.
    pub capabilities: Vec<String>,
    /// Notification topics.
    pub topics: Vec<String>,
    /// The service role.
    pub role_arn: Option<String>,
    /// EXPRESS or STANDARD.
    pub mode: Option<String>,
}

/// A stack.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stack {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: String,
    /// Why it is in that status.
    pub reason: Option<String>,
    /// When it was created.
    pub created: String,
    /// When it was last updated.
    pub updated: Option<String>,
    /// When it was deleted.
    pub deleted: Option<String>,
    /// What it is asked to be, and is once the operation completes.
    pub goal: Goal,
    /// Its resources by logical id.
    pub resources: BTreeMap<String, Resource>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// Its events, oldest first.
    pub events: Vec<Event>,
    /// The operation under way, or the last one.
    pub operation: Operation,
    /// Its change sets.
    pub change_sets: Vec<ChangeSet>,
    /// The stack policy.
    pub policy: Option<String>,
    /// Termination protection.
    pub protected: bool,
    /// Minutes after which a create fails.
    pub timeout: Option<u32>,
    /// Whether failures leave the stack as it is.
    pub disable_rollback: bool,
    /// Whether DELETE is what a failed create leads to.
    pub delete_on_failure: bool,
    /// The change set that was last executed.
    pub change_set_id: Option<String>,
    /// Answers by action and client token.
    pub tokens: BTreeMap<String, Value>,
    /// Whether it differs from its file.
    #[serde(skip)]
    pub changed: bool,
}

/// One resource of a stack.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// The logical id.
    pub logical_id: String,
    /// The physical id, once it has one.
    pub physical_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its status.
    pub status: String,
    /// Why it is in that status.
    pub reason: Option<String>,
    /// When the status changed.
    pub updated: String,
    /// Its properties, resolved; null until the handler was called.
    pub properties: Value,
    /// What else in the stack it is built from; it goes before they do.
    pub depends_on: BTreeSet<String>,
    /// Its DeletionPolicy.
    pub deletion_policy: Option<String>,
    /// Its UpdateReplacePolicy.
    pub replace_policy: Option<String>,
}

/// An output.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Output {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its description.
    pub description: Option<String>,
    /// The name that it is exported by.
    pub export: Option<String>,
}

/// An event.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Identifies it.
    pub id: String,
    /// When.
    pub time: String,
    /// What it is about.
    pub logical_id: String,
    /// Its physical id.
    pub physical_id: String,
    /// Its type.
    pub kind: String,
    /// The status that it came into.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The resource's properties as JSON.
    pub properties: Option<String>,
    /// The operation's client token.
    pub token: Option<String>,
    /// The operation's id.
    pub operation: String,
}

/// What is under way in a stack, and how far it has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Operation {
    /// Identifies it.
    pub id: String,
    /// `CREATE_STACK` and so on.
    pub kind: String,
    /// The client's token.
    pub token: Option<String>,
    /// Where it stands.
    pub phase: Phase,
    /// Where it began, where that is not at a create.
    pub before: Option<Box<Snapshot>>,
    /// Logical ids that this phase has dealt with.
    pub done: BTreeSet<String>,
    /// Physical resources that nothing refers to any more, to be deleted in cleanup.
    pub stale: Vec<Resource>,
    /// Logical ids that a delete leaves alone, or that a rollback skips.
    pub skip: BTreeSet<String>,
    /// Whether failures leave the stack as it is.
    pub disable_rollback: bool,
    /// Whether someone asked to stop.
    pub cancelled: bool,
    /// Whether it completes as soon as the configuration is applied.
    pub express: bool,
    /// When it started.
    pub started: String,
}

/// A stack before an operation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// What it was asked to be.
    pub goal: Goal,
    /// Its resources.
    pub resources: BTreeMap<String, Resource>,
    /// Its outputs.
    pub outputs: Vec<Output>,
}

/// The part of an operation that is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing is.
    #[default]
    Idle,
    /// Resources are created.
    Create,
    /// Resources of a failed create are deleted.
    CreateRollback,
    /// Resources are updated.
    Update,
    /// What an update left over is deleted.
    UpdateCleanup,
    /// Resources are brought back to where they were.
    UpdateRollback,
    /// What the failed update had made is deleted.
    RollbackCleanup,
    /// Everything is deleted.
    Delete,
}

/// A change set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// CREATE or UPDATE.
    pub kind: String,
    /// Its status.
    pub status: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Whether it can be executed.
    pub execution: String,
    /// When it was created.
    pub created: String,
    /// What it leads to.
    pub goal: Goal,
    /// `Changes` as they are answered.
    pub changes: Vec<Value>,
    /// Whether it asks to keep what failed.
    pub disable_rollback: bool,
    /// Its OnStackFailure.
    pub on_failure: Option<String>,
}

impl State {
    /// The stack of that id or, among those not deleted, of that name.
    pub fn find(&self, name: &str) -> Option<&Stack> {
        let at = self.position(name)?;
        self.stacks.get(at)
    }

    /// The same, to be changed.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Stack> {
        let at = self.position(name)?;
        let stack = self.stacks.get_mut(at)?;
        stack.changed = true;
        Some(stack)
    }

    /// Adds a stack.
    pub fn add(&mut self, mut stack: Stack) {
        stack.changed = true;
        self.stacks.push(stack);
    }

    /// All resources of a type that exist, each with its stack.
    pub fn resources<'a>(
        &'a self,
        kind: &'a str,
    ) -> impl Iterator<Item = (&'a Stack, &'a Resource)> {
        self.stacks
            .iter()
            .filter(|stack| stack.status != "DELETE_COMPLETE")
            .flat_map(|stack| stack.resources.values().map(move |held| (stack, held)))
            .filter(move |(_, held)| held.kind == kind && !held.physical_id.is_empty())
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.stacks.iter().rposition(|stack| {
            stack.id == name || (stack.name == name && stack.status != "DELETE_COMPLETE")
        })
    }
}

impl Goal {
    /// The template that is worked on.
    pub fn text(&self) -> &str {
        self.processed.as_deref().unwrap_or(&self.body)
    }

    /// The values that the template's parameters have.
    pub fn values(&self) -> BTreeMap<String, String> {
        let mut values = self.parameters.clone();
        values.extend(self.resolved.clone());
        values
    }
}

impl Stack {
    /// Whether an operation is under way.
    pub fn busy(&self) -> bool {
        self.operation.phase != Phase::Idle
    }
}
