//! What happened, as one enum. Sinks make it words, JSON or a record.

use serde::Serialize;

/// Something that happened in a run.
#[derive(Debug, Clone, Serialize)]
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
