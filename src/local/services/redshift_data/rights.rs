//! Who may do what: the administrator everything, a role's user what it was granted.

use super::database::{Database, SYSTEM};
use super::parse::{Grantee, Sql};
use super::rewrite::{functions, plain, relations};
use crate::local::services::sts;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The database user.
    pub user: String,
    /// Whether nothing is denied.
    pub all: bool,
}

impl Who {
    /// The user of whoever holds that session token. A role's session is the user `IAMR:` and the role's
    /// name, whoever has none is the administrator: nobody is kept out of a loopback.
    pub fn of_session(token: Option<&str>) -> Self {
        match token.and_then(sts::role) {
            Some(role) => Self {
                user: format!("IAMR:{role}"),
                all: false,
            },
            None => Self {
                user: "administrator".to_owned(),
                all: true,
            },
        }
    }
}

/// Makes the user known, as Redshift does when an IAM identity first connects.
pub fn meet(database: &Database, who: &Who) -> Result<(), String> {
    let truth = if who.all { "1" } else { "0" };
    let sql = "INSERT INTO pg_user VALUES (?1, CAST(?2 AS INTEGER)) ON CONFLICT DO NOTHING";
    database.set(sql, &[&who.user, truth]).map(drop)
}

/// Whether that user may do that.
///
/// # Errors
/// What is denied.
pub fn check(database: &Database, who: &Who, sql: &Sql) -> Result<(), String> {
    if let Sql::Change(statement) = sql {
        let target = relations(statement.as_ref()).into_iter().next();
        if let Some(name) = target.filter(|name| SYSTEM.contains(&name.as_str())) {
            return Err(format!("permission denied: \"{name}\" is a system catalog"));
        }
    }
    if who.all {
        return Ok(());
    }
    match sql {
        Sql::Query(query) => {
            let outside = |name: &String| !SYSTEM.contains(&name.as_str());
            if let Some(table) = relations(query.as_ref()).into_iter().find(outside) {
                return Err(format!("permission denied for relation {table}"));
            }
            for called in functions(query.as_ref()) {
                let model = database.functions.get(&called);
                let model = match (model, called.as_str()) {
                    (Some((model, _)), _) => model,
                    (None, "explain_model") => {
                        return Err("permission denied for function explain_model".to_owned());
                    }
                    (None, _) => continue,
                };
                if !executes(database, &who.user, model)? {
                    return Err(format!("permission denied for function {called}"));
                }
            }
            Ok(())
        }
        Sql::ShowModel(Some(name)) if executes(database, &who.user, &plain(name)?)? => Ok(()),
        _ => Err(format!("permission denied for user {}", who.user)),
    }
}

fn executes(database: &Database, user: &str, model: &str) -> Result<bool, String> {
    let sql = "SELECT 1 FROM svv_ml_model_privileges WHERE model_name = ?1 AND (identity_type = 'public' \
               OR (identity_type = 'user' AND identity_name = ?2) OR (identity_type = 'role' AND identity_name IN \
               (SELECT role_name FROM svv_user_grants WHERE user_name = ?2)))";
    Ok(database.ask(sql, &[model, user])?.is_some())
}

fn known(database: &Database, grantee: &Grantee) -> Result<(), String> {
    let (sql, name, kind) = match grantee {
        Grantee::Public => return Ok(()),
        Grantee::User(name) => ("SELECT 1 FROM pg_user WHERE usename = ?1", name, "user"),
        Grantee::Role(name) => ("SELECT 1 FROM svv_roles WHERE role_name = ?1", name, "role"),
    };
    match database.ask(sql, &[name])? {
        Some(_) => Ok(()),
        None => Err(format!("{kind} \"{name}\" does not exist")),
    }
}

/// CREATE USER.
pub fn create_user(database: &Database, name: &str) -> Result<(), String> {
    if database
        .ask("SELECT 1 FROM pg_user WHERE usename = ?1", &[name])?
        .is_some()
    {
        return Err(format!("user \"{name}\" already exists"));
    }
    database
        .set("INSERT INTO pg_user VALUES (?1, 0)", &[name])
        .map(drop)
}

/// CREATE ROLE.
pub fn create_role(database: &Database, name: &str, who: &Who) -> Result<(), String> {
    if database
        .ask("SELECT 1 FROM svv_roles WHERE role_name = ?1", &[name])?
        .is_some()
    {
        return Err(format!("role \"{name}\" already exists"));
    }
    let sql = "INSERT INTO svv_roles (role_name, role_owner) VALUES (?1, ?2)";
    database.set(sql, &[name, &who.user]).map(drop)
}

/// GRANT EXECUTE ON MODEL.
pub fn grant_model(database: &Database, model: &str, to: &Grantee) -> Result<(), String> {
    known(database, to)?;
    if database
        .ask("SELECT 1 FROM _models WHERE name = ?1", &[model])?
        .is_none()
    {
        return Err(format!("Model \"{model}\" does not exist"));
    }
    let (name, kind) = match to {
        Grantee::Public => ("public", "public"),
        Grantee::User(name) => (name.as_str(), "user"),
        Grantee::Role(name) => (name.as_str(), "role"),
    };
    let sql = "INSERT INTO svv_ml_model_privileges VALUES ('public', ?1, 1, 'EXECUTE', ?2, ?3, 0) ON CONFLICT DO NOTHING";
    database.set(sql, &[model, name, kind]).map(drop)
}

/// GRANT ROLE.
pub fn grant_role(database: &Database, role: &str, to: &Grantee) -> Result<(), String> {
    known(database, &Grantee::Role(role.to_owned()))?;
    known(database, to)?;
    let Grantee::User(user) = to else {
        return Err("the embedded warehouse grants roles to users only".to_owned());
    };
    let sql = "INSERT INTO svv_user_grants VALUES (?1, ?2, 0) ON CONFLICT DO NOTHING";
    database.set(sql, &[user, role]).map(drop)
}

/// Takes away what was granted on a model that goes.
pub fn revoke_all(database: &Database, model: &str) -> Result<(), String> {
    database
        .set(
            "DELETE FROM svv_ml_model_privileges WHERE model_name = ?1",
            &[model],
        )
        .map(drop)
}
