//! What a request asks of a stack, read and checked.

use super::engine::{self, Program};
use super::evaluate::{self, Place, Scope};
use super::parameters::{self, Given};
use super::source;
use super::templates::{body, capability};
use super::{check, dynamic, rules, transform};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::model::{Goal, Operation, Phase, Stack, State};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::services::s3;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

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
    let template = source::parse(goal.text())?;
    let transformed = goal.processed.is_some() || transform::is_transformed(&template);
    if query.text("ChangeSetName").is_none() && transformed {
        require(&goal.capabilities, "CAPABILITY_AUTO_EXPAND")?;
    }
    if let Some(needed) = capability(&template)
        && !goal
            .capabilities
            .iter()
            .any(|c| c == "CAPABILITY_NAMED_IAM")
    {
        require(&goal.capabilities, needed)?;
    }
    types_allowed(query, &template)?;
    triggers(query)?;
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
    let written = source::parse(&text)?;
    let evaluated = parameters::evaluate(&written, given, &before.parameters, &core.store.state())?;
    let mut goal = Goal {
        body: text,
        description: written["Description"].as_str().map(str::to_owned),
        secrets: parameters::secrets(&written),
        parameters: evaluated.values,
        resolved: evaluated.resolved,
        late: evaluated.late,
        ..Goal::default()
    };
    let values = goal.values();
    rules::check(&written, place, &values)?;
    let load = |url: &str| s3::read_url(core.store.directory(), url);
    transform::check(&written)?;
    let template = match transform::apply(&written, place, &values, &load) {
        Ok(template) => template,
        // The service transforms once it has begun.
        Err(text) => {
            goal.late = Some(text);
            return Ok(goal);
        }
    };
    goal.processed = template.as_ref().map(Value::to_string);
    let template = template.unwrap_or(written);
    check::validate(&template)?;
    evaluate::conditions(&template, place, &values)?;
    rehearse(core, &mut goal, place)?;
    Ok(goal)
}

/// Evaluates the goal with what its resources give as far as that is known, and reads what it refers
/// to in the parameter store.
fn rehearse(core: &Core, goal: &mut Goal, place: &Place) -> Result<(), Refusal> {
    let program = Program::read(goal, place).map_err(Refusal::validation)?;
    let state = core.store.state();
    let none = Stack::default();
    let stack = state.find(&place.stack_id).unwrap_or(&none);
    let later: BTreeSet<String> = program
        .needs
        .keys()
        .filter(|name| !stack.resources.contains_key(*name))
        .cloned()
        .collect();
    let exports = engine::exports(&state.stacks, &program.template);
    let mut scope = program.scope(stack, place, &exports);
    scope.later = Some(&later);
    can_evaluate(&program, &scope).map_err(Refusal::validation)?;
    let found = dynamic::look_up(&state, &program, &scope)?;
    goal.dynamic = found.values;
    goal.late = goal.late.take().or(found.late);
    Ok(())
}

/// Refuses resources of other types than the request allows.
fn types_allowed(query: &Query, template: &Value) -> Result<(), Refusal> {
    let allowed = query.list("ResourceTypes");
    let fits = |kind: &str| {
        allowed.iter().any(|one| match one.strip_suffix("::*") {
            Some(front) => kind.starts_with(&format!("{front}::")),
            None => one == kind,
        })
    };
    let types =
        evaluate::section(template, "Resources").filter_map(|(_, entry)| entry["Type"].as_str());
    match types
        .into_iter()
        .find(|kind| !allowed.is_empty() && !fits(kind))
    {
        None => Ok(()),
        Some(kind) => Err(Refusal::validation(format!(
            "Resource type {kind} is not allowed by parameter ResourceTypes [{}]",
            allowed.join(", ")
        ))),
    }
}

/// Rollback triggers are alarms.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackTrigger.html>
fn triggers(query: &Query) -> Result<(), Refusal> {
    for row in query.rows("RollbackConfiguration.RollbackTriggers") {
        let text = |name: &str| row.get(name).map(String::as_str).unwrap_or_default();
        if !matches!(
            text("Type"),
            "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm"
        ) {
            return Err(Refusal::validation("Rollback Trigger Type not supported"));
        }
        if text("Arn").split(':').nth(5) != Some("alarm") {
            return Err(Refusal::validation(
                "RelativeId of a Rollback Trigger's ARN is incorrect",
            ));
        }
    }
    Ok(())
}

fn can_evaluate(program: &Program, scope: &Scope<'_>) -> Result<(), String> {
    const NOWHERE: &str = "Unresolved resource dependencies";
    let known = |text: String| {
        // What others give may come in time; attributes are for the resource's own event to tell.
        let later = ["No export named", "Output ", "Requested attribute"];
        let is_later = later.iter().any(|start| text.starts_with(start));
        (!is_later).then_some(text)
    };
    let resources = evaluate::section(&program.template, "Resources");
    for (_, entry) in resources.filter(|(name, _)| program.needs.contains_key(*name)) {
        if let Some(text) = scope.resolve(&entry["Properties"]).err().and_then(known) {
            let kind = if text.starts_with(NOWHERE) {
                "Template format error"
            } else {
                "Template error"
            };
            return Err(format!("{kind}: {text}"));
        }
    }
    for (_, entry) in evaluate::section(&program.template, "Outputs") {
        let condition = entry["Condition"].as_str();
        if condition.is_some_and(|name| scope.condition(name) == Ok(false)) {
            continue;
        }
        if let Some(text) = scope.resolve(&entry["Value"]).err().and_then(known) {
            return Err(
                match text.strip_suffix("in the Resources block of the template") {
                    Some(front) => format!("{front}in the Outputs block of the template"),
                    None => format!("Template error: {text}"),
                },
            );
        }
    }
    Ok(())
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
    if name.len() > 128 {
        return Err(Refusal::validation(format!(
            "1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: \
             Member must have length less than or equal to 128"
        )));
    }
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(fit) {
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
