//! Cloud Control, read: any resource by its type and identifier.

use super::holdings::{Held, Holdings, as_is};
use super::pages::Paging;
use super::{Request, asked, changes, paged};
use crate::local::core::Core;
use crate::local::formation::values;
use crate::local::model::Resource;
use crate::local::refusal::Refusal;
use crate::template::schema::{self, Schema};
use serde_json::{Map, Value, json};

const PAGING: Paging = Paging {
    list: "ResourceDescriptions",
    next: "NextToken",
    usual: 20,
    most: 100,
};

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Result<Value, Refusal> {
    let asked = asked(request)?;
    if !matches!(request.target, "GetResource" | "ListResources") {
        return Err(changes("Cloud Control", request.target));
    }
    let kind = asked["TypeName"].as_str().unwrap_or_default();
    let schema = schema::schema(kind).ok_or_else(|| {
        let words = format!("The type '{kind}' cannot be found.");
        Refusal::new(400, "TypeNotFoundException", words)
    })?;
    if schema.primary_identifier().is_empty() {
        let verb = if request.target == "GetResource" {
            "READ"
        } else {
            "LIST"
        };
        let words = format!("Resource type {kind} does not support {verb} action");
        return Err(Refusal::new(400, "UnsupportedActionException", words));
    }
    let state = core.store.state();
    let view = Holdings::new(core, &state);
    let all = view.all(kind).into_iter();
    let mut all = all.map(|held| described(&view, held, &schema));
    if request.target == "ListResources" {
        let wanted = model(&asked)?;
        let found = all.filter(|(_, properties)| {
            wanted
                .iter()
                .all(|(name, value)| properties.get(name) == Some(value))
        });
        let mut answer = paged(&PAGING, found.map(told).collect(), &asked)?;
        answer["TypeName"] = json!(kind);
        return Ok(answer);
    }
    let wanted = identifier(&asked["Identifier"], &schema);
    let found = all.find(|(identifier, _)| *identifier == wanted);
    let found = found.ok_or_else(|| {
        let words = format!("Resource of type '{kind}' with identifier '{wanted}' was not found.");
        Refusal::new(400, "ResourceNotFoundException", words)
    })?;
    Ok(json!({ "TypeName": kind, "ResourceDescription": told(found) }))
}

/// What a list is narrowed to.
fn model(asked: &Value) -> Result<Map<String, Value>, Refusal> {
    let Some(text) = asked["ResourceModel"].as_str() else {
        return Ok(Map::new());
    };
    serde_json::from_str(text)
        .map_err(|error| Refusal::new(400, "InvalidRequestException", error.to_string()))
}

/// An identifier, which may stand as JSON with the names of its parts.
/// <https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-identifier.html>
fn identifier(given: &Value, schema: &Schema) -> String {
    let text = given.as_str().unwrap_or_default();
    let Ok(Value::Object(parts)) = serde_json::from_str(text) else {
        return text.to_owned();
    };
    let names = schema.primary_identifier().iter();
    let parts: Vec<&str> = names.filter_map(|name| parts.get(name)?.as_str()).collect();
    parts.join("|")
}

/// A resource's identifier and its properties as Cloud Control tells them: what is given, with the
/// types of the schema; what only the service sets, as far as it is known here; not what is only
/// written.
fn described(view: &Holdings<'_>, held: Held<'_>, schema: &Schema) -> (String, Map<String, Value>) {
    let resource = Resource {
        properties: schema.shaped(held.properties(), as_is),
        ..held.resource.clone()
    };
    let attribute = |path: &str| values::attribute(&resource, path, &view.place).ok();
    let parts = schema.primary_identifier().iter().map(|path| {
        let value = attribute(path).unwrap_or_default();
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    });
    let parts: Vec<String> = parts.collect();
    let mut properties = json!({});
    for path in schema.read_only().iter().chain(schema.primary_identifier()) {
        let last = path.rsplit('.').next().unwrap_or(path);
        // Some types tell of themselves again, as `Workgroup.BaseCapacity`.
        let again = resource.properties.get(last).cloned();
        let known =
            again.or_else(|| attribute(path).filter(|value| is_known(&resource, path, value)));
        if let Some(value) = known.filter(|_| !path.contains('*')) {
            set(&mut properties, path, value);
        }
    }
    merge(&mut properties, &resource.properties);
    for path in schema.write_only() {
        let steps: Vec<&str> = path.split('.').collect();
        remove(&mut properties, &steps);
    }
    match properties {
        Value::Object(properties) => (parts.join("|"), properties),
        _ => (parts.join("|"), Map::new()),
    }
}

/// Whether an attribute is more than what stands in for one: a text that is not the physical id with
/// the attribute's name, and within another one an ARN or an id.
fn is_known(resource: &Resource, path: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    let rest = text.strip_prefix(&resource.physical_id);
    let invented = rest.is_some_and(|rest| rest.starts_with('.'));
    let inner = path.contains('.') && !path.ends_with("Arn") && !path.ends_with("Id");
    !invented && !inner
}

fn told((identifier, properties): (String, Map<String, Value>)) -> Value {
    json!({ "Identifier": identifier, "Properties": Value::Object(properties).to_string() })
}

/// Sets what stands at a path.
fn set(value: &mut Value, path: &str, inner: Value) {
    match path.split_once('.') {
        Some((first, rest)) => {
            if !value[first].is_object() {
                value[first] = json!({});
            }
            set(&mut value[first], rest, inner);
        }
        None => value[path] = inner,
    }
}

/// Lays properties over others.
fn merge(value: &mut Value, over: &Value) {
    match (value, over) {
        (Value::Object(fields), Value::Object(over)) => {
            for (name, inner) in over {
                merge(fields.entry(name.clone()).or_insert(Value::Null), inner);
            }
        }
        (value, over) => *value = over.clone(),
    }
}

/// Takes away what stands at a path, in which `*` is every item of a list.
fn remove(value: &mut Value, path: &[&str]) {
    match (value, path) {
        (Value::Array(items), ["*", rest @ ..]) => {
            items.iter_mut().for_each(|item| remove(item, rest));
        }
        (Value::Object(fields), [last]) => {
            fields.shift_remove(*last);
        }
        (Value::Object(fields), [first, rest @ ..]) => {
            if let Some(inner) = fields.get_mut(*first) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_set_laid_over_and_taken_away() {
        let mut value = json!({});
        set(&mut value, "Endpoint.Address", json!("a"));
        set(&mut value, "Id", json!("i"));
        merge(
            &mut value,
            &json!({"Id": "j", "Keys": [{"Secret": 1, "Name": "n"}]}),
        );
        remove(&mut value, &["Keys", "*", "Secret"]);
        remove(&mut value, &["Endpoint", "Nothing"]);
        let wanted = json!({"Endpoint": {"Address": "a"}, "Id": "j", "Keys": [{"Name": "n"}]});
        assert_eq!(value, wanted);
    }
}
