//! The resources of a template, and what each reads.

use super::super::resolve::{Mention, Scope, mentions};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The entries of a section.
pub(super) fn entries<'a>(
    scope: &Scope<'a>,
    section: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    let section = scope.body[section].as_object();
    // A Fn::ForEach is a list; AWS expands it.
    section
        .into_iter()
        .flatten()
        .filter(|(_, entry)| entry.is_object())
}

/// A resource that is not in order yet: what its values read, what it names as it is written (a name that is
/// given is read as that name), and its resolved properties.
struct Open {
    reads: BTreeSet<String>,
    names: BTreeSet<String>,
    properties: Value,
}

/// The resources that are or may be there, each after what it reads, with their resolved properties.
pub(super) fn in_order<'a>(scope: &Scope<'a>) -> Vec<(&'a String, Value)> {
    let mut open: BTreeMap<&String, Open> = entries(scope, "Resources")
        .filter(|(_, entry)| scope.exists(entry) != Some(false))
        .map(|(name, entry)| {
            let properties = scope.resolve(&entry["Properties"]).unwrap_or_default();
            let reads = mentions(&properties).into_iter();
            let reads = reads.filter_map(|one| match one {
                Mention::Resource(of) | Mention::Attribute(of, _) => Some(of),
                Mention::Later(..) => None,
            });
            let one = Open {
                reads: reads.collect(),
                names: names_in(&entry["Properties"]),
                properties,
            };
            (name, one)
        })
        .collect();
    let mut done = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let free = |needs: &dyn Fn(&Open) -> &BTreeSet<String>| -> Vec<&'a String> {
            let settled = |(name, one): &(&&'a String, &Open)| {
                let mut needs = needs(one).iter();
                needs.all(|need| need == **name || !open.contains_key(need))
            };
            open.iter().filter(settled).map(|(name, _)| *name).collect()
        };
        // A circle of names may go through a branch that no condition takes; one of values is the
        // service's to refuse, and only must end here.
        let tries = [free(&|one| &one.names), free(&|one| &one.reads)];
        let found = tries.into_iter().find(|names| !names.is_empty());
        for name in found.unwrap_or_else(|| open.keys().copied().collect()) {
            if let Some(one) = open.remove(name) {
                done.push((name, one.properties));
            }
        }
    }
    done
}

/// Every name that a value as it is written refers to.
pub(super) fn names_in(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(name) = fields.get("Ref").and_then(Value::as_str) {
                    found.insert(name.to_owned());
                }
                let attribute = fields.get("Fn::GetAtt").map(|of| of.get(0).unwrap_or(of));
                let of = attribute
                    .and_then(Value::as_str)
                    .and_then(|of| of.split('.').next());
                found.extend(of.map(str::to_owned));
                let text = fields.get("Fn::Sub").map(|of| of.get(0).unwrap_or(of));
                for piece in text
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .split("${")
                    .skip(1)
                {
                    let name = piece.split(['}', '.']).next().unwrap_or_default();
                    found.insert(name.to_owned());
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// Every resource that a resource is built after, as it is written; and other names.
pub fn needs(entry: &Value) -> BTreeSet<String> {
    let mut found = names_in(&entry["Properties"]);
    match &entry["DependsOn"] {
        Value::String(name) => found.extend([name.clone()]),
        Value::Array(names) => {
            found.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        _ => {}
    }
    found
}

/// The properties of every resource that is or may be there, resolved.
pub fn resources(scope: &Scope<'_>) -> Map<String, Value> {
    entries(scope, "Resources")
        .filter(|(_, entry)| scope.exists(entry) != Some(false))
        .map(|(name, entry)| {
            let mut entry = entry.clone();
            entry["Properties"] = scope.resolve(&entry["Properties"]).unwrap_or_default();
            (name.clone(), entry)
        })
        .collect()
}
