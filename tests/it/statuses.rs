//! Every status that a stack can be in, met by a diff, a deploy and a destroy.

use crate::sandbox::Sandbox;
use serde_json::{Value, json};

/// What a command comes to: its exit code, and words that it says.
type Met = (i32, &'static str);

/// A status, the phase of the operation under way in it, and what the commands come to.
///
/// An import has nothing left to do here: it has ended when the command looks.
const ROWS: [(&str, &str, Met, Met, Met); 23] = [
    (
        "REVIEW_IN_PROGRESS",
        "Idle",
        (0, "First: create"),
        (0, "First: CREATE_COMPLETE"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "CREATE_IN_PROGRESS",
        "Create",
        (0, "follow CREATE_IN_PROGRESS"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "CREATE_COMPLETE",
        "Idle",
        (0, "First: no change"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "CREATE_FAILED",
        "Idle",
        (0, "recover from CREATE_FAILED"),
        (0, "First: CREATE_COMPLETE"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "ROLLBACK_IN_PROGRESS",
        "CreateRollback",
        (0, "follow ROLLBACK_IN_PROGRESS"),
        (0, "First: CREATE_COMPLETE"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "ROLLBACK_COMPLETE",
        "Idle",
        (0, "delete and create"),
        (0, "First: CREATE_COMPLETE"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "ROLLBACK_FAILED",
        "Idle",
        (0, "delete and create"),
        (0, "First: CREATE_COMPLETE"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "DELETE_IN_PROGRESS",
        "Delete",
        (0, "follow DELETE_IN_PROGRESS"),
        (0, "First: CREATE_COMPLETE"),
        (0, "nothing to do"),
    ),
    (
        "DELETE_COMPLETE",
        "Idle",
        (0, "First: create"),
        (0, "First: CREATE_COMPLETE"),
        (0, "nothing to do"),
    ),
    (
        "DELETE_FAILED",
        "Idle",
        (0, "refused: a deletion failed"),
        (1, "infra destroy"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "UPDATE_IN_PROGRESS",
        "Update",
        (0, "follow UPDATE_IN_PROGRESS"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UpdateCleanup",
        (0, "follow UPDATE_COMPLETE_CLEANUP"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "UPDATE_COMPLETE",
        "Idle",
        (0, "First: no change"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "UPDATE_FAILED",
        "Idle",
        (0, "recover from UPDATE_FAILED"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UpdateRollback",
        (0, "follow UPDATE_ROLLBACK_IN"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "RollbackCleanup",
        (0, "follow UPDATE_ROLLBACK_COMPLETE_CL"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "UPDATE_ROLLBACK_COMPLETE",
        "Idle",
        (0, "First: no change"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "UPDATE_ROLLBACK_FAILED",
        "Idle",
        (0, "recover from UPDATE_ROLLBACK_FAILED"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "IMPORT_IN_PROGRESS",
        "Import",
        (0, "First: no change"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "IMPORT_COMPLETE",
        "Idle",
        (0, "First: no change"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "IMPORT_ROLLBACK_IN_PROGRESS",
        "ImportRollback",
        (0, "First: no change"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "IMPORT_ROLLBACK_FAILED",
        "Idle",
        (0, "refused: an import failed"),
        (1, "an import failed"),
        (0, "First: DELETE_COMPLETE"),
    ),
    (
        "IMPORT_ROLLBACK_COMPLETE",
        "Idle",
        (0, "First: no change"),
        (0, "First: nothing to do"),
        (0, "First: DELETE_COMPLETE"),
    ),
];

/// A stack that stands, as its file holds it.
fn standing() -> (Sandbox, String, Value) {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "First", "--local", "--yes"])
        .code(0);
    let directory = sandbox.path().join(".infra/local/stacks");
    let file = std::fs::read_dir(directory)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = std::fs::read_to_string(&file).unwrap();
    let name = format!(
        ".infra/local/stacks/{}",
        file.file_name().unwrap().display()
    );
    (sandbox, name, serde_json::from_str(&text).unwrap())
}

/// The same stack in that status, with what an operation leaves behind or has under way in it.
fn in_status(stack: &Value, status: &str, phase: &str) -> Value {
    let mut stack = stack.clone();
    stack["status"] = json!(status);
    stack["operation"]["phase"] = json!(phase);
    stack["operation"]["id"] = json!("op");
    let before = json!({ "goal": stack["goal"], "resources": stack["resources"], "outputs": stack["outputs"] });
    if status.starts_with("UPDATE_") || status.starts_with("IMPORT_") {
        stack["operation"]["before"] = before;
    }
    match status {
        "REVIEW_IN_PROGRESS" | "ROLLBACK_COMPLETE" => stack["resources"] = json!({}),
        "DELETE_COMPLETE" => stack["deleted"] = stack["created"].clone(),
        "CREATE_FAILED" | "UPDATE_FAILED" | "UPDATE_ROLLBACK_FAILED" => {
            stack["resources"]["Queue"]["status"] = json!(if status == "CREATE_FAILED" {
                "CREATE_FAILED"
            } else {
                "UPDATE_FAILED"
            });
        }
        _ => {}
    }
    // What an operation under way has yet to do.
    if status == "CREATE_IN_PROGRESS"
        || status.starts_with("UPDATE_") && status.ends_with("IN_PROGRESS")
    {
        let verb = status.split('_').next().unwrap();
        stack["resources"]["Queue"]["status"] = json!(format!("{verb}_IN_PROGRESS"));
    }
    if status.contains("CLEANUP") {
        let mut old = stack["resources"]["Queue"].clone();
        old["physical_id"] = json!("https://sqs/old");
        stack["resources"]["Queue"]["status"] = json!("UPDATE_COMPLETE");
        stack["operation"]["stale"] = json!([old]);
    }
    stack
}

#[test]
fn every_status_is_met() {
    let (base, file, stack) = standing();
    let met = |row: &(&str, &str, Met, Met, Met)| {
        let (status, phase, diff, deploy, destroy) = *row;
        let commands: [(&[&str], Met); 3] = [
            (&["diff", "First", "--local"], diff),
            (&["deploy", "First", "--local", "--yes"], deploy),
            (&["destroy", "First", "--local", "--yes"], destroy),
        ];
        for (arguments, (code, words)) in commands {
            let sandbox = base.copy();
            sandbox.write(&file, &in_status(&stack, status, phase).to_string());
            // What is under way is still so when the diff looks, which waits for nothing. The others follow it
            // to its end, and say the same if it has ended by then.
            let scale = if arguments[0] == "diff" { "10" } else { "0.1" };
            let mut command = sandbox.command(arguments);
            command.env("INFRA_LOCAL_TIME_SCALE", scale);
            if arguments[0] != "diff" {
                command.args(["--allow-delete", "all"]);
            }
            let ran = crate::sandbox::ran(command.output().unwrap());
            let said = format!("{}{}", ran.out, ran.err);
            assert_eq!(ran.code, code, "{status} {arguments:?}:\n{said}");
            assert!(
                said.contains(words),
                "{status} {arguments:?}: no {words:?} in\n{said}"
            );
        }
    };
    std::thread::scope(|scope| {
        let halves = ROWS.chunks(ROWS.len().div_ceil(4));
        halves.for_each(|rows| {
            scope.spawn(move || rows.iter().for_each(met));
        });
    });
}

#[test]
fn what_never_worked_and_is_protected_stays_until_the_manifest_lets_it_go() {
    let (base, file, stack) = standing();
    for (status, phase) in [
        ("REVIEW_IN_PROGRESS", "Idle"),
        ("ROLLBACK_COMPLETE", "Idle"),
        ("ROLLBACK_FAILED", "Idle"),
        ("CREATE_FAILED", "Idle"),
    ] {
        let sandbox = base.copy();
        let mut stack = in_status(&stack, status, phase);
        stack["protected"] = json!(true);
        sandbox.write(&file, &stack.to_string());
        let deploy = ["deploy", "First", "--local", "--yes"];
        let diff = sandbox.run(&["diff", "First", "--local"]).code(0);
        let held = format!("it is in {status} and must be ");
        let refused = format!("First: refused: {held}");
        assert!(diff.out.contains(&refused), "{status}:\n{}", diff.out);
        let (before, ran) = (sandbox.stored(), sandbox.run(&deploy).code(1));
        let refused = format!("error: First: {held}");
        assert!(ran.err.starts_with(&refused), "{status}:\n{}", ran.err);
        assert_eq!(sandbox.stored(), before, "{status}");
        let ran = sandbox
            .run(&["destroy", "First", "--local", "--yes"])
            .code(1);
        assert!(ran.err.contains("termination protected"), "{}", ran.err);
        sandbox.edit(
            "stacks.toml",
            "[stacks.First]\n",
            "[stacks.First]\ntermination_protection = false\n",
        );
        let allow = ["--allow-delete", "all"];
        let ran = sandbox.run(&[&deploy[..], &allow].concat()).code(0);
        let freed = "  ~ termination protection: true -> false\n";
        assert!(ran.err.contains(freed), "{status}:\n{}", ran.err);
        assert!(ran.err.contains("First: CREATE_COMPLETE"), "{}", ran.err);
    }
}

#[test]
fn a_status_that_nobody_knows_is_refused_by_its_name() {
    let (sandbox, file, stack) = standing();
    sandbox.write(&file, &in_status(&stack, "PONDERING", "Idle").to_string());
    for command in ["deploy", "destroy"] {
        let ran = sandbox.run(&[command, "First", "--local", "--yes"]).code(1);
        assert!(
            ran.err.contains("the status PONDERING is not known"),
            "{}",
            ran.err
        );
    }
}
