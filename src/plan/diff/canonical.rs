//! One spelling for what means the same.

use super::super::resolve::call;
use super::scalar;
use serde_json::{Map, Value, json};

pub(super) fn canonical(value: &Value) -> Value {
    let absent = |value: &Value| call(value) == Some(("Ref", &json!("AWS::NoValue")));
    match value {
        Value::Array(items) => items
            .iter()
            .filter(|it| !absent(it))
            .map(canonical)
            .collect(),
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !absent(value));
            let map: Map<_, _> = kept.map(|(key, it)| (key.clone(), canonical(it))).collect();
            let value = Value::Object(map);
            simplified(&value).unwrap_or(value)
        }
        scalar => scalar.clone(),
    }
}

/// The plainer form of a call whose arguments are canonical, when it has one.
fn simplified(value: &Value) -> Option<Value> {
    match call(value)? {
        ("Fn::GetAtt", argument) => attribute(argument),
        ("Fn::Join", argument) => joined(argument),
        ("Fn::Sub", Value::String(text)) => substituted(text),
        ("Fn::Sub", Value::Array(parts)) => match parts.as_slice() {
            [Value::String(text)] => substituted(text).or(Some(json!({ "Fn::Sub": text }))),
            [Value::String(text), Value::Object(names)] => match literal(text) {
                Some(text) => Some(Value::String(text)),
                None if names.is_empty() => substituted(text).or(Some(json!({ "Fn::Sub": text }))),
                None => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// `A.B.C` and `[A, B, C]` as `[A, B.C]`.
fn attribute(argument: &Value) -> Option<Value> {
    let (resource, name) = match argument {
        Value::String(text) => {
            let (resource, name) = text.split_once('.')?;
            (resource, name.to_owned())
        }
        Value::Array(parts) => {
            let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            let parts = parts?;
            let (resource, rest) = parts.split_first()?;
            (*resource, rest.join("."))
        }
        _ => return None,
    };
    Some(json!({ "Fn::GetAtt": [resource, name] }))
}

/// The string that a join of literals makes.
fn joined(argument: &Value) -> Option<Value> {
    let [separator, Value::Array(items)] = argument.as_array()?.as_slice() else {
        return None;
    };
    let items: Option<Vec<_>> = items.iter().map(scalar).collect();
    Some(Value::String(items?.join(separator.as_str()?)))
}

/// What a substitution amounts to: its text, or the one reference that is all of it.
fn substituted(text: &str) -> Option<Value> {
    if let Some(text) = literal(text) {
        return Some(Value::String(text));
    }
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    if name.contains(['$', '{', '}', '!']) {
        return None;
    }
    match name.contains('.') {
        true => attribute(&json!(name)),
        false => Some(json!({ "Ref": name })),
    }
}

/// The text of a substitution that substitutes nothing, `${!Name}` having become `${Name}`.
fn literal(text: &str) -> Option<String> {
    let nothing = text
        .match_indices("${")
        .all(|(at, _)| text[at + 2..].starts_with('!'));
    nothing.then(|| text.replace("${!", "${"))
}
