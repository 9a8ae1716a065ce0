//! `infra destroy`.

use crate::sandbox::{DESTROY, Sandbox};

#[test]
fn everything_goes_in_reverse_and_data_only_by_name() {
    let sandbox = Sandbox::shipped();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    let kept = sandbox
        .run(&["destroy", "--all", "--local", "--yes"])
        .code(1);
    assert!(
        kept.err
            .contains("Namespace (AWS::RedshiftServerless::Namespace) holds data")
    );
    sandbox.run(&["diff", "--local", "--exit-code"]).code(0);

    let gone = sandbox.run(&DESTROY).code(0);
    let at = |text: &str| gone.err.find(text).unwrap();
    assert!(at("WAFStack: delete started") < at("BaseInfraStack: delete started"));
    assert!(
        gone.err.contains("DELETE_SKIPPED DataBucket"),
        "{}",
        gone.err
    );
    let status = sandbox.run(&["status", "--local"]).code(0);
    assert_eq!(status.out.matches("absent").count(), 5, "{}", status.out);
    let again = sandbox
        .run(&["destroy", "--all", "--local", "--yes"])
        .code(0);
    assert!(again.err.contains("0 of them changes"), "{}", again.err);
}

#[test]
fn termination_protection_is_honoured() {
    let sandbox = Sandbox::pair();
    sandbox.edit(
        "stacks.toml",
        "[stacks.Second]\n",
        "[stacks.Second]\ntermination_protection = true\n",
    );
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    let ran = sandbox.run(&DESTROY).code(1);
    assert!(
        ran.err.contains("Second: it is termination protected"),
        "{}",
        ran.err
    );
    let status = sandbox.run(&["status", "--local"]).code(0);
    assert_eq!(status.out.matches("CREATE_COMPLETE").count(), 2);

    sandbox.edit(
        "stacks.toml",
        "termination_protection = true",
        "termination_protection = false",
    );
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    sandbox.run(&DESTROY).code(0);
}

#[test]
fn dependents_come_along() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    let ran = sandbox
        .run(&["destroy", "First", "--local", "--dry-run"])
        .code(0);
    assert_eq!(
        ran.out,
        "Second: delete\nFirst: delete\nData:\n  ! First Queue (AWS::SQS::Queue) is deleted, and its data\n\
         Plan: 0 to create, 0 to update, 2 to delete, 0 unchanged.\n"
    );
}
