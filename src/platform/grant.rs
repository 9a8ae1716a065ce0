//! What the Lambda function needs of the database: to execute the model, and nothing else.
//!
//! Its IAM role is the database user `IAMR:<role name>`. Redshift makes that user when the function first
//! connects; it is made here so that the function's first request finds its right.
//! <https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-iam-access-control-identity-based.html>

use super::names::Platform;
use super::statements::Warehouse;
use crate::error::{Error, Result};

/// What a grant found missing and made; nothing where all was there.
pub type Made = Vec<String>;

/// Gives a role's database user the right to execute the model, through the database role.
///
/// # Errors
/// A role name that is none, and what the warehouse refuses.
pub async fn grant(warehouse: &Warehouse, platform: &Platform, role: &str) -> Result<Made> {
    if !is_role(role) {
        return Err(Error::asked(format!("{role:?} is no name of an IAM role.")));
    }
    let (user, model) = (format!("IAMR:{role}"), platform.names.model());
    let group = &platform.names.prediction_role;
    let (mut sqls, mut made) = (Vec::new(), Vec::new());
    let mut need = |there: bool, sql: String, what: String| {
        if !there {
            sqls.push(sql);
            made.push(what);
        }
    };
    let is_there = async |sql: &str, values: &[(&str, &str)]| {
        warehouse
            .query(sql, values)
            .await
            .map(|rows| !rows.is_empty())
    };
    need(
        is_there(
            "SELECT usename FROM pg_user WHERE usename = :user",
            &[("user", &user)],
        )
        .await?,
        format!("CREATE USER \"{user}\" PASSWORD DISABLE"),
        format!("the user {user}"),
    );
    need(
        is_there(
            "SELECT role_name FROM svv_roles WHERE role_name = :role",
            &[("role", group)],
        )
        .await?,
        format!("CREATE ROLE {group}"),
        format!("the role {group}"),
    );
    need(
        is_there(
            "SELECT identity_name FROM svv_ml_model_privileges WHERE namespace_name = :schema \
             AND model_name = :model AND privilege_type = 'EXECUTE' \
             AND identity_type = 'role' AND identity_name = :role",
            &[
                ("schema", &platform.names.schema),
                ("model", &platform.names.model),
                ("role", group),
            ],
        )
        .await?,
        format!("GRANT EXECUTE ON MODEL {model} TO ROLE {group}"),
        format!("EXECUTE on {model} for the role"),
    );
    need(
        is_there(
            "SELECT user_name FROM svv_user_grants WHERE user_name = :user AND role_name = :role",
            &[("user", &user), ("role", group)],
        )
        .await?,
        format!("GRANT ROLE {group} TO \"{user}\""),
        "the role for the user".to_owned(),
    );
    if !sqls.is_empty() {
        warehouse.transaction(sqls).await?;
    }
    Ok(made)
}

/// Names that IAM allows, none of which needs anything in SQL but quotes around it.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
fn is_role(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_would_leave_its_quotes_is_refused() {
        assert!(is_role("LambdaStack-Role-1AbC+=,.@_"));
        for name in ["", "a\"b", "a b", "a;b", "a'b", &"a".repeat(65)] {
            assert!(!is_role(name), "{name}");
        }
    }
}
