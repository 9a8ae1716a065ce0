//! What a change allows that was not allowed before: access by policies and networks, public access,
//! guards that are taken away.

mod firewall;
mod guards;
mod network;
mod policies;
#[cfg(test)]
mod tests;

use super::effects::{Effects, Fate, resources};
use super::readable::readable;
use super::resolve::Scope;
use crate::template::scalar_text;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Something that is allowed and was not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Widening {
    /// The resource's logical id.
    pub resource: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What is allowed, in words.
    pub what: String,
    /// Where the resource stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What kind of thing is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A statement of a policy, a managed policy, a permission to invoke.
    Access,
    /// A rule of a security group or of a network ACL, a route.
    Network,
    /// Something that is open to everybody.
    Public,
    /// A guard that is gone or weaker: an authorizer, a web ACL, encryption.
    Guard,
}

/// Takes what is found, in words.
type Add<'a> = &'a mut dyn FnMut(Kind, String);

/// What the change widens. A new resource widens by all that it allows.
pub fn widened(before: Option<&Scope<'_>>, after: &Scope<'_>, effects: &Effects) -> Vec<Widening> {
    let (old, new) = (before.map(resources).unwrap_or_default(), resources(after));
    let mut found = BTreeSet::new();
    for effect in &effects.resources {
        let mut add = |kind, what: String| {
            found.insert(Widening {
                resource: effect.name.clone(),
                kind,
                what,
                place: effect.place.clone(),
            });
        };
        let was = old.get(&effect.name).unwrap_or(&Value::Null);
        match (effect.action, new.get(&effect.name)) {
            (Fate::Remove, _) => gone(was, &mut add),
            (Fate::Add | Fate::Modify, Some(now)) => {
                policies::compare(was, now, &mut add);
                network::compare(was, now, &mut add);
                guards::compare(was, now, &mut add);
                firewall::compare(was, now, &mut add);
            }
            (Fate::Add | Fate::Modify, None) => {}
        }
    }
    found.into_iter().collect()
}

/// Types whose resources guard or watch others.
const GUARDIANS: [&str; 11] = [
    "AWS::ApiGateway::Authorizer",
    "AWS::ApiGateway::RequestValidator",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::CloudTrail::Trail",
    "AWS::Config::ConfigRule",
    "AWS::EC2::FlowLog",
    "AWS::GuardDuty::Detector",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACL",
    "AWS::WAFv2::WebACLAssociation",
];

/// What guards others and goes.
fn gone(was: &Value, add: Add<'_>) {
    let kind = was["Type"].as_str().unwrap_or_default();
    if GUARDIANS.contains(&kind) || policies::denies(was) || network::denies(was) {
        add(Kind::Guard, format!("{kind} goes"));
    }
}

fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => vec![],
        one => vec![one],
    }
}

fn text(value: &Value) -> String {
    let value = readable(value);
    scalar_text(&value).unwrap_or_else(|| match value {
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

fn texts(value: &Value) -> Vec<String> {
    each(value).into_iter().map(text).collect()
}

/// The first of those properties that a resource is given, as text.
fn first(of: &Value, names: &[&str]) -> String {
    let mut given = names.iter().map(|name| text(&of[*name]));
    given.find(|text| !text.is_empty()).unwrap_or_default()
}

/// The properties of a resource; of one that is not there, none.
fn properties(entry: &Value) -> &Value {
    &entry["Properties"]
}
