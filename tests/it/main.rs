//! Behaviour, through the real binary: a file a command, and the foreign tools.

mod deploy;
mod destroy;
mod foreign;
mod local;
mod manifest;
mod sandbox;
mod synth;
mod walls;
