//! CloudFormation: its actions, its engine, and templates evaluated.

pub mod changes;
mod cidr;
pub mod describe;
pub mod engine;
pub mod evaluate;
pub mod operations;
mod parameters;
mod transform;
mod values;
mod work;
