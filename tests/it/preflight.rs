//! What would fail is found before anything starts: each check passing, and failing by name.

use crate::sandbox::{DESTROY, Ran, Sandbox, ran};
use serde_json::Value;

/// A project with one stack of this template.
fn alone(region: &str, template: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        &format!(
            "project = \"alone\"\nregion = \"{region}\"\n\n[stacks.Alone]\ntemplate = \"t.yaml\"\n\
             capabilities = [\"CAPABILITY_NAMED_IAM\"]\n"
        ),
    );
    sandbox.write("t.yaml", template);
    sandbox
}

/// A stack that is there before, of another template.
fn beside(sandbox: &Sandbox, template: &str) {
    let manifest = sandbox.read("stacks.toml");
    sandbox.write("before.yaml", template);
    sandbox.write(
        "stacks.toml",
        &format!("{manifest}\n[stacks.Before]\ntemplate = \"before.yaml\"\ncapabilities = [\"CAPABILITY_NAMED_IAM\"]\n"),
    );
    sandbox
        .run(&["deploy", "Before", "--local", "--yes"])
        .code(0);
}

fn resource(kind: &str, properties: &str) -> String {
    format!("Resources:\n  It:\n    Type: {kind}\n    Properties: {properties}\n")
}

/// What `infra preflight` says of one check.
fn says(sandbox: &Sandbox, check: &str) -> Vec<(String, String)> {
    let ran = sandbox.run(&["preflight", "Alone", "--local", "--json"]);
    let document: Value = serde_json::from_str(&ran.out).expect(&ran.err);
    let found = document["findings"].as_array().unwrap();
    let failed = found.iter().any(|one| one["level"] == "failed");
    assert_eq!(ran.code, i32::from(failed), "{}", ran.err);
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    found
        .iter()
        .filter(|one| one["check"] == check)
        .map(|one| (text(one, "level"), text(one, "says")))
        .collect()
}

fn one(level: &str, says: &str) -> Vec<(String, String)> {
    vec![(level.to_owned(), says.to_owned())]
}

#[test]
fn the_shipped_stacks_pass_on_an_empty_account() {
    let sandbox = Sandbox::shipped();
    let ran = sandbox.run(&["preflight", "--local"]).code(0);
    let expected = "\
ok       caller        account 123456789012, us-east-1, arn:aws:iam::123456789012:user/embedded
ok       permissions   18 actions of the deploy are allowed
ok       zones         us-east-1 has us-east-1a, us-east-1b, us-east-1c
ok       addresses     10.80.0.0/20 is free  BaseInfraStack.Vpc templates/base-infra.yaml:34
ok       quotas        VPCs: 0 of 5 are used, this adds 1
ok       quotas        internet gateways: 0 of 5 are used, this adds 1
ok       quotas        regional REST APIs: 0 of 600 are used, this adds 1
ok       quotas        user pools: 0 of 1000 are used, this adds 1
ok       quotas        Redshift Serverless namespaces: 0 of 25 are used, this adds 1
ok       quotas        Redshift Serverless workgroups: 0 of 25 are used, this adds 1
ok       quotas        regional web ACLs: 0 of 100 are used, this adds 1
ok       quotas        roles: 0 of 1000 are used, this adds 4
ok       names         free: /aws/redshift/loan-remediation-ns/connectionlog, /aws/redshift/loan-remediation-ns/useractivitylog, /aws/redshift/loan-remediation-ns/userlog, loan-remediation-ns, loan-remediation-wg
ok       capacity      8 RPU  RedshiftServerlessStack.Workgroup templates/redshift-serverless.yaml:264
ok       runtime       python3.14  LambdaStack.Function templates/lambda.yaml:95
ok       api log role  the account has none, and the stack gives it one
";
    assert_eq!(ran.out, expected);
    assert_eq!(ran.err, "");
}

#[test]
fn a_deploy_is_stopped_by_what_would_fail() {
    let template = resource("AWS::Logs::LogGroup", "{LogGroupName: /taken}");
    let sandbox = alone("eu-west-1", &template);
    beside(&sandbox, &template);
    let deploy = |more: &[&str]| -> Ran {
        let mut command =
            sandbox.command(&[&["deploy", "Alone", "--local", "--yes"], more].concat());
        ran(command.env_remove("INFRA_NO_PREFLIGHT").output().unwrap())
    };
    let stopped = deploy(&[]).code(1);
    assert!(
        stopped.err.ends_with(
            "\
failed   names  /taken (AWS::Logs::LogGroup) is there already  Alone.It t.yaml:2
                hint: give it another name, delete it, or import it into the stack
error: one thing would fail.
  hint: --no-preflight deploys all the same
"
        ),
        "{}",
        stopped.err
    );
    assert_eq!(
        sandbox
            .run(&["status", "Alone", "--local"])
            .out
            .matches("absent")
            .count(),
        1
    );
    // Then CloudFormation says it, after a while.
    let late = deploy(&["--no-preflight"]).code(1);
    assert!(late.err.contains("already exists"), "{}", late.err);
}

#[test]
fn quotas_are_counted_with_what_the_plan_adds() {
    let vpcs = |count: usize| {
        let each = (0..count).map(|n| {
            format!(
                "  V{n}:\n    Type: AWS::EC2::VPC\n    Properties: {{CidrBlock: 10.{n}.0.0/16}}\n"
            )
        });
        format!("Resources:\n{}", each.collect::<String>())
    };
    let sandbox = alone(
        "eu-west-1",
        &resource("AWS::EC2::VPC", "{CidrBlock: 172.20.0.0/16}"),
    );
    beside(&sandbox, &vpcs(4));
    assert_eq!(
        says(&sandbox, "quotas"),
        one("ok", "VPCs: 4 of 5 are used, this adds 1")
    );
    sandbox.edit(
        "before.yaml",
        "Resources:\n",
        "Resources:\n  V9:\n    Type: AWS::EC2::VPC\n    Properties: {CidrBlock: 10.9.0.0/16}\n",
    );
    sandbox
        .run(&["deploy", "Before", "--local", "--yes"])
        .code(0);
    assert_eq!(
        says(&sandbox, "quotas"),
        one("failed", "VPCs: 5 of 5 are used, this adds 1")
    );
    // A stack that is there adds nothing.
    assert!(
        sandbox
            .run(&["preflight", "Before", "--local"])
            .code(0)
            .out
            .starts_with("ok       caller")
    );
}

#[test]
fn addresses_that_overlap_are_told() {
    let sandbox = alone(
        "eu-west-1",
        &resource("AWS::EC2::VPC", "{CidrBlock: 10.80.4.0/22}"),
    );
    beside(
        &sandbox,
        &resource("AWS::EC2::VPC", "{CidrBlock: 10.80.0.0/20}"),
    );
    let found = says(&sandbox, "addresses");
    assert_eq!(found[0].0, "warning");
    assert!(
        found[0]
            .1
            .starts_with("10.80.4.0/22 overlaps 10.80.0.0/20 of vpc-"),
        "{found:?}"
    );
}

#[test]
fn zones_that_a_region_lacks_are_missed() {
    let template = "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n    Properties: {CidrBlock: 10.0.0.0/16}\n  \
                    It:\n    Type: AWS::EC2::Subnet\n    Properties:\n      VpcId: !Ref Vpc\n      \
                    CidrBlock: 10.0.0.0/24\n      AvailabilityZone: !Select [5, !GetAZs '']\n";
    let sandbox = alone("eu-west-1", template);
    assert_eq!(
        says(&sandbox, "zones"),
        one(
            "failed",
            "the template needs 6 zones; eu-west-1 has eu-west-1a, eu-west-1b, eu-west-1c"
        )
    );
    sandbox.edit("t.yaml", "Select [5", "Select [2");
    assert_eq!(
        says(&sandbox, "zones"),
        one("ok", "eu-west-1 has eu-west-1a, eu-west-1b, eu-west-1c")
    );
}

#[test]
fn names_that_are_taken_are_found_for_every_type() {
    for (kind, properties, name) in [
        (
            "AWS::S3::Bucket",
            "{BucketName: taken-bucket}",
            "taken-bucket",
        ),
        (
            "AWS::DynamoDB::Table",
            "{TableName: taken, BillingMode: PAY_PER_REQUEST, \
            AttributeDefinitions: [{AttributeName: a, AttributeType: S}], \
            KeySchema: [{AttributeName: a, KeyType: HASH}]}",
            "taken",
        ),
        (
            "AWS::IAM::Role",
            "{RoleName: taken, AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: \
            [{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: 'sts:AssumeRole'}]}}",
            "taken",
        ),
    ] {
        let template = resource(kind, properties);
        let sandbox = alone("eu-west-1", &template);
        assert_eq!(says(&sandbox, "names"), one("ok", &format!("free: {name}")));
        beside(&sandbox, &template);
        let wanted = format!("{name} ({kind}) is there already");
        assert_eq!(says(&sandbox, "names"), one("failed", &wanted));
    }
}

#[test]
fn a_sign_in_prefix_is_everybodys() {
    let template = |pool: &str| {
        format!(
            "Resources:\n  Pool:\n    Type: AWS::Cognito::UserPool\n    Properties: {{UserPoolName: {pool}}}\n  \
             It:\n    Type: AWS::Cognito::UserPoolDomain\n    Properties: {{UserPoolId: !Ref Pool, Domain: shop}}\n"
        )
    };
    let sandbox = alone("eu-west-1", &template("one"));
    assert_eq!(
        says(&sandbox, "sign-in domain"),
        one("ok", "shop is free, or of another account")
    );
    beside(&sandbox, &template("two"));
    let found = says(&sandbox, "sign-in domain");
    assert!(
        found[0]
            .1
            .starts_with("shop is taken, by the user pool eu-west-1_"),
        "{found:?}"
    );
}

#[test]
fn capacities_runtimes_and_concurrency_are_judged() {
    let workgroup = |base: &str| {
        resource(
            "AWS::RedshiftServerless::Workgroup",
            &format!("{{WorkgroupName: w, NamespaceName: n, BaseCapacity: {base}}}"),
        )
    };
    for (base, level, text) in [
        ("8", "ok", "8 RPU"),
        ("12", "failed", "12 RPU is no base capacity"),
    ] {
        let sandbox = alone("eu-west-1", &workgroup(base));
        assert_eq!(says(&sandbox, "capacity"), one(level, text));
    }
    let function = |properties: &str| {
        resource(
            "AWS::Lambda::Function",
            &format!(
                "{{Handler: index.handler, Role: 'arn:aws:iam::123456789012:role/r', Code: {{ZipFile: x}}, {properties}}}"
            ),
        )
    };
    for (properties, check, level, text) in [
        ("Runtime: python3.14", "runtime", "ok", "python3.14"),
        (
            "Runtime: nodejs12.x",
            "runtime",
            "failed",
            "nodejs12.x has ended: Lambda takes no function of it",
        ),
        (
            "Runtime: python3.14, ReservedConcurrentExecutions: 10",
            "concurrency",
            "ok",
            "10 are reserved, 1000 are left to reserve from and 100 must stay",
        ),
        (
            "Runtime: python3.14, ReservedConcurrentExecutions: 950",
            "concurrency",
            "failed",
            "950 are reserved, 1000 are left to reserve from and 100 must stay",
        ),
    ] {
        let sandbox = alone("eu-west-1", &function(properties));
        assert_eq!(says(&sandbox, check), one(level, text));
    }
}

#[test]
fn an_account_has_one_role_for_the_logs_of_its_apis() {
    let sandbox = Sandbox::shipped();
    sandbox.edit(
        "stacks.toml",
        "account_log_role = true",
        "account_log_role = false",
    );
    let found = |code: i32| {
        let ran = sandbox.run(&["preflight", "--local"]).code(code);
        let line = ran.out.lines().find(|line| line.contains("api log role"));
        line.unwrap().to_owned()
    };
    assert!(found(1).contains("the stage writes logs, and the account has no role for that"));
    sandbox.edit(
        "stacks.toml",
        "account_log_role = false",
        "account_log_role = true",
    );
    assert!(found(0).contains("the account has none, and the stack gives it one"));
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    // The role is kept, and so is the account's setting.
    sandbox.run(&DESTROY).code(0);
    assert!(found(0).contains("and every API of this region will use another one"));
}

#[test]
fn what_cannot_be_read_is_told_as_unknown() {
    let sandbox = alone(
        "eu-west-1",
        &resource("AWS::EC2::VPC", "{CidrBlock: 10.0.0.0/16}"),
    );
    let fault = "call:DescribeVpcs:error:status=403,code=UnauthorizedOperation,message=You are not authorized";
    let ran = sandbox
        .run(&["preflight", "--local", "--fault", fault])
        .code(0);
    assert!(
        ran.out.contains(
            "unknown  addresses    DescribeVpcs: You are not authorized (UnauthorizedOperation)\n"
        ),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("unknown  quotas       DescribeVpcs"),
        "{}",
        ran.out
    );
}

/// A profile that assumes a role of the embedded services, as one does in an account.
#[test]
fn a_role_that_may_not_deploy_is_told_what_it_lacks() {
    let template = "Resources:\n  It:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: limited\n      \
                    AssumeRolePolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          \
                    - {Effect: Allow, Principal: {AWS: '123456789012'}, Action: 'sts:AssumeRole'}\n      Policies:\n        \
                    - PolicyName: look\n          PolicyDocument:\n            Version: '2012-10-17'\n            Statement:\n              \
                    - {Effect: Allow, Action: ['cloudformation:Describe*', 'cloudformation:List*', 'cloudformation:GetTemplate'], Resource: '*'}\n              \
                    - {Effect: Allow, Action: 'cloudformation:*ChangeSet', Resource: 'arn:aws:cloudformation:eu-west-1:123456789012:stack/Alone/*'}\n";
    let sandbox = alone(
        "eu-west-1",
        &resource("AWS::Logs::LogGroup", "{LogGroupName: /new}"),
    );
    beside(&sandbox, template);
    sandbox.write(
        "config",
        "[profile limited]\nrole_arn = arn:aws:iam::123456789012:role/limited\nsource_profile = own\n\
         [profile own]\naws_access_key_id = x\naws_secret_access_key = x\n",
    );
    let (_server, endpoint) = sandbox.serve();
    let asked = |wanted: i32| {
        let mut command = sandbox.command(&["preflight", "Alone", "--profile", "limited"]);
        command.env("AWS_ENDPOINT_URL", &endpoint);
        command.env("AWS_CONFIG_FILE", sandbox.path().join("config"));
        ran(command.output().unwrap()).code(wanted).out
    };
    let said = asked(0);
    assert!(
        said.contains("arn:aws:sts::123456789012:assumed-role/limited/"),
        "{said}"
    );
    assert!(
        said.contains(
            "warning  permissions  not allowed: cloudformation:CreateStack; \
             for a stack that a failure left behind: cloudformation:ContinueUpdateRollback, \
             cloudformation:DeleteStack, cloudformation:RollbackStack; \
             if it is interrupted twice: cloudformation:CancelUpdateStack; \
             to read an encoded refusal: sts:DecodeAuthorizationMessage\n"
        ),
        "{said}"
    );
    // Who has the policy that is printed lacks nothing.
    let printed = sandbox.run(&[
        "permissions",
        "preflight",
        "deploy",
        "--account",
        "123456789012",
    ]);
    let policy = format!(
        "Policies:\n        - PolicyName: whole\n          PolicyDocument: {}\n",
        {
            let policy: Value = serde_json::from_str(&printed.code(0).out).unwrap();
            policy.to_string()
        }
    );
    let (head, _) = template.split_once("Policies:").unwrap();
    sandbox.write("before.yaml", &format!("{head}{policy}"));
    let mut deploy = sandbox.command(&["deploy", "Before", "--yes"]);
    deploy.env("AWS_ENDPOINT_URL", &endpoint);
    deploy
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "x");
    ran(deploy.output().unwrap()).code(0);
    let said = asked(0);
    assert!(said.contains("ok       permissions"), "{said}");
}

#[test]
fn a_large_template_needs_a_bucket() {
    let long = format!("{{TopicName: t, DisplayName: {}}}", "x".repeat(60_000));
    let sandbox = alone("eu-west-1", &resource("AWS::SNS::Topic", &long));
    let own = "infra-templates-123456789012-eu-west-1";
    assert_eq!(
        says(&sandbox, "template bucket"),
        one(
            "warning",
            &format!("{own} is not there yet, and the deploy creates it")
        )
    );
    sandbox.edit(
        "stacks.toml",
        "[stacks",
        "template_bucket = \"ours\"\n\n[stacks",
    );
    assert_eq!(
        says(&sandbox, "template bucket"),
        one(
            "failed",
            "there is no bucket ours, which the manifest names"
        )
    );
}
