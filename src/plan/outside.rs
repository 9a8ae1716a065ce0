//! What differs outside of the template: parameters, tags, protection, policy, topics, role.

use super::{Current, Known};
use crate::cloud::Deployed;
use crate::manifest::Stack;
use crate::project::{Prepared, Project};
use crate::secrets::MASK;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Outside {
    /// What differs.
    pub what: Part,
    /// The name of the parameter or of the tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What will be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Where that is asked for in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A part of a stack that is not its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A parameter's value.
    Parameter,
    /// A tag of the stack.
    Tag,
    /// Whether the stack can be deleted.
    TerminationProtection,
    /// What updates may do.
    StackPolicy,
    /// A topic that is told of events.
    NotificationTopic,
    /// The role that CloudFormation assumes.
    ServiceRole,
}

impl Outside {
    fn new(what: Part, before: Option<&str>, after: Option<&str>) -> Self {
        Self {
            what,
            name: None,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            place: None,
        }
    }

    fn named(self, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..self
        }
    }
}

/// What differs between what is asked and what is there; of a stack that is not there, all that is asked.
pub(super) fn outside(
    project: &Project,
    stack: &Stack,
    now: Option<&Current>,
    parameters: &BTreeMap<String, Known>,
) -> Vec<Outside> {
    let there = now.map(|now| &now.stack);
    let mut found = given(project, stack, there, parameters);
    if let (Some(ready), Some(now)) = (project.prepared.get(&stack.name), there) {
        found.extend(defaults(ready, now, parameters));
    }
    let none = BTreeMap::new();
    found.extend(tags(there.map_or(&none, |now| &now.tags), &stack.tags));
    found.extend(protection(there.map(|now| now.protected), stack));
    let policy = now.and_then(|now| now.policy.as_deref());
    if let Some(wanted) = &stack.stack_policy
        && !policy.is_some_and(|policy| same_policy(policy, wanted))
    {
        found.push(Outside::new(Part::StackPolicy, policy, Some(wanted)));
    }
    let topics_now = there.map(|now| now.topics.as_slice()).unwrap_or_default();
    found.extend(topics(topics_now, &stack.notification_topics));
    let role = there.and_then(|now| now.role_arn.as_deref());
    if stack.role_arn.is_some() && stack.role_arn.as_deref() != role {
        found.push(Outside::new(
            Part::ServiceRole,
            role,
            stack.role_arn.as_deref(),
        ));
    }
    found
}

fn protection(now: Option<bool>, stack: &Stack) -> Option<Outside> {
    let wanted = stack.termination_protection?;
    let before = now.map(|now| now.to_string());
    let differs = wanted != now.unwrap_or_default();
    let part = Part::TerminationProtection;
    differs.then(|| Outside::new(part, before.as_deref(), Some(&wanted.to_string())))
}

/// Parameters that the manifest gives.
fn given(
    project: &Project,
    stack: &Stack,
    now: Option<&Deployed>,
    parameters: &BTreeMap<String, Known>,
) -> Vec<Outside> {
    let differs = |(name, value): (&String, &Known)| {
        let Known::Value(after) = value else {
            return None;
        };
        let before = match now {
            Some(now) => Some(now.parameters.get(name)?),
            None => None,
        };
        let hidden = before.is_some_and(|before| before == MASK || after == MASK);
        let known = !hidden && before != Some(after);
        known.then(|| {
            let place = stack.parameters.iter().find(|given| given.name == *name);
            Outside {
                place: place.map(|given| project.in_manifest(given.value_at)),
                ..Outside::new(Part::Parameter, before.map(String::as_str), Some(after)).named(name)
            }
        })
    };
    parameters.iter().filter_map(differs).collect()
}

/// Parameters that are not given, and whose defaults are not what the stack has.
fn defaults<'a>(
    ready: &'a Prepared,
    now: &'a Deployed,
    parameters: &'a BTreeMap<String, Known>,
) -> impl Iterator<Item = Outside> + 'a {
    let declared = ready.template.parameters.iter();
    declared.filter_map(|parameter| {
        let name = &parameter.name;
        let (before, default) = (now.parameters.get(name)?, parameter.default.as_ref()?);
        let differs = !parameters.contains_key(name)
            && before != default
            && before != MASK
            && !parameter.no_echo
            && !parameter.type_name.starts_with("AWS::SSM::");
        let place = || {
            let at = ready.template.position_of(&["Parameters", name, "Default"]);
            ready.place(at?.line)
        };
        differs.then(|| Outside {
            place: place(),
            ..Outside::new(Part::Parameter, Some(before), Some(default)).named(name)
        })
    })
}

fn tags(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Outside> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let sides = names
        .into_iter()
        .map(|name| (name, before.get(name), after.get(name)));
    sides
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| {
            let side = |text: Option<&String>| text.cloned();
            Outside {
                before: side(before),
                after: side(after),
                ..Outside::new(Part::Tag, None, None).named(name)
            }
        })
        .collect()
}

fn topics(before: &[String], after: &[String]) -> Vec<Outside> {
    let lacks = |list: &[String], one: &String| !list.contains(one);
    let gone = before.iter().filter(|one| lacks(after, one));
    let come = after.iter().filter(|one| lacks(before, one));
    let part = Part::NotificationTopic;
    gone.map(|one| Outside::new(part, Some(one), None))
        .chain(come.map(|one| Outside::new(part, None, Some(one))))
        .collect()
}

/// Whether two policies mean the same: spaces and the order of keys do not count.
fn same_policy(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || read(one).is_some_and(|one| Some(one) == read(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_compared_by_what_it_says() {
        let one = "{\"Statement\": [], \"A\": 1}";
        assert!(same_policy(one, "{ \"A\":1,\"Statement\":[] }") && same_policy("x", "x"));
        assert!(!same_policy(one, "{}") && !same_policy("x", "y"));
    }

    #[test]
    fn tags_and_topics_are_told_one_by_one() {
        let map = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
            let each = list.iter();
            each.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let found = tags(
            &map(&[("a", "1"), ("b", "1"), ("c", "1")]),
            &map(&[("b", "2"), ("c", "1"), ("d", "1")]),
        );
        let said: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one.name.as_deref(),
                    one.before.as_deref(),
                    one.after.as_deref(),
                )
            })
            .collect();
        let wanted = [
            (Some("a"), Some("1"), None),
            (Some("b"), Some("1"), Some("2")),
            (Some("d"), None, Some("1")),
        ];
        assert_eq!(said, wanted);
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(topics(&list(&["a", "b"]), &list(&["b", "a"])), []);
        assert_eq!(topics(&list(&["a"]), &list(&["b"])).len(), 2);
    }
}
