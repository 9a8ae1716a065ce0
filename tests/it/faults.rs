//! What goes wrong on demand, and what the commands make of it.

use crate::api::Api;
use crate::sandbox::{DESTROY, Sandbox};
use std::fmt::Write;

fn deploy(sandbox: &Sandbox, more: &[&str]) -> crate::sandbox::Ran {
    sandbox.run(&[&["deploy", "--all", "--local", "--yes"], more].concat())
}

/// The commands whose runs are recorded, in turn.
fn recorded(sandbox: &Sandbox) -> Vec<String> {
    let runs = sandbox.run(&["events", "--runs", "--json"]).code(0).out;
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    let runs = runs["runs"].as_array().unwrap().iter();
    runs.map(|run| run["command"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_resource_fails_in_given_words() {
    let sandbox = Sandbox::pair();
    let ran = deploy(&sandbox, &["--fault", "Queue:create:fail:the moon is full"]).code(1);
    assert!(
        ran.err.contains("(first.yaml:7): the moon is full"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("Second: skipped because of First"),
        "{}",
        ran.err
    );
    deploy(&sandbox, &[]).code(0);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let ran = deploy(&sandbox, &["--fault", "Queue:update:fail:no"]).code(1);
    assert!(ran.err.contains("UPDATE_ROLLBACK_COMPLETE"), "{}", ran.err);
    deploy(&sandbox, &[]).code(0);
}

#[test]
fn a_rollback_that_fails_is_gone_on_with() {
    let sandbox = Sandbox::pair();
    deploy(&sandbox, &[]).code(0);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    sandbox.edit(
        "first.yaml",
        "Outputs:",
        "  Topic:\n    Type: AWS::SNS::Topic\n    DependsOn: Queue\nOutputs:",
    );
    let faults = [
        "--fault",
        "Topic:create:fail",
        "--fault",
        "Queue:rollback:fail",
    ];
    deploy(&sandbox, &faults).code(1);
    let status = sandbox.run(&["status", "First", "--local"]).code(0);
    assert!(
        status.out.contains("UPDATE_ROLLBACK_FAILED"),
        "{}",
        status.out
    );
    let ran = sandbox
        .run(&["rollback", "First", "--local", "--yes"])
        .code(1);
    assert!(
        ran.err.contains(
            "it is in UPDATE_ROLLBACK_FAILED; this is for a stack in CREATE_FAILED or UPDATE_FAILED"
        ),
        "{}",
        ran.err
    );
    let ran = sandbox
        .run(&["continue", "First", "--skip", "Queue", "--local", "--yes"])
        .code(0);
    assert!(
        ran.err.contains("First: UPDATE_ROLLBACK_COMPLETE"),
        "{}",
        ran.err
    );
    assert_eq!(recorded(&sandbox), ["deploy", "deploy", "continue"]);
    deploy(&sandbox, &[]).code(0);
}

#[test]
fn what_was_kept_as_it_failed_is_rolled_back() {
    let sandbox = Sandbox::pair();
    deploy(
        &sandbox,
        &["--on-failure", "keep", "--fault", "Queue:create:fail"],
    )
    .code(1);
    let ran = sandbox
        .run(&["rollback", "First", "--local", "--yes"])
        .code(0);
    assert!(ran.err.contains("First: ROLLBACK_COMPLETE"), "{}", ran.err);
    assert_eq!(recorded(&sandbox), ["deploy", "rollback"]);
    let ran = deploy(
        &sandbox,
        &["--on-failure", "delete", "--fault", "Queue:create:fail"],
    )
    .code(1);
    assert!(ran.err.contains("CREATE_FAILED"), "{}", ran.err);
    let status = sandbox.run(&["status", "First", "--local"]).code(0);
    assert!(status.out.contains("First  absent"), "{}", status.out);
}

#[test]
fn connections_that_are_cut_for_longer_than_a_call_is_tried_are_waited_out() {
    let sandbox = Sandbox::pair();
    let ran = deploy(&sandbox, &["--fault", "call:CreateStack:reset:times=9"]).code(0);
    let waiting = "Waiting for the network; what runs in AWS goes on.";
    assert_eq!(ran.err.matches(waiting).count(), 1, "{}", ran.err);
}

#[test]
fn data_that_a_failure_left_is_not_deleted_without_a_word() {
    let sandbox = Sandbox::pair();
    sandbox.edit(
        "first.yaml",
        "Outputs:",
        "  Topic:\n    Type: AWS::SNS::Topic\n    DependsOn: Queue\nOutputs:",
    );
    let fails = ["--fault", "Topic:create:fail:no", "--on-failure", "keep"];
    deploy(&sandbox, &fails).code(1);
    let words = "First: Queue (AWS::SQS::Queue) holds data and would be deleted.";
    let roll_back = ["rollback", "First", "--local", "--yes"];
    for refused in [deploy(&sandbox, &[]), sandbox.run(&roll_back)] {
        let refused = refused.code(1);
        assert!(refused.err.contains(words), "{}", refused.err);
        assert!(!refused.err.contains("DELETE_"), "{}", refused.err);
    }
    deploy(&sandbox, &["--allow-delete", "Queue"]).code(0);
}

#[test]
fn the_same_command_is_named_only_where_it_goes_on() {
    const AGAIN: &str = "run the same command again";
    let sandbox = Sandbox::pair();
    sandbox.edit(
        "first.yaml",
        "Resources:\n  Queue:\n",
        "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n  Queue:\n    DependsOn: Topic\n",
    );
    let stuck = ["--fault", "Topic:delete:fail", "--on-failure", "delete"];
    let fault = ["--fault", "Queue:create:fail"];
    let failed = deploy(&sandbox, &[&fault[..], &stuck].concat()).code(1);
    let status = sandbox.run(&["status", "First", "--local"]).code(0);
    assert!(status.out.contains("DELETE_FAILED"), "{}", status.out);
    assert!(
        failed.err.contains("infra destroy First") && !failed.err.contains(AGAIN),
        "{}",
        failed.err
    );
    let held = sandbox
        .run(&[&DESTROY[..], &["--fault", "Topic:delete:fail"]].concat())
        .code(1);
    assert!(held.err.contains(AGAIN), "{}", held.err);
    sandbox.run(&DESTROY).code(0);

    sandbox
        .run(&["plan", "--all", "--local", "--out", "plan.json"])
        .code(0);
    let planned = ["deploy", "--plan", "plan.json", "--local", "--yes"];
    let failed = sandbox.run(&[&planned[..], &fault].concat()).code(1);
    assert!(
        failed.err.ends_with(
            "\n  hint: a plan is executed once: make another one, infra plan --out FILE --local\n"
        ),
        "{}",
        failed.err
    );
    sandbox.run(&planned).code(1);
}

#[test]
fn a_quiet_run_says_what_went_wrong() {
    let sandbox = Sandbox::pair();
    let fault = ["--quiet", "--fault", "Queue:create:fail:no room"];
    let failed = deploy(&sandbox, &fault).code(1);
    assert_eq!(failed.out, "");
    let told = "First: failed: Queue AWS::SQS::Queue CREATE_FAILED (first.yaml:7): no room\n  \
                First ended in ROLLBACK_COMPLETE\n\
                Second: skipped because of First\n\
                error: 1 failed, 1 skipped, 0 done, 0 unchanged; ";
    assert!(failed.err.starts_with(told), "{}", failed.err);
    let well = deploy(&sandbox, &["--quiet"]).code(0);
    assert_eq!(well.err, "");
    let destroy = ["destroy", "--all", "--local", "--yes", "--quiet"];
    let fault = [
        "--fault",
        "Topic:delete:fail:in use",
        "--allow-delete",
        "all",
    ];
    let failed = sandbox.run(&[&destroy[..], &fault].concat()).code(1);
    let told = "Second: failed: Topic AWS::SNS::Topic DELETE_FAILED (second.yaml:5): in use\n";
    assert!(failed.err.starts_with(told), "{}", failed.err);
    assert!(
        failed.err.contains("\nFirst: skipped because of Second\n"),
        "{}",
        failed.err
    );
}

#[test]
fn what_passes_is_waited_out() {
    for fault in [
        "call:*:throttle:times=5",
        "call:CreateStack:error:times=2",
        "call:CreateStack:reset:times=1",
        "call:CreateStack:lost:times=1",
        "call:DescribeStackEvents:garbage:at=1",
        "call:CreateStack:expired:at=1",
        "call:*:limit:per_second=20",
    ] {
        let sandbox = Sandbox::pair();
        let ran = deploy(&sandbox, &["--fault", fault]).code(0);
        assert!(ran.err.contains("2 stacks done"), "{fault}: {}", ran.err);
    }
}

#[test]
fn calls_that_wait_longer_than_an_attempt_may_take_get_through() {
    let sandbox = Sandbox::empty();
    let mut manifest = "project = \"many\"\nregion = \"eu-west-1\"\n".to_owned();
    for number in 0..60 {
        let _ = write!(
            manifest,
            "\n[stacks.S{number}]\ntemplate = \"topic.yaml\"\nparameters.Name = \"t{number}\"\n"
        );
    }
    sandbox.write("stacks.toml", &manifest);
    sandbox.write(
        "topic.yaml",
        "Parameters:\n  Name:\n    Type: String\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n\
         \x20   Properties:\n      TopicName: !Ref Name\n",
    );
    let limit = "call:*:limit:per_second=10";
    let mut command = sandbox.command(&[
        "deploy",
        "--all",
        "--local",
        "--yes",
        "--concurrency",
        "60",
        "--fault",
        limit,
    ]);
    command
        .env("INFRA_LOCAL_TIME_SCALE", "0")
        .env("INFRA_CALL_TIMEOUT", "2");
    let ran = crate::sandbox::ran(command.output().unwrap()).code(0);
    assert!(ran.err.contains("60 stacks done"), "{}", ran.err);
    // The limit is the service's, and nothing is wrong with the network.
    assert!(!ran.err.contains("could not be reached"), "{}", ran.err);
}

#[test]
fn expired_credentials_that_cannot_become_fresh_end_the_run() {
    let sandbox = Sandbox::pair();
    let arguments = [
        "deploy",
        "--all",
        "--local",
        "--yes",
        "--fault",
        "call:CreateStack:expired",
    ];
    let mut command = sandbox.command(&arguments);
    command
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "x");
    let ran = crate::sandbox::ran(command.output().unwrap()).code(1);
    assert!(
        ran.err.contains("the credentials have expired"),
        "{}",
        ran.err
    );
    let hint =
        "\n  hint: the keys are those in the environment: set fresh ones (AWS_ACCESS_KEY_ID,";
    assert!(ran.err.contains(hint), "{}", ran.err);
}

#[test]
fn faults_are_read_strictly() {
    let sandbox = Sandbox::pair();
    sandbox.write("faults.toml", "[[fault]]\ncal = \"X\"\ndo = \"reset\"\n");
    let ran = deploy(&sandbox, &["--fault-file", "faults.toml"]).code(2);
    assert!(
        ran.err.contains("faults.toml:2:1: unknown field `cal`"),
        "{}",
        ran.err
    );
    let ran = deploy(&sandbox, &["--fault", "Queue:create:explode"]).code(2);
    assert!(ran.err.contains("unknown variant `explode`"), "{}", ran.err);
    let ran = sandbox
        .run(&["diff", "--fault", "Queue:create:fail"])
        .code(2);
    assert!(
        ran.err.contains("in the embedded CloudFormation only"),
        "{}",
        ran.err
    );
}

#[test]
fn the_state_survives_a_kill_at_every_write() {
    let undisturbed = Sandbox::pair();
    deploy(&undisturbed, &[]).code(0);
    for write in 1.. {
        let sandbox = Sandbox::pair();
        sandbox.write(
            "faults.toml",
            &format!("[[fault]]\nwrite = {write}\ndo = \"kill\"\n"),
        );
        let killed = deploy(&sandbox, &["--fault-file", "faults.toml"]);
        if killed.code == 0 {
            assert!(write > 4, "it was not killed at write {write}");
            break;
        }
        assert_eq!(killed.code, 137, "{}", killed.err);
        deploy(&sandbox, &[]).code(0);
        assert_eq!(
            sandbox.summary(),
            undisturbed.summary(),
            "killed at write {write}"
        );
    }
}

/// Waits until the stack's last event is of that status.
fn comes_to(api: &Api, stack: &str, status: &str) {
    while api.events(stack).last().unwrap().status != status {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn stacks_are_told_as_they_were() {
    const TEMPLATE: &str = "Parameters:\n  Name:\n    Type: String\n\
                            Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n\
                            Outputs:\n  Name:\n    Value: !Ref Name\n";
    let named = |value| {
        [
            ("Parameters.member.1.ParameterKey", "Name"),
            ("Parameters.member.1.ParameterValue", value),
        ]
    };
    let sandbox = Sandbox::empty();
    let id = Api::of(&sandbox).create("S", TEMPLATE, &named("one"));
    // What another process did is long ago; what this one does is told by nobody for an hour.
    let stacks = "call:DescribeStacks:lag:millis=3600000";
    let list = "call:ListStacks:lag:millis=3600000";
    let events = "call:DescribeStackEvents:lag:millis=3600000,times=1,after=1";
    let api = Api::with(
        &sandbox,
        &["--fault", stacks, "--fault", list, "--fault", events],
    );
    api.call("DescribeStackEvents", &[("StackName", "S")])
        .good();
    // The process before may have ended before it was written that the stack is complete.
    assert_eq!(api.settled("S"), "CREATE_COMPLETE");
    let before = api.call("DescribeStacks", &[("StackName", "S")]).good();

    api.begin("UpdateStack", "S", TEMPLATE, &named("two"))
        .good();
    let late = api
        .call("DescribeStackEvents", &[("StackName", "S")])
        .good();
    assert_eq!(late.field("ResourceStatus"), "CREATE_COMPLETE");
    comes_to(&api, "S", "UPDATE_COMPLETE");
    api.call("DeleteStack", &[("StackName", "S")]).good();
    comes_to(&api, &id, "DELETE_COMPLETE");
    let told = |text: &str| text.split("<ResponseMetadata>").next().unwrap().to_owned();
    for fields in [
        &[("StackName", "S")][..],
        &[("StackName", id.as_str())],
        &[],
    ] {
        let after = api.call("DescribeStacks", fields).good();
        assert_eq!(told(&after.text), told(&before.text));
    }
    assert_eq!(listed(&api), ("CREATE_COMPLETE".to_owned(), 1));

    let set = api.change_set(
        "T",
        TEMPLATE,
        &[&named("one")[..], &[("ChangeSetType", "CREATE")]].concat(),
    );
    api.call(
        "ExecuteChangeSet",
        &[("ChangeSetName", &set.field("ChangeSetId"))],
    )
    .good();
    comes_to(&api, "T", "CREATE_COMPLETE");
    for name in ["T", &set.field("StackId")] {
        let none = api.call("DescribeStacks", &[("StackName", name)]);
        assert_eq!(
            none.refusal(),
            format!("Stack with id {name} does not exist")
        );
    }
    assert_eq!(listed(&api), ("CREATE_COMPLETE".to_owned(), 1));
}

/// The first status of ListStacks, and how many there are.
fn listed(api: &Api) -> (String, usize) {
    let list = api.call("ListStacks", &[]).good();
    (list.field("StackStatus"), list.fields("StackName").len())
}
