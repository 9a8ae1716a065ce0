//! What differs between two templates, as values: compared by meaning, not by spelling.
//!
//! Both templates are in the long form of the intrinsic functions. What CloudFormation takes for
//! the same is the same here: the order of a map, a number and its string, `Fn::Sub` that
//! substitutes nothing and its text, `Fn::GetAtt` as a string and as a list, `Fn::Join` of literals
//! and the joined string, a property that is `AWS::NoValue` and one that is not there.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};
use similar::{ChangeTag, TextDiff};

/// What differs between two templates. Sections without a difference are not in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TemplateDiff {
    /// The sections that differ, in the order in which templates are written.
    pub sections: Vec<SectionDiff>,
}

/// What differs in one section.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SectionDiff {
    /// The section's name in the template: `Resources`, `Outputs`, ...
    pub name: String,
    /// Its entries that differ. A section that is no map (`Description`) has one, without a name.
    pub entries: Vec<EntryDiff>,
}

/// What differs in one entry: a resource, a parameter, an output, ...
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntryDiff {
    /// The logical name; empty in a section that is no map.
    pub name: String,
    /// The type of a resource: the new one, or the old one when it is removed.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// What happened to it.
    #[serde(flatten)]
    pub change: EntryChange,
}

/// What happened to an entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize)]
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
}

/// One line of a difference made readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffLine {
    /// How deep it stands: 0 section, 1 entry, 2 path, 3 inside a long value.
    pub depth: usize,
    /// `+`, `-`, `~`; a space for headings and for the unchanged lines around a change.
    pub sign: char,
    /// The text, without sign and indentation.
    pub text: String,
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

/// A value that is wider than this is shown as lines of its own.
const WIDE: usize = 80;

/// The largest pair of lists that is aligned; larger ones are compared place by place.
const ALIGNABLE: usize = 250_000;

/// List items that share less than this of their leaves are two items, not one that changed.
const ALIKE: f64 = 0.3;

/// What pairing two unlike scalars is worth: more than nothing, less than any real likeness.
const REPLACED: f64 = 1e-6;

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

    /// The entries of a section that differ.
    pub fn entries(&self, section: &str) -> impl Iterator<Item = &EntryDiff> {
        self.sections
            .iter()
            .filter(move |found| found.name == section)
            .flat_map(|it| &it.entries)
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

    /// The difference as lines to read, without colour and indentation.
    #[must_use]
    pub fn render(&self) -> Vec<DiffLine> {
        let mut lines = Vec::new();
        for section in &self.sections {
            lines.push(line(0, ' ', section.name.clone()));
            for entry in &section.entries {
                render_entry(entry, &mut lines);
            }
        }
        lines
    }
}

// ---- comparing ----------------------------------------------------------------------------------

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
    let names = json!(names);
    let mut resource = resource.clone();
    if let Some(map) = resource.as_object_mut() {
        map.insert("DependsOn".to_owned(), names);
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
    }
}

fn child(path: &str, key: &str) -> String {
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

/// The name and the argument of a call of an intrinsic function.
fn call(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, argument) = map.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name, argument))
}

/// Whether two maps are compared as a whole: references, and calls of different functions.
fn opaque(before: &Value, after: &Value) -> bool {
    match (call(before), call(after)) {
        (None, None) => false,
        (Some((old, _)), Some((new, _))) => old != new || matches!(old, "Ref" | "Fn::GetAtt"),
        _ => true,
    }
}

// ---- aligning lists -----------------------------------------------------------------------------

/// A place in the list before and one in the list after; one of them when nothing answers it.
type Pair = (Option<usize>, Option<usize>);

/// Pairs the items of two lists so that as much as possible stays what it was: equal items first,
/// then like ones. An insertion is then one difference, not one for every item behind it.
fn align(old: &[Value], new: &[Value]) -> Vec<Pair> {
    let head = old.iter().zip(new).take_while(|(a, b)| same(a, b)).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(a, b)| same(a, b))
        .count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let pairs = if old.len().saturating_mul(new.len()) > ALIGNABLE {
        let place = |items: &[Value], i: usize| (i < items.len()).then_some(i);
        (0..old.len().max(new.len()))
            .map(|i| (place(old, i), place(new, i)))
            .collect()
    } else {
        best_fit(old, new)
    };
    let shift = |place: Option<usize>| place.map(|i| i + head);
    pairs
        .into_iter()
        .map(|(left, right)| (shift(left), shift(right)))
        .collect()
}

/// The alignment of the greatest total likeness, in the order of both lists.
fn best_fit(old: &[Value], new: &[Value]) -> Vec<Pair> {
    let width = new.len() + 1;
    let likes: Vec<f64> = old
        .iter()
        .flat_map(|a| new.iter().map(|b| likeness(a, b)))
        .collect();
    let like = |i: usize, j: usize| likes[i * new.len() + j];
    // best[i][j]: the most that old[i..] and new[j..] can share.
    let mut best = vec![0.0_f64; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let skip = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            best[i * width + j] = skip.max(like(i, j) + best[(i + 1) * width + j + 1]);
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        let here = best[i * width + j];
        let paired = like(i, j) + best[(i + 1) * width + j + 1];
        if like(i, j) > 0.0 && paired >= here {
            pairs.push((Some(i), Some(j)));
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * width + j] >= here {
            pairs.push((Some(i), None));
            i += 1;
        } else {
            pairs.push((None, Some(j)));
            j += 1;
        }
    }
    pairs.extend((i..old.len()).map(|i| (Some(i), None)));
    pairs.extend((j..new.len()).map(|j| (None, Some(j))));
    pairs
}

/// How much two list items are the same thing: 1 equal, 0 not to be paired.
fn likeness(a: &Value, b: &Value) -> f64 {
    if same(a, b) {
        return 1.0;
    }
    let leaf = |value: &Value| scalar(value).is_some() || call(value).is_some();
    if leaf(a) && leaf(b) {
        return REPLACED;
    }
    let (shared, all) = shared_leaves(a, b);
    // An equal pair must outweigh any two like ones, or a longest common run would be given up.
    if all > 0.0 && shared / all >= ALIKE {
        shared / all / 2.5
    } else {
        0.0
    }
}

/// The leaves that two values share, and those that either has.
fn shared_leaves(a: &Value, b: &Value) -> (f64, f64) {
    let add = |(s, t): (f64, f64), (ds, dt): (f64, f64)| (s + ds, t + dt);
    match (a, b) {
        (Value::Object(old), Value::Object(new)) if !opaque(a, b) => union(old, new)
            .map(|key| match (old.get(key), new.get(key)) {
                (Some(left), Some(right)) => shared_leaves(left, right),
                (one, other) => (0.0, one.or(other).map_or(0.0, leaves)),
            })
            .fold((0.0, 0.0), add),
        (Value::Array(old), Value::Array(new)) => {
            let both = old
                .iter()
                .zip(new)
                .map(|(left, right)| shared_leaves(left, right));
            let rest = old.iter().skip(new.len()).chain(new.iter().skip(old.len()));
            both.chain(rest.map(|item| (0.0, leaves(item))))
                .fold((0.0, 0.0), add)
        }
        _ if same(a, b) => (leaves(a), leaves(a)),
        _ => (0.0, leaves(a).max(leaves(b))),
    }
}

fn leaves(value: &Value) -> f64 {
    match value {
        Value::Object(map) => map.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        _ => 1.0,
    }
}

// ---- one spelling for what means the same -------------------------------------------------------

fn canonical(value: &Value) -> Value {
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

// ---- making it readable -------------------------------------------------------------------------

fn line(depth: usize, sign: char, text: String) -> DiffLine {
    DiffLine { depth, sign, text }
}

fn render_entry(entry: &EntryDiff, lines: &mut Vec<DiffLine>) {
    let title = match &entry.resource_type {
        Some(kind) => format!("{} ({kind})", entry.name),
        None => entry.name.clone(),
    };
    match &entry.change {
        EntryChange::Added { .. } if entry.resource_type.is_some() => {
            lines.push(line(1, '+', title));
        }
        EntryChange::Removed { .. } if entry.resource_type.is_some() => {
            lines.push(line(1, '-', title));
        }
        EntryChange::Added { after } => render_change(1, &title, None, Some(after), lines),
        EntryChange::Removed { before } => render_change(1, &title, Some(before), None, lines),
        EntryChange::Changed { changes } => {
            if !title.is_empty() {
                lines.push(line(1, '~', title));
            }
            render_changes(changes, lines);
        }
        EntryChange::Retyped {
            before_type,
            changes,
        } => {
            let after = entry.resource_type.as_deref().unwrap_or_default();
            let title = format!("{}: {before_type} -> {after} (replaced)", entry.name);
            lines.push(line(1, '~', title));
            render_changes(changes, lines);
        }
    }
}

fn render_changes(changes: &[PathChange], lines: &mut Vec<DiffLine>) {
    for change in changes {
        render_change(
            2,
            &change.path,
            change.before.as_ref(),
            change.after.as_ref(),
            lines,
        );
    }
}

fn render_change(
    depth: usize,
    label: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    lines: &mut Vec<DiffLine>,
) {
    let sign = match (before, after) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    let (old, new) = (before.map(shown), after.map(shown));
    let short = |text: &&str| text.len() <= WIDE && !text.contains('\n');
    let labelled = |text: String| match label {
        "" => text,
        label => format!("{label}: {text}"),
    };
    match (old.as_deref(), new.as_deref()) {
        (Some(old), Some(new)) if short(&old) && short(&new) => {
            lines.push(line(depth, sign, labelled(format!("{old} -> {new}"))));
        }
        (Some(one), None) | (None, Some(one)) if short(&one) => {
            lines.push(line(depth, sign, labelled(one.to_owned())));
        }
        (old, new) => {
            if !label.is_empty() {
                lines.push(line(depth, sign, format!("{label}:")));
            }
            inner(
                depth + 1,
                old.unwrap_or_default(),
                new.unwrap_or_default(),
                lines,
            );
        }
    }
}

/// A scalar as it is, anything else as JSON: on one line if it fits, else on several.
fn shown(value: &Value) -> String {
    if let Some(text) = scalar(value) {
        return text.into_owned();
    }
    let compact = value.to_string();
    if compact.len() <= WIDE {
        compact
    } else {
        format!("{value:#}")
    }
}

/// The unified difference of two long values, its hunks parted by `...`.
fn inner(depth: usize, old: &str, new: &str, lines: &mut Vec<DiffLine>) {
    let texts = TextDiff::from_lines(old, new);
    for (index, hunk) in texts.grouped_ops(2).iter().enumerate() {
        if index > 0 {
            lines.push(line(depth, ' ', "...".to_owned()));
        }
        for change in hunk.iter().flat_map(|op| texts.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            lines.push(line(
                depth,
                sign,
                change.value().trim_end_matches(['\r', '\n']).to_owned(),
            ));
        }
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
        assert_eq!(found.render()[1], line(2, '~', "a -> b".to_owned()));
        assert!(diff(&after, &after).is_empty() && !found.is_empty());
        assert!(diff(&Value::Null, &json!({"Resources": {}})).is_empty());
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
