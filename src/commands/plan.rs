//! `infra plan`: a deploy's plan, shown and kept.

use super::deploy::{CHANGE_SETS, Scope};
use super::run::refuse;
use super::session::{self, Session};
use crate::error::{Error, Result};
use crate::execute::{self, Job, Options};
use crate::permissions::{Need, sometimes, with};
use crate::plan::file::{self, PlanFile};
use crate::report;
use crate::settings::{Settings, command, quoted};
use crate::ui::Ui;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `infra plan` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::CURRENT,
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
    /// Keep the plan in this file, for infra deploy --plan. Makes change sets for the stacks that it
    /// updates, and executes none.
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
    ui.product(&if settings.json {
        serde_json::to_string(&plan).unwrap_or_default()
    } else {
        report::plan::text(ui, &plan)
    });
    let Some(path) = &arguments.out else {
        return Ok(());
    };
    refuse(&plan)?;
    let account = session.cloud.account().await?;
    let (environment, region) = (settings.environment.as_deref(), &session.cloud.region);
    let mut kept = PlanFile::new(&session.project, environment, &account, region, &plan);
    let changing: Vec<String> = plan.steps.iter().map(|step| step.stack.clone()).collect();
    let sources = session.sources(&changing, settings, ui).await?;
    let known = current
        .iter()
        .map(|(name, now)| (name.clone(), now.stack.outputs.clone()));
    kept.change_sets = execute::prepare(Job {
        cloud: session.cloud.clone(),
        project: session.project.clone(),
        plan,
        graph: &session.project.graph.subgraph(&order),
        sources,
        known: known.collect(),
        options: Options::reading(&settings.run),
        sink: Arc::new(|_| {}),
        ask: Arc::new(|_| false),
    })
    .await?;
    let text = serde_json::to_string_pretty(&kept).unwrap_or_default();
    super::write_whole(path, &text)?;
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
