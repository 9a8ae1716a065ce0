//! `infra preflight`, and the same before a deploy.

use super::deploy::{self, Scope};
use super::session::{self, Session};
use crate::checks::preflight::{Caller, Context, preflight};
use crate::checks::{Finding, Level, failures};
use crate::error::{Error, Result};
use crate::permissions::{self, Need, When, to_check};
use crate::plan::wanted::wanted;
use crate::plan::{Action, Plan};
use crate::report::checks;
use crate::settings::{self, Settings};
use crate::ui::Ui;
use clap::Args;

/// What `infra preflight` asks for.
pub(super) const NEEDS: &[&[Need]] = &[session::OPEN, session::CURRENT, deploy::LEFT, CHECKS];

/// What the checks before a deploy ask for.
pub(super) const CHECKS: &[Need] = &[to_check(&[
    "API Gateway GetAccount",
    "API Gateway GetRestApis",
    "CloudControl GetResource",
    "Cognito Identity Provider DescribeUserPoolDomain",
    "Cognito Identity Provider ListUserPools",
    "EC2 DescribeAddresses",
    "EC2 DescribeAvailabilityZones",
    "EC2 DescribeInternetGateways",
    "EC2 DescribeNatGateways",
    "EC2 DescribeSubnets",
    "EC2 DescribeVpcs",
    "IAM GetAccountSummary",
    "IAM GetRole",
    "IAM SimulatePrincipalPolicy",
    "Lambda GetAccountSettings",
    "Redshift Serverless ListNamespaces",
    "Redshift Serverless ListWorkgroups",
    "S3 HeadBucket",
    "Service Quotas GetServiceQuota",
    "STS GetCallerIdentity",
    "WAFV2 ListWebACLs",
])];

/// Arguments of `infra preflight`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which stacks.
    #[command(flatten)]
    pub scope: Scope,
}

/// Says what would fail in a deploy; with anything that would, the exit code is 1.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        alone(arguments, settings, ui, session).await
    })
    .await
}

async fn alone(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let scope = arguments.scope.or_all();
    let (_, _, plan) = scope.plan(session, settings, false).await?;
    super::run::refuse(&plan)?;
    let found = findings(session, &plan, None).await?;
    let secrets = &session.project.secrets;
    ui.product(&checks::shown(ui, settings.json, secrets, &found));
    conclude(&found)
}

/// Before a deploy: what is not as it should be is told, and what would fail stops it.
pub(super) async fn before(
    session: &Session,
    ui: &Ui,
    plan: &Plan,
    role: Option<&str>,
) -> Result<()> {
    let mut found = findings(session, plan, role).await?;
    let failed = conclude(&found);
    found.retain(|one| one.level != Level::Ok);
    if !found.is_empty() {
        let text = checks::shown(ui, false, &session.project.secrets, &found);
        ui.status(text.trim_end());
    }
    failed.map_err(|error| error.hint("--no-preflight deploys all the same"))
}

/// Everything that can be said of the plan before it is executed.
pub(super) async fn findings(
    session: &Session,
    plan: &Plan,
    role: Option<&str>,
) -> Result<Vec<Finding>> {
    let caller = Caller::ask(&session.cloud).await?;
    let account = Some(caller.account.as_str());
    let wanted = wanted(&session.project, plan, account, &session.cloud.region);
    let changing = plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Nothing);
    let stacks: Vec<String> = changing.map(|step| step.deployed_name.clone()).collect();
    let scope = permissions::Scope::new(&session.project, account, &session.cloud.region, role);
    let needs = deploy::NEEDS.iter().copied().flatten();
    // What the checks look at, they say themselves; what only a flag asks for is no matter of the plan.
    let needs = needs.filter(|need| need.when != When::Check && !need.when.is_of_a_flag());
    let rights = permissions::rights(needs, &scope.only(&stacks));
    let bucket = session.template_bucket(plan, &caller.account)?;
    let today = settings::moment(settings::now_millis());
    let context = Context {
        cloud: &session.cloud,
        caller: &caller,
        wanted: &wanted,
        rights: &rights,
        bucket: bucket.as_ref(),
        today: today.get(..10).unwrap_or_default(),
    };
    Ok(preflight(&context).await)
}

fn conclude(found: &[Finding]) -> Result<()> {
    match failures(found) {
        0 => Ok(()),
        1 => Err(Error::stacks("one thing would fail.")),
        count => Err(Error::stacks(format!("{count} things would fail."))),
    }
}
