//! Behaviour, through the real binary: a file a command, and the foreign tools.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed helper is a failed test"
)]

mod api;
mod browser;
mod campaign;
mod clients;
mod corpus;
mod credentials;
mod data;
mod deploy;
mod destroy;
mod diff;
mod edits;
mod engine;
mod faults;
mod foreign;
mod forged;
mod formation;
mod hostile;
mod idle;
mod interrupts;
mod life;
mod lint;
mod local;
mod login;
mod manifest;
mod model;
mod moved;
mod permissions;
mod plans;
mod platform;
mod predict;
mod predictions;
mod preflight;
mod prompts;
mod record;
mod recovery;
mod references;
mod retries;
mod reviews;
mod sandbox;
mod second_opinion;
mod snapshots;
mod stage;
mod statuses;
mod synth;
mod tables;
mod up;
mod users;
mod verify;
mod walls;
mod warehouse;
mod web;
mod wire;
