//! What goes wrong on demand, and what the commands make of it.

use crate::api::Api;
use crate::sandbox::Sandbox;

fn deploy(sandbox: &Sandbox, more: &[&str]) -> crate::sandbox::Ran {
    sandbox.run(&[&["deploy", "--all", "--local", "--yes"], more].concat())
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
