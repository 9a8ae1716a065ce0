//! The `infra` binary: parses the command line, runs it, exits.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(infra::commands::run(infra::cli::Cli::parse()))
}
