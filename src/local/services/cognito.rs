//! Cognito's user pools, their clients and their domains. Their users are in `users/`.

use super::holdings::{Held, Holdings, Progress, Shape, as_is};
use super::pages::Paging;
use super::{Request, asked, unknown};
use crate::local::core::Core;
use crate::local::refusal::Refusal;
use crate::local::{ids, life};
use serde_json::{Value, json};

const POOLS: &str = "AWS::Cognito::UserPool";
const CLIENTS: &str = "AWS::Cognito::UserPoolClient";
const DOMAINS: &str = "AWS::Cognito::UserPoolDomain";

/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html>
const POOL: Shape = Shape {
    kind: POOLS,
    naming: as_is,
    properties: &[
        "UserPoolName",
        "Policies",
        "DeletionProtection",
        "LambdaConfig",
        "AutoVerifiedAttributes",
        "AliasAttributes",
        "UsernameAttributes",
        "SmsVerificationMessage",
        "EmailVerificationMessage",
        "EmailVerificationSubject",
        "VerificationMessageTemplate",
        "SmsAuthenticationMessage",
        "UserAttributeUpdateSettings",
        "MfaConfiguration",
        "DeviceConfiguration",
        "EmailConfiguration",
        "SmsConfiguration",
        "UserPoolTags",
        "AdminCreateUserConfig",
        "UserPoolAddOns",
        "UsernameConfiguration",
        "AccountRecoverySetting",
        "UserPoolTier",
        "KeyConfiguration",
        "IssuerConfiguration",
    ],
    renamed: &[("UserPoolName", "Name")],
};

/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolClientType.html>
const CLIENT: Shape = Shape {
    kind: CLIENTS,
    naming: as_is,
    properties: &[
        "UserPoolId",
        "ClientName",
        "RefreshTokenValidity",
        "AccessTokenValidity",
        "IdTokenValidity",
        "TokenValidityUnits",
        "ReadAttributes",
        "WriteAttributes",
        "ExplicitAuthFlows",
        "SupportedIdentityProviders",
        "CallbackURLs",
        "LogoutURLs",
        "DefaultRedirectURI",
        "AllowedOAuthFlows",
        "AllowedOAuthScopes",
        "AllowedOAuthFlowsUserPoolClient",
        "AnalyticsConfiguration",
        "PreventUserExistenceErrors",
        "EnableTokenRevocation",
        "EnablePropagateAdditionalUserContextData",
        "AuthSessionValidity",
        "RefreshTokenRotation",
    ],
    renamed: &[],
};

/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_DomainDescriptionType.html>
const DOMAIN: Shape = Shape {
    kind: DOMAINS,
    naming: as_is,
    properties: &[
        "UserPoolId",
        "Domain",
        "CustomDomainConfig",
        "ManagedLoginVersion",
        "Routing",
    ],
    renamed: &[],
};

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Result<Value, Refusal> {
    let asked = asked(request)?;
    let state = core.store.state();
    let holdings = Holdings::new(core, &state);
    match request.target {
        "DescribeUserPool" => {
            let held = pool_of(&holdings, &asked)?;
            Ok(json!({ "UserPool": pool(&holdings, held) }))
        }
        "ListUserPools" => {
            let all = holdings.all(POOLS).into_iter().map(summary).collect();
            list("UserPools", &asked, all)
        }
        "DescribeUserPoolClient" => {
            let pool = pool_of(&holdings, &asked)?;
            let id = asked["ClientId"].as_str().unwrap_or_default();
            let mut clients = clients_of(&holdings, pool);
            let held = clients.find(|held| held.id() == id).ok_or_else(|| {
                let message = format!("User pool client {id} does not exist.");
                Refusal::new(400, "ResourceNotFoundException", message)
            })?;
            Ok(json!({ "UserPoolClient": client(&holdings, held) }))
        }
        "ListUserPoolClients" => {
            let pool = pool_of(&holdings, &asked)?;
            let all = clients_of(&holdings, pool).map(|held| {
                json!({ "ClientId": held.id(), "UserPoolId": pool.id(),
                        "ClientName": name(held, "ClientName") })
            });
            list("UserPoolClients", &asked, all.collect())
        }
        "DescribeUserPoolDomain" => {
            let domain = asked["Domain"].as_str().unwrap_or_default();
            let held = holdings.find(DOMAINS, domain);
            let told = held.map_or_else(|| json!({}), |held| self::domain(&holdings, held));
            Ok(json!({ "DomainDescription": told }))
        }
        other => Err(unknown(other)),
    }
}

fn list(name: &'static str, asked: &Value, all: Vec<Value>) -> Result<Value, Refusal> {
    let paging = Paging {
        list: name,
        next: "NextToken",
        usual: 60,
        most: 60,
    };
    let (token, limit) = (asked["NextToken"].as_str(), asked["MaxResults"].as_u64());
    paging.page(&all, token, limit).ok_or_else(|| {
        let message = "Invalid pagination token";
        Refusal::new(400, "InvalidParameterException", message)
    })
}

fn pool_of<'a>(holdings: &Holdings<'a>, asked: &Value) -> Result<Held<'a>, Refusal> {
    let id = asked["UserPoolId"].as_str().unwrap_or_default();
    holdings.find(POOLS, id).ok_or_else(|| {
        let message = format!("User pool {id} does not exist.");
        Refusal::new(400, "ResourceNotFoundException", message)
    })
}

fn clients_of<'a>(
    holdings: &Holdings<'a>,
    pool: Held<'a>,
) -> impl Iterator<Item = Held<'a>> + use<'a> {
    let all = holdings.all(CLIENTS).into_iter();
    all.filter(move |held| held.text("UserPoolId") == pool.id())
}

/// The given name, or the one that CloudFormation makes up.
fn name(held: Held<'_>, property: &str) -> String {
    match held.text(property) {
        "" => {
            let piece = &ids::stable(held.id())[..12];
            format!("{}-{piece}", held.resource.logical_id)
        }
        given => given.to_owned(),
    }
}

fn dates(held: Held<'_>) -> (f64, f64) {
    (ids::seconds(held.created()), ids::seconds(held.modified()))
}

fn summary(held: Held<'_>) -> Value {
    let (created, modified) = dates(held);
    let triggers = held.property("LambdaConfig");
    json!({
        "Id": held.id(),
        "Name": name(held, "UserPoolName"),
        "LambdaConfig": if triggers.is_null() { json!({}) } else { triggers.clone() },
        "CreationDate": created,
        "LastModifiedDate": modified,
    })
}

fn pool(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let (created, modified) = dates(held);
    let domains = holdings.all(DOMAINS).into_iter();
    let domains = domains.filter(|domain| domain.text("UserPoolId") == held.id());
    let (custom, own): (Vec<_>, Vec<_>) =
        domains.partition(|domain| domain.property("CustomDomainConfig").is_object());
    let first = |all: &[Held<'_>]| all.first().map(|domain| domain.id().to_owned());
    let tags = held.property("UserPoolTags").as_object().is_some();
    POOL.with(
        &json!({
            "Policies": { "PasswordPolicy": {
                "MinimumLength": 8, "RequireUppercase": true, "RequireLowercase": true,
                "RequireNumbers": true, "RequireSymbols": true, "TemporaryPasswordValidityDays": 7,
            } },
            "DeletionProtection": "INACTIVE",
            "LambdaConfig": {},
            "MfaConfiguration": "OFF",
            "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" },
            "VerificationMessageTemplate": { "DefaultEmailOption": "CONFIRM_WITH_CODE" },
            "AdminCreateUserConfig": {
                "AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7,
            },
            "UserPoolTier": "ESSENTIALS",
        }),
        held.resource.actual(),
        &json!({
            "Id": held.id(),
            "Arn": holdings.attribute(held, "Arn"),
            "Name": name(held, "UserPoolName"),
            "SchemaAttributes": attributes(held),
            "UserPoolTags": (!tags).then(|| json!(held.tags())),
            "Domain": first(&own),
            "CustomDomain": first(&custom),
            "CreationDate": created,
            "LastModifiedDate": modified,
            "EstimatedNumberOfUsers": 0,
        }),
    )
}

/// The attributes that every pool has as the pool asks for them, and those of its own.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html>
fn attributes(held: Held<'_>) -> Vec<Value> {
    let shaped = Shape {
        kind: POOLS,
        naming: as_is,
        properties: &["Schema"],
        renamed: &[],
    };
    let given = shaped.of(held.resource.actual()).remove("Schema");
    let given = given.and_then(|schema| schema.as_array().cloned());
    let mut given = given.unwrap_or_default();
    let mut all = Vec::new();
    for name in life::STANDARD_ATTRIBUTES {
        let asked = given.iter().position(|one| one["Name"] == *name);
        let asked = asked.map(|at| given.remove(at));
        all.push(with_bounds(standard(name), asked));
    }
    for own in given {
        let prefix = if own["DeveloperOnlyAttribute"] == true {
            "dev:custom"
        } else {
            "custom"
        };
        let name = own["Name"].as_str().unwrap_or_default();
        let usual = json!({
            "Name": format!("{prefix}:{}", name.trim_start_matches("custom:")),
            "AttributeDataType": "String",
            "DeveloperOnlyAttribute": false,
            "Mutable": true,
            "Required": false,
        });
        let mut own = own.clone();
        if let Some(fields) = own.as_object_mut() {
            fields.remove("Name");
        }
        all.push(with_bounds(usual, Some(own)));
    }
    all
}

fn standard(name: &str) -> Value {
    let is_subject = name == "sub";
    let kind = match name {
        "email_verified" | "phone_number_verified" => "Boolean",
        "updated_at" => "Number",
        _ => "String",
    };
    let lengths = match name {
        "birthdate" => ("10", "10"),
        "sub" => ("1", "2048"),
        _ => ("0", "2048"),
    };
    let mut told = json!({
        "Name": name,
        "AttributeDataType": kind,
        "DeveloperOnlyAttribute": false,
        "Mutable": !is_subject,
        "Required": is_subject,
    });
    match kind {
        "String" => {
            told["StringAttributeConstraints"] =
                json!({ "MinLength": lengths.0, "MaxLength": lengths.1 });
        }
        "Number" => told["NumberAttributeConstraints"] = json!({ "MinValue": "0" }),
        _ => {}
    }
    told
}

/// What a pool asks of an attribute, over what it is otherwise.
fn with_bounds(mut usual: Value, asked: Option<Value>) -> Value {
    let asked = asked.as_ref().and_then(Value::as_object);
    for (name, value) in asked.into_iter().flatten() {
        usual[name.as_str()] = value.clone();
    }
    usual
}

fn client(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let (created, modified) = dates(held);
    let secret = held.property("GenerateSecret");
    let has_secret = *secret == true || *secret == "true";
    CLIENT.with(
        &json!({
            "RefreshTokenValidity": 30,
            "ExplicitAuthFlows":
                ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
            "AllowedOAuthFlowsUserPoolClient": false,
            "EnableTokenRevocation": true,
            "EnablePropagateAdditionalUserContextData": false,
            "AuthSessionValidity": 3,
        }),
        held.resource.actual(),
        &json!({
            "ClientId": held.id(),
            "ClientName": name(held, "ClientName"),
            "ClientSecret": has_secret.then(|| holdings.attribute(held, "ClientSecret")),
            "CreationDate": created,
            "LastModifiedDate": modified,
        }),
    )
}

fn domain(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let status = match held.progress() {
        Progress::Making => "CREATING",
        Progress::Changing => "UPDATING",
        Progress::Removing => "DELETING",
        Progress::Settled => "ACTIVE",
    };
    DOMAIN.with(
        &json!({ "ManagedLoginVersion": 1 }),
        held.resource.actual(),
        &json!({
            "AWSAccountId": holdings.place.account,
            "CloudFrontDistribution": holdings.attribute(held, "CloudFrontDistribution"),
            "Status": status,
            "Version": held.created().get(..10).unwrap_or_default().replace('-', ""),
        }),
    )
}
