//! Access: statements of policies wherever a resource has one, permissions to invoke.

use super::super::readable::readable;
use super::super::resolve::call;
use super::{Add, Kind, each, first, properties, text, texts};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// One action on one resource for one principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    principal: String,
    action: String,
    resource: String,
    condition: String,
}

/// What a condition that is a permission's source begins with; a source is a pattern.
const BY: &str = "by ";

impl Grant {
    fn covers(&self, other: &Self) -> bool {
        matches(&self.principal, &other.principal)
            && matches(&self.action.to_lowercase(), &other.action.to_lowercase())
            && matches(&self.resource, &other.resource)
            && self.holds_for(&other.condition)
    }

    fn holds_for(&self, condition: &str) -> bool {
        let source = self.condition.starts_with(BY);
        self.condition.is_empty()
            || self.condition == condition
            || (source && matches(&self.condition, condition))
    }

    fn group(&self) -> (&str, &str, &str) {
        (&self.principal, &self.resource, &self.condition)
    }
}

/// Whether a resource holds statements that deny.
pub(super) fn denies(entry: &Value) -> bool {
    !statements(entry, "Deny").is_empty()
}

/// What a resource's policies allow that they did not, and deny no longer.
pub(super) fn compare(was: &Value, now: &Value, add: Add<'_>) {
    let (before, after) = (allowed(was), allowed(now));
    let fresh: Vec<&Grant> = after
        .iter()
        .filter(|grant| !before.iter().any(|old| old.covers(grant)))
        .collect();
    // One line for all actions on a resource, and for all resources of the same actions.
    let groups: BTreeSet<(&str, &str, &str)> = fresh.iter().map(|one| one.group()).collect();
    let mut lines: BTreeMap<(&str, &str, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for group in groups {
        let actions = fresh.iter().filter(|one| one.group() == group);
        let actions = actions.map(|one| one.action.as_str()).collect();
        let (principal, resource, condition) = group;
        lines
            .entry((principal, condition, actions))
            .or_default()
            .push(resource);
    }
    for ((principal, condition, actions), resources) in lines {
        let mut what = format!("allows {}", actions.join(", "));
        let condition = match condition.strip_prefix(BY) {
            Some(source) => ("by", source),
            None => ("if", condition),
        };
        for (word, value) in [
            ("on", resources.join(", ").as_str()),
            ("for", principal),
            condition,
        ] {
            if !value.is_empty() {
                what = format!("{what} {word} {value}");
            }
        }
        let public = principal == "*" && condition.1.is_empty();
        add(if public { Kind::Public } else { Kind::Access }, what);
    }
    let after = statements(now, "Deny");
    for denied in statements(was, "Deny") {
        if !after.iter().any(|new| new.covers(&denied)) {
            let (action, resource) = (&denied.action, &denied.resource);
            add(
                Kind::Access,
                format!("no longer denies {action} on {resource}"),
            );
        }
    }
}

fn allowed(entry: &Value) -> Vec<Grant> {
    let mut found = statements(entry, "Allow");
    if entry["Type"] == "AWS::Lambda::Permission" {
        found.push(permission(properties(entry)));
    }
    found
}

/// A permission to invoke as what it adds to the function's policy.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html>
fn permission(of: &Value) -> Grant {
    const NARROWS: [&str; 5] = [
        "SourceArn",
        "SourceAccount",
        "PrincipalOrgID",
        "FunctionUrlAuthType",
        "EventSourceToken",
    ];
    let sources = NARROWS.map(|name| text(&of[name]));
    let sources: Vec<String> = sources.into_iter().filter(|one| !one.is_empty()).collect();
    Grant {
        principal: text(&of["Principal"]),
        action: text(&of["Action"]),
        resource: first(of, &["FunctionName"]),
        condition: match sources.is_empty() {
            true => String::new(),
            false => format!("{BY}{}", sources.join(" and ")),
        },
    }
}

/// The grants of every policy document within a resource, wherever a document stands, as JSON text too.
fn statements(entry: &Value, effect: &str) -> Vec<Grant> {
    let mut found = Vec::new();
    let mut open = vec![Cow::Borrowed(properties(entry))];
    while let Some(value) = open.pop() {
        for statement in each(value.get("Statement").unwrap_or(&Value::Null)) {
            if statement["Effect"] == effect {
                grants(statement, &mut found);
            }
        }
        open.extend(document(&value).map(Cow::Owned));
        match value {
            Cow::Borrowed(Value::Object(fields)) => open.extend(fields.values().map(Cow::Borrowed)),
            Cow::Borrowed(Value::Array(items)) => open.extend(items.iter().map(Cow::Borrowed)),
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

/// A policy that is given as text.
fn document(value: &Value) -> Option<Value> {
    let joined = call(value).is_some_and(|(name, _)| name == "Fn::Join");
    if !joined && !value.is_string() {
        return None;
    }
    let text = text(value);
    let whole = text.trim_start().starts_with('{') && text.contains("\"Statement\"");
    whole.then(|| serde_json::from_str(&text).ok())?
}

fn grants(statement: &Value, found: &mut Vec<Grant>) {
    // All but these, which may be anything.
    let but = |name: &str| match statement.get(format!("Not{name}")) {
        Some(not) => vec![format!("all but {}", texts(not).join(", "))],
        None => texts(&statement[name]),
    };
    let condition = match &statement["Condition"] {
        Value::Null => String::new(),
        condition => readable(condition).to_string(),
    };
    let or_none = |list: Vec<String>| {
        if list.is_empty() {
            vec![String::new()]
        } else {
            list
        }
    };
    let principals = or_none(match statement.get("NotPrincipal") {
        Some(not) => vec![format!("all but {}", readable(not))],
        None => principals(&statement["Principal"]),
    });
    for action in but("Action") {
        for resource in or_none(but("Resource")) {
            for principal in &principals {
                found.push(Grant {
                    principal: principal.clone(),
                    action: action.clone(),
                    resource: resource.clone(),
                    condition: condition.clone(),
                });
            }
        }
    }
}

fn principals(value: &Value) -> Vec<String> {
    match (call(value), value) {
        (None, Value::Object(kinds)) => kinds.values().flat_map(texts).collect(),
        _ => texts(value),
    }
}

/// Whether a pattern with `*` and `?` fits a text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(one) if *one == '?' || *one == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((behind, from)) => {
                    at = behind + 1;
                    read = from + 1;
                    star = Some((behind, read));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|one| *one == '*')
}
