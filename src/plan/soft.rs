//! Soft edges: outputs whose values are known before their stack is there, because the template proves
//! that a parameter fixes them. Who reads only such outputs of a stack need not wait for it, as far as the
//! templates prove that it needs nothing else of it: neither an export, nor a name that is spelled rather
//! than read, nor what only the service or code reads.

use super::hidden::{given, names};
use super::readable::readable;
use super::resolve::{self, Place, Scope};
use super::{Known, Plan};
use crate::manifest::{Stack, Value as Given};
use crate::project::Project;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An edge all of whose values are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The stack that reads.
    pub dependent: String,
    /// The stack that is read.
    pub dependency: String,
    /// The outputs that are read, and the values that they will have.
    pub values: BTreeMap<String, String>,
    /// Why it is waited for all the same; nothing where the edge is soft.
    pub waits: Option<String>,
}

/// The edges of a project whose values are known, or of those of its stacks that a plan is for: the
/// parameters' values are the plan's where it has them, and the manifest's and the templates' otherwise.
pub fn edges(project: &Project, plan: Option<&Plan>) -> Vec<Edge> {
    let mut found = Vec::new();
    for stack in &project.manifest.stacks {
        for dependency in project.graph.dependencies_of(&stack.name) {
            // What an `after` asks for is asked for.
            if stack.after.iter().any(|(name, _)| *name == dependency) {
                continue;
            }
            let read = stack
                .parameters
                .iter()
                .filter_map(|given| match &given.value {
                    Given::Output { stack, output } if *stack == dependency => Some(output),
                    _ => None,
                });
            let values: Option<BTreeMap<String, String>> = read
                .map(|output| {
                    Some((
                        output.clone(),
                        known_output(project, plan, &dependency, output)?,
                    ))
                })
                .collect();
            if let Some(values) = values {
                found.push(Edge {
                    dependent: stack.name.clone(),
                    dependency,
                    values,
                    waits: None,
                });
            }
        }
    }
    if !found.is_empty() {
        let needs = Needs::of(project);
        let kept: BTreeSet<(String, String)> = found
            .iter()
            .map(|edge| (edge.dependent.clone(), edge.dependency.clone()))
            .collect();
        for edge in &mut found {
            edge.waits = needs.of_edge(edge, &kept);
        }
    }
    found
}

fn known_output(
    project: &Project,
    plan: Option<&Plan>,
    stack: &str,
    output: &str,
) -> Option<String> {
    let ready = project.prepared.get(stack)?;
    let body = &ready.template.body;
    let stack = project.stack(stack)?;
    let value = |name: &str| {
        let given = given(stack, name)?;
        // What the plan knows is no longer a call. A literal is masked in it, where it is a secret.
        let step = plan.and_then(|plan| plan.step(&stack.name));
        match step.and_then(|step| step.parameters.get(name)) {
            Some(Known::Value(text)) if !given.is_string() => Some(text.as_str().into()),
            _ => Some(given),
        }
    };
    let entry = &body["Outputs"][output];
    // A conditional output may not be there at all.
    if entry.get("Condition").is_some() {
        return None;
    }
    scope(stack, body, value).text(entry.get("Value")?)
}

/// A stack's template, where its name alone is known of the place.
fn scope<'a>(stack: &Stack, body: &'a Value, value: impl Fn(&str) -> Option<Value>) -> Scope<'a> {
    let place = Place::named(&stack.deployed_name);
    Scope::new(body, resolve::parameters(body, value), place)
}

/// What a stack needs, and what it gives, beside parameters and outputs.
#[derive(Debug, Default)]
struct Facts {
    /// Why its template does not tell all of that.
    untold: Option<String>,
    /// The names that it imports; nothing where one is not known.
    imports: BTreeSet<Option<String>>,
    exports: BTreeSet<Option<String>>,
    /// The names that it gives to resources, with their logical ids.
    gives: Vec<(Option<String>, String)>,
    /// What is spelled in its resources' properties. What it reads of other stacks is not.
    spells: Vec<String>,
}

struct Needs<'a> {
    project: &'a Project,
    facts: BTreeMap<&'a str, Facts>,
    /// Which names each stack spells that a stack gives.
    spelled: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Needs<'a> {
    fn of(project: &'a Project) -> Self {
        let stacks = project.manifest.stacks.iter();
        let facts: BTreeMap<&str, Facts> = stacks
            .map(|stack| (stack.name.as_str(), facts(project, stack)))
            .collect();
        let given = facts.values().flat_map(|facts| &facts.gives);
        let given: BTreeSet<&str> = given.filter_map(|(name, _)| name.as_deref()).collect();
        let longest = given.iter().map(|name| name.len()).max().unwrap_or(0);
        let spelled = facts.iter().map(|(stack, facts)| {
            let texts = facts.spells.iter();
            let found = texts.flat_map(|text| parts(text, longest));
            let found = found.filter(|part| given.contains(part));
            (*stack, found.map(str::to_owned).collect())
        });
        Self {
            project,
            spelled: spelled.collect(),
            facts,
        }
    }

    /// Why an edge must be waited for: without it, the stack and all that comes after it may start before
    /// the other one and all that that needs.
    fn of_edge(&self, edge: &Edge, known: &BTreeSet<(String, String)>) -> Option<String> {
        if let Some(why) = self.typed(edge) {
            return Some(why);
        }
        let graph = &self.project.graph;
        let mut below = graph.descendants(&edge.dependent);
        below.insert(0, edge.dependent.clone());
        let mut above = graph.ancestors(&edge.dependency);
        above.insert(0, edge.dependency.clone());
        for one in &below {
            let direct = graph.dependencies_of(one);
            for other in &above {
                // An edge of its own that stays holds the order.
                let pair = (one.clone(), other.clone());
                if direct.contains(other) && !known.contains(&pair) {
                    continue;
                }
                if let Some(why) = self.need(one, other) {
                    return Some(why);
                }
            }
        }
        None
    }

    /// CloudFormation looks for what a parameter of its own types names before it begins.
    fn typed(&self, edge: &Edge) -> Option<String> {
        let stack = self.project.stack(&edge.dependent)?;
        let ready = self.project.prepared.get(&edge.dependent)?;
        let read = stack.parameters.iter().filter(|given| {
            matches!(&given.value, Given::Output { stack, .. } if *stack == edge.dependency)
        });
        let mut typed = read.filter(|given| {
            let declared = &ready.template.body["Parameters"][&given.name]["Type"];
            declared.as_str().is_some_and(|kind| kind.contains("AWS::"))
        });
        let name = &typed.next()?.name;
        Some(format!(
            "CloudFormation looks for what its parameter {name} names first"
        ))
    }

    /// What one stack may need of another beside its outputs.
    fn need(&self, one: &str, other: &str) -> Option<String> {
        let (needs, gives) = (self.facts.get(one)?, self.facts.get(other)?);
        for (stack, facts) in [(one, needs), (other, gives)] {
            if let Some(why) = &facts.untold {
                return Some(format!("{stack} {why}"));
            }
        }
        for import in &needs.imports {
            match import {
                Some(name) if gives.exports.contains(import) => {
                    return Some(format!("{one} imports {name}, which {other} exports"));
                }
                Some(name) if gives.exports.contains(&None) => {
                    return Some(format!(
                        "{one} imports {name}, and {other} exports a name that is not known before"
                    ));
                }
                None if !gives.exports.is_empty() => {
                    return Some(format!(
                        "{one} imports a name that is not known before, and {other} exports"
                    ));
                }
                _ => {}
            }
        }
        let spelled = self.spelled.get(one)?;
        gives.gives.iter().find_map(|(name, resource)| match name {
            Some(name) if spelled.contains(name) => Some(format!(
                "{one} spells {name}, which {other} names {resource}"
            )),
            Some(_) => None,
            None => Some(format!(
                "{other} gives {resource} a name that is not known before"
            )),
        })
    }
}

fn facts(project: &Project, stack: &Stack) -> Facts {
    let Some(ready) = project.prepared.get(&stack.name) else {
        return Facts::default();
    };
    let body = &ready.template.body;
    let scope = scope(stack, body, |name| given(stack, name));
    let mut facts = Facts {
        untold: untold(stack, body),
        ..Facts::default()
    };
    imports(&scope, body, &mut facts.imports);
    let entries = |section: &str| body[section].as_object().into_iter().flatten();
    for (_, output) in entries("Outputs").filter(|(_, one)| scope.exists(one) != Some(false)) {
        if let Some(name) = output.get("Export").and_then(|export| export.get("Name")) {
            facts.exports.insert(known(&scope, name));
        }
    }
    for (id, resource) in entries("Resources").filter(|(_, one)| scope.exists(one) != Some(false)) {
        let given = names(resource).map(|(_, name)| (known(&scope, name), id.clone()));
        facts.gives.extend(given);
        if let Some(properties) = resource.get("Properties") {
            let properties = scope.resolve(properties).unwrap_or_default();
            texts(&readable(&properties), &mut facts.spells);
        }
    }
    facts
}

/// Why a template does not tell all that its stack needs and makes.
fn untold(stack: &Stack, body: &Value) -> Option<String> {
    let text = body.to_string();
    if body.get("Transform").is_some() || text.contains("\"Fn::Transform\"") {
        return Some("is expanded by macros".to_owned());
    }
    let given = stack
        .parameters
        .iter()
        .any(|given| matches!(&given.value, Given::Literal(text) if text.contains("{{resolve:")));
    if given || text.contains("{{resolve:") {
        return Some("reads what {{resolve: ...}} names as it is deployed".to_owned());
    }
    let declared = body["Parameters"].as_object().into_iter().flatten();
    let mut typed = declared.filter(|(_, of)| {
        let kind = of["Type"].as_str().unwrap_or_default();
        kind.starts_with("AWS::SSM::")
    });
    if let Some((name, _)) = typed.next() {
        return Some(format!(
            "reads what its parameter {name} names as it is deployed"
        ));
    }
    let resources = body["Resources"].as_object().into_iter().flatten();
    resources.into_iter().find_map(|(id, resource)| {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let custom = kind == "AWS::CloudFormation::CustomResource" || kind.starts_with("Custom::");
        let nested = kind == "AWS::CloudFormation::Stack" || kind.ends_with("::MODULE");
        match (custom, nested) {
            (true, _) => Some(format!("runs code for {id} as it is deployed")),
            (_, true) => Some(format!("has a template in {id} that is not read here")),
            (false, false) => None,
        }
    })
}

/// The names that `Fn::ImportValue` asks for, wherever it stands.
fn imports(scope: &Scope<'_>, value: &Value, found: &mut BTreeSet<Option<String>>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("Fn::ImportValue") {
                found.insert(known(scope, name));
            }
            fields.values().for_each(|one| imports(scope, one, found));
        }
        Value::Array(items) => items.iter().for_each(|one| imports(scope, one, found)),
        _ => {}
    }
}

/// A value as text, if all of it is known but the account, the region and what else is the same for all
/// stacks.
fn known(scope: &Scope<'_>, value: &Value) -> Option<String> {
    let text = readable(&scope.resolve(value)?);
    let text = crate::template::scalar_text(&text)?;
    let mut calls = text.split("${").skip(1);
    let shared = |call: &str| call.starts_with("AWS::") && !call.starts_with("AWS::Stack");
    calls.all(shared).then_some(text)
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|one| texts(one, found)),
        Value::Array(items) => items.iter().for_each(|one| texts(one, found)),
        one => found.extend(crate::template::scalar_text(one)),
    }
}

/// The parts of a text that begin and end where words do, up to a length.
fn parts(text: &str, longest: usize) -> impl Iterator<Item = &str> {
    let mut cuts = vec![0];
    let mut word = false;
    for (at, c) in text.char_indices() {
        if at > 0 && !(word && c.is_alphanumeric()) {
            cuts.push(at);
        }
        word = c.is_alphanumeric();
    }
    cuts.push(text.len());
    let ends = cuts.clone();
    cuts.into_iter().enumerate().flat_map(move |(index, from)| {
        let ends = ends.get(index + 1..).unwrap_or_default().to_vec();
        let near = ends.into_iter().take_while(move |to| to - from <= longest);
        near.filter_map(move |to| text.get(from..to).filter(|part| !part.is_empty()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_words_begin_and_end() {
        let found: BTreeSet<&str> = parts("arn:aws:sqs:::one-two/*", 7).collect();
        for part in ["one", "two", "one-two", "/", ":"] {
            assert!(found.contains(part), "{part}");
        }
        assert!(!found.contains("on") && !found.contains("one-two/*"));
        assert_eq!(parts("", 3).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
