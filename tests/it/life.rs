//! What goes wrong in life: other services refuse, and the user sees why and where.

use crate::sandbox::{DESTROY, Ran, Sandbox};
use std::fmt::Write;

/// A project of one stack, which is called One and is written in one.yaml.
fn one(template: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"life\"\nregion = \"eu-west-1\"\n\n[stacks.One]\ntemplate = \"one.yaml\"\n\
         capabilities = [\"CAPABILITY_NAMED_IAM\"]\n",
    );
    sandbox.write("one.yaml", template);
    sandbox
}

fn deploy(sandbox: &Sandbox, more: &[&str]) -> Ran {
    sandbox.run(&[&["deploy", "--all", "--local", "--yes"], more].concat())
}

/// The run failed in these words.
fn told(ran: Ran, words: &str) {
    let ran = ran.code(1);
    assert!(
        ran.err.contains(words),
        "{words} is missing in\n{}",
        ran.err
    );
}

#[test]
fn a_quota_is_reached() {
    let mut template = "Resources:\n".to_owned();
    for at in 1..=6 {
        let _ = writeln!(template, "  Vpc{at}:\n    Type: AWS::EC2::VPC");
        if at == 6 {
            template.push_str("    DependsOn: [Vpc1, Vpc2, Vpc3, Vpc4, Vpc5]\n");
        }
        let _ = writeln!(template, "    Properties:\n      CidrBlock: 10.{at}.0.0/16");
    }
    let sandbox = one(&template);
    told(
        deploy(&sandbox, &[]),
        "One: failed: Vpc6 AWS::EC2::VPC CREATE_FAILED (one.yaml:22): The maximum number of VPCs has been reached.",
    );
    sandbox.edit(
        "one.yaml",
        "    DependsOn: [Vpc1, Vpc2, Vpc3, Vpc4, Vpc5]\n",
        "    Condition: No\n",
    );
    sandbox.edit(
        "one.yaml",
        "Resources:",
        "Conditions:\n  No: !Equals [a, b]\nResources:",
    );
    deploy(&sandbox, &[]).code(0);
}

#[test]
fn a_deployment_does_not_wait_for_its_methods() {
    let sandbox = one(
        "Resources:\n  Api:\n    Type: AWS::ApiGateway::RestApi\n    Properties:\n      Name: loans\n  \
         Get:\n    Type: AWS::ApiGateway::Method\n    Properties:\n      RestApiId: !Ref Api\n      \
         ResourceId: !GetAtt Api.RootResourceId\n      HttpMethod: GET\n      AuthorizationType: NONE\n      \
         Integration:\n        Type: MOCK\n  \
         Deployment:\n    Type: AWS::ApiGateway::Deployment\n    Properties:\n      RestApiId: !Ref Api\n",
    );
    let ran = deploy(&sandbox, &[]);
    assert!(ran.err.contains("DependsOn every method"), "{}", ran.err);
    told(
        ran,
        "Deployment AWS::ApiGateway::Deployment CREATE_FAILED (one.yaml:15): The REST API doesn't contain any methods",
    );
    sandbox.edit(
        "one.yaml",
        "Deployment\n    Properties",
        "Deployment\n    DependsOn: Get\n    Properties",
    );
    deploy(&sandbox, &[]).code(0);
}

#[test]
fn a_role_is_not_for_lambda() {
    let sandbox = one(
        "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      \
         AssumeRolePolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - Effect: Allow\n            \
         Principal: { Service: ec2.amazonaws.com }\n            Action: sts:AssumeRole\n  \
         Function:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: python3.14\n      Handler: index.handler\n      \
         Role: !GetAtt Role.Arn\n      Code:\n        ZipFile: 'def handler(event, context): pass'\n",
    );
    told(
        deploy(&sandbox, &[]),
        "(one.yaml:11): The role defined for the function cannot be assumed by Lambda.",
    );
    sandbox.edit("one.yaml", "ec2.amazonaws.com", "lambda.amazonaws.com");
    deploy(&sandbox, &[]).code(0);
    // What is refused on update is rolled back.
    sandbox.edit(
        "one.yaml",
        "      Handler:",
        "      Timeout: 901\n      Handler:",
    );
    let ran = deploy(&sandbox, &[]);
    assert!(ran.err.contains("UPDATE_ROLLBACK_COMPLETE"), "{}", ran.err);
    told(ran, "Value '901' at 'timeout' failed to satisfy constraint");
}

#[test]
fn what_is_replaced_goes_after_what_used_it() {
    let sandbox = one(
        "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n    Properties:\n      CidrBlock: 10.0.0.0/16\n  \
         Subnet:\n    Type: AWS::EC2::Subnet\n    Properties:\n      VpcId: !Ref Vpc\n      CidrBlock: 10.0.0.0/24\n  \
         Group:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      VpcId: !Ref Vpc\n      GroupDescription: g\n",
    );
    deploy(&sandbox, &[]).code(0);
    sandbox.edit(
        "one.yaml",
        "CidrBlock: 10.0.0.0/16",
        "CidrBlock: 10.0.0.0/17",
    );
    let ran = deploy(&sandbox, &["--allow-replace", "all"]).code(0);
    assert!(!ran.err.contains("DELETE_FAILED"), "{}", ran.err);
    // One network is left.
    let counted = sandbox.run(&["events", "One", "--local", "--json"]).code(0);
    let deleted = |line: &&str| line.contains("DELETE_COMPLETE") && line.contains("\"Vpc\"");
    assert_eq!(
        counted.out.lines().filter(deleted).count(),
        1,
        "{}",
        counted.out
    );
    sandbox.run(&DESTROY).code(0);
}

#[test]
fn what_another_stack_uses_is_not_deleted() {
    let sandbox = Sandbox::shipped();
    deploy(&sandbox, &[]).code(0);
    let destroy = |more: &[&str]| {
        let all = ["destroy", "--local", "--yes", "--allow-delete", "all"];
        sandbox.run(&[&all, more].concat())
    };
    let ran = destroy(&["BaseInfraStack", "--exclusively"]).code(1);
    for words in [
        "has dependencies and cannot be deleted.",
        "has a dependent object",
    ] {
        assert!(
            ran.err.contains(words),
            "{words} is missing in\n{}",
            ran.err
        );
    }
    destroy(&["--all"]).code(0);
}

#[test]
fn environments_live_beside_each_other_as_far_as_names_and_quotas_go() {
    let sandbox = Sandbox::shipped();
    deploy(&sandbox, &[]).code(0);
    let mut manifest = sandbox.read("stacks.toml");
    for name in ["test", "stage", "demo", "last"] {
        let _ = write!(
            manifest,
            "\n[environments.{name}]\nprefix = \"{name}-\"\n\
             [environments.{name}.stacks.RedshiftServerlessStack.parameters]\n\
             NamespaceName = \"{name}-ns\"\nWorkgroupName = \"{name}-wg\"\n\
             [environments.{name}.stacks.LambdaStack.parameters]\nWorkgroupName = \"{name}-wg\"\n\
             [environments.{name}.stacks.ApiAndCognitoStack.settings]\naccount_log_role = false\n"
        );
    }
    manifest.push_str(
        "\n[environments.same]\nprefix = \"same-\"\n[environments.sixth]\nprefix = \"sixth-\"\n",
    );
    sandbox.write("stacks.toml", &manifest);
    // The names that a namespace and a workgroup have are taken.
    let ran = deploy(&sandbox, &["--env", "same"]).code(1);
    assert!(
        ran.err
            .contains("identifier 'loan-remediation-ns' already exists."),
        "{}",
        ran.err
    );
    let gone = [
        "destroy",
        "--all",
        "--local",
        "--yes",
        "--allow-delete",
        "all",
        "--env",
        "same",
    ];
    sandbox.run(&gone).code(0);
    for name in ["test", "stage", "demo", "last"] {
        deploy(&sandbox, &["--env", name]).code(0);
    }
    told(deploy(&sandbox, &["--env", "sixth"]), "has been reached.");
}

#[test]
fn what_is_refused_again_fails_again() {
    let sandbox = one(
        "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      \
         AssumeRolePolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - Effect: Allow\n            \
         Principal: { Service: lambda.amazonaws.com }\n            Action: sts:AssumeRole\n  \
         Function:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: python3.14\n      Handler: index.handler\n      \
         Role: !GetAtt Role.Arn\n      ReservedConcurrentExecutions: 5\n      Code:\n        ZipFile: 'def handler(event, context): pass'\n",
    );
    deploy(&sandbox, &[]).code(0);
    sandbox.edit("one.yaml", "Executions: 5", "Executions: 950");
    for _ in 0..2 {
        told(
            deploy(&sandbox, &["--on-failure", "keep"]),
            "decreases account's UnreservedConcurrentExecution below its minimum value",
        );
    }
    sandbox.edit("one.yaml", "Executions: 950", "Executions: 900");
    let ran = deploy(&sandbox, &["--on-failure", "keep"]).code(0);
    assert!(ran.err.contains("UPDATE_COMPLETE"), "{}", ran.err);
}
