//! The shape of a template: what the service refuses of it before it evaluates anything.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>

use super::evaluate::section;
use super::references::{attribute, single};
use crate::local::refusal::Refusal;
use crate::template::scalar_text;
use serde_json::Value;

const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
];

const RESOURCE: [&str; 10] = [
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Description",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// How much a template may hold.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const LIMITS: [(&str, usize); 4] = [
    ("Mappings", 200),
    ("Outputs", 200),
    ("Parameters", 200),
    ("Resources", 500),
];

/// Refuses a template of the wrong shape.
///
/// # Errors
/// The service's words.
pub fn check(template: &Value) -> Result<(), Refusal> {
    let found = sections(template)
        .or_else(|| limits(template))
        .or_else(|| nulls(template, String::new()))
        .or_else(|| parameters(template))
        .or_else(|| mappings(template))
        .or_else(|| resources(template))
        .or_else(|| outputs(template));
    match found {
        Some(words) => Err(Refusal::validation(words)),
        None => functions(template).map_err(Refusal::validation),
    }
}

fn format_error(words: impl std::fmt::Display) -> Option<String> {
    Some(format!("Template format error: {words}"))
}

fn sections(template: &Value) -> Option<String> {
    let names = template.as_object().into_iter().flatten();
    let unknown: Vec<&str> = names
        .map(|(name, _)| name.as_str())
        .filter(|name| !SECTIONS.contains(name) && *name != "Transform")
        .collect();
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        return Some(format!("Invalid template property or properties [{names}]"));
    }
    let version = template.get("AWSTemplateFormatVersion")?;
    let version = scalar_text(version).unwrap_or_default();
    (version != "2010-09-09").then(|| {
        format!(
            "Template format error: {version} is not a supported value for AWSTemplateFormatVersion."
        )
    })
}

fn limits(template: &Value) -> Option<String> {
    LIMITS.iter().find_map(|(name, most)| {
        let count = section(template, name).count();
        (count > *most).then(|| {
            format!(
                "Template format error: Number of {}, {count}, is greater than maximum allowed, {most}",
                name.to_lowercase()
            )
        })
    })
}

fn nulls(value: &Value, path: String) -> Option<String> {
    match value {
        Value::Null if !path.is_empty() => Some(format!(
            "[{path}] 'null' values are not allowed in templates"
        )),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| nulls(item, format!("{path}/{at}"))),
        Value::Object(fields) => fields
            .iter()
            // Whatever metadata holds is nobody's business.
            .filter(|(name, _)| *name != "Metadata")
            .find_map(|(name, field)| nulls(field, format!("{path}/{name}"))),
        _ => None,
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn parameters(template: &Value) -> Option<String> {
    section(template, "Parameters").find_map(|(name, rule)| {
        if !is_plain(name) {
            return format_error(format!("Parameter name {name} is non alphanumeric."));
        }
        match rule["Type"].as_str() {
            None => format_error("Every Parameters object must contain a Type member."),
            Some(kind) if !is_parameter_type(kind) => {
                format_error(format!("Unrecognized parameter type: {kind}"))
            }
            Some(_) => None,
        }
    })
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
fn is_parameter_type(kind: &str) -> bool {
    let listed = kind
        .strip_prefix("List<")
        .and_then(|rest| rest.strip_suffix('>'));
    matches!(
        listed.unwrap_or(kind),
        "String" | "Number" | "CommaDelimitedList"
    ) || listed.unwrap_or(kind).starts_with("AWS::")
}

fn mappings(template: &Value) -> Option<String> {
    section(template, "Mappings").find_map(|(_, mapping)| {
        let tops = mapping.as_object().into_iter().flatten();
        tops.filter(|(top, _)| *top != "Fn::Transform")
            .find_map(|(top, entries)| {
                let Some(entries) = entries.as_object() else {
                    return format_error(format!("Every Mappings member {top} must be a map"));
                };
                entries
                    .values()
                    .any(Value::is_object)
                    .then(|| format_error("Every Mappings attribute must be a String or a List."))?
            })
    })
}

fn resources(template: &Value) -> Option<String> {
    section(template, "Resources").find_map(|(_, entry)| {
        let Some(fields) = entry.as_object() else {
            return format_error("Any Resources member must be an object.");
        };
        // Custom resources and modules have a version as well.
        let unknown = fields
            .keys()
            .find(|name| !RESOURCE.contains(&name.as_str()) && *name != "Version");
        unknown.map(|name| format!("Invalid template resource property '{name}'"))
    })
}

fn outputs(template: &Value) -> Option<String> {
    section(template, "Outputs").find_map(|(name, entry)| {
        if !is_plain(name) {
            return format_error(format!("Output name {name} is non alphanumeric."));
        }
        if entry.get("Value").is_none() {
            return format_error("Every Outputs member must contain a Value object");
        }
        None
    })
}

/// Refuses calls of functions that cannot be evaluated, whatever their arguments stand for.
fn functions(template: &Value) -> Result<(), String> {
    for name in ["Conditions", "Resources", "Outputs"] {
        calls(&template[name], template)?;
    }
    Ok(())
}

fn calls(value: &Value, template: &Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| calls(item, template)),
        Value::Object(fields) => {
            if let Some((name, argument)) = single(fields) {
                call(name, argument, template)?;
            }
            fields.values().try_for_each(|field| calls(field, template))
        }
        _ => Ok(()),
    }
}

fn call(name: &str, argument: &Value, template: &Value) -> Result<(), String> {
    let count = argument.as_array().map_or(0, Vec::len);
    let is_function = |value: &Value| value.as_object().and_then(single).is_some();
    let words = match name {
        "Fn::Equals" if count != 2 => {
            "every Fn::Equals object requires a list of 2 string parameters.".to_owned()
        }
        "Fn::If" if count == 3 => {
            let condition = argument[0].as_str().unwrap_or_default();
            if condition.is_empty() || template["Conditions"].get(condition).is_some() {
                return Ok(());
            }
            format!("unresolved condition dependency {condition} in Fn::If")
        }
        "Fn::GetAtt" if attribute(argument).is_none_or(|(name, _)| name.is_empty()) => {
            super::evaluate::GET_ATT.to_owned()
        }
        "Fn::Split" if count != 2 => super::evaluate::SPLIT.to_owned(),
        "Fn::Select" => {
            let index = &argument[0];
            let number = scalar_text(index).and_then(|text| text.parse::<usize>().ok());
            let list = argument[1].as_array();
            let beyond = number.zip(list).is_some_and(|(at, list)| at >= list.len());
            let good = count == 2
                && (number.is_some() || is_function(index))
                && (list.is_some() || is_function(&argument[1]))
                && !beyond;
            if good {
                return Ok(());
            }
            super::evaluate::SELECT.to_owned()
        }
        _ => return Ok(()),
    };
    Err(format!("Template error: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shapes_are_refused_in_the_services_words() {
        let topic = json!({"Type": "AWS::SNS::Topic"});
        let of = |properties: Value| json!({"Resources": {"A": {"Type": "AWS::SNS::Topic", "Properties": properties}}});
        let many: serde_json::Map<String, Value> = (0..501)
            .map(|at| (format!("T{at}"), topic.clone()))
            .collect();
        for (template, words) in [
            (
                json!({"Resources": {"A": []}}),
                "Template format error: Any Resources member must be an object.",
            ),
            (
                json!({"Resources": {"A": {"Type": "AWS::SNS::Topic", "Invalid": 10}}}),
                "Invalid template resource property 'Invalid'",
            ),
            (
                json!({"Parameters": {"AWS::NoValue": {"Type": "String"}}, "Resources": {"A": topic}}),
                "Template format error: Parameter name AWS::NoValue is non alphanumeric.",
            ),
            (
                json!({"Parameters": {"A": {"Type": "Strange"}}}),
                "Template format error: Unrecognized parameter type: Strange",
            ),
            (
                json!({"Outputs": {"MyOutput": {"Value": null}}}),
                "[/Outputs/MyOutput/Value] 'null' values are not allowed in templates",
            ),
            (
                json!({"Outputs": {"MyOutput": {}}}),
                "Template format error: Every Outputs member must contain a Value object",
            ),
            (
                json!({"Mappings": {"M": {"A": {"B": {"C": "d"}}}}}),
                "Template format error: Every Mappings attribute must be a String or a List.",
            ),
            (
                json!({"Mappings": {"M": {"A": "d"}}}),
                "Template format error: Every Mappings member A must be a map",
            ),
            (
                json!({"Surprise": {}}),
                "Invalid template property or properties [Surprise]",
            ),
            (
                json!({"AWSTemplateFormatVersion": "2011-01-01"}),
                "Template format error: 2011-01-01 is not a supported value for AWSTemplateFormatVersion.",
            ),
            (
                json!({"Resources": many}),
                "Template format error: Number of resources, 501, is greater than maximum allowed, 500",
            ),
            (
                json!({"Conditions": {"C": {"Fn::Equals": ["a"]}}}),
                "Template error: every Fn::Equals object requires a list of 2 string parameters.",
            ),
            (
                of(json!({"TopicName": {"Fn::If": ["Missing", "a", "b"]}})),
                "Template error: unresolved condition dependency Missing in Fn::If",
            ),
            (
                of(json!({"TopicName": {"Fn::GetAtt": ["A"]}})),
                "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
            ),
            (
                of(json!({"TopicName": {"Fn::Select": [3, ["a"]]}})),
                "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
            ),
            (
                of(json!({"TopicName": {"Fn::Split": ["-"]}})),
                "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.",
            ),
        ] {
            assert_eq!(check(&template).unwrap_err().message, words);
        }
    }
}
