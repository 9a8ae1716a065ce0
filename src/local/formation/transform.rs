//! The transforms that the service itself offers: what AWS::Include brings in, and the loops of
//! AWS::LanguageExtensions.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-reference.html>

use super::evaluate::{Exports, Place, Scope, section};
use crate::local::refusal::Refusal;
use crate::template::{scalar_text, yaml};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const LANGUAGE: &str = "AWS::LanguageExtensions";
const INCLUDE: &str = "AWS::Include";
/// Templates of the SAM CLI's own declare it without a resource that it would translate.
const SERVERLESS: &str = "AWS::Serverless-2016-10-31";
const LOOP: &str = "Fn::ForEach::";
/// How deep loops and includes may stand in each other; the service allows five loops.
const DEEPEST: usize = 5;

/// Reads an object by its URL.
type Load<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The template after its transforms; nothing where it has none.
///
/// # Errors
/// The service's words for an unknown transform, an object that is not there, or a loop over what is
/// no list.
pub fn apply(
    template: &Value,
    place: &Place,
    parameters: &BTreeMap<String, String>,
    load: Load<'_>,
) -> Result<Option<Value>, String> {
    let mut named = names(&template["Transform"]);
    inner_names(template, &mut named);
    if let Some(unknown) = named
        .iter()
        .find(|name| ![LANGUAGE, INCLUDE, SERVERLESS].contains(*name))
    {
        // A macro is the account's own.
        let own = !unknown.starts_with("AWS::") && !unknown.contains("::");
        let owner = if own {
            format!("{}::", place.account)
        } else {
            String::new()
        };
        return Err(format!("No transform named {owner}{unknown} found."));
    }
    if !is_transformed(template) {
        return Ok(None);
    }
    let mut types = section(template, "Resources").filter_map(|(_, entry)| entry["Type"].as_str());
    if let Some(kind) = types.find(|kind| kind.starts_with("AWS::Serverless::")) {
        let words = format!("The embedded CloudFormation does not translate {kind}.");
        return Err(failed(SERVERLESS, &words));
    }
    let included = include(template.clone(), load, 0).map_err(|text| failed(INCLUDE, &text))?;
    if !names(&included["Transform"]).contains(&LANGUAGE) {
        return Ok(Some(without_transform(included)));
    }
    let expansion = Expansion {
        template: &included,
        place,
        parameters,
    };
    let expanded = expansion
        .at(&included, &BTreeMap::new(), 0)
        .map_err(|text| failed(LANGUAGE, &text))?;
    Ok(Some(without_transform(expanded)))
}

/// Refuses declarations that name no transform.
///
/// # Errors
/// The service's words.
pub fn check(template: &Value) -> Result<(), Refusal> {
    let declared = match &template["Transform"] {
        Value::Array(list) => list.iter().collect(),
        Value::Null => vec![],
        one => vec![one],
    };
    let nameless = |one: &&Value| !one.is_string() && !one["Name"].is_string();
    match declared.into_iter().find(nameless) {
        Some(_) => Err(Refusal::validation(
            "Key Name of transform definition must be a string.",
        )),
        None => Ok(()),
    }
}

/// The names of the transforms that stand within the template.
fn inner_names<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| inner_names(item, found)),
        Value::Object(fields) => {
            found.extend(fields.get("Fn::Transform").map(names).unwrap_or_default());
            fields.values().for_each(|field| inner_names(field, found));
        }
        _ => {}
    }
}

/// Whether the template has transforms, which a create or an update has to acknowledge.
pub fn is_transformed(template: &Value) -> bool {
    !names(&template["Transform"]).is_empty() || includes(template)
}

fn includes(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(includes),
        Value::Object(fields) => {
            fields.contains_key("Fn::Transform") || fields.values().any(includes)
        }
        _ => false,
    }
}

fn failed(transform: &str, reason: &str) -> String {
    format!("Transform {transform} failed with: {reason}")
}

fn without_transform(mut template: Value) -> Value {
    if let Some(sections) = template.as_object_mut() {
        sections.shift_remove("Transform");
        sections.shift_remove("Globals");
    }
    template
}

/// The names of the transforms that a section declares.
pub fn names(transform: &Value) -> Vec<&str> {
    match transform {
        Value::Array(list) => list.iter().flat_map(names).collect(),
        Value::String(name) => vec![name],
        Value::Object(fields) => fields
            .get("Name")
            .and_then(Value::as_str)
            .into_iter()
            .collect(),
        _ => vec![],
    }
}

/// Puts what AWS::Include names beside its siblings, wherever it stands.
fn include(value: Value, load: Load<'_>, depth: usize) -> Result<Value, String> {
    if depth > DEEPEST * 16 {
        return Err("The template nests too deeply.".to_owned());
    }
    match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| include(item, load, depth + 1))
            .collect(),
        Value::Object(fields) => {
            let mut out = Map::new();
            for (name, field) in fields {
                let top = depth == 0 && name == "Transform" && names(&field).contains(&INCLUDE);
                if name != "Fn::Transform" && !top {
                    out.insert(name, include(field, load, depth + 1)?);
                    continue;
                }
                let fragment = fragment(&field, load)?;
                let Value::Object(more) = include(fragment, load, depth + 1)? else {
                    return Err("The included fragment is no mapping.".to_owned());
                };
                for (name, value) in more {
                    merge(&mut out, name, value);
                }
            }
            Ok(Value::Object(out))
        }
        other => Ok(other),
    }
}

// A section of the fragment joins the section that the template has.
fn merge(into: &mut Map<String, Value>, name: String, value: Value) {
    match (into.get_mut(&name), value) {
        (Some(Value::Object(held)), Value::Object(more)) => held.extend(more),
        (_, value) => {
            into.insert(name, value);
        }
    }
}

fn fragment(transform: &Value, load: Load<'_>) -> Result<Value, String> {
    let one = match transform {
        Value::Array(list) => list.iter().find(|one| one["Name"] == INCLUDE),
        one => Some(one),
    };
    let one = one.filter(|one| one["Name"] == INCLUDE);
    let location = one
        .ok_or_else(|| format!("No transform named {} found.", names(transform).join(", ")))?
        ["Parameters"]["Location"]
        .as_str()
        .ok_or("The location parameter is missing.")?;
    let text = load(location).ok_or_else(|| {
        format!("The specified S3 object's content should be valid Yaml/JSON: {location} cannot be read.")
    })?;
    yaml::parse(&text)
        .map(|node| node.to_json())
        .map_err(|error| {
            format!(
                "The specified S3 object's content should be valid Yaml/JSON: {}.",
                error.message
            )
        })
}

/// Loops over a template, with what their collections can refer to.
struct Expansion<'a> {
    template: &'a Value,
    place: &'a Place,
    parameters: &'a BTreeMap<String, String>,
}

impl Expansion<'_> {
    /// The value with its loops written out and the loops' identifiers filled in.
    fn at(
        &self,
        value: &Value,
        bound: &BTreeMap<String, String>,
        loops: usize,
    ) -> Result<Value, String> {
        match value {
            Value::String(text) => Ok(Value::String(filled(text, bound))),
            Value::Array(items) => items
                .iter()
                .map(|item| self.at(item, bound, loops))
                .collect(),
            Value::Object(fields) => {
                if let (1, Some(Value::String(name))) = (fields.len(), fields.get("Ref"))
                    && let Some(item) = bound.get(name)
                {
                    return Ok(Value::String(item.clone()));
                }
                let mut out = Map::new();
                for (name, field) in fields {
                    match name.strip_prefix(LOOP) {
                        Some(label) => out.extend(self.each(label, field, bound, loops + 1)?),
                        None => {
                            out.insert(filled(name, bound), self.at(field, bound, loops)?);
                        }
                    }
                }
                Ok(Value::Object(out))
            }
            other => Ok(other.clone()),
        }
    }

    fn each(
        &self,
        label: &str,
        body: &Value,
        bound: &BTreeMap<String, String>,
        loops: usize,
    ) -> Result<Map<String, Value>, String> {
        if loops > DEEPEST {
            return Err(format!(
                "Fn::ForEach::{label} nests more than {DEEPEST} loops."
            ));
        }
        let malformed = || format!("Fn::ForEach::{label} layout is incorrect.");
        let [identifier, collection, fragment] = body
            .as_array()
            .and_then(|list| <&[Value; 3]>::try_from(list.as_slice()).ok())
            .ok_or_else(malformed)?;
        let identifier = identifier.as_str().ok_or_else(malformed)?;
        let mut out = Map::new();
        for item in self.collection(label, collection, bound)? {
            let mut inner = bound.clone();
            inner.insert(identifier.to_owned(), item);
            let Value::Object(made) = self.at(fragment, &inner, loops)? else {
                return Err(malformed());
            };
            for (name, value) in made {
                if out.insert(name.clone(), value).is_some() {
                    return Err(format!("Fn::ForEach::{label} gives {name} twice."));
                }
            }
        }
        Ok(out)
    }

    fn collection(
        &self,
        label: &str,
        collection: &Value,
        bound: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, String> {
        let scope = Scope {
            template: self.template,
            place: self.place,
            parameters: self.parameters,
            conditions: &BTreeMap::new(),
            resources: &BTreeMap::new(),
            exports: &Exports::default(),
            later: None,
        };
        let collection = self.at(collection, bound, 0)?;
        let no_list =
            || format!("Fn::ForEach::{label} could not resolve its collection to a list.");
        let items = scope
            .resolve(&collection)
            .map_err(|reason| format!("{} {reason}", no_list()))?;
        let items = items
            .and_then(|value| value.as_array().cloned())
            .ok_or_else(no_list)?;
        // Lists in the list count as their items: a literal may hold a list parameter.
        let flat = items.iter().flat_map(|item| match item {
            Value::Array(inner) => inner.iter().collect(),
            one => vec![one],
        });
        flat.map(|item| scalar_text(item).ok_or_else(no_list))
            .collect()
    }
}

/// `${Name}` and `&{Name}` replaced; the latter without what a logical id cannot hold.
fn filled(text: &str, bound: &BTreeMap<String, String>) -> String {
    if !text.contains("${") && !text.contains("&{") {
        return text.to_owned();
    }
    bound.iter().fold(text.to_owned(), |text, (name, item)| {
        let plain: String = item.chars().filter(char::is_ascii_alphanumeric).collect();
        text.replace(&format!("${{{name}}}"), item)
            .replace(&format!("&{{{name}}}"), &plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn applied(template: &Value, load: Load<'_>) -> Result<Option<Value>, String> {
        let zones = BTreeMap::from([("Zones".to_owned(), "eu-1a, eu-1b".to_owned())]);
        let place = Place {
            account: "123456789012".to_owned(),
            ..Place::default()
        };
        apply(template, &place, &zones, load)
    }

    #[test]
    fn loops_are_written_out() {
        let template = json!({
            "Transform": "AWS::LanguageExtensions",
            "Parameters": {"Zones": {"Type": "CommaDelimitedList"}},
            "Resources": {
                "Fn::ForEach::Queues": ["Zone", {"Ref": "Zones"}, {
                    "Queue&{Zone}": {"Type": "AWS::SQS::Queue", "Properties": {
                        "QueueName": {"Fn::Sub": "${Zone}-${AWS::Region}"},
                        "Tags": [{"Key": "zone", "Value": {"Ref": "Zone"}}],
                    }},
                }],
                "Fn::ForEach::Topics": ["A", ["x"], {"Fn::ForEach::Inner": ["B", ["y", "z"], {
                    "Topic${A}${B}": {"Type": "AWS::SNS::Topic"},
                }]}],
            },
        });
        let made = applied(&template, &|_| None).unwrap().unwrap();
        assert_eq!(
            made["Resources"],
            json!({
                "Queueeu1a": {"Type": "AWS::SQS::Queue", "Properties": {
                    "QueueName": {"Fn::Sub": "eu-1a-${AWS::Region}"},
                    "Tags": [{"Key": "zone", "Value": "eu-1a"}]}},
                "Queueeu1b": {"Type": "AWS::SQS::Queue", "Properties": {
                    "QueueName": {"Fn::Sub": "eu-1b-${AWS::Region}"},
                    "Tags": [{"Key": "zone", "Value": "eu-1b"}]}},
                "Topicxy": {"Type": "AWS::SNS::Topic"},
                "Topicxz": {"Type": "AWS::SNS::Topic"},
            })
        );
        assert!(made.get("Transform").is_none());
    }

    #[test]
    fn fragments_join_their_siblings() {
        let template = json!({
            "Resources": {
                "A": {"Type": "AWS::SQS::Queue"},
                "Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://b/k"}},
            },
        });
        let load =
            |url: &str| (url == "s3://b/k").then(|| "B: {Type: 'AWS::SNS::Topic'}".to_owned());
        let made = applied(&template, &load).unwrap().unwrap();
        assert_eq!(
            made["Resources"],
            json!({"A": {"Type": "AWS::SQS::Queue"}, "B": {"Type": "AWS::SNS::Topic"}})
        );
        assert!(applied(&template, &|_| None).is_err());
    }

    #[test]
    fn what_is_no_transform_is_left_alone() {
        let plain = json!({"Resources": {"A": {"Type": "AWS::SQS::Queue"}}});
        assert_eq!(applied(&plain, &|_| None), Ok(None));
        let unknown = json!({"Transform": "MyMacro", "Resources": {}});
        assert_eq!(
            applied(&unknown, &|_| None).unwrap_err(),
            "No transform named 123456789012::MyMacro found."
        );
        let within = json!({"Resources": {"A": {"Fn::Transform": {"Name": "Other"}}}});
        assert_eq!(
            applied(&within, &|_| None).unwrap_err(),
            "No transform named 123456789012::Other found."
        );
        let serverless = |kind: &str| {
            json!({
                "Transform": SERVERLESS, "Globals": {}, "Resources": {"A": {"Type": kind}},
            })
        };
        assert_eq!(
            applied(&serverless("AWS::SQS::Queue"), &|_| None),
            Ok(Some(
                json!({"Resources": {"A": {"Type": "AWS::SQS::Queue"}}})
            ))
        );
        assert_eq!(
            applied(&serverless("AWS::Serverless::Function"), &|_| None).unwrap_err(),
            "Transform AWS::Serverless-2016-10-31 failed with: The embedded CloudFormation does not \
             translate AWS::Serverless::Function."
        );
        let nameless = json!({"Transform": {"Name": {"Ref": "A"}}});
        assert_eq!(
            check(&nameless).unwrap_err().message,
            "Key Name of transform definition must be a string."
        );
    }
}
