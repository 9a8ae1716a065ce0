//! Statements run: each by itself, or all as one transaction.

use super::copy::{self, LoadError};
use super::database::{Database, Outcome, words};
use super::parse::{Sql, parse};
use super::rewrite::{plain, rewrite, types};
use super::rights::{self, Who};
use super::types::Type;
use super::{models, table};
use crate::local::core::Core;
use rusqlite::types::Value as Stored;

/// A value that a request binds, by its name.
pub type Bound = (String, String);

/// Why a statement failed, and which one.
#[derive(Debug)]
pub struct Failure {
    /// Its place.
    pub at: usize,
    /// Why.
    pub why: String,
}

/// What went wrong, and the row that could not be loaded where it was one.
#[derive(Debug)]
pub struct Wrong {
    /// Why.
    pub why: String,
    /// The row.
    pub load: Option<Box<LoadError>>,
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self { why, load: None }
    }
}

/// Runs statements, all of them or none.
///
/// # Errors
/// The first that failed.
pub fn all(
    core: &Core,
    database: &mut Database,
    who: &Who,
    sqls: &[String],
    bound: &[Bound],
) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::new();
    // Who connects is known from then on, whatever becomes of the transaction.
    rights::meet(database, who).map_err(|why| Failure { at: 0, why })?;
    let begin = |at: usize, sql: &str, database: &Database| {
        let done = database.connection.execute_batch(sql);
        done.map_err(|error| Failure {
            at,
            why: words(&error),
        })
    };
    begin(0, "BEGIN", database)?;
    for (at, sql) in sqls.iter().enumerate() {
        match one(core, database, who, sql, bound, sqls.len() > 1) {
            Ok(outcome) => outcomes.push(outcome),
            Err(Wrong { why, load }) => {
                let _ = database.connection.execute_batch("ROLLBACK");
                if let Some(load) = load {
                    let _ = copy::record(database, &load);
                }
                database.leave();
                return Err(Failure {
                    at,
                    why: format!("ERROR: {why}"),
                });
            }
        }
    }
    begin(sqls.len().saturating_sub(1), "COMMIT", database)?;
    database.leave();
    Ok(outcomes)
}

fn one(
    core: &Core,
    database: &mut Database,
    who: &Who,
    sql: &str,
    bound: &[Bound],
    block: bool,
) -> Result<Outcome, Wrong> {
    let sql = parse(sql)?;
    rights::check(database, who, &sql)?;
    Ok(match sql {
        Sql::Query(query) => ask(database, *query, bound)?,
        Sql::Change(mut statement) => {
            rewrite(statement.as_mut())?;
            execute(database, &statement.to_string(), bound)?
        }
        Sql::CreateTable(made) => table::create(database, &made)?,
        Sql::DropTable(name, lenient) => table::drop(database, &plain(&name)?, lenient)?,
        Sql::Copy(copied) => copy::run(core, database, &copied)?,
        Sql::CreateModel(_) if block => {
            return Err("CREATE MODEL cannot run inside a transaction block"
                .to_owned()
                .into());
        }
        Sql::CreateModel(model) => models::create(core, database, who, *model)?,
        Sql::DropModel(name, lenient) => models::remove(database, &plain(&name)?, lenient)?,
        Sql::ShowModel(name) => models::show(database, name.map(|name| plain(&name)).transpose()?)?,
        Sql::CreateUser(name) => {
            rights::create_user(database, &name).map(|()| Outcome::default())?
        }
        Sql::CreateRole(name) => {
            rights::create_role(database, &name, who).map(|()| Outcome::default())?
        }
        Sql::GrantModel(model, to) => {
            rights::grant_model(database, &plain(&model)?, &to).map(|()| Outcome::default())?
        }
        Sql::GrantRole(role, to) => {
            rights::grant_role(database, &role, &to).map(|()| Outcome::default())?
        }
    })
}

/// Answers a query.
pub fn ask(
    database: &Database,
    mut query: sqlparser::ast::Query,
    bound: &[Bound],
) -> Result<Outcome, String> {
    rewrite(&mut query)?;
    let function = |name: &str| database.functions.get(name).map(|(_, kind)| *kind);
    let told = types(&query, &function);
    let read = || -> rusqlite::Result<Outcome> {
        let mut statement = database.connection.prepare(&query.to_string())?;
        bind(&mut statement, bound)?;
        let described: Vec<(String, Option<Type>)> = statement
            .columns()
            .enumerate()
            .map(|(at, column)| {
                let declared = || column.decl_type().and_then(Type::read);
                let kind = told.get(at).copied().flatten().or_else(declared);
                (column.name().to_lowercase(), kind)
            })
            .collect();
        let mut rows = Vec::new();
        let mut answered = statement.raw_query();
        while let Some(row) = answered.next()? {
            let cells = (0..described.len()).map(|at| row.get(at));
            rows.push(cells.collect::<rusqlite::Result<Vec<Stored>>>()?);
        }
        let kind = |at: usize| {
            let values = rows.iter().filter_map(|row: &Vec<Stored>| row.get(at));
            let mut values = values.filter(|value| **value != Stored::Null);
            values.next().map_or(Type::Varchar(256), Type::seen)
        };
        let columns = described
            .into_iter()
            .enumerate()
            .map(|(at, (name, known))| (name, known.unwrap_or_else(|| kind(at))));
        Ok(Outcome {
            columns: Some(columns.collect()),
            rows,
            changed: 0,
        })
    };
    read().map_err(|error| words(&error))
}

fn execute(database: &Database, sql: &str, bound: &[Bound]) -> Result<Outcome, String> {
    let write = || -> rusqlite::Result<usize> {
        let mut statement = database.connection.prepare(sql)?;
        bind(&mut statement, bound)?;
        statement.raw_execute()
    };
    let changed = write().map_err(|error| words(&error))?;
    Ok(Outcome {
        changed,
        ..Outcome::default()
    })
}

fn bind(statement: &mut rusqlite::Statement<'_>, bound: &[Bound]) -> rusqlite::Result<()> {
    for (name, value) in bound {
        if let Some(at) = statement.parameter_index(&format!(":{name}"))? {
            statement.raw_bind_parameter(at, value)?;
        }
    }
    Ok(())
}
