//! Secrets that stand in a template itself: values of properties that hold them by their names, and defaults
//! of parameters that are masked.

use super::diff::{EntryChange, EntryDiff, TemplateDiff, parts};
use super::effects::Effects;
use super::resolve::is_masked;
use crate::cloud::{Change, Drifted};
use crate::secrets::MASK;
use serde_json::Value;

/// How names of properties end that hold secrets, in lower case.
const ENDS: [&str; 9] = [
    "password",
    "passphrase",
    "secretstring",
    "clientsecret",
    "secretkey",
    "secretaccesskey",
    "privatekey",
    "authtoken",
    "accesstoken",
];

/// Whether a property of this name holds a secret. `DB_PASSWORD` of a function's environment does too.
fn is_secret(name: &str) -> bool {
    let name: String = name.chars().filter(|c| *c != '_' && *c != '-').collect();
    let name = name.to_lowercase();
    ENDS.iter().any(|end| name.ends_with(end))
}

/// Masks what stands at a place of this name, and whatever is in it. A switch is no secret, a reference to a
/// secret neither.
fn mask(name: &str, value: &mut Value) {
    match value {
        Value::String(text) if is_secret(name) => {
            let shown =
                text.starts_with("{{resolve:") || matches!(text.as_str(), "" | "true" | "false");
            if !shown {
                MASK.clone_into(text);
            }
        }
        Value::Number(_) if is_secret(name) => *value = MASK.into(),
        // The arguments of a call are not the value.
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(name, inner)| mask(name, inner)),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(name, item)),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) => {}
    }
}

/// The last name of a path, its indexes left out.
fn last(path: &str) -> String {
    let mut names = parts(path).into_iter();
    let named = names.rfind(|part| part.parse::<usize>().is_err());
    named.unwrap_or_default()
}

fn both(path: &str, sides: [&mut Option<Value>; 2]) {
    let name = last(path);
    sides
        .into_iter()
        .flatten()
        .for_each(|value| mask(&name, value));
}

/// Masks what a change does to properties.
pub(super) fn effects(effects: &mut Effects) {
    for resource in &mut effects.resources {
        for change in &mut resource.changes {
            both(&change.path, [&mut change.before, &mut change.after]);
        }
    }
}

/// Masks a difference of templates; `hidden` are the parameters that either of them masks.
pub(super) fn diff(difference: &mut TemplateDiff, hidden: &[&str]) {
    for section in &mut difference.sections {
        let parameters = section.name == "Parameters";
        for entry in &mut section.entries {
            let hides = parameters && hidden.contains(&entry.name.as_str());
            mask_entry(entry, hides);
        }
    }
}

fn mask_entry(entry: &mut EntryDiff, hides: bool) {
    let default = |value: &mut Value| {
        if let Some(default) = value.get_mut("Default").filter(|_| hides) {
            *default = MASK.into();
        }
    };
    match &mut entry.change {
        EntryChange::Added { after: value } | EntryChange::Removed { before: value } => {
            default(value);
            mask(&entry.name, value);
        }
        EntryChange::Changed { changes } | EntryChange::Retyped { changes, .. } => {
            for change in changes {
                let sides = [&mut change.before, &mut change.after];
                if hides && change.path == "Default" {
                    sides
                        .into_iter()
                        .flatten()
                        .for_each(|value| *value = MASK.into());
                } else {
                    both(&change.path, sides);
                }
            }
        }
    }
}

/// Masks what a change set tells.
pub(super) fn told(changes: &mut [Change]) {
    for detail in changes.iter_mut().flat_map(|change| &mut change.details) {
        texts(&detail.path, [&mut detail.before, &mut detail.after]);
    }
}

/// Masks what is live.
pub fn drift(drifted: &mut [Drifted]) {
    for one in drifted.iter_mut().flat_map(|one| &mut one.differences) {
        texts(&one.path, [&mut one.expected, &mut one.actual]);
    }
}

fn texts(path: &str, sides: [&mut Option<String>; 2]) {
    let mut names = path.split('/');
    let name = names.rfind(|part| part.parse::<usize>().is_err());
    for text in sides.into_iter().flatten() {
        // An object stands there as its JSON.
        let read = serde_json::from_str::<Value>(text).ok();
        let mut value = read
            .filter(|value| value.is_object() || value.is_array())
            .unwrap_or_else(|| text.as_str().into());
        let before = value.clone();
        mask(name.unwrap_or_default(), &mut value);
        if value != before {
            *text = match value {
                Value::String(masked) => masked,
                other => other.to_string(),
            };
        }
    }
}

/// The parameters of a template that it masks.
pub(super) fn hidden(body: &Value) -> impl Iterator<Item = &str> {
    let declared = body["Parameters"].as_object().into_iter().flatten();
    let masked = declared.filter(|(_, of)| is_masked(of));
    masked.map(|(name, _)| name.as_str())
}

/// The parameters that both templates mask, and whose defaults differ: values that move where nobody gives
/// one, and that are not to be seen.
pub(super) fn moved<'a>(old: &Value, new: &'a Value) -> impl Iterator<Item = &'a str> {
    let default = |body: &Value, name: &str| body["Parameters"][name]["Default"].clone();
    let before: Vec<(String, Value)> = hidden(old)
        .map(|name| (name.to_owned(), default(old, name)))
        .collect();
    hidden(new).filter(move |name| {
        let was = before.iter().find(|(one, _)| one == name);
        was.is_some_and(|(_, was)| *was != new["Parameters"][*name]["Default"])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_by_name_are_masked_and_nothing_else() {
        let mut value = json!({
            "MasterUserPassword": "x1", "ManageMasterUserPassword": "true", "DB_PASSWORD": "x2",
            "SecretString": {"Fn::Sub": "${A}"}, "AuthToken": "{{resolve:secretsmanager:a}}",
            "PasswordPolicy": {"MinimumLength": 8}, "SecretArn": "arn", "Users": [{"Password": 12}],
        });
        mask("", &mut value);
        let wanted = json!({
            "MasterUserPassword": "****", "ManageMasterUserPassword": "true", "DB_PASSWORD": "****",
            "SecretString": {"Fn::Sub": "${A}"}, "AuthToken": "{{resolve:secretsmanager:a}}",
            "PasswordPolicy": {"MinimumLength": 8}, "SecretArn": "arn", "Users": [{"Password": "****"}],
        });
        assert_eq!(value, wanted);
    }

    #[test]
    fn texts_of_change_sets_are_masked() {
        let (mut one, mut other) = (
            Some("x1".to_owned()),
            Some("{\"Password\":\"x2\",\"A\":1}".to_owned()),
        );
        texts("/Properties/MasterUserPassword", [&mut one, &mut None]);
        texts("/Properties/LoginProfile", [&mut None, &mut other]);
        assert_eq!(one.as_deref(), Some("****"));
        assert_eq!(other.as_deref(), Some("{\"Password\":\"****\",\"A\":1}"));
    }
}
