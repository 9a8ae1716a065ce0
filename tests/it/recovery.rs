//! What is to be done after a failure: what a run names as the next command, and that this gets on.

use crate::api::Api;
use crate::sandbox::{Ran, Sandbox};

/// A stack of three resources in a row, two of which hold data, here and in an environment.
fn row() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"row\"\nregion = \"us-east-1\"\n\n[stacks.App]\ntemplate = \"app.yaml\"\n\n\
         [environments.prod]\nprefix = \"prod-\"\n",
    );
    sandbox.write(
        "app.yaml",
        "Parameters:\n  Size:\n    Type: Number\n    Default: 4\nResources:\n\
         \x20 First:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !Sub s${Size}\n\
         \x20 Second:\n    Type: AWS::SQS::Queue\n    DependsOn: First\n    Properties:\n      DelaySeconds: !Ref Size\n\
         \x20 Third:\n    Type: AWS::SQS::Queue\n    DependsOn: Second\n    Properties:\n      DelaySeconds: !Ref Size\n",
    );
    sandbox
}

fn run(sandbox: &Sandbox, line: &str, faults: &[&str]) -> Ran {
    let faults = faults.iter().flat_map(|fault| ["--fault", fault]);
    let words: Vec<&str> = line.split(' ').chain(["--local", "--yes"]).collect();
    sandbox.run(&words.into_iter().chain(faults).collect::<Vec<_>>())
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(ran.err.contains(words), "no {words:?} in\n{}", ran.err);
    }
}

#[track_caller]
fn says_not(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(!ran.err.contains(words), "{words:?} in\n{}", ran.err);
    }
}

/// The command that a hint names last, as it is to be given.
fn hinted(ran: &Ran, begins: &str) -> Vec<String> {
    let lines = ran.err.lines();
    let hint = lines
        .rev()
        .find_map(|line| Some(line.rsplit_once(begins)?.1));
    let words = hint.unwrap_or_else(|| panic!("no {begins:?} in\n{}", ran.err));
    let words = format!("{begins}{words}");
    words.split(' ').skip(1).map(str::to_owned).collect()
}

#[test]
fn a_new_stack_that_is_deleted_says_what_stayed_and_how_to_go_on() {
    let sandbox = row();
    run(&sandbox, "deploy --all", &[]).code(0);
    let deploy = "deploy --all --env prod --on-failure delete";
    let ran = run(&sandbox, deploy, &["Third:create:fail:x"]).code(1);
    says(
        &ran,
        &["\n  App ended in DELETE_COMPLETE; deleted: Second, First"],
    );
    let faults = ["Third:create:fail:x", "First:delete:fail:held"];
    let ran = run(&sandbox, deploy, &faults).code(1);
    says(
        &ran,
        &[
            "\n  could not be deleted: First: held\n  App ended in DELETE_FAILED; deleted: Second\n",
            "hint: when the cause is lifted: infra destroy App --env prod --local; to leave it where it is: \
             infra destroy App --exclusively --retain First --env prod --local\n",
        ],
    );
    // What it names is what there is: neither queue is, and nobody is asked to let them go.
    let next = hinted(&ran, "infra destroy App --exclusively");
    run(&sandbox, &next.join(" ").replace(" --local", ""), &[]).code(0);
    let status = sandbox.run(&["status", "--local"]).code(0);
    assert!(status.out.contains("CREATE_COMPLETE"), "{}", status.out);
    let status = sandbox.run(&["status", "--local", "--env", "prod"]).code(0);
    assert!(status.out.contains("absent"), "{}", status.out);
}

#[test]
fn only_data_that_is_there_is_asked_for() {
    let sandbox = row();
    run(&sandbox, "deploy --all", &["Third:create:fail:x"]).code(1);
    // All of it is gone.
    run(&sandbox, "destroy App", &[]).code(0);
    let keep = "deploy --all --on-failure keep";
    run(&sandbox, keep, &["Third:create:fail:x"]).code(1);
    let ran = run(&sandbox, "destroy App", &[]).code(1);
    says(&ran, &["Second (AWS::SQS::Queue) holds data"]);
    says_not(&ran, &["Third (AWS::SQS::Queue) holds data"]);
    let destroy = "destroy App --allow-delete Second";
    let ran = run(&sandbox, destroy, &["First:delete:fail:held"]).code(1);
    says(&ran, &["App ended in DELETE_FAILED; deleted: Second\n"]);
    let ran = run(&sandbox, "deploy App", &[]).code(1);
    says(
        &ran,
        &["`infra events App --local` says what held it; run `infra destroy App --local`"],
    );
    run(&sandbox, "destroy App", &[]).code(0);
}

#[test]
fn a_rollback_that_fails_names_the_command_that_goes_on() {
    let sandbox = row();
    let ran = run(&sandbox, "rollback App", &[]).code(1);
    says(&ran, &["App: it is not deployed; this is for a stack in"]);
    run(&sandbox, "deploy --all", &[]).code(0);
    sandbox.edit("app.yaml", "Default: 4", "Default: 5");
    let keep = "deploy --all --on-failure keep";
    let ran = run(&sandbox, keep, &["Third:update:fail:x"]).code(1);
    says(
        &ran,
        &[
            "infra deploy App --on-failure keep --local goes on from here; infra rollback App --local",
        ],
    );
    let ran = run(&sandbox, "rollback App", &["First:rollback:fail:held"]).code(1);
    says(
        &ran,
        &[
            "when that is put right, infra continue App --local goes on with the rollback; to leave what \
           cannot be brought back as it is: infra continue App --skip First --local\n",
        ],
    );
    says_not(&ran, &["same command"]);
    let ran = run(&sandbox, "continue App --skip Nope --skip First", &[]).code(2);
    assert_eq!(
        ran.err.lines().rev().take(2).collect::<Vec<_>>(),
        [
            "  hint: what can be skipped: First",
            "error: Nope cannot be skipped: the rollback did not fail at it."
        ]
    );
    run(&sandbox, "continue App --skip First", &[]).code(0);
}

#[test]
fn a_create_that_could_not_be_rolled_back_is_deployed_or_destroyed() {
    let sandbox = row();
    let keep = "deploy --all --on-failure keep";
    run(&sandbox, keep, &["Third:create:fail:x"]).code(1);
    let roll_back = "rollback App --allow-delete all";
    let ran = run(&sandbox, roll_back, &["First:delete:fail:held"]).code(1);
    says(
        &ran,
        &[
            "App ended in ROLLBACK_FAILED; rolled back: Second\n",
            "infra deploy App --local deletes what is left and creates the stack again, \
             infra destroy App --local only deletes it",
        ],
    );
    run(&sandbox, "deploy App --allow-delete First", &[]).code(0);
}

/// A stack in a stack in a stack.
fn nested() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"nested\"\nregion = \"us-east-1\"\n\n[stacks.Root]\ntemplate = \"root.yaml\"\n",
    );
    let topics = |names: &[&str]| -> String {
        let topic = |name: &&str| {
            format!(
                "  {name}:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !Sub t${{N}}\n"
            )
        };
        names.iter().map(topic).collect()
    };
    let holder = |name: &str, key: &str| {
        format!(
            "  {name}:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      \
             TemplateURL: https://templates.s3.us-east-1.amazonaws.com/{key}.yaml\n      Parameters:\n        N: !Ref N\n"
        )
    };
    let head = "Parameters:\n  N:\n    Type: Number\n    Default: 4\nResources:\n";
    let api = Api::of(&sandbox);
    let leaf = topics(&["L1", "L2"]).replacen("  L2:\n", "  L2:\n    DependsOn: L1\n", 1);
    api.put("templates", "leaf.yaml", &format!("{head}{leaf}"));
    let middle = holder("Leaf", "leaf");
    api.put("templates", "middle.yaml", &format!("{head}{middle}"));
    let root = topics(&["Before"]) + &holder("Mid", "middle");
    sandbox.write("root.yaml", &format!("{head}{root}"));
    sandbox
}

#[test]
fn what_is_stuck_in_a_nested_stack_is_found_and_skipped() {
    let sandbox = nested();
    run(&sandbox, "deploy --all", &[]).code(0);
    sandbox.edit("root.yaml", "Default: 4", "Default: 5");
    let faults = ["L2:update:fail:leaf cause", "L1:rollback:fail:leaf stuck"];
    let ran = run(&sandbox, "deploy --all", &faults).code(1);
    says(
        &ran,
        &[
            "Mid > Leaf > L2 AWS::SNS::Topic UPDATE_FAILED (root.yaml:10): leaf cause\n",
            "\n  could not be brought back: Mid > Leaf > L1: leaf stuck\n",
        ],
    );
    let next = hinted(&ran, "infra continue Root --skip");
    // It is stuck as before: what is told is this rollback's failure, not that of the update.
    let stuck = ["L1:rollback:fail:leaf stuck"];
    let ran = run(&sandbox, "continue Root", &stuck).code(1);
    says(
        &ran,
        &["Mid > Leaf > L1 AWS::SNS::Topic UPDATE_FAILED (root.yaml:10): leaf stuck\n"],
    );
    says_not(&ran, &["leaf cause"]);
    assert_eq!(hinted(&ran, "infra continue Root --skip"), next);
    let ran = run(&sandbox, "continue Root --skip Mid", &stuck).code(2);
    says(
        &ran,
        &[
            "Mid cannot be skipped",
            &format!("what can be skipped: {}\n", next[3]),
        ],
    );
    let ran = run(&sandbox, &next.join(" ").replace(" --local", ""), &stuck).code(0);
    says(&ran, &["Root: UPDATE_ROLLBACK_COMPLETE"]);
    run(&sandbox, "deploy --all", &[]).code(0);
}

#[test]
fn a_kept_update_is_rolled_back_and_says_what_is_stuck_below() {
    let sandbox = nested();
    run(&sandbox, "deploy --all", &[]).code(0);
    sandbox.edit("root.yaml", "Default: 4", "Default: 5");
    let keep = "deploy --all --on-failure keep";
    let ran = run(&sandbox, keep, &["L2:update:fail:leaf cause"]).code(1);
    says(&ran, &["Mid > Leaf > L2 ", ": leaf cause\n"]);
    let ran = run(&sandbox, "rollback Root", &["L1:rollback:fail:leaf stuck"]).code(1);
    says(&ran, &["Mid > Leaf > L1 ", ": leaf stuck\n"]);
    says_not(&ran, &["leaf cause"]);
}

const PROTECTED: &str = "[stacks.App]\ntermination_protection = true\n";
const FREE: &str = "[stacks.App]\ntermination_protection = false\n";

#[test]
fn a_protected_stack_that_never_worked_is_freed_by_the_manifest() {
    let sandbox = row();
    sandbox.edit("stacks.toml", "[stacks.App]\n", PROTECTED);
    let ran = run(&sandbox, "deploy --all", &["Third:create:fail:x"]).code(1);
    let held = "it is in ROLLBACK_COMPLETE and must be deleted first, but it is termination protected: a deploy \
                with termination_protection = false in the manifest turns that off, deletes it and creates it";
    says(&ran, &[&format!("hint: {held}\n")]);
    let before = sandbox.summary();
    let ran = run(&sandbox, "deploy --all", &[]).code(1);
    assert_eq!(ran.err, format!("error: App: {held}.\n"));
    assert_eq!(sandbox.summary(), before);
    sandbox.edit("stacks.toml", PROTECTED, FREE);
    let ran = run(&sandbox, "deploy --all", &[]).code(0);
    says(
        &ran,
        &[
            "App: delete and create: it is in ROLLBACK_COMPLETE, nothing in it ever worked\n  \
             ~ termination protection: true -> false\n",
            "App: CREATE_COMPLETE\n",
        ],
    );
    sandbox.edit("stacks.toml", FREE, PROTECTED);
    run(&sandbox, "deploy --all", &[]).code(0);
    let ran = run(&sandbox, "destroy --all --allow-delete all", &[]).code(1);
    says(
        &ran,
        &["App: it is termination protected: set termination_protection = false"],
    );
}

#[test]
fn a_protected_stack_that_was_kept_is_not_rolled_back_to_be_deleted() {
    let sandbox = row();
    sandbox.edit("stacks.toml", "[stacks.App]\n", PROTECTED);
    let keep = "deploy --all --on-failure keep";
    run(&sandbox, keep, &["Third:create:fail:x"]).code(1);
    let before = sandbox.summary();
    let ran = run(&sandbox, "deploy --all", &[]).code(1);
    says(
        &ran,
        &[
            "error: App: it is in CREATE_FAILED and must be rolled back and deleted first, but it is termination protected",
            "; infra deploy App --on-failure keep --local goes on from here.\n",
        ],
    );
    assert_eq!(sandbox.summary(), before);
    let other = sandbox.copy();
    run(&other, keep, &[]).code(0);
    sandbox.edit("stacks.toml", PROTECTED, FREE);
    let ran = run(&sandbox, "deploy --all --allow-delete all", &[]).code(0);
    says(
        &ran,
        &[
            "~ termination protection: true -> false\n",
            "App: CREATE_COMPLETE\n",
        ],
    );
}

#[test]
fn what_an_update_could_not_delete_is_said_even_when_quiet() {
    let sandbox = row();
    run(&sandbox, "deploy --all", &[]).code(0);
    let text = sandbox.read("app.yaml");
    let (rest, third) = text.split_once("  Third:").unwrap();
    sandbox.write("app.yaml", &format!("{rest}  Fourth:{third}"));
    let other = sandbox.copy();
    let deploy = "deploy --all --allow-delete all";
    let ran = run(&sandbox, deploy, &["Third:delete:fail:held"]).code(0);
    let (_, told) = ran.err.split_once("App: could not be deleted").unwrap();
    let (told, _) = told.split_once("\nApp: UPDATE_COMPLETE\n").unwrap();
    let (line, hint) = told.split_once('\n').unwrap();
    assert_eq!(line, ", and no stack has it any more:");
    assert!(
        hint.starts_with("  Third AWS::SQS::Queue https://sqs."),
        "{hint}"
    );
    assert!(hint.contains(": held\n  hint: it is there still"), "{hint}");
    let ran = run(
        &other,
        &format!("{deploy} --quiet"),
        &["Third:delete:fail:held"],
    )
    .code(0);
    says(
        &ran,
        &["App: could not be deleted, and no stack has it any more:\n  Third "],
    );
    assert_eq!(ran.err.lines().count(), 3, "{}", ran.err);
    let record = other.run(&["events", "--run"]).code(0);
    assert!(
        record.out.contains("no stack has it any more"),
        "{}",
        record.out
    );
}

#[test]
fn what_an_update_made_that_was_kept_as_it_failed_is_not_undone_unasked() {
    let sandbox = row();
    run(&sandbox, "deploy --all", &[]).code(0);
    // The new one is there before the last one fails.
    let old = sandbox.read("app.yaml");
    let old = old.replace("DependsOn: Second", "DependsOn: Fourth");
    let queue = "  Fourth:\n    Type: AWS::SQS::Queue\n    DependsOn: Second\n";
    sandbox.write("app.yaml", &format!("{old}{queue}"));
    sandbox.edit("app.yaml", "Default: 4", "Default: 5");
    let keep = "deploy --all --on-failure keep";
    run(&sandbox, keep, &["Third:update:fail:x"]).code(1);
    // In a second attempt it is there already.
    run(&sandbox, keep, &["Third:update:fail:x"]).code(1);
    let lost = "error: App: Fourth (AWS::SQS::Queue) holds data and would be deleted.\n  hint: if that is wanted: \
                --allow-delete Fourth\n";
    for command in ["rollback App", "deploy App"] {
        let ran = run(&sandbox, command, &[]).code(1);
        assert!(ran.err.ends_with(lost), "{}", ran.err);
        says_not(&ran, &["Second (", "Third ("]);
    }
    // What is kept from then on stays, but what the policy keeps only once it was made well.
    for (policy, code) in [("RetainExceptOnCreate", 1), ("Retain", 0)] {
        let kept = format!("{queue}    DeletionPolicy: {policy}\n");
        sandbox.write("app.yaml", &format!("{old}{kept}"));
        run(&sandbox, keep, &["Third:update:fail:x"]).code(1);
        let ran = run(&sandbox, "rollback App", &[]).code(code);
        assert_eq!(ran.err.ends_with(lost), code == 1, "{}", ran.err);
    }
}
