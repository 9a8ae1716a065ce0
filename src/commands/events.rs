//! `infra events`.

use super::session::{self, Session};
use crate::cloud::StackEvent;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::permissions::{Need, always};
use crate::plan::action::Status;
use crate::report::{self, record};
use crate::settings::{Settings, command};
use crate::ui::Ui;
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// What `infra events` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    &[always(&[
        "CloudFormation DescribeStackEvents",
        "CloudFormation DescribeStacks",
    ])],
];

/// Arguments of `infra events`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stack.
    #[arg(required_unless_present_any = ["run", "runs"], conflicts_with_all = ["run", "runs"])]
    pub stack: Option<String>,
    /// Show a recorded run instead: its id, or the last one.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "last")]
    pub run: Option<String>,
    /// List the recorded runs.
    #[arg(long, conflicts_with = "run")]
    pub runs: bool,
    /// Follow the operation that is under way to its end.
    #[arg(long)]
    pub follow: bool,
}

/// How long it is waited between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Shows a stack's events, oldest first, or a recorded run.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    if arguments.runs {
        return runs(settings, ui);
    }
    if let Some(id) = &arguments.run {
        return recorded(id, settings, ui);
    }
    Session::within(settings, async |session| {
        stack(arguments, settings, ui, session).await
    })
    .await
}

async fn stack(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let named: Vec<String> = arguments.stack.iter().cloned().collect();
    let names = session.project.select(&named, false)?;
    let stack = names.first().and_then(|name| session.project.stack(name));
    let name = stack
        .map(|stack| stack.deployed_name.clone())
        .unwrap_or_default();
    show(session, &name, arguments.follow, settings, ui).await
}

/// The recorded runs, oldest first. What cannot be read is listed with the reason.
fn runs(settings: &Settings, ui: &Ui) -> Result<()> {
    let read: Vec<_> = record::runs(&settings.runs())
        .into_iter()
        .map(|path| (path.display().to_string(), record::read(&path)))
        .collect();
    if settings.json {
        let runs: Vec<Value> = read
            .into_iter()
            .map(|(path, run)| match run {
                Ok(run) => serde_json::to_value(run.header).unwrap_or_default(),
                Err(why) => json!({ "file": path, "error": why }),
            })
            .collect();
        ui.product(&json!({ "version": 1, "runs": runs }).to_string());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = read
        .into_iter()
        .map(|(path, run)| match run {
            Ok(run) => vec![
                run.header.run,
                crate::settings::moment(run.header.started),
                run.header.command,
                run.header.environment.unwrap_or_default(),
            ],
            Err(why) => vec![path, String::new(), why],
        })
        .collect();
    ui.product(&report::table(
        &["RUN", "STARTED", "COMMAND", "ENVIRONMENT"],
        &rows,
    ));
    Ok(())
}

fn recorded(id: &str, settings: &Settings, ui: &Ui) -> Result<()> {
    let directory = settings.runs();
    let none = || {
        Error::asked(format!("there is no run {id} in {}.", directory.display()))
            .hint(format!("{} lists them", command("events --runs")))
    };
    let path = record::runs(&directory)
        .into_iter()
        .rfind(|path| id == "last" || path.file_stem().is_some_and(|stem| stem == id))
        .ok_or_else(none)?;
    let run =
        record::read(&path).map_err(|why| Error::asked(format!("{}: {why}.", path.display())))?;
    if settings.json {
        let header = serde_json::to_value(&run.header).unwrap_or_default();
        for line in std::iter::once(&header).chain(&run.lines) {
            ui.product(&line.to_string());
        }
        return Ok(());
    }
    for line in &run.lines {
        let at = crate::settings::moment(line["at"].as_u64().unwrap_or_default());
        let event = serde_json::from_value::<Event>(line.clone());
        let words = event.ok().and_then(|event| report::line(ui, &event));
        if let Some(words) = words {
            ui.product(&format!("{at}  {words}"));
        }
    }
    Ok(())
}

async fn show(
    session: &Session,
    name: &str,
    follow: bool,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let gone = || Error::stacks(format!("the stack {name} is not deployed."));
    let mut now = session.cloud.describe(name).await?.ok_or_else(gone)?;
    let mut seen: Option<String> = None;
    loop {
        let mut events = session
            .cloud
            .events_since(&now.id, seen.as_deref(), None)
            .await?
            .events;
        for event in &mut events {
            let texts = event.reason.iter_mut().chain([&mut event.physical_id]);
            texts.for_each(|text| session.project.secrets.hide(text));
        }
        if let Some(last) = events.last() {
            seen = Some(last.id.clone());
        }
        tell(events, follow, settings, ui);
        let moves = Status::parse(&now.status).is_ok_and(Status::in_progress);
        if !follow || !moves {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        now = session.cloud.describe(&now.id).await?.ok_or_else(gone)?;
    }
}

fn tell(events: Vec<StackEvent>, follow: bool, settings: &Settings, ui: &Ui) {
    if settings.json {
        for event in events {
            ui.product(
                &json!({
                    "time": event.time, "resource": event.resource, "status": event.status,
                    "physical_id": event.physical_id, "resource_type": event.resource_type,
                    "reason": event.reason,
                })
                .to_string(),
            );
        }
        return;
    }
    let rows: Vec<Vec<String>> = events
        .into_iter()
        .map(|e| {
            vec![
                e.time,
                e.status,
                e.resource,
                e.resource_type,
                e.reason.unwrap_or_default(),
            ]
        })
        .collect();
    if !follow {
        let header = ["TIME", "STATUS", "RESOURCE", "TYPE", "REASON"];
        return ui.product(&report::table(&header, &rows));
    }
    for row in rows {
        ui.product(row.join("  ").trim_end());
    }
}
