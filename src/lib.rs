//! `infra` deploys AWS CloudFormation stacks in dependency order.
//!
//! One direction: `settings` (the world, read once) and `manifest` (stacks.toml) give a `graph`;
//! `template` renders and reads each stack's body; `cloud` reads what is deployed; `plan` says, as
//! pure values, what will be done and why; `execute` does only that, and reports `event`s to the
//! sinks in `report`. `local` is an embedded CloudFormation: nothing knows of it but the command
//! that starts it and the connection that points the SDK at it. docs/architecture.md has the rooms.

pub mod chance;
pub mod checks;
pub mod cli;
pub mod cloud;
pub mod commands;
pub mod error;
pub mod event;
pub mod execute;
pub mod graph;
pub mod jwt;
pub mod lint;
pub mod local;
pub mod manifest;
pub mod permissions;
pub mod plan;
pub mod platform;
pub mod project;
pub mod regexes;
pub mod report;
pub mod secrets;
pub mod settings;
pub mod signals;
pub mod srp;
pub mod template;
pub mod ui;
pub mod walk;
