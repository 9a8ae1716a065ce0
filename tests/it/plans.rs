//! A plan that is kept in a file, and stacks that need not wait.

use crate::sandbox::Sandbox;
use serde_json::{Value, json};

#[test]
fn exactly_what_was_reviewed_is_executed() {
    let sandbox = Sandbox::pair();
    let keep = ["plan", "--all", "--local", "--out", "plan.json"];
    let execute = ["deploy", "--plan", "plan.json", "--local", "--yes"];
    let shown = sandbox.run(&keep).code(0);
    assert!(shown.out.contains("Plan: 2 to create"), "{}", shown.out);
    sandbox.run(&execute).code(0);
    // It was executed: what is there now is not what it was made for.
    let ran = sandbox.run(&execute).code(1);
    assert!(
        ran.err.contains("First: the stack has changed."),
        "{}",
        ran.err
    );

    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    sandbox.run(&keep).code(0);
    let file: serde_json::Value = serde_json::from_str(&sandbox.read("plan.json")).unwrap();
    let set = file["change_sets"]["First"].as_str().unwrap().to_owned();
    assert!(set.contains(":changeSet/infra-plan-"), "{set}");
    let ran = sandbox.run(&execute).code(0);
    assert!(ran.err.contains("First: UPDATE_COMPLETE"), "{}", ran.err);
    assert!(
        sandbox
            .stored()
            .contains(&format!("\"change_set_id\":\"{set}\""))
    );
}

#[test]
fn a_plan_of_something_else_is_refused() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["plan", "--all", "--local", "--out", "plan.json"])
        .code(0);
    let execute = ["deploy", "--plan", "plan.json", "--local", "--yes"];
    sandbox.edit("first.yaml", "Resources:", "Description: other\nResources:");
    let ran = sandbox.run(&execute).code(1);
    assert!(
        ran.err.contains("First: its template has changed."),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("make it again: infra plan --out FILE"),
        "{}",
        ran.err
    );
    let mut elsewhere = execute.to_vec();
    elsewhere.extend(["--region", "us-west-2"]);
    let ran = sandbox.run(&elsewhere).code(1);
    assert!(
        ran.err
            .contains("the region was eu-west-1 and is us-west-2."),
        "{}",
        ran.err
    );
    sandbox.write("plan.json", "{");
    let ran = sandbox.run(&execute).code(2);
    assert!(ran.err.contains("plan.json: EOF"), "{}", ran.err);
}

#[test]
fn a_plan_is_executed_by_the_means_that_were_reviewed() {
    let sandbox = Sandbox::pair();
    let role = "arn:aws:iam::123456789012:role/deployer";
    let means = ["--express", "--role-arn", role];
    let keep = ["plan", "--all", "--local", "--out", "plan.json"];
    sandbox.run(&[&keep[..], &means].concat()).code(0);
    let execute = ["deploy", "--plan", "plan.json", "--local", "--yes"];
    for more in [&means[..1], &means[1..]] {
        let ran = sandbox.run(&[&execute[..], more].concat()).code(2);
        let words = "the argument '--plan <FILE>' cannot be used with";
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    sandbox.run(&execute).code(0);
    let state = sandbox.stored();
    assert!(state.contains("\"mode\":\"EXPRESS\""), "{state}");
    assert!(state.contains(role), "{state}");
}

#[cfg(unix)]
#[test]
fn a_plan_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::pair();
    sandbox.write("plan.json", "");
    sandbox
        .run(&["plan", "--all", "--local", "--out", "plan.json"])
        .code(0);
    let file = std::fs::metadata(sandbox.path().join("plan.json")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

/// Every edit between a plan and its deploy, and what is said of it.
#[test]
fn whatever_a_run_would_send_is_compared() {
    let sandbox = Sandbox::pair();
    sandbox.edit(
        "first.yaml",
        "Parameters:\n",
        "Parameters:\n  Secret: {Type: String, NoEcho: true}\n",
    );
    sandbox.edit(
        "stacks.toml",
        "parameters.Delay = 5",
        "parameters.Delay = 5\nparameters.Secret = \"swordfish\"",
    );
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    sandbox
        .run(&["plan", "--all", "--local", "--out", "plan.json"])
        .code(0);
    let execute = ["deploy", "--plan", "plan.json", "--local", "--yes"];
    for (before, after, said) in [
        (
            "swordfish",
            "monkfish",
            "First: not as it was reviewed: parameter Secret.",
        ),
        (
            "parameters.Delay",
            "capabilities = [\"CAPABILITY_IAM\"]\ntimeout_minutes = 5\nparameters.Delay",
            "First: not as it was reviewed: capabilities, timeout_minutes.",
        ),
        (
            "parameters.Upstream",
            "after = [\"First\"]\nparameters.Upstream",
            "Second: not as it was reviewed: after.",
        ),
        (
            "parameters.Upstream",
            "tags = { a = \"b\" }\nparameters.Upstream",
            "Second: not as it was reviewed: tags.",
        ),
    ] {
        let reviewed = sandbox.read("stacks.toml");
        sandbox.edit("stacks.toml", before, after);
        let ran = sandbox.run(&execute).code(1);
        let wanted = format!(
            "error: {said}\n  because: the plan is not of what is there now\n  hint: make it again: infra plan --out FILE --local\n"
        );
        assert_eq!(ran.err, wanted);
        sandbox.write("stacks.toml", &reviewed);
    }
    // A remark moves places, and nothing else.
    sandbox.edit("stacks.toml", "project", "# a remark\nproject");
    let ran = sandbox.run(&execute).code(0);
    assert!(ran.err.contains("First: UPDATE_COMPLETE"), "{}", ran.err);
}

#[test]
fn a_plan_that_was_edited_is_refused() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    sandbox
        .run(&["plan", "--all", "--local", "--out", "plan.json"])
        .code(0);
    let whole: Value = serde_json::from_str(&sandbox.read("plan.json")).unwrap();
    let edits: [fn(&mut Value); 4] = [
        |plan| plan["steps"] = json!([]),
        |plan| plan["change_sets"] = json!({}),
        |plan| plan["stacks"] = json!(["First"]),
        |plan| plan["steps"][0]["action"] = json!("nothing"),
    ];
    for edit in edits {
        let mut plan = whole.clone();
        edit(&mut plan);
        sandbox.write("edited.json", &plan.to_string());
        let ran = sandbox
            .run(&["deploy", "--plan", "edited.json", "--local", "--yes"])
            .code(2);
        assert_eq!(
            ran.err,
            "error: edited.json: it is not as infra plan wrote it.\n  hint: infra plan --out FILE --local writes one\n"
        );
    }
    let file = sandbox.read("plan.json");
    assert!(file.contains(":changeSet/infra-plan-"), "{file}");
    sandbox
        .run(&["deploy", "--plan", "plan.json", "--local", "--yes"])
        .code(0);
}

/// What a stack may need of another beside the values that it reads, and what is said of it.
#[test]
fn what_is_needed_beside_a_value_is_waited_for() {
    let export =
        |name: &str| format!("Outputs:\n  Arn:\n    Value: x\n    Export: {{Name: {name}}}\n");
    let import = "DisplayName: !ImportValue First-arn";
    for (own, second, why) in [
        (
            export("!Sub '${AWS::StackName}-arn'"),
            ("DisplayName: !Ref Upstream", import),
            "Second imports First-arn, which First exports",
        ),
        (
            export("!GetAtt Queue.Arn"),
            ("DisplayName: !Ref Upstream", import),
            "Second imports First-arn, and First exports a name that is not known before",
        ),
        (
            export("First-arn"),
            (
                "DisplayName: !Ref Upstream",
                "DisplayName: !ImportValue {'Fn::GetAtt': [Topic, TopicName]}",
            ),
            "Second imports a name that is not known before, and First exports",
        ),
        (
            String::new(),
            ("!Ref Upstream", "!Sub 'arn:${AWS::Region}:one'"),
            "Second spells one, which First names Queue",
        ),
        (
            String::new(),
            ("!Ref Upstream", "'{{resolve:ssm:/one}}'"),
            "Second reads what {{resolve: ...}} names as it is deployed",
        ),
        (
            String::new(),
            (
                "Parameters:",
                "Transform: AWS::LanguageExtensions\nParameters:",
            ),
            "Second is expanded by macros",
        ),
        (
            String::new(),
            ("Type: String", "Type: AWS::EC2::KeyPair::KeyName"),
            "CloudFormation looks for what its parameter Upstream names first",
        ),
        (
            String::new(),
            (
                "Topic:",
                "Own:\n    Type: Custom::Own\n    Properties: {ServiceToken: x}\n  Topic:",
            ),
            "Second runs code for Own as it is deployed",
        ),
    ] {
        let sandbox = Sandbox::pair();
        sandbox.edit(
            "first.yaml",
            "Outputs:\n",
            if own.is_empty() { "Outputs:\n" } else { &own },
        );
        sandbox.edit("second.yaml", second.0, second.1);
        let graph = sandbox.run(&["graph"]).code(0).out;
        let told =
            format!("waits: Second -> First, whose parameters fix QueueName = one; but {why}\n");
        assert!(graph.ends_with(&told), "{why}:\n{graph}");
    }
    // What others export is no reason.
    let sandbox = Sandbox::pair();
    sandbox.edit("first.yaml", "Outputs:\n", &export("mine"));
    sandbox.edit("second.yaml", "!Ref Upstream", "!ImportValue theirs");
    let graph = sandbox.run(&["graph"]).code(0).out;
    assert!(graph.contains("soft: Second -> First"), "{graph}");
}

#[test]
fn what_imports_comes_after_what_exports() {
    let sandbox = Sandbox::pair();
    sandbox.edit(
        "first.yaml",
        "Outputs:\n",
        "Outputs:\n  Arn: {Value: !GetAtt Queue.Arn, Export: {Name: one-arn}}\n",
    );
    // Behind Second, which imports nothing itself, and gives a name that is fixed.
    sandbox.write(
        "third.yaml",
        "Parameters: {Name: {Type: String}}\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n    \
         Properties:\n      DisplayName: !Ref Name\n      Tags: [{Key: a, Value: !ImportValue one-arn}]\n",
    );
    sandbox.edit(
        "second.yaml",
        "Resources:",
        "Outputs: {Name: {Value: two}}\nResources:",
    );
    let manifest = sandbox.read("stacks.toml")
        + "[stacks.Third]\ntemplate = \"third.yaml\"\nparameters.Name = { output = \"Second.Name\" }\n";
    sandbox.write("stacks.toml", &manifest);
    let graph = sandbox.run(&["graph"]).code(0).out;
    for edge in [
        "Second -> First, whose parameters fix QueueName = one",
        "Third -> Second, whose parameters fix Name = two",
    ] {
        let told = format!("waits: {edge}; but Third imports one-arn, which First exports\n");
        assert!(graph.contains(&told), "{graph}");
    }
    sandbox
        .run(&["deploy", "--all", "--local", "--yes", "--overlap"])
        .code(0);
}

#[test]
fn what_a_parameter_fixes_need_not_be_waited_for() {
    let sandbox = Sandbox::pair();
    let graph = sandbox.run(&["graph"]).code(0);
    let soft = "soft: Second -> First, whose parameters fix QueueName = one; deploy --overlap does not wait for it";
    assert!(graph.out.contains(soft), "{}", graph.out);
    let json = sandbox.run(&["graph", "--json"]).code(0).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let edge = serde_json::json!({"dependent": "Second", "dependency": "First", "soft": {"QueueName": "one"},
        "waits": null});
    let wanted = serde_json::json!({"version": 1, "stacks": ["First", "Second"], "edges": [edge]});
    assert_eq!(json, wanted);
    sandbox.run(&["graph", "--dot", "--json"]).code(2);
    let mut command = sandbox.command(&["deploy", "--all", "--local", "--yes", "--overlap"]);
    command.env("INFRA_LOCAL_TIME_SCALE", "0.1");
    let ran = crate::sandbox::ran(command.output().unwrap()).code(0);
    let at = |words: &str| {
        ran.err
            .find(words)
            .unwrap_or_else(|| panic!("no {words} in {}", ran.err))
    };
    assert!(
        at("Second: create started") < at("First: CREATE_COMPLETE"),
        "{}",
        ran.err
    );
    let again = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    assert!(again.err.contains("no changes"), "{}", again.err);
}
