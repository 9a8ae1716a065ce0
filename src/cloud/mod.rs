//! AWS: one session, and the CloudFormation verbs. SDK types stay inside this room.

mod denials;
mod drift;
mod findings;
mod outside;
mod rate;
mod refusals;
mod services;
mod session;
mod stacks;
mod standing;
mod upload;

pub use denials::Denial;
pub use drift::{Drifted, LiveDifference};
pub use findings::{Finding, Of, stopped};
pub use outside::Answered;
pub(crate) use refusals::{chain, refusal};
pub use session::{Calls, Cloud, Connection};
pub use stacks::{
    Change, ChangeSet, Deployed, Detail, Made, OnFailure, Source, StackEvent, StackInput,
};
pub use standing::Standing;
