//! The embedded CloudFormation itself.

use crate::sandbox::Sandbox;

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
    let state = sandbox.path().join(".infra/local/state.json");
    while !std::fs::read_to_string(&state).is_ok_and(|text| text.contains("CREATE_IN_PROGRESS")) {
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
}
