//! The rules of web ACLs, as a template has them and as the service tells them, in one shape. What a
//! statement matches on is told as far as it decides what is let through.
//!
//! <https://docs.aws.amazon.com/waf/latest/APIReference/API_Rule.html>

use aws_sdk_wafv2::types::{
    DefaultAction, FieldToMatch, OverrideAction, Rule, RuleAction, RuleActionOverride, Statement,
};
use serde_json::{Value, json};

/// The one word of an action: Allow, Block, Count and so on.
pub(super) fn action(value: &Value) -> Value {
    let fields = value.as_object().and_then(|fields| fields.keys().next());
    fields.map_or(Value::Null, |name| json!(name))
}

/// A rule as a template has it.
pub(super) fn asked(rule: &Value) -> Value {
    json!({
        "Priority": rule["Priority"],
        "Action": action(&rule["Action"]),
        "OverrideAction": action(&rule["OverrideAction"]),
        "Statement": statement(&rule["Statement"]),
    })
}

fn statement(value: &Value) -> Value {
    let Some((kind, own)) = value.as_object().and_then(|fields| fields.iter().next()) else {
        return Value::Null;
    };
    let inner = |list: &Value| -> Value {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(statement).collect()
    };
    let told = match kind.as_str() {
        "ManagedRuleGroupStatement" => json!({
            "Group": [own["VendorName"], own["Name"]],
            "Overrides": overrides(own),
            "ScopeDownStatement": statement(&own["ScopeDownStatement"]),
        }),
        "RuleGroupReferenceStatement" => json!({ "Arn": own["Arn"], "Overrides": overrides(own) }),
        "IPSetReferenceStatement" | "RegexPatternSetReferenceStatement" => {
            json!({ "Arn": own["Arn"] })
        }
        "RateBasedStatement" => json!({
            "Limit": own["Limit"],
            "AggregateKeyType": own["AggregateKeyType"],
            "ScopeDownStatement": statement(&own["ScopeDownStatement"]),
        }),
        "GeoMatchStatement" => json!({ "CountryCodes": own["CountryCodes"] }),
        "LabelMatchStatement" => json!({ "Scope": own["Scope"], "Key": own["Key"] }),
        "RegexMatchStatement" => json!({ "RegexString": own["RegexString"] }),
        "ByteMatchStatement" => json!({ "PositionalConstraint": own["PositionalConstraint"] }),
        "SizeConstraintStatement" => {
            json!({ "ComparisonOperator": own["ComparisonOperator"], "Size": own["Size"] })
        }
        "AndStatement" | "OrStatement" => json!({ "Statements": inner(&own["Statements"]) }),
        "NotStatement" => json!({ "Statement": statement(&own["Statement"]) }),
        _ => json!({ "Kind": kind }),
    };
    json!({ kind: told })
}

/// What becomes of single rules of a group: each name with its action.
fn overrides(group: &Value) -> Value {
    let list = |name: &str| group[name].as_array().cloned().unwrap_or_default();
    let actions = list("RuleActionOverrides").into_iter().map(|one| {
        let name = one["Name"].as_str().unwrap_or_default();
        let action = action(&one["ActionToUse"]);
        format!("{name}={}", action.as_str().unwrap_or_default())
    });
    let excluded = list("ExcludedRules").into_iter();
    let excluded =
        excluded.map(|one| format!("{}=Count", one["Name"].as_str().unwrap_or_default()));
    actions.chain(excluded).collect()
}

/// A rule as the service tells it.
pub(super) fn live(rule: &Rule) -> Value {
    json!({
        "Priority": rule.priority(),
        "Action": rule.action().map(live_action),
        "OverrideAction": rule.override_action().map(live_override),
        "Statement": rule.statement().map(live_statement),
    })
}

fn live_statement(own: &Statement) -> Value {
    let scoped = |inner: Option<&Statement>| inner.map(live_statement);
    if let Some(one) = own.managed_rule_group_statement() {
        let excluded = one.excluded_rules().iter();
        let excluded = excluded.map(|rule| format!("{}=Count", rule.name()));
        let overrides = live_overrides(one.rule_action_overrides()).into_iter();
        return json!({ "ManagedRuleGroupStatement": {
            "Group": [one.vendor_name(), one.name()],
            "Overrides": overrides.chain(excluded).collect::<Vec<_>>(),
            "ScopeDownStatement": scoped(one.scope_down_statement()),
        } });
    }
    if let Some(one) = own.rule_group_reference_statement() {
        let overrides = live_overrides(one.rule_action_overrides());
        let told = json!({ "Arn": one.arn(), "Overrides": overrides });
        return json!({ "RuleGroupReferenceStatement": told });
    }
    if let Some(one) = own.ip_set_reference_statement() {
        return json!({ "IPSetReferenceStatement": { "Arn": one.arn() } });
    }
    if let Some(one) = own.regex_pattern_set_reference_statement() {
        return json!({ "RegexPatternSetReferenceStatement": { "Arn": one.arn() } });
    }
    if let Some(one) = own.rate_based_statement() {
        return json!({ "RateBasedStatement": {
            "Limit": one.limit(),
            "AggregateKeyType": one.aggregate_key_type().as_str(),
            "ScopeDownStatement": scoped(one.scope_down_statement()),
        } });
    }
    live_logic(own).unwrap_or_else(|| live_match(own))
}

fn live_logic(own: &Statement) -> Option<Value> {
    let all = |list: &[Statement]| -> Value { list.iter().map(live_statement).collect() };
    if let Some(one) = own.and_statement() {
        return Some(json!({ "AndStatement": { "Statements": all(one.statements()) } }));
    }
    if let Some(one) = own.or_statement() {
        return Some(json!({ "OrStatement": { "Statements": all(one.statements()) } }));
    }
    let inner = own.not_statement()?.statement().map(live_statement);
    Some(json!({ "NotStatement": { "Statement": inner } }))
}

fn live_match(own: &Statement) -> Value {
    if let Some(one) = own.geo_match_statement() {
        let codes: Vec<&str> = one
            .country_codes()
            .iter()
            .map(|code| code.as_str())
            .collect();
        return json!({ "GeoMatchStatement": { "CountryCodes": codes } });
    }
    if let Some(one) = own.label_match_statement() {
        let told = json!({ "Scope": one.scope().as_str(), "Key": one.key() });
        return json!({ "LabelMatchStatement": told });
    }
    if let Some(one) = own.regex_match_statement() {
        return json!({ "RegexMatchStatement": { "RegexString": one.regex_string() } });
    }
    if let Some(one) = own.byte_match_statement() {
        let constraint = one.positional_constraint().as_str();
        return json!({ "ByteMatchStatement": { "PositionalConstraint": constraint } });
    }
    if let Some(one) = own.size_constraint_statement() {
        let operator = one.comparison_operator().as_str();
        let told = json!({ "ComparisonOperator": operator, "Size": one.size() });
        return json!({ "SizeConstraintStatement": told });
    }
    let others = [
        (own.sqli_match_statement().is_some(), "SqliMatchStatement"),
        (own.xss_match_statement().is_some(), "XssMatchStatement"),
        (own.asn_match_statement().is_some(), "AsnMatchStatement"),
    ];
    let known = others.into_iter().find(|(there, _)| *there);
    known.map_or(Value::Null, |(_, kind)| json!({ kind: { "Kind": kind } }))
}

fn live_overrides(list: &[RuleActionOverride]) -> Vec<String> {
    let each = list.iter().map(|one| {
        let action = one.action_to_use().map_or("", live_action);
        format!("{}={action}", one.name())
    });
    each.collect()
}

fn live_action(action: &RuleAction) -> &'static str {
    let all = [
        (action.allow().is_some(), "Allow"),
        (action.block().is_some(), "Block"),
        (action.captcha().is_some(), "Captcha"),
        (action.challenge().is_some(), "Challenge"),
        (action.count().is_some(), "Count"),
    ];
    let found = all.into_iter().find(|(there, _)| *there);
    found.map_or("nothing", |(_, word)| word)
}

fn live_override(action: &OverrideAction) -> &'static str {
    if action.count().is_some() {
        "Count"
    } else {
        "None"
    }
}

pub(super) fn live_default(action: &DefaultAction) -> &'static str {
    if action.block().is_some() {
        "Block"
    } else {
        "Allow"
    }
}

/// What a log leaves out, as a template has it.
pub(super) fn redacted(fields: &Value) -> Value {
    let list = fields.as_array().map(Vec::as_slice).unwrap_or_default();
    let each = list.iter().filter_map(|field| {
        let (kind, own) = field.as_object()?.iter().next()?;
        Some(match own["Name"].as_str() {
            Some(name) => format!("{kind} {}", name.to_lowercase()),
            None => kind.clone(),
        })
    });
    each.collect()
}

/// The same as the service tells it.
pub(super) fn live_redacted(fields: &[FieldToMatch]) -> Value {
    let each = fields.iter().map(|field| {
        if let Some(header) = field.single_header() {
            return format!("SingleHeader {}", header.name().to_lowercase());
        }
        let all = [
            (field.method().is_some(), "Method"),
            (field.query_string().is_some(), "QueryString"),
            (field.uri_path().is_some(), "UriPath"),
        ];
        let found = all.into_iter().find(|(there, _)| *there);
        found.map_or("another field", |(_, word)| word).to_owned()
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verify::comparison::differences;
    use aws_sdk_wafv2::types::{CountAction, ManagedRuleGroupStatement, NoneAction};

    #[test]
    fn a_group_that_counts_one_of_its_rules_is_not_one_that_counts_none() {
        let rule = |overrides: bool| {
            let count = RuleAction::builder().count(CountAction::builder().build());
            let one = RuleActionOverride::builder()
                .name("X")
                .action_to_use(count.build())
                .build()
                .ok();
            let group = ManagedRuleGroupStatement::builder()
                .vendor_name("AWS")
                .name("G")
                .set_rule_action_overrides(one.filter(|_| overrides).map(|one| vec![one]))
                .build();
            let statement = Statement::builder()
                .set_managed_rule_group_statement(group.ok())
                .build();
            let none = OverrideAction::builder().none(NoneAction::builder().build());
            let rule = Rule::builder().name("R").priority(1).statement(statement);
            rule.override_action(none.build())
                .build()
                .ok()
                .map(|rule| live(&rule))
        };
        let template = json!({"Name": "R", "Priority": "1", "OverrideAction": {"None": {}},
            "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "G"}}});
        let asked = asked(&template);
        let compared = |live: Option<Value>| differences("R", &asked, &live.unwrap_or_default());
        assert!(compared(rule(false)).is_empty());
        let found = compared(rule(true));
        assert_eq!(found.len(), 1);
        assert!(found[0].path.ends_with("Overrides"), "{found:?}");
    }
}
