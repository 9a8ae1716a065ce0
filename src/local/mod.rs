//! An embedded CloudFormation on loopback: the real wire protocol over an engine that provisions
//! nothing. It evaluates templates, checks properties against AWS's own resource schemas, and walks
//! stacks through their statuses; physical resources are only names.

mod changes;
mod cidr;
mod core;
mod describe;
mod engine;
mod evaluate;
mod ids;
mod model;
mod objects;
mod operations;
mod parameters;
mod query;
mod refusal;
mod store;
mod values;
mod wire;
mod work;
mod xml;

pub use self::core::{Fault, Options, Verb};
pub use self::store::StartError;
pub use self::wire::{Server, start};
