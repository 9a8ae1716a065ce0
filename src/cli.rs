//! The command line: global flags and the command enum.

use crate::commands;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The manifest where none is named.
pub const MANIFEST: &str = "stacks.toml";

/// Deploys AWS CloudFormation stacks in dependency order, passing outputs forward as parameters.
#[derive(Debug, Parser)]
#[command(name = "infra", version, max_term_width = 100)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The manifest.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = MANIFEST
    )]
    pub manifest: PathBuf,
    /// The environment of the manifest to overlay.
    #[arg(long, global = true, value_name = "NAME")]
    pub env: Option<String>,
    /// The AWS region; over AWS_REGION and the manifest.
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// The AWS profile.
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Use the embedded CloudFormation instead of an AWS account; its state is kept in .infra/local.
    #[arg(long, global = true)]
    pub local: bool,
    /// Let something go wrong in the embedded CloudFormation: RESOURCE:create:fail[:REASON],
    /// call:ACTION:throttle[:times=N], call:DescribeStacks:lag:millis=N; docs/local.md has all of them.
    #[arg(long, global = true, value_name = "RULE")]
    pub fault: Vec<String>,
    /// Faults of the embedded CloudFormation, as docs/local.md describes them.
    #[arg(long, global = true, value_name = "FILE")]
    pub fault_file: Option<PathBuf>,
    /// Append each call of AWS to this file, a line each: the service and the operation, as
    /// docs/permissions.md names them.
    #[arg(long, global = true, value_name = "FILE", env = "INFRA_LOG_CALLS")]
    pub log_calls: Option<PathBuf>,
    /// Print JSON: one document, or an object a line for commands that stream.
    #[arg(long, global = true)]
    pub json: bool,
    /// Ask nothing. Does not allow the loss of data: see --allow-replace and --allow-delete.
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Say only what went wrong.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// When to colour.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What has a JSON schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Schema {
    /// stacks.toml.
    Manifest,
    /// What diff, plan and deploy --dry-run print with --json.
    Plan,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the whole platform up: deploy, load, train, grant, verify, and ask for a prediction.
    Up(commands::up::Arguments),
    /// Deploy stacks and what they depend on, in dependency order.
    Deploy(commands::deploy::Arguments),
    /// Show what a deploy will do, and keep it in a file for infra deploy --plan.
    Plan(commands::plan::Arguments),
    /// Find what would fail in a deploy before anything starts. Reads only.
    Preflight(commands::preflight::Arguments),
    /// Prove that what is deployed works: the live things, and a request from outside. Changes nothing.
    Verify(commands::verify::Arguments),
    /// Delete stacks and what depends on them, in reverse order.
    Destroy(commands::destroy::Arguments),
    /// Show what a deploy would change. Reads only.
    Diff(commands::diff::Arguments),
    /// Show what is live and not as the stacks ask. Has CloudFormation detect it.
    Drift(commands::Selection),
    /// Render templates. Needs no account.
    Synth(commands::synth::Arguments),
    /// Hold the templates to AWS's rules and to CloudFormation Guard. Needs no account.
    Lint(commands::lint::Arguments),
    /// List the manifest's stacks.
    List,
    /// Show what depends on what.
    Graph(commands::graph::Arguments),
    /// Show each stack's status.
    Status(commands::Selection),
    /// Show stacks' outputs.
    Outputs(commands::outputs::Arguments),
    /// Show a stack's events.
    Events(commands::events::Arguments),
    /// Roll a stack back that was kept as it failed.
    Rollback(commands::recover::Rollback),
    /// Go on with a rollback that failed.
    Continue(commands::recover::Continue),
    /// Draw, load and check the rows that the model learns from.
    Data(commands::data::Arguments),
    /// Train the model, and show how it stands.
    Model(commands::model::Arguments),
    /// Create, list and delete the users who may sign in.
    User(commands::user::Arguments),
    /// Sign in to the platform's user pool, in the browser or with a password.
    Login(commands::login::Arguments),
    /// Print an ID token of who is signed in, fresh, for curl and the like.
    Token,
    /// End the sign-in, here and at the user pool.
    Logout,
    /// Ask the platform's API whether a remediation strategy will work.
    Predict(commands::predict::Arguments),
    /// The embedded CloudFormation.
    Local(commands::local::Arguments),
    /// Print the IAM policy that commands need, to be pasted. Needs no account.
    Permissions(commands::permissions::Arguments),
    /// Print a JSON schema: that of the manifest, or of what a plan is with --json.
    Schema {
        /// Of what.
        #[arg(value_enum, default_value_t = Schema::Manifest)]
        of: Schema,
    },
}
