//! `infra preflight`, and the same before a deploy.

use super::deploy::{PERMISSIONS, Scope};
use super::session::Session;
use crate::checks::preflight::{Caller, Context, preflight};
use crate::checks::{Finding, Level};
use crate::error::{Error, Result};
use crate::plan::wanted::wanted;
use crate::plan::{Action, Plan};
use crate::report::checks;
use crate::settings::{self, Settings};
use crate::ui::Ui;
use clap::Args;

/// Arguments of `infra preflight`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which stacks.
    #[command(flatten)]
    pub scope: Scope,
}

/// Says what would fail in a deploy; with anything that would, the exit code is 1.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let session = Session::open(settings).await?;
    let result = alone(arguments, settings, ui, &session).await;
    session.end(result).await
}

async fn alone(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let scope = arguments.scope.or_all();
    let (_, _, plan) = scope.plan(session, settings).await?;
    super::deploy::refuse(&plan)?;
    let found = findings(session, &plan).await?;
    let mut text = match settings.json {
        true => checks::json(&found),
        false => checks::text(ui, &found),
    };
    session.project.secrets.hide(&mut text);
    ui.product(&text);
    conclude(&found)
}

/// Before a deploy: what is not as it should be is told, and what would fail stops it.
pub(super) async fn before(session: &Session, ui: &Ui, plan: &Plan) -> Result<()> {
    let mut found = findings(session, plan).await?;
    let failed = conclude(&found);
    found.retain(|one| one.level != Level::Ok);
    if !found.is_empty() {
        let mut text = checks::text(ui, &found);
        session.project.secrets.hide(&mut text);
        ui.status(text.trim_end());
    }
    failed.map_err(|error| error.hint("--no-preflight deploys all the same"))
}

/// Everything that can be said of the plan before it is executed.
pub(super) async fn findings(session: &Session, plan: &Plan) -> Result<Vec<Finding>> {
    let caller = Caller::ask(&session.cloud).await?;
    let account = Some(caller.account.as_str());
    let wanted = wanted(&session.project, plan, account, &session.cloud.region);
    let changing = plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Nothing);
    let stacks: Vec<String> = changing.map(|step| step.deployed_name.clone()).collect();
    let today = settings::moment(settings::now_millis());
    let context = Context {
        cloud: &session.cloud,
        caller: &caller,
        wanted: &wanted,
        stacks: &stacks,
        actions: PERMISSIONS,
        today: today.get(..10).unwrap_or_default(),
    };
    Ok(preflight(&context).await)
}

fn conclude(found: &[Finding]) -> Result<()> {
    let count = found
        .iter()
        .filter(|one| one.level == Level::Failed)
        .count();
    match count {
        0 => Ok(()),
        1 => Err(Error::stacks("one thing would fail.")),
        _ => Err(Error::stacks(format!("{count} things would fail."))),
    }
}
