//! `infra synth`, `list` and `graph`.

use crate::sandbox::Sandbox;

#[test]
fn the_same_bytes_on_every_run() {
    let sandbox = Sandbox::shipped();
    sandbox.run(&["synth", "--output", "one"]).code(0);
    sandbox.run(&["synth", "--output", "two"]).code(0);
    for stack in [
        "BaseInfraStack",
        "RedshiftServerlessStack",
        "LambdaStack",
        "ApiAndCognitoStack",
        "WAFStack",
    ] {
        let one = sandbox.read(&format!("one/{stack}.yaml"));
        assert_eq!(one, sandbox.read(&format!("two/{stack}.yaml")));
        assert!(
            !one.contains("<%") && !one.contains("#%"),
            "{stack} is not wholly rendered"
        );
    }
}

#[test]
fn the_deployment_changes_with_what_it_captures() {
    let sandbox = Sandbox::shipped();
    let deployment = |sandbox: &Sandbox| {
        let text = sandbox.run(&["synth", "ApiAndCognitoStack"]).code(0).out;
        let lines: Vec<&str> = text.lines().collect();
        let at = lines
            .iter()
            .position(|line| line.trim() == "Type: AWS::ApiGateway::Deployment");
        lines[at.unwrap() - 1].trim().to_owned()
    };
    let before = deployment(&sandbox);
    sandbox.edit("templates/request.schema.json", "65", "66");
    assert_ne!(deployment(&sandbox), before);
}

#[test]
fn an_undefined_name_has_its_line() {
    let sandbox = Sandbox::pair();
    sandbox.edit("first.yaml", "Type: Number", "Type: <% nothing %>");
    let ran = sandbox.run(&["synth", "First"]).code(2);
    assert!(ran.err.starts_with("error: first.yaml:3:"), "{}", ran.err);
    assert!(ran.err.contains("nothing"), "{}", ran.err);
}

#[test]
fn lists_and_graphs() {
    let sandbox = Sandbox::pair();
    let list = sandbox.run(&["list"]).code(0);
    assert_eq!(list.out, "STACK   NEEDS\nFirst\nSecond  First\n");
    let dot = sandbox.run(&["graph", "--dot"]).code(0);
    assert!(dot.out.starts_with("digraph"), "{}", dot.out);
    let wrong = sandbox.run(&["synth", "Frist"]).code(2);
    assert_eq!(
        wrong.err,
        "error: there is no stack Frist in the manifest.\n  hint: did you mean First?\n"
    );
}

#[test]
fn an_unrendered_template_reads_as_yaml() {
    for entry in std::fs::read_dir(crate::sandbox::root().join("templates")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            let read = infra::template::yaml::parse(&text);
            assert!(read.is_ok(), "{}: {read:?}", path.display());
        }
    }
}
