//! Templates under AWS's rules and under Guard.

use crate::sandbox::{Ran, Sandbox, ran, root};
use serde_json::Value;

/// A project of one stack with this template.
fn one(template: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"one\"\nregion = \"eu-west-1\"\n[stacks.One]\ntemplate = \"one.yaml\"\n",
    );
    sandbox.write("one.yaml", template);
    sandbox
}

const WRONG: &str = "Parameters:\n  Unused:\n    Type: String\n    Default: x\nResources:\n#% for n in [1, 2]\n  Queue<% n %>:\n    \
                     Type: AWS::SQS::Queue\n    Properties:\n      DelaySeconds: 901\n#% endfor\n";

#[test]
fn findings_have_the_places_of_our_own_files() {
    let sandbox = one(WRONG);
    let ran = sandbox.run(&["lint"]).code(1);
    assert_eq!(
        ran.out.lines().collect::<Vec<_>>(),
        [
            "one.yaml:2:3: warning W2001: Parameter 'Unused' is not referenced anywhere in the template",
            "one.yaml:10:7: error F3034: Queue1: 901 is greater than the maximum of 900",
            "one.yaml:10:7: error F3034: Queue2: 901 is greater than the maximum of 900",
        ]
    );
    assert_eq!(
        ran.err,
        "1 stack linted: 2 errors, 1 warning, 0 suppressed\nerror: the templates do not hold the rules.\n"
    );
}

#[test]
fn a_suppression_needs_a_reason_and_a_use() {
    let with = |metadata: &str| {
        one(&format!(
            "Metadata:\n  infra:\n    suppress:\n{metadata}Parameters:\n  Unused:\n    Type: String\n    Default: x\n\
             Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
        ))
    };
    let good = with("      - rule: W2001\n        reason: for later\n");
    let ran = good.run(&["lint", "--strict"]).code(0);
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("", "1 stack linted: 0 errors, 0 warnings, 1 suppressed\n")
    );
    let sarif: Value = serde_json::from_str(&good.run(&["lint", "--sarif"]).code(0).out).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["suppressions"][0]["justification"], "for later");
    assert_eq!(
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "one.yaml"
    );
    let bare = with("      - rule: W2001\n").run(&["lint"]).code(1);
    assert!(
        bare.out
            .contains("one.yaml:1:1: error INFRA-SUPPRESS: a suppression has a rule and a reason"),
        "{}",
        bare.out
    );
    let unused = with(
        "      - rule: F3034\n        reason: none\n      - rule: W2001\n        reason: for later\n",
    );
    let unused = unused.run(&["lint", "--strict"]).code(1);
    assert_eq!(
        unused.out,
        "one.yaml:1:1: warning INFRA-SUPPRESS: F3034 is suppressed, and finds nothing\n"
    );
}

#[test]
fn a_deploy_lints_what_it_sends_and_stops_on_errors() {
    let sandbox = one(WRONG);
    let deploy = |sandbox: &Sandbox, more: &[&str]| -> Ran {
        let mut command = sandbox.command(&["deploy", "--all", "--local", "--yes"]);
        ran(command
            .args(more)
            .env_remove("INFRA_NO_LINT")
            .output()
            .unwrap())
    };
    let stopped = deploy(&sandbox, &[]).code(2);
    assert!(
        stopped.err.contains(
            "error: one.yaml:10:7: error F3034: Queue1: 901 is greater than the maximum of 900\n"
        ),
        "{}",
        stopped.err
    );
    assert_eq!(sandbox.stored(), "");
    sandbox.edit("one.yaml", "901", "900");
    deploy(&sandbox, &[]).code(0);
    // What is as it was is not linted again.
    let idle = deploy(&sandbox, &[]).code(0);
    assert!(idle.err.ends_with("no changes\n"), "{}", idle.err);
}

/// Each rule of the shipped Guard file catches what it is for.
#[test]
fn the_shipped_rules_hold_and_catch() {
    let rules = root().join("policies/platform.guard");
    let rules = rules.to_str().unwrap();
    let shipped = Sandbox::shipped();
    let ran = shipped.run(&["lint", "--strict", "--guard", rules]).code(0);
    assert_eq!(ran.out, "");
    for (file, before, after, rule) in [
        (
            "base-infra.yaml",
            "BlockPublicAcls: true",
            "BlockPublicAcls: false",
            "buckets_are_private",
        ),
        (
            "redshift-serverless.yaml",
            "UpdateReplacePolicy: Retain\n    Properties:\n      NamespaceName",
            "Properties:\n      NamespaceName",
            "namespaces_are_kept",
        ),
        (
            "redshift-serverless.yaml",
            "PubliclyAccessible: false",
            "PubliclyAccessible: true",
            "workgroups_are_private",
        ),
        (
            "api-and-cognito.yaml",
            "AuthorizationType: COGNITO_USER_POOLS",
            "AuthorizationType: NONE",
            "methods_are_authorized",
        ),
        (
            "lambda.yaml",
            "Mode: Active",
            "Mode: PassThrough",
            "functions_are_traced_and_end",
        ),
        (
            "lambda.yaml",
            "RetentionInDays:",
            "# RetentionInDays:",
            "logs_end",
        ),
        (
            "api-and-cognito.yaml",
            "AmazonAPIGatewayPushToCloudWatchLogs",
            "AdministratorAccess",
            "roles_are_not_administrators",
        ),
    ] {
        let file = format!("templates/{file}");
        let whole = shipped.read(&file);
        shipped.edit(&file, before, after);
        let ran = shipped.run(&["lint", "--guard", rules]);
        assert!(
            ran.code == 1 && ran.out.contains(&format!("error {rule}: ")),
            "{rule}:\n{}{}",
            ran.out,
            ran.err
        );
        shipped.write(&file, &whole);
    }
    let wrong = Sandbox::shipped();
    wrong.write("bad.guard", "rule x {");
    let ran = wrong.run(&["lint", "--guard", "bad.guard"]).code(2);
    assert!(
        ran.err.contains("error: the rules cannot be read: ") && ran.err.contains("bad.guard"),
        "{}",
        ran.err
    );
}
