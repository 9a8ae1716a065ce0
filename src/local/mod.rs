//! An embedded CloudFormation on loopback: the real wire protocol over an engine that provisions
//! nothing. It evaluates templates, checks properties against AWS's own resource schemas, and walks
//! stacks through their statuses; physical resources are only names.

mod client;
mod core;
pub mod faults;
mod formation;
mod ids;
mod life;
mod model;
mod pattern;
mod query;
mod refusal;
mod services;
mod stacks;
mod store;
mod wire;
mod xml;

pub use self::client::call;
pub use self::core::Options;
pub use self::store::StartError;
pub use self::wire::{Server, start};
