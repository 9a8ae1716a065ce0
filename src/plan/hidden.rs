//! Which parameters and outputs hold values that are never shown: a template masks the parameter, or its
//! value comes from one that is masked, by outputs, through as many stacks as stand between.

use super::Current;
use super::masks;
use super::resolve::{self, Mention, Place, Scope, mentions};
use crate::manifest::{self, Stack};
use crate::project::Project;
use crate::template::schema::{self, Replacement};
use crate::template::yaml;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How far a value is followed through resources.
const DEEPEST: usize = 16;

/// The names, by stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    parameters: BTreeMap<String, BTreeSet<String>>,
    outputs: BTreeMap<String, BTreeSet<String>>,
}

impl Hidden {
    /// Those of the project's own templates: what a deploy leads to.
    pub fn asked(project: &Project) -> Self {
        let body = |stack: &str| Some(&project.prepared.get(stack)?.template.body);
        let mut hidden = Self::default();
        for stack in in_order(project) {
            if let Some(body) = body(&stack.name) {
                hidden.add(stack, body, &|name| given(stack, name));
            }
        }
        hidden
    }

    /// Those of the templates that are deployed: what is there now.
    pub fn deployed(project: &Project, current: &BTreeMap<String, Current>) -> Self {
        let mut hidden = Self::default();
        for stack in in_order(project) {
            let Some(now) = current.get(&stack.name) else {
                continue;
            };
            // To read a template takes longer than to see that nothing can be hidden by it.
            if !now.template.contains("NoEcho") && hidden.read_by(stack).next().is_none() {
                continue;
            }
            let body = yaml::parse(&now.template).map(|node| node.to_json());
            let given = |name: &str| {
                let text = now.stack.parameters.get(name);
                text.map(|text| text.as_str().into())
            };
            hidden.add(stack, &body.unwrap_or_default(), &given);
        }
        hidden
    }

    /// Whether that parameter's value is never shown.
    pub fn parameter(&self, stack: &str, name: &str) -> bool {
        let names = self.parameters.get(stack);
        names.is_some_and(|names| names.contains(name))
    }

    /// Whether that output's value is never shown.
    pub fn output(&self, stack: &str, name: &str) -> bool {
        let names = self.outputs.get(stack);
        names.is_some_and(|names| names.contains(name))
    }

    /// The stack's parameters that read hidden outputs.
    fn read_by<'a>(&'a self, stack: &'a Stack) -> impl Iterator<Item = &'a str> {
        stack.parameters.iter().filter_map(|given| {
            let manifest::Value::Output { stack, output } = &given.value else {
                return None;
            };
            self.output(stack, output).then_some(given.name.as_str())
        })
    }

    fn add(&mut self, stack: &Stack, body: &Value, given: &dyn Fn(&str) -> Option<Value>) {
        let masked = masks::hidden(body).map(str::to_owned);
        let read = self.read_by(stack).map(str::to_owned);
        let names: BTreeSet<String> = masked.chain(read).collect();
        if names.is_empty() {
            return;
        }
        let mut parameters = resolve::parameters(body, given);
        parameters.retain(|name, _| !names.contains(name));
        let place = Place::named(&stack.deployed_name);
        let scope = Scope::new(body, parameters, place);
        let outputs = body["Outputs"].as_object().into_iter().flatten();
        let found = outputs.filter(|(_, entry)| {
            let secret = |name: &str| names.contains(name);
            reads(&scope, &entry["Value"], &secret)
        });
        let found = found.map(|(name, _)| name.clone()).collect();
        self.outputs.insert(stack.name.clone(), found);
        self.parameters.insert(stack.name.clone(), names);
    }
}

/// What the manifest gives a parameter: its text, or a call where it reads what is not known yet.
pub(super) fn given(stack: &Stack, name: &str) -> Option<Value> {
    let given = stack.parameters.iter().find(|given| given.name == name)?;
    Some(match &given.value {
        manifest::Value::Literal(text) => text.as_str().into(),
        manifest::Value::Output { .. } => json!({ "Ref": name }),
    })
}

/// The stacks, each after what it needs.
fn in_order(project: &Project) -> impl Iterator<Item = &Stack> {
    let order = project.graph.topological_order();
    order.into_iter().filter_map(|name| project.stack(&name))
}

/// Whether a value comes from one of those parameters, as it is or by what a resource is given.
pub(super) fn reads(scope: &Scope<'_>, value: &Value, secret: &dyn Fn(&str) -> bool) -> bool {
    follow(scope, value, secret, 0)
}

fn follow(scope: &Scope<'_>, value: &Value, secret: &dyn Fn(&str) -> bool, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    let resolved = scope.resolve(value).unwrap_or_default();
    let given = |resource: &str, attribute: Option<&str>| {
        let entry = &scope.body["Resources"][resource];
        let attribute = attribute.and_then(|attribute| attribute.split('.').next());
        let own = attribute.and_then(|attribute| entry["Properties"].get(attribute));
        let mut values = names(entry).map(|(_, value)| value).chain(own);
        values.any(|value| follow(scope, value, secret, depth + 1))
    };
    mentions(&resolved).iter().any(|mention| match mention {
        Mention::Resource(name) => secret(name) || given(name, None),
        Mention::Attribute(resource, attribute) => given(resource, Some(attribute)),
        Mention::Later(..) => false,
    })
}

/// The names that a resource is given, by property: what it is found by.
pub(super) fn names(resource: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let schema = resource["Type"].as_str().and_then(schema::schema);
    let properties = resource["Properties"].as_object().into_iter().flatten();
    properties.filter(move |(property, _)| {
        let Some(schema) = &schema else {
            return property.ends_with("Name");
        };
        let fixed = schema.replacement(property) != Replacement::Never;
        let ends = ["Name", "Identifier", "Domain", "Alias"];
        schema.primary_identifier().contains(*property)
            || (fixed && ends.iter().any(|end| property.ends_with(end)))
    })
}
