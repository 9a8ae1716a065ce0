//! One stack against the others, and against its template.

use super::reader::{Reader, suggestion};
use super::{Manifest, Place, Problem, Stack, Value};
use std::collections::BTreeMap;

/// What a template declares, as far as the manifest is concerned.
#[derive(Debug, Clone, Default)]
pub struct TemplateFacts {
    /// Parameters.
    pub parameters: Vec<ParameterFacts>,
    /// Outputs.
    pub outputs: Vec<String>,
}

/// What a template declares of a parameter.
#[derive(Debug, Clone)]
pub struct ParameterFacts {
    /// Its name.
    pub name: String,
    /// Whether nothing need be given.
    pub has_default: bool,
    /// The values that it may have; none means any.
    pub allowed_values: Vec<String>,
    /// Whether its value is never shown.
    pub secret: bool,
}

/// Names of other stacks, and cycles.
pub(super) fn names(reader: &mut Reader<'_>, manifest: &Manifest) {
    let known: Vec<&str> = manifest
        .stacks
        .iter()
        .map(|stack| stack.name.as_str())
        .collect();
    for stack in &manifest.stacks {
        for (needed, at) in stack.needs() {
            if needed == stack.name {
                reader.problem(at, format!("{needed} cannot come before itself"), None);
            } else if !known.contains(&needed) {
                reader.unknown(at, &format!("there is no stack {needed}"), needed, &known);
            }
        }
    }
    let Some(cycle) = manifest.graph().cycle().filter(|cycle| cycle.len() > 2) else {
        return;
    };
    let at = cycle.iter().zip(&cycle[1..]).find_map(|(from, to)| {
        let stack = manifest.stacks.iter().find(|stack| &stack.name == from)?;
        stack
            .needs()
            .into_iter()
            .find(|(needed, _)| needed == to)
            .map(|(_, at)| at)
    });
    let message = format!(
        "the stacks need each other in a circle: {}",
        cycle.join(" -> ")
    );
    reader.problem(at.unwrap_or_default(), message, None);
}

/// What the manifest gives against what the templates declare.
pub fn check_against_templates(
    manifest: &Manifest,
    facts: &BTreeMap<String, TemplateFacts>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for stack in &manifest.stacks {
        let problem = |at: Place, message: String, hint: Option<String>| Problem {
            message,
            file: manifest.path.clone(),
            line: at.line,
            column: at.column,
            hint,
        };
        if let Some(own) = facts.get(&stack.name) {
            problems.extend(
                given(stack, own)
                    .into_iter()
                    .map(|(a, m, h)| problem(a, m, h)),
            );
        }
        for parameter in &stack.parameters {
            let Value::Output { stack: of, output } = &parameter.value else {
                continue;
            };
            let Some(other) = facts.get(of) else { continue };
            if !other.outputs.contains(output) {
                let known: Vec<&str> = other.outputs.iter().map(String::as_str).collect();
                let message = format!("{of} has no output {output}");
                problems.push(problem(
                    parameter.value_at,
                    message,
                    suggestion(output, &known),
                ));
            }
        }
    }
    problems
}

fn given(stack: &Stack, facts: &TemplateFacts) -> Vec<(Place, String, Option<String>)> {
    let mut problems = Vec::new();
    let names: Vec<&str> = facts.parameters.iter().map(|p| p.name.as_str()).collect();
    for given in &stack.parameters {
        let Some(declared) = facts.parameters.iter().find(|p| p.name == given.name) else {
            let message = format!(
                "the template of {} has no parameter {}",
                stack.name, given.name
            );
            problems.push((given.at, message, suggestion(&given.name, &names)));
            continue;
        };
        if let Value::Literal(value) = &given.value
            && !declared.allowed_values.is_empty()
            && !declared.allowed_values.contains(value)
        {
            let allowed = declared.allowed_values.join(", ");
            let message = match declared.secret {
                true => format!("{} is none of the values that it may have", given.name),
                false => format!("{} must be one of {allowed}, not {value}", given.name),
            };
            problems.push((given.value_at, message, None));
        }
    }
    for declared in facts.parameters.iter().filter(|p| !p.has_default) {
        let given = stack.parameters.iter().map(|given| &given.name);
        if !given
            .chain(&stack.unread)
            .any(|name| *name == declared.name)
        {
            let message = format!(
                "nothing gives {} its parameter {}",
                stack.name, declared.name
            );
            let hint = format!(
                "add {} = ... to [stacks.{}.parameters]",
                declared.name, stack.name
            );
            problems.push((stack.at, message, Some(hint)));
        }
    }
    problems
}
