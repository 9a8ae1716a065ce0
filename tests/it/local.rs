//! The embedded CloudFormation itself.

use crate::api::Api;
use crate::sandbox::Sandbox;
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn one_process_holds_the_state() {
    let sandbox = Sandbox::pair();
    let (_server, _) = sandbox.serve();
    let ran = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(2);
    assert!(ran.err.contains("another process holds"), "{}", ran.err);
}

#[test]
fn a_server_serves_the_same_commands_by_its_address() {
    let sandbox = Sandbox::pair();
    let (_server, endpoint) = sandbox.serve();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.env("AWS_ENDPOINT_URL", &endpoint);
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        crate::sandbox::ran(command.output().unwrap())
    };
    run(&["deploy", "--all", "--yes"]).code(0);
    let events = run(&["events", "First"]).code(0);
    assert!(events.out.contains("CREATE_COMPLETE"), "{}", events.out);
    run(&["destroy", "--all", "--yes", "--allow-delete", "all"]).code(0);
}

#[test]
fn an_interrupted_operation_goes_on() {
    let sandbox = Sandbox::pair();
    let mut child = sandbox
        .command(&["deploy", "First", "--local", "--yes"])
        .env("INFRA_LOCAL_TIME_SCALE", "1")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !sandbox.stored().contains("creation Initiated") {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = sandbox
        .run(&["deploy", "First", "--local", "--yes"])
        .code(0);
    assert!(
        ran.err.contains("no changes") || ran.err.contains("First:"),
        "{}",
        ran.err
    );
    let status = sandbox.run(&["status", "First", "--local"]).code(0);
    assert!(status.out.contains("CREATE_COMPLETE  no"), "{}", status.out);
    assert_eq!(last_status(&sandbox, "Queue"), "CREATE_COMPLETE");
}

#[test]
fn what_was_cancelled_is_completed_by_the_next_update() {
    let sandbox = Sandbox::pair();
    let good = sandbox.read("first.yaml");
    let bad = "  Early:\n    Type: AWS::ApiGateway::RestApi\n    Properties:\n      Name: early\n  Bad:\n    Type: AWS::SNS::Topic\n    Properties:\n      FifoTopic: !GetAtt Early.RootResourceId\nOutputs:";
    sandbox.edit("first.yaml", "Outputs:", bad);
    let mut command = sandbox.command(&["deploy", "First", "--local", "--yes", "--no-rollback"]);
    // An API takes half as long as a queue, which is under way when the topic is refused.
    command.env("INFRA_LOCAL_TIME_SCALE", "0.2");
    crate::sandbox::ran(command.output().unwrap()).code(1);
    assert_eq!(last_status(&sandbox, "Queue"), "CREATE_FAILED");
    sandbox.write("first.yaml", &good);
    sandbox
        .run(&["deploy", "First", "--local", "--yes", "--no-rollback"])
        .code(0);
    assert_eq!(last_status(&sandbox, "Queue"), "CREATE_COMPLETE");
}

#[test]
fn a_request_that_is_too_long_is_refused_by_its_length() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let mut stream = TcpStream::connect(api.address()).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        api.address(),
        (512 << 20) + 1
    );
    // Nothing of the body is sent: nobody waits for it.
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let told =
        "<Code>RequestEntityTooLarge</Code><Message>The request has more than 512 MiB.</Message>";
    assert!(answer.contains(told), "{answer}");
    api.call("ListStacks", &[]).good();
}

/// The status that the resource of the stack First came into last.
fn last_status(sandbox: &Sandbox, resource: &str) -> String {
    let events = sandbox
        .run(&["events", "First", "--local", "--json"])
        .code(0);
    let last = events
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .rfind(|event| event["resource"] == resource)
        .unwrap();
    last["status"].as_str().unwrap().to_owned()
}
