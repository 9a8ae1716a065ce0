//! Statements sent, run in the background, and cancelled.

use super::run::{self, Bound};
use super::statements::Record;
use super::workgroup::{self, Place};
use super::{Asked, missing, models, validation};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// Seconds that a statement typically takes.
const TYPICAL: f64 = 0.2;
/// Statements of a batch, at the most.
const BATCH: usize = 40;

/// ExecuteStatement.
pub fn one(asked: &Asked<'_>) -> Result<Value, Refusal> {
    let sql = asked.required("Sql")?.to_owned();
    submit(asked, vec![sql], false)
}

/// BatchExecuteStatement.
pub fn batch(asked: &Asked<'_>) -> Result<Value, Refusal> {
    let sqls = asked.members["Sqls"].as_array().into_iter().flatten();
    let sqls: Vec<String> = sqls.filter_map(Value::as_str).map(str::to_owned).collect();
    if sqls.is_empty() || sqls.len() > BATCH {
        return Err(validation(format!(
            "Sqls must hold from 1 to {BATCH} statements"
        )));
    }
    if asked
        .text("ExecutionMode")
        .is_some_and(|mode| mode != "TRANSACTION")
    {
        return Err(validation(
            "the embedded warehouse runs a batch as one transaction only",
        ));
    }
    submit(asked, sqls, true)
}

fn submit(asked: &Asked<'_>, sqls: Vec<String>, batch: bool) -> Result<Value, Refusal> {
    let place = workgroup::find(asked)?;
    let bound = bound(asked, &sqls)?;
    let token = asked.text("ClientToken").map(str::to_owned);
    let mut records = asked.core.warehouses.records();
    // What is repeated with its token is the same request.
    if let Some(record) = token.as_deref().and_then(|token| records.of_token(token)) {
        return match record.sqls == sqls {
            true => Ok(sent(record)),
            false => Err(validation(
                "The client token was used with other statements before.",
            )),
        };
    }
    let record = Record {
        id: ids::uuid(),
        token,
        name: asked.text("StatementName").map(str::to_owned),
        sqls,
        batch,
        bound,
        workgroup: place.workgroup.clone(),
        database: place.database.clone(),
        user: asked.who.user.clone(),
        status: "SUBMITTED",
        created: ids::now(),
        updated: ids::now(),
        ..Record::default()
    };
    let (id, answer) = (record.id.clone(), sent(&record));
    records.add(record);
    drop(records);
    let (core, who) = (asked.core.clone(), asked.who.clone());
    asked.core.spawn(async move {
        tokio::time::sleep(core.duration(TYPICAL)).await;
        let work = core.clone();
        let _ = tokio::task::spawn_blocking(move || work_off(&work, &place, &who, &id)).await;
    });
    Ok(answer)
}

fn sent(record: &Record) -> Value {
    json!({
        "Id": record.id,
        "CreatedAt": ids::seconds(&record.created),
        "Database": record.database,
        "DbUser": record.user,
        "WorkgroupName": record.workgroup,
    })
}

/// Runs a statement that was sent.
fn work_off(core: &Arc<Core>, place: &Place, who: &super::rights::Who, id: &str) {
    let opened = place.open(core);
    let begun = Instant::now();
    let start = || {
        let mut records = core.warehouses.records();
        let record = records
            .get_mut(id)
            .filter(|record| record.status == "SUBMITTED")?;
        record.enter("STARTED");
        Some((record.sqls.clone(), record.bound.clone()))
    };
    let done = match opened {
        Err(why) => Err(run::Failure { at: 0, why }),
        Ok(database) => {
            let mut held = database.lock().unwrap_or_else(PoisonError::into_inner);
            // It may have been cancelled while it waited.
            let Some((sqls, bound)) = start() else { return };
            let done = run::all(core, &mut held, who, &sqls, &bound);
            drop(held);
            models::attend(core, &database);
            done
        }
    };
    let mut records = core.warehouses.records();
    let Some(record) = records.get_mut(id) else {
        return;
    };
    record.duration = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    match done {
        Ok(outcomes) => {
            record.outcomes = outcomes;
            record.enter("FINISHED");
        }
        Err(failure) => {
            record.error = Some((failure.at, failure.why));
            record.enter("FAILED");
        }
    }
}

/// CancelStatement. What runs already runs to its end: it is a matter of moments here.
pub fn cancel(asked: &Asked<'_>) -> Result<Value, Refusal> {
    let (id, _) = asked.id()?;
    let mut records = asked.core.warehouses.records();
    let record = records
        .get_mut(id)
        .ok_or_else(|| missing("Query does not exist."))?;
    if record.status != "SUBMITTED" {
        let status = record.status;
        return Err(validation(format!(
            "Could not cancel a query that is already in {status} state with ID: {id}"
        )));
    }
    record.enter("ABORTED");
    Ok(json!({ "Status": true }))
}

/// The values of a request. Each must stand in the SQL, and the SQL must have them all.
fn bound(asked: &Asked<'_>, sqls: &[String]) -> Result<Vec<Bound>, Refusal> {
    let mut bound = Vec::new();
    for parameter in asked.members["Parameters"].as_array().into_iter().flatten() {
        match (parameter["name"].as_str(), parameter["value"].as_str()) {
            (Some(name), Some(value)) if !value.is_empty() => {
                bound.push((name.to_owned(), value.to_owned()))
            }
            _ => {
                return Err(validation(
                    "a parameter needs a name and a value that is not empty",
                ));
            }
        }
    }
    let wanted: BTreeSet<String> = sqls.iter().flat_map(|sql| placeholders(sql)).collect();
    let unused: Vec<&str> = bound
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !wanted.contains(*name))
        .collect();
    if !unused.is_empty() {
        return Err(validation(format!(
            "Parameters list contains unused parameters. Unused parameters: [{}]",
            unused.join(", ")
        )));
    }
    match wanted
        .iter()
        .find(|name| !bound.iter().any(|(given, _)| given == *name))
    {
        Some(name) => Err(validation(format!("Cannot find parameter: {name}"))),
        None => Ok(bound),
    }
}

/// The names that stand in SQL as `:name`; not in its texts, and not in a cast.
fn placeholders(sql: &str) -> Vec<String> {
    let tokens = Tokenizer::new(&RedshiftSqlDialect {}, sql)
        .tokenize()
        .unwrap_or_default();
    tokens
        .windows(2)
        .filter_map(|pair| match pair {
            [Token::Colon, Token::Word(word)] if word.quote_style.is_none() => {
                Some(word.value.clone())
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_placeholder_is_one() {
        let sql = "SELECT f(:age, ':text', x::int, \":y\") -- :comment";
        assert_eq!(placeholders(sql), ["age"]);
    }
}
