//! The Rules section: assertions over parameters, before anything is done.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html>

use super::evaluate::{Exports, Place, Scope, same, section};
use crate::local::refusal::Refusal;
use crate::template::scalar_text;
use serde_json::Value;
use std::collections::BTreeMap;

/// Refuses parameter values that break a rule.
///
/// # Errors
/// The broken assertions' descriptions, in the service's words.
pub fn check(
    template: &Value,
    place: &Place,
    parameters: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let scope = Scope {
        template,
        place,
        parameters,
        conditions: &BTreeMap::new(),
        resources: &BTreeMap::new(),
        exports: &Exports::default(),
        later: None,
    };
    let mut broken = Vec::new();
    for (name, rule) in section(template, "Rules") {
        let wrong =
            |text: String| Refusal::validation(format!("Template error: rule {name}: {text}"));
        let condition = rule.get("RuleCondition");
        let applies = condition.map_or(Ok(true), |condition| holds(&scope, condition));
        if !applies.map_err(wrong)? {
            continue;
        }
        for assertion in rule["Assertions"].as_array().into_iter().flatten() {
            if !holds(&scope, &assertion["Assert"]).map_err(wrong)? {
                let words = assertion["AssertDescription"].as_str();
                broken.push(words.unwrap_or("An assertion failed").to_owned());
            }
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "Template validation error: Template error: {}",
        broken.join("; ")
    )))
}

fn holds(scope: &Scope<'_>, value: &Value) -> Result<bool, String> {
    let Some((name, argument)) = value
        .as_object()
        .filter(|fields| fields.len() == 1)
        .and_then(|fields| fields.iter().next())
    else {
        return scalar_text(value)
            .map(|text| text == "true")
            .ok_or_else(|| "a rule must be true or false".to_owned());
    };
    let parts = || argument.as_array().map(Vec::as_slice).unwrap_or_default();
    let pair = || match parts() {
        [left, right] => Ok((resolved(scope, left)?, resolved(scope, right)?)),
        _ => Err(format!("{name} requires a list of 2 arguments")),
    };
    let each =
        || -> Result<Vec<bool>, String> { parts().iter().map(|part| holds(scope, part)).collect() };
    // What a parameter's value is in the account (a VPC of a subnet, its tags) is not known here.
    if mentions_account(argument) {
        return Ok(true);
    }
    match name.as_str() {
        "Fn::And" => Ok(each()?.into_iter().all(|truth| truth)),
        "Fn::Or" => Ok(each()?.into_iter().any(|truth| truth)),
        "Fn::Not" => Ok(!each()?.first().copied().unwrap_or_default()),
        "Fn::Equals" => pair().map(|(left, right)| same(&left, &right)),
        "Fn::Contains" => {
            pair().map(|(list, item)| items(&list).iter().any(|one| same(one, &item)))
        }
        "Fn::EachMemberEquals" => {
            pair().map(|(list, value)| items(&list).iter().all(|one| same(one, &value)))
        }
        "Fn::EachMemberIn" => pair().map(|(list, within)| {
            let within = items(&within);
            items(&list)
                .iter()
                .all(|one| within.iter().any(|allowed| same(allowed, one)))
        }),
        other => Err(format!("{other} cannot stand in a rule")),
    }
}

fn mentions_account(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(mentions_account),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, field)| name.starts_with("Fn::ValueOf") || mentions_account(field)),
        _ => false,
    }
}

fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.clone(),
        Value::Null => vec![],
        one => vec![one.clone()],
    }
}

/// A value, or all values of the parameters of a type (`Fn::RefAll`).
fn resolved(scope: &Scope<'_>, value: &Value) -> Result<Value, String> {
    if let Some(kind) = value.get("Fn::RefAll").and_then(Value::as_str) {
        let of = section(scope.template, "Parameters").filter(|(_, rule)| {
            rule["Type"]
                .as_str()
                .is_some_and(|have| have == kind || have == format!("List<{kind}>"))
        });
        let values: Vec<Value> = of
            .filter_map(|(name, _)| scope.parameters.get(name))
            .flat_map(|text| {
                text.split(',')
                    .map(|item| Value::String(item.trim().to_owned()))
            })
            .collect();
        return Ok(Value::Array(values));
    }
    Ok(scope.resolve(value)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_broken_assertion_is_told_by_its_description() {
        let template = json!({
            "Parameters": {"Stage": {"Type": "String"}, "Size": {"Type": "String"}},
            "Rules": {"Big": {
                "RuleCondition": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
                "Assertions": [{
                    "Assert": {"Fn::Contains": [["l", "xl"], {"Ref": "Size"}]},
                    "AssertDescription": "production is big",
                }],
            }},
        });
        let with = |stage: &str, size: &str| {
            let values = [("Stage", stage), ("Size", size)];
            let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
            check(&template, &Place::default(), &BTreeMap::from(values))
        };
        assert_eq!(with("test", "s"), Ok(()));
        assert_eq!(with("prod", "xl"), Ok(()));
        assert_eq!(
            with("prod", "s").unwrap_err().message,
            "Template validation error: Template error: production is big"
        );
    }
}
