//! Stacks that are not what they were when the plan was made, and answers that are older than that.
#![cfg(unix)]

use crate::api::Api;
use crate::sandbox::{DESTROY, Ran, Sandbox, ran};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// The binary, at a server.
fn at(sandbox: &Sandbox, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

/// Runs a command as far as it says those words, has the other done from start to end, and goes on.
fn meanwhile(mut slow: Command, words: &str, mut other: Command) -> (Ran, Ran) {
    let mut child = slow
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(words) {
        assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
    }
    signal(&child, "-STOP");
    let between = ran(other.output().unwrap());
    signal(&child, "-CONT");
    err.read_to_string(&mut said).unwrap();
    let mut ended = ran(child.wait_with_output().unwrap());
    ended.err = said;
    (between, ended)
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.unwrap().success());
}

/// The ARN of a stack.
fn arn(endpoint: &str, sandbox: &Sandbox, stack: &str) -> String {
    let ran = at(sandbox, endpoint, &["status", stack, "--json"]).output();
    let told = String::from_utf8(ran.unwrap().stdout).unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    told[0]["id"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_is_told_late_is_waited_for() {
    let sandbox = Sandbox::pair();
    let late = |arguments: &[&str]| {
        let faults =
            ["DescribeStacks", "ListStacks"].map(|call| format!("call:{call}:lag:millis=500"));
        let mut command = sandbox.command(arguments);
        // A queue takes two seconds.
        command.env("INFRA_LOCAL_TIME_SCALE", "0.5");
        for fault in &faults {
            command.args(["--fault", fault]);
        }
        ran(command.output().unwrap()).code(0)
    };
    let deploy = ["deploy", "--all", "--local", "--yes"];
    late(&deploy);
    sandbox.edit("stacks.toml", "Name = \"one\"", "Name = \"two\"");
    let ran = late(&[&deploy[..], &["--allow-replace", "all"]].concat());
    assert!(ran.err.contains("Second: UPDATE_COMPLETE"), "{}", ran.err);
    assert!(sandbox.stored().contains(r#""DisplayName":"two""#));
    let ran = late(&DESTROY);
    for stack in ["First", "Second"] {
        let gone = format!("{stack}: DELETE_COMPLETE");
        assert!(ran.err.contains(&gone), "{}", ran.err);
    }
}

#[test]
fn what_somebody_has_made_well_meanwhile_is_not_deleted() {
    let sandbox = Sandbox::pair();
    let deploy = ["deploy", "--all", "--local", "--yes"];
    let fails = ["--fault", "Topic:create:fail:no"];
    sandbox.run(&[&deploy[..], &fails].concat()).code(1);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let (_server, endpoint) = sandbox.serve_at("0.25");
    let all = at(&sandbox, &endpoint, &["deploy", "--all", "--yes"]);
    let one = ["deploy", "Second", "--exclusively", "--yes"];
    let one = at(&sandbox, &endpoint, &one);
    let (made, ended) = meanwhile(all, "First: update started", one);
    let made = made.code(0);
    assert!(made.err.contains("Second: CREATE_COMPLETE"), "{}", made.err);
    let ended = ended.code(0);
    assert!(ended.err.contains("Second: nothing to do"), "{}", ended.err);
    assert_eq!(ended.err.matches("DELETE_").count(), 0, "{}", ended.err);
}

#[test]
fn what_has_changed_since_the_question_is_not_deleted() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    let (_server, endpoint) = sandbox.serve_at("0.25");
    let before = arn(&endpoint, &sandbox, "First");
    let all = ["destroy", "--all", "--yes", "--allow-delete", "all"];
    let all = at(&sandbox, &endpoint, &all);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let one = ["deploy", "First", "--exclusively", "--yes"];
    let one = at(&sandbox, &endpoint, &one);
    let (changed, ended) = meanwhile(all, "Second: delete started", one);
    changed.code(0);
    let ended = ended.code(1);
    let words = "First: failed: the stack First has changed since the plan was made.";
    assert!(ended.err.contains(words), "{}", ended.err);
    assert_eq!(arn(&endpoint, &sandbox, "First"), before);
}

#[test]
fn a_reviewed_change_set_that_is_gone_is_told_once() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    sandbox
        .run(&["plan", "--all", "--local", "--out", "plan.json"])
        .code(0);
    let plan: serde_json::Value = serde_json::from_str(&sandbox.read("plan.json")).unwrap();
    let set = plan["change_sets"]["First"].as_str().unwrap();
    Api::of(&sandbox)
        .call("DeleteChangeSet", &[("ChangeSetName", set)])
        .good();
    let execute = ["deploy", "--plan", "plan.json", "--local", "--yes"];
    let ended = sandbox.run(&execute).code(1);
    let words = "First: failed: the change set that was made with the plan is gone: nothing is executed that \
                 was not reviewed.";
    assert!(ended.err.contains(words), "{}", ended.err);
    assert_eq!(
        ended.err.matches("First: update started").count(),
        1,
        "{}",
        ended.err
    );
}

#[test]
fn what_somebody_has_made_otherwise_meanwhile_is_not_changed() {
    let sandbox = Sandbox::pair();
    let (_server, endpoint) = sandbox.serve_at("0.25");
    let theirs = Sandbox::pair();
    theirs.edit(
        "stacks.toml",
        "{ output = \"First.QueueName\" }",
        "\"theirs\"",
    );
    let all = at(&sandbox, &endpoint, &["deploy", "--all", "--yes"]);
    let one = at(&theirs, &endpoint, &["deploy", "Second", "--yes"]);
    let (made, ended) = meanwhile(all, "First: create started", one);
    made.code(0);
    let ended = ended.code(1);
    let words = "Second: failed: the stack Second has changed since the plan was made.";
    assert!(ended.err.contains(words), "{}", ended.err);
    assert!(
        ended.err.contains("First: CREATE_COMPLETE"),
        "{}",
        ended.err
    );
    assert!(!ended.err.contains("Second: UPDATE_"), "{}", ended.err);
}

#[test]
fn a_rollback_that_was_cut_off_is_gone_on_with() {
    let sandbox = Sandbox::pair();
    let deploy = ["deploy", "First", "--local", "--yes"];
    sandbox.run(&deploy).code(0);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let fails = ["--on-failure", "keep", "--fault", "Queue:update:fail:no"];
    sandbox.run(&[&deploy[..], &fails].concat()).code(1);
    let (_server, endpoint) = sandbox.serve_at("0.25");
    let roll_back = || at(&sandbox, &endpoint, &["rollback", "First", "--yes"]);
    let mut child = roll_back()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("UPDATE_ROLLBACK_IN_PROGRESS") {
        assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for words in ["First: UPDATE_ROLLBACK_COMPLETE", "First: no change"] {
        let again = ran(roll_back().output().unwrap()).code(0);
        assert!(again.err.contains(words), "{words} in {}", again.err);
    }
    let status = at(&sandbox, &endpoint, &["status"]).output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(
        status.contains("First   UPDATE_ROLLBACK_COMPLETE"),
        "{status}"
    );
}

#[test]
fn data_that_somebody_made_meanwhile_is_not_deleted_unasked() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "First", "--local", "--yes"])
        .code(0);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    sandbox.edit(
        "second.yaml",
        "  Topic:\n",
        "  More: {Type: AWS::SQS::Queue}\n  Topic:\n    DependsOn: More\n",
    );
    let (_server, endpoint) = sandbox.serve_as("0.25", &["--fault", "Topic:create:fail:no"]);
    let all = at(&sandbox, &endpoint, &["deploy", "--all", "--yes"]);
    let one = [
        "deploy",
        "Second",
        "--exclusively",
        "--yes",
        "--no-rollback",
    ];
    let one = at(&sandbox, &endpoint, &one);
    let (made, ended) = meanwhile(all, "First: update started", one);
    made.code(1);
    let ended = ended.code(1);
    let words = "Second: failed: More (AWS::SQS::Queue) holds data, would be deleted, and was not in the plan.\n  \
                 hint: if that is wanted: --allow-delete More\n";
    assert!(ended.err.contains(words), "{}", ended.err);
    assert_eq!(ended.err.matches("DELETE_").count(), 0, "{}", ended.err);
}
