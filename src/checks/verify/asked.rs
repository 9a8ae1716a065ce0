//! What deployed stacks ask: their resources with physical ids, and their properties as plain as they can be.

use crate::cloud::{Deployed, Standing};
use crate::plan::resolve::{self, Physical, Place, Scope};
use crate::project::Project;
use crate::template::{scalar_text, schema};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A resource that a stack has made.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The stack, as the manifest names it; one nested in another follows it behind a dot.
    pub stack: String,
    /// The logical id.
    pub name: String,
    /// The resource type.
    pub kind: String,
    /// The physical id.
    pub id: String,
    /// Its properties. What cannot be told stays a call, and is compared with nothing.
    pub properties: Value,
    /// Where it stands in our files, as file:line.
    pub place: Option<String>,
}

impl Asked {
    /// The value at a dotted path.
    pub fn at(&self, path: &str) -> Option<&Value> {
        let steps = path.split('.');
        let value = steps.fold(&self.properties, |value, step| {
            match step.parse::<usize>() {
                Ok(index) if value.is_array() => &value[index],
                _ => &value[step],
            }
        });
        (!value.is_null()).then_some(value)
    }

    /// A property as text, where it is known.
    pub fn text(&self, path: &str) -> Option<String> {
        scalar_text(self.at(path)?)
    }

    /// The known texts of a list.
    pub fn texts(&self, path: &str) -> Vec<String> {
        let items = self.at(path).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(scalar_text)
            .collect()
    }
}

/// A stack that is deployed.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'a> {
    /// Its name, as the manifest has it.
    pub name: &'a str,
    /// What CloudFormation answers of it.
    pub deployed: &'a Deployed,
    /// Its resources.
    pub standing: &'a [Standing],
    /// The template that it was last given.
    pub body: &'a Value,
}

/// What a stack asks of each of its resources that are there.
pub fn asked(project: &Project, stack: &Stack<'_>) -> Vec<Asked> {
    let place = Place {
        name: stack.deployed.name.clone(),
        id: Some(stack.deployed.id.clone()),
        region: None,
        account: None,
    };
    let given = |name: &str| stack.deployed.parameters.get(name).map(|text| json!(text));
    let parameters = resolve::parameters(stack.body, given);
    let there = stack
        .standing
        .iter()
        .filter(|one| !one.id.is_empty() && one.status != "DELETE_COMPLETE");
    let physical = there
        .clone()
        .map(|one| (one.name.clone(), known(stack, one)));
    let scope = Scope::new(stack.body, parameters, place).with_physical(physical.collect());
    there
        .filter_map(|one| {
            let entry = stack.body["Resources"].get(&one.name)?;
            let properties = entry.get("Properties").and_then(|own| scope.resolve(own));
            Some(Asked {
                stack: stack.name.to_owned(),
                name: one.name.clone(),
                kind: one.kind.clone(),
                id: one.id.clone(),
                properties: properties.unwrap_or_else(|| json!({})),
                place: project.locate(stack.name, &one.name, &[]),
            })
        })
        .collect()
}

/// Attributes that follow from the physical id.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>
const ATTRIBUTES: &[(&str, &str, &str)] = &[
    (
        "AWS::Cognito::UserPool",
        "Arn",
        "arn:{partition}:cognito-idp:{region}:{account}:userpool/{id}",
    ),
    ("AWS::EC2::SecurityGroup", "GroupId", "{id}"),
    (
        "AWS::IAM::Role",
        "Arn",
        "arn:{partition}:iam::{account}:role{path}{id}",
    ),
    (
        "AWS::KMS::Key",
        "Arn",
        "arn:{partition}:kms:{region}:{account}:key/{id}",
    ),
    (
        "AWS::Lambda::Function",
        "Arn",
        "arn:{partition}:lambda:{region}:{account}:function:{id}",
    ),
    (
        "AWS::Logs::LogGroup",
        "Arn",
        "arn:{partition}:logs:{region}:{account}:log-group:{id}:*",
    ),
    ("AWS::S3::Bucket", "Arn", "arn:{partition}:s3:::{id}"),
];

/// What is known of a resource: its id, what the id tells of its attributes, and those that outputs give.
fn known(stack: &Stack<'_>, one: &Standing) -> Physical {
    let mut attributes = BTreeMap::new();
    let schema = schema::schema(&one.kind);
    let identifier = schema
        .as_ref()
        .and_then(|own| own.primary_identifier().last());
    if let (Some(name), Some(part)) = (identifier, one.id.rsplit('|').next()) {
        attributes.insert(name.clone(), part.to_owned());
    }
    for (kind, name, pattern) in ATTRIBUTES {
        if *kind == one.kind {
            attributes.insert((*name).to_owned(), filled(stack, one, pattern));
        }
    }
    if let ("AWS::WAFv2::WebACL", [name, id, scope]) = (
        one.kind.as_str(),
        one.id.split('|').collect::<Vec<_>>().as_slice(),
    ) {
        let scope = if *scope == "CLOUDFRONT" {
            "global"
        } else {
            "regional"
        };
        let pattern =
            format!("arn:{{partition}}:wafv2:{{region}}:{{account}}:{scope}/webacl/{name}/{id}");
        attributes.insert("Arn".to_owned(), filled(stack, one, &pattern));
    }
    let outputs = stack.body["Outputs"].as_object().into_iter().flatten();
    for (output, entry) in outputs {
        let [resource, attribute] = &entry["Value"]["Fn::GetAtt"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        else {
            continue;
        };
        let value = stack.deployed.outputs.get(output);
        if let (true, Some(attribute), Some(value)) =
            (*resource == one.name, attribute.as_str(), value)
        {
            attributes.insert(attribute.to_owned(), value.clone());
        }
    }
    Physical {
        id: one.id.clone(),
        attributes,
    }
}

fn filled(stack: &Stack<'_>, one: &Standing, pattern: &str) -> String {
    let part = |at: usize| stack.deployed.id.split(':').nth(at).unwrap_or_default();
    let properties = &stack.body["Resources"][&one.name]["Properties"];
    pattern
        .replace("{partition}", part(1))
        .replace("{region}", part(3))
        .replace("{account}", part(4))
        .replace("{path}", properties["Path"].as_str().unwrap_or("/"))
        .replace("{id}", &one.id)
}
