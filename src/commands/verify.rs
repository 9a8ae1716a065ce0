//! `infra verify`, and the same after a deploy.

use super::session::{self, Session};
use crate::checks::verify::{Asked, Context, Stack, asked, verify};
use crate::checks::{Finding, Level, failures};
use crate::cloud::{Cloud, Deployed, Standing};
use crate::error::{Error, Result};
use crate::permissions::{Feature, Need, On, always, given, to_check};
use crate::report::checks;
use crate::settings::{Settings, command};
use crate::template::Template;
use crate::ui::Ui;
use clap::Args;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What `infra verify` asks for.
pub(super) const NEEDS: &[&[Need]] = &[session::OPEN, &CHECKS];

/// What looking at stacks and what they have made asks for.
pub(super) const CHECKS: [Need; 3] = [
    always(READS),
    given(Feature::Nested, READS).on(On::NestedStacks),
    to_check(&[
        "API Gateway GetAuthorizers",
        "API Gateway GetDeployment",
        "API Gateway GetRequestValidators",
        "API Gateway GetResources",
        "API Gateway GetRestApi",
        "API Gateway GetStage",
        "Cognito Identity Provider DescribeUserPool",
        "Cognito Identity Provider DescribeUserPoolClient",
        "Cognito Identity Provider DescribeUserPoolDomain",
        "EC2 DescribeFlowLogs",
        "EC2 DescribeInternetGateways",
        "EC2 DescribeNatGateways",
        "EC2 DescribeRouteTables",
        "EC2 DescribeSecurityGroups",
        "EC2 DescribeSubnets",
        "EC2 DescribeVpcEndpoints",
        "EC2 DescribeVpcs",
        "Lambda GetFunction",
        "Lambda GetPolicy",
        "Lambda Invoke",
        "Redshift Serverless GetNamespace",
        "Redshift Serverless GetWorkgroup",
        "WAFV2 GetLoggingConfiguration",
        "WAFV2 GetWebACL",
        "WAFV2 GetWebACLForResource",
    ]),
];

const READS: &[&str] = &[
    "CloudFormation DescribeStacks",
    "CloudFormation GetTemplate",
    "CloudFormation ListStackResources",
];

/// Arguments of `infra verify`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stacks; all of the manifest's that are deployed when none is named.
    #[arg(value_name = "STACK")]
    pub stacks: Vec<String>,
    /// Look again until everything is as it should be, or the time is up. What changes is printed.
    #[arg(long)]
    pub watch: bool,
    /// How long to watch.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 600,
        requires = "watch"
    )]
    pub timeout: u64,
}

/// Says whether what is deployed works; where anything does not, the exit code is 1.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let patience = match arguments.watch {
        true => Duration::from_secs(arguments.timeout),
        false => Duration::ZERO,
    };
    let named = &arguments.stacks;
    Session::within(settings, async |session| {
        alone(named, patience, settings, ui, session).await
    })
    .await
}

/// Looks at the named stacks; at all that are deployed where none is named.
pub(super) async fn alone(
    named: &[String],
    patience: Duration,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let mut names = session.project.select(named, false)?;
    if named.is_empty() {
        let deployed = session.outputs(&names).await?;
        names.retain(|name| deployed.contains_key(name));
        if names.is_empty() {
            let all = format!("deploy: {}", command("deploy --all"));
            return Err(Error::stacks("nothing is deployed.").hint(all));
        }
    }
    watch(&names, patience, settings, ui, session).await
}

/// Looks at the stacks until everything is as it should be or patience ends, at least once. What is not as
/// it was in the round before is printed.
pub(super) async fn watch(
    names: &[String],
    patience: Duration,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    /// Between two looks, at first and at most.
    const SPACES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
    let (ends, mut space) = (Instant::now() + patience, SPACES.0);
    let mut known: Vec<Finding> = Vec::new();
    loop {
        let found = findings(session, names).await?;
        let news: Vec<Finding> = found
            .iter()
            .filter(|one| !known.contains(one))
            .cloned()
            .collect();
        if !news.is_empty() {
            let secrets = &session.project.secrets;
            ui.product(&checks::shown(ui, settings.json, secrets, &news));
            space = SPACES.0;
        }
        let good = |one: &Finding| matches!(one.level, Level::Ok | Level::Warning);
        if found.iter().all(good) || Instant::now() + space > ends {
            return conclude(&found);
        }
        known = found;
        tokio::time::sleep(space).await;
        space = (space * 3 / 2).min(SPACES.1);
    }
}

fn conclude(found: &[Finding]) -> Result<()> {
    match failures(found) {
        0 => Ok(()),
        1 => Err(Error::stacks("one thing is not as it should be.")),
        count => Err(Error::stacks(format!(
            "{count} things are not as they should be."
        ))),
    }
}

/// Everything that can be said of what those stacks have made.
async fn findings(session: &Session, names: &[String]) -> Result<Vec<Finding>> {
    let mut reads = JoinSet::new();
    for stack in names.iter().filter_map(|name| session.project.stack(name)) {
        let (cloud, name) = (session.cloud.clone(), stack.name.clone());
        let deployed = stack.deployed_name.clone();
        reads.spawn(async move { (name, read(&cloud, &deployed).await) });
    }
    let mut read: Vec<(String, Result<Vec<Live>>)> = Vec::new();
    while let Some(joined) = reads.join_next().await {
        read.push(joined.map_err(|error| Error::aws(format!("internal error: {error}")))?);
    }
    let place = |name: &str| names.iter().position(|one| one == name);
    read.sort_by_key(|(name, _)| place(name));
    let (mut found, mut all): (Vec<Finding>, Vec<Asked>) = (Vec::new(), Vec::new());
    for (name, live) in read {
        let live = live?;
        found.push(status(&name, live.first()));
        for one in live {
            all.extend(one.asked(session, &name));
        }
    }
    let context = Context {
        cloud: &session.cloud,
        project: &session.project,
        asked: &all,
    };
    found.extend(verify(&context).await);
    Ok(found)
}

/// A stack, or one that is nested in it.
struct Live {
    /// The logical ids that lead to it from the stack of the manifest.
    path: String,
    deployed: Deployed,
    standing: Vec<Standing>,
    template: Template,
}

impl Live {
    fn asked(&self, session: &Session, name: &str) -> Vec<Asked> {
        let stack = Stack {
            name: &format!("{name}{}", self.path),
            deployed: &self.deployed,
            standing: &self.standing,
            body: &self.template.body,
        };
        asked(&session.project, &stack)
    }
}

/// What there is of a stack, and of those nested in it; nothing where it is not deployed.
async fn read(cloud: &Cloud, name: &str) -> Result<Vec<Live>> {
    let (mut found, mut next) = (Vec::new(), vec![(String::new(), name.to_owned())]);
    while let Some((path, id)) = next.pop() {
        let Some(deployed) = cloud.describe(&id).await? else {
            continue;
        };
        if matches!(
            deployed.status.as_str(),
            "DELETE_COMPLETE" | "REVIEW_IN_PROGRESS"
        ) {
            continue;
        }
        let (standing, text) = tokio::join!(
            cloud.standing(&deployed.id),
            cloud.processed_template(&deployed.id)
        );
        let (standing, text) = (standing?, text?);
        let template = Template::parse(&text).map_err(|error| {
            Error::stacks(format!(
                "{}: its template cannot be read: {}.",
                deployed.name, error.message
            ))
        })?;
        let nested = standing.iter().filter(|one| {
            one.kind == "AWS::CloudFormation::Stack"
                && !one.id.is_empty()
                && one.status != "DELETE_COMPLETE"
        });
        next.extend(nested.map(|one| (format!("{path}.{}", one.name), one.id.clone())));
        found.push(Live {
            path,
            deployed,
            standing,
            template,
        });
    }
    Ok(found)
}

/// Whether CloudFormation itself has brought the stack to where it should be.
fn status(name: &str, live: Option<&Live>) -> Finding {
    const CHECK: &str = "stack";
    let status = live.map(|live| live.deployed.status.as_str());
    let mut finding = match status {
        None => {
            Finding::failed(CHECK, "it is not deployed").hint(command(&format!("deploy {name}")))
        }
        Some(status) if status.ends_with("_IN_PROGRESS") => {
            Finding::failed(CHECK, format!("it is {status}")).hint(format!(
                "wait until it has ended: {}",
                command("verify --watch")
            ))
        }
        Some(status) if status.ends_with("_FAILED") || status == "ROLLBACK_COMPLETE" => {
            Finding::failed(CHECK, format!("it is {status}"))
                .hint(format!("{} tells why", command(&format!("events {name}"))))
        }
        Some(status) => Finding::ok(CHECK, status),
    };
    finding.stack = Some(name.to_owned());
    finding
}
