//! `infra model`: the model that answers requests.

use super::warehouse::{ASK, Opened};
use super::{session, warehouse};
use crate::error::{Error, Kind, Result};
use crate::permissions::{Need, sometimes};
use crate::platform::grant;
use crate::platform::load::is_bucket;
use crate::platform::model::{self, Judged, Limits, Shown, State};
use crate::platform::statements::Warehouse;
use crate::report;
use crate::settings::{Settings, command};
use crate::signals::hold;
use crate::ui::Ui;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What `infra model` asks for. Within the database the caller's user must be a superuser, or may create
/// models, users and roles.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::OUTPUTS,
    ASK,
    &[sometimes(
        "for model create and model grant",
        &["Redshift Data BatchExecuteStatement"],
    )],
];

/// Arguments of `infra model`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub action: What,
}

/// What to do with the model.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Train the model, follow the training to its end, and grant the function its right.
    ///
    /// A training that is under way is followed; one that has ended is not repeated.
    Create(Create),
    /// Show how the model stands, and how well it does on rows that it never saw. Reads only.
    Status,
    /// Show what weighs how much in the model's answers. Reads only.
    Explain,
    /// Grant the Lambda function's role what it needs of the database: to execute the model.
    Grant,
    /// Remove the model, and its function.
    Drop,
}

/// Arguments of `infra model create`.
#[derive(Debug, Args)]
pub struct Create {
    /// Seconds that the training may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5400, value_parser = clap::value_parser!(u32).range(60..))]
    pub max_runtime: u32,
    /// Cells (rows times columns) that are trained on; of more, as many are drawn at random. What a
    /// training costs grows with them.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_cells: u32,
}

/// Runs it.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let action = &arguments.action;
    warehouse::within(settings, async |opened| {
        act(action, opened, settings, ui).await
    })
    .await
}

async fn act(action: &What, opened: &Opened<'_>, settings: &Settings, ui: &Ui) -> Result<()> {
    match action {
        What::Create(arguments) => create(arguments, opened, settings, ui).await,
        What::Status => status(opened, settings, ui).await,
        What::Explain => explain(opened, settings, ui).await,
        What::Grant => grant_function(opened, ui).await,
        What::Drop => drop_model(opened, settings, ui).await,
    }
}

/// Trains, follows, judges and grants.
pub(super) async fn create(
    arguments: &Create,
    opened: &Opened<'_>,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let (platform, warehouse) = (&opened.platform, opened.warehouse()?);
    // Said before anything is paid for.
    opened.output("FunctionRoleName")?;
    match model::show(&warehouse, platform).await?.state {
        State::Absent => start(arguments, opened, &warehouse, settings, ui).await?,
        State::Training => ui.status("A training is under way; it is followed."),
        State::Ready => ui.status("The model is there already."),
        State::Failed => {}
    }
    let shown = follow(&warehouse, opened, ui).await?;
    let judged = model::judge(&warehouse, platform).await?;
    grant_function(opened, ui).await?;
    tell(opened, &shown, Some(judged), settings, ui);
    Ok(())
}

async fn start(
    arguments: &Create,
    opened: &Opened<'_>,
    warehouse: &Warehouse,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let (platform, bucket) = (&opened.platform, opened.output("DataBucketName")?);
    if !is_bucket(bucket) {
        return Err(Error::asked(format!("{bucket:?} is no name of a bucket.")));
    }
    let loaded = model::training_size(warehouse, platform).await;
    let no_rows = |error: Error| {
        error.hint(format!(
            "{} loads the rows to train on",
            command("data load")
        ))
    };
    let (rows, cells) = loaded.map_err(no_rows)?;
    if rows == 0.0 {
        let before = &platform.names.training_before;
        return Err(no_rows(Error::asked(format!(
            "{} holds no row before {before} to train on.",
            platform.names.table()
        ))));
    }
    let (most, minutes) = (
        f64::from(arguments.max_cells),
        arguments.max_runtime.div_ceil(60),
    );
    ui.status(&format!(
        "The training reads {rows} rows, {} cells{}, and takes {minutes} minutes at the most.",
        cells.min(most),
        if cells > most {
            ", drawn at random"
        } else {
            ""
        },
    ));
    ui.status(match settings.local {
        true => "The embedded warehouse trains a small stand-in on this machine. It costs nothing.",
        false => {
            "It costs money: Amazon SageMaker bills the training by its cells, S3 what it leaves in the data\n\
             bucket, the workgroup the seconds of its queries: https://docs.aws.amazon.com/redshift/latest/dg/cost.html.\n\
             --max-cells and --max-runtime limit it. Once started it goes on, whatever becomes of this command."
        }
    });
    let instead = "give --yes, if that is meant";
    if !settings.yes && !ui.ask("Start the training? (yes/no)", &["yes", "y"], instead)? {
        return Err(Error::asked("no training was started.").hint(instead));
    }
    let limits = Limits {
        max_runtime: arguments.max_runtime,
        max_cells: arguments.max_cells,
    };
    let sql = model::statement(platform, bucket, limits);
    warehouse.query(&sql, &[]).await.map(drop)
}

/// Waits until the model is ready. Interrupted, it leaves the training to itself.
async fn follow(warehouse: &Warehouse, opened: &Opened<'_>, ui: &Ui) -> Result<Shown> {
    let held = hold();
    tokio::select! {
        biased;
        () = held.asked() => {
            ui.progress(None, "");
            Err(Error::new(Kind::Interrupted, "interrupted: the training goes on.")
                .hint(format!(
                    "{} follows it again; {} ends it",
                    command("model create"),
                    command("model drop")
                )))
        }
        ready = ready(warehouse, opened, ui) => ready,
    }
}

async fn ready(warehouse: &Warehouse, opened: &Opened<'_>, ui: &Ui) -> Result<Shown> {
    let (begun, mut wait) = (Instant::now(), Duration::from_millis(100));
    let mut said = String::new();
    loop {
        let shown = model::show(warehouse, &opened.platform).await?;
        let state = shown.get("Model State").unwrap_or("absent").to_owned();
        let talk = (state != said).then(|| format!("{}: {state}", opened.platform.names.model()));
        let below = format!("{state}, followed for {} s", begun.elapsed().as_secs());
        let ended = shown.state != State::Training;
        ui.progress(talk.as_deref(), if ended { "" } else { &below });
        said = state;
        match shown.state {
            State::Ready => return Ok(shown),
            State::Failed => return Err(shown.failure()),
            State::Absent => return Err(Error::stacks("the model was removed while it trained.")),
            State::Training => {}
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 5 / 4).min(Duration::from_secs(30));
    }
}

async fn status(opened: &Opened<'_>, settings: &Settings, ui: &Ui) -> Result<()> {
    let (platform, warehouse) = (&opened.platform, opened.warehouse()?);
    let shown = model::show(&warehouse, platform).await?;
    let judged = match shown.state {
        State::Ready => Some(model::judge(&warehouse, platform).await?),
        State::Absent | State::Training | State::Failed => None,
    };
    tell(opened, &shown, judged, settings, ui);
    match shown.state {
        State::Ready | State::Training => Ok(()),
        State::Failed => Err(shown.failure()),
        State::Absent => {
            let trains = format!("{} trains one", command("model create"));
            Err(Error::stacks("there is no model.").hint(trains))
        }
    }
}

fn tell(opened: &Opened<'_>, shown: &Shown, judged: Option<Judged>, settings: &Settings, ui: &Ui) {
    let names = &opened.platform.names;
    let state = match shown.state {
        State::Absent => "absent",
        State::Training => "training",
        State::Ready => "ready",
        State::Failed => "failed",
    };
    if settings.json {
        let said: serde_json::Map<String, Value> = shown
            .said
            .iter()
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        let judged = judged.map(|judged| {
            json!({ "rows": judged.rows, "right": judged.right, "majority": judged.majority })
        });
        let model = names.model();
        let all = json!({ "version": 1, "model": model, "state": state, "judged": judged, "shown": said });
        ui.product(&all.to_string());
        return;
    }
    let mut text = format!("{}: {state}\n", names.model());
    for (name, value) in &shown.said {
        if !value.is_empty() && name != "Query" && name != "Model State" {
            text.push_str(&format!("  {name}: {value}\n"));
        }
    }
    text.push_str(
        &judged
            .map(|judged| words(judged, &names.training_before))
            .unwrap_or_default(),
    );
    ui.product(&text);
}

fn words(judged: Judged, since: &str) -> String {
    if judged.rows == 0.0 {
        return format!("There are no rows from {since} on to judge it by.\n");
    }
    let share = |count: f64| format!("{:.1} %", 100.0 * count / judged.rows);
    let mut text = format!(
        "On the {} rows from {since} on, which it never saw: {} right; the majority class: {}.\n",
        judged.rows,
        share(judged.right),
        share(judged.majority)
    );
    if judged.right <= judged.majority {
        text.push_str("It is no better than always giving the more frequent answer.\n");
    }
    text
}

async fn explain(opened: &Opened<'_>, settings: &Settings, ui: &Ui) -> Result<()> {
    let weights = model::explain(&opened.warehouse()?, &opened.platform).await?;
    if settings.json {
        let weights: Vec<Value> = weights
            .iter()
            .map(|(name, weight)| json!({ "field": name, "weight": weight }))
            .collect();
        ui.product(&json!({ "version": 1, "weights": weights }).to_string());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = weights
        .iter()
        .map(|(name, weight)| vec![name.clone(), format!("{weight:.4}")])
        .collect();
    ui.product(&report::table(&["FIELD", "WEIGHT"], &rows));
    Ok(())
}

async fn grant_function(opened: &Opened<'_>, ui: &Ui) -> Result<()> {
    let (warehouse, role) = (opened.warehouse()?, opened.output("FunctionRoleName")?);
    let made = grant::grant(&warehouse, &opened.platform, role).await?;
    let user = format!("IAMR:{role}");
    match made.is_empty() {
        true => ui.status(&format!("{user} may execute the model already.")),
        false => ui.status(&format!(
            "{user} may execute the model now. Made: {}.",
            made.join(", ")
        )),
    }
    Ok(())
}

async fn drop_model(opened: &Opened<'_>, settings: &Settings, ui: &Ui) -> Result<()> {
    let (platform, warehouse) = (&opened.platform, opened.warehouse()?);
    let model = platform.names.model();
    if model::show(&warehouse, platform).await?.state == State::Absent {
        ui.status(&format!("There is no {model}."));
        return Ok(());
    }
    let question =
        format!("Remove {model}? The API answers 503 until another one is trained. (yes/no)");
    let instead = "give --yes, if that is meant";
    if !settings.yes && !ui.ask(&question, &["yes", "y"], instead)? {
        return Err(Error::asked(format!("{model} was not removed.")).hint(instead));
    }
    warehouse.query(&format!("DROP MODEL {model}"), &[]).await?;
    ui.status(&format!("{model} is gone, and its function with it."));
    Ok(())
}
