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
    /// Change a resource behind CloudFormation's back, so that it has drifted.
    ///
    /// Works on the state beside the manifest or, where AWS_ENDPOINT_URL names one, on a server that
    /// `infra local serve` runs.
    Drift(Drift),
}

/// Arguments of `infra local drift`.
#[derive(Debug, Args)]
pub struct Drift {
    /// The stack, as CloudFormation names it.
    pub stack: String,
    /// The resource's logical id.
    pub resource: String,
    /// Set the property at a dotted path: JSON or text, kept in the type that the resource's schema says.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Remove the property at a dotted path.
    #[arg(long, value_name = "PATH")]
    pub unset: Vec<String>,
    /// Delete the resource.
    #[arg(long, conflicts_with_all = ["set", "unset"])]
    pub delete: bool,
    /// Put the resource back to what its stack asks.
    #[arg(long, conflicts_with_all = ["set", "unset", "delete"])]
    pub restore: bool,
}

/// Runs it.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    match &arguments.action {
        What::Serve { port } => serve(*port, settings, ui).await,
        What::Drift(arguments) => drift(arguments, settings, ui).await,
    }
}

async fn drift(arguments: &Drift, settings: &Settings, ui: &Ui) -> Result<()> {
    let fields = fields(arguments)?;
    let refused = |reason: String| Error::stacks(format!("{reason}."));
    match crate::settings::variable("AWS_ENDPOINT_URL") {
        Some(endpoint) => local::call(&endpoint, &fields).await.map_err(refused)?,
        None => {
            let server = start(0, settings).await?;
            let called = local::call(server.endpoint(), &fields).await;
            server.shutdown().await;
            called.map_err(refused)?
        }
    };
    let (stack, resource) = (&arguments.stack, &arguments.resource);
    ui.status(&format!(
        "{stack}: {resource} is changed; CloudFormation was not told."
    ));
    Ok(())
}

/// The fields of an EditResource request.
fn fields(arguments: &Drift) -> Result<Vec<(String, String)>> {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut fields = vec![
        field("Action", "EditResource"),
        field("StackName", &arguments.stack),
        field("LogicalResourceId", &arguments.resource),
    ];
    let mut count = 0;
    for edit in &arguments.set {
        let (path, value) = edit.split_once('=').ok_or_else(|| {
            Error::asked(format!("{edit} is no edit.")).hint("write --set PATH=VALUE")
        })?;
        count += 1;
        fields.push(field(&format!("Edits.member.{count}.Set"), path));
        fields.push(field(&format!("Edits.member.{count}.Value"), value));
    }
    for path in &arguments.unset {
        count += 1;
        fields.push(field(&format!("Edits.member.{count}.Unset"), path));
    }
    if count == 0 && !arguments.delete && !arguments.restore {
        return Err(Error::asked("nothing is to be changed.")
            .hint("give --set PATH=VALUE, --unset PATH, --delete or --restore"));
    }
    fields.push(field("Delete", &arguments.delete.to_string()));
    fields.push(field("Restore", &arguments.restore.to_string()));
    Ok(fields)
}

async fn start(port: u16, settings: &Settings) -> Result<local::Server> {
    local::start(local_options(settings, settings.region.clone(), port)?)
        .await
        .map_err(|error| Error::asked(format!("the embedded CloudFormation cannot start: {error}")))
}

async fn serve(port: u16, settings: &Settings, ui: &Ui) -> Result<()> {
    let server = start(port, settings).await?;
    ui.product(&format!("export AWS_ENDPOINT_URL={}", server.endpoint()));
    ui.status("It provisions nothing. Ctrl-C ends it; its state stays in .infra/local.");
    let waited = tokio::signal::ctrl_c().await;
    server.shutdown().await;
    waited.map_err(|error| Error::asked(format!("cannot wait for Ctrl-C: {error}.")))
}
