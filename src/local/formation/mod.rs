//! CloudFormation: its actions, its engine, and templates evaluated.

mod change_sets;
mod changes;
mod check;
mod cidr;
mod describe;
mod details;
pub mod drift;
pub mod engine;
pub mod evaluate;
mod imports;
mod lifecycle;
mod nested;
pub mod operations;
mod outputs;
mod parameters;
mod policy;
mod references;
mod refusals;
mod removal;
mod request;
mod rules;
mod transform;
mod validation;
pub mod values;
mod walk;
mod work;
