//! Validation before a deployment: what can be known to fail before anything is made.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html>

use super::engine::{self, Program};
use super::evaluate::section;
use crate::local::core::{Core, record as record_event};
use crate::local::life;
use crate::local::model::{Event, Finding, Goal, Operation, Resource, Stack, State};
use crate::template::schema;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PROPERTY: &str = "PROPERTY_VALIDATION";
const NAME: &str = "NAME_CONFLICT_VALIDATION";
const BUCKET: &str = "BUCKET_EMPTINESS_VALIDATION";

/// What is wrong with a goal, as far as that is known before it is worked on. What refers to
/// resources that do not exist yet is left to the handlers.
pub fn validate(
    core: &Core,
    stack: &Stack,
    goal: &Goal,
    imports: &BTreeMap<String, String>,
    change_set: bool,
) -> Vec<Finding> {
    let place = engine::place(core, stack);
    // What cannot be read is refused elsewhere.
    let Ok(program) = Program::read(goal, &place) else {
        return vec![];
    };
    let state = core.store.state();
    let exports = engine::exports(&state.stacks, &program.template);
    let exists = |name: &String| {
        let held = stack.resources.get(name);
        held.is_some_and(|held| !held.physical_id.is_empty())
    };
    let later: BTreeSet<String> = program
        .needs
        .keys()
        .filter(|name| !exists(name))
        .cloned()
        .collect();
    let mut scope = program.scope(stack, &place, &exports);
    scope.later = Some(&later);
    let mut findings = Vec::new();
    let resources = section(&program.template, "Resources");
    for (name, entry) in resources.filter(|(name, _)| program.needs.contains_key(*name)) {
        let kind = entry["Type"].as_str().unwrap_or_default();
        let Ok(properties) = program.properties(&scope, name, None) else {
            continue;
        };
        let properties = properties.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        findings.extend(unfit(name, kind, &properties));
        if later.contains(name) && !imports.contains_key(name) {
            findings.extend(taken(&state, name, kind, &properties));
        }
    }
    if change_set {
        let goes = stack
            .resources
            .values()
            .filter(|held| !program.needs.contains_key(&held.logical_id));
        findings.extend(goes.filter_map(|held| not_empty(core, held)));
    }
    findings
}

fn unfit(name: &str, kind: &str, properties: &Value) -> Vec<Finding> {
    let Some(schema) = schema::schema(kind) else {
        return vec![];
    };
    let violations = schema.validate(properties).into_iter();
    violations
        .map(|text| {
            let (pointer, message) = text.split_once(": ").unwrap_or(("#", &text));
            let path = pointer.trim_start_matches('#');
            Finding {
                name: PROPERTY.to_owned(),
                logical_id: name.to_owned(),
                kind: kind.to_owned(),
                path: format!("/Resources/{name}/Properties{path}"),
                reason: worded(message),
                stops: true,
            }
        })
        .collect()
}

/// The validation's words for what a schema says.
fn worded(message: &str) -> String {
    let named = |before: &str, after: &str| {
        let name = message.strip_prefix(before)?.strip_suffix(after)?;
        Some(name.to_owned())
    };
    if let Some(name) = named("required key [", "] not found") {
        return format!("Required property [{name}] not found");
    }
    if let Some(name) = named("extraneous key [", "] is not permitted") {
        return format!("Unsupported property [{name}]");
    }
    message.to_owned()
}

fn taken(state: &State, name: &str, kind: &str, properties: &Value) -> Option<Finding> {
    let identifier = life::existing(state, kind, properties)?;
    Some(Finding {
        name: NAME.to_owned(),
        logical_id: name.to_owned(),
        kind: kind.to_owned(),
        path: format!("/Resources/{name}"),
        reason: format!("Resource of type '{kind}' with identifier '{identifier}' already exists."),
        stops: true,
    })
}

fn not_empty(core: &Core, held: &Resource) -> Option<Finding> {
    let keeps = matches!(
        held.deletion_policy.as_deref(),
        Some("Retain" | "RetainExceptOnCreate")
    );
    let full = !keeps && life::is_full(core.store.directory(), held);
    full.then(|| Finding {
        name: BUCKET.to_owned(),
        logical_id: held.logical_id.clone(),
        kind: held.kind.clone(),
        path: format!("/Resources/{}", held.logical_id),
        reason: format!(
            "The bucket '{}' is not empty. You must either delete all objects and versions or use \
             the deletion policy to retain it, otherwise the delete operation will fail.",
            held.physical_id
        ),
        stops: false,
    })
}

/// Why nothing is begun, if something that was found stops it.
pub fn summary(findings: &[Finding]) -> Option<String> {
    let stopping = findings.iter().filter(|finding| finding.stops);
    let names: BTreeSet<&str> = stopping
        .map(|finding| match finding.name.as_str() {
            NAME => "AWS::EarlyValidation::ResourceExistenceCheck",
            _ => "AWS::EarlyValidation::PropertyValidation",
        })
        .collect();
    if names.is_empty() {
        return None;
    }
    let names: Vec<&str> = names.into_iter().collect();
    Some(format!(
        "The following hook(s)/validation failed: [{}]. To troubleshoot Early Validation errors, \
         use the DescribeEvents API for detailed failure information.",
        names.join(", ")
    ))
}

/// Adds what was found to a stack's events, as a part of its operation that then stops.
pub fn record(stack: &mut Stack, findings: Vec<Finding>) {
    stack.operation.invalid = summary(&findings);
    let operation = stack.operation.clone();
    tell(stack, &operation, findings);
}

/// Adds what was found to a stack's events, as a part of that operation.
pub fn tell(stack: &mut Stack, operation: &Operation, findings: Vec<Finding>) {
    let held = std::mem::replace(&mut stack.operation, operation.clone());
    for finding in findings {
        let event = Event {
            logical_id: finding.logical_id.clone(),
            kind: finding.kind.clone(),
            finding: Some(finding),
            ..Event::default()
        };
        record_event(stack, event);
    }
    stack.operation = held;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_have_the_validations_words() {
        let found = unfit("Q", "AWS::SQS::Queue", &serde_json::json!({"Nope": 1}));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].path.as_str(), found[0].reason.as_str()),
            ("/Resources/Q/Properties", "Unsupported property [Nope]")
        );
        assert_eq!(
            summary(&found).unwrap(),
            "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. \
             To troubleshoot Early Validation errors, use the DescribeEvents API for detailed \
             failure information."
        );
        assert_eq!(summary(&[]), None);
    }
}
