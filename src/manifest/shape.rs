//! The manifest's JSON schema, so that editors complete and check it.

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is deployed: the manifest of `infra`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
struct Manifest {
    /// The project's name.
    project: String,
    /// The AWS region; --region and AWS_REGION go over it.
    region: Option<String>,
    /// The S3 bucket for template bodies over 51,200 bytes.
    template_bucket: Option<String>,
    /// Tags of every stack.
    #[serde(default)]
    tags: BTreeMap<String, Scalar>,
    /// The stacks, by name.
    stacks: BTreeMap<String, Stack>,
    /// Environments, chosen by --env.
    #[serde(default)]
    environments: BTreeMap<String, Environment>,
}

/// A stack.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
struct Stack {
    /// The template, relative to the manifest.
    template: String,
    /// Values for the template's parameters.
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    /// What the template's rendering sees as `settings`.
    #[serde(default)]
    settings: BTreeMap<String, serde_json::Value>,
    /// Tags of this stack, over the project's.
    #[serde(default)]
    tags: BTreeMap<String, Scalar>,
    /// Stacks that come first although no value flows.
    #[serde(default)]
    after: Vec<String>,
    /// Termination protection.
    termination_protection: Option<bool>,
    /// A file with the stack policy.
    stack_policy: Option<String>,
    /// Capabilities that are acknowledged.
    #[serde(default)]
    capabilities: Vec<Capability>,
    /// ARNs of SNS topics that are told of events.
    #[serde(default)]
    notification_topics: Vec<String>,
    /// The role that CloudFormation assumes.
    role_arn: Option<String>,
    /// After how many minutes a create fails.
    timeout_minutes: Option<u16>,
}

/// What an environment lays over a stack.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
struct Overlay {
    /// Values for the template's parameters.
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    /// What the template's rendering sees as `settings`.
    #[serde(default)]
    settings: BTreeMap<String, serde_json::Value>,
    /// Tags of this stack.
    #[serde(default)]
    tags: BTreeMap<String, Scalar>,
    /// Stacks that come first although no value flows.
    #[serde(default)]
    after: Vec<String>,
    /// Termination protection.
    termination_protection: Option<bool>,
    /// A file with the stack policy.
    stack_policy: Option<String>,
    /// Capabilities that are acknowledged.
    #[serde(default)]
    capabilities: Vec<Capability>,
    /// ARNs of SNS topics that are told of events.
    #[serde(default)]
    notification_topics: Vec<String>,
    /// The role that CloudFormation assumes.
    role_arn: Option<String>,
    /// After how many minutes a create fails.
    timeout_minutes: Option<u16>,
}

/// An environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
struct Environment {
    /// The AWS region.
    region: Option<String>,
    /// What stands before each stack's name.
    prefix: Option<String>,
    /// The account that the credentials must be of.
    account: Option<String>,
    /// Tags of every stack.
    #[serde(default)]
    tags: BTreeMap<String, Scalar>,
    /// What differs, by stack.
    #[serde(default)]
    stacks: BTreeMap<String, Overlay>,
}

/// A string, a number or a boolean.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
enum Scalar {
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// A parameter's value.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
enum Value {
    /// As written.
    Scalar(Scalar),
    /// Joined by commas.
    List(Vec<Scalar>),
    /// Another stack's output.
    Output(Output),
    /// An environment variable.
    Variable(Variable),
    /// A file's text.
    File(File),
}

/// Another stack's output.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
struct Output {
    /// Stack.Output
    output: String,
}

/// An environment variable.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
struct Variable {
    /// Its name.
    env: String,
    /// Its value when it is not set.
    default: Option<Scalar>,
}

/// A file's text.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape is for editors; the reader keeps places and reads by hand"
)]
struct File {
    /// Relative to the manifest.
    file: String,
}

/// What CloudFormation wants acknowledged.
#[derive(Deserialize, JsonSchema)]
enum Capability {
    #[serde(rename = "CAPABILITY_IAM")]
    Iam,
    #[serde(rename = "CAPABILITY_NAMED_IAM")]
    NamedIam,
    #[serde(rename = "CAPABILITY_AUTO_EXPAND")]
    AutoExpand,
}

/// The JSON schema of the manifest, as docs/stacks.schema.json holds it.
pub fn json_schema() -> String {
    let mut text = serde_json::to_string_pretty(&schema_for!(Manifest)).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(schema: &serde_json::Value) -> Vec<String> {
        let mut keys: Vec<String> = schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        keys.sort();
        keys
    }

    fn sorted(keys: &[&str]) -> Vec<String> {
        let mut keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap();
        assert_eq!(keys(&schema), sorted(super::super::MANIFEST_KEYS));
        assert_eq!(
            keys(&schema["$defs"]["Environment"]),
            sorted(super::super::ENVIRONMENT_KEYS)
        );
        let overlay = super::super::stack::OVERLAY_KEYS;
        assert_eq!(keys(&schema["$defs"]["Overlay"]), sorted(overlay));
        let stack: Vec<&str> = overlay.iter().chain(&["template"]).copied().collect();
        assert_eq!(keys(&schema["$defs"]["Stack"]), sorted(&stack));
    }

    #[test]
    fn the_shipped_schema_is_this_one() {
        let shipped = include_str!("../../docs/stacks.schema.json");
        assert!(
            shipped == json_schema(),
            "run: cargo infra schema > docs/stacks.schema.json"
        );
    }
}
