//! What a diff says, in all its forms; and that what it says is what happens.

use crate::sandbox::Sandbox;
use serde_json::{Value, json};

const DEPLOY: [&str; 4] = ["deploy", "--all", "--local", "--yes"];

/// A stack that is deployed, and then asked to be something else in every way that there is.
fn changed() -> Sandbox {
    let sandbox = Sandbox::pair();
    sandbox.write(
        "first.yaml",
        "Parameters:\n  Delay:\n    Type: Number\n  Name:\n    Type: String\n\
         Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n\
         \x20     QueueName: !Ref Name\n      DelaySeconds: !Ref Delay\n\
         \x20 Store:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n\
         \x20 Reader:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !Ref Queue\n\
         Outputs:\n  QueueName:\n    Value: !GetAtt Queue.QueueName\n",
    );
    sandbox.run(&DEPLOY).code(0);
    sandbox.edit("stacks.toml", "\"one\"", "\"two\"");
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    sandbox.edit(
        "first.yaml",
        "  Store:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n",
        "  Policy:\n    Type: AWS::SQS::QueuePolicy\n    Properties:\n      Queues: [!Ref Queue]\n      PolicyDocument:\n        \
         Statement:\n          - Effect: Allow\n            Principal: '*'\n            Action: sqs:SendMessage\n            Resource: !GetAtt Queue.Arn\n",
    );
    sandbox
}

#[test]
fn a_diff_says_what_becomes_of_each_resource_and_why() {
    let sandbox = changed();
    let diff = sandbox.run(&["diff", "--local"]).code(0).out;
    let (told, estimate) = diff.rsplit_once("; about ").unwrap();
    assert!(estimate.ends_with(", an estimate.\n"), "{estimate}");
    assert_eq!(
        told,
        "First: update
  ~ parameter Delay: 5 -> 6
  ~ parameter Name: one -> two
  Resources
    -/+ Queue (AWS::SQS::Queue): replaced  first.yaml:7
      ~ QueueName: one -> two (replaces because of parameter Name)  first.yaml:10
      ~ DelaySeconds: 5 -> 6 (because of parameter Delay)  first.yaml:11
    + Policy (AWS::SQS::QueuePolicy)  first.yaml:12
    ~ Reader (AWS::SNS::Topic)  first.yaml:22
      ~ DisplayName: another ${Queue} (because of Queue)  first.yaml:25
    - Store (AWS::S3::Bucket): leaves the stack and stays (DeletionPolicy: Retain)
  Outputs that others read
    ~ QueueName: two
Second: update: an output that it reads changes
  ~ parameter Upstream: two, after First (QueueName)
  Resources
    ~ Topic (AWS::SNS::Topic)  second.yaml:5
      ~ DisplayName: one -> two (because of parameter Upstream)  second.yaml:8
Data:
  ! First Queue (AWS::SQS::Queue) is replaced by an empty one: nothing keeps its data (UpdateReplacePolicy does not)  first.yaml:7
  ! First Store (AWS::S3::Bucket) is deleted: the old one is kept (DeletionPolicy: Retain), outside of the stack
Allows more:
  ! First Policy: allows sqs:SendMessage on ${Queue.Arn} for *  first.yaml:12
Plan: 0 to create, 2 to update, 0 to delete, 0 unchanged.
Resources: 1 to add, 2 to change in place, 1 to replace, 1 to remove"
    );
}

#[test]
fn narrow_and_coloured_it_says_the_same() {
    let sandbox = changed();
    let narrow = sandbox
        .command(&["diff", "First", "--local"])
        .env("COLUMNS", "24")
        .output();
    let narrow = String::from_utf8(narrow.unwrap().stdout).unwrap();
    assert!(
        narrow.contains("      ~ QueueName: (replaces because of parameter Name)  first.yaml:10\n        - one\n        + two\n"),
        "{narrow}"
    );
    let plain = sandbox.run(&["diff", "--local"]).code(0).out;
    let colour = sandbox
        .run(&["diff", "--local", "--color", "always"])
        .code(0)
        .out;
    assert!(
        colour.contains("\u{1b}[31m-/+ Queue (AWS::SQS::Queue): replaced\u{1b}[0m"),
        "{colour}"
    );
    let codes = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert_eq!(codes.replace_all(&colour, ""), plain);
}

#[test]
fn markdown_and_json_hold_all_of_it() {
    let sandbox = changed();
    let text = sandbox.run(&["diff", "--local", "--markdown"]).code(0).out;
    for part in [
        "### Stacks\n\nPlan: 0 to create, 2 to update, 0 to delete, 0 unchanged.  \n",
        "**Allows more**\n\n- First Policy: allows sqs:SendMessage on ${Queue.Arn} for \\* (first.yaml:12)\n",
        "<details><summary><b>First</b>: update</summary>\n\n```diff\n! parameter Delay: 5 -> 6\n",
        "!   -/+ Queue (AWS::SQS::Queue): replaced  # first.yaml:7\n",
        "-   Store (AWS::S3::Bucket)",
        "</details>\n",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
    let plan: Value =
        serde_json::from_str(&sandbox.run(&["diff", "--local", "--json"]).code(0).out).unwrap();
    assert_eq!(plan["version"], 1);
    let queue = &plan["steps"][0]["effects"]["resources"][0];
    assert_eq!(queue["replacement"], "yes");
    assert_eq!(
        queue["changes"][0],
        json!({"path": "Properties.QueueName", "before": "one", "after": "two", "moves": "yes",
            "replaces": "yes", "because": [{"parameter": "Name"}], "place": "first.yaml:10"})
    );
    assert_eq!(plan["steps"][0]["widens"][0]["kind"], "access");
}

#[test]
fn what_somebody_wants_to_look_at_first_fails() {
    let sandbox = changed();
    let ran = sandbox
        .run(&["diff", "--local", "--fail-on", "widening,replacement,data"])
        .code(1);
    let told = "error: the change allows what was not allowed before, and replaces resources, and deletes or replaces what holds data.";
    assert!(ran.err.contains(told), "{}", ran.err);
    sandbox.run(&["diff", "--local", "--exit-code"]).code(1);
    sandbox
        .run(&[
            "diff",
            "Second",
            "--local",
            "--fail-on",
            "widening,replacement,data",
        ])
        .code(0);
}

#[test]
fn a_new_network_names_all_that_stands_on_it() {
    let sandbox = Sandbox::shipped();
    sandbox.run(&DEPLOY).code(0);
    sandbox.edit("stacks.toml", "10.80.0.0/20", "10.90.0.0/20");
    let diff = sandbox.run(&["diff", "--local"]).code(0).out;
    for part in [
        "    -/+ Vpc (AWS::EC2::VPC): replaced  templates/base-infra.yaml:34\n      ~ CidrBlock: 10.80.0.0/20 -> 10.90.0.0/20 (replaces)",
        "    -/+ RedshiftSecurityGroup (AWS::EC2::SecurityGroup): replaced",
        "    ~ PrivateSubnetIds: a new value, because of PrivateSubnet1, PrivateSubnet2, PrivateSubnet3\n",
        "RedshiftServerlessStack: update: an output that it reads changes\n",
        "  ~ parameter DataBucketName: as it is (BaseInfraStack.DataBucketName)\n",
        "  ~ parameter SubnetIds: a new value, known after BaseInfraStack (PrivateSubnetIds)\n",
        "    ~ Workgroup (AWS::RedshiftServerless::Workgroup)",
        "LambdaStack: no change\n",
    ] {
        assert!(diff.contains(part), "{part}\nis not in\n{diff}");
    }
    let replaced = diff.matches(": replaced  ").count();
    assert_eq!(replaced, 24, "{diff}");
    // What was said is what is done, and nothing else.
    let ran = sandbox.run(&DEPLOY).code(0);
    assert!(
        ran.err.contains("2 stacks done, 3 unchanged"),
        "{}",
        ran.err
    );
}

#[test]
fn drift_is_shown_beside_what_was_and_will_be_asked() {
    let sandbox = Sandbox::pair();
    sandbox.run(&DEPLOY).code(0);
    assert_eq!(
        sandbox.run(&["drift", "--local"]).code(0).out,
        "First: as asked\nSecond: as asked\n"
    );
    sandbox
        .run(&[
            "local",
            "drift",
            "First",
            "Queue",
            "--set",
            "DelaySeconds=9",
        ])
        .code(0);
    let ran = sandbox.run(&["drift", "--local"]).code(1);
    assert_eq!(
        ran.out,
        "First: drifted\n  Live, and not as the stack asks\n    ! Queue (AWS::SQS::Queue)\n      \
         ~ DelaySeconds: asked: 5; is: 9\nSecond: as asked\n"
    );
    assert!(
        ran.err.starts_with("error: drifted: 1 of 2.\n"),
        "{}",
        ran.err
    );
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let diff = sandbox
        .run(&["diff", "First", "--local", "--drift"])
        .code(0)
        .out;
    assert!(
        diff.contains("~ DelaySeconds: asked: 5; is: 9; will be asked: 6\n"),
        "{diff}"
    );
    sandbox.edit("stacks.toml", "Delay = 6", "Delay = 5");
    let asked = sandbox
        .run(&["diff", "First", "--local", "--change-set", "--revert-drift"])
        .code(0)
        .out;
    assert!(
        asked.contains(
            "    ! Queue: Modify; predicted: no change\n      ~ /Properties/DelaySeconds: 9 -> 5\n"
        ),
        "{asked}"
    );
    let json = sandbox.run(&["drift", "--local", "--json"]).code(1).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["stacks"][0]["drift"][0]["differences"][0]["actual"],
        "9"
    );
}

/// Every edit with what it makes of the pair: whether a diff finds it.
#[test]
fn a_diff_is_empty_exactly_when_a_deploy_does_nothing() {
    let sandbox = Sandbox::pair();
    sandbox.run(&DEPLOY).code(0);
    let edits: [(&str, &str, &str, bool); 14] = [
        ("first.yaml", "!Ref Name", "!Sub '${Name}'", false),
        (
            "first.yaml",
            "Value: !GetAtt Queue.QueueName",
            "Value:\n      Fn::GetAtt: [Queue, QueueName]",
            false,
        ),
        ("first.yaml", "Resources:", "# a remark\nResources:", false),
        (
            "stacks.toml",
            "parameters.Delay = 5",
            "parameters.Delay = \"5\"",
            false,
        ),
        (
            "stacks.toml",
            "parameters.Delay = \"5\"",
            "parameters.Delay = 7",
            true,
        ),
        (
            "first.yaml",
            "DelaySeconds: !Ref Delay",
            "DelaySeconds: !Ref Delay\n      MessageRetentionPeriod: 60",
            true,
        ),
        (
            "first.yaml",
            "Outputs:\n",
            "Outputs:\n  More:\n    Value: x\n",
            true,
        ),
        (
            "first.yaml",
            "Resources:",
            "Conditions:\n  C: !Equals [a, a]\nResources:",
            true,
        ),
        (
            "stacks.toml",
            "parameters.Name",
            "tags = { a = \"b\" }\nparameters.Name",
            true,
        ),
        ("stacks.toml", "{ a = \"b\" }", "{ a = \"c\" }", true),
        (
            "stacks.toml",
            "parameters.Name",
            "termination_protection = true\nparameters.Name",
            true,
        ),
        (
            "stacks.toml",
            "parameters.Name",
            "stack_policy = \"policy.json\"\nparameters.Name",
            true,
        ),
        (
            "second.yaml",
            "DisplayName: !Ref Upstream",
            "DisplayName: !Sub 'to ${Upstream}'",
            true,
        ),
        (
            "second.yaml",
            "Type: AWS::SNS::Topic",
            "DependsOn: []\n    Type: AWS::SNS::Topic",
            false,
        ),
    ];
    sandbox.write("policy.json", "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"Update:*\",\"Principal\":\"*\",\"Resource\":\"*\"}]}");
    for (file, before, after, differs) in edits {
        sandbox.edit(file, before, after);
        let code = i32::from(differs);
        let diff = sandbox.run(&["diff", "--local", "--exit-code"]);
        assert_eq!(diff.code, code, "{after}:\n{}{}", diff.out, diff.err);
        let ran = sandbox.run(&DEPLOY).code(0);
        let idle = ran.err.contains(" 0 of them changes; no changes");
        assert_eq!(idle, !differs, "{after}:\n{}", ran.err);
        sandbox.run(&["diff", "--local", "--exit-code"]).code(0);
    }
}
