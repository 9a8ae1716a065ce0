//! What an update does to each resource, before it is done: the change set.

use super::evaluate::{self, KNOWN_AFTER_APPLY, Place, Scope, same};
use crate::local::model::{Goal, Resource, Stack};
use crate::local::refusal::Refusal;
use crate::template::schema::{self, Replacement};
use serde_json::{Value, json};
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

/// Compares a resource with what is asked of it.
pub fn verdict(old: &Resource, kind: &str, properties: &Value) -> Verdict {
    if old.kind != kind {
        return Verdict::Replace;
    }
    let schema = schema::schema(kind);
    let (mut worst, empty) = (Verdict::Same, serde_json::Map::new());
    let before = old.properties.as_object().unwrap_or(&empty);
    let after = properties.as_object().unwrap_or(&empty);
    for name in changed(before, after) {
        let replacement = schema
            .as_ref()
            .map_or(Replacement::Never, |schema| schema.replacement(name));
        let unknown = after.get(name).is_some_and(is_unknown);
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

fn is_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(KNOWN_AFTER_APPLY),
        Value::Array(items) => items.iter().any(is_unknown),
        Value::Object(fields) => fields.values().any(is_unknown),
        _ => false,
    }
}

fn changed<'a>(
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

/// The changes that lead from the stack as it is to the goal, as DescribeChangeSet answers them.
///
/// # Errors
/// A template that the service would refuse.
pub fn changes(
    stack: &Stack,
    goal: &Goal,
    place: &Place,
    exports: &BTreeMap<String, String>,
) -> Result<Vec<Value>, Refusal> {
    let (template, values) = (evaluate::parse(goal.text())?, goal.values());
    let conditions = evaluate::conditions(&template, place, &values)?;
    let mut needs = evaluate::dependencies(&template, &conditions);
    let (mut later, mut found) = (BTreeSet::new(), Vec::new());
    // What failed to be created is not there.
    let made: BTreeMap<&String, &Resource> = stack
        .resources
        .iter()
        .filter(|(_, resource)| !resource.physical_id.is_empty())
        .collect();
    for name in stack
        .resources
        .keys()
        .filter(|name| !needs.contains_key(*name))
    {
        found.extend(
            stack
                .resources
                .get(name)
                .map(|old| change(name, &old.kind, old, "Remove", None)),
        );
    }
    later.extend(
        needs
            .keys()
            .filter(|name| !made.contains_key(*name))
            .cloned(),
    );
    while let Some(name) = next(&needs) {
        needs.remove(&name);
        let entry = &template["Resources"][&name];
        let kind = entry["Type"].as_str().unwrap_or_default();
        let Some(old) = made.get(&name) else {
            found.push(change(&name, kind, &Resource::default(), "Add", None));
            continue;
        };
        let scope = Scope {
            template: &template,
            place,
            parameters: &values,
            conditions: &conditions,
            resources: &stack.resources,
            exports,
            later: Some(&later),
        };
        let properties = scope
            .resolve(&entry["Properties"])
            .map_err(|text| Refusal::validation(format!("Template error: {text}")))?
            .unwrap_or_default();
        let verdict = verdict(old, kind, &properties);
        let retagged = stack.goal.tags != goal.tags
            && schema::schema(kind).is_some_and(|s| s.type_of("Tags").is_some());
        if verdict == Verdict::Replace || verdict == Verdict::Perhaps {
            later.insert(name.clone());
        }
        if verdict != Verdict::Same || retagged {
            found.push(modification(
                &name,
                kind,
                old,
                &properties,
                verdict,
                retagged,
            ));
        }
    }
    found.sort_by(|a, b| logical_id(a).cmp(logical_id(b)));
    Ok(found)
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

fn change(
    name: &str,
    kind: &str,
    old: &Resource,
    action: &str,
    replacement: Option<&str>,
) -> Value {
    let policy = (action == "Remove").then_some(match old.deletion_policy.as_deref() {
        Some("Retain" | "RetainExceptOnCreate") => "Retain",
        Some("Snapshot") => "Snapshot",
        _ => "Delete",
    });
    let physical = (!old.physical_id.is_empty()).then_some(&old.physical_id);
    json!({
        "Type": "Resource",
        "ResourceChange": {
            "PolicyAction": policy,
            "Action": action,
            "LogicalResourceId": name,
            "PhysicalResourceId": physical,
            "ResourceType": kind,
            "Replacement": replacement,
            "Scope": [],
            "Details": [],
        },
    })
}

fn modification(
    name: &str,
    kind: &str,
    old: &Resource,
    properties: &Value,
    verdict: Verdict,
    retagged: bool,
) -> Value {
    let replacement = match verdict {
        Verdict::Replace => "True",
        Verdict::Perhaps => "Conditional",
        Verdict::InPlace | Verdict::Same => "False",
    };
    let mut whole = change(name, kind, old, "Modify", Some(replacement));
    let empty = serde_json::Map::new();
    let schema = schema::schema(kind);
    let mut details: Vec<Value> = changed(
        old.properties.as_object().unwrap_or(&empty),
        properties.as_object().unwrap_or(&empty),
    )
    .into_iter()
    .map(|property| {
        let recreation = match schema.as_ref().map(|schema| schema.replacement(property)) {
            Some(Replacement::Always) => "Always",
            Some(Replacement::Conditionally) => "Conditionally",
            _ => "Never",
        };
        let unknown = properties.get(property).is_some_and(is_unknown);
        json!({
            "Target": {
                "Attribute": "Properties",
                "Name": property,
                "RequiresRecreation": recreation,
            },
            "Evaluation": if unknown { "Dynamic" } else { "Static" },
            "ChangeSource": "DirectModification",
        })
    })
    .collect();
    let mut scope = if details.is_empty() {
        vec![]
    } else {
        vec!["Properties"]
    };
    if retagged {
        scope.push("Tags");
        details.push(json!({
            "Target": { "Attribute": "Tags", "RequiresRecreation": "Never" },
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }));
    }
    whole["ResourceChange"]["Scope"] = json!(scope);
    whole["ResourceChange"]["Details"] = json!(details);
    whole
}

/// Whether an update to the goal would do anything at all.
pub fn differs(stack: &Stack, goal: &Goal) -> bool {
    let now = &stack.goal;
    now.parameters != goal.parameters
        || now.resolved != goal.resolved
        || now.tags != goal.tags
        || now.topics != goal.topics
        || (now.text() != goal.text() && effective(now.text()) != effective(goal.text()))
}

// A description alone is no change.
fn effective(body: &str) -> Option<Value> {
    let mut template = evaluate::parse(body).ok()?;
    if let Some(sections) = template.as_object_mut() {
        sections.remove("Description");
        sections.remove("Metadata");
    }
    Some(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_what_is_replaced() {
        let old = Resource {
            kind: "AWS::SQS::Queue".to_owned(),
            properties: json!({"QueueName": "a", "DelaySeconds": "5"}),
            ..Resource::default()
        };
        let of = |properties: Value| verdict(&old, "AWS::SQS::Queue", &properties);
        assert_eq!(
            of(json!({"QueueName": "a", "DelaySeconds": 5})),
            Verdict::Same
        );
        assert_eq!(of(json!({"QueueName": "a"})), Verdict::InPlace);
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
