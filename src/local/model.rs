//! What the embedded service remembers, as it stands in its state file.

use super::stacks::Stacks;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Everything there is.
#[derive(Debug, Default)]
pub struct State {
    /// All stacks that ever were, oldest first; deleted ones included.
    pub stacks: Stacks,
    /// What belongs to no stack.
    pub account: Account,
}

/// What an account holds beside its stacks.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Parameters of the parameter store that no stack made, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// What requests put into secrets, by the secrets' ARNs.
    pub secrets: BTreeMap<String, Secret>,
    /// The users of the pools, by the pools' ids.
    pub pools: BTreeMap<String, super::services::users::record::UserPool>,
    /// Resources that a policy kept when their stack let go of them.
    pub kept: Vec<Resource>,
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
    /// Its values before, the first version's first.
    pub earlier: Vec<String>,
}

/// What requests made of a secret, or put into one that a stack made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The key that it is encrypted with.
    pub key: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created: String,
    /// What was put into it, oldest first.
    pub versions: Vec<SecretVersion>,
    /// The version that a stack had put into it when something was put beside it.
    pub over: Option<String>,
    /// When it was marked for deletion.
    pub deleted: Option<String>,
}

/// What was put into a secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretVersion {
    /// Identifies it.
    pub id: String,
    /// Its text.
    pub text: Option<String>,
    /// Its bytes in base 64, where it is no text.
    pub binary: Option<String>,
    /// Its labels, where it was put with labels of its own.
    pub stages: Vec<String>,
    /// When it was put.
    pub created: String,
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
    /// What the dynamic references to plain parameters stand for.
    pub dynamic: BTreeMap<String, String>,
    /// What stops an operation towards it as soon as it has begun.
    pub late: Option<String>,
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
    /// The stack that this one is a resource of, by its ARN.
    pub parent: Option<String>,
    /// The stack at the top of that line.
    pub root: Option<String>,
    /// The resource of its parent that it is to be, where it was made by a change set of it.
    pub nested_as: Option<String>,
    /// Drift detections, oldest first.
    pub detections: Vec<Detection>,
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
    /// Attributes that only this resource has: a nested stack's outputs.
    pub attributes: BTreeMap<String, Value>,
    /// Its properties as somebody changed them behind CloudFormation's back; null where the
    /// resource was deleted.
    #[serde(
        rename = "actual",
        deserialize_with = "there",
        skip_serializing_if = "Option::is_none"
    )]
    pub live: Option<Value>,
    /// What drift detection found of it last.
    pub drift: Option<Drift>,
}

impl Resource {
    /// Its properties as its service has them.
    pub fn actual(&self) -> &Value {
        self.live.as_ref().unwrap_or(&self.properties)
    }

    /// Whether somebody deleted it behind CloudFormation's back.
    pub fn is_gone(&self) -> bool {
        self.live.as_ref().is_some_and(Value::is_null)
    }
}

/// A value that is there, `null` being one: the resource is gone.
fn there<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// What drift detection found of a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drift {
    /// IN_SYNC, MODIFIED or DELETED.
    pub status: String,
    /// When.
    pub time: String,
    /// The properties as they were then; null where it was deleted.
    pub actual: Value,
}

/// A drift detection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detection {
    /// Identifies it.
    pub id: String,
    /// DRIFTED or IN_SYNC.
    pub status: String,
    /// How many resources have drifted.
    pub drifted: usize,
    /// When it was asked for.
    pub time: String,
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
    /// The operation's kind.
    pub operation_kind: String,
    /// What a validation found, where this is not about a resource's progress.
    pub finding: Option<Finding>,
}

/// What a validation before the deployment found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// `PROPERTY_VALIDATION` and so on.
    pub name: String,
    /// The logical id.
    pub logical_id: String,
    /// The resource type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where in the template.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// Whether it stops the operation.
    pub stops: bool,
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
    /// Whether a rollback deletes new resources that their policy would keep.
    pub retain_except_on_create: bool,
    /// Why validations stop it before anything is done.
    pub invalid: Option<String>,
    /// The stack policy that counts for this operation alone.
    pub policy: Option<String>,
    /// Resources that are not created but taken over: logical ids and physical ones.
    pub imports: BTreeMap<String, String>,
    /// Whether what drifted is brought back to its properties.
    pub revert_drift: bool,
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
    /// Resources are taken over.
    Import,
    /// What was taken over is let go of.
    ImportRollback,
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
    /// The client's token that it was asked for with, or else the id of the operation that made it.
    pub operation: String,
    /// The operation that its events are of.
    pub events: String,
    /// Resources that it takes over: logical ids and physical ones.
    pub imports: BTreeMap<String, String>,
    /// Whether it brings back what drifted.
    pub revert_drift: bool,
    /// Whether resources that exist are taken over without being named.
    pub import_existing: bool,
    /// Whether nested stacks have change sets of their own.
    pub nests: bool,
    /// The change set of the stack that this one's is nested in.
    pub parent: Option<String>,
    /// The change set at the top of that line, which alone can be executed.
    pub root: Option<String>,
}

impl State {
    /// The stack of that id or, among those not deleted, of that name.
    pub fn find(&self, name: &str) -> Option<&Stack> {
        let at = self.stacks.position(name)?;
        self.stacks.get(at)
    }

    /// The same, to be changed.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Stack> {
        let at = self.stacks.position(name)?;
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

    /// Everything that exists: of stacks, left over by an update under way, kept by a policy. What
    /// somebody deleted behind CloudFormation's back does not.
    pub fn existing(&self) -> impl Iterator<Item = (Option<&Stack>, &Resource)> {
        let stacks = self
            .stacks
            .iter()
            .filter(|stack| stack.status != "DELETE_COMPLETE");
        let owned = stacks.flat_map(|stack| {
            let all = stack.resources.values().chain(&stack.operation.stale);
            all.map(move |resource| (Some(stack), resource))
        });
        let kept = self.account.kept.iter().map(|resource| (None, resource));
        owned
            .chain(kept)
            .filter(|(_, held)| !held.physical_id.is_empty() && !held.is_gone())
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
