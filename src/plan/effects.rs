//! What a change does to each resource and output, predicted without a question to the account: in
//! place, replaced, or perhaps replaced; because of which property; and what that moves in turn.

use super::data;
use super::diff;
use super::resolve::{Mention, Scope, is_plain, mentions};
use crate::template::schema::{self, Replacement};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How certain something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It will not be.
    No,
    /// It depends on what is not known yet, or on what the service decides.
    Perhaps,
    /// It will be.
    Yes,
}

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is created.
    Add,
    /// It is changed, in place or by a new one.
    Modify,
    /// It goes from the stack.
    Remove,
}

/// One resource's part of a change.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ResourceEffect {
    /// The logical id.
    pub name: String,
    /// The type: the new one, where it changes.
    #[serde(rename = "type")]
    pub kind: String,
    /// What becomes of it.
    pub action: Fate,
    /// Whether a condition that is not decided yet may have it otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub conditional: bool,
    /// Whether a new one takes its place.
    pub replacement: Certainty,
    /// Where it stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What differs.
    pub changes: Vec<PropertyEffect>,
    /// Whether it holds data.
    pub holds_data: bool,
    /// The policy that keeps the old one when it goes: Retain or Snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// What DescribeChangeSet will say of its replacement. The service does not look as far ahead: what
    /// reads a resource that is replaced is "Conditional" there.
    #[serde(skip)]
    pub told: Certainty,
}

/// One property's part of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PropertyEffect {
    /// The path, from the resource on: `Properties.Tags[0].Value`, `DeletionPolicy`.
    pub path: String,
    /// What stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What will stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether it will differ.
    pub moves: Certainty,
    /// Whether that replaces the resource.
    pub replaces: Certainty,
    /// What it reads that moves: parameters, resources of the stack, outputs of others.
    pub because: Vec<Cause>,
    /// Where it stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Something that a property reads and that moves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A parameter of the stack.
    Parameter(String),
    /// A resource of the stack.
    Resource(String),
    /// An output of another stack.
    Output(String),
}

/// What an output will be.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OutputEffect {
    /// Whether it will differ; an output that comes or goes does.
    pub moves: Certainty,
    /// Its value, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it will be, with calls for what is not known; nothing where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// What it reads that moves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Cause>,
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Effects {
    /// The resources that it concerns, in the order of the template.
    pub resources: Vec<ResourceEffect>,
    /// The outputs that the stack will have.
    pub outputs: BTreeMap<String, OutputEffect>,
    /// Whether AWS expands the template by macros first, so that only a change set tells all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expanded: bool,
}

impl Effects {
    /// How many resources are concerned in that way.
    pub fn count(&self, wanted: impl Fn(&ResourceEffect) -> bool) -> usize {
        self.resources.iter().filter(|one| wanted(one)).count()
    }
}

/// What leads from one template to another. Without one before, all is new. `retagged`: the stack's tags
/// differ, and each resource that takes tags gets them.
pub fn effects(before: Option<&Scope<'_>>, after: &Scope<'_>, retagged: bool) -> Effects {
    let nothing = Value::Null;
    let empty = Scope::new(&nothing, BTreeMap::new(), super::resolve::Place::default());
    let was_there = before.is_some();
    let before = before.unwrap_or(&empty);
    let mut work = Work {
        before,
        after,
        retagged,
        moved: BTreeMap::new(),
    };
    let mut found: BTreeMap<&String, ResourceEffect> = BTreeMap::new();
    for (name, properties) in in_order(after) {
        if let Some(effect) = work.resource(name, &properties) {
            found.insert(name, effect);
        }
    }
    let mut resources: Vec<ResourceEffect> = entries(after, "Resources")
        .filter_map(|(name, _)| found.remove(name))
        .collect();
    for (name, entry) in entries(before, "Resources") {
        let gone = after.body["Resources"]
            .get(name)
            .map(|new| after.exists(new));
        match gone {
            None => resources.extend(removed(before, name, entry, false)),
            Some(Some(false)) => resources.extend(removed(before, name, entry, false)),
            Some(None) if entry.get("Condition").is_some() || was_there => {
                let known = resources.iter().any(|one| one.name == *name);
                let decided = before.conditions() == after.conditions();
                if !known && !decided {
                    resources.extend(removed(before, name, entry, true));
                }
            }
            Some(_) => {}
        }
    }
    let outputs = work.outputs();
    Effects {
        resources,
        outputs,
        expanded: after.body.get("Transform").is_some(),
    }
}

/// How a resource's identifier moves.
#[derive(Debug, Clone, Copy)]
struct Moved {
    id: Certainty,
    attributes: Certainty,
}

struct Work<'a> {
    before: &'a Scope<'a>,
    after: &'a Scope<'a>,
    retagged: bool,
    /// The resources that are not what they were, so far.
    moved: BTreeMap<String, Moved>,
}

impl Work<'_> {
    fn resource(&mut self, name: &str, after: &Value) -> Option<ResourceEffect> {
        let entry = &self.after.body["Resources"][name];
        let old = self.before.body["Resources"].get(name);
        let old = old.filter(|old| self.before.exists(old) != Some(false));
        let kind = entry["Type"].as_str().unwrap_or_default().to_owned();
        let holds_data = data::holds_data(&kind);
        let Some(old) = old else {
            self.moves(name, Certainty::Yes, Certainty::Yes);
            return Some(ResourceEffect {
                name: name.to_owned(),
                changes: given(after),
                holds_data,
                kind,
                action: Fate::Add,
                conditional: self.after.exists(entry).is_none(),
                replacement: Certainty::No,
                told: Certainty::No,
                place: None,
                kept: None,
            });
        };
        let mut changes = self.properties(&kind, old, entry, after);
        changes.extend(attributes(self, old, entry, &kind));
        let retyped = old["Type"] != entry["Type"];
        if changes.is_empty() && !retyped {
            return None;
        }
        let worst = |of: fn(&PropertyEffect) -> Certainty| {
            changes.iter().map(of).max().unwrap_or(Certainty::No)
        };
        let replacement = if retyped {
            Certainty::Yes
        } else {
            worst(|one| one.replaces)
        };
        let told = if retyped {
            Certainty::Yes
        } else {
            self.told(entry, &changes)
        };
        // What custom code answers may move with every change of what it is given, its id too; so may what a
        // nested stack answers.
        let custom = kind == "AWS::CloudFormation::CustomResource" || kind.starts_with("Custom::");
        let properties = changes
            .iter()
            .filter(|one| one.path.starts_with("Properties"));
        let changed = properties
            .map(|one| one.moves)
            .max()
            .unwrap_or(Certainty::No);
        let answered = replacement.max(changed.min(Certainty::Perhaps));
        let id = if custom { answered } else { replacement };
        let attributes = match custom || kind == "AWS::CloudFormation::Stack" {
            true => answered,
            false => replacement,
        };
        self.moves(name, id, attributes);
        Some(ResourceEffect {
            name: name.to_owned(),
            holds_data: holds_data || old["Type"].as_str().is_some_and(data::holds_data),
            kind,
            action: Fate::Modify,
            conditional: false,
            replacement,
            told,
            place: None,
            changes,
            kept: kept(entry, "UpdateReplacePolicy"),
        })
    }

    fn moves(&mut self, name: &str, id: Certainty, attributes: Certainty) {
        if id.max(attributes) > Certainty::No {
            self.moved.insert(name.to_owned(), Moved { id, attributes });
        }
    }

    /// Where the properties differ in value, or read what moves.
    fn properties(
        &self,
        kind: &str,
        old: &Value,
        entry: &Value,
        after: &Value,
    ) -> Vec<PropertyEffect> {
        let schema = schema::schema(kind);
        let before = self.before.resolve(&old["Properties"]).unwrap_or_default();
        let mut found: Vec<PropertyEffect> = diff::between(&before, after)
            .into_iter()
            .map(|change| {
                let after = change.after.as_ref();
                let moves = self.certainty(change.before.as_ref(), after);
                let because = self.causes(old, entry, &change.path, after);
                (change.path, change.before, change.after, moves, because)
            })
            .chain(self.carried(after))
            .map(|(path, before, after, moves, because)| {
                let replacement = schema.as_ref().map_or(Replacement::Never, |schema| {
                    schema.replacement(&path.replace('[', ".").replace(']', ""))
                });
                PropertyEffect {
                    replaces: match replacement {
                        Replacement::Always => moves,
                        Replacement::Conditionally => moves.min(Certainty::Perhaps),
                        Replacement::Never => Certainty::No,
                    },
                    path: format!("Properties.{path}"),
                    before,
                    after,
                    moves,
                    because,
                    place: None,
                }
            })
            .collect();
        let mut seen = BTreeSet::new();
        found.retain(|one| seen.insert(one.path.clone()));
        found
    }

    /// Values that read the same as before of something that moves.
    fn carried(&self, after: &Value) -> Vec<Difference> {
        let mut found = Vec::new();
        leaves(after, String::new(), &mut |path, value| {
            let moving: Vec<(Certainty, Cause)> = mentions(value)
                .into_iter()
                .filter_map(|mention| self.moving(&mention))
                .collect();
            if let Some(moves) = moving.iter().map(|(moves, _)| *moves).max() {
                let because = moving.into_iter().map(|(_, cause)| cause).collect();
                found.push((
                    path.to_owned(),
                    Some(value.clone()),
                    Some(value.clone()),
                    moves,
                    because,
                ));
            }
        });
        found
    }

    fn moving(&self, mention: &Mention) -> Option<(Certainty, Cause)> {
        let (certainty, cause) = match mention {
            Mention::Resource(name) => (self.moved.get(name)?.id, Cause::Resource(name.clone())),
            Mention::Attribute(name, _) => (
                self.moved.get(name)?.attributes,
                Cause::Resource(name.clone()),
            ),
            Mention::Later(stack, output, certain) => (
                certainty(*certain),
                Cause::Output(format!("{stack}.{output}")),
            ),
        };
        (certainty > Certainty::No).then_some((certainty, cause))
    }

    /// Whether two values that are spelled differently will differ.
    fn certainty(&self, before: Option<&Value>, after: Option<&Value>) -> Certainty {
        let (Some(before), Some(after)) = (before, after) else {
            return Certainty::Yes;
        };
        let open = mentions(after).iter().any(|mention| match mention {
            Mention::Later(_, _, certain) => !certain,
            Mention::Resource(_) | Mention::Attribute(..) => self
                .moving(mention)
                .is_some_and(|(moves, _)| moves == Certainty::Perhaps),
        });
        // A literal that becomes a reference may be what it refers to, unless that is another one now.
        let another = |mention: &Mention| {
            let moves = self.moving(mention).map(|(moves, _)| moves);
            matches!(mention, Mention::Later(..)) || moves == Some(Certainty::Yes)
        };
        let unlike = match (is_plain(before), is_plain(after)) {
            (true, false) => !mentions(after).iter().all(another),
            (false, true) => true,
            (true, true) | (false, false) => false,
        };
        if open || unlike || undecided(after) || undecided(before) {
            Certainty::Perhaps
        } else {
            Certainty::Yes
        }
    }

    /// What moves of that which the property at the path reads.
    fn causes(&self, old: &Value, entry: &Value, path: &str, after: Option<&Value>) -> Vec<Cause> {
        let top = path.split(['.', '[']).next().unwrap_or_default();
        let mut found: BTreeSet<Cause> = after
            .map(mentions)
            .unwrap_or_default()
            .iter()
            .filter_map(|mention| self.moving(mention))
            .map(|(_, cause)| cause)
            .collect();
        // One that is spelled as before is moved by its parameters alone.
        if old["Properties"][top] == entry["Properties"][top] {
            let names = names_in(&entry["Properties"][top]);
            let (before, after) = (self.before.parameters(), self.after.parameters());
            let moved = names
                .into_iter()
                .filter(|name| after.contains_key(name) && before.get(name) != after.get(name));
            let later = found.iter().any(|one| matches!(one, Cause::Output(_)));
            found.extend(moved.filter(|_| !later).map(Cause::Parameter));
        }
        found.into_iter().collect()
    }

    /// What DescribeChangeSet will say: what reads a resource that is new or may be replaced is not
    /// known to it.
    fn told(&self, entry: &Value, changes: &[PropertyEffect]) -> Certainty {
        let each = changes.iter().map(|one| {
            let mut path = one.path.split(['.', '[']);
            let written = match path.next() {
                Some("Properties") => &entry["Properties"][path.next().unwrap_or_default()],
                _ => &Value::Null,
            };
            let dynamic = names_in(written)
                .iter()
                .any(|name| self.moved.contains_key(name));
            match one.replaces {
                Certainty::Yes if dynamic => Certainty::Perhaps,
                replaces => replaces,
            }
        });
        each.max().unwrap_or(Certainty::No)
    }

    fn outputs(&self) -> BTreeMap<String, OutputEffect> {
        let mut found: BTreeMap<String, OutputEffect> = entries(self.after, "Outputs")
            .filter(|(_, entry)| self.after.exists(entry) != Some(false))
            .map(|(name, entry)| (name.clone(), self.output(name, entry)))
            .collect();
        for (name, entry) in entries(self.before, "Outputs") {
            if self.before.exists(entry) != Some(false) && !found.contains_key(name) {
                found.insert(
                    name.clone(),
                    OutputEffect {
                        moves: Certainty::Yes,
                        value: None,
                        after: None,
                        because: vec![],
                    },
                );
            }
        }
        found
    }

    fn output(&self, name: &str, entry: &Value) -> OutputEffect {
        let after = self.after.resolve(&entry["Value"]).unwrap_or_default();
        let old = &self.before.body["Outputs"][name];
        let before = (!old.is_null()).then(|| self.before.resolve(&old["Value"]));
        let before = before.map(Option::unwrap_or_default);
        let moving: Vec<(Certainty, Cause)> = mentions(&after)
            .iter()
            .filter_map(|mention| self.moving(mention))
            .collect();
        let carried = moving.iter().map(|(moves, _)| *moves).max();
        let moves = match &before {
            Some(before) if diff::equal(before, &after) => carried.unwrap_or(Certainty::No),
            Some(before) => self.certainty(Some(before), Some(&after)),
            None => Certainty::Yes,
        };
        let undecided = self.after.exists(entry).is_none() || self.before.exists(old).is_none();
        OutputEffect {
            moves: if undecided && moves == Certainty::No {
                Certainty::Perhaps
            } else {
                moves
            },
            value: crate::template::scalar_text(&after).filter(|_| !undecided),
            after: Some(after),
            because: moving.into_iter().map(|(_, cause)| cause).collect(),
        }
    }
}

/// A path, what is there before and after, whether that differs, and why.
type Difference = (String, Option<Value>, Option<Value>, Certainty, Vec<Cause>);

fn certainty(certain: bool) -> Certainty {
    if certain {
        Certainty::Yes
    } else {
        Certainty::Perhaps
    }
}

/// Whether a value hangs on a condition that is not decided.
fn undecided(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(undecided),
        Value::Object(fields) => fields.contains_key("Fn::If") || fields.values().any(undecided),
        _ => false,
    }
}

/// The attributes of a resource that count as its own, beside its properties.
const ATTRIBUTES: [&str; 5] = [
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
];

fn attributes(
    work: &Work<'_>,
    old: &Value,
    entry: &Value,
    kind: &str,
) -> impl Iterator<Item = PropertyEffect> {
    let tags = work.retagged && schema::schema(kind).is_some_and(|s| s.type_of("Tags").is_some());
    let tags = tags.then(|| ("Tags of the stack".to_owned(), None, None));
    let each = ATTRIBUTES.into_iter().flat_map(|name| {
        let sides = [(work.before, old), (work.after, entry)];
        let [before, after] = sides.map(|(scope, of)| of.get(name).and_then(|v| scope.resolve(v)));
        let list = match (before, after) {
            (Some(before), Some(after)) => diff::between(&before, &after)
                .into_iter()
                .map(|one| (one.path, one.before, one.after))
                .collect(),
            (None, None) => vec![],
            (before, after) => vec![(String::new(), before, after)],
        };
        list.into_iter().map(move |(path, before, after)| {
            let between = if path.is_empty() || path.starts_with('[') {
                ""
            } else {
                "."
            };
            (format!("{name}{between}{path}"), before, after)
        })
    });
    let all: Vec<_> = each.chain(tags).collect();
    all.into_iter().map(|(path, before, after)| PropertyEffect {
        path,
        before,
        after,
        moves: Certainty::Yes,
        replaces: Certainty::No,
        because: vec![],
        place: None,
    })
}

fn kept(entry: &Value, policy: &str) -> Option<String> {
    let policy = entry[policy].as_str()?;
    matches!(policy, "Retain" | "Snapshot" | "RetainExceptOnCreate").then(|| policy.to_owned())
}

fn removed(
    before: &Scope<'_>,
    name: &str,
    entry: &Value,
    conditional: bool,
) -> Option<ResourceEffect> {
    if before.exists(entry) == Some(false) {
        return None;
    }
    let kind = entry["Type"].as_str().unwrap_or_default().to_owned();
    Some(ResourceEffect {
        name: name.to_owned(),
        holds_data: data::holds_data(&kind),
        kind,
        action: Fate::Remove,
        conditional: conditional || before.exists(entry).is_none(),
        replacement: Certainty::No,
        told: Certainty::No,
        place: None,
        changes: vec![],
        kept: kept(entry, "DeletionPolicy"),
    })
}

/// The properties that a new resource is given.
fn given(properties: &Value) -> Vec<PropertyEffect> {
    let each = properties.as_object().into_iter().flatten();
    each.map(|(name, value)| PropertyEffect {
        path: format!("Properties.{name}"),
        before: None,
        after: Some(value.clone()),
        moves: Certainty::Yes,
        replaces: Certainty::No,
        because: vec![],
        place: None,
    })
    .collect()
}

fn entries<'a>(
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
fn in_order<'a>(scope: &Scope<'a>) -> Vec<(&'a String, Value)> {
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

/// Every value that has no others in it, calls being values, with its path.
fn leaves(value: &Value, path: String, each: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) if super::resolve::call(value).is_none() => {
            for (name, field) in fields {
                leaves(field, diff::child(&path, name), each);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                leaves(item, format!("{path}[{at}]"), each);
            }
        }
        one => each(&path, one),
    }
}

/// Every name that a value as it is written refers to.
fn names_in(value: &Value) -> BTreeSet<String> {
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

#[cfg(test)]
mod tests {
    use super::super::resolve::{LATER, Place};
    use super::*;
    use serde_json::json;

    fn run(before: &Value, after: &Value, values: [Value; 2]) -> Effects {
        let scope = |body, value| {
            let parameters = BTreeMap::from([("P".to_owned(), value)]);
            Scope::new(body, parameters, Place::default())
        };
        let [old, new] = values;
        effects(Some(&scope(before, old)), &scope(after, new), false)
    }

    fn network(cidr: Value) -> Value {
        json!({
            "Resources": {
                "Rule": {"Type": "AWS::EC2::SecurityGroup", "Properties": {
                    "GroupDescription": "x", "VpcId": {"Ref": "Vpc"}}},
                "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": cidr}},
                "Reader": {"Type": "AWS::SNS::Topic", "Properties": {
                    "DisplayName": {"Fn::Sub": "${Rule.GroupId} ${P}"}}},
                "Other": {"Type": "AWS::SNS::Topic"},
            },
            "Outputs": {"Vpc": {"Value": {"Ref": "Vpc"}}, "Topic": {"Value": {"Ref": "Other"}},
                "Name": {"Value": {"Ref": "P"}}},
        })
    }

    fn lines(found: &Effects) -> Vec<String> {
        let each = found.resources.iter();
        each.map(|one| {
            let paths: Vec<&str> = one.changes.iter().map(|c| c.path.as_str()).collect();
            format!(
                "{} {:?} {:?} {:?} {paths:?}",
                one.name, one.action, one.replacement, one.told
            )
        })
        .collect()
    }

    #[test]
    fn a_replacement_replaces_what_reads_it() {
        let found = run(
            &network(json!("10.0.0.0/16")),
            &network(json!({"Ref": "P"})),
            [json!("x"), json!("10.1.0.0/16")],
        );
        assert_eq!(
            lines(&found),
            [
                r#"Rule Modify Yes Perhaps ["Properties.VpcId"]"#,
                r#"Vpc Modify Yes Yes ["Properties.CidrBlock"]"#,
                r#"Reader Modify No No ["Properties.DisplayName"]"#,
            ]
        );
        let moves: Vec<_> = found.outputs.values().map(|one| one.moves).collect();
        assert_eq!(moves, [Certainty::Yes, Certainty::No, Certainty::Yes]);
        assert_eq!(found.outputs["Name"].value.as_deref(), Some("10.1.0.0/16"));
    }

    #[test]
    fn what_may_move_may_replace() {
        let same = network(json!({"Ref": "P"}));
        for (certain, wanted) in [(true, Certainty::Yes), (false, Certainty::Perhaps)] {
            let later = json!({ LATER: ["Base", "Cidr", certain] });
            let found = run(&same, &same, [json!("10.0.0.0/16"), later]);
            assert_eq!(found.resources[0].replacement, wanted);
            let vpc = &found.resources[1];
            assert_eq!(vpc.replacement, wanted);
            assert_eq!(
                vpc.changes[0].because,
                [Cause::Output("Base.Cidr".to_owned())]
            );
        }
    }

    #[test]
    fn what_means_the_same_has_no_effect() {
        let before = json!({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {
            "DisplayName": {"Fn::Sub": "${P}-x"}, "FifoTopic": "false"}}}});
        let after = json!({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {
            "DisplayName": {"Fn::Join": ["-", [{"Ref": "P"}, "x"]]}, "FifoTopic": false}}}});
        let found = run(&before, &after, [json!("a"), json!("a")]);
        assert_eq!(found.resources, []);
    }

    #[test]
    fn what_goes_says_what_keeps_it() {
        let before = json!({"Resources": {
            "B": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
            "T": {"Type": "AWS::SNS::Topic"}}});
        let after = json!({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Metadata": {"a": 1}}}});
        let found = run(&before, &after, [json!("a"), json!("a")]);
        assert_eq!(
            lines(&found),
            [r#"T Modify No No ["Metadata"]"#, "B Remove No No []"]
        );
        let gone = &found.resources[1];
        assert!(gone.holds_data && gone.kept.as_deref() == Some("Retain"));
    }
}
