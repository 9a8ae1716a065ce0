//! What is told of statements and of the database.

use super::types::Type;
use super::{Asked, missing, validation, workgroup};
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use std::sync::PoisonError;

/// Rows of a page.
const PAGE: usize = 1000;

/// DescribeStatement.
pub fn describe(asked: &Asked<'_>) -> Result<Value, Refusal> {
    let (id, part) = asked.id()?;
    let records = asked.core.warehouses.records();
    let record = records.get(id).ok_or_else(absent)?;
    let described = record.described();
    match part {
        None => Ok(described),
        Some(part) => {
            let parts = described["SubStatements"].as_array();
            let part = part.checked_sub(1).and_then(|at| parts?.get(at));
            part.cloned().ok_or_else(absent)
        }
    }
}

fn absent() -> Refusal {
    missing("Query does not exist.")
}

/// GetStatementResult, a page at a time.
pub fn result(asked: &Asked<'_>) -> Result<Value, Refusal> {
    let (id, part) = asked.id()?;
    let records = asked.core.warehouses.records();
    let record = records.get(id).ok_or_else(absent)?;
    let none =
        || missing("Query does not have result. Please check query status with DescribeStatement.");
    let outcome = record.outcome(part).ok_or_else(none)?;
    let columns = outcome.columns.as_ref().ok_or_else(none)?;
    let from = token(asked)?;
    let rows: Vec<Value> = outcome
        .rows
        .iter()
        .skip(from)
        .take(PAGE)
        .map(|row| {
            columns
                .iter()
                .zip(row)
                .map(|((_, kind), value)| kind.field(value))
                .collect()
        })
        .collect();
    let described: Vec<Value> = columns
        .iter()
        .map(|(name, kind)| column(name, *kind))
        .collect();
    Ok(page(
        json!({ "ColumnMetadata": described, "Records": rows, "TotalNumberRows": outcome.rows.len() }),
        from,
        outcome.rows.len(),
    ))
}

fn token(asked: &Asked<'_>) -> Result<usize, Refusal> {
    match asked.text("NextToken") {
        None | Some("") => Ok(0),
        Some(token) => token
            .parse()
            .map_err(|_| validation("NextToken is not valid.")),
    }
}

fn page(mut answer: Value, from: usize, all: usize) -> Value {
    if from + PAGE < all {
        answer["NextToken"] = json!((from + PAGE).to_string());
    }
    answer
}

fn column(name: &str, kind: Type) -> Value {
    let length = if let Type::Varchar(length) = kind {
        length
    } else {
        0
    };
    json!({
        "name": name,
        "label": name,
        "typeName": kind.name(),
        "length": length,
        "precision": length,
        "scale": 0,
        "nullable": 1,
        "isCaseSensitive": matches!(kind, Type::Varchar(_)),
        "isCurrency": false,
        "isSigned": matches!(kind, Type::Int(_) | Type::Float | Type::Numeric),
        "schemaName": "",
        "tableName": "",
    })
}

/// ListStatements.
pub fn statements(asked: &Asked<'_>) -> Result<Value, Refusal> {
    let (status, name) = (
        asked.text("Status").unwrap_or("ALL"),
        asked.text("StatementName"),
    );
    let records = asked.core.warehouses.records();
    let fits = |record: &&&super::statements::Record| {
        (status == "ALL" || record.status == status)
            && name.is_none_or(|name| {
                record
                    .name
                    .as_deref()
                    .is_some_and(|given| given.starts_with(name))
            })
    };
    let latest = records.latest();
    let all: Vec<Value> = latest
        .iter()
        .filter(fits)
        .map(|record| record.listed())
        .collect();
    let from = token(asked)?;
    let shown: Vec<&Value> = all.iter().skip(from).take(PAGE).collect();
    Ok(page(json!({ "Statements": shown }), from, all.len()))
}

/// ListTables.
pub fn tables(asked: &Asked<'_>) -> Result<Value, Refusal> {
    let opened = workgroup::find(asked)?
        .open(asked.core)
        .map_err(validation)?;
    let held = opened.lock().unwrap_or_else(PoisonError::into_inner);
    let schema = asked.text("SchemaPattern").unwrap_or("%");
    let table = asked.text("TablePattern").unwrap_or("%");
    let tables: Vec<Value> = held
        .tables()
        .into_iter()
        .filter(|name| like(schema, "public") && like(table, name))
        .map(|name| json!({ "name": name, "schema": "public", "type": "TABLE" }))
        .collect();
    Ok(json!({ "Tables": tables }))
}

/// Whether a name is like a pattern of SQL: `%` is anything, `_` one letter.
fn like(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return name.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '%' => (0..=name.len())
            .filter(|at| name.is_char_boundary(*at))
            .any(|at| like(rest, &name[at..])),
        letter => {
            let next = name.chars().next();
            next.is_some_and(|next| {
                (letter == '_' || letter == next) && like(rest, &name[next.len_utf8()..])
            })
        }
    }
}

/// DescribeTable.
pub fn table(asked: &Asked<'_>) -> Result<Value, Refusal> {
    let opened = workgroup::find(asked)?
        .open(asked.core)
        .map_err(validation)?;
    let held = opened.lock().unwrap_or_else(PoisonError::into_inner);
    let name = asked.required("Table")?.to_lowercase();
    let known = held.tables().contains(&name)
        && asked.text("Schema").is_none_or(|schema| schema == "public");
    let columns = if known {
        held.columns(&name).unwrap_or_default()
    } else {
        Vec::new()
    };
    let columns: Vec<Value> = columns
        .iter()
        .map(|(column_name, kind)| {
            let mut told = column(column_name, *kind);
            told["schemaName"] = json!("public");
            told["tableName"] = json!(name);
            told
        })
        .collect();
    Ok(json!({ "TableName": name, "ColumnList": columns }))
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_are_those_of_sql() {
        assert!(like("%", "raw_data") && like("raw%", "raw_data") && like("r__", "raw"));
        assert!(!like("raw", "raw_data") && !like("_", ""));
    }
}
