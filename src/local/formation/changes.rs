//! What an update does to each resource, before it is done: the change set.

use super::details::{Modified, addition, leaves, removal};
use super::engine::Program;
use super::evaluate::{Exports, KNOWN_AFTER_APPLY, Place, same};
use super::nested;
use super::source;
use crate::local::model::{Goal, Resource, Stack};
use crate::local::refusal::Refusal;
use crate::template::schema::{self, Replacement};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a changed resource needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Same,
    /// It is changed in place.
    InPlace,
    /// It is replaced if the new value differs once it is known.
    Perhaps,
    /// A new one takes its place.
    Replace,
}

/// Compares a resource's type and properties with those that are asked of it.
pub fn verdict(from: &Value, was: &str, kind: &str, properties: &Value) -> Verdict {
    if was != kind {
        return Verdict::Replace;
    }
    let schema = schema::schema(kind);
    let none = Value::Object(serde_json::Map::new());
    let mut worst = Verdict::Same;
    let mut places = Vec::new();
    // A resource may have no properties at all.
    let given = |value| {
        Some(value)
            .filter(|value: &&Value| !value.is_null())
            .unwrap_or(&none)
    };
    leaves(Some(given(from)), Some(given(properties)), "", &mut places);
    for place in places {
        let replacement = schema.as_ref().map_or(Replacement::Never, |schema| {
            schema.replacement(&place.path.trim_start_matches('/').replace('/', "."))
        });
        let unknown = place.after.is_some_and(is_unknown);
        let this = match (replacement, unknown) {
            (Replacement::Always, false) => Verdict::Replace,
            (Replacement::Always | Replacement::Conditionally, _) => Verdict::Perhaps,
            (Replacement::Never, _) => Verdict::InPlace,
        };
        if (this as u8) > (worst as u8) {
            worst = this;
        }
    }
    worst
}

/// Whether a value is known only once the change set is executed.
pub fn is_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(KNOWN_AFTER_APPLY),
        Value::Array(items) => items.iter().any(is_unknown),
        Value::Object(fields) => fields.values().any(is_unknown),
        _ => false,
    }
}

/// The properties that differ.
pub fn changed<'a>(
    before: &'a serde_json::Map<String, Value>,
    after: &'a serde_json::Map<String, Value>,
) -> BTreeSet<&'a String> {
    before
        .keys()
        .chain(after.keys())
        .filter(|name| match (before.get(*name), after.get(*name)) {
            (Some(before), Some(after)) => !same(before, after),
            _ => true,
        })
        .collect()
}

/// What a change set is made for, beside its goal.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Where the stack is.
    pub place: &'a Place,
    /// What other stacks give.
    pub exports: &'a Exports,
    /// Resources that are taken over, and not made.
    pub imports: &'a BTreeMap<String, String>,
    /// Whether what drifted is brought back.
    pub revert_drift: bool,
}

/// The changes that lead from the stack as it is to the goal, as DescribeChangeSet answers them.
///
/// # Errors
/// A template that the service would refuse.
pub fn changes(stack: &Stack, goal: &Goal, asked: &Asked<'_>) -> Result<Vec<Value>, Refusal> {
    let program = Program::read(goal, asked.place).map_err(Refusal::validation)?;
    let mut needs = program.needs.clone();
    // What failed to be created is not there.
    let made: BTreeMap<&String, &Resource> = stack
        .resources
        .iter()
        .filter(|(_, resource)| !resource.physical_id.is_empty())
        .collect();
    let gone = made.iter().filter(|(name, _)| !needs.contains_key(**name));
    let mut found: Vec<Value> = gone.map(|(name, old)| removal(name, old)).collect();
    let mut later: BTreeSet<String> = needs
        .keys()
        .filter(|name| !made.contains_key(*name))
        .cloned()
        .collect();
    let before = source::parse(stack.goal.text()).unwrap_or_default();
    let values = stack.goal.values();
    while let Some(name) = next(&needs) {
        needs.remove(&name);
        let entry = &program.template["Resources"][&name];
        let kind = entry["Type"].as_str().unwrap_or_default();
        let mut scope = program.scope(stack, asked.place, asked.exports);
        scope.later = Some(&later);
        let properties = program
            .properties(&scope, &name, None)
            .map_err(|text| Refusal::validation(format!("Template error: {text}")))?
            .unwrap_or_default();
        let Some(old) = made.get(&name) else {
            found.push(addition(&name, kind, &properties, asked.imports.get(&name)));
            continue;
        };
        let from = if asked.revert_drift {
            old.actual()
        } else {
            &old.properties
        };
        let modified = Modified {
            old,
            kind,
            from,
            to: &properties,
            entry,
            before: &before["Resources"][&name],
            values: (&values, &program.values),
            later: &later,
            retagged: stack.goal.tags != goal.tags && takes_tags(kind),
        };
        let verdict = verdict(from, &old.kind, kind, &properties);
        let change = modified.change(&name, verdict);
        let answers = super::check::is_custom(kind) && verdict == Verdict::InPlace;
        if verdict == Verdict::Replace || verdict == Verdict::Perhaps || answers {
            later.insert(name);
        }
        found.extend(change);
    }
    found.sort_by(|a, b| logical_id(a).cmp(logical_id(b)));
    let hidden = |of: &'_ Goal, values: &BTreeMap<String, String>| -> Vec<String> {
        let names = of.secrets.iter();
        names.filter_map(|name| values.get(name).cloned()).collect()
    };
    let mut secrets = hidden(&stack.goal, &values);
    secrets.extend(hidden(goal, &program.values));
    found.iter_mut().for_each(|change| mask(change, &secrets));
    Ok(found)
}

/// Whether the stack's tags become the resource's.
pub fn takes_tags(kind: &str) -> bool {
    schema::schema(kind).is_some_and(|schema| schema.type_of("Tags").is_some())
}

fn logical_id(change: &Value) -> &str {
    change["ResourceChange"]["LogicalResourceId"]
        .as_str()
        .unwrap_or_default()
}

fn next(needs: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let free = needs
        .iter()
        .find(|(_, of)| of.iter().all(|name| !needs.contains_key(name)));
    free.map(|(name, _)| name.clone())
}

/// Hides what may not be shown, wherever it stands.
fn mask(value: &mut Value, secrets: &[String]) {
    match value {
        Value::String(text) => {
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), "****");
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|field| mask(field, secrets)),
        _ => {}
    }
}

/// Whether an update to the goal would do anything at all.
pub fn differs(stack: &Stack, goal: &Goal) -> bool {
    // A nested stack's template may have changed where it lies.
    stack.goal.text().contains(nested::KIND) || differs_itself(stack, goal)
}

/// The same without what its nested stacks may do.
pub fn differs_itself(stack: &Stack, goal: &Goal) -> bool {
    let now = &stack.goal;
    now.parameters != goal.parameters
        || now.resolved != goal.resolved
        || now.dynamic != goal.dynamic
        || now.tags != goal.tags
        || now.topics != goal.topics
        || (now.text() != goal.text() && effective(now.text()) != effective(goal.text()))
}

// A description alone is no change.
fn effective(body: &str) -> Option<Value> {
    let mut template = source::parse(body).ok()?;
    if let Some(sections) = template.as_object_mut() {
        sections.remove("Description");
        sections.remove("Metadata");
    }
    Some(template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schema_says_what_is_replaced() {
        let old = json!({"QueueName": "a", "DelaySeconds": "5"});
        let of =
            |properties: Value| verdict(&old, "AWS::SQS::Queue", "AWS::SQS::Queue", &properties);
        assert_eq!(
            of(json!({"QueueName": "a", "DelaySeconds": 5})),
            Verdict::Same
        );
        assert_eq!(of(json!({"QueueName": "a"})), Verdict::InPlace);
        let bare = |to| verdict(&Value::Null, "AWS::SQS::Queue", "AWS::SQS::Queue", &to);
        assert_eq!(bare(json!({})), Verdict::Same);
        assert_eq!(
            of(json!({"QueueName": "b", "DelaySeconds": 5})),
            Verdict::Replace
        );
        assert_eq!(
            of(json!({"QueueName": KNOWN_AFTER_APPLY, "DelaySeconds": 5})),
            Verdict::Perhaps
        );
    }
}
