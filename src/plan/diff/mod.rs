//! What differs between two templates, as values: compared by meaning, not by spelling.
//!
//! Both templates are in the long form of the intrinsic functions. What CloudFormation takes for
//! the same is the same here: the order of a map, a number and its string, `Fn::Sub` that
//! substitutes nothing and its text, `Fn::GetAtt` as a string and as a list, `Fn::Join` of literals
//! and the joined string, a property that is `AWS::NoValue` and one that is not there.

mod align;
mod canonical;
mod lines;

use super::resolve::call;
use align::align;
use canonical::canonical;
pub use lines::{DiffLine, inner, shown};
use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What differs between two templates. Sections without a difference are not in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct TemplateDiff {
    /// The sections that differ, in the order in which templates are written.
    pub sections: Vec<SectionDiff>,
}

/// What differs in one section.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SectionDiff {
    /// The section's name in the template: `Resources`, `Outputs`, ...
    pub name: String,
    /// Its entries that differ. A section that is no map (`Description`) has one, without a name.
    pub entries: Vec<EntryDiff>,
}

/// What differs in one entry: a resource, a parameter, an output, ...
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EntryDiff {
    /// The logical name; empty in a section that is no map.
    pub name: String,
    /// The type of a resource: the new one, or the old one when it is removed.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// What happened to it.
    #[serde(flatten)]
    pub change: EntryChange,
    /// Where it stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What happened to an entry.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum EntryChange {
    /// It is new.
    Added {
        /// What it is.
        after: Value,
    },
    /// It is gone.
    Removed {
        /// What it was.
        before: Value,
    },
    /// Some of it differs.
    Changed {
        /// What differs, a path each.
        changes: Vec<PathChange>,
    },
    /// A resource of another type under the same name: the old one goes, a new one comes.
    Retyped {
        /// The type that it had.
        before_type: String,
        /// What else differs, a path each.
        changes: Vec<PathChange>,
    },
}

/// One difference inside an entry.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PathChange {
    /// Where, from the entry on: `Properties.Tags[2].Value`. An index counts in the list after the
    /// change, that of a removed item in the list before it.
    pub path: String,
    /// What stood there; `None` when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there now; `None` when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Where it stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// The sections in the order in which they are shown; others follow by name.
const ORDER: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Description",
    "Transform",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
];

/// What differs between two templates in long intrinsic form.
#[must_use]
pub fn diff(before: &Value, after: &Value) -> TemplateDiff {
    let (before, after) = (canonical(before), canonical(after));
    let mut names: Vec<&String> = keys(&before).chain(keys(&after)).collect();
    names.sort_by_key(|&name| {
        (
            ORDER.iter().position(|known| known == name).unwrap_or(99),
            name,
        )
    });
    names.dedup();
    let sections = names.into_iter().filter_map(|name| {
        let entries = section(name, before.get(name), after.get(name));
        (!entries.is_empty()).then(|| SectionDiff {
            name: name.clone(),
            entries,
        })
    });
    TemplateDiff {
        sections: sections.collect(),
    }
}

impl TemplateDiff {
    /// Whether the two templates mean the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// Whether an update does any of it. A description or metadata of the template do not differ by
    /// themselves: CloudFormation takes them only with something else.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-description-structure.html>
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/metadata-section-structure.html>
    #[must_use]
    pub fn is_updatable(&self) -> bool {
        let passive =
            |section: &SectionDiff| matches!(section.name.as_str(), "Description" | "Metadata");
        !self.sections.iter().all(passive)
    }

    /// The entries of a section that differ.
    pub fn entries(&self, section: &str) -> impl Iterator<Item = &EntryDiff> {
        self.sections
            .iter()
            .filter(move |found| found.name == section)
            .flat_map(|it| &it.entries)
    }

    /// Fills in where each entry and each difference stands, `find` answering that of a path of names and
    /// indexes from the template on. What is gone stands nowhere.
    pub fn locate(&mut self, find: impl Fn(&[&str]) -> Option<String>) {
        for section in &mut self.sections {
            for entry in &mut section.entries {
                let within = [section.name.as_str(), entry.name.as_str()];
                let within: Vec<&str> =
                    within.into_iter().filter(|name| !name.is_empty()).collect();
                if matches!(entry.change, EntryChange::Removed { .. }) {
                    continue;
                }
                entry.place = find(&within);
                let changes = match &mut entry.change {
                    EntryChange::Changed { changes } | EntryChange::Retyped { changes, .. } => {
                        changes
                    }
                    EntryChange::Added { .. } | EntryChange::Removed { .. } => continue,
                };
                for change in changes {
                    let parts = parts(&change.path);
                    let path: Vec<&str> = within
                        .iter()
                        .copied()
                        .chain(parts.iter().map(String::as_str))
                        .collect();
                    change.place = find(&path);
                }
            }
        }
    }

    /// The resources whose physical resource goes for sure, with the type that it had: the removed
    /// ones, and those of a new type under their old name. A changed property may replace a
    /// resource as well; only its schema or a change set knows.
    pub fn lost_resources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries("Resources")
            .filter_map(|entry| match &entry.change {
                EntryChange::Removed { .. } => Some((
                    entry.name.as_str(),
                    entry.resource_type.as_deref().unwrap_or_default(),
                )),
                EntryChange::Retyped { before_type, .. } => Some((&entry.name, before_type)),
                EntryChange::Added { .. } | EntryChange::Changed { .. } => None,
            })
    }
}

/// Where two values differ, both being in long form.
#[must_use]
pub fn between(before: &Value, after: &Value) -> Vec<PathChange> {
    let mut found = Vec::new();
    compare("", &canonical(before), &canonical(after), &mut found);
    // A call is one value: what differs inside it is a difference of the whole.
    let whole = |change: PathChange| match change.path.find("Fn::") {
        Some(at) => {
            let path = change.path[..at]
                .trim_end_matches(['.', '[', '"'])
                .to_owned();
            let (before, after) = (
                at_path(before, &path, &change),
                at_path(after, &path, &change),
            );
            PathChange {
                path,
                before,
                after,
                place: None,
            }
        }
        None => change,
    };
    let mut found: Vec<PathChange> = found.into_iter().map(whole).collect();
    found.dedup_by(|one, other| one.path == other.path);
    found
}

/// The names and indexes of a path: `A.B[2]["c.d"]` has four.
pub fn parts(path: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), path);
    while !rest.is_empty() {
        let (part, behind) = if let Some(quoted) = rest.strip_prefix("[\"") {
            quoted.split_once("\"]").unwrap_or((quoted, ""))
        } else if let Some(index) = rest.strip_prefix('[') {
            index.split_once(']').unwrap_or((index, ""))
        } else {
            let plain = rest.strip_prefix('.').unwrap_or(rest);
            plain.split_at(plain.find(['.', '[']).unwrap_or(plain.len()))
        };
        found.push(part.to_owned());
        rest = behind;
    }
    found
}

/// The value at a path of names and indexes.
fn at_path(value: &Value, path: &str, change: &PathChange) -> Option<Value> {
    let mut at = value;
    for part in parts(path) {
        let next = match at {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            other => other.get(&part),
        };
        match next {
            Some(next) => at = next,
            // Lists that were aligned have other indexes before.
            None => return change.before.clone().or_else(|| change.after.clone()),
        }
    }
    Some(at.clone())
}

/// Whether two values mean the same.
#[must_use]
pub fn equal(one: &Value, other: &Value) -> bool {
    same(one, other) || same(&canonical(one), &canonical(other))
}

fn section(name: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<EntryDiff> {
    let is_map = |side: Option<&Value>| side.is_none_or(Value::is_object);
    if !is_map(before) || !is_map(after) {
        return entry(name, String::new(), before, after)
            .into_iter()
            .collect();
    }
    let empty = Map::new();
    let map = |side: Option<&'_ Value>| side.and_then(Value::as_object).cloned();
    let (before, after) = (map(before), map(after));
    let (before, after) = (
        before.as_ref().unwrap_or(&empty),
        after.as_ref().unwrap_or(&empty),
    );
    union(before, after)
        .filter_map(|key| entry(name, key.clone(), before.get(key), after.get(key)))
        .collect()
}

fn entry(
    section: &str,
    name: String,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Option<EntryDiff> {
    let is_resource = section == "Resources";
    let type_of = |value: &Value| value.get("Type").and_then(Value::as_str).map(str::to_owned);
    let shown_type = after.or(before).filter(|_| is_resource).and_then(type_of);
    let change = match (before, after) {
        (None, None) => return None,
        (None, Some(after)) => EntryChange::Added {
            after: after.clone(),
        },
        (Some(before), None) => EntryChange::Removed {
            before: before.clone(),
        },
        (Some(before), Some(after)) if is_resource => {
            let (before, after) = (with_sorted_needs(before), with_sorted_needs(after));
            let mut changes = Vec::new();
            compare("", &before, &after, &mut changes);
            match (type_of(&before), type_of(&after)) {
                (Some(before_type), Some(after_type)) if before_type != after_type => {
                    changes.retain(|change| change.path != "Type");
                    EntryChange::Retyped {
                        before_type,
                        changes,
                    }
                }
                _ if changes.is_empty() => return None,
                _ => EntryChange::Changed { changes },
            }
        }
        (Some(before), Some(after)) => {
            let mut changes = Vec::new();
            compare("", before, after, &mut changes);
            if changes.is_empty() {
                return None;
            }
            EntryChange::Changed { changes }
        }
    };
    Some(EntryDiff {
        name,
        resource_type: shown_type,
        change,
        place: None,
    })
}

/// A resource whose `DependsOn` is a sorted list: one name or several, in any order, is the same.
fn with_sorted_needs(resource: &Value) -> Cow<'_, Value> {
    let Some(needs) = resource.get("DependsOn") else {
        return Cow::Borrowed(resource);
    };
    let mut names: Vec<&str> = match needs {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    names.sort_unstable();
    names.dedup();
    let mut resource = resource.clone();
    if let Some(map) = resource.as_object_mut() {
        match names.is_empty() {
            true => map.shift_remove("DependsOn"),
            false => map.insert("DependsOn".to_owned(), json!(names)),
        };
    }
    Cow::Owned(resource)
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<PathChange>) {
    if same(before, after) {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) if !opaque(before, after) => {
            for key in union(old, new) {
                let path = child(path, key);
                match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => compare(&path, old, new, found),
                    (old, new) => found.push(change(path, old, new)),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (left, right) in align(old, new) {
                let index = right.or(left).unwrap_or_default();
                let path = format!("{path}[{index}]");
                match (
                    left.and_then(|i| old.get(i)),
                    right.and_then(|i| new.get(i)),
                ) {
                    (Some(old), Some(new)) => compare(&path, old, new, found),
                    (old, new) => found.push(change(path, old, new)),
                }
            }
        }
        _ => found.push(change(path.to_owned(), Some(before), Some(after))),
    }
}

fn change(path: String, before: Option<&Value>, after: Option<&Value>) -> PathChange {
    PathChange {
        path,
        before: before.cloned(),
        after: after.cloned(),
        place: None,
    }
}

pub(super) fn child(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && !key.contains(['.', '[', ']', ' ']);
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[\"{key}\"]"),
    }
}

fn keys(value: &Value) -> impl Iterator<Item = &String> {
    value.as_object().into_iter().flat_map(Map::keys)
}

/// The keys of both maps, each once: in the order of the new one, then those that are gone.
fn union<'a>(
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
) -> impl Iterator<Item = &'a String> {
    new.keys()
        .chain(old.keys().filter(|&key| !new.contains_key(key)))
}

/// Whether two values mean the same, both being canonical.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, left)| b.get(key).is_some_and(|right| same(left, right)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(left, right)| same(left, right))
        }
        _ => match (scalar(a), scalar(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
    }
}

/// The string that CloudFormation reads a scalar as.
fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Number(number) => {
            let text = number.to_string();
            Some(Cow::Owned(
                text.strip_suffix(".0").map(str::to_owned).unwrap_or(text),
            ))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether two maps are compared as a whole: references, and calls of different functions.
fn opaque(before: &Value, after: &Value) -> bool {
    match (call(before), call(after)) {
        (None, None) => false,
        (Some((old, _)), Some((new, _))) => old != new || matches!(old, "Ref" | "Fn::GetAtt"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(before: Value, after: Value) -> Vec<String> {
        let template = |it: Value| json!({"Resources": {"R": {"Type": "T", "Properties": it}}});
        let found = diff(&template(before), &template(after));
        let lines = found.render().into_iter().filter(|line| line.depth > 1);
        lines
            .map(|line| format!("{} {}", line.sign, line.text))
            .collect()
    }

    #[test]
    fn what_means_the_same_is_no_difference() {
        for (before, after) in [
            (json!({"A": 1, "B": 2}), json!({"B": 2, "A": 1})),
            (json!({"A": 1, "B": true}), json!({"A": "1", "B": "true"})),
            (json!({"A": 2.0}), json!({"A": 2})),
            (
                json!({"A": {"Fn::Sub": "plain ${!x}"}}),
                json!({"A": "plain ${x}"}),
            ),
            (
                json!({"A": {"Fn::Sub": ["plain", {"b": 1}]}}),
                json!({"A": "plain"}),
            ),
            (
                json!({"A": {"Fn::Sub": ["${B}-c", {}]}}),
                json!({"A": {"Fn::Sub": "${B}-c"}}),
            ),
            (
                json!({"A": {"Fn::Sub": "${B}"}}),
                json!({"A": {"Ref": "B"}}),
            ),
            (
                json!({"A": {"Fn::Sub": "${B.C}"}}),
                json!({"A": {"Fn::GetAtt": ["B", "C"]}}),
            ),
            (
                json!({"A": {"Fn::GetAtt": "B.C.D"}}),
                json!({"A": {"Fn::GetAtt": ["B", "C.D"]}}),
            ),
            (
                json!({"A": {"Fn::Join": ["-", ["a", 1, {"Fn::Sub": "b"}]]}}),
                json!({"A": "a-1-b"}),
            ),
            (
                json!({"A": {"Ref": "AWS::NoValue"}, "B": 1}),
                json!({"B": 1}),
            ),
        ] {
            assert_eq!(
                properties(before.clone(), after.clone()),
                [""; 0],
                "{before} {after}"
            );
            assert_eq!(properties(after, before), [""; 0]);
        }
    }

    #[test]
    fn an_insertion_into_a_list_is_one_change() {
        let before = json!({"L": ["a", "b", "c", "d"]});
        let after = json!({"L": ["a", "x", "b", "c", "d"]});
        assert_eq!(
            properties(before.clone(), after.clone()),
            ["+ Properties.L[1]: x"]
        );
        assert_eq!(properties(after, before), ["- Properties.L[1]: x"]);
    }

    #[test]
    fn an_item_that_changed_is_found_beside_one_that_came() {
        let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
        let before = json!({"Tags": [tag("a", "1"), tag("b", "2")]});
        let after = json!({"Tags": [tag("n", "0"), tag("a", "1"), tag("b", "3")]});
        assert_eq!(
            properties(before, after),
            [
                r#"+ Properties.Tags[0]: {"Key":"n","Value":"0"}"#,
                "~ Properties.Tags[2].Value: 2 -> 3"
            ]
        );
    }

    #[test]
    fn references_change_as_a_whole_and_calls_inside() {
        assert_eq!(
            properties(json!({"A": {"Ref": "B"}}), json!({"A": {"Ref": "C"}})),
            [r#"~ Properties.A: {"Ref":"B"} -> {"Ref":"C"}"#]
        );
        assert_eq!(
            properties(
                json!({"A": {"Fn::If": ["C", 1, 2]}, "x.y": 1}),
                json!({"A": {"Fn::If": ["C", 1, 3]}, "x.y": 2})
            ),
            [
                "~ Properties.A.Fn::If[2]: 2 -> 3",
                "~ Properties[\"x.y\"]: 1 -> 2"
            ]
        );
    }

    #[test]
    fn long_text_is_shown_as_the_lines_that_changed() {
        let code: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
        let before = code.join("\n");
        let after = before.replace("line 10", "line ten");
        assert_eq!(
            properties(json!({"Code": before}), json!({"Code": after})),
            [
                "~ Properties.Code:",
                "  line 8",
                "  line 9",
                "- line 10",
                "+ line ten",
                "  line 11",
                "  line 12"
            ]
        );
    }

    #[test]
    fn resources_come_go_change_and_change_their_type() {
        let before = json!({"Resources": {
            "Gone": {"Type": "AWS::S3::Bucket"},
            "Other": {"Type": "AWS::SQS::Queue", "Properties": {"A": 1}},
            "Needs": {"Type": "T", "DependsOn": "X"},
            "More": {"Type": "T", "DependsOn": ["X", "Y"]},
        }});
        let after = json!({"Resources": {
            "Needs": {"Type": "T", "DependsOn": ["X"]},
            "More": {"Type": "T", "DependsOn": ["Y", "X"], "DeletionPolicy": "Retain"},
            "Other": {"Type": "AWS::SNS::Topic", "Properties": {"A": 2}},
            "New": {"Type": "AWS::IAM::Role"},
        }});
        let found = diff(&before, &after);
        let lost: Vec<_> = found.lost_resources().collect();
        assert_eq!(
            lost,
            [("Other", "AWS::SQS::Queue"), ("Gone", "AWS::S3::Bucket")]
        );
        let lines: Vec<_> = found
            .render()
            .into_iter()
            .map(|l| (l.depth, l.sign, l.text))
            .collect();
        let expected = [
            (0, ' ', "Resources"),
            (1, '~', "More (T)"),
            (2, '+', "DeletionPolicy: Retain"),
            (
                1,
                '~',
                "Other: AWS::SQS::Queue -> AWS::SNS::Topic (replaced)",
            ),
            (2, '~', "Properties.A: 1 -> 2"),
            (1, '+', "New (AWS::IAM::Role)"),
            (1, '-', "Gone (AWS::S3::Bucket)"),
        ];
        assert_eq!(
            lines,
            expected.map(|(depth, sign, text)| (depth, sign, text.to_owned()))
        );
    }

    #[test]
    fn every_section_counts_and_an_empty_one_does_not() {
        let before = json!({"Description": "a", "Outputs": {}, "Resources": {}});
        let after = json!({
            "Conditions": {"C": {"Fn::Equals": ["a", "b"]}}, "Description": "b", "Rules": {},
            "Parameters": {"P": {"Type": "String"}}, "Mappings": {"M": {"k": {"v": 1}}},
            "Resources": {}, "Hooks": {"H": 1},
        });
        let found = diff(&before, &after);
        let names: Vec<_> = found
            .sections
            .iter()
            .map(|section| section.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "Description",
                "Parameters",
                "Mappings",
                "Conditions",
                "Hooks"
            ]
        );
        assert_eq!(found.render()[1].text, "a -> b");
        assert!(diff(&after, &after).is_empty() && !found.is_empty());
        assert!(diff(&Value::Null, &json!({"Resources": {}})).is_empty());
    }

    #[test]
    fn a_path_has_parts() {
        assert_eq!(parts("A.B[2][\"c.d\"].e"), ["A", "B", "2", "c.d", "e"]);
        assert_eq!(parts("[\"a b\"][0]"), ["a b", "0"]);
        assert!(parts("").is_empty());
    }

    #[test]
    fn it_reads_as_json() {
        let template = |n: i32| json!({"Resources": {"R": {"Type": "T", "Properties": {"A": n}}}});
        let found = serde_json::to_value(diff(&template(1), &template(2))).unwrap();
        let change = json!({"path": "Properties.A", "before": 1, "after": 2});
        let entry = json!({"name": "R", "type": "T", "change": "changed", "changes": [change]});
        assert_eq!(
            found,
            json!({"sections": [{"name": "Resources", "entries": [entry]}]})
        );
    }
}
