//! Parameter values: what is given, what is kept, what is the default, and the rules they obey.

use super::evaluate::section;
use super::refusal::Refusal;
use crate::template::scalar_text as text;
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a request gives for a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A value.
    Value(String),
    /// The value that the stack has.
    Previous,
}

/// All values of the template's parameters.
///
/// # Errors
/// The service's words for missing, surplus and unfit values.
pub fn evaluate(
    template: &Value,
    given: &BTreeMap<String, Given>,
    previous: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let surplus: Vec<&str> = given
        .keys()
        .filter(|name| template["Parameters"].get(name.as_str()).is_none())
        .map(String::as_str)
        .collect();
    if !surplus.is_empty() {
        return Err(Refusal::validation(format!(
            "Parameters: [{}] do not exist in the template",
            surplus.join(", ")
        )));
    }
    let (mut values, mut missing) = (BTreeMap::new(), Vec::new());
    for (name, rule) in section(template, "Parameters") {
        let value = match given.get(name) {
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Previous) => previous.get(name).cloned(),
            None => text(&rule["Default"]),
        };
        match value {
            Some(value) => {
                check(name, rule, &value)?;
                values.insert(name.clone(), value);
            }
            None => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() {
        return Ok(values);
    }
    Err(Refusal::validation(format!(
        "Parameters: [{}] must have values",
        missing.join(", ")
    )))
}

/// Whether a parameter's value is masked.
pub fn is_secret(template: &Value, name: &str) -> bool {
    text(&template["Parameters"][name]["NoEcho"])
        .is_some_and(|flag| flag.eq_ignore_ascii_case("true"))
}

fn check(name: &str, rule: &Value, value: &str) -> Result<(), Refusal> {
    let Some(broken) = broken(name, rule, value) else {
        return Ok(());
    };
    Err(Refusal::validation(
        match text(&rule["ConstraintDescription"]) {
            Some(words) => format!("Parameter {name} failed to satisfy constraint: {words}"),
            None => broken,
        },
    ))
}

fn broken(name: &str, rule: &Value, value: &str) -> Option<String> {
    let kind = rule["Type"].as_str().unwrap_or("String");
    if kind.starts_with("AWS::SSM::Parameter::") {
        return Some(format!(
            "Unable to fetch parameters [{value}] from parameter store for this account."
        ));
    }
    let items: Vec<&str> = if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        value.split(',').map(str::trim).collect()
    } else {
        vec![value]
    };
    items
        .iter()
        .find_map(|item| item_broken(name, rule, kind, item))
}

fn item_broken(name: &str, rule: &Value, kind: &str, value: &str) -> Option<String> {
    if let Some(allowed) = rule["AllowedValues"].as_array()
        && !allowed
            .iter()
            .any(|allowed| text(allowed).as_deref() == Some(value))
    {
        let list: Vec<String> = allowed.iter().filter_map(text).collect();
        return Some(format!(
            "Parameter '{name}' must be one of AllowedValues [{}]",
            list.join(", ")
        ));
    }
    if kind == "Number" || kind == "List<Number>" {
        let Ok(number) = value.parse::<f64>() else {
            return Some(format!("Parameter '{name}' must be a number."));
        };
        if let Some(least) = limit(&rule["MinValue"]).filter(|least| number < *least) {
            return Some(format!(
                "Parameter '{name}' must be a number not less than {least}"
            ));
        }
        if let Some(most) = limit(&rule["MaxValue"]).filter(|most| number > *most) {
            return Some(format!(
                "Parameter '{name}' must be a number not greater than {most}"
            ));
        }
        return None;
    }
    let length = value.chars().count();
    let bound = |key: &str| text(&rule[key]).and_then(|text| text.parse::<usize>().ok());
    if let Some(least) = bound("MinLength").filter(|least| length < *least) {
        return Some(format!(
            "Parameter '{name}' must contain at least {least} characters"
        ));
    }
    if let Some(most) = bound("MaxLength").filter(|most| length > *most) {
        return Some(format!(
            "Parameter '{name}' must contain at most {most} characters"
        ));
    }
    // Patterns are Java's; those that Rust cannot read are let through.
    let pattern = rule["AllowedPattern"].as_str()?;
    let whole = Regex::new(&format!("^(?:{pattern})$")).ok()?;
    (!whole.is_match(value)).then(|| format!("Parameter '{name}' must match pattern {pattern}"))
}

fn limit(value: &Value) -> Option<f64> {
    text(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(rule: Value, value: &str) -> String {
        let template = json!({"Parameters": {"P": rule}});
        let given = BTreeMap::from([("P".to_owned(), Given::Value(value.to_owned()))]);
        evaluate(&template, &given, &BTreeMap::new())
            .unwrap_err()
            .message
    }

    #[test]
    fn unfit_values_have_the_services_words() {
        assert_eq!(
            said(json!({"Type": "String", "AllowedValues": ["a", 3]}), "b"),
            "Parameter 'P' must be one of AllowedValues [a, 3]"
        );
        assert_eq!(
            said(json!({"Type": "Number"}), "x"),
            "Parameter 'P' must be a number."
        );
        assert_eq!(
            said(json!({"Type": "Number", "MinValue": 3}), "2"),
            "Parameter 'P' must be a number not less than 3"
        );
        assert_eq!(
            said(json!({"Type": "String", "AllowedPattern": "[a-z]+"}), "a1"),
            "Parameter 'P' must match pattern [a-z]+"
        );
        assert_eq!(
            said(
                json!({"Type": "String", "MaxLength": 1, "ConstraintDescription": "one letter"}),
                "ab"
            ),
            "Parameter P failed to satisfy constraint: one letter"
        );
    }

    #[test]
    fn missing_and_surplus_values_are_named() {
        let template = json!({"Parameters": {"A": {"Type": "String"}, "B": {"Type": "String", "Default": "x"}}});
        let none = BTreeMap::new();
        let missing = evaluate(&template, &none, &BTreeMap::new()).unwrap_err();
        assert_eq!(missing.message, "Parameters: [A] must have values");
        let surplus = BTreeMap::from([("C".to_owned(), Given::Value(String::new()))]);
        let surplus = evaluate(&template, &surplus, &BTreeMap::new()).unwrap_err();
        assert_eq!(
            surplus.message,
            "Parameters: [C] do not exist in the template"
        );
        let kept = BTreeMap::from([("A".to_owned(), Given::Previous)]);
        let kept = evaluate(
            &template,
            &kept,
            &BTreeMap::from([("A".to_owned(), "1".to_owned())]),
        );
        assert_eq!(kept.unwrap()["A"], "1");
    }
}
