//! Mistakes in the manifest: all of them, each with its place, before any network call.

use crate::sandbox::Sandbox;

#[test]
fn ten_mistakes_are_ten_errors() {
    let sandbox = Sandbox::pair();
    sandbox.write(
        "stacks.toml",
        r#"project = "ten"
regoin = "eu-west-1"
[stacks.First]
template = "first.yaml"
parameters.Dealy = 5
termination_protection = "yes"
[stacks.Second]
template = "second.yaml"
parameters.Upstream = { output = "Frist.QueueName" }
after = ["Third", "Nobody"]
timeout_minutes = -1
[stacks.Third]
template = "third.yaml"
parameters.Upstream = { output = "First.QueueNam" }
after = ["Second"]
"#,
    );
    let ran = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(2);
    let wanted = [
        ("2:1", "regoin"),
        ("3:", "Delay"),
        ("3:", "Name"),
        ("5:", "Dealy"),
        ("6:", "termination_protection"),
        ("9:", "Frist"),
        ("10:", "Nobody"),
        ("11:", "timeout_minutes"),
        ("13:", "third.yaml"),
        ("14:", "QueueNam"),
        ("", "Second -> Third -> Second"),
    ];
    for (place, word) in wanted {
        let found = ran.err.lines().any(|line| {
            line.starts_with(&format!("error: stacks.toml:{place}")) && line.contains(word)
        });
        assert!(found, "{place} {word} is not told of:\n{}", ran.err);
    }
    assert!(
        ran.err.contains("did you mean `region`?") || ran.err.contains("did you mean region?"),
        "{}",
        ran.err
    );
    assert!(
        !sandbox.path().join(".infra").exists(),
        "something was started"
    );
}

#[test]
fn the_shipped_schema_is_the_binarys() {
    let sandbox = Sandbox::empty();
    let schema = sandbox.run(&["schema"]).code(0).out;
    let shipped = std::fs::read_to_string(crate::sandbox::root().join("docs/stacks.schema.json"));
    assert_eq!(
        shipped.unwrap(),
        schema,
        "cargo infra schema > docs/stacks.schema.json"
    );
}

#[test]
fn an_environment_overlays() {
    let sandbox = Sandbox::pair();
    let text = sandbox.read("stacks.toml");
    sandbox.write(
        "stacks.toml",
        &format!("{text}\n[environments.prod]\nprefix = \"prod-\"\n[environments.prod.stacks.First]\nparameters.Delay = 9\n"),
    );
    sandbox
        .run(&["deploy", "--all", "--local", "--yes", "--env", "prod"])
        .code(0);
    let list = sandbox.run(&["list", "--json", "--env", "prod"]).code(0);
    assert!(
        list.out.contains("\"deployed_name\":\"prod-First\""),
        "{}",
        list.out
    );
    let wrong = sandbox.run(&["list", "--env", "prd"]).code(2);
    assert!(wrong.err.contains("prod"), "{}", wrong.err);
}
