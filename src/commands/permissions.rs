//! `infra permissions`: what commands need of IAM. Needs no account.

use super::ASKS;
use crate::error::{Error, Result};
use crate::permissions::{Asks, Scope, page, policy, rights};
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

/// Arguments of `infra permissions`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The commands; all of them when none is named.
    #[arg(value_name = "COMMAND", value_parser = PossibleValuesParser::new(names()))]
    pub commands: Vec<String>,
    /// The account's number, over the manifest.
    #[arg(long, value_name = "NUMBER", value_parser = account)]
    pub account: Option<String>,
    /// The service role that deploy and destroy are given.
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
    /// Print docs/permissions.md, which is of no project.
    #[arg(long, conflicts_with_all = ["json", "commands", "account", "role_arn"])]
    pub markdown: bool,
}

/// What a managed policy holds, white space left out.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MANAGED: usize = 6144;

/// Prints what is needed.
pub fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    if arguments.markdown {
        ui.product(page(ASKS).trim_end());
        return Ok(());
    }
    let project = Project::load(settings)?;
    let region = settings
        .region
        .clone()
        .or_else(|| project.manifest.region.clone())
        .ok_or_else(|| {
            Error::asked("no AWS region is named.")
                .hint("give --region, set AWS_REGION, or write region = \"...\" in the manifest")
        })?;
    let (account, role) = (arguments.account.as_deref(), arguments.role_arn.as_deref());
    let scope = Scope::new(&project, account, &region, role);
    let named = |asks: &&Asks| {
        arguments.commands.is_empty() || arguments.commands.iter().any(|one| one == asks.command)
    };
    let commands: Vec<&Asks> = ASKS.iter().filter(named).collect();
    if settings.json {
        let commands: Vec<Value> = commands.iter().map(|asks| list(asks, &scope)).collect();
        ui.product(&json!({ "version": 1, "commands": commands }).to_string());
        return Ok(());
    }
    let needs = commands.iter().flat_map(|asks| asks.needs());
    let rights = rights(needs, &scope);
    if rights.is_empty() {
        ui.status("nothing is needed.");
        return Ok(());
    }
    let policy = policy(&rights);
    ui.product(&serde_json::to_string_pretty(&policy).unwrap_or_default());
    if scope.is_open() {
        ui.status("ACCOUNT stands for the account's number: give --account NUMBER.");
    }
    let size = policy.to_string().len();
    if size > MANAGED {
        ui.status(&format!(
            "warning: the policy has {size} characters, and a managed policy holds {MANAGED}: make one of \
             each command. What up needs is in those of deploy, data, model, verify, user and login."
        ));
    }
    Ok(())
}

/// Every need of a command, those that the project never comes to among them.
fn list(asks: &Asks, scope: &Scope) -> Value {
    let needs = asks.needs().flat_map(|need| {
        need.operations.iter().map(move |operation| {
            let one = crate::permissions::Need {
                operations: std::slice::from_ref(operation),
                ..*need
            };
            let rights = rights(std::iter::once(&one), scope);
            let actions: Vec<Value> = rights
                .iter()
                .map(|right| json!({ "action": right.action, "resources": right.resources }))
                .collect();
            json!({
                "operation": operation,
                "when": need.when.words(),
                "applies": scope.comes_to(need.when),
                "actions": actions,
            })
        })
    });
    json!({ "command": asks.command, "needs": needs.collect::<Vec<_>>() })
}

fn names() -> Vec<&'static str> {
    ASKS.iter().map(|asks| asks.command).collect()
}

fn account(text: &str) -> std::result::Result<String, String> {
    match text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("an account\'s number has twelve digits".to_owned()),
    }
}
