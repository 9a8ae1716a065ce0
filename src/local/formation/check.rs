//! What the service refuses of a template before it looks at any parameter.

use super::evaluate::section;
use super::references::{dependencies, depends_on, references};
use super::structure;
use crate::local::refusal::Refusal;
use crate::template::schema;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Refuses what the service refuses before it looks at any parameter.
///
/// # Errors
/// Unknown types and references, unsupported transforms, cycles.
pub fn validate(template: &Value) -> Result<(), Refusal> {
    let wrong = |text: String| {
        Err(Refusal::validation(format!(
            "Template format error: {text}"
        )))
    };
    structure::check(template)?;
    for (name, resource) in section(template, "Resources") {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return wrong(format!("Resource name {name} is non alphanumeric."));
        }
        let Some(kind) = resource["Type"].as_str() else {
            return wrong(format!(
                "[/Resources/{name}] Every Resources object must contain a Type member."
            ));
        };
        if !is_supported(kind) {
            return wrong(format!("Unrecognized resource types: [{kind}]"));
        }
    }
    let declared = |name: &str| {
        section(template, "Parameters").any(|(key, _)| key == name)
            || section(template, "Resources").any(|(key, _)| key == name)
            || name.starts_with("AWS::")
    };
    for block in ["Resources", "Outputs"] {
        let mut unknown = BTreeSet::new();
        for (_, entry) in section(template, block) {
            unknown.extend(
                references(entry, None)
                    .into_iter()
                    .filter(|name| !declared(name)),
            );
            unknown.extend(depends_on(entry).into_iter().filter(|name| !declared(name)));
        }
        if !unknown.is_empty() {
            return wrong(format!(
                "Unresolved resource dependencies [{}] in the {block} block of the template",
                joined(&unknown)
            ));
        }
        for (_, entry) in section(template, block) {
            if let Some(condition) = entry["Condition"].as_str()
                && template["Conditions"].get(condition).is_none()
            {
                return wrong(format!(
                    "Unresolved condition dependency [{condition}] in the {block} block of the template"
                ));
            }
        }
    }
    cycle(template)
}

fn cycle(template: &Value) -> Result<(), Refusal> {
    let all = BTreeMap::new();
    let mut left = dependencies(template, &all);
    loop {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let free: Vec<String> = left
            .iter()
            .filter(|(_, needs)| needs.is_disjoint(&names))
            .map(|(name, _)| name.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(&name);
        }
    }
    // What only leads to the cycle is not in it.
    loop {
        let needed: BTreeSet<String> = left.values().flatten().cloned().collect();
        let before = left.len();
        left.retain(|name, _| needed.contains(name));
        if left.len() == before {
            break;
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let names: BTreeSet<String> = left.into_keys().collect();
    Err(Refusal::validation(format!(
        "Circular dependency between resources: [{}]",
        joined(&names)
    )))
}

pub(super) fn joined(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Whether the code behind a resource answers what it likes, whenever it is changed.
pub(super) fn is_custom(kind: &str) -> bool {
    kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource"
}

fn is_supported(kind: &str) -> bool {
    is_custom(kind)
        || schema::is_known(kind)
        // Types of third parties and of the account itself have no schema here.
        || !(kind.starts_with("AWS::") || kind.starts_with("Alexa::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wrong_templates_have_the_services_words() {
        let said = |template: Value| validate(&template).unwrap_err().message;
        let queue =
            |properties: Value| json!({"Type": "AWS::SQS::Queue", "Properties": properties});
        assert_eq!(
            said(json!({"Resources": {"Q": queue(json!({"QueueName": {"Ref": "No"}}))}})),
            "Template format error: Unresolved resource dependencies [No] in the Resources block of the template"
        );
        assert_eq!(
            said(json!({"Resources": {"Q": {"Type": "AWS::SQS::Quark"}}})),
            "Template format error: Unrecognized resource types: [AWS::SQS::Quark]"
        );
        assert_eq!(
            said(json!({"Resources": {
                "A": queue(json!({"QueueName": {"Ref": "B"}})),
                "B": queue(json!({"QueueName": {"Ref": "A"}})),
                "C": queue(json!({"QueueName": {"Ref": "A"}})),
            }})),
            "Circular dependency between resources: [A, B]"
        );
    }
}
