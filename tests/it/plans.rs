//! A plan that is kept in a file, and stacks that need not wait.

use crate::sandbox::Sandbox;

#[test]
fn exactly_what_was_reviewed_is_executed() {
    let sandbox = Sandbox::pair();
    let keep = ["plan", "--all", "--local", "--out", "plan.json"];
    let execute = ["deploy", "--plan", "plan.json", "--local", "--yes"];
    let shown = sandbox.run(&keep).code(0);
    assert!(shown.out.contains("Plan: 2 to create"), "{}", shown.out);
    sandbox.run(&execute).code(0);
    // It was executed: what is there now is not what it was made for.
    let ran = sandbox.run(&execute).code(1);
    assert!(
        ran.err.contains("First: the stack has changed."),
        "{}",
        ran.err
    );

    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    sandbox.run(&keep).code(0);
    let file: serde_json::Value = serde_json::from_str(&sandbox.read("plan.json")).unwrap();
    let set = file["change_sets"]["First"].as_str().unwrap().to_owned();
    assert!(set.contains(":changeSet/infra-plan-"), "{set}");
    let ran = sandbox.run(&execute).code(0);
    assert!(ran.err.contains("First: UPDATE_COMPLETE"), "{}", ran.err);
    assert!(
        sandbox
            .stored()
            .contains(&format!("\"change_set_id\":\"{set}\""))
    );
}

#[test]
fn a_plan_of_something_else_is_refused() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["plan", "--all", "--local", "--out", "plan.json"])
        .code(0);
    let execute = ["deploy", "--plan", "plan.json", "--local", "--yes"];
    sandbox.edit("first.yaml", "Resources:", "Description: other\nResources:");
    let ran = sandbox.run(&execute).code(1);
    assert!(
        ran.err.contains("First: its template has changed."),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("make it again: infra plan --out FILE"),
        "{}",
        ran.err
    );
    let mut elsewhere = execute.to_vec();
    elsewhere.extend(["--region", "us-west-2"]);
    let ran = sandbox.run(&elsewhere).code(1);
    assert!(
        ran.err
            .contains("the region was eu-west-1 and is us-west-2."),
        "{}",
        ran.err
    );
    sandbox.write("plan.json", "{");
    let ran = sandbox.run(&execute).code(2);
    assert!(ran.err.contains("plan.json: EOF"), "{}", ran.err);
}

#[test]
fn what_a_parameter_fixes_need_not_be_waited_for() {
    let sandbox = Sandbox::pair();
    let graph = sandbox.run(&["graph"]).code(0);
    let soft = "soft: Second -> First, whose parameters fix QueueName = one; deploy --overlap does not wait for it";
    assert!(graph.out.contains(soft), "{}", graph.out);
    let json = sandbox.run(&["graph", "--json"]).code(0).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let edge = serde_json::json!({"dependent": "Second", "dependency": "First", "soft": {"QueueName": "one"}});
    let wanted = serde_json::json!({"version": 1, "stacks": ["First", "Second"], "edges": [edge]});
    assert_eq!(json, wanted);
    sandbox.run(&["graph", "--dot", "--json"]).code(2);
    let mut command = sandbox.command(&["deploy", "--all", "--local", "--yes", "--overlap"]);
    command.env("INFRA_LOCAL_TIME_SCALE", "0.1");
    let ran = crate::sandbox::ran(command.output().unwrap()).code(0);
    let at = |words: &str| {
        ran.err
            .find(words)
            .unwrap_or_else(|| panic!("no {words} in {}", ran.err))
    };
    assert!(
        at("Second: create started") < at("First: CREATE_COMPLETE"),
        "{}",
        ran.err
    );
    let again = sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    assert!(again.err.contains("no changes"), "{}", again.err);
}
