//! Soft edges: outputs whose values are known before their stack is there, because the template proves
//! that a parameter fixes them. Who reads only such outputs of a stack need not wait for it.

use super::resolve::{self, Place, Scope};
use super::{Known, Plan};
use crate::project::Project;
use serde_json::json;
use std::collections::BTreeMap;

/// An edge that need not be waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soft {
    /// The stack that reads.
    pub dependent: String,
    /// The stack that is read.
    pub dependency: String,
    /// The outputs that are read, and the values that they will have.
    pub values: BTreeMap<String, String>,
}

/// The soft edges of a project, or of those of its stacks that a plan is for: the parameters' values are
/// the plan's where it has them, and the manifest's and the templates' otherwise.
pub fn edges(project: &Project, plan: Option<&Plan>) -> Vec<Soft> {
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
                    crate::manifest::Value::Output { stack, output } if *stack == dependency => {
                        Some(output)
                    }
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
                found.push(Soft {
                    dependent: stack.name.clone(),
                    dependency,
                    values,
                });
            }
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
    let given = &project.stack(stack)?.parameters;
    let value = |name: &str| {
        let given = given.iter().find(|given| given.name == name)?;
        // What is given and not known stays a call.
        let unknown = Some(json!({ "Ref": name }));
        match (&given.value, plan.and_then(|plan| plan.step(stack))) {
            (crate::manifest::Value::Literal(text), _) => Some(text.as_str().into()),
            (_, Some(step)) => match step.parameters.get(name) {
                Some(Known::Value(text)) => Some(text.as_str().into()),
                _ => unknown,
            },
            (_, None) => unknown,
        }
    };
    let parameters = resolve::parameters(body, value);
    let entry = &body["Outputs"][output];
    // A conditional output may not be there at all.
    if entry.get("Condition").is_some() {
        return None;
    }
    Scope::new(body, parameters, Place::default()).text(entry.get("Value")?)
}
