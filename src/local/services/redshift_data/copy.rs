//! COPY of CSV from the embedded S3.
//! <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html>

use super::database::{Database, Outcome, words};
use super::parse::Copy;
use super::rewrite::plain;
use super::run::Wrong;
use super::types::Type;
use crate::local::core::Core;
use crate::local::ids;
use crate::local::services::s3;
use rusqlite::types::Value as Stored;

/// A row that could not be loaded, as sys_load_error_detail shows it.
#[derive(Debug)]
pub struct LoadError {
    table: String,
    file: String,
    line: u64,
    column: String,
    kind: String,
    why: String,
}

/// Loads every object whose key begins with what is asked for.
pub fn run(core: &Core, database: &Database, asked: &Copy) -> Result<Outcome, Wrong> {
    let table = plain(&asked.table)?;
    let path = asked
        .from
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'));
    let (bucket, prefix) =
        path.ok_or_else(|| format!("The S3 path {} is not valid", asked.from))?;
    let objects = s3::read_all(core, bucket, prefix).map_err(|no| {
        format!(
            "S3ServiceException:{},Status {},Error {}",
            no.message, no.status, no.code
        )
    })?;
    if objects.is_empty() {
        return Err(format!("The specified S3 prefix '{prefix}' does not exist").into());
    }
    let known = database.columns(&table)?;
    let mut columns = Vec::new();
    for name in &asked.columns {
        let found = known.iter().find(|(known, _)| known == name);
        columns.push(
            found.cloned().ok_or_else(|| {
                format!("column \"{name}\" of relation \"{table}\" does not exist")
            })?,
        );
    }
    if columns.is_empty() {
        columns = known;
    }
    let names: Vec<String> = columns
        .iter()
        .map(|(name, _)| format!("\"{}\"", name.replace('"', "\"\"")))
        .collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let quoted = table.replace('"', "\"\"");
    let sql = format!(
        "INSERT INTO \"{quoted}\" ({}) VALUES ({marks})",
        names.join(", ")
    );
    let mut insert = database
        .connection
        .prepare(&sql)
        .map_err(|error| words(&error))?;
    let mut changed = 0;
    for (file, body) in objects {
        let failed = |line: u64, (column, kind): (&str, &str), why: String| Wrong {
            why: format!(
                "Load into table '{table}' failed. Check 'sys_load_error_detail' system table for details."
            ),
            load: Some(Box::new(LoadError {
                table: table.clone(),
                file: format!("s3://{bucket}/{file}"),
                line,
                column: column.to_owned(),
                kind: kind.to_owned(),
                why,
            })),
        };
        let mut rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(body.as_slice());
        for (at, record) in rows.records().enumerate() {
            if (at as u64) < asked.skipped {
                continue;
            }
            let record =
                record.map_err(|error| failed(at as u64 + 1, ("", ""), error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            if record.len() != columns.len() {
                let why = if record.len() < columns.len() {
                    "Delimiter not found"
                } else {
                    "Extra column(s) found"
                };
                return Err(failed(line, ("", ""), why.to_owned()));
            }
            let mut values = Vec::with_capacity(columns.len());
            for ((name, kind), text) in columns.iter().zip(&record) {
                let value =
                    value(*kind, text).map_err(|why| failed(line, (name, &kind.name()), why))?;
                values.push(value);
            }
            insert
                .execute(rusqlite::params_from_iter(values))
                .map_err(|error| failed(line, ("", ""), words(&error)))?;
            changed += 1;
        }
    }
    Ok(Outcome {
        changed,
        ..Outcome::default()
    })
}

fn value(kind: Type, text: &str) -> Result<Stored, String> {
    match kind {
        Type::Varchar(_) | Type::Super => kind.parse(text),
        _ if text.is_empty() => Ok(Stored::Null),
        _ => kind.parse(text),
    }
}

/// Keeps what could not be loaded, once the transaction is undone.
pub fn record(database: &Database, error: &LoadError) -> Result<(), String> {
    let sql =
        "INSERT INTO sys_load_error_detail VALUES (?1, ?2, CAST(?3 AS INTEGER), ?4, ?5, ?6, ?7)";
    let line = error.line.to_string();
    let values = [
        &error.table,
        &error.file,
        &line,
        &error.column,
        &error.kind,
        &error.why,
        &ids::now(),
    ];
    let values: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
    database.set(sql, &values).map(drop)
}
