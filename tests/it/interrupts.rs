//! A run that is interrupted, and two runs at once.
#![cfg(unix)]

use crate::prompts::at_terminal;
use crate::sandbox::{Ran, Sandbox, ran};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The commands against one server, which outlives them.
struct Served {
    sandbox: Sandbox,
    endpoint: String,
    server: crate::sandbox::Served,
}

impl Served {
    /// A server in which a queue takes a second.
    fn slow() -> Self {
        Self::of(Sandbox::pair(), "0.25")
    }

    /// A server in which an update of the first stack takes some seconds, when it is asked for.
    fn changed() -> Self {
        Self::changed_with(&[])
    }

    /// The same, with more arguments of the server.
    fn changed_with(more: &[&str]) -> Self {
        let sandbox = Sandbox::pair();
        sandbox.run(&[&DEPLOY[..], &["--local"]].concat()).code(0);
        sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
        Self::with(sandbox, "1", more)
    }

    /// A server of a project, at a time scale.
    fn of(sandbox: Sandbox, scale: &str) -> Self {
        Self::with(sandbox, scale, &[])
    }

    fn with(sandbox: Sandbox, scale: &str, more: &[&str]) -> Self {
        let (server, endpoint) = sandbox.serve_as(scale, more);
        Self {
            sandbox,
            endpoint,
            server,
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

/// What comes of a stream until it holds the words.
fn heard(stream: &mut impl Read, words: &str) -> String {
    let mut told = String::new();
    let mut lines = BufReader::with_capacity(1, stream);
    while !told.contains(words) {
        let read = lines.read_line(&mut told).unwrap();
        assert!(read > 0, "no {words} in {told}");
    }
    told
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

/// The same with words that are easily found at a terminal.
const PLAIN: [&str; 5] = ["deploy", "--all", "--yes", "--color", "never"];

/// When CloudFormation works on it.
const WORKING: &str = "First: UPDATE_IN_PROGRESS Queue";

#[test]
fn the_first_interrupt_starts_nothing_more_and_follows_what_runs() {
    let served = Served::slow();
    let mut child = served.start(&DEPLOY);
    heard(child.stderr.as_mut().unwrap(), "First: create started");
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
    let summary = "error: interrupted: 0 failed, 1 skipped, 1 done, 0 unchanged; ";
    assert!(ended.err.contains(summary), "{}", ended.err);
    served.run(&DEPLOY).code(0);
}

#[test]
fn nothing_comes_after_a_run_that_was_interrupted_in_its_last_stack() {
    let served = Served::slow();
    let mut child = served.start(&["deploy", "First", "--yes", "--verify"]);
    heard(child.stderr.as_mut().unwrap(), "First: create started");
    signal(&child, "-INT");
    let ended = ran(child.wait_with_output().unwrap()).code(130);
    for told in [
        "First: CREATE_COMPLETE\n",
        "error: interrupted: 0 failed, 0 skipped, 1 done, 0 unchanged; ",
        "\n  hint: run the same command again to go on: what is done is not repeated\n",
    ] {
        assert!(ended.err.contains(told), "{told} in {}", ended.err);
    }
    // The outputs, and no finding.
    assert_eq!(
        ended.out,
        "STACK  OUTPUT     VALUE\nFirst  QueueName  one\n"
    );
}

#[test]
fn no_step_of_up_comes_after_stacks_that_were_interrupted() {
    let sandbox = Sandbox::shipped();
    let most = ["deploy", "ApiAndCognitoStack", "--local", "--yes"];
    sandbox.run(&most).code(0);
    let served = Served::of(sandbox, "0.05");
    let mut child = served.start(&["up", "--yes"]);
    heard(child.stderr.as_mut().unwrap(), "WAFStack: create started");
    signal(&child, "-TERM");
    let ended = ran(child.wait_with_output().unwrap()).code(130);
    assert!(
        ended.err.contains("WAFStack: CREATE_COMPLETE") && !ended.err.contains("-- data"),
        "{}",
        ended.err
    );
}

#[test]
fn what_comes_after_the_stacks_ends_by_a_signal() {
    let sandbox = Sandbox::pair();
    sandbox.write(
        "first.yaml",
        "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n    Properties:\n      CidrBlock: 10.0.0.0/16\n\
         Outputs:\n  QueueName:\n    Value: x\n",
    );
    sandbox.edit(
        "stacks.toml",
        "parameters.Delay = 5\nparameters.Name = \"one\"\n",
        "",
    );
    let served = Served::of(sandbox, "0.0005");
    let deploy = ["deploy", "First", "--exclusively", "--yes"];
    served.run(&deploy).code(0);
    let drift = ["local", "drift", "First", "Vpc", "--delete"];
    served.run(&drift).code(0);
    for name in ["-INT", "-TERM"] {
        let verify = ["--verify", "--verify-timeout", "600"];
        let mut child = served.start(&[&deploy[..], &verify].concat());
        heard(child.stdout.as_mut().unwrap(), "is gone");
        signal(&child, name);
        let ended = ran(child.wait_with_output().unwrap()).code(130);
        assert!(
            ended.err.ends_with("no changes\nerror: interrupted.\n"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn a_statement_that_is_interrupted_is_cancelled() {
    let sandbox = Sandbox::shipped();
    let all = ["deploy", "--all", "--local", "--yes"];
    sandbox.run(&all).code(0);
    for name in ["-INT", "-TERM"] {
        let log = sandbox.path().join(name);
        let mut command = sandbox.command(&["data", "load", "--local"]);
        command
            // A statement takes minutes.
            .env("INFRA_LOCAL_TIME_SCALE", "1000")
            .env("INFRA_LOG_CALLS", &log)
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let is_sent = || {
            let calls = std::fs::read_to_string(&log).unwrap_or_default();
            calls.contains("BatchExecuteStatement")
        };
        while !is_sent() {
            std::thread::sleep(Duration::from_millis(20));
        }
        signal(&child, name);
        let ended = ran(child.wait_with_output().unwrap()).code(130);
        let told = "error: interrupted: the statement was cancelled.\n";
        assert!(ended.err.contains(told), "{}", ended.err);
    }
}

#[test]
fn at_a_terminal_the_third_interrupt_ends_what_the_second_asks() {
    // A queue takes twenty seconds: the run ends before it.
    let served = Served::of(Sandbox::pair(), "5");
    let keys = [
        ("First: create started", "^C"),
        ("Stopping: no further stack is started", "^C"),
        ("Cancel the updates that are under way? (yes/no) ", "^C"),
    ];
    let ended = at_terminal(&served.command(&PLAIN), &keys).code(130);
    let told = "First: left to itself. To follow it: infra events First --follow\n";
    assert!(ended.out.contains(told), "{}", ended.out);
    // The question and what was below the talk have gone from the last line.
    let summary =
        "\r\u{1b}[2Kerror: interrupted: 0 failed, 1 skipped, 0 done, 0 unchanged, 1 left running; ";
    assert!(ended.out.contains(summary), "{:?}", ended.out);
}

#[test]
fn at_a_terminal_a_run_ends_whether_or_not_its_question_is_answered() {
    let served = Served::slow();
    let keys = [
        ("First: create started", "^C"),
        ("Stopping: no further stack is started", "^C"),
    ];
    let ended = at_terminal(&served.command(&PLAIN), &keys).code(130);
    assert!(
        ended.out.contains("First: CREATE_COMPLETE"),
        "{}",
        ended.out
    );
}

#[test]
fn at_a_terminal_who_agrees_cancels_updates() {
    let served = Served::changed();
    let keys = [
        (WORKING, "^C"),
        ("Stopping: no further stack is started", "^C"),
        ("Cancel the updates that are under way? (yes/no) ", "yes"),
    ];
    let ended = at_terminal(&served.command(&PLAIN), &keys).code(130);
    assert!(
        ended.out.contains("First: its update is cancelled"),
        "{}",
        ended.out
    );
}

#[test]
fn whoever_cannot_be_reached_keeps_nobody_from_leaving() {
    let served = Served::changed();
    let mut command = served.command(&DEPLOY);
    // A call waits for its answer as long as ever.
    command.env("INFRA_CALL_TIMEOUT", "600");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    heard(child.stderr.as_mut().unwrap(), WORKING);
    signal(served.server.child(), "-STOP");
    for _ in 0..3 {
        signal(&child, "-TERM");
    }
    let ended = ran(child.wait_with_output().unwrap()).code(130);
    assert!(
        ended.err.contains("First: left to itself."),
        "{}",
        ended.err
    );
}

#[test]
fn a_stack_may_be_named_as_what_happens_to_a_run() {
    let sandbox = Sandbox::pair();
    for word in ["[stacks.First]", "\"First."] {
        let named = word.replace("First", "interrupted");
        sandbox.edit("stacks.toml", word, &named);
    }
    let fault = ["--fault", "Queue:create:fail:no room"];
    let ended = sandbox
        .run(&[&DEPLOY[..], &["--local"], &fault].concat())
        .code(1);
    assert!(
        ended.err.contains("Second: skipped because of interrupted"),
        "{}",
        ended.err
    );
}

#[test]
fn a_cancellation_whose_answer_was_lost_is_told_as_one() {
    let served = Served::changed_with(&["--fault", "call:CancelUpdateStack:lost:at=1"]);
    let mut child = served.start(&DEPLOY);
    heard(child.stderr.as_mut().unwrap(), WORKING);
    signal(&child, "-TERM");
    signal(&child, "-TERM");
    let ended = ran(child.wait_with_output().unwrap()).code(130);
    let told = "First: its update is cancelled, and rolled back.";
    assert!(ended.err.contains(told), "{}", ended.err);
}

#[test]
fn the_second_cancels_updates_and_the_third_leaves_everything() {
    let served = Served::changed();
    let mut child = served.start(&DEPLOY);
    heard(child.stderr.as_mut().unwrap(), WORKING);
    signal(&child, "-TERM");
    signal(&child, "-TERM");
    let ended = ran(child.wait_with_output().unwrap()).code(130);
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

    let mut child = served.start(&DEPLOY);
    heard(child.stderr.as_mut().unwrap(), WORKING);
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
