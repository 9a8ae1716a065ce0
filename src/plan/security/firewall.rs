//! The firewall: what a web ACL or a rule group stops no longer.

use super::super::diff;
use super::{Add, Kind, each, properties, text};
use crate::template::scalar_text;
use serde_json::{Value, json};

/// How much an action of a rule stops: it blocks, asks, only counts, or lets through at once.
fn strength(action: &Value) -> Option<u8> {
    const ACTIONS: [(&str, u8); 6] = [
        ("Block", 3),
        ("None", 3),
        ("Captcha", 2),
        ("Challenge", 2),
        ("Count", 1),
        ("Allow", 0),
    ];
    let found = ACTIONS.iter().find(|(name, _)| action.get(name).is_some());
    found.map(|(_, strength)| *strength)
}

fn of_rule(rule: &Value) -> u8 {
    let own = strength(&rule["Action"]).or(strength(&rule["OverrideAction"]));
    own.unwrap_or(3)
}

/// What a web ACL or a rule group lets through that it did not.
pub(super) fn compare(was: &Value, now: &Value, add: Add<'_>) {
    let kind = now["Type"].as_str().unwrap_or_default();
    if was.is_null() {
        return;
    }
    let (old, new) = (properties(was), properties(now));
    if kind == "AWS::WAFv2::IPSet" && !diff::equal(&old["Addresses"], &new["Addresses"]) {
        let what = "holds other addresses; see which rules read it";
        add(Kind::Guard, what.to_owned());
    }
    if !matches!(kind, "AWS::WAFv2::WebACL" | "AWS::WAFv2::RuleGroup") {
        return;
    }
    if strength(&new["DefaultAction"]) < strength(&old["DefaultAction"]) {
        add(
            Kind::Guard,
            "lets through what no rule is for (DefaultAction)".to_owned(),
        );
    }
    let named = |side: &Value, name: &str| {
        let mut rules = each(&side["Rules"]).into_iter();
        rules.find(|rule| text(&rule["Name"]) == name).cloned()
    };
    for rule in each(&old["Rules"]) {
        let name = text(&rule["Name"]);
        let what = match named(new, &name) {
            None if of_rule(rule) > 0 => Some(format!("the rule {name} goes")),
            None => None,
            Some(after) => weaker(rule, &after).map(|how| format!("the rule {name} {how}")),
        };
        if let Some(what) = what {
            add(Kind::Guard, what);
        }
    }
    for rule in each(&new["Rules"]) {
        let name = text(&rule["Name"]);
        if of_rule(rule) == 0 && named(old, &name).is_none() {
            add(Kind::Guard, format!("the rule {name} lets through at once"));
        }
    }
}

/// How a rule stops less than it did.
fn weaker(before: &Value, after: &Value) -> Option<String> {
    let (was, is) = (of_rule(before), of_rule(after));
    let number = |value: &Value| scalar_text(value).and_then(|text| text.parse::<f64>().ok());
    let limit = |rule: &Value| number(&rule["Statement"]["RateBasedStatement"]["Limit"]);
    // The statement without the limit, which is compared as a number.
    let rest = |rule: &Value| {
        let mut rest = rule["Statement"].clone();
        if let Some(rate) = rest.get_mut("RateBasedStatement") {
            rate["Limit"] = json!(null);
        }
        rest
    };
    match (limit(before), limit(after)) {
        _ if is < was => Some(
            match is {
                0 => "lets through at once",
                1 => "only counts",
                _ => "only asks",
            }
            .to_owned(),
        ),
        _ if is == 1 => None,
        (Some(before), Some(after)) if after > before => {
            Some(format!("stops at {after} requests, not at {before}"))
        }
        _ if !diff::equal(&rest(before), &rest(after)) => {
            Some("is for something else; see its Statement".to_owned())
        }
        _ if is == 0 && number(&after["Priority"]) < number(&before["Priority"]) => {
            Some("lets through before others are asked (Priority)".to_owned())
        }
        _ => None,
    }
}
