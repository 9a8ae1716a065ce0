//! The model: its statement, how it fares, and how well it does on rows that it never saw.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_MODEL.html>

use super::names::Platform;
use super::statements::{Rows, Warehouse};
use super::table::TARGET;
use crate::error::{Error, Result};
use crate::settings::command;

/// What limits the time and the cost of a training.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Seconds that the training may take.
    pub max_runtime: u32,
    /// Cells that are trained on; of more, as many are drawn at random.
    pub max_cells: u32,
}

/// What a model is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Absent,
    /// It trains.
    Training,
    /// It answers.
    Ready,
    /// Its training failed.
    Failed,
}

/// A model as the warehouse shows it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// What it is about to do.
    pub state: State,
    /// What SHOW MODEL says, name by name.
    pub said: Vec<(String, String)>,
}

/// How well the model does on the rows that it did not see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The rows.
    pub rows: f64,
    /// How many of them it got right.
    pub right: f64,
    /// How many of them the more frequent answer gets right.
    pub majority: f64,
}

/// CREATE MODEL as the platform states it.
pub fn statement(platform: &Platform, bucket: &str, limits: Limits) -> String {
    let names = &platform.names;
    let (model, table, function) = (names.model(), names.table(), &names.prediction_function);
    let Limits {
        max_runtime,
        max_cells,
    } = limits;
    format!(
        "CREATE MODEL {model} FROM (SELECT {}, {TARGET} FROM {table} WHERE \"timestamp\" < '{}') \
         TARGET {TARGET} FUNCTION {function} IAM_ROLE default \
         SETTINGS (S3_BUCKET '{bucket}', MAX_RUNTIME {max_runtime}, MAX_CELLS {max_cells})",
        arguments(platform),
        names.training_before,
    )
}

fn arguments(platform: &Platform) -> String {
    let names: Vec<&str> = platform
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    names.join(", ")
}

/// How many rows train, and how many cells they are.
///
/// # Errors
/// When the warehouse cannot tell; there is no table as long as nothing was loaded.
pub async fn training_size(warehouse: &Warehouse, platform: &Platform) -> Result<(f64, f64)> {
    let table = platform.names.table();
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE \"timestamp\" < CAST(:before AS DATE)");
    let values = [("before", platform.names.training_before.as_str())];
    let rows = warehouse.row(&sql, &values).await?;
    let rows = rows.first().map_or(0.0, super::statements::Cell::number);
    Ok((rows, rows * (platform.fields.len() as f64 + 1.0)))
}

/// The model as it stands.
///
/// # Errors
/// When the warehouse cannot tell.
pub async fn show(warehouse: &Warehouse, platform: &Platform) -> Result<Shown> {
    let names = &platform.names;
    let found = warehouse
        .query(
            "SELECT model_name FROM svv_ml_model_info WHERE schema_name = :schema AND model_name = :model",
            &[("schema", &names.schema), ("model", &names.model)],
        )
        .await?;
    if found.is_empty() {
        return Ok(Shown {
            state: State::Absent,
            said: Vec::new(),
        });
    }
    let said = pairs(
        &warehouse
            .query(&format!("SHOW MODEL {}", names.model()), &[])
            .await?,
    );
    let state = said.iter().find(|(name, _)| name == "Model State");
    Ok(Shown {
        state: read_state(state.map_or("", |(_, value)| value)),
        said,
    })
}

/// SHOW MODEL answers a name and a value a row.
fn pairs(rows: &Rows) -> Vec<(String, String)> {
    rows.iter()
        .filter_map(|row| match row.as_slice() {
            [name, value, ..] => Some((
                name.text().trim().to_owned(),
                value.text().trim().to_owned(),
            )),
            _ => None,
        })
        .collect()
}

fn read_state(said: &str) -> State {
    match said.to_ascii_uppercase().as_str() {
        "READY" => State::Ready,
        failed if failed.contains("FAIL") => State::Failed,
        _ => State::Training,
    }
}

impl Shown {
    /// What SHOW MODEL says under that name, if anything.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .said
            .iter()
            .find(|(said, _)| said.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The error of a training that failed.
    pub fn failure(&self) -> Error {
        let reason = ["Failure Reason", "Failed Reason", "Error"]
            .iter()
            .find_map(|name| self.get(name));
        Error::stacks("the training failed.")
            .because(reason.unwrap_or("SHOW MODEL gives no reason"))
            .hint(format!(
                "{} removes it; then {} trains anew",
                command("model drop"),
                command("model create")
            ))
    }
}

/// Asks the model about the rows after the training, in the warehouse.
///
/// # Errors
/// When the warehouse cannot tell.
pub async fn judge(warehouse: &Warehouse, platform: &Platform) -> Result<Judged> {
    let names = &platform.names;
    let (function, table) = (&names.prediction_function, names.table());
    let sql = format!(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN predicted = {TARGET} THEN 1 ELSE 0 END), 0), \
         COALESCE(SUM(CASE WHEN {TARGET} THEN 1 ELSE 0 END), 0) \
         FROM (SELECT {TARGET}, {function}({}) AS predicted FROM {table} \
         WHERE \"timestamp\" >= CAST(:before AS DATE)) AS judged",
        arguments(platform)
    );
    let row = warehouse
        .row(&sql, &[("before", &names.training_before)])
        .await?;
    let figure = |at: usize| row.get(at).map_or(0.0, super::statements::Cell::number);
    let (rows, right, worked) = (figure(0), figure(1), figure(2));
    Ok(Judged {
        rows,
        right,
        majority: worked.max(rows - worked),
    })
}

/// What weighs how much in the model's answers, most first. The report's features are numbered in the
/// order of the arguments.
///
/// # Errors
/// When the warehouse cannot tell, or the report is not there yet.
pub async fn explain(warehouse: &Warehouse, platform: &Platform) -> Result<Vec<(String, f64)>> {
    let model = platform.names.model();
    let row = warehouse
        .row(&format!("SELECT EXPLAIN_MODEL('{model}')"), &[])
        .await?;
    let said = row
        .first()
        .map(super::statements::Cell::text)
        .unwrap_or_default();
    let Some(weights) = weights(&said, platform) else {
        let said = said.trim_matches('"');
        return Err(Error::stacks("there is no explanation yet.")
            .because(said)
            .hint("Redshift makes it after the training, where MAX_RUNTIME leaves time for it"));
    };
    Ok(weights)
}

/// `{"explanations":{"kernel_shap":{"label0":{"global_shap_values":{"x0":0.05,...}}}}}`:
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_explain_model_function.html>
fn weights(report: &str, platform: &Platform) -> Option<Vec<(String, f64)>> {
    let report: serde_json::Value = serde_json::from_str(report).ok()?;
    let labels = report["explanations"]["kernel_shap"].as_object()?;
    let values = labels.values().next()?["global_shap_values"].as_object()?;
    let mut weights: Vec<(String, f64)> = values
        .iter()
        .map(|(key, weight)| {
            let at: Option<usize> = key.strip_prefix('x').and_then(|at| at.parse().ok());
            let field = at.and_then(|at| platform.fields.get(at));
            let name = field.map_or(key, |field| &field.name);
            (name.clone(), weight.as_f64().unwrap_or_default())
        })
        .collect();
    weights.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
    Some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::names::tests::shipped;

    #[test]
    fn the_statement_is_that_of_the_platform() {
        let limits = Limits {
            max_runtime: 5400,
            max_cells: 1_000_000,
        };
        assert_eq!(
            statement(&shipped(), "a-bucket", limits),
            "CREATE MODEL public.predict_model FROM (SELECT age, gender, income, loan_type, loan_amount, interest_rate, \
             loan_term, loan_interest_rate, credit_score, employment_status, marital_status, remediation_strategy, \
             missed_payments, missed_payments_duration, successful FROM public.raw_data WHERE \"timestamp\" < '2023-01-31') \
             TARGET successful FUNCTION ml_fn_prediction IAM_ROLE default \
             SETTINGS (S3_BUCKET 'a-bucket', MAX_RUNTIME 5400, MAX_CELLS 1000000)"
        );
    }

    #[test]
    fn a_report_is_read_by_the_order_of_the_arguments() {
        let report = r#"{"version":"1.0","explanations":{"kernel_shap":{"label0":
            {"global_shap_values":{"x0":0.1,"x8":0.5,"y":0.0},"expected_value":0.5}}}}"#;
        let weights = weights(report, &shipped()).unwrap();
        assert_eq!(weights[0], ("credit_score".to_owned(), 0.5));
        assert_eq!(weights[1].0, "age");
        assert!(super::weights("Waiting for training job to complete", &shipped()).is_none());
    }

    #[test]
    fn states_are_read_as_they_are_said() {
        assert_eq!(read_state("READY"), State::Ready);
        assert_eq!(read_state("TRAIN FAILED"), State::Failed);
        assert_eq!(read_state("IN_PROGRESS"), State::Training);
    }
}
