//! What happened, as one enum. Sinks make it words, JSON or a record.

use serde::{Deserialize, Serialize};

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
    /// A stack needed nothing.
    StackUnchanged {
        /// The stack, as the manifest names it.
        stack: String,
    },
    /// A stack failed.
    StackFailed {
        /// The stack, as the manifest names it.
        stack: String,
        /// The cause: the first negative event, or the refusal.
        cause: String,
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

/// Values that are never shown: in no event, and so in no line, no error and no record.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Keeps values that are long enough to be told apart from other words; the longest go first, as
    /// one may stand in another.
    pub fn new(values: impl Iterator<Item = String>) -> Self {
        let mut values: Vec<String> = values.filter(|value| value.len() >= 4).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// The event without them.
    pub fn mask(&self, mut event: Event) -> Event {
        let text = match &mut event {
            Event::Resource { reason, .. } => reason.as_mut(),
            Event::StackFailed { cause, .. } => Some(cause),
            Event::Waiting { why } => Some(why),
            Event::Interrupted { meaning } => Some(meaning),
            Event::StackStarted { .. }
            | Event::StackDone { .. }
            | Event::StackUnchanged { .. }
            | Event::StackSkipped { .. } => None,
        };
        if let Some(text) = text {
            for value in &self.0 {
                *text = text.replace(value.as_str(), "****");
            }
        }
        event
    }
}
