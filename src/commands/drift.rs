//! `infra drift`: what is live and not as the stacks ask.

use super::Selection;
use super::session::{self, Session};
use crate::cloud::Drifted;
use crate::error::{Error, Result};
use crate::permissions::{Need, always};
use crate::report;
use crate::settings::{Settings, command};
use crate::ui::Ui;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// What `infra drift` asks for.
pub(super) const NEEDS: &[&[Need]] = &[session::OPEN, session::OUTPUTS, &DETECTION];

/// What detecting drift asks for.
pub(super) const DETECTION: [Need; 1] = [always(&[
    "CloudFormation DescribeStackDriftDetectionStatus",
    "CloudFormation DescribeStackResourceDrifts",
    "CloudFormation DetectStackDrift",
])];

/// Shows drift; with any, the exit code is 1.
pub async fn run(arguments: &Selection, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        drift(arguments, settings, ui, session).await
    })
    .await
}

async fn drift(
    arguments: &Selection,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let mut names = session.project.select(&arguments.stacks, false)?;
    let deployed = session.outputs(&names).await?;
    names.retain(|name| deployed.contains_key(name));
    let found = detect(session, names.iter()).await?;
    let text = if settings.json {
        let stack = |name: &String| json!({ "stack": name, "drift": found.get(name) });
        let stacks: Vec<_> = names.iter().map(stack).collect();
        let mut document = json!({ "version": 1, "stacks": stacks });
        session.project.secrets.hide_in(&mut document);
        document.to_string()
    } else {
        let drifted = |name: &String| found.get(name).map(Vec::as_slice).unwrap_or_default();
        let each = names.iter();
        let mut text = each
            .map(|name| report::plan::drift(ui, name, drifted(name)))
            .collect();
        session.project.secrets.hide(&mut text);
        text
    };
    ui.product(&text);
    let count = found.values().filter(|list| !list.is_empty()).count();
    if count == 0 {
        return Ok(());
    }
    Err(
        Error::stacks(format!("drifted: {count} of {}.", names.len())).hint(format!(
            "{} shows what would bring it back",
            command("diff --change-set --revert-drift")
        )),
    )
}

/// What drifted in each of those stacks; all at once.
pub(super) async fn detect(
    session: &Session,
    names: impl Iterator<Item = &String>,
) -> Result<BTreeMap<String, Vec<Drifted>>> {
    let mut detections = JoinSet::new();
    for stack in names.filter_map(|name| session.project.stack(name)) {
        let (cloud, name) = (session.cloud.clone(), stack.name.clone());
        let deployed = stack.deployed_name.clone();
        detections.spawn(async move { (name, cloud.drift(&deployed).await) });
    }
    let mut found = BTreeMap::new();
    while let Some(joined) = detections.join_next().await {
        let (name, drift) =
            joined.map_err(|error| Error::aws(format!("internal error: {error}")))?;
        let mut drift = drift?;
        crate::plan::masks::drift(&mut drift);
        found.insert(name, drift);
    }
    Ok(found)
}
