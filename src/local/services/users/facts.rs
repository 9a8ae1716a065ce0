//! What users need to know of their pool and its app clients, as the stacks have them.

use super::super::holdings::{Held, Holdings};
use serde_json::Value;
use std::collections::BTreeMap;

/// A user pool.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Its id.
    pub id: String,
    /// Who issues its tokens.
    pub issuer: String,
    /// What a password must have.
    pub password: Value,
    /// Whether users sign in with their e-mail address.
    pub by_email: bool,
    /// Whether `Ada` and `ada` are two.
    pub case_sensitive: bool,
    /// Attributes that users must have.
    pub required: Vec<String>,
    /// Whether e-mail addresses are verified by a code.
    pub verifies_email: bool,
    /// Whether nobody signs up by themselves.
    pub admin_only: bool,
    /// The sign-in domain's prefix.
    pub domain: Option<String>,
}

/// An app client.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// The pool's id.
    pub pool: String,
    /// Whether it has a secret, which nobody can know here.
    pub has_secret: bool,
    /// ALLOW_USER_SRP_AUTH and so on.
    pub flows: Vec<String>,
    /// Where a sign-in may lead back to.
    pub callbacks: Vec<String>,
    /// Where a sign-out may lead to.
    pub logouts: Vec<String>,
    /// code, implicit.
    pub grants: Vec<String>,
    /// openid, email and so on.
    pub scopes: Vec<String>,
    /// Whether a stranger is not told which users there are.
    pub discreet: bool,
    /// Seconds that each kind of token lasts, by the kind.
    lasting: BTreeMap<&'static str, u64>,
}

const KINDS: [(&str, &str, u64, u64); 3] = [
    ("IdToken", "IdTokenValidity", 3600, 3600),
    ("AccessToken", "AccessTokenValidity", 3600, 3600),
    ("RefreshToken", "RefreshTokenValidity", 86_400, 30 * 86_400),
];

impl Client {
    /// How long tokens of that kind (`IdToken`, `AccessToken`, `RefreshToken`) last.
    pub fn lasting(&self, kind: &str) -> u64 {
        self.lasting.get(kind).copied().unwrap_or(3600)
    }

    /// Whether it lets users sign in that way.
    /// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html>
    pub fn allows(&self, flow: &str) -> bool {
        let usual = ["USER_SRP_AUTH", "REFRESH_TOKEN_AUTH", "CUSTOM_AUTH"];
        match self.flows.is_empty() {
            true => usual.contains(&flow),
            false => self
                .flows
                .iter()
                .any(|own| own.trim_start_matches("ALLOW_") == flow),
        }
    }
}

fn truth(value: &Value) -> bool {
    *value == true || *value == "true"
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The pool of that id.
pub fn pool(holdings: &Holdings<'_>, id: &str) -> Option<Pool> {
    let held = holdings.find("AWS::Cognito::UserPool", id)?;
    let schema = held.property("Schema").as_array().into_iter().flatten();
    let required = schema
        .filter(|one| truth(&one["Required"]))
        .filter_map(|one| one["Name"].as_str());
    let domains = holdings.all("AWS::Cognito::UserPoolDomain").into_iter();
    let domain = domains
        .into_iter()
        .find(|domain| domain.text("UserPoolId") == id);
    let region = &holdings.place.region;
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    Some(Pool {
        id: id.to_owned(),
        issuer: format!("https://cognito-idp.{region}.amazonaws.com{suffix}/{id}"),
        password: held.property("Policies")["PasswordPolicy"].clone(),
        by_email: texts(held.property("UsernameAttributes")).contains(&"email".to_owned()),
        case_sensitive: truth(&held.property("UsernameConfiguration")["CaseSensitive"]),
        required: required.map(str::to_owned).collect(),
        verifies_email: texts(held.property("AutoVerifiedAttributes"))
            .contains(&"email".to_owned()),
        admin_only: truth(&held.property("AdminCreateUserConfig")["AllowAdminCreateUserOnly"]),
        domain: domain.map(|domain| domain.text("Domain").to_owned()),
    })
}

/// The pool whose sign-in has that prefix.
pub fn pool_of_domain(holdings: &Holdings<'_>, prefix: &str) -> Option<Pool> {
    let mut domains = holdings.all("AWS::Cognito::UserPoolDomain").into_iter();
    let held = domains.find(|held| held.text("Domain") == prefix)?;
    pool(holdings, held.text("UserPoolId"))
}

/// The app client of that id.
pub fn client(holdings: &Holdings<'_>, id: &str) -> Option<Client> {
    holdings.find("AWS::Cognito::UserPoolClient", id).map(read)
}

fn read(held: Held<'_>) -> Client {
    let units = held.property("TokenValidityUnits");
    let lasting = KINDS.map(|(kind, property, unit, usual)| {
        let unit = match units[kind].as_str() {
            Some("seconds") => 1,
            Some("minutes") => 60,
            Some("hours") => 3600,
            Some("days") => 86_400,
            _ => unit,
        };
        let given = number(held.property(property)).filter(|given| *given > 0);
        (
            kind,
            given.map_or(usual, |given| given.saturating_mul(unit)),
        )
    });
    Client {
        id: held.id().to_owned(),
        pool: held.text("UserPoolId").to_owned(),
        has_secret: truth(held.property("GenerateSecret")),
        flows: texts(held.property("ExplicitAuthFlows")),
        callbacks: texts(held.property("CallbackURLs")),
        logouts: texts(held.property("LogoutURLs")),
        grants: texts(held.property("AllowedOAuthFlows")),
        scopes: texts(held.property("AllowedOAuthScopes")),
        discreet: held.text("PreventUserExistenceErrors") == "ENABLED",
        lasting: lasting.into_iter().collect(),
    }
}
