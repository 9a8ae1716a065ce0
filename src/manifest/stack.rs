//! One stack's table.

use super::reader::{Entries, Entry, Reader, json, scalar, suggestion};
use super::{Given, Place, Stack, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::de::DeValue;

/// Keys that an environment may lay over.
pub(super) const OVERLAY_KEYS: &[&str] = &[
    "parameters",
    "settings",
    "tags",
    "after",
    "termination_protection",
    "stack_policy",
    "capabilities",
    "notification_topics",
    "role_arn",
    "timeout_minutes",
];

const CAPABILITIES: &[&str] = &[
    "CAPABILITY_IAM",
    "CAPABILITY_NAMED_IAM",
    "CAPABILITY_AUTO_EXPAND",
];

/// What CloudFormation takes for a stack's name.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Reads a stack; nothing where it is no table.
pub(super) fn read(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    tags: &BTreeMap<String, String>,
) -> Option<Stack> {
    let table = reader.entries(entry, "a stack")?;
    let at = reader.place(entry.key_at);
    let known: Vec<&str> = ["template"].iter().chain(OVERLAY_KEYS).copied().collect();
    reader.unknown_keys(&table, &known, "a stack");
    if !is_name(entry.name) {
        let hint = "letters, digits and hyphens, a letter first, 128 at the most".to_owned();
        reader.problem(
            at,
            format!("{} is no name for a stack", entry.name),
            Some(hint),
        );
    }
    let mut stack = Stack {
        name: entry.name.to_owned(),
        deployed_name: entry.name.to_owned(),
        at,
        template: template(reader, &table, entry),
        parameters: vec![],
        unread: vec![],
        settings: serde_json::json!({}),
        tags: tags.clone(),
        after: vec![],
        termination_protection: None,
        stack_policy: None,
        capabilities: vec![],
        notification_topics: vec![],
        role_arn: None,
        timeout_minutes: None,
    };
    apply(reader, &table, &mut stack);
    Some(stack)
}

/// Lays an environment's table over a stack.
pub(super) fn lay_over(reader: &mut Reader<'_>, table: &Entries<'_>, stack: &mut Stack) {
    reader.unknown_keys(table, OVERLAY_KEYS, "an environment's stack");
    apply(reader, table, stack);
}

fn template(reader: &mut Reader<'_>, table: &Entries<'_>, entry: &Entry<'_>) -> PathBuf {
    if table.get("template").is_none() {
        let message = format!("{} has no template", entry.name);
        let hint = "add template = \"templates/....yaml\"".to_owned();
        reader.problem(reader.place(entry.key_at), message, Some(hint));
    }
    let Some(name) = reader.text(table, "template") else {
        return PathBuf::new();
    };
    let path = reader.directory.join(&name);
    if !path.is_file() {
        let message = format!("the template {} is not there", path.display());
        reader.problem_at_value(table, "template", &message);
    }
    path
}

fn apply(reader: &mut Reader<'_>, table: &Entries<'_>, stack: &mut Stack) {
    parameters(reader, table, stack);
    if let Some(settings) = reader.table(table, "settings")
        && let Some(known) = stack.settings.as_object_mut()
    {
        known.extend(
            settings
                .iter()
                .map(|entry| (entry.name.to_owned(), json(entry.value))),
        );
    }
    stack.tags.extend(reader.tags(table));
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    if stack.tags.len() > 50 {
        let message = format!(
            "{} has {} tags, 50 are the most",
            stack.name,
            stack.tags.len()
        );
        reader.problem(stack.at, message, None);
    }
    if let Some(after) = reader.strings(table, "after") {
        stack.after = after;
    }
    if let Some(protected) = reader.boolean(table, "termination_protection") {
        stack.termination_protection = Some(protected);
    }
    if let Some(name) = reader.text(table, "stack_policy") {
        stack.stack_policy = policy(reader, table, &name);
    }
    if let Some(capabilities) = reader.strings(table, "capabilities") {
        stack.capabilities = checked(reader, capabilities, |name| {
            let known = CAPABILITIES.contains(&name);
            (!known).then(|| {
                (
                    format!("{name} is no capability"),
                    suggestion(name, CAPABILITIES),
                )
            })
        });
    }
    if let Some(topics) = reader.strings(table, "notification_topics") {
        stack.notification_topics = checked(reader, topics, |arn| {
            (!is_arn(arn, "sns")).then(|| (format!("{arn} is no SNS topic's ARN"), None))
        });
    }
    if let Some(arn) = reader.text(table, "role_arn") {
        if !is_arn(&arn, "iam") {
            reader.problem_at_value(table, "role_arn", &format!("{arn} is no IAM role's ARN"));
        }
        stack.role_arn = Some(arn);
    }
    if let Some(minutes) = reader.positive(table, "timeout_minutes") {
        stack.timeout_minutes = Some(minutes);
    }
}

fn is_arn(text: &str, service: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, of, _, _, rest] if *of == service && !rest.is_empty())
}

fn checked(
    reader: &mut Reader<'_>,
    items: Vec<(String, Place)>,
    wrong: impl Fn(&str) -> Option<(String, Option<String>)>,
) -> Vec<String> {
    for (item, at) in &items {
        if let Some((message, hint)) = wrong(item) {
            reader.problem(*at, message, hint);
        }
    }
    items.into_iter().map(|(item, _)| item).collect()
}

fn policy(reader: &mut Reader<'_>, table: &Entries<'_>, name: &str) -> Option<String> {
    let text = reader.file(name, reader.place_of(table, "stack_policy"))?;
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&text) {
        let message = format!("the stack policy {name} is no JSON: {error}");
        reader.problem_at_value(table, "stack_policy", &message);
    }
    Some(text)
}

fn parameters(reader: &mut Reader<'_>, table: &Entries<'_>, stack: &mut Stack) {
    let Some(parameters) = reader.table(table, "parameters") else {
        return;
    };
    for entry in parameters.iter() {
        let Some(value) = parameter(reader, entry) else {
            stack.unread.push(entry.name.to_owned());
            continue;
        };
        let at = reader.place(entry.key_at);
        let value_at = reader.place(entry.value_at);
        let given = Given {
            name: entry.name.to_owned(),
            value,
            at,
            value_at,
        };
        match stack
            .parameters
            .iter_mut()
            .find(|known| known.name == given.name)
        {
            Some(known) => *known = given,
            None => stack.parameters.push(given),
        }
    }
}

fn parameter(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Value> {
    let at = reader.place(entry.value_at);
    match entry.value {
        DeValue::Table(table) => source(reader, &Entries::of(table), at),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| scalar(item.get_ref())).collect();
            if texts.is_none() {
                reader.problem(at, "a list holds strings, numbers and booleans only", None);
            }
            Some(Value::Literal(texts?.join(",")))
        }
        other => scalar(other).map(Value::Literal),
    }
}

/// `{ output = "Stack.Output" }`, `{ env = "NAME", default = "..." }` or `{ file = "path" }`.
fn source(reader: &mut Reader<'_>, table: &Entries<'_>, at: Place) -> Option<Value> {
    reader.unknown_keys(
        table,
        &["output", "env", "default", "file"],
        "a parameter's value",
    );
    let kinds = ["output", "env", "file"]
        .into_iter()
        .filter(|key| table.get(key).is_some());
    let [kind] = kinds.collect::<Vec<_>>()[..] else {
        let hint = "{ output = \"Stack.Output\" }, { env = \"NAME\" } or { file = \"path\" }";
        let message = "a value comes from exactly one of output, env and file";
        reader.problem(at, message, Some(hint.to_owned()));
        return None;
    };
    if kind != "env" && table.get("default").is_some() {
        reader.problem_at_value(table, "default", "only env takes a default");
    }
    let name = reader.text(table, kind)?;
    match kind {
        "output" => {
            let Some((stack, output)) = name.split_once('.') else {
                reader.problem_at_value(table, kind, "an output is named Stack.Output");
                return None;
            };
            Some(Value::Output {
                stack: stack.to_owned(),
                output: output.to_owned(),
            })
        }
        "file" => {
            let text = reader.file(&name, reader.place_of(table, kind))?;
            // Editors end files with a newline that no parameter means.
            Some(Value::Literal(
                text.trim_end_matches(['\n', '\r']).to_owned(),
            ))
        }
        _ => {
            let default = table.get("default").and_then(|entry| scalar(entry.value));
            let value = reader.variable(&name).or(default);
            if value.is_none() {
                let hint = format!(
                    "set {name}, or give a default: {{ env = \"{name}\", default = \"...\" }}"
                );
                let message = format!("the environment variable {name} is not set");
                reader.problem(reader.place_of(table, kind), message, Some(hint));
            }
            value.map(Value::Literal)
        }
    }
}
