//! Imports: resources that exist in the account and are taken into a stack.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html>

use super::evaluate::section;
use super::source;
use super::values;
use crate::local::core::Core;
use crate::local::model::{Goal, Resource, Stack};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::Value;
use std::collections::BTreeMap;

/// The resources that a change set takes over: logical ids and physical ones.
///
/// # Errors
/// Resources that are not there, or that the template does not let be imported.
pub fn asked(
    core: &Core,
    query: &Query,
    stack: &Stack,
    goal: &Goal,
) -> Result<BTreeMap<String, String>, Refusal> {
    let template = source::parse(goal.text())?;
    let mut found = BTreeMap::new();
    let state = core.store.state();
    for row in query.rows("ResourcesToImport") {
        let text = |key: &str| row.get(key).map(String::as_str).unwrap_or_default();
        let (name, kind) = (text("LogicalResourceId"), text("ResourceType"));
        let identifier = identifier(&row);
        importable(&template, stack, name, kind)?;
        let mut kept = state.account.kept.iter();
        let held = kept.find(|held| held.kind == kind && is(held, &identifier));
        let held = held.ok_or_else(|| {
            let values: Vec<&str> = identifier.iter().map(|(_, value)| *value).collect();
            Refusal::validation(format!(
                "Resource of type '{kind}' with identifier '{}' was not found.",
                values.join("|")
            ))
        })?;
        found.insert(name.to_owned(), held.physical_id.clone());
    }
    if query.text("ChangeSetType") == Some("IMPORT") {
        only_imports(&template, stack, &found)?;
    }
    if query.flag("ImportExistingResources") == Some(true) {
        for (name, entry) in section(&template, "Resources") {
            let kind = entry["Type"].as_str().unwrap_or_default();
            let wanted = values::given_id(kind, &entry["Properties"]);
            let mut kept = state.account.kept.iter();
            let held =
                kept.find(|held| held.kind == kind && Some(&held.physical_id) == wanted.as_ref());
            if let Some(held) = held.filter(|_| !stack.resources.contains_key(name)) {
                found.insert(name.clone(), held.physical_id.clone());
            }
        }
    }
    Ok(found)
}

fn identifier(row: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    (1..)
        .map_while(|at| {
            let part = |side: &str| row.get(&format!("ResourceIdentifier.entry.{at}.{side}"));
            Some((part("key")?.as_str(), part("value")?.as_str()))
        })
        .collect()
}

fn is(held: &Resource, identifier: &[(&str, &str)]) -> bool {
    identifier.iter().all(|(name, value)| {
        held.properties[*name] == *value || held.physical_id.split('|').any(|part| part == *value)
    })
}

fn importable(template: &Value, stack: &Stack, name: &str, kind: &str) -> Result<(), Refusal> {
    let entry = &template["Resources"][name];
    if entry["Type"] != kind {
        return Err(Refusal::validation(format!(
            "Resources [{name}] is missing from the template or of another type"
        )));
    }
    if entry.get("DeletionPolicy").is_none() {
        return Err(Refusal::validation(format!(
            "The following resources to import [{name}] must have DeletionPolicy attribute specified in the template."
        )));
    }
    if stack.resources.contains_key(name) {
        return Err(Refusal::validation(format!(
            "Resources [{name}] passed in ResourceToImport are already in the stack."
        )));
    }
    Ok(())
}

/// An import changes nothing else.
fn only_imports(
    template: &Value,
    stack: &Stack,
    found: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let new: Vec<&str> = section(template, "Resources")
        .map(|(name, _)| name.as_str())
        .filter(|name| !found.contains_key(*name) && !stack.resources.contains_key(*name))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "As part of the import operation, you cannot modify or add [{}]",
        new.join(", ")
    )))
}
