//! A database: SQLite files beside the state, one of the catalog and one of the schema public.

use super::learn::Learnt;
use super::types::{Type, text};
use rusqlite::config::DbConfig;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The tables that Redshift shows of itself, as far as they are here, and those that only this database
/// reads. The views are real tables.
const CATALOG: &str = "
PRAGMA journal_mode = DELETE;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS pg_user (usename varchar(128) PRIMARY KEY, usesuper bool NOT NULL);
CREATE TABLE IF NOT EXISTS svv_roles (role_id INTEGER PRIMARY KEY, role_name varchar(128) UNIQUE, role_owner varchar(128));
CREATE TABLE IF NOT EXISTS svv_user_grants (user_name varchar(128), role_name varchar(128), admin_option bool,
    UNIQUE (user_name, role_name));
CREATE TABLE IF NOT EXISTS svv_ml_model_privileges (namespace_name varchar(128), model_name varchar(128), model_version int4,
    privilege_type varchar(16), identity_name varchar(128), identity_type varchar(16), admin_option bool,
    UNIQUE (model_name, identity_name, identity_type));
CREATE TABLE IF NOT EXISTS sys_load_error_detail (table_name varchar(128), file_name varchar(1024), line_number int8,
    column_name varchar(128), column_type varchar(16), error_message varchar(512), start_time timestamp);
CREATE TABLE IF NOT EXISTS _models (name PRIMARY KEY, owner, query, target, target_type, function UNIQUE, features, types,
    bucket, max_runtime, max_cells, created, ready_at, state, reason, training, learnt);
CREATE VIEW IF NOT EXISTS svv_ml_model_info AS SELECT 'public' AS schema_name, owner AS user_name,
    name AS model_name, 1 AS is_refreshable, state AS model_state FROM _models;
";

/// A view of another file's tables cannot be kept; it is made for each connection.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html>
const TABLES: &str = "
PRAGMA public.synchronous = OFF;
CREATE TEMP VIEW svv_tables AS SELECT 'public' AS table_schema, name AS table_name,
    'BASE TABLE' AS table_type FROM public.sqlite_master WHERE type = 'table';
";

/// Names that no statement may write to, or take.
pub const SYSTEM: &[&str] = &[
    "pg_user",
    "svv_roles",
    "svv_user_grants",
    "svv_ml_model_privileges",
    "svv_ml_model_info",
    "svv_tables",
    "sys_load_error_detail",
];

/// An open database.
#[derive(Debug)]
pub struct Database {
    /// The connection, with public attached.
    pub connection: Connection,
    /// What the functions of the models answer: their types.
    pub functions: BTreeMap<String, (String, Type)>,
    /// The models whose training somebody attends to.
    pub attended: BTreeSet<String>,
}

/// What a statement answered.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The columns; nothing where it answers no rows.
    pub columns: Option<Vec<(String, Type)>>,
    /// The rows.
    pub rows: Vec<Vec<Stored>>,
    /// How many rows it changed.
    pub changed: usize,
}

impl Database {
    /// Opens what is in the folder, or makes it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(folder: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(folder.join("catalog.sqlite"))?;
            // "timestamp" is a column, or a mistake; never a text.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
            connection.execute_batch(CATALOG)?;
            let public = folder.join("public.sqlite");
            connection.execute(
                "ATTACH DATABASE ?1 AS public",
                params![public.to_string_lossy()],
            )?;
            connection.execute_batch(TABLES)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| error.to_string())?;
        let mut database = Self {
            connection,
            functions: BTreeMap::new(),
            attended: BTreeSet::new(),
        };
        database.equip().map_err(|error| error.to_string())?;
        Ok(database)
    }

    fn equip(&mut self) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8;
        self.connection
            .create_scalar_function("_cast", 2, flags, cast)?;
        self.connection
            .create_scalar_function("_now", 0, flags, |_: &mut Context<'_>| {
                Ok(crate::local::ids::now())
            })?;
        let mut models = self.connection.prepare("SELECT name FROM _models")?;
        let names: Vec<String> = models
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        drop(models);
        for name in names {
            self.announce(&name)?;
        }
        Ok(())
    }

    /// Registers the function of a model as the model stands, and EXPLAIN_MODEL.
    pub fn announce(&mut self, model: &str) -> rusqlite::Result<()> {
        let sql = "SELECT function, target_type, learnt, types FROM _models WHERE name = ?1";
        let found: (String, String, Option<String>, String) =
            self.connection.query_row(sql, [model], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        let (function, kind, learnt, types) = found;
        let kind = Type::read(&kind).unwrap_or(Type::Varchar(256));
        let learnt: Option<Arc<Learnt>> = learnt
            .and_then(|text| serde_json::from_str(&text).ok())
            .map(Arc::new);
        self.functions
            .insert(function.clone(), (model.to_owned(), kind));
        let name = model.to_owned();
        let count = serde_json::from_str::<Vec<String>>(&types).map_or(0, |types| types.len());
        let asked = learnt.clone();
        let predict = move |context: &mut Context<'_>| -> rusqlite::Result<Stored> {
            let learnt = asked
                .as_ref()
                .ok_or_else(|| user(format!("Model public.{name} is not ready")))?;
            let row: Vec<Stored> = (0..context.len())
                .map(|at| context.get(at))
                .collect::<Result<_, _>>()?;
            let class = learnt.predict(&row).map_err(user)?;
            class.map_or(Ok(Stored::Null), |class| kind.parse(class).map_err(user))
        };
        let count = i32::try_from(count).unwrap_or(-1);
        self.connection.create_scalar_function(
            function.as_str(),
            count,
            FunctionFlags::SQLITE_UTF8,
            predict,
        )?;
        let explained = model.to_owned();
        let explain = move |context: &mut Context<'_>| -> rusqlite::Result<String> {
            let asked: String = context.get(0)?;
            let asked = asked.rsplit('.').next().unwrap_or_default().to_lowercase();
            if asked != explained {
                return Err(user(format!("Model {asked} does not exist")));
            }
            let waiting = || "\"Waiting for training job to complete\"".to_owned();
            Ok(learnt
                .as_ref()
                .map_or_else(waiting, |learnt| learnt.report().to_string()))
        };
        self.connection.create_scalar_function(
            "explain_model",
            1,
            FunctionFlags::SQLITE_UTF8,
            explain,
        )
    }

    /// Forgets the function of a model.
    pub fn forget(&mut self, function: &str) -> rusqlite::Result<()> {
        let count = self.functions.remove(function);
        self.attended.clear();
        // By all the counts of arguments that it may have had.
        match count {
            Some(_) => {
                (0..=127).try_for_each(|count| self.connection.remove_function(function, count))
            }
            None => Ok(()),
        }
    }

    /// The columns of a table and their types.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn columns(&self, table: &str) -> Result<Vec<(String, Type)>, String> {
        let quoted = table.replace('"', "\"\"");
        let statement = self
            .connection
            .prepare(&format!("SELECT * FROM \"{quoted}\" LIMIT 0"));
        let statement = statement.map_err(|error| words(&error))?;
        let columns = statement.columns();
        let kind =
            |declared: Option<&str>| declared.and_then(Type::read).unwrap_or(Type::Varchar(256));
        Ok(columns
            .map(|column| (column.name().to_owned(), kind(column.decl_type())))
            .collect())
    }

    /// Tables of public by name.
    pub fn tables(&self) -> Vec<String> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT name FROM public.sqlite_master WHERE type = 'table' ORDER BY name";
            self.connection
                .prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        read().unwrap_or_default()
    }

    /// Ends the session: its temporary tables go.
    pub fn leave(&self) {
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT name FROM temp.sqlite_master WHERE type = 'table'";
            self.connection
                .prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        for table in read().unwrap_or_default() {
            let _ = self.connection.execute_batch(&format!(
                "DROP TABLE temp.\"{}\"",
                table.replace('"', "\"\"")
            ));
        }
    }

    /// The one value that a query answers, if it answers any.
    pub fn ask(&self, sql: &str, values: &[&str]) -> Result<Option<Stored>, String> {
        let values = rusqlite::params_from_iter(values);
        self.connection
            .query_row(sql, values, |row| row.get(0))
            .optional()
            .map_err(|error| words(&error))
    }

    /// Changes something of the catalog.
    pub fn set(&self, sql: &str, values: &[&str]) -> Result<usize, String> {
        let values = rusqlite::params_from_iter(values);
        self.connection
            .execute(sql, values)
            .map_err(|error| words(&error))
    }
}

fn user(why: String) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(why.into())
}

fn cast(context: &mut Context<'_>) -> rusqlite::Result<Stored> {
    let kind: String = context.get(0)?;
    let kind = Type::read(&kind).ok_or_else(|| user(format!("type \"{kind}\" does not exist")))?;
    let value: Stored = context.get(1)?;
    match (kind, &value) {
        (Type::Int(_), Stored::Real(number)) => Ok(Stored::Integer(number.round() as i64)),
        (Type::Bool, Stored::Integer(number)) => Ok(Stored::Integer(i64::from(*number != 0))),
        (Type::Date, Stored::Text(moment)) => {
            kind.parse(moment.get(..10).unwrap_or(moment)).map_err(user)
        }
        // A cast to a length cuts.
        (Type::Varchar(length), value) => Ok(text(value).map_or(Stored::Null, |text| {
            Stored::Text(text.chars().take(length as usize).collect())
        })),
        (kind, value) => match text(value) {
            Some(text) => kind.parse(&text).map_err(user),
            None => Ok(Stored::Null),
        },
    }
}

/// What SQLite says, as Redshift would.
pub fn words(error: &rusqlite::Error) -> String {
    let said = match error {
        rusqlite::Error::SqliteFailure(_, Some(said)) => said.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    let rest = |start: &str| {
        said.strip_prefix(start)
            .map(|rest| rest.rsplit('.').next().unwrap_or(rest).to_owned())
    };
    if let Some(table) = rest("no such table: ") {
        return format!("relation \"{table}\" does not exist");
    }
    if let Some(column) = said.strip_prefix("no such column: ") {
        let column = column
            .split(" - ")
            .next()
            .unwrap_or(column)
            .trim_matches('"');
        return format!("column \"{column}\" does not exist");
    }
    if let Some(function) = said.strip_prefix("no such function: ") {
        return format!("function {function} does not exist");
    }
    if let Some(function) = said.strip_prefix("wrong number of arguments to function ") {
        return format!("function {function} does not exist with that many arguments");
    }
    if let Some(column) = rest("NOT NULL constraint failed: ") {
        return format!("Cannot insert a NULL value into column {column}");
    }
    if let Some(why) = said.strip_prefix("CHECK constraint failed: ") {
        return why.to_owned();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqlite_says_is_said_as_redshift_does() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).unwrap();
        let said = |sql: &str| database.ask(sql, &[]).unwrap_err();
        assert_eq!(
            said("SELECT * FROM public.raw_data"),
            "relation \"raw_data\" does not exist"
        );
        assert_eq!(said("SELECT f(1)"), "function f does not exist");
        assert_eq!(said("SELECT x FROM pg_user"), "column \"x\" does not exist");
        assert_eq!(
            said("SELECT _cast('date', 'x')"),
            "invalid input syntax for type date: \"x\""
        );
        assert_eq!(said("SELECT \"x\""), "column \"x\" does not exist");
    }
}
