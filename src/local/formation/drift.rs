//! Drift: how resources differ from what their stack asks, because somebody changed them elsewhere.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>

use super::describe::{page, subject};
use super::evaluate::same;
use super::operations::Answer;
use crate::local::core::Core;
use crate::local::ids;
use crate::local::model::{Detection, Drift, Resource, Stack};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::template::schema;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long a detection takes, in seconds.
const SECONDS: f64 = 5.0;

/// DetectStackDrift.
pub fn detect(core: &Core, query: &Query) -> Answer {
    let wanted = query.list("LogicalResourceIds");
    let mut state = core.store.state();
    let id = settled(subject(&state, query)?)?;
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    if let Some(unknown) = wanted
        .iter()
        .find(|name| !stack.resources.contains_key(*name))
    {
        return Err(no_resource(stack, unknown));
    }
    let looked = stack
        .resources
        .values_mut()
        .filter(|held| wanted.is_empty() || wanted.contains(&held.logical_id));
    looked.for_each(look);
    let drifted = stack
        .resources
        .values()
        .filter(|held| is_drifted(held))
        .count();
    let detection = Detection {
        id: ids::uuid(),
        status: if drifted == 0 { "IN_SYNC" } else { "DRIFTED" }.to_owned(),
        drifted,
        time: ids::now(),
    };
    let answer = json!({ "StackDriftDetectionId": detection.id });
    stack.detections.push(detection);
    Ok(answer)
}

fn settled(stack: &Stack) -> Result<String, Refusal> {
    if stack.busy() || stack.status == "REVIEW_IN_PROGRESS" || stack.status == "DELETE_COMPLETE" {
        return Err(Refusal::validation(format!(
            "Drift detection cannot be performed on stack in {} state.",
            stack.status
        )));
    }
    Ok(stack.id.clone())
}

fn no_resource(stack: &Stack, name: &str) -> Refusal {
    Refusal::validation(format!(
        "Resource {name} does not exist for stack {}",
        stack.name
    ))
}

fn look(held: &mut Resource) {
    let status = if held.is_gone() {
        "DELETED"
    } else if differences(&held.properties, held.actual()).is_empty() {
        "IN_SYNC"
    } else {
        "MODIFIED"
    };
    held.drift = Some(Drift {
        status: status.to_owned(),
        time: ids::now(),
        actual: held.actual().clone(),
    });
}

fn is_drifted(held: &Resource) -> bool {
    held.drift
        .as_ref()
        .is_some_and(|drift| drift.status != "IN_SYNC")
}

/// DetectStackResourceDrift.
pub fn detect_resource(core: &Core, query: &Query) -> Answer {
    let name = query.required("LogicalResourceId")?;
    let mut state = core.store.state();
    let id = settled(subject(&state, query)?)?;
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    match stack.resources.get_mut(name) {
        Some(held) => look(held),
        None => return Err(no_resource(stack, name)),
    }
    let shown = stack
        .resources
        .get(name)
        .and_then(|held| shown(stack, held));
    Ok(json!({ "StackResourceDrift": shown }))
}

/// DescribeStackDriftDetectionStatus.
pub fn status(core: &Core, query: &Query) -> Answer {
    let id = query.required("StackDriftDetectionId")?;
    let state = core.store.state();
    let all = state
        .stacks
        .iter()
        .flat_map(|stack| stack.detections.iter().map(move |one| (stack, one)));
    let (stack, found) = all
        .into_iter()
        .find(|(_, one)| one.id == id)
        .ok_or_else(|| {
            Refusal::validation(format!("Drift detection with id {id} does not exist"))
        })?;
    let over = ids::since(&found.time).is_some_and(|passed| passed >= core.duration(SECONDS));
    Ok(json!({
        "StackId": stack.id,
        "StackDriftDetectionId": id,
        "StackDriftStatus": over.then_some(&found.status),
        "DetectionStatus": if over { "DETECTION_COMPLETE" } else { "DETECTION_IN_PROGRESS" },
        "DriftedStackResourceCount": over.then_some(found.drifted),
        "Timestamp": found.time,
    }))
}

/// DescribeStackResourceDrifts.
pub fn resources(core: &Core, query: &Query) -> Answer {
    let wanted = query.list("StackResourceDriftStatusFilters");
    let state = core.store.state();
    let stack = subject(&state, query)?;
    let found = stack
        .resources
        .values()
        .filter(|held| {
            let status = held.drift.as_ref().map(|drift| &drift.status);
            status.is_some_and(|status| wanted.is_empty() || wanted.contains(status))
        })
        .filter_map(|held| shown(stack, held))
        .collect();
    let (found, next) = page(found, query);
    Ok(json!({ "StackResourceDrifts": found, "NextToken": next }))
}

fn shown(stack: &Stack, held: &Resource) -> Option<Value> {
    let drift = held.drift.as_ref()?;
    let deleted = drift.status == "DELETED";
    let modified = drift.status == "MODIFIED";
    Some(json!({
        "StackId": stack.id,
        "LogicalResourceId": held.logical_id,
        "PhysicalResourceId": held.physical_id,
        "ResourceType": held.kind,
        "ExpectedProperties": (!deleted).then(|| held.properties.to_string()),
        "ActualProperties": (!deleted).then(|| drift.actual.to_string()),
        "PropertyDifferences": modified.then(|| differences(&held.properties, &drift.actual)),
        "StackResourceDriftStatus": drift.status,
        "Timestamp": drift.time,
    }))
}

/// Every difference at its path. Only what the template sets is looked at.
pub fn differences(expected: &Value, actual: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    compare(expected, actual, "", &mut found);
    found
}

fn compare(expected: &Value, actual: &Value, path: &str, found: &mut Vec<Value>) {
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(have)) => {
            for (name, value) in wanted {
                let at = format!("{path}/{name}");
                match have.get(name) {
                    Some(have) => compare(value, have, &at, found),
                    None => found.push(difference(&at, Some(value), None)),
                }
            }
        }
        (Value::Array(wanted), Value::Array(have)) => {
            for at in 0..wanted.len().max(have.len()) {
                let place = format!("{path}/{at}");
                match (wanted.get(at), have.get(at)) {
                    (Some(wanted), Some(have)) => compare(wanted, have, &place, found),
                    (wanted, have) => found.push(difference(&place, wanted, have)),
                }
            }
        }
        _ if same(expected, actual) => {}
        _ => found.push(difference(path, Some(expected), Some(actual))),
    }
}

fn difference(path: &str, expected: Option<&Value>, actual: Option<&Value>) -> Value {
    let kind = match (expected, actual) {
        (None, _) => "ADD",
        (_, None) => "REMOVE",
        _ => "NOT_EQUAL",
    };
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "null".to_owned(),
    };
    json!({
        "PropertyPath": path,
        "ExpectedValue": text(expected),
        "ActualValue": text(actual),
        "DifferenceType": kind,
    })
}

/// What is known of a stack's drift, for its description.
pub fn information(stack: &Stack) -> Value {
    match stack.detections.last() {
        Some(last) => json!({ "StackDriftStatus": last.status, "LastCheckTimestamp": last.time }),
        None => json!({ "StackDriftStatus": "NOT_CHECKED" }),
    }
}

/// What is known of a resource's drift.
pub fn of_resource(held: &Resource) -> Value {
    match &held.drift {
        Some(drift) => json!({
            "StackResourceDriftStatus": drift.status, "LastCheckTimestamp": drift.time
        }),
        None => json!({ "StackResourceDriftStatus": "NOT_CHECKED" }),
    }
}

/// EditResource, which is no action of the service: it changes a resource behind CloudFormation's
/// back. `Edits.member.N` has `Set` and `Value` (JSON, or text), or `Unset`, a dotted path each; `Delete` takes
/// the resource away and `Restore` puts it back to what its stack asks.
pub fn edit(core: &Core, query: &Query) -> Answer {
    let name = query.required("LogicalResourceId")?;
    let mut state = core.store.state();
    let id = subject(&state, query)?.id.clone();
    let stack = state.find_mut(&id).ok_or_else(|| Refusal::no_stack(&id))?;
    let missing = no_resource(stack, name);
    let held = stack.resources.get_mut(name).ok_or(missing)?;
    let mut live = held.actual().clone();
    for row in query.rows("Edits") {
        apply(&held.kind, &mut live, &row).map_err(Refusal::validation)?;
    }
    match (query.flag("Delete"), query.flag("Restore")) {
        (Some(true), _) => live = Value::Null,
        (_, Some(true)) => live = held.properties.clone(),
        _ => {}
    }
    held.live = (live != held.properties).then_some(live);
    Ok(json!({ "ActualProperties": held.actual().to_string() }))
}

fn apply(kind: &str, live: &mut Value, edit: &BTreeMap<String, String>) -> Result<(), String> {
    if let Some(path) = edit.get("Unset") {
        return unset(live, path);
    }
    let path = edit.get("Set").ok_or("an edit has Set or Unset")?;
    let text = edit.get("Value").map(String::as_str).unwrap_or_default();
    // What is no JSON is text.
    let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    let plain = value.is_number() || value.is_boolean();
    *slot(live, path)? = value;
    let Some(schema) = schema::schema(kind) else {
        return Ok(());
    };
    // The service has it in the type that its schema says.
    let mut shaped = schema.shaped(live, str::to_owned);
    let value = std::mem::take(slot(&mut shaped, path)?);
    let as_text = plain && value.is_string();
    *slot(live, path)? = if as_text { json!(text) } else { value };
    Ok(())
}

/// The value at a path; the last name of it may be new.
fn slot<'a>(value: &'a mut Value, path: &str) -> Result<&'a mut Value, String> {
    let parts: Vec<&str> = path.split('.').collect();
    let mut at = value;
    for (depth, part) in parts.iter().enumerate() {
        let last = depth + 1 == parts.len();
        let nowhere = || format!("{} leads nowhere", parts[..=depth].join("."));
        at = match at {
            Value::Object(fields) if last || fields.contains_key(*part) => {
                fields.entry((*part).to_owned()).or_insert(Value::Null)
            }
            Value::Array(items) => {
                let index: usize = part.parse().map_err(|_| nowhere())?;
                if last && index == items.len() {
                    items.push(Value::Null);
                }
                items.get_mut(index).ok_or_else(nowhere)?
            }
            _ => return Err(nowhere()),
        };
    }
    Ok(at)
}

fn unset(value: &mut Value, path: &str) -> Result<(), String> {
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (slot(value, parent)?, name),
        None => (value, path),
    };
    let gone = match parent {
        Value::Object(fields) => fields.shift_remove(name),
        Value::Array(items) => name
            .parse()
            .ok()
            .filter(|index| *index < items.len())
            .map(|index: usize| items.remove(index)),
        _ => None,
    };
    gone.map(|_| ())
        .ok_or_else(|| format!("{path} leads nowhere"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_at_their_paths() {
        let expected = json!({"A": "1", "B": {"C": 2, "D": 3}, "L": [1, 2]});
        let actual = json!({"A": 1, "B": {"C": 5}, "L": [1, 2, 3], "Default": true});
        let found = differences(&expected, &actual);
        let told: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one["PropertyPath"].as_str().unwrap(),
                    one["DifferenceType"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [("/B/C", "NOT_EQUAL"), ("/B/D", "REMOVE"), ("/L/2", "ADD")]
        );
    }

    #[test]
    fn a_value_is_of_the_type_that_its_schema_says() {
        let mut live = json!({"Environment": {"Variables": {}}, "Timeout": "3"});
        for (path, text) in [
            ("Environment.Variables.A", "1.50"),
            ("Environment.Variables.B", "true"),
            ("Environment.Variables.C", "words"),
            ("MemorySize", "\"256\""),
            ("Tags", r#"[{"Key": 1, "Value": 2}]"#),
        ] {
            let edit = [("Set", path), ("Value", text)];
            let edit = edit.map(|(name, value)| (name.to_owned(), value.to_owned()));
            apply("AWS::Lambda::Function", &mut live, &BTreeMap::from(edit)).unwrap();
        }
        assert_eq!(
            live,
            json!({
                "Environment": {"Variables": {"A": "1.50", "B": "true", "C": "words"}},
                // What is not set is left as it is written.
                "Timeout": "3",
                "MemorySize": 256,
                "Tags": [{"Key": "1", "Value": "2"}],
            })
        );
    }

    #[test]
    fn paths_lead_somewhere() {
        let mut value = json!({"A": {"B": [1]}});
        *slot(&mut value, "A.B.0").unwrap() = json!(2);
        *slot(&mut value, "A.B.1").unwrap() = json!(3);
        *slot(&mut value, "A.C").unwrap() = json!("x");
        unset(&mut value, "A.B.0").unwrap();
        assert_eq!(value, json!({"A": {"B": [3], "C": "x"}}));
        assert_eq!(slot(&mut value, "A.D.E").unwrap_err(), "A.D leads nowhere");
        assert!(unset(&mut value, "Nope").is_err());
    }
}
