//! A run that is interrupted, and two runs at once.
#![cfg(unix)]

use crate::sandbox::{Ran, Sandbox, ran};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The commands against one server, which outlives them.
struct Served {
    sandbox: Sandbox,
    endpoint: String,
    _server: crate::sandbox::Served,
}

impl Served {
    /// A server in which a queue takes a second.
    fn slow() -> Self {
        let sandbox = Sandbox::pair();
        let (server, endpoint) = sandbox.serve_at("0.25");
        Self {
            sandbox,
            endpoint,
            _server: server,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn status(&self) -> String {
        self.run(&["status"]).code(0).out
    }

    fn wait_for(&self, words: &str) {
        for _ in 0..200 {
            if self.status().contains(words) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no {words} in\n{}", self.status());
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .unwrap()
            .success()
    );
    std::thread::sleep(Duration::from_millis(150));
}

const DEPLOY: [&str; 3] = ["deploy", "--all", "--yes"];

#[test]
fn the_first_interrupt_starts_nothing_more_and_follows_what_runs() {
    let served = Served::slow();
    let child = served.start(&DEPLOY);
    served.wait_for("First   CREATE_IN_PROGRESS");
    signal(&child, "-INT");
    let ended = ran(child.wait_with_output().unwrap()).code(130);
    assert!(
        ended.err.contains("Stopping: no further stack is started"),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("First: CREATE_COMPLETE"),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("Second: skipped because of interrupted"),
        "{}",
        ended.err
    );
    served.run(&DEPLOY).code(0);
}

#[test]
fn the_second_cancels_updates_and_the_third_leaves_everything() {
    let served = Served::slow();
    served.run(&DEPLOY).code(0);
    served.sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let child = served.start(&DEPLOY);
    served.wait_for("First   UPDATE_IN_PROGRESS");
    signal(&child, "-TERM");
    signal(&child, "-TERM");
    let ended = ran(child.wait_with_output().unwrap());
    assert!(
        ended
            .err
            .contains("First: its update is cancelled, and rolled back."),
        "{}",
        ended.err
    );
    assert!(
        served.status().contains("First   UPDATE_ROLLBACK_COMPLETE"),
        "{}",
        served.status()
    );

    let child = served.start(&DEPLOY);
    served.wait_for("First   UPDATE_IN_PROGRESS");
    for _ in 0..3 {
        signal(&child, "-TERM");
    }
    let ended = ran(child.wait_with_output().unwrap()).code(130);
    assert!(
        ended
            .err
            .contains("First: left to itself. To follow it: infra events First --follow"),
        "{}",
        ended.err
    );
    served.run(&["events", "First", "--follow"]).code(0);
    served.run(&DEPLOY).code(0);
}

#[test]
fn a_run_that_is_killed_is_gone_on_with() {
    let served = Served::slow();
    let mut child = served.start(&DEPLOY);
    served.wait_for("First   CREATE_IN_PROGRESS");
    child.kill().unwrap();
    child.wait().unwrap();
    let again = served.run(&DEPLOY).code(0);
    assert!(again.err.contains("First: follow started"), "{}", again.err);
    assert!(
        again.err.contains("Second: CREATE_COMPLETE"),
        "{}",
        again.err
    );
    let events = served.run(&["events", "First"]).code(0).out;
    assert_eq!(events.matches("User Initiated").count(), 1, "{events}");
}

#[test]
fn two_runs_at_once_do_each_thing_once() {
    let served = Served::slow();
    let children = [served.start(&DEPLOY), served.start(&DEPLOY)];
    for child in children {
        ran(child.wait_with_output().unwrap()).code(0);
    }
    for stack in ["First", "Second"] {
        let events = served.run(&["events", stack]).code(0).out;
        assert_eq!(events.matches("User Initiated").count(), 1, "{events}");
    }
    served.sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let children = [served.start(&DEPLOY), served.start(&DEPLOY)];
    for child in children {
        ran(child.wait_with_output().unwrap()).code(0);
    }
    let events = served.run(&["events", "First"]).code(0).out;
    assert_eq!(events.matches("User Initiated").count(), 2, "{events}");
}
