//! Statements that were sent, and how they fare. They are known as long as the process lives; the service
//! keeps them for a day.

use super::database::Outcome;
use super::run::Bound;
use crate::local::ids;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many are kept, the latest.
const KEPT: usize = 1000;

/// A statement, or a batch of them.
#[derive(Debug, Default)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Counts them.
    pub order: u64,
    /// The token that it was sent with.
    pub token: Option<String>,
    /// The name that it was given.
    pub name: Option<String>,
    /// What is run.
    pub sqls: Vec<String>,
    /// Whether it is a batch.
    pub batch: bool,
    /// The values.
    pub bound: Vec<Bound>,
    /// The workgroup, as it was named.
    pub workgroup: String,
    /// The database.
    pub database: String,
    /// Who sent it.
    pub user: String,
    /// SUBMITTED, PICKED, STARTED, FINISHED, ABORTED or FAILED.
    pub status: &'static str,
    /// When it was sent.
    pub created: String,
    /// When its status changed.
    pub updated: String,
    /// Nanoseconds that it ran.
    pub duration: u64,
    /// Why it failed, and which of them.
    pub error: Option<(usize, String)>,
    /// What it answered.
    pub outcomes: Vec<Outcome>,
}

/// All of them, by id.
#[derive(Debug, Default)]
pub struct Records {
    all: BTreeMap<String, Record>,
    count: u64,
}

impl Records {
    /// Takes one in.
    pub fn add(&mut self, mut record: Record) {
        self.count += 1;
        record.order = self.count;
        self.all.insert(record.id.clone(), record);
        if self.all.len() > KEPT {
            let oldest = self
                .all
                .values()
                .filter(|record| record.has_ended())
                .min_by_key(|record| record.order);
            let oldest = oldest.map(|record| record.id.clone());
            oldest.and_then(|id| self.all.remove(&id));
        }
    }

    /// That of an id.
    pub fn get(&self, id: &str) -> Option<&Record> {
        self.all.get(id)
    }

    /// That of an id, to change it.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Record> {
        self.all.get_mut(id)
    }

    /// That of a token.
    pub fn of_token(&self, token: &str) -> Option<&Record> {
        self.all
            .values()
            .find(|record| record.token.as_deref() == Some(token))
    }

    /// All, the latest first.
    pub fn latest(&self) -> Vec<&Record> {
        let mut all: Vec<&Record> = self.all.values().collect();
        all.sort_by_key(|record| std::cmp::Reverse(record.order));
        all
    }
}

impl Record {
    /// Whether nothing will become of it any more.
    pub fn has_ended(&self) -> bool {
        matches!(self.status, "FINISHED" | "ABORTED" | "FAILED")
    }

    /// Brings it into a status.
    pub fn enter(&mut self, status: &'static str) {
        self.status = status;
        self.updated = ids::now();
    }

    /// The answer to DescribeStatement.
    pub fn described(&self) -> Value {
        let mut all = self.part(None);
        all["WorkgroupName"] = json!(self.workgroup);
        all["Database"] = json!(self.database);
        all["DbUser"] = json!(self.user);
        if self.batch {
            let parts = 0..self.sqls.len();
            all["SubStatements"] = parts.map(|at| self.part(Some(at))).collect();
        } else {
            all["QueryString"] = json!(self.sqls.first());
        }
        if !self.bound.is_empty() {
            let bound = self.bound.iter();
            all["QueryParameters"] = bound
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect();
        }
        all
    }

    fn part(&self, at: Option<usize>) -> Value {
        let outcome = |at: usize| self.outcomes.get(at);
        let (rows, has_rows) = match at {
            Some(at) => (
                count(outcome(at)),
                outcome(at).is_some_and(|outcome| outcome.columns.is_some()),
            ),
            None => (
                self.outcomes
                    .last()
                    .map_or(-1, |outcome| count(Some(outcome))),
                self.outcomes
                    .iter()
                    .any(|outcome| outcome.columns.is_some()),
            ),
        };
        let error = self
            .error
            .as_ref()
            .filter(|(failed, _)| at.is_none_or(|at| at == *failed));
        let status = match (at, &self.error) {
            (Some(at), Some((failed, _))) if at != *failed => "ABORTED",
            _ => self.status,
        };
        let mut part = json!({
            "Id": at.map_or_else(|| self.id.clone(), |at| format!("{}:{}", self.id, at + 1)),
            "Status": status,
            "CreatedAt": ids::seconds(&self.created),
            "UpdatedAt": ids::seconds(&self.updated),
            "Duration": self.duration,
            "HasResultSet": has_rows,
            "ResultRows": rows,
            "ResultSize": if has_rows { rows } else { -1 },
            "RedshiftQueryId": self.order,
            "RedshiftPid": std::process::id(),
        });
        if let Some(at) = at {
            part["QueryString"] = json!(self.sqls.get(at));
        }
        if let Some((_, why)) = error {
            part["Error"] = json!(why);
        }
        part
    }

    /// Its line in ListStatements.
    pub fn listed(&self) -> Value {
        json!({
            "Id": self.id,
            "Status": self.status,
            "CreatedAt": ids::seconds(&self.created),
            "UpdatedAt": ids::seconds(&self.updated),
            "StatementName": self.name,
            "IsBatchStatement": self.batch,
            "QueryString": self.sqls.first().filter(|_| !self.batch),
            "QueryStrings": self.batch.then_some(&self.sqls),
        })
    }

    /// What was answered by the statement, or by the one of a batch that the id names.
    pub fn outcome(&self, part: Option<usize>) -> Option<&Outcome> {
        match part {
            Some(at) => self.outcomes.get(at.checked_sub(1)?),
            None if self.batch => None,
            None => self.outcomes.first(),
        }
    }
}

fn count(outcome: Option<&Outcome>) -> i64 {
    let count = outcome.map(|outcome| match outcome.columns {
        Some(_) => outcome.rows.len(),
        None => outcome.changed,
    });
    count
        .and_then(|count| i64::try_from(count).ok())
        .unwrap_or(-1)
}
