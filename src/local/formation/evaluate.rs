//! Templates evaluated as the service does: conditions, intrinsics, references.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>

use super::check::joined;
use super::cidr;
use super::parameters::is_list;
use super::references::{Piece, attribute, pieces, single, substitution};
use super::values;
use crate::local::model::Resource;
use crate::local::refusal::Refusal;
use crate::template::scalar_text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What stands for a value that only exists once a change set is executed.
pub const KNOWN_AFTER_APPLY: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// How deep values may nest; YAML is bounded as well, resolved values are not.
const DEEPEST: usize = 128;

/// Where a stack is.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// The stack's name.
    pub stack_name: String,
    /// The stack's notification topics.
    pub topics: Vec<String>,
}

impl Place {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    fn suffix(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }
}

/// The Availability Zones of a region.
pub fn zones(region: &str) -> [String; 3] {
    ["a", "b", "c"].map(|zone| format!("{region}{zone}"))
}

/// The partition that a region is in.
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// Everything that a value can refer to.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The template.
    pub template: &'a Value,
    /// Where the stack is.
    pub place: &'a Place,
    /// Parameter values.
    pub parameters: &'a BTreeMap<String, String>,
    /// Conditions, as [`conditions`] answers them.
    pub conditions: &'a BTreeMap<String, bool>,
    /// Resources that exist.
    pub resources: &'a BTreeMap<String, Resource>,
    /// What other stacks give.
    pub exports: &'a Exports,
    /// Resources whose values are not known yet; a change set is being made.
    pub later: Option<&'a BTreeSet<String>>,
}

/// What stacks give to others.
#[derive(Debug, Default)]
pub struct Exports {
    /// Exported values by their names.
    pub named: BTreeMap<String, String>,
    /// Outputs by stack and name.
    pub outputs: BTreeMap<(String, String), String>,
}

type Resolved = Result<Option<Value>, String>;

/// The entries of a section, in the template's order.
pub fn section<'a>(
    template: &'a Value,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    template
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// Evaluates the Conditions section.
///
/// # Errors
/// A condition that refers to none, to itself, or to something that has no value yet.
pub fn conditions(
    template: &Value,
    place: &Place,
    parameters: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, bool>, Refusal> {
    let mut known = BTreeMap::new();
    let (resources, exports) = (BTreeMap::new(), Exports::default());
    let mut left: BTreeSet<&String> = section(template, "Conditions")
        .map(|(name, _)| name)
        .collect();
    // Each turn settles those whose own conditions are settled.
    while !left.is_empty() {
        let ready: Vec<&String> = left
            .iter()
            .copied()
            .filter(|name| {
                let mut used = BTreeSet::new();
                used_conditions(&template["Conditions"][name.as_str()], &mut used);
                used.iter().all(|name| known.contains_key(name))
            })
            .collect();
        if ready.is_empty() {
            let names: BTreeSet<String> = left.into_iter().cloned().collect();
            return Err(Refusal::validation(format!(
                "Template format error: Unresolved condition dependency [{}] in the Conditions block of the template",
                joined(&names)
            )));
        }
        for name in ready {
            let scope = Scope {
                template,
                place,
                parameters,
                conditions: &known,
                resources: &resources,
                exports: &exports,
                later: None,
            };
            let value = scope
                .truth(&template["Conditions"][name.as_str()], 0)
                .map_err(|text| {
                    Refusal::validation(format!("Template error: condition {name}: {text}"))
                })?;
            known.insert(name.clone(), value);
            left.remove(name);
        }
    }
    Ok(known)
}

fn used_conditions(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| used_conditions(item, found)),
        Value::Object(fields) => match single(fields) {
            Some(("Condition", Value::String(name))) => {
                found.insert(name.clone());
            }
            _ => fields
                .values()
                .for_each(|field| used_conditions(field, found)),
        },
        _ => {}
    }
}

impl Scope<'_> {
    /// The value with every intrinsic evaluated; nothing where it is `AWS::NoValue`.
    ///
    /// # Errors
    /// The service's words, without the `Template error: ` in front.
    pub fn resolve(&self, value: &Value) -> Resolved {
        self.at(value, 0)
    }

    fn at(&self, value: &Value, depth: usize) -> Resolved {
        if depth > DEEPEST {
            return Err("values nest too deeply".to_owned());
        }
        match value {
            Value::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    out.extend(self.at(item, depth + 1)?);
                }
                Ok(Some(Value::Array(out)))
            }
            Value::Object(fields) => match single(fields) {
                Some((name, argument)) if name == "Ref" || name.starts_with("Fn::") => {
                    self.call(name, argument, depth + 1)
                }
                Some(("Condition", Value::String(name))) if self.conditions.contains_key(name) => {
                    self.condition(name).map(|truth| Some(Value::Bool(truth)))
                }
                _ => {
                    let mut out = Map::new();
                    for (name, field) in fields {
                        if let Some(value) = self.at(field, depth + 1)? {
                            out.insert(name.clone(), value);
                        }
                    }
                    Ok(Some(Value::Object(out)))
                }
            },
            other => Ok(Some(other.clone())),
        }
    }

    fn call(&self, name: &str, argument: &Value, depth: usize) -> Resolved {
        if matches!(name, "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not") {
            let whole = json!({ name: argument });
            return self
                .truth(&whole, depth)
                .map(|truth| Some(Value::Bool(truth)));
        }
        Ok(Some(match name {
            // With AWS::LanguageExtensions the name may be a value itself.
            "Ref" if argument.is_object() => {
                return self.reference(&Value::String(self.text(argument, depth)?));
            }
            "Ref" => return self.reference(argument),
            "Fn::If" => return self.choice(argument, depth),
            "Fn::GetAtt" => self.get_att(argument, depth)?,
            "Fn::Sub" => self.sub(argument, depth)?,
            "Fn::Join" => self.join(argument, depth)?,
            "Fn::Select" => return self.select(argument, depth).map(Some),
            "Fn::Split" => self.split(argument, depth)?,
            "Fn::FindInMap" => self.find_in_map(argument, depth)?,
            "Fn::GetAZs" => {
                let region = self.text(argument, depth)?;
                let region = if region.is_empty() {
                    &self.place.region
                } else {
                    &region
                };
                json!(zones(region))
            }
            "Fn::Cidr" => self.cidr(argument, depth)?,
            "Fn::Base64" => Value::String(STANDARD.encode(self.text(argument, depth)?)),
            "Fn::ImportValue" => {
                let export = self.text(argument, depth)?;
                let value = self.exports.named.get(&export);
                Value::String(
                    value
                        .ok_or_else(|| format!("No export named {export} found."))?
                        .clone(),
                )
            }
            "Fn::GetStackOutput" => {
                let text = |key: &str| self.text(&argument[key], depth);
                let key = (text("StackName")?, text("OutputName")?);
                let value = self.exports.outputs.get(&key);
                let missing = || format!("Output {} of stack {} does not exist", key.1, key.0);
                Value::String(value.ok_or_else(missing)?.clone())
            }
            "Fn::Length" => json!(self.list(argument, "Fn::Length", depth)?.len()),
            "Fn::ToJsonString" => {
                Value::String(self.at(argument, depth)?.unwrap_or_default().to_string())
            }
            other => return Err(format!("the embedded CloudFormation does not know {other}")),
        }))
    }

    fn reference(&self, argument: &Value) -> Resolved {
        let name = argument.as_str().ok_or("Ref takes a name")?;
        if let Some(value) = self.pseudo(name) {
            return Ok(value);
        }
        if let Some(text) = self.parameters.get(name) {
            let kind = self.template["Parameters"][name]["Type"]
                .as_str()
                .unwrap_or_default();
            return Ok(Some(if is_list(kind) {
                split_list(text)
            } else {
                Value::String(text.clone())
            }));
        }
        if self.is_later(name) {
            return Ok(Some(json!(KNOWN_AFTER_APPLY)));
        }
        match self.resources.get(name) {
            Some(resource) => Ok(Some(Value::String(resource.physical_id.clone()))),
            None => Err(unresolved(name)),
        }
    }

    fn pseudo(&self, name: &str) -> Option<Option<Value>> {
        let place = self.place;
        Some(Some(match name {
            "AWS::NoValue" => return Some(None),
            "AWS::AccountId" => json!(place.account),
            "AWS::Region" => json!(place.region),
            "AWS::Partition" => json!(place.partition()),
            "AWS::URLSuffix" => json!(place.suffix()),
            "AWS::StackId" => json!(place.stack_id),
            "AWS::StackName" => json!(place.stack_name),
            "AWS::NotificationARNs" => json!(place.topics),
            _ => return None,
        }))
    }

    fn is_later(&self, name: &str) -> bool {
        self.later.is_some_and(|later| later.contains(name))
    }

    fn get_att(&self, argument: &Value, depth: usize) -> Result<Value, String> {
        let (name, attribute) = attribute(argument).ok_or(GET_ATT)?;
        let attribute = self.text(&attribute, depth)?;
        self.attribute(&name, &attribute)
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<Value, String> {
        if self.is_later(name) {
            return Ok(json!(KNOWN_AFTER_APPLY));
        }
        let resource = self.resources.get(name).ok_or_else(|| unresolved(name))?;
        values::attribute(resource, attribute, self.place)
    }

    fn sub(&self, argument: &Value, depth: usize) -> Result<Value, String> {
        let (text, variables) = substitution(argument);
        let mut out = String::new();
        for piece in pieces(text) {
            let name = match piece {
                Piece::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::Variable(name) => name,
            };
            let value = match variables.and_then(|variables| variables.get(name)) {
                Some(value) => self.at(value, depth)?,
                None => match name.split_once('.') {
                    Some((resource, attribute)) => Some(self.attribute(resource, attribute)?),
                    None => self.reference(&json!(name))?,
                },
            };
            out.push_str(&as_text(&value.unwrap_or_default(), "Fn::Sub")?);
        }
        Ok(Value::String(out))
    }

    fn join(&self, argument: &Value, depth: usize) -> Result<Value, String> {
        let [delimiter, list] = arguments::<2>(argument, "Fn::Join")?;
        let delimiter = self.text(delimiter, depth)?;
        let items = self.list(list, "Fn::Join", depth)?;
        let texts: Result<Vec<String>, String> =
            items.iter().map(|item| as_text(item, "Fn::Join")).collect();
        Ok(Value::String(texts?.join(&delimiter)))
    }

    fn select(&self, argument: &Value, depth: usize) -> Result<Value, String> {
        let [index, list] = arguments::<2>(argument, "Fn::Select")?;
        let index = self.text(index, depth)?;
        let list = self.list(list, "Fn::Select", depth)?;
        if list == [json!(KNOWN_AFTER_APPLY)] {
            return Ok(json!(KNOWN_AFTER_APPLY));
        }
        let at: usize = index
            .parse()
            .map_err(|_| "Fn::Select takes an index".to_owned())?;
        list.get(at)
            .cloned()
            .ok_or_else(|| format!("Fn::Select cannot select nonexistent value at index {index}"))
    }

    fn split(&self, argument: &Value, depth: usize) -> Result<Value, String> {
        let [delimiter, text] = arguments::<2>(argument, "Fn::Split")?;
        let (delimiter, text) = (self.text(delimiter, depth)?, self.text(text, depth)?);
        if delimiter.is_empty() || text == KNOWN_AFTER_APPLY {
            return Ok(json!([text]));
        }
        Ok(json!(text.split(delimiter.as_str()).collect::<Vec<_>>()))
    }

    fn find_in_map(&self, argument: &Value, depth: usize) -> Result<Value, String> {
        let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let [map, top, second, rest @ ..] = parts else {
            return Err("every Fn::FindInMap object requires three parameters, the map name, map key and the \
                 attribute for return value"
                .to_owned());
        };
        let (map, top) = (self.text(map, depth)?, self.text(top, depth)?);
        let second = self.text(second, depth)?;
        let found = self.template["Mappings"]
            .get(&map)
            .and_then(|m| m.get(&top)?.get(&second));
        match (
            found,
            rest.first().and_then(|other| other.get("DefaultValue")),
        ) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(other)) => Ok(self.at(other, depth)?.unwrap_or_default()),
            (None, None) => Err(format!("Unable to get mapping for {map}::{top}::{second}")),
        }
    }

    fn cidr(&self, argument: &Value, depth: usize) -> Result<Value, String> {
        let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let [block, count, rest @ ..] = parts else {
            return Err("Fn::Cidr takes a block, a count and a size".to_owned());
        };
        let (block, count) = (self.text(block, depth)?, self.text(count, depth)?);
        let bits = rest
            .first()
            .map(|bits| self.text(bits, depth))
            .transpose()?;
        let number = |text: &str| {
            text.parse::<u32>()
                .map_err(|_| format!("Fn::Cidr: {text} is no number"))
        };
        let count = number(&count)?;
        if block == KNOWN_AFTER_APPLY {
            return Ok(json!(vec![KNOWN_AFTER_APPLY; count.min(256) as usize]));
        }
        cidr::blocks(&block, count, bits.as_deref().map(number).transpose()?)
            .map(|list| json!(list))
    }

    fn choice(&self, argument: &Value, depth: usize) -> Resolved {
        let [name, yes, no] = arguments::<3>(argument, "Fn::If")?;
        let name = name.as_str().ok_or("Fn::If takes a condition's name")?;
        self.at(if self.condition(name)? { yes } else { no }, depth)
    }

    /// Whether a condition holds.
    pub fn condition(&self, name: &str) -> Result<bool, String> {
        let known = self.conditions.get(name).copied();
        known.ok_or_else(|| format!("Unresolved condition dependency {name}"))
    }

    fn truth(&self, value: &Value, depth: usize) -> Result<bool, String> {
        if depth > DEEPEST {
            return Err("conditions nest too deeply".to_owned());
        }
        let called = value.as_object().and_then(single);
        let all = |list: &Value| -> Result<Vec<bool>, String> {
            let items = list.as_array().ok_or("a condition function takes a list")?;
            items
                .iter()
                .map(|item| self.truth(item, depth + 1))
                .collect()
        };
        match called {
            Some(("Condition", Value::String(name))) => self.condition(name),
            Some(("Fn::And", list)) => Ok(all(list)?.into_iter().all(|truth| truth)),
            Some(("Fn::Or", list)) => Ok(all(list)?.into_iter().any(|truth| truth)),
            Some(("Fn::Not", list)) => Ok(!all(list)?.first().copied().unwrap_or_default()),
            Some(("Fn::Equals", list)) => {
                let [left, right] = arguments::<2>(list, "Fn::Equals")?;
                let (left, right) = (self.at(left, depth + 1)?, self.at(right, depth + 1)?);
                Ok(same(&left.unwrap_or_default(), &right.unwrap_or_default()))
            }
            _ => match self.at(value, depth + 1)?.unwrap_or_default() {
                Value::Bool(truth) => Ok(truth),
                Value::String(text) => Ok(text == "true"),
                _ => Err("a condition must be true or false".to_owned()),
            },
        }
    }

    fn text(&self, value: &Value, depth: usize) -> Result<String, String> {
        as_text(
            &self.at(value, depth + 1)?.unwrap_or_default(),
            "the function",
        )
    }

    fn list(&self, value: &Value, function: &str, depth: usize) -> Result<Vec<Value>, String> {
        match self.at(value, depth + 1)?.unwrap_or_default() {
            Value::Array(items) => Ok(items),
            // What is known later may well be a list.
            Value::String(text) if text == KNOWN_AFTER_APPLY => Ok(vec![json!(text)]),
            _ => Err(format!("{function} requires a list")),
        }
    }
}

fn unresolved(name: &str) -> String {
    format!("Unresolved resource dependencies [{name}] in the Resources block of the template")
}

/// The items of a comma-delimited list; spaces around them do not count.
fn split_list(text: &str) -> Value {
    if text.is_empty() {
        return json!([]);
    }
    json!(text.split(',').map(str::trim).collect::<Vec<_>>())
}

fn arguments<'a, const N: usize>(value: &'a Value, name: &str) -> Result<&'a [Value; N], String> {
    value
        .as_array()
        .and_then(|list| <&[Value; N]>::try_from(list.as_slice()).ok())
        .ok_or_else(|| match name {
            "Fn::Join" => JOIN.to_owned(),
            "Fn::Select" => SELECT.to_owned(),
            "Fn::Split" => SPLIT.to_owned(),
            _ => format!("{name} requires a list of {N} arguments"),
        })
}

const JOIN: &str = "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings \
                    to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.";
pub(super) const GET_ATT: &str = "every Fn::GetAtt object requires two non-empty parameters, the resource name \
                       and the resource attribute";
pub(super) const SELECT: &str =
    "Fn::Select requires a list argument with two elements: an integer index and a list";
pub(super) const SPLIT: &str = "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be \
                     split or a function that returns a string to be split.";

fn as_text(value: &Value, function: &str) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        other => scalar_text(other)
            .ok_or_else(|| format!("{function} requires string values, found a list or an object")),
    }
}

/// Equal as the service compares: `3`, `"3"` and `true`, `"true"` are the same.
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, l)| right.get(name).is_some_and(|r| same(l, r)))
        }
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => false,
        _ => as_text(left, "").ok() == as_text(right, "").ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(template: &Value, value: &Value) -> Result<Option<Value>, String> {
        let place = Place {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            stack_id: "id".to_owned(),
            stack_name: "S".to_owned(),
            topics: vec![],
        };
        let parameters = BTreeMap::from([
            ("Stage".to_owned(), "prod".to_owned()),
            ("Zones".to_owned(), "a, b".to_owned()),
        ]);
        let conditions = conditions(template, &place, &parameters).unwrap();
        let queue = Resource {
            physical_id: "q".to_owned(),
            ..Resource::default()
        };
        Scope {
            template,
            place: &place,
            parameters: &parameters,
            conditions: &conditions,
            resources: &BTreeMap::from([("Queue".to_owned(), queue)]),
            exports: &Exports {
                named: BTreeMap::from([("Net".to_owned(), "vpc-1".to_owned())]),
                outputs: BTreeMap::from([(("Other".to_owned(), "Id".to_owned()), "7".to_owned())]),
            },
            later: None,
        }
        .resolve(value)
    }

    fn template() -> Value {
        json!({
            "Parameters": {"Stage": {"Type": "String"}, "Zones": {"Type": "CommaDelimitedList"}},
            "Mappings": {"Sizes": {"prod": {"Count": 3}}},
            "Conditions": {
                "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
                "Other": {"Fn::And": [{"Condition": "IsProd"}, {"Fn::Not": [{"Condition": "IsProd"}]}]},
            },
        })
    }

    #[test]
    fn functions_are_evaluated() {
        let cases = [
            (
                json!({"Fn::Sub": "${Stage}-${!Stage}-${Queue}"}),
                json!("prod-${Stage}-q"),
            ),
            (
                json!({"Fn::Sub": ["${X}.${AWS::Region}", {"X": {"Ref": "Stage"}}]}),
                json!("prod.eu-west-1"),
            ),
            (json!({"Fn::Join": ["-", {"Ref": "Zones"}]}), json!("a-b")),
            (
                json!({"Fn::Select": ["1", {"Fn::GetAZs": ""}]}),
                json!("eu-west-1b"),
            ),
            (json!({"Fn::Split": ["-", "a-b"]}), json!(["a", "b"])),
            (
                json!({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Count"]}),
                json!(3),
            ),
            (json!({"Fn::If": ["IsProd", "yes", "no"]}), json!("yes")),
            (
                json!({"Fn::If": ["Other", "yes", {"x": 1}]}),
                json!({"x": 1}),
            ),
            (json!({"Fn::Base64": "hello"}), json!("aGVsbG8=")),
            (
                json!({"Fn::ImportValue": {"Fn::Sub": "Net"}}),
                json!("vpc-1"),
            ),
            (
                json!({"Fn::GetStackOutput": {"StackName": "Other", "OutputName": "Id"}}),
                json!("7"),
            ),
            (
                json!({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}),
                json!(["10.0.0.0/24", "10.0.1.0/24"]),
            ),
            (
                json!({"A": {"Ref": "AWS::NoValue"}, "B": 1}),
                json!({"B": 1}),
            ),
        ];
        for (given, wanted) in cases {
            assert_eq!(value_of(&template(), &given), Ok(Some(wanted)), "{given}");
        }
        let missing = value_of(&template(), &json!({"Fn::Select": [7, ["a"]]})).unwrap_err();
        assert_eq!(
            missing,
            "Fn::Select cannot select nonexistent value at index 7"
        );
    }
}
