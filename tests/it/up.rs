//! `infra up`: from nothing to a prediction, and all of it again.

use crate::platform::Platform;
use crate::sandbox::Sandbox;
use serde_json::Value;

fn up(sandbox: &Sandbox, more: &[&str]) -> crate::sandbox::Ran {
    sandbox.run(&[&["up", "--local", "--yes"], more].concat())
}

/// What the product ends with.
fn prediction(out: &str) -> &str {
    out.lines().last().unwrap_or_default()
}

#[test]
fn everything_comes_up_from_nothing_and_nothing_is_done_twice() {
    let sandbox = Sandbox::shipped();
    let first = up(&sandbox, &[]).code(0);
    let steps = ["stacks", "data", "model", "checks", "prediction"];
    let steps: Vec<String> = steps.iter().map(|step| format!("-- {step}")).collect();
    let told: Vec<&str> = first
        .err
        .lines()
        .filter(|line| line.starts_with("-- "))
        .collect();
    assert_eq!(told, steps);
    for said in [
        "public.raw_data: 1000 rows loaded; it holds 1000.\n",
        "public.predict_model: ready\n",
        "POST /prod/loan without a token: 401",
        "ada@example.com may sign in; the password, shown this once: ",
    ] {
        assert!(first.out.contains(said), "{said} in {}", first.out);
    }
    let answer = prediction(&first.out);
    assert!(["effective", "not effective"].contains(&answer), "{answer}");

    let again = up(&sandbox, &[]).code(0);
    for said in [
        "5 stacks unchanged; 10 calls, 0 of them changes; no changes",
        "public.raw_data holds 1000 rows, and is left as it is",
        "The model is there already.",
        "may execute the model already.",
    ] {
        assert!(again.err.contains(said), "{said} in {}", again.err);
    }
    assert!(!again.out.contains("rows loaded") && !again.out.contains("password"));
    assert_eq!(prediction(&again.out), answer);

    // Each by itself, after all of them.
    for command in [
        &["deploy", "--all", "--yes"][..],
        &["data", "load"],
        &["data", "check"],
        &["model", "create"],
        &["model", "grant"],
        &["verify"],
        &[
            "user",
            "create",
            "ada@example.com",
            "--name",
            "Ada",
            "--generate",
        ],
        &["token"],
    ] {
        sandbox.run(&[command, &["--local"]].concat()).code(0);
    }
    let asked = sandbox
        .run(&["predict", "data/loan.json", "--local"])
        .code(0);
    assert_eq!(asked.out.trim(), answer);

    sandbox.run(&["logout", "--local"]).code(0);
    let unknown = up(&sandbox, &[]).code(2);
    assert!(
        unknown
            .err
            .contains("nobody is signed in, and ada@example.com is there already"),
        "{}",
        unknown.err
    );
    let other = up(&sandbox, &["--user", "bob@example.com", "--json"]).code(0);
    let last: Value = serde_json::from_str(prediction(&other.out)).unwrap();
    assert_eq!(last["effective"], answer == "effective");
}

#[test]
fn rows_that_somebody_loaded_are_not_mixed_with_the_shipped_ones() {
    let sandbox = Sandbox::shipped();
    up(&sandbox, &[]).code(0);
    let text = sandbox.read("data/raw_data.csv");
    let few: Vec<&str> = text.lines().take(1 + 10).collect();
    sandbox.write(
        "few.csv",
        &(few.join("\n").replace(",true,", ",false,") + "\n"),
    );
    let loaded = up(&sandbox, &["--data", "few.csv"]).code(0);
    assert!(
        loaded
            .out
            .contains("public.raw_data: 10 rows loaded; it holds 1000.\n"),
        "{}",
        loaded.out
    );
    let again = up(&sandbox, &[]).code(0);
    assert!(again.err.contains("is left as it is"), "{}", again.err);
    let differs = sandbox.run(&["data", "check", "--local"]).code(1);
    assert!(differs.out.contains("successful"), "{}", differs.out);
}

#[test]
fn what_is_wrong_with_a_file_is_known_before_anything_is_deployed() {
    let sandbox = Sandbox::shipped();
    sandbox.write("bad.csv", "customer_id,age\n1,17\n");
    let rows = up(&sandbox, &["--data", "bad.csv"]).code(2);
    assert!(rows.err.contains("bad.csv:1: "), "{}", rows.err);
    sandbox.write("bad.json", "{\"age\": 17}");
    let request = up(&sandbox, &["--request", "bad.json"]).code(2);
    assert!(
        request.err.contains("error: bad.json: age"),
        "{}",
        request.err
    );
    let asked = sandbox.run(&["up", "--local"]).code(2);
    assert!(
        asked
            .err
            .contains("give --yes to deploy without a question"),
        "{}",
        asked.err
    );
    assert_eq!(sandbox.stored(), "");
}

#[test]
fn what_failed_halfway_is_gone_on_with() {
    let sandbox = Sandbox::shipped();
    let stacks = up(&sandbox, &["--fault", "WebAcl:create:fail:no room"]).code(1);
    assert!(!stacks.err.contains("-- data"), "{}", stacks.err);
    let load = ["--fault", "call:BatchExecuteStatement:error"];
    let data = up(&sandbox, &load).code(3);
    assert!(
        data.err.contains("4 unchanged") && !data.err.contains("-- model"),
        "{}",
        data.err
    );
    let whole = up(&sandbox, &[]).code(0);
    assert!(whole.err.contains("5 stacks unchanged"), "{}", whole.err);
    assert!(
        whole.out.contains("1000 rows loaded; it holds 1000."),
        "{}",
        whole.out
    );
}

#[test]
fn in_an_account_nobody_is_made_who_was_not_asked_for() {
    let platform = Platform::with(None);
    let nobody = platform.run(&["up", "--yes"]).code(0);
    assert!(
        nobody
            .err
            .contains("Everything stands, and nobody is signed in to ask"),
        "{}",
        nobody.err
    );
    let users = platform.run(&["user", "list"]).code(0);
    assert!(!users.out.contains('@'), "{}", users.out);
    let somebody = platform
        .run(&["up", "--yes", "--user", "eve@example.com"])
        .code(0);
    assert!(
        somebody.out.contains("eve@example.com may sign in"),
        "{}",
        somebody.out
    );
    let (_, password) = somebody.out.split_once("shown this once: ").unwrap();
    let password = password.lines().next().unwrap();
    assert!(!platform.everything().contains(password));
}
