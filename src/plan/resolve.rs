//! Template values, as plain as what is known before a deploy allows.
//!
//! What is not known stays a call: `Ref` and `Fn::GetAtt` of a resource, [`LATER`] for an output of a
//! stack that moves first. Equal calls are equal values, so a template before a change can be compared
//! with the one after it without a question to the account.

use crate::template::{scalar_text, schema};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The call that stands for another stack's output that will have moved: `[stack, output, certain]`.
pub const LATER: &str = "Infra::Later";

/// The call that stands for a parameter's value that is not to be seen, or not here.
pub const PARAMETER: &str = "Fn::Parameter";

/// How deep values may nest.
const DEEPEST: usize = 64;

/// Where a stack is, as far as that is known.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The stack's name.
    pub name: String,
    /// Its ARN, once it is there.
    pub id: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The account, where it is known before the stack is there.
    pub account: Option<String>,
}

impl Place {
    /// That of a stack of which the name alone is known.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn pseudo(&self, name: &str) -> Option<String> {
        let arn = |at: usize| self.id.as_ref()?.split(':').nth(at).map(str::to_owned);
        match name {
            "AWS::StackName" => Some(self.name.clone()),
            "AWS::StackId" => self.id.clone(),
            "AWS::Region" => arn(3).or_else(|| self.region.clone()),
            "AWS::AccountId" => arn(4).or_else(|| self.account.clone()),
            "AWS::Partition" => arn(1).or_else(|| Some(partition(self.region.as_ref()?).0)),
            "AWS::URLSuffix" => {
                let region = arn(3).or_else(|| self.region.clone())?;
                Some(partition(&region).1)
            }
            _ => None,
        }
    }
}

/// A region's partition and the end of its host names.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html>
pub fn partition(region: &str) -> (String, String) {
    let (partition, suffix) = match region {
        _ if region.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
        _ if region.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
        _ => ("aws", "amazonaws.com"),
    };
    (partition.to_owned(), suffix.to_owned())
}

/// A template and what its values are made of.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The template, intrinsics in long form.
    pub body: &'a Value,
    parameters: BTreeMap<String, Value>,
    place: Place,
    conditions: BTreeMap<String, Option<bool>>,
    physical: BTreeMap<String, Physical>,
}

/// What is known of a resource that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Physical {
    /// What a reference to it answers.
    pub id: String,
    /// Its attributes, as far as they are known.
    pub attributes: BTreeMap<String, String>,
}

impl<'a> Scope<'a> {
    /// The scope of a template. A parameter without a value here is not known.
    pub fn new(body: &'a Value, parameters: BTreeMap<String, Value>, place: Place) -> Self {
        let mut scope = Self {
            body,
            parameters,
            place,
            conditions: BTreeMap::new(),
            physical: BTreeMap::new(),
        };
        let names = body["Conditions"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys);
        let known = names.map(|name| (name.clone(), scope.condition(name, 0)));
        scope.conditions = known.collect();
        scope
    }

    /// The same with what is known of the resources that are there, by their logical ids.
    #[must_use]
    pub fn with_physical(mut self, physical: BTreeMap<String, Physical>) -> Self {
        self.physical = physical;
        self
    }

    /// The values that the parameters have.
    pub fn parameters(&self) -> &BTreeMap<String, Value> {
        &self.parameters
    }

    /// The conditions, `None` where what is known does not decide.
    pub fn conditions(&self) -> &BTreeMap<String, Option<bool>> {
        &self.conditions
    }

    /// Whether a resource or an output is there; `None` where what is known does not decide.
    pub fn exists(&self, entry: &Value) -> Option<bool> {
        let Some(name) = entry["Condition"].as_str() else {
            return Some(true);
        };
        self.conditions.get(name).copied().flatten()
    }

    /// The value; nothing where it is `AWS::NoValue`.
    pub fn resolve(&self, value: &Value) -> Option<Value> {
        self.value(value, 0)
    }

    /// The value as text, if all of it is known.
    pub fn text(&self, value: &Value) -> Option<String> {
        scalar_text(&self.resolve(value)?)
    }

    fn value(&self, value: &Value, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return Some(value.clone());
        }
        match value {
            Value::Array(items) => Some(
                items
                    .iter()
                    .filter_map(|item| self.value(item, depth + 1))
                    .collect(),
            ),
            Value::Object(fields) => match call(value) {
                Some((name, argument)) => self.call(name, argument, depth + 1),
                None => Some(Value::Object(
                    fields
                        .iter()
                        .filter_map(|(name, one)| Some((name.clone(), self.value(one, depth + 1)?)))
                        .collect(),
                )),
            },
            plain => Some(plain.clone()),
        }
    }

    fn call(&self, name: &str, argument: &Value, depth: usize) -> Option<Value> {
        if name == "Fn::If" {
            return self.branch(argument, depth);
        }
        if name == "Ref" {
            return self.reference(argument.as_str().unwrap_or_default(), depth);
        }
        if name == "Fn::Sub" {
            return Some(self.substituted(argument, depth));
        }
        let argument = self.value(argument, depth).unwrap_or_default();
        let known = match name {
            "Fn::GetAtt" => self.attribute(&argument, depth),
            "Fn::Join" => joined(&argument),
            "Fn::Select" => selected(&argument),
            "Fn::Split" => split(&argument),
            "Fn::FindInMap" => self.mapped(&argument),
            "Fn::Length" => argument
                .as_array()
                .filter(|_| is_plain(&argument))
                .map(|items| json!(items.len())),
            "Fn::ToJsonString" => is_plain(&argument).then(|| argument.to_string().into()),
            // The empty text stands for the stack's own region.
            "Fn::GetAZs" if argument == "" => {
                let own = self.place.pseudo("AWS::Region");
                own.map(|region| json!({ name: region }))
            }
            _ => None,
        };
        Some(known.unwrap_or_else(|| json!({ name: argument })))
    }

    fn branch(&self, argument: &Value, depth: usize) -> Option<Value> {
        let whole = || json!({ "Fn::If": argument });
        let Some([condition, yes, no]) = argument.as_array().map(Vec::as_slice) else {
            return Some(whole());
        };
        let name = condition.as_str().unwrap_or_default();
        match self.conditions.get(name).copied().flatten() {
            Some(true) => self.value(yes, depth),
            Some(false) => self.value(no, depth),
            None => {
                let nothing = || json!({ "Ref": "AWS::NoValue" });
                let branch = |one| self.value(one, depth).unwrap_or_else(nothing);
                Some(json!({ "Fn::If": [name, branch(yes), branch(no)] }))
            }
        }
    }

    fn reference(&self, name: &str, depth: usize) -> Option<Value> {
        if name == "AWS::NoValue" {
            return None;
        }
        if let Some(value) = self.parameters.get(name) {
            return Some(value.clone());
        }
        if let Some(text) = self.place.pseudo(name) {
            return Some(text.into());
        }
        if let Some(there) = self.physical.get(name) {
            return Some(there.id.as_str().into());
        }
        let given = self.identifier(name, depth);
        Some(given.unwrap_or_else(|| json!({ "Ref": name })))
    }

    /// The name that a resource is given, where that is what a reference to it answers.
    fn identifier(&self, name: &str, depth: usize) -> Option<Value> {
        let resource = self.certain(name)?;
        let schema = schema::schema(resource["Type"].as_str()?)?;
        match schema.primary_identifier() {
            [only] if !schema.read_only().contains(only) => {
                let given = resource["Properties"].get(only)?;
                self.value(given, depth).filter(is_plain)
            }
            _ => None,
        }
    }

    /// An attribute that is a property, and is given. The argument is resolved.
    fn attribute(&self, argument: &Value, depth: usize) -> Option<Value> {
        let (resource, attribute) = attribute_of(argument)?;
        let there = self.physical.get(&resource);
        if let Some(text) = there.and_then(|there| there.attributes.get(&attribute)) {
            return Some(text.as_str().into());
        }
        let given = self.certain(&resource).and_then(|entry| {
            let property = entry["Properties"].get(&attribute)?;
            self.value(property, depth).filter(is_plain)
        });
        Some(given.unwrap_or_else(|| json!({ "Fn::GetAtt": [resource, attribute] })))
    }

    /// A resource that is there for sure.
    fn certain(&self, name: &str) -> Option<&Value> {
        let resource = self.body["Resources"].get(name)?;
        (self.exists(resource) == Some(true)).then_some(resource)
    }

    fn substituted(&self, argument: &Value, depth: usize) -> Value {
        let none = Map::new();
        let (text, own) = match argument {
            Value::Array(parts) => (
                parts.first().and_then(Value::as_str).unwrap_or_default(),
                parts.get(1).and_then(Value::as_object).unwrap_or(&none),
            ),
            one => (one.as_str().unwrap_or_default(), &none),
        };
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else {
                break;
            };
            pieces.push(before.into());
            pieces.push(match (name.strip_prefix('!'), own.get(name)) {
                (Some(literal), _) => format!("${{{literal}}}").into(),
                (None, Some(value)) => self.value(value, depth).unwrap_or_default(),
                (None, None) if name.contains('.') => self
                    .attribute(&name.into(), depth)
                    .unwrap_or_else(|| json!({ "Ref": name })),
                (None, None) => self.reference(name.trim(), depth).unwrap_or_default(),
            });
            rest = behind;
        }
        pieces.push(rest.into());
        concatenated(pieces)
    }

    fn mapped(&self, argument: &Value) -> Option<Value> {
        let [map, first, second, ..] = argument.as_array()?.as_slice() else {
            return None;
        };
        let found = self.body["Mappings"]
            .get(map.as_str()?)?
            .get(scalar_text(first)?)
            .and_then(|inner| inner.get(scalar_text(second)?));
        let default = || argument.get(3)?.get("DefaultValue").cloned();
        found.cloned().or_else(default)
    }

    fn condition(&self, name: &str, depth: usize) -> Option<bool> {
        if depth > DEEPEST {
            return None;
        }
        self.truth(self.body["Conditions"].get(name)?, depth + 1)
    }

    fn truth(&self, value: &Value, depth: usize) -> Option<bool> {
        let (name, argument) = value.as_object()?.iter().next()?;
        let each = || {
            argument
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| self.truth(one, depth + 1))
        };
        match name.as_str() {
            "Condition" => self.condition(argument.as_str()?, depth),
            "Fn::Not" => each().next()?.map(|truth| !truth),
            "Fn::And" => decided(each(), false),
            "Fn::Or" => decided(each(), true),
            "Fn::Equals" => {
                let sides = self.value(argument, depth)?;
                let [one, other] = sides.as_array()?.as_slice() else {
                    return None;
                };
                let equal = super::diff::equal(one, other);
                (equal || (is_plain(one) && is_plain(other))).then_some(equal)
            }
            _ => None,
        }
    }
}

/// The values of a template's parameters: what is given, and else the defaults. What the service reads
/// from elsewhere, and what is masked, stays a call.
pub fn parameters(body: &Value, given: impl Fn(&str) -> Option<Value>) -> BTreeMap<String, Value> {
    let mut known = all_parameters(body, given);
    known.retain(|name, _| !is_masked(&body["Parameters"][name]));
    known
}

/// The same with what is masked: to compare it, never to show it.
pub(super) fn all_parameters(
    body: &Value,
    given: impl Fn(&str) -> Option<Value>,
) -> BTreeMap<String, Value> {
    let declared = body["Parameters"].as_object().into_iter().flatten();
    let known = declared.filter_map(|(name, of)| {
        let kind = of["Type"].as_str().unwrap_or_default();
        let value = given(name).or_else(|| scalar_text(&of["Default"]).map(Value::String))?;
        let text = scalar_text(&value);
        let value = match text {
            Some(text) if text == crate::secrets::MASK => return None,
            Some(key) if kind.starts_with("AWS::SSM::") => json!({ PARAMETER: key }),
            Some(text) if kind.starts_with("List<") || kind == "CommaDelimitedList" => {
                text.split(',').map(|item| item.trim()).collect()
            }
            _ => value,
        };
        Some((name.clone(), value))
    });
    known.collect()
}

/// Whether a template masks a parameter that it declares so.
pub(super) fn is_masked(declared: &Value) -> bool {
    scalar_text(&declared["NoEcho"]).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// `decisive` if one of them is that, the contrary if all are the contrary, and else not known.
fn decided(truths: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut all = Some(!decisive);
    for truth in truths {
        match truth {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

/// The name and the argument of a call.
pub fn call(value: &Value) -> Option<(&str, &Value)> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let (name, argument) = fields.iter().next()?;
    (name == "Ref" || name == LATER || name.starts_with("Fn::")).then_some((name, argument))
}

/// Whether all of a value is known.
pub fn is_plain(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => call(value).is_none() && fields.values().all(is_plain),
        _ => true,
    }
}

/// A resource and an attribute of it, in any spelling.
pub fn attribute_of(argument: &Value) -> Option<(String, String)> {
    match argument {
        Value::Array(parts) => {
            let parts: Option<Vec<String>> = parts.iter().map(scalar_text).collect();
            let parts = parts?;
            let (resource, attribute) = parts.split_first()?;
            Some((resource.clone(), attribute.join(".")))
        }
        one => {
            let (resource, attribute) = one.as_str()?.split_once('.')?;
            Some((resource.to_owned(), attribute.to_owned()))
        }
    }
}

/// What a value reads that is not known: a resource (and an attribute of it), or another stack's output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mention {
    /// What identifies a resource.
    Resource(String),
    /// An attribute of a resource.
    Attribute(String, String),
    /// An output that will have moved, and whether that is certain.
    Later(String, String, bool),
}

/// What a resolved value reads.
pub fn mentions(value: &Value) -> BTreeSet<Mention> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<Mention>) {
    let text = |value: &Value, at: usize| value[at].as_str().unwrap_or_default().to_owned();
    match (value, call(value)) {
        (_, Some(("Ref", name))) => {
            found.insert(Mention::Resource(
                name.as_str().unwrap_or_default().to_owned(),
            ));
        }
        (_, Some(("Fn::GetAtt", of))) => {
            found.insert(Mention::Attribute(text(of, 0), text(of, 1)));
        }
        (_, Some((LATER, of))) => {
            let certain = of[2].as_bool().unwrap_or_default();
            found.insert(Mention::Later(text(of, 0), text(of, 1), certain));
        }
        (Value::Array(items), _) => items.iter().for_each(|item| collect(item, found)),
        (Value::Object(fields), _) => fields.values().for_each(|field| collect(field, found)),
        _ => {}
    }
}

/// Texts and calls one after the other, as one value.
fn concatenated(pieces: Vec<Value>) -> Value {
    let mut merged: Vec<Value> = Vec::new();
    for piece in flattened(pieces) {
        match (merged.last_mut(), scalar_text(&piece)) {
            (_, Some(text)) if text.is_empty() => {}
            (Some(Value::String(last)), Some(text)) => last.push_str(&text),
            (_, Some(text)) => merged.push(text.into()),
            (_, None) => merged.push(piece),
        }
    }
    match merged.len() {
        0 => Value::String(String::new()),
        1 => merged.remove(0),
        _ => json!({ "Fn::Join": ["", merged] }),
    }
}

fn flattened(pieces: Vec<Value>) -> Vec<Value> {
    let inner = |piece: &Value| match call(piece)? {
        ("Fn::Join", of) if of[0] == "" => of[1].as_array().cloned(),
        _ => None,
    };
    let each = pieces.into_iter();
    each.flat_map(|piece| inner(&piece).unwrap_or_else(|| vec![piece]))
        .collect()
}

fn joined(argument: &Value) -> Option<Value> {
    let [separator, Value::Array(items)] = argument.as_array()?.as_slice() else {
        return None;
    };
    let separator = Value::String(scalar_text(separator)?);
    let mut pieces = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            pieces.push(separator.clone());
        }
        pieces.push(item.clone());
    }
    Some(concatenated(pieces))
}

fn selected(argument: &Value) -> Option<Value> {
    let [index, Value::Array(items)] = argument.as_array()?.as_slice() else {
        return None;
    };
    items
        .get(scalar_text(index)?.parse::<usize>().ok()?)
        .cloned()
}

fn split(argument: &Value) -> Option<Value> {
    let [separator, text] = argument.as_array()?.as_slice() else {
        return None;
    };
    let (separator, text) = (separator.as_str()?, text.as_str()?);
    (!separator.is_empty()).then(|| text.split(separator).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            name: "S".to_owned(),
            id: Some("arn:aws:cloudformation:eu-west-1:123456789012:stack/S/1".to_owned()),
            region: None,
            account: None,
        }
    }

    fn parameters() -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("Name".to_owned(), json!("orders")),
            (
                "Later".to_owned(),
                json!({ LATER: ["Base", "VpcId", true] }),
            ),
        ])
    }

    fn body() -> Value {
        json!({
            "Mappings": {"M": {"eu-west-1": {"Size": 3}}},
            "Conditions": {
                "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]},
                "There": {"Fn::Not": [{"Condition": "Here"}]},
                "Open": {"Fn::Equals": [{"Ref": "Later"}, "x"]},
                "Either": {"Fn::Or": [{"Condition": "Open"}, {"Condition": "Here"}]},
                "Both": {"Fn::And": [{"Condition": "Open"}, {"Condition": "Here"}]},
            },
            "Resources": {
                "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Ref": "Name"}}},
                "Free": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
                "Maybe": {"Type": "AWS::DynamoDB::Table", "Condition": "Open",
                    "Properties": {"TableName": {"Ref": "Name"}}},
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}},
            },
        })
    }

    #[test]
    fn what_is_known_is_filled_in() {
        let body = body();
        let scope = Scope::new(&body, parameters(), place());
        for (value, wanted) in [
            (json!({"Ref": "Table"}), json!("orders")),
            (
                json!({"Fn::Sub": "arn/${Table}-${Name}-${!x}"}),
                json!("arn/orders-orders-${x}"),
            ),
            (
                json!({"Fn::GetAtt": ["Queue", "QueueName"]}),
                json!("orders"),
            ),
            (
                json!({"Fn::GetAtt": "Table.Arn"}),
                json!({"Fn::GetAtt": ["Table", "Arn"]}),
            ),
            (
                json!({"Fn::Join": ["/", ["a", {"Ref": "Name"}]]}),
                json!("a/orders"),
            ),
            (
                json!({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "Size"]}),
                json!(3),
            ),
            (
                json!({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}),
                json!("b"),
            ),
            (
                json!({"Fn::If": ["There", 1, {"Ref": "AWS::AccountId"}]}),
                json!("123456789012"),
            ),
            (json!([{"Ref": "AWS::NoValue"}, 1]), json!([1])),
            (json!({"Ref": "Queue"}), json!({"Ref": "Queue"})),
            (json!({"Ref": "Free"}), json!({"Ref": "Free"})),
            (json!({"Ref": "Maybe"}), json!({"Ref": "Maybe"})),
            (
                json!({"Fn::Sub": ["${a}-${Free}", {"a": {"Fn::Sub": "${Free}x"}}]}),
                json!({"Fn::Join": ["", [{"Ref": "Free"}, "x-", {"Ref": "Free"}]]}),
            ),
        ] {
            assert_eq!(scope.resolve(&value), Some(wanted), "{value}");
        }
        let open = scope.resolve(&json!({"Fn::If": ["Open", 1, {"Ref": "AWS::NoValue"}]}));
        assert_eq!(
            open,
            Some(json!({"Fn::If": ["Open", 1, {"Ref": "AWS::NoValue"}]}))
        );
    }

    #[test]
    fn conditions_are_decided_as_far_as_they_can_be() {
        let body = body();
        let scope = Scope::new(&body, parameters(), place());
        let known = |name: &str| scope.conditions()[name];
        assert_eq!(
            ["Here", "There", "Open", "Either", "Both"].map(known),
            [Some(true), Some(false), None, Some(true), None]
        );
    }

    #[test]
    fn what_is_not_known_is_named() {
        let value =
            json!({"Fn::Join": ["", ["a-", {"Ref": "Free"}, {LATER: ["Base", "VpcId", true]}]]});
        assert_eq!(mentions(&value).len(), 2);
        assert!(!is_plain(&value) && is_plain(&json!({"Statement": [1]})));
    }
}
