//! What becomes of one resource or output, while those that it reads are known to move or to stay.

use super::super::data;
use super::super::diff;
use super::super::resolve::{Mention, Scope, call, is_plain, mentions};
use super::order::{entries, names_in};
use super::{Cause, Certainty, Fate, OutputEffect, PropertyEffect, ResourceEffect, kept};
use crate::template::schema::{self, Replacement};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a resource's identifier moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    id: Certainty,
    attributes: Certainty,
}

pub(super) struct Work<'a> {
    pub(super) before: &'a Scope<'a>,
    pub(super) after: &'a Scope<'a>,
    pub(super) retagged: bool,
    /// The resources that are not what they were, so far.
    pub(super) moved: BTreeMap<String, Moved>,
}

impl Work<'_> {
    pub(super) fn resource(&mut self, name: &str, after: &Value) -> Option<ResourceEffect> {
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

    pub(super) fn outputs(&self) -> BTreeMap<String, OutputEffect> {
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

/// Every value that has no others in it, calls being values, with its path.
fn leaves(value: &Value, path: String, each: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) if call(value).is_none() => {
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
