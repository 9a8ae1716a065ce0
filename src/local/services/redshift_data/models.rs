//! CREATE MODEL, SHOW MODEL, DROP MODEL, and the training between them.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_MODEL.html>

use super::database::{Database, Outcome, words};
use super::learn::Training;
use super::parse::CreateModel;
use super::rewrite::plain;
use super::rights::{self, Who};
use super::run;
use super::types::{Type, text};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::services::s3;
use rusqlite::params;
use rusqlite::types::Value as Stored;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Seconds that a training typically takes, and at the most what it is given.
const TYPICAL: f64 = 600.0;

/// CREATE MODEL: the rows are read now, and learnt from later.
pub fn create(
    core: &Core,
    database: &mut Database,
    who: &Who,
    model: CreateModel,
) -> Result<Outcome, String> {
    let name = plain(&model.name)?;
    if database
        .ask("SELECT 1 FROM _models WHERE name = ?1", &[&name])?
        .is_some()
    {
        return Err(format!("Model \"{name}\" already exists"));
    }
    let taken = "SELECT 1 FROM _models WHERE function = ?1 UNION SELECT 1 FROM pragma_function_list WHERE name = ?1";
    if database.ask(taken, &[&model.function])?.is_some() {
        return Err(format!(
            "function \"{}\" already exists with same argument types",
            model.function
        ));
    }
    s3::is_there(core, &model.bucket)
        .map_err(|no| format!("S3_BUCKET {}: {}", model.bucket, no.message))?;
    let query = model.query.to_string();
    let read = run::ask(database, *model.query, &[])?;
    let columns = read.columns.unwrap_or_default();
    let at = columns.iter().position(|(name, _)| *name == model.target);
    let at = at.ok_or_else(|| {
        format!(
            "Target column \"{}\" does not exist in the training data",
            model.target
        )
    })?;
    let (names, types): (Vec<String>, Vec<Type>) = columns.into_iter().unzip();
    let mut rows = read.rows;
    for row in &mut rows {
        let target = row.remove(at);
        row.push(target);
    }
    let others = |index: &usize| *index != at;
    let features: Vec<String> = (0..names.len())
        .filter(others)
        .filter_map(|at| names.get(at).cloned())
        .collect();
    let kinds: Vec<String> = (0..types.len())
        .filter(others)
        .filter_map(|at| types.get(at).map(|kind| kind.name()))
        .collect();
    let target = types
        .get(at)
        .map(|kind| kind.declared())
        .unwrap_or_default();
    let training = Training::new(&features, &rows, model.max_cells)?;
    let takes = core.duration(TYPICAL.min(model.max_runtime as f64));
    let values = params![
        name,
        who.user,
        query,
        model.target,
        target,
        model.function,
        json(&features),
        json(&kinds),
        model.bucket,
        model.max_runtime as i64,
        model.max_cells as i64,
        ids::now(),
        ids::after(takes),
        "TRAINING",
        json(&training),
    ];
    let sql = "INSERT INTO _models (name, owner, query, target, target_type, function, features, types, bucket, \
               max_runtime, max_cells, created, ready_at, state, training) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    database
        .connection
        .execute(sql, values)
        .map_err(|error| words(&error))?;
    database.announce(&name).map_err(|error| words(&error))?;
    Ok(Outcome::default())
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// DROP MODEL.
pub fn remove(database: &mut Database, name: &str, lenient: bool) -> Result<Outcome, String> {
    let found = database.ask("SELECT function FROM _models WHERE name = ?1", &[name])?;
    let Some(Stored::Text(function)) = found else {
        return match lenient {
            true => Ok(Outcome::default()),
            false => Err(format!("Model \"{name}\" does not exist")),
        };
    };
    database.set("DELETE FROM _models WHERE name = ?1", &[name])?;
    rights::revoke_all(database, name)?;
    database.forget(&function).map_err(|error| words(&error))?;
    Ok(Outcome::default())
}

/// SHOW MODEL.
pub fn show(database: &Database, name: Option<String>) -> Result<Outcome, String> {
    let pair = |a: &str, b: &str| vec![Stored::Text(a.to_owned()), Stored::Text(b.to_owned())];
    let columns = |a: &str, b: &str| {
        Some(vec![
            (a.to_owned(), Type::Varchar(256)),
            (b.to_owned(), Type::Varchar(65_535)),
        ])
    };
    let Some(name) = name else {
        let read = || -> rusqlite::Result<Vec<String>> {
            database
                .connection
                .prepare("SELECT name FROM _models ORDER BY name")?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        let rows = read().map_err(|error| words(&error))?;
        let rows = rows.iter().map(|name| pair("public", name)).collect();
        return Ok(Outcome {
            columns: columns("schema name", "model name"),
            rows,
            changed: 0,
        });
    };
    let get = |column: &str| -> Result<String, String> {
        let found = database.ask(
            &format!("SELECT {column} FROM _models WHERE name = ?1"),
            &[&name],
        )?;
        let found = found.ok_or_else(|| format!("Model \"{name}\" does not exist"))?;
        Ok(text(&found).unwrap_or_default())
    };
    let list = |column: &str| {
        get(column).map(|json| {
            serde_json::from_str::<Vec<String>>(&json)
                .unwrap_or_default()
                .join(" ")
        })
    };
    let state = get("state")?;
    let mut rows = vec![
        pair("Model Name", &name),
        pair("Schema Name", "public"),
        pair("Owner", &get("owner")?),
        pair("Creation Time", &get("created")?),
        pair("Model State", &state),
    ];
    let reason = get("reason")?;
    match state.as_str() {
        "READY" => rows.push(pair("validation:F1", &reason)),
        "FAILED" => rows.push(pair("Failure Reason", &reason)),
        _ => {}
    }
    rows.extend([
        pair("Estimated Cost", "0.000000"),
        pair("", ""),
        pair("TRAINING DATA:", ""),
        pair("Query", &get("query")?),
        pair("Target Column", &get("target")?.to_uppercase()),
        pair("", ""),
        pair("PARAMETERS:", ""),
        pair("Model Type", "random_forest (embedded)"),
        pair("Function Name", &get("function")?),
        pair("Function Parameters", &list("features")?),
        pair("Function Parameter Types", &list("types")?),
        pair("IAM Role", "default-aws-iam-role"),
        pair("S3 Bucket", &get("bucket")?),
        pair("Max Runtime", &get("max_runtime")?),
    ]);
    Ok(Outcome {
        columns: columns("Key", "Value"),
        rows,
        changed: 0,
    })
}

/// Sees every training of the database to its end; those of a process that has ended as well.
pub fn attend(core: &Arc<Core>, database: &Arc<Mutex<Database>>) {
    let names: Vec<String> = {
        let mut held = database.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT name FROM _models WHERE state = 'TRAINING'";
            held.connection
                .prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        let mut names = read().unwrap_or_default();
        names.retain(|name| held.attended.insert(name.clone()));
        names
    };
    for name in names {
        let (database, blocking) = (database.clone(), database.clone());
        core.spawn(async move {
            while !is_due(&database, &name) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let _ = tokio::task::spawn_blocking(move || train(&blocking, &name)).await;
        });
    }
}

// A model that is gone is due: nothing will come of it.
fn is_due(database: &Mutex<Database>, name: &str) -> bool {
    let held = database.lock().unwrap_or_else(PoisonError::into_inner);
    match held.ask("SELECT ready_at FROM _models WHERE name = ?1", &[name]) {
        Ok(Some(Stored::Text(moment))) => ids::since(&moment).is_some(),
        _ => true,
    }
}

fn train(database: &Mutex<Database>, name: &str) {
    let hold = || database.lock().unwrap_or_else(PoisonError::into_inner);
    let sql = "SELECT training FROM _models WHERE name = ?1 AND state = 'TRAINING'";
    let Ok(Some(Stored::Text(kept))) = hold().ask(sql, &[name]) else {
        return;
    };
    // Nobody waits for the database meanwhile.
    let training = serde_json::from_str::<Training>(&kept).map_err(|error| error.to_string());
    let learnt = training.and_then(Training::learn);
    let (state, reason, learnt) = match learnt {
        Ok(learnt) => (
            "READY",
            format!("{:.6}", learnt.score),
            serde_json::to_string(&learnt).ok(),
        ),
        Err(why) => ("FAILED", why, None),
    };
    let mut held = hold();
    let sql = "UPDATE _models SET state = ?2, reason = ?3, learnt = ?4, training = NULL WHERE name = ?1 AND training = ?5";
    let stored = held
        .connection
        .execute(sql, params![name, state, reason, learnt, kept]);
    if stored.is_ok_and(|count| count == 1) {
        let _ = held.announce(name);
    }
}
