//! AWS: one session, and the CloudFormation verbs. SDK types stay inside this room.

mod change_sets;
mod credentials;
mod denials;
mod drift;
mod events;
mod findings;
mod operations;
mod outside;
mod rate;
mod refusals;
mod services;
mod session;
mod stacks;
mod standing;
mod upload;

pub use change_sets::{Change, ChangeSet, Detail, Made};
pub use denials::Denial;
pub use drift::{Drifted, LiveDifference};
pub use events::{News, StackEvent};
pub use findings::{Finding, Of, stopped};
pub use operations::{OnFailure, Source, StackInput};
pub use outside::Answered;
pub(crate) use refusals::{chain, refusal};
pub use session::{Calls, Cloud, Connection};
pub use stacks::Deployed;
pub use standing::Standing;
