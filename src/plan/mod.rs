//! The plan: pure values that say, a stack at a time, what will be done and why.

pub mod action;
pub mod data;
pub mod diff;
pub mod estimate;
pub mod file;
pub mod soft;

use crate::cloud::Deployed;
use crate::manifest::{Given, Stack, Value};
use crate::project::Project;
use crate::secrets::MASK;
use crate::template::schema::{self, Replacement};
use crate::template::yaml;
use action::{DeployAction, DestroyAction, Status};
use diff::{EntryChange, TemplateDiff};
use serde::Serialize;
use std::collections::BTreeMap;

/// A stack as it is: what DescribeStacks and GetTemplate answer.
#[derive(Debug, Clone)]
pub struct Current {
    /// What DescribeStacks answers.
    pub stack: Deployed,
    /// The template's text.
    pub template: String,
    /// The stack policy, read only where the manifest has one.
    pub policy: Option<String>,
}

/// A parameter's value, as far as it is known before the walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// The value.
    Value(String),
    /// An output of a stack that is created or changed first.
    Later {
        /// The stack that gives it.
        stack: String,
        /// The output's name.
        output: String,
    },
}

/// What will be done to a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing: it is as asked.
    Nothing,
    /// Create it.
    Create,
    /// Update it.
    Update,
    /// Update it if an output that is known only later differs by then.
    UpdateIfMoved,
    /// Nothing in it ever worked: delete it, then create it.
    Recreate,
    /// Bring it out of a failed operation, then update it.
    Recover,
    /// Follow the operation that is running, then decide again.
    Adopt,
    /// Delete it.
    Delete,
    /// Follow the operation that is running, then delete it.
    FollowThenDelete,
    /// Roll it back to where it stood before the operation that failed.
    RollBack,
    /// Go on with a rollback that failed, without these resources.
    ContinueRollback(Vec<String>),
    /// It cannot be done: why, and what to do.
    Refuse(String),
}

/// One stack's part of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The stack, as the manifest names it.
    pub stack: String,
    /// The stack, as CloudFormation names it.
    pub deployed_name: String,
    /// What will be done.
    pub action: Action,
    /// The status that it is in.
    pub status: String,
    /// When it was last updated or else created (RFC 3339), as the plan found it.
    pub updated: Option<String>,
    /// Why: one line a difference outside of the template.
    pub why: Vec<String>,
    /// Every parameter that is given.
    pub parameters: BTreeMap<String, Known>,
    /// What differs in the template.
    pub diff: Option<TemplateDiff>,
    /// Resources that hold data and would go, with their types.
    pub loses: Vec<(String, String)>,
    /// Resources that hold data and would be replaced by new ones without it, with their types. What
    /// a changed parameter replaces is seen only in the change set, and is stopped there.
    pub replaces: Vec<(String, String)>,
}

/// What will be done, in an order in which each stack comes after what it needs.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// One step a stack.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether nothing at all will be done.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Nothing)
    }

    /// The step of that stack.
    pub fn step(&self, stack: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.stack == stack)
    }
}

/// What a deploy of `order` will do. Stacks in `order` stand after what they depend on.
pub fn deploy(project: &Project, order: &[String], current: &BTreeMap<String, Current>) -> Plan {
    let mut steps: Vec<Step> = Vec::new();
    for name in order {
        if let Some(stack) = project.stack(name) {
            let value = |given: &Value| known(given, current, &steps);
            let step = deploy_step(project, stack, current.get(name), &value);
            steps.push(step);
        }
    }
    Plan { steps }
}

/// What a deploy of one stack will do when all outputs that it reads are there.
pub fn again(
    project: &Project,
    stack: &Stack,
    now: &Current,
    output: &dyn Fn(&str, &str) -> Option<String>,
) -> Step {
    let value = |given: &Value| match given {
        Value::Literal(text) => Known::Value(text.clone()),
        Value::Output {
            stack,
            output: name,
        } => output(stack, name).map_or_else(
            || Known::Later {
                stack: stack.clone(),
                output: name.clone(),
            },
            Known::Value,
        ),
    };
    deploy_step(project, stack, Some(now), &value)
}

fn deploy_step(
    project: &Project,
    stack: &Stack,
    now: Option<&Current>,
    value: &dyn Fn(&Value) -> Known,
) -> Step {
    let secret = |name: &str| project.masked(&stack.name).any(|masked| masked == name);
    let shown = |given: &Given| match value(&given.value) {
        Known::Value(_) if secret(&given.name) => Known::Value(MASK.to_owned()),
        known => known,
    };
    let parameters = stack
        .parameters
        .iter()
        .map(|given| (given.name.clone(), shown(given)))
        .collect();
    let mut step = Step {
        stack: stack.name.clone(),
        deployed_name: stack.deployed_name.clone(),
        action: Action::Create,
        status: now
            .map_or("absent", |now| now.stack.status.as_str())
            .to_owned(),
        updated: now.and_then(|now| now.stack.updated.clone()),
        why: vec![],
        parameters,
        diff: None,
        loses: vec![],
        replaces: vec![],
    };
    let Some(now) = now else { return step };
    let status = match Status::parse(&now.stack.status) {
        Ok(status) => status,
        Err(unknown) => {
            step.action = Action::Refuse(format!("the status {} is not known", unknown.0));
            return step;
        }
    };
    compare(project, stack, now, &mut step);
    step.action = match action::on_deploy(status) {
        DeployAction::Create | DeployAction::ClearThenCreate => Action::Create,
        DeployAction::UpdateIfDifferent => update_or_nothing(&step),
        DeployAction::DeleteThenCreate if now.stack.protected => Action::Refuse(format!(
            "it is in {} and must be deleted first, but it is termination protected",
            now.stack.status
        )),
        DeployAction::DeleteThenCreate => Action::Recreate,
        DeployAction::ContinueFromFailure | DeployAction::ContinueRollbackThenUpdate => {
            Action::Recover
        }
        DeployAction::Adopt => Action::Adopt,
        DeployAction::Refuse(why) => Action::Refuse(why.to_owned()),
    };
    if status == Status::ReviewInProgress || matches!(step.action, Action::Recreate) {
        step.diff = None;
        step.loses.clear();
        step.replaces.clear();
    }
    step
}

fn update_or_nothing(step: &Step) -> Action {
    let moved = step
        .parameters
        .values()
        .any(|value| matches!(value, Known::Later { .. }));
    if !step.why.is_empty() || step.diff.as_ref().is_some_and(|diff| !diff.is_empty()) {
        Action::Update
    } else if moved {
        Action::UpdateIfMoved
    } else {
        Action::Nothing
    }
}

fn known(value: &Value, current: &BTreeMap<String, Current>, before: &[Step]) -> Known {
    let (stack, output) = match value {
        Value::Literal(text) => return Known::Value(text.clone()),
        Value::Output { stack, output } => (stack, output),
    };
    let later = Known::Later {
        stack: stack.clone(),
        output: output.clone(),
    };
    let settled = before
        .iter()
        .find(|step| &step.stack == stack)
        .is_none_or(|step| step.action == Action::Nothing);
    match current
        .get(stack)
        .and_then(|now| now.stack.outputs.get(output))
    {
        Some(value) if settled => Known::Value(value.clone()),
        _ => later,
    }
}

/// Fills in what differs between what is asked and what is there.
fn compare(project: &Project, stack: &Stack, now: &Current, step: &mut Step) {
    let Some(ready) = project.prepared.get(&stack.name) else {
        return;
    };
    let deployed = yaml::parse(&now.template)
        .map(|node| node.to_json())
        .unwrap_or_default();
    let difference = diff::diff(&deployed, &ready.template.body);
    if !difference.is_empty() {
        step.loses = lost(&difference, &deployed);
        step.replaces = replaced(&difference);
        step.diff = Some(difference);
    }
    for (name, value) in &step.parameters {
        let before = now.stack.parameters.get(name);
        if let Known::Value(after) = value
            && after != MASK
            && before.is_some_and(|before| before != after && before != MASK)
        {
            let before = before.map(String::as_str).unwrap_or_default();
            step.why
                .push(format!("parameter {name}: {before} -> {after}"));
        }
    }
    for parameter in &ready.template.parameters {
        let before = now.stack.parameters.get(&parameter.name);
        let given = step.parameters.contains_key(&parameter.name);
        if let (false, Some(before), Some(default)) = (given, before, &parameter.default)
            && before != default
            && before != MASK
            && !parameter.no_echo
            && !parameter.type_name.starts_with("AWS::SSM::")
        {
            step.why.push(format!(
                "parameter {}: {before} -> {default}",
                parameter.name
            ));
        }
    }
    if now.stack.tags != stack.tags {
        step.why
            .push(format!("tags: {:?} -> {:?}", now.stack.tags, stack.tags));
    }
    if let Some(wanted) = stack.termination_protection
        && wanted != now.stack.protected
    {
        step.why.push(format!(
            "termination protection: {} -> {wanted}",
            now.stack.protected
        ));
    }
    if let Some(wanted) = &stack.stack_policy
        && now.policy.as_ref() != Some(wanted)
    {
        step.why.push("stack policy: changed".to_owned());
    }
    if sorted(&now.stack.topics) != sorted(&stack.notification_topics) {
        step.why.push("notification topics: changed".to_owned());
    }
    if stack.role_arn.is_some() && stack.role_arn != now.stack.role_arn {
        step.why.push("service role: changed".to_owned());
    }
}

fn sorted(list: &[String]) -> Vec<&String> {
    let mut list: Vec<&String> = list.iter().collect();
    list.sort();
    list
}

/// Resources that hold data, go, and that no policy keeps.
fn lost(difference: &TemplateDiff, before: &serde_json::Value) -> Vec<(String, String)> {
    difference
        .lost_resources()
        .filter(|(name, of)| data::holds_data(of) && !is_kept(&before["Resources"][*name]))
        .map(|(name, of)| (name.to_owned(), of.to_owned()))
        .collect()
}

/// Resources that hold data and of which a property differs that can only be set on create.
fn replaced(difference: &TemplateDiff) -> Vec<(String, String)> {
    difference
        .entries("Resources")
        .filter_map(|entry| {
            let of = entry
                .resource_type
                .as_deref()
                .filter(|of| data::holds_data(of))?;
            let EntryChange::Changed { changes } = &entry.change else {
                return None;
            };
            let schema = schema::schema(of)?;
            let recreates = changes.iter().any(|change| {
                let path = change.path.replace('[', ".").replace(']', "");
                path.strip_prefix("Properties.")
                    .is_some_and(|path| schema.replacement(path) == Replacement::Always)
            });
            recreates.then(|| (entry.name.clone(), of.to_owned()))
        })
        .collect()
}

/// Whether a resource's data outlives the resource in its stack.
pub fn is_kept(resource: &serde_json::Value) -> bool {
    let policy = resource
        .get("DeletionPolicy")
        .and_then(serde_json::Value::as_str);
    matches!(policy, Some("Retain" | "Snapshot" | "RetainExceptOnCreate"))
}

/// What a destroy of `order` will do. Stacks in `order` stand before what they depend on.
pub fn destroy(project: &Project, order: &[String], current: &BTreeMap<String, Current>) -> Plan {
    let steps = order.iter().filter_map(|name| project.stack(name));
    Plan {
        steps: steps
            .map(|stack| destroy_step(stack, current.get(&stack.name)))
            .collect(),
    }
}

/// A plan of one stack's recovery: what is done if it is in one of the statuses, and why not if it is
/// in another.
pub fn recovery(
    stack: &Stack,
    now: Option<&Deployed>,
    statuses: &[Status],
    action: Action,
) -> Plan {
    let status = now.map_or("absent", |now| now.status.as_str());
    let fits = Status::parse(status).is_ok_and(|status| statuses.contains(&status));
    let names: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
    let refusal = || {
        Action::Refuse(format!(
            "it is in {status}; this is for a stack in {}",
            names.join(" or ")
        ))
    };
    Plan {
        steps: vec![Step {
            stack: stack.name.clone(),
            deployed_name: stack.deployed_name.clone(),
            action: if fits { action } else { refusal() },
            status: status.to_owned(),
            updated: now.and_then(|now| now.updated.clone()),
            why: vec![],
            parameters: BTreeMap::new(),
            diff: None,
            loses: vec![],
            replaces: vec![],
        }],
    }
}

fn destroy_step(stack: &Stack, now: Option<&Current>) -> Step {
    let action = match now.map(|now| (Status::parse(&now.stack.status), now)) {
        None => Action::Nothing,
        Some((Err(unknown), _)) => Action::Refuse(format!("the status {} is not known", unknown.0)),
        Some((Ok(status), now)) => match action::on_destroy(status) {
            DestroyAction::Nothing => Action::Nothing,
            _ if now.stack.protected => Action::Refuse(
                "it is termination protected: set termination_protection = false in the manifest \
                 and deploy, then destroy"
                    .to_owned(),
            ),
            DestroyAction::Delete => Action::Delete,
            DestroyAction::FollowThenDelete => Action::FollowThenDelete,
        },
    };
    let body = now
        .and_then(|now| yaml::parse(&now.template).ok())
        .map(|node| node.to_json())
        .unwrap_or_default();
    Step {
        stack: stack.name.clone(),
        deployed_name: stack.deployed_name.clone(),
        loses: match action {
            Action::Nothing => vec![],
            _ => lost(&diff::diff(&body, &serde_json::Value::Null), &body),
        },
        replaces: vec![],
        action,
        status: now
            .map_or("absent", |now| now.stack.status.as_str())
            .to_owned(),
        updated: now.and_then(|now| now.stack.updated.clone()),
        why: vec![],
        parameters: BTreeMap::new(),
        diff: None,
    }
}
