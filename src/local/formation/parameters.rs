//! Parameter values: what is given, what is kept, what is the default, and the rules they obey.

use super::evaluate::section;
use crate::local::refusal::Refusal;
use crate::template::scalar_text as text;
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a request gives for a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A value.
    Value(String),
    /// The value that the stack has.
    Previous,
}

/// Values by the parameter's name.
pub type Values = BTreeMap<String, String>;

/// All values of the template's parameters, and what those of the parameter store stand for;
/// `stored` is the parameter store.
///
/// # Errors
/// The service's words for missing, surplus and unfit values.
pub fn evaluate(
    template: &Value,
    given: &BTreeMap<String, Given>,
    previous: &BTreeMap<String, String>,
    stored: &dyn Fn(&str) -> Option<String>,
) -> Result<(Values, Values), Refusal> {
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
    let (mut resolved, mut unknown) = (BTreeMap::new(), Vec::new());
    for (name, rule) in section(template, "Parameters") {
        let value = match given.get(name) {
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Previous) => previous.get(name).cloned(),
            None => text(&rule["Default"]),
        };
        match value {
            Some(value) => {
                check(name, rule, &value)?;
                let kind = rule["Type"].as_str().unwrap_or_default();
                if kind.starts_with("AWS::SSM::Parameter::") {
                    match stored(&value) {
                        Some(found) if kind.contains("::Value<") => {
                            resolved.insert(name.clone(), found);
                        }
                        Some(_) => {}
                        None => unknown.push(value.clone()),
                    }
                }
                values.insert(name.clone(), value);
            }
            None => missing.push(name.as_str()),
        }
    }
    if !unknown.is_empty() {
        return Err(Refusal::validation(format!(
            "Unable to fetch parameters [{}] from parameter store for this account.",
            unknown.join(",")
        )));
    }
    if missing.is_empty() {
        return Ok((values, resolved));
    }
    Err(Refusal::validation(format!(
        "Parameters: [{}] must have values",
        missing.join(", ")
    )))
}

/// The parameters whose values are masked.
pub fn secrets(template: &Value) -> BTreeSet<String> {
    section(template, "Parameters")
        .filter(|(_, rule)| {
            text(&rule["NoEcho"]).is_some_and(|flag| flag.eq_ignore_ascii_case("true"))
        })
        .map(|(name, _)| name.clone())
        .collect()
}

/// Whether a parameter's value is a list.
pub fn is_list(kind: &str) -> bool {
    kind == "CommaDelimitedList" || kind.contains("List<") || kind.ends_with("<CommaDelimitedList>")
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
    let items: Vec<&str> = if is_list(kind) {
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
        evaluate(&template, &given, &BTreeMap::new(), &|_| None)
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
        let missing = evaluate(&template, &none, &BTreeMap::new(), &|_| None).unwrap_err();
        assert_eq!(missing.message, "Parameters: [A] must have values");
        let surplus = BTreeMap::from([("C".to_owned(), Given::Value(String::new()))]);
        let surplus = evaluate(&template, &surplus, &BTreeMap::new(), &|_| None).unwrap_err();
        assert_eq!(
            surplus.message,
            "Parameters: [C] do not exist in the template"
        );
        let kept = BTreeMap::from([("A".to_owned(), Given::Previous)]);
        let kept = evaluate(
            &template,
            &kept,
            &BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            &|_| None,
        );
        assert_eq!(kept.unwrap().0["A"], "1");
    }

    #[test]
    fn stored_parameters_stand_for_their_values() {
        let template = json!({"Parameters": {"Image": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/ami"}}});
        let none = BTreeMap::new();
        let stored = |name: &str| (name == "/ami").then(|| "ami-1".to_owned());
        let (values, resolved) = evaluate(&template, &none, &BTreeMap::new(), &stored).unwrap();
        assert_eq!((&*values["Image"], &*resolved["Image"]), ("/ami", "ami-1"));
        let refused = evaluate(&template, &none, &BTreeMap::new(), &|_| None).unwrap_err();
        assert_eq!(
            refused.message,
            "Unable to fetch parameters [/ami] from parameter store for this account."
        );
    }
}
