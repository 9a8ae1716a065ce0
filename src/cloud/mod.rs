//! AWS: one session, and the CloudFormation verbs. SDK types stay inside this room.

mod refusals;
mod session;
mod stacks;
mod upload;

pub use session::{Calls, Cloud, Connection};
pub use stacks::{Change, ChangeSet, Deployed, Source, StackEvent, StackInput};
