//! Cognito: whether pools, clients and domains are there, and let in whom they should.

use super::Context;
use super::asked::Asked;
use super::comparison::{Comparison, listed};
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::error::Result;
use crate::settings::command;
use crate::template::scalar_text;
use aws_sdk_cognitoidentityprovider::types::{
    DomainDescriptionType, UserPoolClientType, UserPoolType,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let found = tokio::join!(pools(context), clients(context), domains(context));
    let (pools, clients, domains) = found;
    [pools, clients, domains].concat()
}

async fn pools(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::Cognito::UserPool");
    let mut reads = JoinSet::new();
    for one in asked.clone() {
        let client = context.cloud.cognito();
        let id = one.id.clone();
        reads.spawn(async move {
            let answer = client.describe_user_pool().user_pool_id(&id).send().await;
            let answer = answer.map_err(|error| refusal("DescribeUserPool", error));
            (id, answer.map(|answer| answer.user_pool))
        });
    }
    let live: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let pairs = asked.filter_map(|one| Some((one, live.get(&one.id)?)));
    pairs
        .flat_map(|(one, live)| pool(context, one, live))
        .collect()
}

fn pool(context: &Context<'_>, one: &Asked, live: &Result<Option<UserPoolType>>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "user pool", one);
    let live = match live {
        Ok(Some(live)) => live,
        Ok(None) => return comparison.gone(),
        Err(error) => return comparison.unread(error),
    };
    let protection = live.deletion_protection().map(|one| one.as_str());
    let protection = json!(protection.unwrap_or("INACTIVE"));
    comparison.same_or("DeletionProtection", json!("INACTIVE"), &protection);
    comparison.same("Policies.PasswordPolicy", &password(live));
    let factor = live.mfa_configuration().map(|one| one.as_str());
    comparison.same("MfaConfiguration", &json!(factor.unwrap_or("OFF")));
    let by_hand = live.admin_create_user_config();
    let by_hand = by_hand.map(|own| own.allow_admin_create_user_only());
    comparison.same(
        "AdminCreateUserConfig.AllowAdminCreateUserOnly",
        &json!(by_hand.unwrap_or_default()),
    );
    let verified = live.auto_verified_attributes().iter();
    let verified: Vec<&str> = verified.map(|one| one.as_str()).collect();
    comparison.same("AutoVerifiedAttributes", &listed(&verified));
    let names = live.username_attributes().iter();
    let names: Vec<&str> = names.map(|one| one.as_str()).collect();
    comparison.same("UsernameAttributes", &listed(&names));
    recovery(&mut comparison, one, live);
    comparison.end(format!("{} is as asked", one.id))
}

fn password(live: &UserPoolType) -> Value {
    let policy = live.policies().and_then(|own| own.password_policy());
    policy.map_or(Value::Null, |policy| {
        json!({
            "MinimumLength": policy.minimum_length(),
            "PasswordHistorySize": policy.password_history_size(),
            "RequireLowercase": policy.require_lowercase(),
            "RequireNumbers": policy.require_numbers(),
            "RequireSymbols": policy.require_symbols(),
            "RequireUppercase": policy.require_uppercase(),
            "TemporaryPasswordValidityDays": policy.temporary_password_validity_days(),
        })
    })
}

/// By what a user who forgot the password is let in again, in any order.
fn recovery(comparison: &mut Comparison<'_>, one: &Asked, live: &UserPoolType) {
    const PROPERTY: &str = "AccountRecoverySetting.RecoveryMechanisms";
    let Some(asked) = one.at(PROPERTY).and_then(Value::as_array) else {
        return;
    };
    let asked = asked.iter().map(|way| {
        let text = |name: &str| scalar_text(&way[name]).unwrap_or_default();
        json!(format!("{} {}", text("Priority"), text("Name")))
    });
    let ways = live.account_recovery_setting();
    let ways = ways.map(|own| own.recovery_mechanisms());
    let ways = ways.unwrap_or_default().iter();
    let ways = ways.map(|way| json!(format!("{} {}", way.priority(), way.name().as_str())));
    let (asked, live) = (asked.collect(), ways.collect());
    comparison.same_named(PROPERTY, PROPERTY, &asked, &live);
}

async fn clients(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::Cognito::UserPoolClient");
    let mut reads = JoinSet::new();
    for one in asked.clone() {
        let Some(pool) = one.text("UserPoolId") else {
            continue;
        };
        let client = context.cloud.cognito();
        let id = one.id.clone();
        reads.spawn(async move {
            let request = client.describe_user_pool_client().user_pool_id(pool);
            let answer = request.client_id(&id).send().await;
            let answer = answer.map_err(|error| refusal("DescribeUserPoolClient", error));
            (id, answer.map(|answer| answer.user_pool_client))
        });
    }
    let live: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let pairs = asked.filter_map(|one| Some((one, live.get(&one.id)?)));
    pairs
        .flat_map(|(one, live)| client(context, one, live))
        .collect()
}

fn client(
    context: &Context<'_>,
    one: &Asked,
    live: &Result<Option<UserPoolClientType>>,
) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "app client", one);
    let live = match live {
        Ok(Some(live)) => live,
        Ok(None) => return comparison.gone(),
        Err(error) => return comparison.unread(error),
    };
    let has_secret = live
        .client_secret()
        .is_some_and(|secret| !secret.is_empty());
    let wants = one
        .text("GenerateSecret")
        .is_some_and(|text| text == "true");
    if has_secret && !wants {
        let says = "it has a secret, its stack asks for none";
        comparison.wrong("GenerateSecret", says);
    } else if wants && !has_secret {
        comparison.wrong("GenerateSecret", "it has no secret, its stack asks for one");
    }
    let flows: Vec<&str> = live
        .allowed_o_auth_flows()
        .iter()
        .map(|one| one.as_str())
        .collect();
    comparison.same("AllowedOAuthFlows", &listed(&flows));
    comparison.same("AllowedOAuthScopes", &listed(live.allowed_o_auth_scopes()));
    comparison.same(
        "AllowedOAuthFlowsUserPoolClient",
        &json!(
            live.allowed_o_auth_flows_user_pool_client()
                .unwrap_or_default()
        ),
    );
    comparison.same("CallbackURLs", &listed(live.callback_urls()));
    comparison.same("LogoutURLs", &listed(live.logout_urls()));
    let explicit: Vec<&str> = live
        .explicit_auth_flows()
        .iter()
        .map(|one| one.as_str())
        .collect();
    comparison.same("ExplicitAuthFlows", &listed(&explicit));
    let providers = listed(live.supported_identity_providers());
    comparison.same("SupportedIdentityProviders", &providers);
    let hides = live.prevent_user_existence_errors().map(|one| one.as_str());
    comparison.same("PreventUserExistenceErrors", &json!(hides));
    comparison.same(
        "EnableTokenRevocation",
        &json!(live.enable_token_revocation()),
    );
    comparison.same("IdTokenValidity", &json!(live.id_token_validity()));
    comparison.same("AccessTokenValidity", &json!(live.access_token_validity()));
    comparison.same(
        "RefreshTokenValidity",
        &json!(live.refresh_token_validity()),
    );
    comparison.end(format!("{} is as asked", one.id))
}

async fn domains(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::Cognito::UserPoolDomain");
    // A prefix is told by the template; where it cannot be, the physical id is one.
    let named = asked.map(|one| (one, one.text("Domain").unwrap_or_else(|| one.id.clone())));
    let mut reads = JoinSet::new();
    for (_, domain) in named.clone() {
        let client = context.cloud.cognito();
        reads.spawn(async move {
            let answer = client.describe_user_pool_domain().domain(&domain).send();
            let answer = answer.await;
            let answer = answer.map_err(|error| refusal("DescribeUserPoolDomain", error));
            (domain, answer.map(|answer| answer.domain_description))
        });
    }
    let live: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let each = named.filter_map(|(one, name)| Some((one, live.get(&name)?, name)));
    each.flat_map(|(one, live, name)| domain(context, one, &name, live))
        .collect()
}

/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_DomainDescriptionType.html>
fn domain(
    context: &Context<'_>,
    one: &Asked,
    name: &str,
    live: &Result<Option<DomainDescriptionType>>,
) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "sign-in domain", one);
    let live = match live {
        // One that is not there is described by nothing.
        Ok(Some(live)) if live.user_pool_id().is_some() => live,
        Ok(_) => {
            let says = format!("{name} is gone: nobody can sign in there");
            comparison.wrong("", says);
            return comparison.end("");
        }
        Err(error) => return comparison.unread(error),
    };
    comparison.same("UserPoolId", &json!(live.user_pool_id()));
    let status = live.status().map(|status| status.as_str());
    if status != Some("ACTIVE") {
        comparison.wrong_but(
            "",
            format!("{name} is {}, not ACTIVE", status.unwrap_or("nothing")),
            format!(
                "if it is still changing, wait: {}",
                command("verify --watch")
            ),
        );
    }
    comparison.end(format!("{name} is active"))
}
