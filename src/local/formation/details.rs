//! One resource's change, as DescribeChangeSet tells it: each property with its values, whether it
//! replaces the resource, and what caused it.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html>

use super::changes::{Verdict, changed, is_unknown};
use super::evaluate::same;
use super::nested;
use super::references::mentions;
use crate::local::model::Resource;
use crate::template::schema::{self, Replacement};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Attributes of a resource that a change set tells of, beside its properties.
const ATTRIBUTES: [&str; 5] = [
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
];

/// A resource that goes.
pub fn removal(name: &str, old: &Resource) -> Value {
    let action = match old.deletion_policy.as_deref() {
        Some("Retain" | "RetainExceptOnCreate") => "Retain",
        Some("Snapshot") => "Snapshot",
        _ => "Delete",
    };
    json!({ "Type": "Resource", "ResourceChange": {
        "PolicyAction": action,
        "Action": "Remove",
        "LogicalResourceId": name,
        "PhysicalResourceId": old.physical_id,
        "ResourceType": old.kind,
        "Scope": [],
        "Details": [],
        "BeforeContext": context(&old.properties, &json!({})),
    }})
}

/// A resource that is made, or taken over by its physical id.
pub fn addition(name: &str, kind: &str, properties: &Value, import: Option<&String>) -> Value {
    json!({ "Type": "Resource", "ResourceChange": {
        "Action": if import.is_some() { "Import" } else { "Add" },
        "LogicalResourceId": name,
        "PhysicalResourceId": import,
        "ResourceType": kind,
        "Scope": [],
        "Details": [],
        "AfterContext": context(properties, &json!({})),
    }})
}

fn context(properties: &Value, entry: &Value) -> String {
    let mut whole = Map::new();
    whole.insert("Properties".to_owned(), properties.clone());
    for name in ATTRIBUTES {
        if let Some(value) = entry.get(name) {
            whole.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(whole).to_string()
}

/// A resource that stays, before and after.
#[derive(Debug)]
pub struct Modified<'a> {
    /// The resource.
    pub old: &'a Resource,
    /// Its type in the new template.
    pub kind: &'a str,
    /// Its properties before.
    pub from: &'a Value,
    /// Its properties after.
    pub to: &'a Value,
    /// What the new template says of it.
    pub entry: &'a Value,
    /// What the old template said of it.
    pub before: &'a Value,
    /// Parameter values before and after.
    pub values: (&'a BTreeMap<String, String>, &'a BTreeMap<String, String>),
    /// Resources whose values are not known yet.
    pub later: &'a BTreeSet<String>,
    /// Whether the stack's tags differ and become the resource's.
    pub retagged: bool,
}

impl Modified<'_> {
    /// The change, if there is one.
    pub fn change(&self, name: &str, verdict: Verdict) -> Option<Value> {
        let mut details = self.properties();
        let mut scope = if details.is_empty() {
            vec![]
        } else {
            vec!["Properties"]
        };
        if self.retagged {
            scope.push("Tags");
            details.push(detail(attribute("Tags", None, None), "DirectModification"));
        }
        for one in ATTRIBUTES {
            let (before, after) = (self.before.get(one), self.entry.get(one));
            if before != after && !self.before.is_null() {
                scope.push(one);
                details.push(detail(attribute(one, before, after), "DirectModification"));
            }
        }
        if details.is_empty() && self.kind == nested::KIND {
            let mut automatic = detail(attribute("Properties", None, None), "Automatic");
            automatic["Evaluation"] = json!("Dynamic");
            scope.push("Properties");
            details.push(automatic);
        }
        if details.is_empty() && verdict == Verdict::Same {
            return None;
        }
        let replacement = match verdict {
            Verdict::Replace => "True",
            Verdict::Perhaps => "Conditional",
            Verdict::InPlace | Verdict::Same => "False",
        };
        Some(json!({ "Type": "Resource", "ResourceChange": {
            "PolicyAction": (verdict == Verdict::Replace).then(|| self.policy()),
            "Action": "Modify",
            "LogicalResourceId": name,
            "PhysicalResourceId": self.old.physical_id,
            "ResourceType": self.kind,
            "Replacement": replacement,
            "Scope": scope,
            "Details": details,
            "BeforeContext": context(self.from, self.before),
            "AfterContext": context(self.to, self.entry),
        }}))
    }

    fn policy(&self) -> &'static str {
        match self.old.replace_policy.as_deref() {
            Some("Retain") => "ReplaceAndRetain",
            Some("Snapshot") => "ReplaceAndSnapshot",
            _ => "ReplaceAndDelete",
        }
    }

    fn properties(&self) -> Vec<Value> {
        let empty = Map::new();
        let (from, to) = (
            self.from.as_object().unwrap_or(&empty),
            self.to.as_object().unwrap_or(&empty),
        );
        let names = changed(from, to);
        names
            .into_iter()
            .flat_map(|name| self.property(name))
            .collect()
    }

    /// A detail for each place in the property that differs and each of its causes.
    fn property(&self, name: &str) -> Vec<Value> {
        let schema = schema::schema(self.kind);
        let recreation = |path: &str| {
            let path = path.trim_start_matches("/Properties/").replace('/', ".");
            match schema.as_ref().map(|schema| schema.replacement(&path)) {
                Some(Replacement::Always) => "Always",
                Some(Replacement::Conditionally) => "Conditionally",
                _ => "Never",
            }
        };
        let mut places = Vec::new();
        leaves(
            self.from.get(name),
            self.to.get(name),
            &format!("/Properties/{name}"),
            &mut places,
        );
        let causes = self.causes(name);
        let each = places
            .iter()
            .flat_map(|place| causes.iter().map(move |cause| (place, cause)));
        each.map(|(place, cause)| {
            let unknown = place.after.is_some_and(is_unknown);
            json!({
                "Target": {
                    "Attribute": "Properties",
                    "Name": name,
                    "RequiresRecreation": recreation(&place.path),
                    "Path": place.path,
                    "BeforeValue": place.before.map(written),
                    "AfterValue": place.after.map(written),
                    "AttributeChangeType": place.kind(),
                },
                "Evaluation": if unknown { "Dynamic" } else { "Static" },
                "ChangeSource": cause.source,
                "CausingEntity": cause.entity,
            })
        })
        .collect()
    }

    fn causes(&self, property: &str) -> Vec<Cause> {
        let after = &self.entry["Properties"][property];
        let mut found: Vec<Cause> = mentions(after)
            .into_iter()
            .filter_map(|(name, attribute)| self.cause(name, attribute))
            .collect();
        found.dedup();
        if &self.before["Properties"][property] != after || found.is_empty() {
            found.push(Cause {
                source: "DirectModification",
                entity: None,
            });
        }
        found
    }

    fn cause(&self, name: String, attribute: Option<String>) -> Option<Cause> {
        let (before, after) = self.values;
        if after.contains_key(&name) {
            let moved = before.get(&name) != after.get(&name);
            return moved.then_some(Cause {
                source: "ParameterReference",
                entity: Some(name),
            });
        }
        if !self.later.contains(&name) {
            return None;
        }
        Some(match attribute {
            Some(attribute) => Cause {
                source: "ResourceAttribute",
                entity: Some(format!("{name}.{attribute}")),
            },
            None => Cause {
                source: "ResourceReference",
                entity: Some(name),
            },
        })
    }
}

#[derive(Debug, PartialEq)]
struct Cause {
    source: &'static str,
    entity: Option<String>,
}

fn attribute(name: &str, before: Option<&Value>, after: Option<&Value>) -> Value {
    json!({
        "Attribute": name,
        "RequiresRecreation": "Never",
        "BeforeValue": before.map(written),
        "AfterValue": after.map(written),
    })
}

fn detail(target: Value, source: &str) -> Value {
    json!({ "Target": target, "Evaluation": "Static", "ChangeSource": source })
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A place that differs.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) path: String,
    pub(super) before: Option<&'a Value>,
    pub(super) after: Option<&'a Value>,
}

impl Place<'_> {
    fn kind(&self) -> &'static str {
        match (self.before, self.after) {
            (None, _) => "Add",
            (_, None) => "Remove",
            _ => "Modify",
        }
    }
}

pub(super) fn leaves<'a>(
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    path: &str,
    found: &mut Vec<Place<'a>>,
) {
    match (before, after) {
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
            for name in names {
                leaves(
                    from.get(name),
                    to.get(name),
                    &format!("{path}/{name}"),
                    found,
                );
            }
        }
        (Some(Value::Array(from)), Some(Value::Array(to))) if from.len() == to.len() => {
            for (at, pair) in from.iter().zip(to).enumerate() {
                leaves(Some(pair.0), Some(pair.1), &format!("{path}/{at}"), found);
            }
        }
        (Some(from), Some(to)) if same(from, to) => {}
        (before, after) => found.push(Place {
            path: path.to_owned(),
            before,
            after,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_told_with_its_values_and_its_cause() {
        let (from, to) = (json!({"DelaySeconds": "1"}), json!({"DelaySeconds": "2"}));
        let entry = json!({"Properties": {"DelaySeconds": {"Ref": "Delay"}}});
        let values = |delay: &str| BTreeMap::from([("Delay".to_owned(), delay.to_owned())]);
        let modified = Modified {
            old: &Resource::default(),
            kind: "AWS::SQS::Queue",
            from: &from,
            to: &to,
            entry: &entry,
            before: &entry,
            values: (&values("1"), &values("2")),
            later: &BTreeSet::new(),
            retagged: false,
        };
        let change = modified.change("Q", Verdict::InPlace).unwrap();
        assert_eq!(
            change["ResourceChange"]["Details"],
            json!([{
                "Target": {
                    "Attribute": "Properties", "Name": "DelaySeconds", "RequiresRecreation": "Never",
                    "Path": "/Properties/DelaySeconds", "BeforeValue": "1", "AfterValue": "2",
                    "AttributeChangeType": "Modify",
                },
                "Evaluation": "Static", "ChangeSource": "ParameterReference", "CausingEntity": "Delay",
            }])
        );
    }
}
