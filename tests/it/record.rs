//! What a run leaves behind, and what a failure says.

use crate::sandbox::Sandbox;

#[test]
fn a_run_is_recorded_and_shown() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    let runs = sandbox.run(&["events", "--runs"]).code(0);
    assert_eq!(runs.out.lines().count(), 2, "{}", runs.out);
    assert!(runs.out.contains("deploy"), "{}", runs.out);
    let shown = sandbox.run(&["events", "--run"]).code(0);
    assert!(
        shown.out.contains("First: CREATE_COMPLETE\n"),
        "{}",
        shown.out
    );
    let lines = sandbox
        .run(&["events", "--run", "last", "--json"])
        .code(0)
        .out;
    let objects: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects[0]["project"], "pair");
    assert_eq!(objects.last().unwrap()["outcomes"]["Second"], "done");
    let ran = sandbox.run(&["events", "--run", "nope"]).code(2);
    assert!(ran.err.contains("there is no run nope"), "{}", ran.err);

    // A line that was being written when the process ended.
    let file = format!(".infra/runs/{}.jsonl", objects[0]["run"].as_str().unwrap());
    sandbox.write(&file, &format!("{lines}{{\"event\":\"st"));
    let torn = sandbox.run(&["events", "--run", "--json"]).code(0);
    assert_eq!(torn.out, lines);
    sandbox.write(".infra/runs/zz.jsonl", "none\n");
    let runs = sandbox.run(&["events", "--runs", "--json"]).code(0).out;
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs["version"], 1);
    assert_eq!(runs["runs"][0], objects[0]);
    assert_eq!(runs["runs"][1]["file"], ".infra/runs/zz.jsonl");
    let why = runs["runs"][1]["error"].as_str().unwrap();
    assert!(why.starts_with("line 1 is no header of a run"), "{why}");
}

#[cfg(unix)]
#[test]
fn a_record_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "First", "--local", "--yes"])
        .code(0);
    let runs = sandbox.path().join(".infra/runs");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&runs), 0o700);
    for entry in std::fs::read_dir(&runs).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn secrets_reach_neither_streams_nor_the_record() {
    let sandbox = Sandbox::pair();
    sandbox.edit(
        "first.yaml",
        "  Name:\n    Type: String",
        "  Name:\n    Type: String\n    NoEcho: true",
    );
    sandbox.edit("stacks.toml", "\"one\"", "\"swordfish\"");
    let fault = "Queue:create:fail:swordfish is not a name";
    let ran = sandbox
        .run(&["deploy", "--all", "--local", "--yes", "--fault", fault])
        .code(1);
    assert!(ran.err.contains("**** is not a name"), "{}", ran.err);
    let record = sandbox.run(&["events", "--run", "--json"]).code(0).out;
    let diff = sandbox.run(&["diff", "--local"]).code(0);
    let kept = sandbox.run(&["plan", "--all", "--local", "--json", "--out", "plan.json"]);
    let file = sandbox.read("plan.json");
    for text in [ran.out, ran.err, record, diff.out, kept.code(0).out, file] {
        assert!(!text.contains("swordfish"), "{text}");
    }
}

/// A stack that gives outputs of masked parameters, and one that reads them.
fn passing() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        r#"project = "passing"
region = "eu-west-1"
[stacks.A]
template = "a.yaml"
parameters.Long = 'sword"fish\one'
parameters.Short = "q7z"
[stacks.B]
template = "b.yaml"
parameters.Long = { output = "A.Long" }
parameters.Short = { output = "A.Short" }
parameters.Word = "stack"
"#,
    );
    sandbox.write(
        "a.yaml",
        r#"Parameters:
  Long: {Type: String, NoEcho: true}
  Short: {Type: String, NoEcho: true}
  Own: {Type: String, NoEcho: true, Default: default-secret}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: one}}
Outputs:
  Long: {Value: !Ref Long}
  Short: {Value: !Sub "${Short}-x"}
  Own: {Value: !Join [":", [!Ref Own, !Ref Short]]}
"#,
    );
    sandbox.write(
        "b.yaml",
        r#"Parameters:
  Long: {Type: String}
  Short: {Type: String}
  Word: {Type: String, NoEcho: true}
Resources:
  Kept:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Sub "${Long} ${Short}"}
Outputs:
  Both: {Value: !Join ["", [!Ref Long, !Select [0, !Split ["-", !Ref Short]]]]}
"#,
    );
    sandbox
}

#[test]
fn secrets_that_stacks_pass_on_are_shown_nowhere() {
    let sandbox = passing();
    let clean = |text: &str, of: &str| {
        for word in ["sword", "fish", "q7z", "default-secret"] {
            assert!(!text.contains(word), "{word} in {of}:\n{text}");
        }
    };
    let run = |arguments: &[&str]| {
        let ran = sandbox.run(arguments).code(0);
        clean(&ran.out, &arguments.join(" "));
        clean(&ran.err, &arguments.join(" "));
        ran
    };
    run(&["deploy", "--all", "--local", "--yes"]);
    // What is deployed is no value of the manifest any more.
    sandbox.edit("stacks.toml", r"fish\one", r"fish\two");
    sandbox.edit("a.yaml", "Value: !Ref Long", r#"Value: !Sub "${Long}+""#);
    sandbox.edit("b.yaml", "${Long} ${Short}", "${Short} ${Long}");
    for command in [
        &["plan", "--all", "--local"][..],
        &["diff", "--local"],
        &["diff", "--local", "--markdown"],
        &["diff", "--local", "--change-set"],
        &["deploy", "--all", "--local", "--dry-run"],
    ] {
        let shown = run(command).out;
        assert!(shown.contains("parameter Long"), "{shown}");
    }
    for command in [
        &["plan", "--all", "--local", "--json", "--out", "plan.json"][..],
        &["diff", "--local", "--json"],
        &["deploy", "--all", "--local", "--dry-run", "--json"],
    ] {
        let document: serde_json::Value = serde_json::from_str(&run(command).out).unwrap();
        assert_eq!(document["steps"][1]["stack"], "B", "{document}");
    }
    clean(&sandbox.read("plan.json"), "plan.json");
    // What is masked is not what is deployed.
    let ran = run(&["deploy", "--plan", "plan.json", "--local", "--yes"]);
    let note = "Outputs that come from masked parameters are masked: infra outputs --reveal --local shows them.\n";
    assert!(ran.err.contains(note), "{}", ran.err);
    let shown = run(&["outputs", "--local"]);
    assert_eq!(
        shown.out,
        "STACK  OUTPUT  VALUE\nA      Long    ****\nA      Own     ****\nA      Short   ****\nB      Both    ****\n"
    );
    assert_eq!(shown.err, note);
    let ran = sandbox.run(&["outputs", "--local", "--reveal", "--format", "env"]);
    assert_eq!(
        ran.out,
        "A_Long='sword\"fish\\two+'\nA_Own='default-secret:q7z'\nA_Short='q7z-x'\nB_Both='sword\"fish\\two+q7z'\n"
    );
    assert_eq!(ran.err, "");
}

#[test]
fn whether_a_masked_value_moves_is_told() {
    let sandbox = passing();
    let deploy = ["deploy", "--all", "--local", "--yes"];
    sandbox.run(&deploy).code(0);
    sandbox.edit("a.yaml", "DisplayName: one", "DisplayName: two");
    let diff = sandbox.run(&["diff", "--local"]).code(0).out;
    let stays = "B: no change: what it reads stays as it is\n  parameter Long: as it is (A.Long)\n";
    assert!(diff.contains(stays), "{diff}");
    sandbox.edit("stacks.toml", r"fish\one", r"fish\two");
    let diff = sandbox.run(&["diff", "--local"]).code(0).out;
    let moves = "B: update: an output that it reads changes\n  ~ parameter Long: a new value, known after A (Long)\n";
    assert!(diff.contains(moves), "{diff}");
    sandbox.run(&deploy).code(0);
    // What cannot be computed here cannot be compared.
    sandbox.edit(
        "a.yaml",
        "Value: !Ref Long",
        "Value: {'Fn::Base64': !Ref Long}",
    );
    sandbox.run(&deploy).code(0);
    sandbox.edit("a.yaml", "DisplayName: two", "DisplayName: three");
    let diff = sandbox.run(&["diff", "--local"]).code(0).out;
    let perhaps = "B: update if an output that it reads has changed\n  ~ parameter Long: perhaps a new value, known after A (Long)\n";
    assert!(diff.contains(perhaps), "{diff}");
    let ran = sandbox.run(&deploy).code(0);
    assert!(ran.err.contains("B: nothing to do\n"), "{}", ran.err);
}

#[test]
fn a_failure_says_its_root_its_line_and_what_to_do() {
    let sandbox = Sandbox::pair();
    let reason = "Resource handler returned message: \"#/DelaySeconds: The queue already exists\" (RequestToken: 1, HandlerErrorCode: AlreadyExists)";
    let fault = format!(
        "[[fault]]\nresource = \"Queue\"\non = \"create\"\ndo = \"fail\"\nreason = '{reason}'\n"
    );
    sandbox.write("faults.toml", &fault);
    let ran = sandbox
        .run(&[
            "deploy",
            "--all",
            "--local",
            "--yes",
            "--fault-file",
            "faults.toml",
        ])
        .code(1);
    let told = "First: failed: Queue AWS::SQS::Queue CREATE_FAILED (first.yaml:11): #/DelaySeconds: The queue already exists\n  \
                First ended in ROLLBACK_COMPLETE\n  hint: it exists outside of this stack";
    assert!(ran.err.contains(told), "{}", ran.err);
}

#[test]
fn a_nested_failure_is_followed_to_its_root() {
    let sandbox = Sandbox::pair();
    let inner = "Resources:\n  Api:\n    Type: AWS::ApiGateway::RestApi\n    Properties:\n      Name: x\n  Bad:\n    Type: AWS::SNS::Topic\n    Properties:\n      FifoTopic: !GetAtt Api.RootResourceId\n";
    let url = {
        let api = crate::api::Api::of(&sandbox);
        api.put("templates", "inner.yaml", inner)
    };
    sandbox.write(
        "first.yaml",
        &format!("Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {url}\nOutputs:\n  QueueName:\n    Value: x\n"),
    );
    sandbox.edit(
        "stacks.toml",
        "parameters.Delay = 5\nparameters.Name = \"one\"\n",
        "",
    );
    let ran = sandbox
        .run(&["deploy", "First", "--local", "--yes"])
        .code(1);
    assert!(
        ran.err.contains("First: failed: Inner > Bad AWS::SNS::Topic CREATE_FAILED (first.yaml:2): Properties validation failed"),
        "{}",
        ran.err
    );
}
