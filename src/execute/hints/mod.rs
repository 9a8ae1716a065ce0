//! What to do about the failures that people really meet.

mod table;

use super::reason::{Denied, Reason};
use crate::settings::command;
use regex::{Captures, Regex};
use std::sync::LazyLock;
use table::{ALLOW, TABLE};

/// A failure that is known.
struct Known {
    /// What the types of its resources begin with.
    of: &'static str,
    /// A pattern that fits its words, or one of its error codes before them. What it names stands in
    /// the advice, in braces.
    says: &'static str,
    /// What to do.
    advice: &'static str,
}

static PATTERNS: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    let compiled = |known: &Known| Regex::new(&format!("(?i){}", known.says)).ok();
    TABLE.iter().map(compiled).collect()
});

/// What to do about a failure, where that is known.
pub(super) fn hint(resource_type: &str, reason: &Reason) -> Option<String> {
    let (known, words) = find(resource_type, reason)?;
    if known.advice == ALLOW {
        return reason.denied.as_ref().map(allow).or_else(|| {
            let somebody =
                "allow it to whoever CloudFormation works as: the caller, or the service role";
            Some(somebody.to_owned())
        });
    }
    Some(words)
}

/// The first row that fits, and its advice with the names filled in.
fn find(resource_type: &str, reason: &Reason) -> Option<(&'static Known, String)> {
    let text = format!("{}\n{}", reason.codes.join("\n"), reason.text);
    TABLE
        .iter()
        .zip(PATTERNS.iter())
        .find_map(|(known, pattern)| {
            if !resource_type.starts_with(known.of) {
                return None;
            }
            let pattern = pattern.as_ref()?;
            let parts = pattern.captures(&text)?;
            let mut advice = known.advice.to_owned();
            for name in pattern.capture_names().flatten() {
                let value = parts.name(name).map_or("", |part| part.as_str());
                advice = advice.replace(&format!("{{{name}}}"), value.trim());
            }
            Some((known, commands(&advice)))
        })
}

/// The advice with our own commands in it as they are to be run.
fn commands(advice: &str) -> String {
    static OURS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\binfra (?<words>[a-z]+(?: --[a-z]+)*)").ok());
    let whole = |found: &Captures<'_>| command(&found["words"]);
    OURS.as_ref().map_or_else(
        || advice.to_owned(),
        |ours| ours.replace_all(advice, whole).into_owned(),
    )
}

/// What to do about a denial: which policy is to allow what, or which one stands against it.
fn allow(denied: &Denied) -> String {
    let Denied {
        action,
        resource,
        principal,
        by,
    } = denied;
    let on = resource
        .as_ref()
        .map(|on| format!(" on {on}"))
        .unwrap_or_default();
    let to = principal
        .as_deref()
        .unwrap_or("whoever CloudFormation works as (the caller, or the service role)");
    let by = by.as_deref().unwrap_or_default();
    if let Some((_, policy)) = by.split_once("explicit deny in ") {
        return format!("{policy} denies {action}{on}; only its owner can lift that");
    }
    if by.contains("permissions boundary") {
        return format!("allow {action}{on} in the permissions boundary of {to}");
    }
    if by.contains("service control policy") {
        return format!(
            "{action} is not allowed by a service control policy; only its owner can lift that"
        );
    }
    format!("allow {action}{on} to {to}")
}

#[cfg(test)]
mod tests;
