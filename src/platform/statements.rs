//! SQL through the Redshift Data API: sent with its values bound, followed to its end, read.
//! <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>

use crate::cloud::{Cloud, refusal};
use crate::error::{Error, Kind, Result};
use crate::signals::{Held, hold};
use aws_sdk_redshiftdata::types::{Field, SqlParameter, StatusString};
use std::time::Duration;

/// A database of a workgroup.
#[derive(Debug, Clone)]
pub struct Warehouse {
    cloud: Cloud,
    workgroup: String,
    database: String,
}

/// A value of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A truth.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A fraction.
    Double(f64),
    /// Text; also what a column of decimals or days holds.
    Text(String),
}

impl Cell {
    /// As a number; sums of big numbers come as text.
    pub fn number(&self) -> f64 {
        match self {
            Self::Null => 0.0,
            Self::Bool(truth) => f64::from(u8::from(*truth)),
            Self::Long(number) => *number as f64,
            Self::Double(number) => *number,
            Self::Text(text) => text.trim().parse().unwrap_or_default(),
        }
    }

    /// As text.
    pub fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(truth) => truth.to_string(),
            Self::Long(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    fn of(field: Field) -> Self {
        match field {
            Field::BooleanValue(truth) => Self::Bool(truth),
            Field::LongValue(number) => Self::Long(number),
            Field::DoubleValue(number) => Self::Double(number),
            Field::StringValue(text) => Self::Text(text),
            // Binary values are none of ours, and the null is one.
            _ => Self::Null,
        }
    }
}

/// Rows of cells.
pub type Rows = Vec<Vec<Cell>>;

impl Warehouse {
    /// The database, reached by the caller's own rights. Makes no call.
    pub fn new(cloud: &Cloud, workgroup: &str, database: &str) -> Self {
        Self {
            cloud: cloud.clone(),
            workgroup: workgroup.to_owned(),
            database: database.to_owned(),
        }
    }

    /// Runs a statement, its values bound by their names, and answers its rows.
    ///
    /// # Errors
    /// What AWS refuses, or why the statement failed.
    pub async fn query(&self, sql: &str, values: &[(&str, &str)]) -> Result<Rows> {
        let values: Vec<SqlParameter> = values
            .iter()
            .filter_map(|(name, value)| {
                SqlParameter::builder()
                    .name(*name)
                    .value(*value)
                    .build()
                    .ok()
            })
            .collect();
        let held = hold();
        let sent = self
            .cloud
            .redshift_data()
            .execute_statement()
            .workgroup_name(&self.workgroup)
            .database(&self.database)
            .sql(sql)
            .set_parameters((!values.is_empty()).then_some(values))
            .send()
            .await
            .map_err(|error| refusal("ExecuteStatement", error))?;
        let id = named(sent.id)?;
        match self.follow(&id, held).await? {
            true => self.rows(&id).await,
            false => Ok(Vec::new()),
        }
    }

    /// The one row that a statement answers.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub async fn row(&self, sql: &str, values: &[(&str, &str)]) -> Result<Vec<Cell>> {
        let rows = self.query(sql, values).await?;
        rows.into_iter()
            .next()
            .ok_or_else(|| Error::aws("the warehouse answered no row."))
    }

    /// Runs statements as one transaction: all of them take effect, or none.
    ///
    /// # Errors
    /// What AWS refuses, or why a statement failed.
    pub async fn transaction(&self, sqls: Vec<String>) -> Result<()> {
        let held = hold();
        let sent = self
            .cloud
            .redshift_data()
            .batch_execute_statement()
            .workgroup_name(&self.workgroup)
            .database(&self.database)
            .set_sqls(Some(sqls))
            .send()
            .await
            .map_err(|error| refusal("BatchExecuteStatement", error))?;
        self.follow(&named(sent.id)?, held).await.map(drop)
    }

    /// Waits until a statement has ended; whether it has rows. Interrupted, it is cancelled first: what
    /// it did is undone by that.
    async fn follow(&self, id: &str, held: Held) -> Result<bool> {
        tokio::select! {
            biased;
            () = held.asked() => Err(self.cancel(id).await),
            ended = self.ended(id) => ended,
        }
    }

    async fn cancel(&self, id: &str) -> Error {
        let cancel = self.cloud.redshift_data().cancel_statement().id(id);
        match cancel.send().await {
            Ok(_) => Error::new(
                Kind::Interrupted,
                "interrupted: the statement was cancelled.",
            ),
            Err(error) => {
                let error = refusal("CancelStatement", error).told();
                Error::new(Kind::Interrupted, "interrupted: the statement may go on.")
                    .because(error)
            }
        }
    }

    async fn ended(&self, id: &str) -> Result<bool> {
        let mut wait = Duration::from_millis(20);
        loop {
            let told = self
                .cloud
                .redshift_data()
                .describe_statement()
                .id(id)
                .send()
                .await
                .map_err(|error| refusal("DescribeStatement", error))?;
            match told.status {
                Some(StatusString::Finished) => return Ok(told.has_result_set.unwrap_or_default()),
                Some(StatusString::Failed | StatusString::Aborted) => {
                    let error = Error::aws("the warehouse could not do it.");
                    let why = told
                        .error
                        .unwrap_or_else(|| "the statement was cancelled".to_owned());
                    return Err(error.because(why.trim()));
                }
                _ => {}
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 3 / 2).min(Duration::from_secs(2));
        }
    }

    async fn rows(&self, id: &str) -> Result<Rows> {
        let (mut rows, mut token) = (Vec::new(), None);
        loop {
            let page = self
                .cloud
                .redshift_data()
                .get_statement_result()
                .id(id)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| refusal("GetStatementResult", error))?;
            let cells = |row: Vec<Field>| row.into_iter().map(Cell::of).collect();
            rows.extend(page.records.into_iter().map(cells));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(rows);
            }
        }
    }
}

fn named(id: Option<String>) -> Result<String> {
    id.ok_or_else(|| Error::aws("AWS named no statement."))
}
