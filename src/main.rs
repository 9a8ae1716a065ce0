//! The process: a runtime, one call, an exit code.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = infra::cli::Cli::parse();
    ExitCode::from(infra::commands::run(cli))
}
