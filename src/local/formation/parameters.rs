//! Parameter values: what is given, what is kept, what is the default, and the rules they obey.

use super::dynamic;
use super::evaluate::section;
use crate::local::model::State;
use crate::local::refusal::Refusal;
use crate::local::services::ssm;
use crate::regexes;
use crate::template::scalar_text as text;
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

/// What a template's parameters come to.
#[derive(Debug, Default, PartialEq)]
pub struct Evaluated {
    /// All values.
    pub values: Values,
    /// What those stand for that name something in the parameter store.
    pub resolved: Values,
    /// What is wrong with them that is told only once an operation has begun.
    pub late: Option<String>,
}

/// All values of the template's parameters.
///
/// # Errors
/// The service's words for missing, surplus and unfit values.
pub fn evaluate(
    template: &Value,
    given: &BTreeMap<String, Given>,
    previous: &BTreeMap<String, String>,
    state: &State,
) -> Result<Evaluated, Refusal> {
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
    let (mut evaluated, mut missing) = (Evaluated::default(), Vec::new());
    let mut stored = Stored::default();
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
                let stands = match kind {
                    "AWS::SSM::Parameter::Name" => {
                        if ssm::find(state, &value).is_none() {
                            evaluated.late = Some(format!(
                                "Parameter validation failed: parameter value {value} for \
                                 parameter name {name} does not exist"
                            ));
                        }
                        None
                    }
                    _ if kind.starts_with("AWS::SSM::Parameter::Value<") => {
                        stored.read(state, kind, &value)
                    }
                    _ => dynamic::of_parameter(state, name, &value)?,
                };
                if let Some(stands) = stands {
                    evaluated.resolved.insert(name.clone(), stands);
                }
                evaluated.values.insert(name.clone(), value);
            }
            None => missing.push(name.as_str()),
        }
    }
    stored.check()?;
    if missing.is_empty() {
        return Ok(evaluated);
    }
    Err(Refusal::validation(format!(
        "Parameters: [{}] must have values",
        missing.join(", ")
    )))
}

/// Names of the parameter store that cannot be taken.
#[derive(Default)]
struct Stored {
    unknown: Vec<String>,
    secure: Vec<String>,
    unlike: Vec<String>,
}

impl Stored {
    /// What a name stands for: of a list, its items without the spaces around them.
    fn read(&mut self, state: &State, kind: &str, name: &str) -> Option<String> {
        let Some(found) = ssm::find(state, name) else {
            self.unknown.push(name.to_owned());
            return None;
        };
        match (found.kind.as_str(), is_list(kind)) {
            ("SecureString", _) => self.secure.push(name.to_owned()),
            ("StringList", true) => {
                let items: Vec<&str> = found.value.split(',').map(str::trim).collect();
                return Some(items.join(","));
            }
            ("StringList", false) | (_, true) => self.unlike.push(name.to_owned()),
            _ => return Some(found.value),
        }
        None
    }

    fn check(self) -> Result<(), Refusal> {
        let names = |names: &[String]| names.join(",");
        let words = if !self.unknown.is_empty() {
            format!(
                "Unable to fetch parameters [{}] from parameter store for this account.",
                names(&self.unknown)
            )
        } else if !self.secure.is_empty() {
            format!(
                "Parameters [{}] referenced by template have types not supported by CloudFormation.",
                names(&self.secure)
            )
        } else if !self.unlike.is_empty() {
            format!(
                "Types for SSM parameters [{}] defined in CFN template and SSM are incompatible",
                names(&self.unlike)
            )
        } else {
            return Ok(());
        };
        Err(Refusal::validation(words))
    }
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
    let fits = regexes::matches(&format!("^(?:{pattern})$"), value)?;
    (!fits).then(|| format!("Parameter '{name}' must match pattern {pattern}"))
}

fn limit(value: &Value) -> Option<f64> {
    text(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::model::Parameter;
    use serde_json::json;

    fn said(rule: Value, value: &str) -> String {
        let template = json!({"Parameters": {"P": rule}});
        let given = BTreeMap::from([("P".to_owned(), Given::Value(value.to_owned()))]);
        evaluate(&template, &given, &BTreeMap::new(), &State::default())
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
        let missing = evaluate(&template, &none, &BTreeMap::new(), &State::default()).unwrap_err();
        assert_eq!(missing.message, "Parameters: [A] must have values");
        let surplus = BTreeMap::from([("C".to_owned(), Given::Value(String::new()))]);
        let surplus =
            evaluate(&template, &surplus, &BTreeMap::new(), &State::default()).unwrap_err();
        assert_eq!(
            surplus.message,
            "Parameters: [C] do not exist in the template"
        );
        let kept = BTreeMap::from([("A".to_owned(), Given::Previous)]);
        let kept = evaluate(
            &template,
            &kept,
            &BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            &State::default(),
        );
        assert_eq!(kept.unwrap().values["A"], "1");
    }

    #[test]
    fn stored_parameters_stand_for_their_values() {
        let mut state = State::default();
        for (name, kind, value) in [
            ("/ami", "String", "ami-1"),
            ("/list", "StringList", "a,b, c ,d"),
            ("/secure", "SecureString", "s"),
        ] {
            let parameter = Parameter {
                kind: kind.to_owned(),
                value: value.to_owned(),
                version: 1,
                ..Parameter::default()
            };
            state.account.parameters.insert(name.to_owned(), parameter);
        }
        let of = |kind: &str, value: &str| {
            let template = json!({"Parameters": {"P": {"Type": kind, "Default": value}}});
            evaluate(&template, &BTreeMap::new(), &BTreeMap::new(), &state)
        };
        let one = "AWS::SSM::Parameter::Value<String>";
        let many = "AWS::SSM::Parameter::Value<List<String>>";
        let read = of(one, "/ami").unwrap();
        assert_eq!(
            (&*read.values["P"], &*read.resolved["P"]),
            ("/ami", "ami-1")
        );
        assert_eq!(of(many, "/list").unwrap().resolved["P"], "a,b,c,d");
        for (kind, name, words) in [
            (
                one,
                "/none",
                "Unable to fetch parameters [/none] from parameter store for this account.",
            ),
            (
                one,
                "/secure",
                "Parameters [/secure] referenced by template have types not supported by CloudFormation.",
            ),
            (
                one,
                "/list",
                "Types for SSM parameters [/list] defined in CFN template and SSM are incompatible",
            ),
            (
                many,
                "/ami",
                "Types for SSM parameters [/ami] defined in CFN template and SSM are incompatible",
            ),
        ] {
            assert_eq!(of(kind, name).unwrap_err().message, words);
        }
        assert_eq!(
            of("AWS::SSM::Parameter::Name", "/none")
                .unwrap()
                .late
                .unwrap(),
            "Parameter validation failed: parameter value /none for parameter name P does not exist"
        );
    }
}
