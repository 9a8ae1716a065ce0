//! AWS WAF.

use super::words::{No, no};
use super::{Call, Held, number};
use crate::local::model::State;
use serde_json::Value;

/// Capacity units that a web ACL or a rule group may use.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/limits.html>
const MOST: u64 = 5000;

/// Capacity units of AWS's own rule groups.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html>
const GROUPS: &[(&str, u64)] = &[
    ("AWSManagedRulesACFPRuleSet", 50),
    ("AWSManagedRulesATPRuleSet", 50),
    ("AWSManagedRulesAdminProtectionRuleSet", 100),
    ("AWSManagedRulesAmazonIpReputationList", 25),
    ("AWSManagedRulesAnonymousIpList", 50),
    ("AWSManagedRulesAntiDDoSRuleSet", 50),
    ("AWSManagedRulesBotControlRuleSet", 50),
    ("AWSManagedRulesCommonRuleSet", 700),
    ("AWSManagedRulesKnownBadInputsRuleSet", 200),
    ("AWSManagedRulesLinuxRuleSet", 200),
    ("AWSManagedRulesPHPRuleSet", 100),
    ("AWSManagedRulesSQLiRuleSet", 200),
    ("AWSManagedRulesUnixRuleSet", 100),
    ("AWSManagedRulesWindowsRuleSet", 200),
    ("AWSManagedRulesWordPressRuleSet", 100),
];

/// Capacity units of statements that look at nothing else.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html>
const STATEMENTS: &[(&str, u64)] = &[
    ("AsnMatchStatement", 1),
    ("GeoMatchStatement", 1),
    ("IPSetReferenceStatement", 1),
    ("LabelMatchStatement", 1),
    ("RegexMatchStatement", 3),
    ("RegexPatternSetReferenceStatement", 25),
    ("SizeConstraintStatement", 1),
    ("SqliMatchStatement", 20),
    ("XssMatchStatement", 40),
];

pub(super) const LIMIT: &str =
    "AWS WAF couldn’t perform the operation because you exceeded your resource limit.";
const GONE: &str = "AWS WAF couldn’t perform the operation because your resource doesn’t exist.";
const IN_USE: &str = "AWS WAF couldn’t perform the operation because your resource is being used by \
                      another resource or it’s associated with another resource.";

/// Rules that need more capacity than there is, or than the rule group says.
pub(super) fn capacity(call: &Call<'_>) -> Option<No> {
    let rules = call.properties()["Rules"].as_array()?;
    let needed = needed(rules, call.world.state);
    let declared = number(call.properties(), "Capacity");
    let small = declared.is_some_and(|declared| (needed as f64) > declared);
    (needed > MOST || small).then(|| no("Wafv2", LIMIT).with(400, "ServiceLimitExceeded"))
}

/// The capacity units that rules need: the least that they may cost.
pub fn needed(rules: &[Value], state: &State) -> u64 {
    let each = rules.iter().map(|rule| units(&rule["Statement"], state));
    each.sum()
}

/// The least that a statement costs; what is not known costs nothing.
fn units(statement: &Value, state: &State) -> u64 {
    let Some(fields) = statement.as_object() else {
        return 0;
    };
    fields
        .iter()
        .map(|(name, inner)| unit(name, inner, state))
        .sum()
}

fn unit(name: &str, inner: &Value, state: &State) -> u64 {
    let nested = inner["Statements"].as_array().into_iter().flatten();
    match name {
        "AndStatement" | "OrStatement" => nested.map(|one| units(one, state)).sum(),
        "NotStatement" => units(&inner["Statement"], state),
        "RateBasedStatement" => 2 + units(&inner["ScopeDownStatement"], state),
        "ManagedRuleGroupStatement" => {
            let own = inner["VendorName"] == "AWS";
            let row = GROUPS
                .iter()
                .find(|(group, _)| own && inner["Name"] == *group);
            row.map_or(0, |(_, units)| *units) + units(&inner["ScopeDownStatement"], state)
        }
        "RuleGroupReferenceStatement" => {
            // The service's own name for it, and CloudFormation's.
            let arn = inner["ARN"].as_str().or_else(|| inner["Arn"].as_str());
            group(arn.unwrap_or_default(), state)
        }
        "ByteMatchStatement" => match inner["PositionalConstraint"].as_str() {
            Some("CONTAINS" | "CONTAINS_WORD") => 10 + transformed(inner),
            _ => 2 + transformed(inner),
        },
        _ => {
            let row = STATEMENTS.iter().find(|(statement, _)| *statement == name);
            row.map_or(0, |(_, units)| units + transformed(inner))
        }
    }
}

/// Each transformation of what is looked at costs 10.
fn transformed(inner: &Value) -> u64 {
    let all = inner["TextTransformations"]
        .as_array()
        .into_iter()
        .flatten();
    all.filter(|one| one["Type"] != "NONE").count() as u64 * 10
}

/// What a rule group of the account says that it costs.
fn group(arn: &str, state: &State) -> u64 {
    let mut groups = state
        .existing()
        .filter(|(_, resource)| resource.kind == "AWS::WAFv2::RuleGroup");
    let found = groups.find(|(_, resource)| is_id_of(&resource.physical_id, arn));
    let declared = found.and_then(|(_, resource)| number(resource.actual(), "Capacity"));
    declared.map_or(0, |declared| declared.max(0.0) as u64)
}

/// Whether the ARN, which ends in `name/id`, is the one of a resource with the id `name|id|scope`.
fn is_named(held: &Held<'_>, arn: &str) -> bool {
    is_id_of(&held.resource.physical_id, arn)
}

fn is_id_of(physical_id: &str, arn: &str) -> bool {
    let mut parts = physical_id.split('|');
    match (parts.next(), parts.next()) {
        (Some(name), Some(id)) => arn.ends_with(&format!("/{name}/{id}")),
        _ => false,
    }
}

/// An association with a stage, or of a web ACL, that is not there.
/// <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>
pub(super) fn association(call: &Call<'_>) -> Option<No> {
    let acl = call.text("WebACLArn");
    let mut acls = call.others("AWS::WAFv2::WebACL");
    let place = call.world.place;
    let own = format!(":wafv2:{}:{}:", place.region, place.account);
    if acl.contains(&own) && !acls.any(|held| is_named(&held, acl)) {
        return Some(no("Wafv2", GONE).with(400, "NotFound"));
    }
    let (_, path) = call.text("ResourceArn").split_once("::/restapis/")?;
    let (api, stage) = path.split_once("/stages/")?;
    let mut stages = call.others("AWS::ApiGateway::Stage");
    let is_there =
        stages.any(|held| held.text("RestApiId") == api && held.text("StageName") == stage);
    (!is_there).then(|| no("Wafv2", GONE).with(400, "NotFound"))
}

/// A web ACL that guards something that is not of the stack.
/// <https://docs.aws.amazon.com/waf/latest/APIReference/API_DeleteWebACL.html>
pub(super) fn associated(call: &Call<'_>) -> Option<No> {
    let own = Held {
        stack: Some(call.stack),
        resource: call.wanted,
    };
    let mut all = call.others("AWS::WAFv2::WebACLAssociation");
    all.find(|held| is_named(&own, held.text("WebACLArn")))?;
    Some(no("Wafv2", IN_USE))
}
