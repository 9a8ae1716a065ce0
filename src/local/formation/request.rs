//! What a request asks of a stack, read and checked.

use super::describe::{body, capability};
use super::evaluate::{self, Place};
use super::parameters::{self, Given};
use super::{check, rules, transform};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::model::{Goal, Operation, Phase, Stack, State};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::services::{s3, ssm};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the request asks the stack to be.
///
/// # Errors
/// A template or values that the service refuses.
pub fn goal(core: &Core, query: &Query, before: &Goal, place: &Place) -> Result<Goal, Refusal> {
    let text = match body(core, query)? {
        Some(text) => text,
        None if query.flag("UsePreviousTemplate") == Some(true) => before.body.clone(),
        None => {
            return Err(Refusal::validation(
                "Either Template URL or Template Body must be specified.",
            ));
        }
    };
    let mut goal = evaluated(core, text, &given(query), before, place)?;
    goal.capabilities = query.list("Capabilities");
    // Who looks at a change set first has seen what the transforms made.
    if query.text("ChangeSetName").is_none() && goal.processed.is_some() {
        require(&goal.capabilities, "CAPABILITY_AUTO_EXPAND")?;
    }
    let template = evaluate::parse(goal.text())?;
    if let Some(needed) = capability(&template)
        && !goal
            .capabilities
            .iter()
            .any(|c| c == "CAPABILITY_NAMED_IAM")
    {
        require(&goal.capabilities, needed)?;
    }
    goal.tags = if query.has_list("Tags") {
        tags(query)?
    } else {
        before.tags.clone()
    };
    goal.topics = if query.has_list("NotificationARNs") {
        query.list("NotificationARNs")
    } else {
        before.topics.clone()
    };
    goal.role_arn = query.owned("RoleARN").or_else(|| before.role_arn.clone());
    goal.mode = query.owned("DeploymentConfig.Mode");
    Ok(goal)
}

/// A goal from a template's text and its parameters' values, checked as far as that goes.
///
/// # Errors
/// A template or values that the service refuses.
pub fn evaluated(
    core: &Core,
    text: String,
    given: &BTreeMap<String, Given>,
    before: &Goal,
    place: &Place,
) -> Result<Goal, Refusal> {
    let written = evaluate::parse(&text)?;
    let stored = |name: &str| ssm::find(&core.store.state(), name).map(|found| found.value);
    let (parameters, resolved) =
        parameters::evaluate(&written, given, &before.parameters, &stored)?;
    let mut goal = Goal {
        body: text,
        description: written["Description"].as_str().map(str::to_owned),
        secrets: parameters::secrets(&written),
        parameters,
        resolved,
        ..Goal::default()
    };
    let values = goal.values();
    rules::check(&written, place, &values)?;
    let load = |url: &str| s3::read_url(core.store.directory(), url);
    let template = transform::apply(&written, place, &values, &load)?;
    goal.processed = template.as_ref().map(Value::to_string);
    let template = template.unwrap_or(written);
    check::validate(&template)?;
    evaluate::conditions(&template, place, &values)?;
    Ok(goal)
}

fn given(query: &Query) -> BTreeMap<String, Given> {
    query
        .rows("Parameters")
        .into_iter()
        .filter_map(|row| {
            let name = row.get("ParameterKey")?.clone();
            let previous = row
                .get("UsePreviousValue")
                .is_some_and(|flag| flag == "true");
            let value = row.get("ParameterValue").cloned().unwrap_or_default();
            Some((
                name,
                if previous {
                    Given::Previous
                } else {
                    Given::Value(value)
                },
            ))
        })
        .collect()
}

fn require(acknowledged: &[String], needed: &str) -> Result<(), Refusal> {
    if acknowledged.iter().any(|given| given == needed) {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "InsufficientCapabilitiesException",
        format!("Requires capabilities : [{needed}]"),
    ))
}

fn tags(query: &Query) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for row in query.rows("Tags") {
        let (key, value) = (row.get("Key").cloned(), row.get("Value").cloned());
        let key = key.ok_or_else(|| Refusal::validation("A tag must have a key"))?;
        if key.starts_with("aws:") {
            return Err(Refusal::validation(format!(
                "aws: prefixed tag key names are not allowed for external use: {key}"
            )));
        }
        tags.insert(key, value.unwrap_or_default());
    }
    Ok(tags)
}

/// Refuses what cannot be the name of a stack or a change set.
///
/// # Errors
/// The service's words.
pub fn check_name(field: &str, name: &str) -> Result<(), Refusal> {
    let good = Regex::new("^[a-zA-Z][-a-zA-Z0-9]{0,127}$").is_ok_and(|rule| rule.is_match(name));
    if good {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

/// A stack with nothing in it.
pub fn new_stack(core: &Core, name: &str) -> Stack {
    Stack {
        id: core.arn(&format!("stack/{name}/{}", ids::uuid())),
        name: name.to_owned(),
        created: ids::now(),
        ..Stack::default()
    }
}

/// An operation as the request asks for it.
pub fn operation(kind: &str, query: &Query, phase: Phase) -> Operation {
    let express = query.text("DeploymentConfig.Mode") == Some("EXPRESS");
    // EXPRESS keeps what failed unless it is told otherwise; that is what it is quick by.
    let keeps = query
        .flag("DeploymentConfig.DisableRollback")
        .unwrap_or(express);
    Operation {
        id: ids::uuid(),
        kind: kind.to_owned(),
        token: query.owned("ClientRequestToken"),
        phase,
        started: ids::now(),
        disable_rollback: query.flag("DisableRollback").unwrap_or(express && keeps),
        retain_except_on_create: query.flag("RetainExceptOnCreate") == Some(true),
        express,
        ..Operation::default()
    }
}

/// The answer to a request that is repeated with its token.
pub fn repeated(state: &State, action: &str, query: &Query) -> Option<Value> {
    let key = format!("{action}/{}", query.text("ClientRequestToken")?);
    let mut stacks = state.stacks.iter().rev();
    stacks.find_map(|stack| stack.tokens.get(&key)).cloned()
}

/// Keeps the answer for when the request is repeated.
pub fn remember(stack: &mut Stack, action: &str, query: &Query, answer: &Value) {
    if let Some(token) = query.text("ClientRequestToken") {
        stack
            .tokens
            .insert(format!("{action}/{token}"), answer.clone());
    }
}

/// Whether the stack can be updated, in the service's words where it cannot.
///
/// # Errors
/// A stack that is busy or has failed.
pub fn can_update(stack: &Stack, disable_rollback: bool) -> Result<(), Refusal> {
    let ready = matches!(
        stack.status.as_str(),
        "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE"
    ) || (disable_rollback
        && matches!(stack.status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED"));
    if ready {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "Stack:{} is in {} state and can not be updated.",
        stack.id, stack.status
    )))
}

/// Refuses to touch a nested stack but through the stack at its top.
///
/// # Errors
/// The service's words.
pub fn not_nested(stack: &Stack, verb: &str) -> Result<(), Refusal> {
    match &stack.root {
        None => Ok(()),
        Some(root) => Err(Refusal::validation(format!(
            "{verb} cannot be called on a nested stack; call it on its root stack [{root}]"
        ))),
    }
}
