//! The Redshift Data API over an embedded warehouse: a stand-in that runs SQL, loads and trains on this
//! machine. docs/local.md says what it understands.
//! <https://docs.aws.amazon.com/redshift-data/latest/APIReference/Welcome.html>

mod copy;
mod database;
mod learn;
mod models;
mod parse;
mod read;
mod rewrite;
mod rights;
mod run;
mod statements;
mod submit;
mod table;
mod types;
mod workgroup;

use super::{Request, unknown};
use crate::local::core::Core;
use crate::local::refusal::Refusal;
use database::Database;
use serde_json::{Value, json};
use statements::Records;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The databases that are open, and the statements that were sent.
#[derive(Debug, Default)]
pub struct Warehouses {
    open: Mutex<BTreeMap<PathBuf, Arc<Mutex<Database>>>>,
    records: Mutex<Records>,
}

impl Warehouses {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's members.
struct Asked<'a> {
    core: &'a Arc<Core>,
    members: Value,
    who: rights::Who,
}

impl Asked<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.members[name].as_str()
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| {
            validation(format!("1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"))
        })
    }

    /// An id, and which statement of a batch it names.
    fn id(&self) -> Result<(&str, Option<usize>), Refusal> {
        let id = self.required("Id")?;
        let (whole, part) = match id.split_once(':') {
            Some((whole, part)) => (whole, Some(part)),
            None => (id, None),
        };
        let pieces: Vec<usize> = whole.split('-').map(str::len).collect();
        let plain = |c: char| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit();
        let part = part.map(str::parse).transpose();
        match part {
            Ok(part) if pieces == [8, 4, 4, 4, 12] && whole.chars().all(plain) => Ok((whole, part)),
            _ => Err(validation(
                "id must satisfy regex pattern: ^[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}(:\\d+)?$",
            )),
        }
    }
}

fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

fn missing(message: &str) -> Refusal {
    Refusal::new(400, "ResourceNotFoundException", message)
}

/// Answers a request.
pub fn answer(core: &Arc<Core>, request: &Request<'_>) -> Result<Value, Refusal> {
    let members = serde_json::from_slice(request.body)
        .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))?;
    let asked = Asked {
        core,
        members,
        who: rights::Who::of_session(request.header("x-amz-security-token")),
    };
    match request.target {
        "ExecuteStatement" => submit::one(&asked),
        "BatchExecuteStatement" => submit::batch(&asked),
        "CancelStatement" => submit::cancel(&asked),
        "DescribeStatement" => read::describe(&asked),
        "GetStatementResult" => read::result(&asked),
        "ListStatements" => read::statements(&asked),
        "ListTables" => read::tables(&asked),
        "DescribeTable" => read::table(&asked),
        "ListDatabases" => {
            let place = workgroup::find(&asked)?;
            Ok(json!({ "Databases": [place.database] }))
        }
        "ListSchemas" => {
            workgroup::find(&asked).map(|_| json!({ "Schemas": ["pg_catalog", "public"] }))
        }
        other => Err(unknown(other)),
    }
}
