//! The plan: pure values that say, a stack at a time, what will be done and why.

pub mod action;
pub mod data;
pub mod diff;
pub mod effects;
pub mod estimate;
pub mod file;
pub mod hidden;
pub mod masks;
pub mod outside;
pub mod readable;
pub mod resolve;
pub mod security;
pub mod shown;
pub mod soft;
pub mod told;
pub mod wanted;

use crate::cloud::{Deployed, Drifted};
use crate::manifest::{Given, Stack, Value};
use crate::project::Project;
use crate::secrets::MASK;
use crate::settings::command;
use crate::template::yaml;
use action::{DeployAction, DestroyAction, Status};
use diff::TemplateDiff;
use effects::{Certainty, Effects, ResourceEffect};
use estimate::Times;
use hidden::Hidden;
use outside::{Outside, Part};
use resolve::{Place, Scope};
use schemars::JsonSchema;
use security::Widening;
use serde::Serialize;
use serde_json::json;
use shown::Veil;
use std::collections::{BTreeMap, BTreeSet};
use told::Told;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
    /// What differs outside of the template.
    pub outside: Vec<Outside>,
    /// Every parameter that is given.
    pub parameters: BTreeMap<String, Known>,
    /// What differs in the template.
    pub diff: Option<TemplateDiff>,
    /// Resources that hold data and would go, with their types.
    pub loses: Vec<(String, String)>,
    /// Resources that hold data and would be replaced by new ones without it, with their types. What
    /// only may be replaced is seen in the change set, and is stopped there.
    pub replaces: Vec<(String, String)>,
    /// What it does to each resource and output, as far as that can be told before. Nothing where
    /// nothing is done, and where the operation that is running decides.
    pub effects: Option<Effects>,
    /// What it allows that was not allowed before.
    pub widens: Vec<Widening>,
    /// What CloudFormation says that it does, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_set: Option<Told>,
    /// What is live and not as the stack asks, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<Drifted>>,
}

/// What will be done, in an order in which each stack comes after what it needs.
#[derive(Debug, Clone, JsonSchema)]
pub struct Plan {
    /// The version of this form.
    pub version: u64,
    /// One step a stack.
    pub steps: Vec<Step>,
    /// How long it takes, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
    /// What of it is never shown: only `shown` is printed or written, and a plan itself is no document.
    #[serde(skip)]
    veil: Veil,
}

/// The version of a plan's JSON form.
pub const VERSION: u64 = 1;

/// The JSON schema of a plan, as docs/plan.schema.json holds it.
#[must_use]
pub fn json_schema() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Plan>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

impl Plan {
    fn of(steps: Vec<Step>) -> Self {
        Self {
            version: VERSION,
            steps,
            times: None,
            veil: Veil::default(),
        }
    }

    /// Whether nothing at all will be done.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Nothing)
    }

    /// The step of that stack.
    pub fn step(&self, stack: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.stack == stack)
    }
}

/// What a deploy of `order` will do. Stacks in `order` stand after what they depend on. With `keeps`, what failed
/// half way is gone on from, not rolled back.
pub fn deploy(
    project: &Project,
    order: &[String],
    current: &BTreeMap<String, Current>,
    keeps: bool,
) -> Plan {
    let mut steps: Vec<Step> = Vec::new();
    let veil = Veil::new(project, current);
    for name in order {
        if let Some(stack) = project.stack(name) {
            let read = |given: &Value| read(given, current, &steps);
            let source = Source {
                read: &read,
                before: &veil.before,
                after: &veil.after,
            };
            let step = deploy_step(project, stack, current.get(name), keeps, &source);
            steps.push(step);
        }
    }
    Plan {
        veil,
        ..Plan::of(steps)
    }
}

/// Where the values of a stack's parameters come from, and which of them are never shown.
struct Source<'a> {
    read: &'a dyn Fn(&Value) -> Read,
    before: &'a Hidden,
    after: &'a Hidden,
}

impl Source<'_> {
    /// What a parameter that is given will be; of an output that moves, a call that stands for it.
    fn given(&self, stack: &Stack, name: &str) -> Option<serde_json::Value> {
        let given = stack.parameters.iter().find(|given| given.name == name)?;
        Some((self.read)(&given.value).expected)
    }
}

/// A parameter's value: what is known of it, and what it is expected to be.
struct Read {
    known: Known,
    expected: serde_json::Value,
}

impl Read {
    fn of(text: &str) -> Self {
        Self {
            known: Known::Value(text.to_owned()),
            expected: text.into(),
        }
    }

    fn later(stack: &str, output: &str, expected: Option<serde_json::Value>) -> Self {
        Self {
            known: Known::Later {
                stack: stack.to_owned(),
                output: output.to_owned(),
            },
            expected: expected.unwrap_or_else(|| json!({ resolve::LATER: [stack, output, false] })),
        }
    }
}

/// What a deploy of one stack will do when all outputs that it reads are there.
pub fn again(
    project: &Project,
    stack: &Stack,
    now: &Current,
    output: &dyn Fn(&str, &str) -> Option<String>,
) -> Step {
    let read = |given: &Value| match given {
        Value::Literal(text) => Read::of(text),
        Value::Output {
            stack,
            output: name,
        } => output(stack, name)
            .map_or_else(|| Read::later(stack, name, None), |text| Read::of(&text)),
    };
    let hidden = Hidden::asked(project);
    let source = Source {
        read: &read,
        before: &hidden,
        after: &hidden,
    };
    deploy_step(project, stack, Some(now), true, &source)
}

fn deploy_step(
    project: &Project,
    stack: &Stack,
    now: Option<&Current>,
    keeps: bool,
    source: &Source<'_>,
) -> Step {
    let secret = |name: &str| project.masked(&stack.name).any(|masked| masked == name);
    let shown = |given: &Given| match (source.read)(&given.value).known {
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
        outside: vec![],
        parameters,
        diff: None,
        loses: vec![],
        replaces: vec![],
        effects: None,
        widens: vec![],
        change_set: None,
        drift: None,
    };
    let parts = |now| outside::outside(project, stack, now, &step.parameters);
    let (new, differing) = (parts(None), now.map(|now| parts(Some(now))));
    step.outside = differing.unwrap_or_else(|| new.clone());
    let Some(now) = now else {
        foresee(project, stack, None, source, &mut step);
        return step;
    };
    let status = match Status::parse(&now.stack.status) {
        Ok(status) => status,
        Err(unknown) => {
            step.action = Action::Refuse(format!("the status {} is not known", unknown.0));
            return step;
        }
    };
    compare(project, stack, now, &mut step);
    let held = held_back(stack, &now.stack, keeps);
    step.action = match action::on_deploy(status) {
        _ if held.is_some() => Action::Refuse(held.unwrap_or_default()),
        DeployAction::Create | DeployAction::ClearThenCreate => Action::Create,
        DeployAction::UpdateIfDifferent => update_or_nothing(&step),
        DeployAction::DeleteThenCreate => Action::Recreate,
        DeployAction::ContinueFromFailure | DeployAction::ContinueRollbackThenUpdate => {
            Action::Recover
        }
        DeployAction::Adopt => Action::Adopt,
        DeployAction::Refuse(why) => Action::Refuse(why.words(&stack.name)),
    };
    let anew = matches!(step.action, Action::Create | Action::Recreate);
    if anew {
        step.diff = None;
        // The protection is turned off before anything is deleted.
        step.outside
            .retain(|one| one.what == Part::TerminationProtection && now.stack.protected);
        step.outside.extend(new);
    }
    if !matches!(
        step.action,
        Action::Nothing | Action::Adopt | Action::Refuse(_)
    ) {
        let before = Some(now).filter(|_| !anew);
        foresee(project, stack, before, source, &mut step);
    }
    step
}

/// Why a deploy does not come to delete what never worked: it is termination protected, and the manifest does not say
/// that it shall no longer be. With `keeps`, what failed half way is not deleted.
pub fn held_back(stack: &Stack, now: &Deployed, keeps: bool) -> Option<String> {
    if !now.protected || stack.termination_protection == Some(false) {
        return None;
    }
    let status = Status::parse(&now.status).ok()?;
    let half_way = status == Status::CreateFailed && !keeps;
    let first = match action::on_deploy(status) {
        DeployAction::DeleteThenCreate | DeployAction::ClearThenCreate => "be deleted first",
        DeployAction::ContinueFromFailure if half_way => "be rolled back and deleted first",
        _ => return None,
    };
    let on = command(&format!("deploy {} --on-failure keep", stack.name));
    let on = Some(format!("; {on} goes on from here")).filter(|_| half_way);
    Some(format!(
        "it is in {status} and must {first}, but it is termination protected: a deploy with \
         termination_protection = false in the manifest turns that off, deletes it and creates it{}",
        on.unwrap_or_default()
    ))
}

/// Fills in what the step does to each resource, and what of that is dangerous.
fn foresee(
    project: &Project,
    stack: &Stack,
    now: Option<&Current>,
    source: &Source<'_>,
    step: &mut Step,
) {
    let Some(ready) = project.prepared.get(&stack.name) else {
        return;
    };
    let place = Place {
        name: stack.deployed_name.clone(),
        id: now.map(|now| now.stack.id.clone()),
        region: project.manifest.region.clone(),
        account: None,
    };
    let body = &ready.template.body;
    let given = |name: &str| source.given(stack, name);
    let deployed = now.map(deployed_body);
    let mut parameters = resolve::parameters(body, given);
    let is_given = |name: &str| stack.parameters.iter().any(|given| given.name == name);
    for name in deployed.iter().flat_map(|old| masks::moved(old, body)) {
        if !is_given(name) {
            parameters.insert(name.to_owned(), json!({ resolve::PARAMETER: name }));
        }
    }
    let mut there = deployed.as_ref().zip(now).map(|(body, now)| {
        let given = |name: &str| {
            now.stack
                .parameters
                .get(name)
                .map(|text| text.as_str().into())
        };
        resolve::parameters(body, given)
    });
    withhold(stack, source, &mut parameters, there.as_mut());
    let after = Scope::new(body, parameters, place.clone());
    let before = deployed.as_ref().zip(there);
    let before = before.map(|(body, there)| Scope::new(body, there, place.clone()));
    let retagged = now.is_some_and(|now| now.stack.tags != stack.tags);
    let mut effects = effects::effects(before.as_ref(), &after, retagged);
    if let Some(now) = now {
        let whole = resolve::all_parameters(body, given);
        let whole = Scope::new(body, whole, place);
        masked_outputs(&mut effects, &after, &whole, now);
    }
    for resource in &mut effects.resources {
        let locate = |path: &[&str]| match resource.action {
            effects::Fate::Remove => None,
            _ => project.locate(&stack.name, &resource.name, path),
        };
        resource.place = locate(&[]);
        for change in &mut resource.changes {
            let parts = diff::parts(&change.path);
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            change.place = match parts.split_first() {
                Some((&"Properties", inner)) => locate(inner),
                _ => attribute(project, &stack.name, &resource.name, &parts),
            };
        }
    }
    let of = |one: &ResourceEffect| (one.name.clone(), one.kind.clone());
    let data = || effects.resources.iter().filter(|one| one.holds_data);
    let gone = |one: &&ResourceEffect| {
        one.action == effects::Fate::Remove && one.kept.is_none() && !one.conditional
    };
    step.loses = data().filter(gone).map(of).collect();
    let replaced = |one: &&ResourceEffect| one.replacement == Certainty::Yes;
    step.replaces = data().filter(replaced).map(of).collect();
    step.widens = security::widened(before.as_ref(), &after, &effects);
    masks::effects(&mut effects);
    step.effects = Some(effects);
}

/// Takes the values that are never shown out of both sides of a comparison. One that differs is a call
/// afterwards, and so another value; what is not known yet is a call already.
fn withhold(
    stack: &Stack,
    source: &Source<'_>,
    after: &mut BTreeMap<String, serde_json::Value>,
    before: Option<&mut BTreeMap<String, serde_json::Value>>,
) {
    let mut none = BTreeMap::new();
    let before = before.unwrap_or(&mut none);
    for given in &stack.parameters {
        let name = &given.name;
        let hides = [source.before, source.after].map(|one| one.parameter(&stack.name, name));
        let later = |value: &serde_json::Value| !resolve::is_plain(value);
        match (hides, before.get(name), after.get(name)) {
            ([false, false], ..) => {}
            (_, Some(was), Some(is)) if was == is => {
                before.remove(name);
                after.remove(name);
            }
            ([was, is], there, asked) => {
                let (is_there, is_later) = (there.is_some(), asked.is_none_or(later));
                if was {
                    before.remove(name);
                }
                if is && !is_later {
                    after.remove(name);
                    if is_there {
                        after.insert(name.clone(), json!({ resolve::PARAMETER: name }));
                    }
                }
            }
        }
    }
}

/// Outputs that come from masked parameters: whether one moves is seen where its value can be computed from
/// what the manifest gives, and cannot be told otherwise, as nobody says what the parameter was.
fn masked_outputs(effects: &mut Effects, after: &Scope<'_>, whole: &Scope<'_>, now: &Current) {
    let masked = |name: &str| resolve::is_masked(&after.body["Parameters"][name]);
    for (name, effect) in &mut effects.outputs {
        let entry = &after.body["Outputs"][name];
        let value = &entry["Value"];
        let Some(there) = now.stack.outputs.get(name) else {
            continue;
        };
        if value.is_null() || !hidden::reads(after, value, &masked) {
            continue;
        }
        effect.moves = match whole.text(value) {
            Some(text) if text == *there && whole.exists(entry) == Some(true) => Certainty::No,
            Some(text) if text == *there => effect.moves,
            Some(_) => Certainty::Yes,
            None => effect.moves.max(Certainty::Perhaps),
        };
    }
}

/// Where an attribute of a resource stands that is no property.
fn attribute(project: &Project, stack: &str, resource: &str, parts: &[&str]) -> Option<String> {
    project.find(stack, &[&["Resources", resource], parts].concat())
}

fn deployed_body(now: &Current) -> serde_json::Value {
    yaml::parse(&now.template)
        .map(|node| node.to_json())
        .unwrap_or_default()
}

fn update_or_nothing(step: &Step) -> Action {
    let moved = step
        .parameters
        .values()
        .any(|value| matches!(value, Known::Later { .. }));
    if !step.outside.is_empty() || step.diff.as_ref().is_some_and(TemplateDiff::is_updatable) {
        Action::Update
    } else if moved {
        Action::UpdateIfMoved
    } else {
        Action::Nothing
    }
}

fn read(value: &Value, current: &BTreeMap<String, Current>, before: &[Step]) -> Read {
    let (stack, output) = match value {
        Value::Literal(text) => return Read::of(text),
        Value::Output { stack, output } => (stack, output),
    };
    let now = current
        .get(stack)
        .and_then(|now| now.stack.outputs.get(output));
    let upstream = before.iter().find(|step| &step.stack == stack);
    let settled = upstream.is_none_or(|step| step.action == Action::Nothing);
    if let Some(value) = now.filter(|_| settled) {
        return Read::of(value);
    }
    let effects = upstream.and_then(|step| step.effects.as_ref());
    let effect = effects.and_then(|effects| effects.outputs.get(output));
    let expected = effect.map(|effect| match (effect.moves, &effect.value, now) {
        (Certainty::No, _, Some(now)) => now.as_str().into(),
        (_, Some(value), _) => value.as_str().into(),
        (moves, ..) => json!({ resolve::LATER: [stack, output, moves == Certainty::Yes] }),
    });
    Read::later(stack, output, expected)
}

/// Fills in what differs between what is asked and what is there.
fn compare(project: &Project, stack: &Stack, now: &Current, step: &mut Step) {
    let Some(ready) = project.prepared.get(&stack.name) else {
        return;
    };
    let deployed = deployed_body(now);
    let mut difference = diff::diff(&deployed, &ready.template.body);
    if !difference.is_empty() {
        difference.locate(|path| project.find(&stack.name, path));
        let hidden: Vec<&str> = masks::hidden(&deployed)
            .chain(masks::hidden(&ready.template.body))
            .collect();
        masks::diff(&mut difference, &hidden);
        step.diff = Some(difference);
    }
}

/// Resources that hold data, go, and that no policy keeps.
fn lost(difference: &TemplateDiff, before: &serde_json::Value) -> Vec<(String, String)> {
    difference
        .lost_resources()
        .filter(|(name, of)| data::holds_data(of) && !is_kept(&before["Resources"][*name]))
        .map(|(name, of)| (name.to_owned(), of.to_owned()))
        .collect()
}

/// Whether a resource's data outlives the resource in its stack.
pub fn is_kept(resource: &serde_json::Value) -> bool {
    let policy = resource
        .get("DeletionPolicy")
        .and_then(serde_json::Value::as_str);
    matches!(policy, Some("Retain" | "Snapshot" | "RetainExceptOnCreate"))
}

/// The resources of a stack that hold data and that no policy keeps when it is deleted.
pub fn loses(now: &Current) -> Vec<(String, String)> {
    let body = deployed_body(now);
    lost(&diff::diff(&body, &serde_json::Value::Null), &body)
}

/// The names of the resources that stay where what made them is rolled back.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html>
pub fn kept_when_undone(now: &Current) -> BTreeSet<String> {
    let body = deployed_body(now);
    let resources = body["Resources"].as_object().into_iter().flatten();
    let kept = resources.filter(|(_, resource)| {
        is_kept(resource) && resource["DeletionPolicy"] != "RetainExceptOnCreate"
    });
    kept.map(|(name, _)| name.clone()).collect()
}

/// What a destroy of `order` will do. Stacks in `order` stand before what they depend on.
pub fn destroy(project: &Project, order: &[String], current: &BTreeMap<String, Current>) -> Plan {
    let steps = order.iter().filter_map(|name| project.stack(name));
    Plan::of(
        steps
            .map(|stack| destroy_step(stack, current.get(&stack.name)))
            .collect(),
    )
}

/// What brings a stack out of a failed operation.
#[derive(Debug)]
pub struct Recovery {
    /// What is done.
    pub action: Action,
    /// In these statuses it is begun.
    pub from: &'static [Status],
    /// In these it was begun, by a run that was cut off, or by somebody else: it is followed.
    pub through: &'static [Status],
    /// In these it is done.
    pub to: &'static [Status],
}

/// A plan of one stack's recovery: what is done in its status, or why nothing can be.
pub fn recovery(stack: &Stack, now: Option<&Deployed>, recovery: Recovery) -> Plan {
    let status = now.map_or("absent", |now| now.status.as_str());
    let is_in =
        |statuses: &[Status]| Status::parse(status).is_ok_and(|status| statuses.contains(&status));
    let names: Vec<&str> = recovery.from.iter().map(|status| status.as_str()).collect();
    let action = if is_in(recovery.from) || is_in(recovery.through) {
        recovery.action
    } else if is_in(recovery.to) {
        Action::Nothing
    } else {
        Action::Refuse(format!(
            "it is {}; this is for a stack in {}",
            match now {
                Some(_) => format!("in {status}"),
                None => "not deployed".to_owned(),
            },
            names.join(" or ")
        ))
    };
    Plan::of(vec![Step {
        stack: stack.name.clone(),
        deployed_name: stack.deployed_name.clone(),
        action,
        status: status.to_owned(),
        updated: now.and_then(|now| now.updated.clone()),
        outside: vec![],
        parameters: BTreeMap::new(),
        diff: None,
        loses: vec![],
        replaces: vec![],
        effects: None,
        widens: vec![],
        change_set: None,
        drift: None,
    }])
}

/// Why a protected stack is not deleted, and what turns the protection off: a deploy, where one comes to that.
fn protected(stack: &Stack, status: Status) -> String {
    let off = match action::on_deploy(status) {
        DeployAction::Refuse(_) => format!(
            "aws cloudformation update-termination-protection --no-enable-termination-protection \
             --stack-name {} turns that off",
            stack.deployed_name
        ),
        _ => "set termination_protection = false in the manifest and deploy".to_owned(),
    };
    format!("it is termination protected: {off}, then destroy")
}

fn destroy_step(stack: &Stack, now: Option<&Current>) -> Step {
    let action = match now.map(|now| (Status::parse(&now.stack.status), now)) {
        None => Action::Nothing,
        Some((Err(unknown), _)) => Action::Refuse(format!("the status {} is not known", unknown.0)),
        Some((Ok(status), now)) => match action::on_destroy(status) {
            DestroyAction::Nothing => Action::Nothing,
            _ if now.stack.protected => Action::Refuse(protected(stack, status)),
            DestroyAction::Delete => Action::Delete,
            DestroyAction::FollowThenDelete => Action::FollowThenDelete,
        },
    };
    Step {
        stack: stack.name.clone(),
        deployed_name: stack.deployed_name.clone(),
        loses: match action {
            Action::Nothing => vec![],
            _ => now.map(loses).unwrap_or_default(),
        },
        replaces: vec![],
        action,
        status: now
            .map_or("absent", |now| now.stack.status.as_str())
            .to_owned(),
        updated: now.and_then(|now| now.stack.updated.clone()),
        outside: vec![],
        parameters: BTreeMap::new(),
        diff: None,
        effects: None,
        widens: vec![],
        change_set: None,
        drift: None,
    }
}
