//! `infra user`, against the embedded Cognito.

use crate::platform::{EMAIL, Platform, mode};
use serde_json::Value;

#[test]
fn a_user_is_created_listed_and_deleted_and_each_command_may_be_repeated() {
    let platform = Platform::with(None);
    let create = [
        "user",
        "create",
        EMAIL,
        "--name",
        "Ada Lovelace",
        "--generate",
    ];
    let created = platform.run(&create).code(0);
    let password = created.out.trim().to_owned();
    assert_eq!(password.len(), 24);
    assert_eq!(
        created.err,
        "ada@example.com is created; the password above is shown this once.\n"
    );
    // Shown once, and kept nowhere.
    platform.settled();
    assert!(!platform.everything().contains(&password));
    assert_eq!(
        mode(&platform.sandbox.path().join(".infra/local/account.json")),
        0o600
    );

    let again = platform.run(&create).code(0);
    assert_eq!(again.out, "");
    assert_eq!(
        again.err,
        "ada@example.com is there already; nothing was changed, the password neither.\n"
    );

    let listed = platform.run(&["user", "list"]).code(0);
    let row: Vec<&str> = listed
        .out
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .take(4)
        .collect();
    assert_eq!(
        row,
        [EMAIL, "Ada", "Lovelace", "CONFIRMED"],
        "{}",
        listed.out
    );
    let listed: Value =
        serde_json::from_str(&platform.run(&["user", "list", "--json"]).out).unwrap();
    assert_eq!(listed["users"][0]["name"], "Ada Lovelace");

    let asked = platform.run(&["user", "delete", EMAIL]).code(2);
    assert!(asked.err.contains("hint: give --yes"), "{}", asked.err);
    let gone = platform.run(&["user", "delete", EMAIL, "--yes"]).code(0);
    assert!(
        gone.err.starts_with("ada@example.com is deleted;"),
        "{}",
        gone.err
    );
    let gone = platform.run(&["user", "delete", EMAIL, "--yes"]).code(0);
    assert_eq!(
        gone.err,
        "ada@example.com is not there; nothing was done.\n"
    );
}

#[test]
fn a_password_that_the_pool_does_not_take_leaves_no_user_and_is_not_told() {
    let platform = Platform::with(None);
    let create = ["user", "create", EMAIL, "--name", "Ada", "--password-stdin"];
    let refused = platform.type_in(&create, "swordfish\n").code(3);
    assert_eq!(
        refused.err,
        "error: AdminSetUserPassword: Password did not conform with policy: Password not long enough\n\
         \x20 because: InvalidPasswordException\n"
    );
    assert_eq!(
        platform.run(&["user", "list"]).code(0).out.lines().count(),
        1
    );
    let refused = platform.type_in(&create, "\n").code(2);
    assert_eq!(refused.err, "error: standard input holds no password.\n");
    let asked = platform
        .run(&["user", "create", EMAIL, "--name", "Ada"])
        .code(2);
    assert!(
        asked
            .err
            .contains("hint: give --generate, or --password-stdin"),
        "{}",
        asked.err
    );
    let bad = [
        "user",
        "create",
        "no address",
        "--name",
        "Ada",
        "--generate",
    ];
    assert!(
        platform
            .run(&bad)
            .code(3)
            .err
            .contains("Username should be an email.")
    );
    platform.type_in(&create, "Right-Horse-1!\n").code(0);
}

#[test]
fn without_stacks_the_error_says_what_to_deploy() {
    let sandbox = crate::sandbox::Sandbox::shipped();
    let ran = sandbox.run(&["user", "list", "--local"]).code(2);
    assert_eq!(
        ran.err,
        "error: no deployed stack gives the output UserPoolId.\n\
         \x20 hint: deploy the stacks first: infra deploy --all --local\n\
         \x20 hint: --local, --env, --region and AWS_ENDPOINT_URL say where they are looked for\n"
    );
}
