//! Soft edges: outputs whose values are known before their stack is there, because the template proves
//! that a parameter fixes them. Who reads only such outputs of a stack need not wait for it.

use super::{Known, Plan};
use crate::project::Project;
use crate::template::{scalar_text, schema};
use serde_json::Value;
use std::collections::BTreeMap;

/// How deep values may nest.
const DEEPEST: usize = 32;

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
    let mut parameters: BTreeMap<&str, String> = ready
        .template
        .parameters
        .iter()
        .filter(|one| !one.no_echo)
        .filter_map(|one| Some((one.name.as_str(), one.default.clone()?)))
        .collect();
    for given in &project.stack(stack)?.parameters {
        let value = match (&given.value, plan.and_then(|plan| plan.step(stack))) {
            (crate::manifest::Value::Literal(text), _) => Some(text.clone()),
            (_, Some(step)) => match step.parameters.get(&given.name) {
                Some(Known::Value(text)) => Some(text.clone()),
                _ => None,
            },
            (_, None) => None,
        };
        match value.filter(|_| !project.masked(stack).any(|name| name == given.name)) {
            Some(text) => parameters.insert(&given.name, text),
            None => parameters.remove(given.name.as_str()),
        };
    }
    let body = &ready.template.body;
    let entry = &body["Outputs"][output];
    // A conditional output may not be there at all.
    if entry.get("Condition").is_some() {
        return None;
    }
    let scope = Scope {
        body,
        parameters: &parameters,
    };
    scope.text(entry.get("Value")?, 0)
}

struct Scope<'a> {
    body: &'a Value,
    parameters: &'a BTreeMap<&'a str, String>,
}

impl Scope<'_> {
    /// The value, if it is certain.
    fn text(&self, value: &Value, depth: usize) -> Option<String> {
        let Value::Object(fields) = value else {
            return scalar_text(value);
        };
        if fields.len() != 1 || depth > DEEPEST {
            return None;
        }
        let (name, argument) = fields.iter().next()?;
        match name.as_str() {
            "Ref" => self.reference(argument.as_str()?, depth + 1),
            "Fn::GetAtt" => {
                let (resource, attribute) = match argument {
                    Value::Array(parts) => (parts.first()?.as_str()?, parts.get(1)?.as_str()?),
                    one => one.as_str()?.split_once('.')?,
                };
                self.attribute(resource, attribute, depth + 1)
            }
            "Fn::Sub" => self.substituted(argument.as_str()?, depth + 1),
            "Fn::Join" => {
                let parts = argument.as_array()?;
                let between = parts.first()?.as_str()?;
                let items = parts.get(1)?.as_array()?;
                let texts: Option<Vec<String>> = items
                    .iter()
                    .map(|item| self.text(item, depth + 1))
                    .collect();
                Some(texts?.join(between))
            }
            _ => None,
        }
    }

    /// A parameter, or a resource whose name is its only identifier and is given.
    fn reference(&self, name: &str, depth: usize) -> Option<String> {
        if let Some(text) = self.parameters.get(name) {
            return Some(text.clone());
        }
        let resource = self.resource(name)?;
        let schema = schema::schema(resource["Type"].as_str()?)?;
        match schema.primary_identifier() {
            [only] if !schema.read_only().contains(only) => {
                self.text(resource["Properties"].get(only)?, depth)
            }
            _ => None,
        }
    }

    /// An attribute that is a property, and is given.
    fn attribute(&self, resource: &str, attribute: &str, depth: usize) -> Option<String> {
        self.text(
            self.resource(resource)?["Properties"].get(attribute)?,
            depth,
        )
    }

    fn resource(&self, name: &str) -> Option<&Value> {
        let resource = self.body["Resources"].get(name)?;
        resource.get("Condition").is_none().then_some(resource)
    }

    fn substituted(&self, text: &str, depth: usize) -> Option<String> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}')?;
            out.push_str(before);
            out.push_str(&match name.split_once('.') {
                Some((resource, attribute)) => self.attribute(resource, attribute, depth)?,
                None => self.reference(name, depth)?,
            });
            rest = behind;
        }
        out.push_str(rest);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_a_parameter_fixes_is_known() {
        let body = json!({"Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Ref": "Name"}}},
            "Free": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
            "Maybe": {"Type": "AWS::DynamoDB::Table", "Condition": "C",
                "Properties": {"TableName": {"Ref": "Name"}}},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}},
        }});
        let parameters = BTreeMap::from([("Name", "orders".to_owned())]);
        let scope = Scope {
            body: &body,
            parameters: &parameters,
        };
        for (value, wanted) in [
            (json!({"Ref": "Table"}), Some("orders")),
            (
                json!({"Fn::Sub": "arn/${Table}-${Name}"}),
                Some("arn/orders-orders"),
            ),
            (
                json!({"Fn::GetAtt": ["Queue", "QueueName"]}),
                Some("orders"),
            ),
            (
                json!({"Fn::Join": ["/", ["a", {"Ref": "Name"}]]}),
                Some("a/orders"),
            ),
            (json!({"Ref": "Queue"}), None),
            (json!({"Ref": "Free"}), None),
            (json!({"Ref": "Maybe"}), None),
            (json!({"Fn::GetAtt": ["Table", "Arn"]}), None),
            (json!({"Fn::Sub": "${AWS::Region}"}), None),
        ] {
            assert_eq!(scope.text(&value, 0).as_deref(), wanted, "{value}");
        }
    }
}
