//! Tables made and dropped. What a column may hold is kept as a constraint, since SQLite holds anything.

use super::database::{Database, Outcome, SYSTEM, words};
use super::rewrite::plain;
use super::types::Type;
use sqlparser::ast::{ColumnOption, CreateTable};

/// CREATE TABLE.
pub fn create(database: &Database, asked: &CreateTable) -> Result<Outcome, String> {
    let name = plain(&asked.name)?;
    if SYSTEM.contains(&name.as_str()) || name.starts_with('_') {
        return Err(format!("permission denied: \"{name}\" is a system catalog"));
    }
    if asked.query.is_some() || asked.columns.is_empty() {
        return Err("the embedded warehouse makes tables of columns only".to_owned());
    }
    let mut columns = Vec::new();
    for column in &asked.columns {
        let kind = Type::of(&column.data_type)
            .ok_or_else(|| format!("type \"{}\" does not exist", column.data_type))?;
        let name = column.name.value.to_lowercase().replace('"', "\"\"");
        let filled = column
            .options
            .iter()
            .any(|option| matches!(option.option, ColumnOption::NotNull));
        let declared = kind.declared();
        let filled = if filled { " NOT NULL" } else { "" };
        let why = format!("invalid value for column {name} of type {declared}");
        columns.push(match condition(kind, &name) {
            Some(held) => {
                format!("\"{name}\" {declared}{filled} CONSTRAINT \"{why}\" CHECK ({held})")
            }
            None => format!("\"{name}\" {declared}{filled}"),
        });
    }
    let (schema, lenient) = match (asked.temporary, asked.if_not_exists) {
        (true, _) => ("temp", ""),
        (false, true) => ("public", "IF NOT EXISTS "),
        (false, false) => ("public", ""),
    };
    let name = name.replace('"', "\"\"");
    let sql = format!(
        "CREATE TABLE {lenient}{schema}.\"{name}\" ({})",
        columns.join(", ")
    );
    database
        .connection
        .execute_batch(&sql)
        .map_err(|error| match words(&error) {
            said if said.contains("already exists") => {
                format!("Relation \"{name}\" already exists")
            }
            said => said,
        })?;
    Ok(Outcome::default())
}

fn condition(kind: Type, name: &str) -> Option<String> {
    Some(match kind {
        Type::Bool => format!("\"{name}\" IN (0, 1)"),
        Type::Int(bytes) => {
            let most = (1_u64 << (u32::from(bytes) * 8 - 1)) - 1;
            format!(
                "typeof(\"{name}\") IN ('integer', 'null') AND \"{name}\" BETWEEN -{most} - 1 AND {most}"
            )
        }
        Type::Float | Type::Numeric => format!("typeof(\"{name}\") IN ('real', 'integer', 'null')"),
        Type::Varchar(length) => format!("length(CAST(\"{name}\" AS BLOB)) <= {length}"),
        Type::Date => format!("\"{name}\" = date(\"{name}\")"),
        Type::Timestamp | Type::Super => return None,
    })
}

/// DROP TABLE.
pub fn drop(database: &Database, name: &str, lenient: bool) -> Result<Outcome, String> {
    let quoted = name.replace('"', "\"\"");
    let schema = ["temp", "public"].into_iter().find(|schema| {
        let sql =
            format!("SELECT 1 FROM {schema}.sqlite_master WHERE type = 'table' AND name = ?1");
        matches!(database.ask(&sql, &[name]), Ok(Some(_)))
    });
    match schema {
        Some(schema) => {
            let sql = format!("DROP TABLE {schema}.\"{quoted}\"");
            database
                .connection
                .execute_batch(&sql)
                .map_err(|error| words(&error))?;
            Ok(Outcome::default())
        }
        None if lenient => Ok(Outcome::default()),
        None => Err(format!("Table \"{name}\" does not exist")),
    }
}
