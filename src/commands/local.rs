//! `infra local`: the embedded CloudFormation.

use super::session::local_options;
use crate::error::{Error, Result};
use crate::local;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::{Args, Subcommand};

/// Arguments of `infra local`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub action: What,
}

/// What to do with the embedded CloudFormation.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Serve it on loopback until interrupted, for any client that takes an endpoint URL.
    Serve {
        /// The port; 0 takes a free one.
        #[arg(long, default_value_t = 4566)]
        port: u16,
    },
}

/// Runs it.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let What::Serve { port } = arguments.action;
    let server = local::start(local_options(settings, settings.region.clone(), port))
        .await
        .map_err(|error| {
            Error::asked(format!("the embedded CloudFormation cannot start: {error}"))
        })?;
    ui.product(&format!("export AWS_ENDPOINT_URL={}", server.endpoint()));
    ui.status("It provisions nothing. Ctrl-C ends it; its state stays in .infra/local.");
    let waited = tokio::signal::ctrl_c().await;
    server.shutdown().await;
    waited.map_err(|error| Error::asked(format!("cannot wait for Ctrl-C: {error}.")))
}
