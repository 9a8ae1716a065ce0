//! What the parts of a template refer to, and so what comes before what.

use super::evaluate::section;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The resources that exist under these conditions, each with what it is built from.
pub fn dependencies(
    template: &Value,
    conditions: &BTreeMap<String, bool>,
) -> BTreeMap<String, BTreeSet<String>> {
    let exists = |entry: &Value| {
        entry["Condition"]
            .as_str()
            .is_none_or(|name| conditions.get(name).copied().unwrap_or(true))
    };
    let names: BTreeSet<&String> = section(template, "Resources")
        .filter(|(_, entry)| exists(entry))
        .map(|(n, _)| n)
        .collect();
    section(template, "Resources")
        .filter(|(name, _)| names.contains(name))
        .map(|(name, entry)| {
            let mut needs = references(&entry["Properties"], Some(conditions));
            needs.extend(depends_on(entry));
            needs.retain(|need| names.contains(need) && need != name);
            (name.clone(), needs)
        })
        .collect()
}

pub(super) fn depends_on(entry: &Value) -> BTreeSet<String> {
    match &entry["DependsOn"] {
        Value::String(name) => BTreeSet::from([name.clone()]),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// Names that a value refers to. With conditions, only the branch that is taken counts.
pub fn references(value: &Value, conditions: Option<&BTreeMap<String, bool>>) -> BTreeSet<String> {
    let mut found = Vec::new();
    collect(value, conditions, &mut found);
    found.into_iter().map(|(name, _)| name).collect()
}

/// A name that is referred to, and the attribute of it that is read.
pub type Mention = (String, Option<String>);

/// What a value refers to.
pub fn mentions(value: &Value) -> Vec<Mention> {
    let mut found = Vec::new();
    collect(value, None, &mut found);
    found
}

fn collect(value: &Value, conditions: Option<&BTreeMap<String, bool>>, found: &mut Vec<Mention>) {
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(item, conditions, found)),
        Value::Object(fields) => match single(fields) {
            Some(("Ref", Value::String(name))) => {
                found.push((name.clone(), None));
            }
            Some(("Fn::GetAtt", argument)) => {
                if let Some((name, attribute)) = attribute(argument) {
                    found.push((name, attribute.as_str().map(str::to_owned)));
                    collect(&attribute, conditions, found);
                }
            }
            Some(("Fn::Sub", argument)) => {
                let (text, variables) = substitution(argument);
                for piece in pieces(text) {
                    if let Piece::Variable(name) = piece
                        && variables.is_none_or(|variables| !variables.contains_key(name))
                    {
                        found.push(match name.split_once('.') {
                            Some((name, attribute)) => {
                                (name.to_owned(), Some(attribute.to_owned()))
                            }
                            None => (name.to_owned(), None),
                        });
                    }
                }
                variables
                    .into_iter()
                    .flat_map(Map::values)
                    .for_each(|v| collect(v, conditions, found));
            }
            Some(("Fn::If", Value::Array(branches))) => {
                let taken = branches
                    .first()
                    .and_then(Value::as_str)
                    .and_then(|name| conditions.and_then(|known| known.get(name)));
                let branches = match taken {
                    Some(true) => branches.get(1..2),
                    Some(false) => branches.get(2..3),
                    None => branches.get(1..),
                };
                branches
                    .into_iter()
                    .flatten()
                    .for_each(|b| collect(b, conditions, found));
            }
            _ => fields
                .values()
                .for_each(|field| collect(field, conditions, found)),
        },
        _ => {}
    }
}

pub(super) fn single(fields: &Map<String, Value>) -> Option<(&str, &Value)> {
    if fields.len() != 1 {
        return None;
    }
    fields
        .iter()
        .next()
        .map(|(name, value)| (name.as_str(), value))
}

pub(super) fn attribute(argument: &Value) -> Option<(String, Value)> {
    match argument {
        Value::String(text) => {
            let (name, attribute) = text.split_once('.')?;
            Some((name.to_owned(), Value::String(attribute.to_owned())))
        }
        Value::Array(parts) => {
            let name = parts.first()?.as_str()?.to_owned();
            Some((name, parts.get(1)?.clone()))
        }
        _ => None,
    }
}

pub(super) enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

pub(super) fn substitution(argument: &Value) -> (&str, Option<&Map<String, Value>>) {
    match argument {
        Value::String(text) => (text, None),
        Value::Array(parts) => (
            parts.first().and_then(Value::as_str).unwrap_or_default(),
            parts.get(1).and_then(Value::as_object),
        ),
        _ => ("", None),
    }
}

pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("${") {
        let (before, after) = rest.split_at(start);
        let Some(end) = after.find('}') else { break };
        found.push(Piece::Text(before));
        let name = &after[2..end];
        match name.strip_prefix('!') {
            // `${!Name}` is the text `${Name}`; its two halves are two pieces.
            Some(literal) => {
                found.push(Piece::Text("${"));
                found.push(Piece::Text(literal));
                found.push(Piece::Text("}"));
            }
            None => found.push(Piece::Variable(name.trim())),
        }
        rest = &after[end + 1..];
    }
    found.push(Piece::Text(rest));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_taken_branch_is_a_dependency() {
        let template = json!({"Resources": {
            "A": {"Type": "AWS::SQS::Queue", "Condition": "No"},
            "B": {"Type": "AWS::SNS::Topic", "Properties": {
                "TopicName": {"Fn::If": ["No", {"Ref": "A"}, "x"]}}},
        }});
        let conditions = BTreeMap::from([("No".to_owned(), false)]);
        let needs = dependencies(&template, &conditions);
        assert_eq!(needs, BTreeMap::from([("B".to_owned(), BTreeSet::new())]));
    }
}
