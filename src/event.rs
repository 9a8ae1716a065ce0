//! What happened, as one enum. Sinks make it words, JSON or a record.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that happened in a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Work on a stack began.
    StackStarted {
        /// The stack, as the manifest names it.
        stack: String,
        /// What is done: create, update, delete and so on.
        action: String,
    },
    /// CloudFormation told of a resource.
    Resource {
        /// The stack, as the manifest names it.
        stack: String,
        /// When, as CloudFormation said it (RFC 3339).
        time: String,
        /// The logical id.
        resource: String,
        /// The resource type.
        resource_type: String,
        /// The resource status.
        status: String,
        /// Why, where CloudFormation said so.
        reason: Option<String>,
    },
    /// A stack came to its end as asked.
    StackDone {
        /// The stack, as the manifest names it.
        stack: String,
        /// The stack status it ended in.
        status: String,
    },
    /// An update has let go of resources, and could not delete them: no stack has them any more.
    StackLeft {
        /// The stack, as the manifest names it.
        stack: String,
        /// The resources.
        left: Vec<Left>,
    },
    /// A stack needed nothing.
    StackUnchanged {
        /// The stack, as the manifest names it.
        stack: String,
    },
    /// A stack failed.
    StackFailed {
        /// The stack, as the manifest names it.
        stack: String,
        /// The cause: the first negative event, or the refusal; as it is told.
        cause: String,
        /// The cause in its parts, where a resource is it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Box<Failure>>,
    },
    /// Something is waited for that passes: the network, the service, fresh credentials.
    Waiting {
        /// What, and what goes on meanwhile.
        why: String,
    },
    /// The user asked to stop.
    Interrupted {
        /// What that means.
        meaning: String,
    },
    /// A stack was not started because of another.
    StackSkipped {
        /// The stack, as the manifest names it.
        stack: String,
        /// The stack that failed.
        because: String,
    },
}

/// Why a stack failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// The resource that failed first; before it those that lead to it, through nested stacks.
    pub path: Vec<String>,
    /// Its type.
    pub resource_type: String,
    /// Its status.
    pub status: String,
    /// The property that the reason names, a dotted path.
    pub property: Option<String>,
    /// Where that stands in our files.
    pub place: Option<String>,
    /// Why, in AWS's words.
    pub reason: String,
    /// The error code that AWS gave with it.
    pub code: Option<String>,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
    /// What else failed, and not because of it.
    pub also: Vec<Other>,
    /// What was brought back afterwards.
    pub restored: Vec<String>,
    /// What a deletion policy left behind then.
    pub kept: Vec<String>,
    /// What could not be brought back, or not be deleted.
    pub stuck: Vec<Other>,
    /// What the stack let go of and could not delete: no stack has it any more.
    pub left: Vec<Left>,
    /// The status that the stack ended in.
    pub ended: String,
    /// What to run next, where the same command is not all.
    pub next: Option<String>,
}

/// A resource that failed besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Other {
    /// The logical id.
    pub resource: String,
    /// Where it is a nested stack: the resources within it that lead to the one that failed, and that one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<String>,
    /// Why, in AWS's words.
    pub reason: String,
}

/// A resource that a stack let go of and could not delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Left {
    /// The logical id that it had.
    pub resource: String,
    /// Its type.
    pub resource_type: String,
    /// The physical id, by which it is found.
    pub physical_id: String,
    /// Why, in AWS's words.
    pub reason: String,
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.resource)?;
        for inner in &self.within {
            write!(f, " > {inner}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            resource,
            resource_type,
            physical_id,
            reason,
        } = self;
        write!(f, "{resource} {resource_type} {physical_id}: {reason}")
    }
}

impl Left {
    fn words(&mut self) -> [&mut String; 2] {
        [&mut self.physical_id, &mut self.reason]
    }
}

impl Failure {
    /// The words of others in it.
    fn words(&mut self) -> impl Iterator<Item = &mut String> {
        let others = self.also.iter_mut().chain(&mut self.stuck);
        [&mut self.reason]
            .into_iter()
            .chain(self.hint.as_mut())
            .chain(others.map(|other| &mut other.reason))
            .chain(self.left.iter_mut().flat_map(Left::words))
    }
}

impl Event {
    /// Whether something goes wrong, or not on as asked. That is said even when quiet.
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::StackFailed { .. }
            | Self::StackSkipped { .. }
            | Self::StackLeft { .. }
            | Self::Waiting { .. }
            | Self::Interrupted { .. } => true,
            Self::StackStarted { .. }
            | Self::Resource { .. }
            | Self::StackDone { .. }
            | Self::StackUnchanged { .. } => false,
        }
    }

    /// The words of others in it, which may hold anything.
    pub fn words(&mut self) -> Vec<&mut String> {
        match self {
            Self::Resource { reason, .. } => reason.iter_mut().collect(),
            Self::StackFailed { cause, failure, .. } => {
                let parts = failure.iter_mut().flat_map(|failure| failure.words());
                std::iter::once(cause).chain(parts).collect()
            }
            Self::StackLeft { left, .. } => left.iter_mut().flat_map(Left::words).collect(),
            Self::Waiting { why } => vec![why],
            Self::Interrupted { meaning } => vec![meaning],
            Self::StackStarted { .. }
            | Self::StackDone { .. }
            | Self::StackUnchanged { .. }
            | Self::StackSkipped { .. } => vec![],
        }
    }
}
