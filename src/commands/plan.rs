//! `infra plan`: a deploy's plan, shown and kept.

use super::deploy::{CHANGE_SETS, Means, Scope};
use super::run::refuse;
use super::session::{self, Session};
use crate::chance;
use crate::error::{Error, Result};
use crate::execute::{self, Job, Options};
use crate::permissions::{Need, sometimes, with};
use crate::plan::file::{self, Made, PlanFile};
use crate::settings::{Settings, command, quoted};
use crate::ui::Ui;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `infra plan` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::CURRENT,
    super::deploy::LEFT,
    &with("with --out", &session::SOURCES),
    &with("with --out", &CHANGE_SETS),
    &[sometimes("with --out", &["STS GetCallerIdentity"])],
];

/// Arguments of `infra plan`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What the plan is for.
    #[command(flatten)]
    pub scope: Scope,
    /// By what means it is to be executed.
    #[command(flatten)]
    pub means: Means,
    /// Keep the plan in this file, which only its owner reads, for infra deploy --plan. Makes change sets
    /// for the stacks that it updates, and executes none.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Plans.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        plan(arguments, settings, ui, session).await
    })
    .await
}

async fn plan(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let (order, current, plan) = arguments.scope.plan(session, settings, false).await?;
    super::diff::show(settings, ui, &plan);
    let Some(path) = &arguments.out else {
        return Ok(());
    };
    refuse(&plan)?;
    let Means { express, role_arn } = &arguments.means;
    let salt = chance::word().map_err(|error| Error::asked(format!("{error}.")))?;
    let made = Made {
        project: &session.project,
        environment: settings.environment.as_deref(),
        account: &session.cloud.account().await?,
        region: &session.cloud.region,
        role_arn: role_arn.as_deref(),
        express: *express,
        current: &current,
    };
    let mut kept = made.file(&plan, &salt);
    let changing: Vec<String> = plan.steps.iter().map(|step| step.stack.clone()).collect();
    let sources = session.sources(&changing, settings, ui).await?;
    let known = current
        .iter()
        .map(|(name, now)| (name.clone(), now.stack.outputs.clone()));
    let change_sets = execute::prepare(Job {
        cloud: session.cloud.clone(),
        project: session.project.clone(),
        plan,
        graph: &session.project.graph.subgraph(&order),
        sources,
        known: known.collect(),
        options: Options {
            express: *express,
            role_arn: role_arn.clone(),
            ..Options::reading(&settings.run)
        },
        sink: Arc::new(|_| {}),
        ask: Arc::new(|_| false),
    })
    .await?;
    for (stack, id) in change_sets {
        kept.change_sets.insert(stack, Some(id));
    }
    super::write_private(path, &kept.write())?;
    ui.status(&format!(
        "kept in {}: {}",
        path.display(),
        command(&format!(
            "deploy --plan {}",
            quoted(&path.display().to_string())
        ))
    ));
    Ok(())
}

/// Reads a plan file.
pub(super) fn read(path: &Path) -> Result<PlanFile> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::file(path, "read the plan", &error))?;
    file::read(&text).map_err(|why| {
        Error::asked(format!("{}: {why}.", path.display()))
            .hint(format!("{} writes one", command("plan --out FILE")))
    })
}
