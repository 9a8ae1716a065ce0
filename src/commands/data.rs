//! `infra data`: the rows that the model learns from.

use super::warehouse::{ASK, Opened, beside, platform};
use super::{session, warehouse, write_streamed};
use crate::error::{Error, Result};
use crate::permissions::{Need, always, with};
use crate::platform::file::{self, Contents};
use crate::platform::load::{count, is_bucket, key, statements};
use crate::platform::names::Platform;
use crate::platform::signal::Rows;
use crate::platform::statements::Warehouse;
use crate::platform::totals::{self, ROWS, SUCCESSFUL, TRAINING, Totals};
use crate::platform::transfer::Upload;
use crate::report;
use crate::settings::{Settings, command};
use crate::ui::Ui;
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// What `infra data` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::OUTPUTS,
    ASK,
    &with("for data load", &LOAD),
];

/// What a load asks for, beside the questions.
pub(super) const LOAD: [Need; 1] = [always(&[
    "Redshift Data BatchExecuteStatement",
    "S3 HeadObject",
    "S3 CreateMultipartUpload",
    "S3 UploadPart",
    "S3 CompleteMultipartUpload",
    "S3 AbortMultipartUpload",
])];

/// Arguments of `infra data`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub action: What,
}

/// What to do with the data.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Draw a synthetic data set. Needs no account.
    ///
    /// The same seed draws the same rows; docs/data.md says by what signal.
    Generate(Generate),
    /// Check a file, upload it to the data bucket, and load it into the table.
    ///
    /// All rows are loaded or none; a row replaces that of the same customer, so that a repeated load
    /// changes nothing.
    Load(File),
    /// Compare the table with a file, and hold its rows to the bounds. Reads only.
    Check(File),
}

/// Arguments of `infra data generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// How many rows.
    #[arg(long, default_value_t = 1000)]
    pub rows: u64,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write to this file, not to standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A file of rows.
#[derive(Debug, Args)]
pub struct File {
    /// The file; data/raw_data.csv beside the manifest when none is named.
    pub file: Option<PathBuf>,
}

impl File {
    /// Where it is.
    pub(super) fn path(&self, settings: &Settings) -> PathBuf {
        let shipped = || beside(settings).join("data").join("raw_data.csv");
        self.file.clone().unwrap_or_else(shipped)
    }
}

/// Draws.
pub fn generate(arguments: &Generate, settings: &Settings, ui: &Ui) -> Result<()> {
    let platform = platform(settings)?;
    let rows = Rows::new(&platform, arguments.seed);
    let mut rows = rows.map_err(|why| Error::asked(format!("{why}.")))?;
    let mut text = rows.header() + "\n";
    let mut left = arguments.rows;
    // A piece at a time, however many rows there are.
    let mut piece = || {
        let mut piece = std::mem::take(&mut text);
        while left > 0 && piece.len() < 64 * 1024 {
            piece.push_str(&rows.draw().line);
            piece.push('\n');
            left -= 1;
        }
        (!piece.is_empty()).then_some(piece)
    };
    let Some(path) = &arguments.output else {
        while piece().is_some_and(|piece| ui.stream(&piece)) {}
        return Ok(());
    };
    write_streamed(path, |out| {
        while let Some(piece) = piece() {
            out.write_all(piece.as_bytes())?;
        }
        Ok(())
    })?;
    let (count, path) = (arguments.rows, path.display());
    ui.status(&format!("{path}: {}.", report::count(count, "row")));
    Ok(())
}

/// Runs what needs a warehouse.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    match &arguments.action {
        What::Generate(arguments) => generate(arguments, settings, ui),
        What::Load(file) => {
            let path = file.path(settings);
            // What is wrong with the file is known before anybody is called.
            let contents = fit(&path, &platform(settings)?, settings, ui)?;
            let work =
                async |opened: &Opened<'_>| load(opened, &path, &contents, settings, ui).await;
            warehouse::within(settings, work).await
        }
        What::Check(file) => {
            let path = file.path(settings);
            let contents = fit(&path, &platform(settings)?, settings, ui)?;
            let work =
                async |opened: &Opened<'_>| check(opened, &path, &contents, settings, ui).await;
            warehouse::within(settings, work).await
        }
    }
}

/// Reads a file; each row that is not fit is told.
pub(super) fn fit(
    path: &Path,
    platform: &Platform,
    settings: &Settings,
    ui: &Ui,
) -> Result<Contents> {
    let unreadable = |error| Error::file(path, "read the data", &error);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let told = |line: u64, why: &str| match settings.json {
        true => ui.product(&json!({ "line": line, "reason": why }).to_string()),
        false => ui.complain(&format!("{}:{line}: {why}.", path.display())),
    };
    let contents = file::read(platform, &mut BufReader::with_capacity(1 << 16, file), told);
    let contents = contents.map_err(unreadable)?;
    match contents.faults {
        0 => Ok(contents),
        count => Err(Error::asked(format!(
            "{} of {} not fit; nothing was sent.",
            report::count(count, "line"),
            format_args!(
                "{} {}",
                path.display(),
                if count == 1 { "is" } else { "are" }
            )
        ))
        .hint("docs/data.md says what a row holds")),
    }
}

/// Uploads the file and loads it.
pub(super) async fn load(
    opened: &Opened<'_>,
    path: &Path,
    contents: &Contents,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let (platform, warehouse) = (&opened.platform, opened.warehouse()?);
    let bucket = opened.output("DataBucketName")?;
    if !is_bucket(bucket) {
        return Err(Error::asked(format!("{bucket:?} is no name of a bucket.")));
    }
    let key = key(platform, &contents.digest);
    let upload = Upload {
        path,
        bytes: contents.bytes,
        digest: &contents.digest,
        bucket,
        key: &key,
    };
    let progress = |sent: u64| {
        ui.progress(
            None,
            &format!("uploading: {sent} of {} bytes", contents.bytes),
        )
    };
    let uploaded = upload.run(&opened.session.cloud, progress).await?;
    let said = if uploaded {
        "uploaded"
    } else {
        "there already"
    };
    ui.progress(Some(&format!("s3://{bucket}/{key}: {said}.")), "");
    let sqls = statements(platform, &contents.columns, bucket, &key);
    let failed = |error: Error| {
        error.hint("the table is as it was before").hint(
            "SELECT * FROM sys_load_error_detail says which line could not be loaded, where one could not",
        )
    };
    warehouse.transaction(sqls).await.map_err(failed)?;
    let table = platform.names.table();
    let count = count(&warehouse, platform).await?;
    let rows = contents.totals.get(ROWS);
    ui.product(&match settings.json {
        true => json!({
            "version": 1,
            "table": table,
            "loaded": rows,
            "rows": count,
            "object": format!("s3://{bucket}/{key}"),
            "uploaded": uploaded,
            "sha256": contents.digest,
        })
        .to_string(),
        false => format!("{table}: {rows} rows loaded; it holds {count}."),
    });
    Ok(())
}

async fn check(
    opened: &Opened<'_>,
    path: &Path,
    contents: &Contents,
    settings: &Settings,
    ui: &Ui,
) -> Result<()> {
    let (platform, warehouse) = (&opened.platform, opened.warehouse()?);
    let (names, sql) = totals::sql(platform);
    let held = figures(&warehouse, &names, &sql).await?;
    let (faults, sql) = totals::faults(platform);
    let wrong = figures(&warehouse, &faults, &sql).await?;
    let differences = totals::differences(&names, &contents.totals, &held);
    let table = platform.names.table();
    if settings.json {
        let differences: Vec<_> = differences
            .iter()
            .map(|(name, file, table)| json!({ "figure": name, "file": file, "table": table }))
            .collect();
        let held = json!({ "table": table, "figures": held.0, "faults": wrong.0 });
        ui.product(&json!({ "version": 1, "held": held, "differences": differences }).to_string());
    } else {
        ui.product(&told(&table, &held, &wrong, &differences));
    }
    if differences.is_empty() && wrong.0.values().all(|count| *count == 0.0) {
        return Ok(());
    }
    Err(
        Error::stacks(format!("{table} is not as {} is.", path.display())).hint(format!(
            "{} replaces the rows of the customers in a file, and leaves others",
            command("data load")
        )),
    )
}

async fn figures(warehouse: &Warehouse, names: &[String], sql: &str) -> Result<Totals> {
    let row = warehouse.row(sql, &[]).await?;
    let numbers = row.iter().map(crate::platform::statements::Cell::number);
    Ok(Totals(names.iter().cloned().zip(numbers).collect()))
}

fn told(table: &str, held: &Totals, wrong: &Totals, differences: &[(String, f64, f64)]) -> String {
    let mut text = format!(
        "{table}: {} rows, {} of them successful; {} train, {} check.\n",
        held.get(ROWS),
        held.get(SUCCESSFUL),
        held.get(TRAINING),
        held.get(ROWS) - held.get(TRAINING)
    );
    for (name, count) in &wrong.0 {
        text.push_str(&format!("{name}: {count}\n"));
    }
    if differences.is_empty() {
        text.push_str("Every count and sum is that of the file.\n");
        return text;
    }
    let rows: Vec<Vec<String>> = differences
        .iter()
        .map(|(name, file, table)| vec![name.clone(), file.to_string(), table.to_string()])
        .collect();
    text + &report::table(&["DIFFERENT", "FILE", "TABLE"], &rows)
}
