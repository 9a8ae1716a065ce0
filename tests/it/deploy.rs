//! `infra deploy`, `diff`, `status` and `outputs` against the embedded CloudFormation.

use crate::sandbox::Sandbox;
use serde_json::Value;

fn outputs(sandbox: &Sandbox) -> Value {
    let ran = sandbox.run(&["outputs", "--local", "--json"]).code(0);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn the_five_stacks_are_deployed_and_then_nothing_changes() {
    let sandbox = Sandbox::shipped();
    let first = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    for output in [
        "VpcId",
        "WorkgroupArn",
        "FunctionArn",
        "ApiUrl",
        "WebAclArn",
    ] {
        assert!(
            first.out.contains(output),
            "{output} is missing in\n{}",
            first.out
        );
    }
    let before = outputs(&sandbox);
    assert_eq!(before.as_object().unwrap().len(), 5);

    let again = sandbox.run(&["deploy", "--all", "--local"]).code(0);
    let summary = again.err.lines().last().unwrap();
    assert_eq!(
        summary,
        "5 stacks unchanged; 10 calls, 0 of them changes; no changes"
    );
    assert_eq!(outputs(&sandbox), before);
    sandbox.run(&["diff", "--local", "--exit-code"]).code(0);
}

#[test]
fn what_depends_on_an_output_that_moved_is_updated_and_nothing_else() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);

    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let diff = sandbox.run(&["diff", "--local", "--exit-code"]).code(1);
    let (told, _) = diff.out.rsplit_once("; about ").unwrap();
    assert_eq!(
        told,
        "First: update\n  ~ parameter Delay: 5 -> 6  stacks.toml:6\n  Resources\n    ~ Queue (AWS::SQS::Queue)  first.yaml:7\n\
         \x20     ~ DelaySeconds: 5 -> 6 (because of parameter Delay)  first.yaml:11\n\
         Second: no change: what it reads stays as it is\n\
         \x20 parameter Upstream: as it is (First.QueueName)\n\
         Plan: 0 to create, 1 to update, 0 to delete, 1 unchanged.\n\
         Resources: 1 to change in place"
    );
    let same = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    assert!(same.err.contains("First: UPDATE_COMPLETE"), "{}", same.err);
    assert!(same.err.contains("Second: nothing to do"), "{}", same.err);

    sandbox.edit("stacks.toml", "Name = \"one\"", "Name = \"two\"");
    let kept = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(1);
    assert!(
        kept.err
            .contains("Queue (AWS::SQS::Queue) holds data and would be replaced"),
        "{}",
        kept.err
    );
    let moved = sandbox
        .run(&[
            "deploy",
            "--all",
            "--local",
            "--yes",
            "--allow-replace",
            "Queue",
        ])
        .code(0);
    assert!(
        moved.err.contains("Second: UPDATE_COMPLETE"),
        "{}",
        moved.err
    );
    assert_eq!(outputs(&sandbox)["First"]["QueueName"], "two");
}

#[test]
fn a_failure_is_told_once_with_its_line_and_skips_what_depends_on_it() {
    let sandbox = Sandbox::pair();
    sandbox.edit(
        "first.yaml",
        "DelaySeconds: !Ref Delay",
        "DelaySecond: !Ref Delay",
    );
    let ran = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(1);
    let told = "First: failed: Queue AWS::SQS::Queue (first.yaml:7): Unsupported property \
                [DelaySecond] at /Resources/Queue/Properties\n  CloudFormation's validation stopped \
                it before anything was changed";
    assert!(ran.err.contains(told), "{}", ran.err);
    assert!(
        ran.err.contains("Second: skipped because of First"),
        "{}",
        ran.err
    );
    let status = sandbox.run(&["status", "--local"]).code(0);
    assert!(
        status.out.contains("First   ROLLBACK_COMPLETE"),
        "{}",
        status.out
    );

    // What never worked is deleted and created when the cause is lifted.
    sandbox.edit("first.yaml", "DelaySecond:", "DelaySeconds:");
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
}

#[test]
fn without_rollback_it_goes_on_from_where_it_stopped() {
    let sandbox = Sandbox::pair();
    sandbox.edit("first.yaml", "DelaySeconds", "DelaySecond");
    sandbox
        .run(&["deploy", "First", "--local", "--yes", "--no-rollback"])
        .code(1);
    let status = sandbox.run(&["status", "First", "--local"]).code(0);
    assert!(status.out.contains("CREATE_FAILED"), "{}", status.out);
    sandbox.edit("first.yaml", "DelaySecond:", "DelaySeconds:");
    sandbox
        .run(&["deploy", "First", "--local", "--yes", "--no-rollback"])
        .code(0);
}

#[test]
fn a_dry_run_changes_nothing() {
    let sandbox = Sandbox::pair();
    let plan = sandbox
        .run(&["deploy", "--all", "--local", "--dry-run"])
        .code(0);
    assert_eq!(
        plan.out,
        "First: create\n  + parameter Delay: 5  stacks.toml:6\n  + parameter Name: one  stacks.toml:7\n  Resources\n\
         \x20   + Queue (AWS::SQS::Queue)  first.yaml:7\n      + QueueName: one  first.yaml:10\n\
         \x20     + DelaySeconds: 5  first.yaml:11\n  Outputs\n    + QueueName: one\n\
         Second: create\n  + parameter Upstream: one, after First (QueueName)\n  Resources\n\
         \x20   + Topic (AWS::SNS::Topic)  second.yaml:5\n      + DisplayName: one  second.yaml:8\n\
         Time, an estimate:\n  First   9 s, on the critical path\n  Second  9 s, on the critical path\n\
         \x20 18 s in all, with typical times where no earlier run tells\n\
         Plan: 2 to create, 0 to update, 0 to delete, 0 unchanged.\n\
         Resources: 2 to add; about 18 s, an estimate.\n"
    );
    let status = sandbox.run(&["status", "--local"]).code(0);
    assert_eq!(
        status.out,
        "STACK   STATUS  DIFFERENT\nFirst   absent  yes\nSecond  absent  yes\n"
    );
}

#[test]
fn nothing_is_asked_without_a_terminal() {
    let sandbox = Sandbox::pair();
    let ran = sandbox.run(&["deploy", "--all", "--local"]).code(2);
    assert!(ran.err.ends_with(
        "error: this needs a confirmation, and there is no terminal to ask.\n\
         \x20 hint: give --yes to deploy without a question\n"
    ));
}

#[test]
fn events_are_objects_a_line() {
    let sandbox = Sandbox::pair();
    let ran = sandbox
        .run(&["deploy", "First", "--local", "--yes", "--json"])
        .code(0);
    let events: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "stack_started");
    assert_eq!(events.last().unwrap()["event"], "stack_done");
}

#[test]
fn dependencies_come_along_unless_excluded() {
    let sandbox = Sandbox::pair();
    let alone = sandbox
        .run(&["deploy", "Second", "-e", "--local", "--yes"])
        .code(1);
    assert!(
        alone.err.contains("First gives no output QueueName."),
        "{}",
        alone.err
    );
    sandbox
        .run(&["deploy", "Second", "--local", "--yes"])
        .code(0);
    assert_eq!(outputs(&sandbox)["First"]["QueueName"], "one");
}

#[test]
fn a_large_template_goes_through_a_bucket() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"large\"\nregion = \"eu-west-1\"\n[stacks.Large]\ntemplate = \"t.yaml\"\n",
    );
    let mut text = "Resources:\n".to_owned();
    for n in 0..400 {
        text.push_str(&format!(
            "  Queue{n}:\n    Type: AWS::SQS::Queue\n    Properties:\n      Tags:\n        - Key: purpose\n          Value: {}\n",
            "x".repeat(100)
        ));
    }
    sandbox.write("t.yaml", &text);
    sandbox
        .run(&["deploy", "Large", "--local", "--yes"])
        .code(0);
    let again = sandbox
        .run(&["deploy", "Large", "--local", "--yes"])
        .code(0);
    assert!(again.err.contains("no changes"), "{}", again.err);
}

#[test]
fn outputs_take_three_forms() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "First", "--local", "--yes"])
        .code(0);
    let table = sandbox.run(&["outputs", "First", "--local"]).code(0);
    assert_eq!(
        table.out,
        "STACK  OUTPUT     VALUE\nFirst  QueueName  one\n"
    );
    let env = sandbox
        .run(&["outputs", "First", "--local", "--format", "env"])
        .code(0);
    assert_eq!(env.out, "First_QueueName='one'\n");
    sandbox
        .run(&[
            "outputs", "First", "--local", "--format", "json", "--file", "o.json",
        ])
        .code(0);
    let file: Value = serde_json::from_str(&sandbox.read("o.json")).unwrap();
    assert_eq!(file["First"]["QueueName"], "one");
}

#[test]
fn express_and_a_service_role_reach_the_service() {
    let sandbox = Sandbox::pair();
    let role = "arn:aws:iam::123456789012:role/deployer";
    sandbox
        .run(&[
            "deploy",
            "First",
            "--local",
            "--yes",
            "--express",
            "--role-arn",
            role,
        ])
        .code(0);
    let state = sandbox.stored();
    assert!(state.contains("\"mode\":\"EXPRESS\""), "{state}");
    assert!(state.contains(role), "{state}");
}

#[test]
fn data_that_a_template_would_replace_stops_the_plan_before_anything_is_done() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    sandbox.edit("first.yaml", "QueueName: !Ref Name", "QueueName: other");
    let ran = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(1);
    assert!(
        ran.err.ends_with(
            "error: First: Queue (AWS::SQS::Queue) holds data and would be replaced.\n  hint: if that is wanted: --allow-replace Queue\n"
        ),
        "{}",
        ran.err
    );
    let names = ["--allow-replace", "Queue"];
    sandbox
        .run(&[&["deploy", "--all", "--local", "--yes"][..], &names].concat())
        .code(0);
    assert_eq!(outputs(&sandbox)["First"]["QueueName"], "other");
}

#[test]
fn a_condition_that_takes_data_away_is_stopped_where_it_is_seen() {
    let with = |condition: &str| {
        let sandbox = Sandbox::pair();
        sandbox.write(
            "first.yaml",
            &format!(
                "Parameters:\n  Delay:\n    Type: Number\n  Name:\n    Type: String\n    NoEcho: true\n\
                 Conditions:\n  Asked: {condition}\n\
                 Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n\
                 \x20 Queue:\n    Type: AWS::SQS::Queue\n    Condition: Asked\n\
                 Outputs:\n  QueueName:\n    Value: x\n"
            ),
        );
        let deploy = ["deploy", "First", "--local", "--yes"];
        sandbox.run(&deploy).code(0);
        sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
        sandbox.edit("stacks.toml", "\"one\"", "\"two\"");
        let ran = sandbox.run(&deploy).code(1);
        sandbox
            .run(&[&deploy[..], &["--allow-delete", "Queue"]].concat())
            .code(0);
        ran.err
    };
    let planned = with("!Equals [!Ref Delay, 5]");
    assert!(
        planned.contains("error: First: Queue (AWS::SQS::Queue) holds data and would be deleted."),
        "{planned}"
    );
    // What is masked is not compared: only the change set knows.
    let asked = with("!Equals [!Ref Name, one]");
    assert!(
        asked.contains("would delete Queue (AWS::SQS::Queue), which holds data"),
        "{asked}"
    );
}
