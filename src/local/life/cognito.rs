//! Cognito's user pools.

use super::words::{No, no};
use super::{Call, flag};
use crate::local::formation::evaluate::same;
use serde_json::Value;

/// The attributes that every pool has.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html>
pub const STANDARD: &[&str] = &[
    "address",
    "birthdate",
    "email",
    "email_verified",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "phone_number_verified",
    "picture",
    "preferred_username",
    "profile",
    "sub",
    "updated_at",
    "website",
    "zoneinfo",
];

fn refuse(words: impl Into<String>) -> No {
    no("CognitoIdentityProvider", words)
}

/// A domain's prefix, and that the pool has none of its kind yet. That the prefix is free is a
/// matter of names.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html>
pub(super) fn domain(call: &Call<'_>) -> Option<No> {
    let is_custom = |properties: &Value| properties.get("CustomDomainConfig").is_some();
    let own = is_custom(call.properties());
    let (domain, pool) = (call.text("Domain"), call.text("UserPoolId"));
    let reserved = ["amazon", "aws", "cognito"];
    if let Some(word) = reserved.iter().find(|word| !own && domain.contains(**word)) {
        return Some(refuse(format!(
            "Domain cannot contain reserved word: {word}"
        )));
    }
    let mut others = call.others("AWS::Cognito::UserPoolDomain");
    others
        .find(|held| held.text("UserPoolId") == pool && is_custom(held.resource.actual()) == own)?;
    Some(refuse("User pool already has a domain configured."))
}

fn schema(properties: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let attributes = properties["Schema"].as_array().into_iter().flatten();
    attributes.filter_map(|attribute| {
        let name = attribute["Name"].as_str()?;
        Some((name.strip_prefix("custom:").unwrap_or(name), attribute))
    })
}

/// Custom attributes are never required.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html>
pub(super) fn attributes(call: &Call<'_>) -> Option<No> {
    let mut all = schema(call.properties());
    all.find(|(name, attribute)| !STANDARD.contains(name) && flag(attribute, "Required"))?;
    Some(refuse(
        "Required custom attributes are not supported currently.",
    ))
}

/// What a pool keeps for life: attributes can be added, and those only custom ones.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cognito-userpool.html>
pub(super) fn changed_attributes(call: &Call<'_>) -> Option<No> {
    let (before, after) = (&call.old?.properties, &call.wanted.properties);
    let fixed = ["AliasAttributes", "UsernameAttributes"];
    if let Some(name) = fixed
        .iter()
        .find(|name| !same(&before[**name], &after[**name]))
    {
        return Some(refuse(format!(
            "Updates are not allowed for property - {name}."
        )));
    }
    let kept = schema(before).all(|(name, attribute)| {
        schema(after).any(|(other, now)| other == name && same(attribute, now))
    });
    if !kept {
        return Some(refuse(
            "Existing schema attributes cannot be modified or deleted.",
        ));
    }
    let is_new = |name: &str| schema(before).all(|(other, _)| other != name);
    if schema(after).any(|(name, _)| STANDARD.contains(&name) && is_new(name)) {
        return Some(refuse(
            "Invalid AttributeDataType input, consider using the provided AttributeDataType enum.",
        ));
    }
    attributes(call)
}

/// A pool that is protected.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-deletion-protection.html>
pub(super) fn protected(call: &Call<'_>) -> Option<No> {
    (call.text("DeletionProtection") == "ACTIVE").then(|| {
        refuse(
            "The user pool cannot be deleted because deletion protection is activated. Deletion \
             protection must be inactivated first.",
        )
    })
}
