//! `infra predict`.

use super::login::reader;
use super::session::Session;
use crate::error::{Error, Result};
use crate::platform::batch::{self, Out, Table};
use crate::platform::outputs::{Outputs, find};
use crate::platform::predict::Api;
use crate::platform::request::Schema;
use crate::platform::signin::tokens::Reader;
use crate::platform::web::Address;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Arguments of `infra predict`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A request as JSON; - is standard input.
    #[arg(value_name = "FILE", conflicts_with = "batch")]
    pub file: Option<PathBuf>,
    /// The request's fields; over those of the file.
    #[command(flatten)]
    pub fields: Fields,
    /// Answer every row of a CSV file in another one. What is answered stays: the same command goes on.
    #[arg(long, num_args = 2, value_names = ["IN", "OUT"])]
    pub batch: Option<Vec<PathBuf>>,
    /// How many requests of a batch are under way at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64), requires = "batch")]
    pub at_once: u16,
    /// Show what is sent.
    #[arg(long, conflicts_with = "batch")]
    pub explain: bool,
}

/// A flag a field of the request schema.
#[derive(Debug, Default)]
pub struct Fields(Vec<(&'static str, String)>);

/// The flags' names, ids and help.
static FLAGS: LazyLock<Vec<(String, String, String)>> = LazyLock::new(|| {
    let fields = Schema::built().fields.iter();
    let flag = fields.map(|field| {
        let long = field.name.replace('_', "-");
        (field.name.clone(), long, format!("{}.", field.bounds()))
    });
    flag.collect()
});

impl Args for Fields {
    fn augment_args(command: clap::Command) -> clap::Command {
        FLAGS.iter().fold(command, |command, (name, long, help)| {
            let flag = clap::Arg::new(name.as_str())
                .long(long.as_str())
                .help(help.as_str())
                .value_name("VALUE")
                .help_heading("Fields of the request")
                .allow_negative_numbers(true)
                .conflicts_with("batch");
            command.arg(flag)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Fields {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let given = FLAGS.iter().filter_map(|(name, ..)| {
            let value = matches.get_one::<String>(name)?;
            Some((name.as_str(), value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The output that says where the API is.
const API: &str = "ApiUrl";

/// A request has a few hundred bytes.
const LONGEST: u64 = 64 * 1024;

/// Asks.
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
    let (tokens, outputs) = reader(session, settings).await?;
    let api = api(session, tokens, &outputs)?;
    let schema = schema(session)?;
    match arguments.batch.as_deref() {
        Some([from, to]) => {
            let at_once = usize::from(arguments.at_once);
            many(api, &schema, (from, to), at_once, settings, ui).await
        }
        _ => {
            let request = request(arguments, &schema, ui)?;
            one(&api, &request, arguments.explain, settings, ui).await
        }
    }
}

/// What a request may be, as it stands beside the API's template.
pub(super) fn schema(session: &Session) -> Result<Schema> {
    let stack = session.project.giver(API);
    Schema::beside(
        &stack
            .map(|stack| stack.template.clone())
            .unwrap_or_default(),
    )
}

/// The API, asked as who is signed in.
pub(super) fn api(session: &Session, tokens: Reader, outputs: &Outputs) -> Result<Api> {
    let url = find(outputs, API)?;
    Ok(Api {
        loans: Address::new(url, session.cloud.endpoint().as_deref()).join("/loan"),
        web: tokens.web.clone(),
        tokens,
    })
}

/// The request that file and flags make, within the bounds.
fn request(arguments: &Arguments, schema: &Schema, ui: &Ui) -> Result<Value> {
    let Fields(flags) = &arguments.fields;
    match &arguments.file {
        None if flags.is_empty() => Err(Error::asked("nothing is asked.").hint(
            "give a JSON file, - for standard input, or the fields as flags: infra predict --help",
        )),
        None => checked("{}", "the request", flags, schema),
        Some(path) if path == Path::new("-") => {
            checked(&ui.input(LONGEST)?, "standard input", flags, schema)
        }
        Some(path) => checked(&read(path)?, &path.display().to_string(), flags, schema),
    }
}

/// The request that a file holds, within the bounds.
pub(super) fn in_file(path: &Path, schema: &Schema) -> Result<Value> {
    checked(&read(path)?, &path.display().to_string(), &[], schema)
}

/// The request of that text, with the flags' fields over its own.
fn checked(
    text: &str,
    source: &str,
    flags: &[(&'static str, String)],
    schema: &Schema,
) -> Result<Value> {
    let mut request: Value = serde_json::from_str(text)
        .map_err(|error| Error::asked(format!("{source} is not JSON: {error}.")))?;
    let given = schema.request(flags.iter().map(|(name, value)| (*name, value.as_str())));
    if let (Some(all), Some(given)) = (request.as_object_mut(), given.as_object()) {
        all.extend(given.clone());
    }
    let problems = schema.problems(&request);
    if problems.is_empty() {
        return Ok(request);
    }
    let mut error = Error::asked(String::new()).hint("nothing was sent");
    error.messages = problems
        .iter()
        .map(|problem| format!("{source}: {problem}."))
        .collect();
    Err(error)
}

fn read(path: &Path) -> Result<String> {
    let bad = |error: std::io::Error| Error::file(path, "read", &error);
    let length = std::fs::metadata(path).map_err(bad)?.len();
    if length > LONGEST {
        return Err(Error::asked(format!(
            "{} has {length} bytes, and is no request.",
            path.display()
        ))
        .hint("a table of requests goes with --batch IN.csv OUT.csv"));
    }
    std::fs::read_to_string(path).map_err(bad)
}

/// Asks once, and tells.
pub(super) async fn one(
    api: &Api,
    request: &Value,
    explain: bool,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let explained = explain.then(|| api.explained(request));
    if let (Some(sent), false) = (&explained, settings.json) {
        ui.complain(&serde_json::to_string_pretty(sent).unwrap_or_default());
    }
    let prediction = api.ask(request).await?;
    if settings.json {
        let mut told = serde_json::json!(prediction);
        if let Some(sent) = explained {
            told["sent"] = sent;
        }
        ui.product(&told.to_string());
        return Ok(());
    }
    if explain {
        let times = match prediction.attempts {
            1 => "once".to_owned(),
            many => format!("{many} times"),
        };
        ui.complain(&format!(
            "Sent {times}; the API calls it {}.",
            prediction.request_id
        ));
    }
    ui.product(if prediction.effective {
        "effective"
    } else {
        "not effective"
    });
    Ok(())
}

async fn many(
    api: Api,
    schema: &Schema,
    (from, to): (&Path, &Path),
    at_once: usize,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let table = Table::read(from, schema)?;
    let out = Out::open(to, &table)?;
    if out.before > 0 {
        ui.status(&format!(
            "{} of {} rows are answered already.",
            out.before,
            table.len()
        ));
    }
    let show = |count: batch::Count| {
        let done = count.before + count.now;
        ui.progress(None, &format!("{done} of {} rows", count.rows));
    };
    let ended = batch::run(&Arc::new(api), table, out, at_once, show).await;
    ui.progress(None, "");
    let count = ended?;
    if settings.json {
        let told = serde_json::json!({
            "rows": count.rows, "answered_before": count.before, "answered": count.now,
        });
        ui.product(&told.to_string());
    }
    ui.status(&format!(
        "{} of {} rows were answered, into {}.",
        count.now,
        count.rows,
        to.display()
    ));
    Ok(())
}
