//! What a diff says, in all its forms; and that what it says is what happens.

use crate::sandbox::{Sandbox, root};
use serde_json::Value;

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
        "  parameter DataBucketName: as it is (BaseInfraStack.DataBucketName)\n",
        "  ~ parameter SubnetIds: a new value, known after BaseInfraStack (PrivateSubnetIds)\n",
        "    ~ Workgroup (AWS::RedshiftServerless::Workgroup)",
        "LambdaStack: no change\n",
    ] {
        assert!(diff.contains(part), "{part}\nis not in\n{diff}");
    }
    let replaced = diff.matches(": replaced  ").count();
    assert_eq!(replaced, 24, "{diff}");
    shows(&diff);
    // What was said is what is done, and nothing else.
    let ran = sandbox.run(&DEPLOY).code(0);
    assert!(
        ran.err.contains("2 stacks done, 3 unchanged"),
        "{}",
        ran.err
    );
}

/// What the README shows of a diff is what it says; `...` stands for lines that are left out.
fn shows(diff: &str) {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, block) = readme.split_once("$ infra diff --local\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    // How long it takes was measured here, in no time.
    let timeless = |line: &str| match line.split_once("; about ") {
        Some((line, _)) => line.to_owned(),
        None => line.to_owned(),
    };
    let lines: Vec<String> = diff.lines().map(timeless).collect();
    let mut left = lines.as_slice();
    let mut skipped = false;
    for line in block.lines() {
        if line.trim() == "..." {
            skipped = true;
            continue;
        }
        let at = left.iter().position(|one| *one == timeless(line));
        let at =
            at.unwrap_or_else(|| panic!("{line}\nis not in what follows:\n{}", left.join("\n")));
        assert!(
            skipped || at == 0,
            "before {line} stands\n{}",
            left[..at].join("\n")
        );
        (left, skipped) = (&left[at + 1..], false);
    }
    assert!(
        left.is_empty(),
        "the README ends before\n{}",
        left.join("\n")
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
fn what_counts_as_a_difference() {
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
