//! Dynamic references: values of the parameter store and of secrets, in templates.

use crate::api::Api;
use crate::sandbox::Sandbox;
use serde_json::{Value, json};

fn copy(value: &str) -> String {
    format!(
        "Resources:\n  Copy:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Name: /copy\n      \
         Type: String\n      Value: '{value}'\n"
    )
}

fn put(api: &Api, name: &str, kind: &str, value: &str) {
    let asked = json!({"Name": name, "Type": kind, "Value": value, "Overwrite": true});
    let answer = api.json("ssm", "AmazonSSM.PutParameter", &asked);
    assert!(answer["Version"].is_number(), "{answer}");
}

fn stored(api: &Api, name: &str) -> Value {
    let asked = json!({ "Name": name });
    api.json("ssm", "AmazonSSM.GetParameter", &asked)["Parameter"].clone()
}

fn secrets(api: &Api, operation: &str, asked: &Value) -> Value {
    api.json(
        "secretsmanager",
        &format!("secretsmanager.{operation}"),
        asked,
    )
}

fn reason(api: &Api, id: &str) -> String {
    let events = api.events(id);
    let failed = events
        .iter()
        .find(|event| event.status.ends_with("_FAILED") || event.status == "ROLLBACK_IN_PROGRESS");
    failed.map(|event| event.reason.clone()).unwrap_or_default()
}

#[test]
fn parameters_are_read_with_every_operation() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    put(&api, "/a", "String", "one");
    put(&api, "/a", "String", "two");
    let template = copy("<{{resolve:ssm:/a}}|{{resolve:ssm:/a:1}}>");
    let id = api.create("S", &template, &[]);
    assert_eq!(
        stored(&api, "/copy")["Value"],
        "<two|one>",
        "{}",
        reason(&api, &id)
    );
    assert_eq!(
        api.begin("UpdateStack", "S", &template, &[]).refusal(),
        "No updates are to be performed."
    );
    put(&api, "/a", "String", "three");
    let set = api.change_set("S", &template, &[]);
    assert_eq!(set.field("AfterValue"), "&lt;three|one&gt;", "{}", set.text);
    api.begin("UpdateStack", "S", &template, &[]).good();
    assert_eq!(api.settled("S"), "UPDATE_COMPLETE");
    let now = stored(&api, "/copy");
    assert_eq!(
        (&now["Value"], &now["Version"]),
        (&json!("<three|one>"), &json!(2))
    );
    // An output keeps its text.
    let output = format!("{template}Outputs:\n  O:\n    Value: '{{{{resolve:ssm:/a}}}}'\n");
    api.begin("UpdateStack", "S", &output, &[]).good();
    assert_eq!(api.settled("S"), "UPDATE_COMPLETE");
    let shown = api.call("DescribeStacks", &[("StackName", "S")]).good();
    assert_eq!(shown.field("OutputValue"), "{{resolve:ssm:/a}}");
}

#[test]
fn references_that_cannot_be_read_are_refused() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    put(&api, "/a", "String", "one");
    put(&api, "/secure", "SecureString", "hidden");
    // Which of them are told at once and which fail the stack was seen in an account: what has a
    // version is looked up before.
    for (value, words) in [
        (
            "{{resolve:ssm:/a:prod}}",
            "Incorrect format is used in the following SSM reference: [{{resolve:ssm:/a:prod}}]",
        ),
        (
            "{{resolve:ssm:/a:9}}",
            "Unable to fetch parameters [/a:9] from parameter store for this account.",
        ),
        (
            "{{resolve:ssm:/secure:1}}",
            "Non-secure ssm prefix was used for secure parameter /secure",
        ),
        (
            "{{resolve:ssm-secure:/secure:1}}",
            "SSM Secure reference is not supported in: [AWS::SSM::Parameter/Properties/Value]",
        ),
    ] {
        let refused = api.begin("CreateStack", "R", &copy(value), &[]);
        assert_eq!(refused.refusal(), words);
    }
    let defaulted = "Parameters:\n  P:\n    Type: String\n    Default: '{{resolve:ssm:/a}}'\nResources:\n  T:\n    Type: AWS::SNS::Topic\n";
    assert_eq!(
        api.begin("CreateStack", "R", defaulted, &[]).refusal(),
        "Template error: parameter P should not contain ssm versionless resolver"
    );
    let secret = json!({"Name": "plain", "SecretString": "text"});
    secrets(&api, "CreateSecret", &secret);
    for (stack, value, words) in [
        (
            "A",
            "{{resolve:ssm-secure:/secure}}",
            "SSM Secure reference is not supported in: [AWS::SSM::Parameter/Properties/Value]. Rollback requested by user.",
        ),
        (
            "B",
            "{{resolve:secretsmanager:none}}",
            "Secrets Manager can't find the specified secret. (Service: AWSSecretsManager; Status Code: 400; Error Code: ResourceNotFoundException; ",
        ),
        (
            "C",
            "{{resolve:secretsmanager:plain:SecretString:key}}",
            "Could not parse SecretString JSON",
        ),
    ] {
        let id = api.create(stack, &copy(value), &[]);
        assert_eq!(api.settled(&id), "ROLLBACK_COMPLETE");
        let told = reason(&api, &id).replace("&apos;", "'");
        assert!(told.starts_with(words), "{value}: {told}");
    }
}

#[test]
fn a_generated_secret_is_used_and_never_shown() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let template = "Resources:\n  Secret:\n    Type: AWS::SecretsManager::Secret\n    Properties:\n      Name: db\n      GenerateSecretString:\n        SecretStringTemplate: '{\"username\": \"admin\"}'\n        GenerateStringKey: password\n        ExcludePunctuation: true\n  Cluster:\n    Type: AWS::RDS::DBCluster\n    Properties:\n      Engine: aurora-mysql\n      MasterUsername: !Sub '{{resolve:secretsmanager:${Secret}:SecretString:username}}'\n      MasterUserPassword: !Sub '{{resolve:secretsmanager:${Secret}:SecretString:password}}'\n";
    let id = api.create("S", template, &[]);
    assert_eq!(api.settled(&id), "CREATE_COMPLETE", "{}", reason(&api, &id));
    let read = || {
        let asked = json!({"SecretId": "db"});
        let value = secrets(&api, "GetSecretValue", &asked);
        let text = value["SecretString"].as_str().unwrap().to_owned();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let value = read();
    assert_eq!(value["username"], "admin");
    let password = value["password"].as_str().unwrap().to_owned();
    assert_eq!(password.len(), 32);
    // Another update does not generate it anew.
    let more = format!("{template}  More:\n    Type: AWS::SNS::Topic\n");
    api.begin("UpdateStack", "S", &more, &[]).good();
    assert_eq!(api.settled("S"), "UPDATE_COMPLETE");
    assert_eq!(read(), value);
    let asked = [("StackName", "S")];
    for action in [
        "DescribeStackEvents",
        "DescribeStackResources",
        "GetTemplate",
        "DescribeStacks",
    ] {
        let shown = api.call(action, &asked).good();
        assert!(!shown.text.contains(&password), "{action}");
    }
    let state = sandbox.path().join(".infra/local");
    let mut files = vec![state.join("account.json")];
    files.extend(
        std::fs::read_dir(state.join("stacks"))
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(!text.contains(&password), "{}", file.display());
    }
    // What is put beside it counts, and what was before is the previous one.
    let put = json!({"SecretId": "db", "SecretString": "mine"});
    secrets(&api, "PutSecretValue", &put);
    let version = |stage: &str| {
        let asked = json!({"SecretId": "db", "VersionStage": stage});
        secrets(&api, "GetSecretValue", &asked)["SecretString"].clone()
    };
    assert_eq!(version("AWSCURRENT"), "mine");
    assert!(version("AWSPREVIOUS").as_str().unwrap().contains(&password));
    api.call("DeleteStack", &asked).good();
    assert_eq!(api.settled(&id), "DELETE_COMPLETE");
    let gone = secrets(&api, "DescribeSecret", &json!({"SecretId": "db"}));
    assert_eq!(
        gone["message"],
        "Secrets Manager can't find the specified secret."
    );
}
