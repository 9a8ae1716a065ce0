//! Tools that we did not write. They are installed by .ci/run, which names them in the environment.

use crate::sandbox::{Ran, Sandbox, ran, root};
use std::process::{Child, Command, Stdio};

/// A moto server that ends with the test.
pub struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn tool(name: &str) -> String {
    let directory = std::env::var("FOREIGN_TOOLS").expect("FOREIGN_TOOLS names the directory");
    format!("{directory}/{name}")
}

/// A port that was free a moment ago.
fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Starts moto, and answers where it is.
pub fn moto() -> (Moto, String) {
    served(Command::new(tool("moto_server")))
}

fn served(mut command: Command) -> (Moto, String) {
    let port = port();
    let child = command
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let moto = Moto(child);
    for _ in 0..600 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    (moto, format!("http://127.0.0.1:{port}"))
}

/// The binary, pointed at an endpoint.
pub fn pointed(sandbox: &Sandbox, endpoint: &str, arguments: &[&str]) -> Ran {
    let mut command = sandbox.command(arguments);
    command.env("AWS_ENDPOINT_URL", endpoint);
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Where moto fails at every call, infra would wait for it to come back.
    let begun = std::time::Instant::now();
    let out = reader(child.stdout.take().unwrap());
    let err = reader(child.stderr.take().unwrap());
    let code = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.code().unwrap_or(-1),
            None if begun.elapsed() > PATIENCE => {
                child.kill().unwrap();
                child.wait().unwrap();
                break -1;
            }
            None => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    };
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    Ran { code, out, err }
}

/// How long a command may take that talks to moto.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(40);

fn reader(mut stream: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    })
}

// moto 5 knows no resource of Redshift Serverless, and cannot delete a VPC with an endpoint: the base
// stack is deployed, and what moto can delete is destroyed in the test below.
#[test]
#[ignore = "needs moto: .ci/run installs it"]
fn the_base_stack_lives_in_moto() {
    let sandbox = Sandbox::shipped();
    let (_moto, endpoint) = moto();
    let run = |arguments: &[&str]| pointed(&sandbox, &endpoint, arguments);
    let first = run(&["deploy", "BaseInfraStack", "--yes"]).code(0);
    assert!(first.out.contains("VpcId"), "{}", first.out);
    let again = run(&["deploy", "BaseInfraStack", "--yes"]).code(0);
    assert!(again.err.contains("0 of them changes"), "{}", again.err);
    // What reads nothing of Redshift's outputs goes on without it; a web ACL moto does not take.
    for stack in ["LambdaStack", "ApiAndCognitoStack"] {
        let ran = run(&["deploy", stack, "-e", "--yes"]).code(0);
        assert!(
            ran.err.contains(&format!("{stack}: CREATE_COMPLETE")),
            "{}",
            ran.err
        );
    }
}

#[test]
#[ignore = "needs moto: .ci/run installs it"]
fn stacks_are_updated_and_destroyed_in_moto() {
    let sandbox = Sandbox::pair();
    let (_moto, endpoint) = moto();
    let run = |arguments: &[&str]| pointed(&sandbox, &endpoint, arguments);
    run(&["deploy", "--all", "--yes"]).code(0);
    sandbox.edit("stacks.toml", "Delay = 5", "Delay = 6");
    let diff = run(&["diff", "First", "--exit-code"]).code(1);
    assert!(diff.out.contains("parameter Delay: 5 -> 6"), "{}", diff.out);
    let changed = run(&["deploy", "--all", "--yes"]).code(0);
    assert!(
        changed.err.contains("First: UPDATE_COMPLETE"),
        "{}",
        changed.err
    );
    assert!(
        changed.err.contains("Second: nothing to do"),
        "{}",
        changed.err
    );
    run(&["destroy", "--all", "--yes", "--allow-delete", "all"]).code(0);
    let status = run(&["status"]).code(0);
    assert_eq!(status.out.matches("absent").count(), 2, "{}", status.out);
}

/// What `infra preflight` says in moto, which knows nothing of what we know: a level and a text a check.
fn checked(sandbox: &Sandbox, endpoint: &str, stack: &str) -> Vec<String> {
    let ran = pointed(sandbox, endpoint, &["preflight", stack, "--json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.out).expect(&ran.err);
    let found = document["findings"].as_array().unwrap().iter();
    found
        .map(|one| format!("{} {}: {}", one["level"], one["check"], one["says"]).replace('"', ""))
        .collect()
}

#[test]
#[ignore = "needs moto: .ci/run installs it"]
fn what_would_fail_in_moto_is_found_there() {
    let sandbox = Sandbox::empty();
    let (_moto, endpoint) = moto();
    sandbox.write(
        "stacks.toml",
        "project = \"p\"\nregion = \"us-east-1\"\n[stacks.Before]\ntemplate = \"before.yaml\"\n\
         [stacks.Wanted]\ntemplate = \"wanted.yaml\"\n",
    );
    let pool = "  Pool:\n    Type: AWS::Cognito::UserPool\n    Properties: {UserPoolName: users}\n  \
                Domain:\n    Type: AWS::Cognito::UserPoolDomain\n    Properties: {UserPoolId: !Ref Pool, Domain: shop-of-ours}\n";
    sandbox.write(
        "wanted.yaml",
        &format!(
            "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n    Properties: {{CidrBlock: 10.1.128.0/20}}\n{pool}  \
             Api:\n    Type: AWS::ApiGateway::RestApi\n    Properties: {{Name: a, EndpointConfiguration: {{Types: [REGIONAL]}}}}\n  \
             Stage:\n    Type: AWS::ApiGateway::Stage\n    Properties:\n      RestApiId: !Ref Api\n      StageName: s\n      \
             MethodSettings: [{{ResourcePath: '/*', HttpMethod: '*', LoggingLevel: INFO}}]\n  \
             Function:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: python3.6\n      Handler: i.h\n      \
             Role: arn:aws:iam::123456789012:role/r\n      Code: {{ZipFile: x}}\n      ReservedConcurrentExecutions: 950\n  \
             Acl:\n    Type: AWS::WAFv2::WebACL\n    Properties: {{Scope: REGIONAL, DefaultAction: {{Allow: {{}}}}, \
             VisibilityConfig: {{CloudWatchMetricsEnabled: false, SampledRequestsEnabled: false, MetricName: m}}}}\n"
        ),
    );
    let mut before = "Resources:\n".to_owned();
    for n in 1..5 {
        before.push_str(&format!(
            "  V{n}:\n    Type: AWS::EC2::VPC\n    Properties: {{CidrBlock: 10.{n}.0.0/16}}\n"
        ));
    }
    sandbox.write("before.yaml", &before);
    let empty = checked(&sandbox, &endpoint, "Wanted");
    for line in [
        "ok quotas: VPCs: 1 of 5 are used, this adds 1",
        "ok addresses: 10.1.128.0/20 is free",
        "ok quotas: user pools: 0 of 1000 are used, this adds 1",
        "ok quotas: regional REST APIs: 0 of 600 are used, this adds 1",
        "ok quotas: regional web ACLs: 0 of 100 are used, this adds 1",
        "ok sign-in domain: shop-of-ours is free, or of another account",
        "failed api log role: the stage writes logs, and the account has no role for that",
        "failed runtime: python3.6 has ended: Lambda takes no function of it",
    ] {
        assert!(empty.contains(&line.to_owned()), "{line}: {empty:#?}");
    }
    pointed(&sandbox, &endpoint, &["deploy", "Before", "--yes"]).code(0);
    // moto's CloudFormation leaves Cognito out.
    let cognito = |arguments: &[&str]| cli(&sandbox, &endpoint, "cognito-idp", arguments);
    let made = cognito(&["create-user-pool", "--pool-name", "users"]);
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let pool = made["UserPool"]["Id"].as_str().unwrap();
    cognito(&[
        "create-user-pool-domain",
        "--domain",
        "shop-of-ours",
        "--user-pool-id",
        pool,
    ]);
    let full = checked(&sandbox, &endpoint, "Wanted");
    for line in [
        "failed quotas: VPCs: 5 of 5 are used, this adds 1",
        "warning addresses: 10.1.128.0/20 overlaps 10.1.0.0/16 of vpc-",
        "failed sign-in domain: shop-of-ours is taken, by the user pool us-east-1_",
        "ok quotas: user pools: 1 of 1000 are used, this adds 1",
    ] {
        assert!(
            full.iter().any(|one| one.starts_with(line)),
            "{line}: {full:#?}"
        );
    }
}

/// A parameter, and the stack and output that it reads.
type Read = (&'static str, &'static str, &'static str);

/// What each of the five stacks is given of the others' outputs.
const GIVEN: [(&str, &[Read]); 5] = [
    ("BaseInfraStack", &[]),
    (
        "RedshiftServerlessStack",
        &[
            ("SubnetIds", "BaseInfraStack", "PrivateSubnetIds"),
            (
                "SecurityGroupId",
                "BaseInfraStack",
                "RedshiftSecurityGroupId",
            ),
            ("DataBucketName", "BaseInfraStack", "DataBucketName"),
        ],
    ),
    ("LambdaStack", &[]),
    (
        "ApiAndCognitoStack",
        &[("FunctionArn", "LambdaStack", "FunctionArn")],
    ),
    (
        "WAFStack",
        &[("StageArn", "ApiAndCognitoStack", "StageArn")],
    ),
];

fn aws(sandbox: &Sandbox, endpoint: &str, arguments: &[&str]) -> String {
    cli(sandbox, endpoint, "cloudformation", arguments)
}

/// The AWS CLI's answer.
fn cli(sandbox: &Sandbox, endpoint: &str, service: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool("aws"))
        .arg(service)
        .args(arguments)
        .args(["--output", "json"])
        .current_dir(sandbox.path())
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()
        .unwrap();
    ran(output).code(0).out
}

fn resources(sandbox: &Sandbox, endpoint: &str, stack: &str) -> Vec<Vec<String>> {
    let query = "StackResourceSummaries[].[LogicalResourceId,ResourceType]";
    let text = aws(
        sandbox,
        endpoint,
        &[
            "list-stack-resources",
            "--stack-name",
            stack,
            "--query",
            query,
        ],
    );
    let mut rows: Vec<Vec<String>> = serde_json::from_str(&text).unwrap();
    rows.sort();
    rows
}

#[test]
#[ignore = "needs the AWS CLI: .ci/run installs it"]
fn the_aws_cli_deploys_what_synth_wrote() {
    let theirs = Sandbox::shipped();
    theirs.run(&["synth", "--output", "out"]).code(0);
    // The CLI's waiters look every 30 seconds.
    let (_server, endpoint) = theirs.serve_at("0");
    for (stack, given) in GIVEN {
        let file = format!("out/{stack}.yaml");
        let overrides: Vec<String> = given
            .iter()
            .map(|(parameter, from, output)| {
                let query = format!("Stacks[0].Outputs[?OutputKey=='{output}'].OutputValue | [0]");
                let arguments = ["describe-stacks", "--stack-name", from, "--query", &query];
                let text = aws(&theirs, &endpoint, &arguments);
                let value: String = serde_json::from_str(&text).unwrap();
                format!("{parameter}={value}")
            })
            .collect();
        let mut arguments = vec!["deploy", "--stack-name", stack, "--template-file", &file];
        arguments.extend(["--capabilities", "CAPABILITY_IAM"]);
        if !overrides.is_empty() {
            arguments.push("--parameter-overrides");
            arguments.extend(overrides.iter().map(String::as_str));
        }
        aws(&theirs, &endpoint, &arguments);
    }

    let ours = Sandbox::shipped();
    let (_own_server, own) = ours.serve();
    pointed(&ours, &own, &["deploy", "--all", "--yes"]).code(0);
    for (stack, _) in GIVEN {
        let made = resources(&theirs, &endpoint, stack);
        assert!(!made.is_empty());
        assert_eq!(made, resources(&ours, &own, stack), "{stack}");
    }
}

// moto answers any SQL with the same rows, and its statements never end. With both mended as
// tests/clients/moto_data.py says, our calls are taken, ends are waited for, rows are read, and Ctrl-C cancels.
#[test]
#[cfg(unix)]
#[ignore = "needs moto: .ci/run installs it"]
fn a_statement_is_sent_followed_and_cancelled_in_moto() {
    let sandbox = Sandbox::shipped();
    sandbox.write(
        "stacks.toml",
        "project = \"ask\"\nregion = \"us-east-1\"\n\n[stacks.Ask]\ntemplate = \"ask.yaml\"\n",
    );
    sandbox.write(
        "ask.yaml",
        "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\nOutputs:\n  WorkgroupName:\n    Value: some-wg\n  \
         DatabaseName:\n    Value: dev\n",
    );
    let mut python = Command::new(tool("python"));
    python.arg(root().join("tests/clients/moto_data.py"));
    let (_moto, endpoint) = served(python);
    pointed(&sandbox, &endpoint, &["deploy", "--all", "--yes"]).code(0);
    let mut command = sandbox.command(&["model", "status"]);
    command
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(5));
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let ran = ran(child.wait_with_output().unwrap()).code(130);
    assert_eq!(
        ran.err,
        "error: interrupted: the statement was cancelled.\n"
    );
}

#[test]
#[ignore = "needs moto: .ci/run installs it"]
fn the_handler_asks_moto_what_it_was_asked() {
    let mut python = Command::new(tool("python"));
    python.arg(root().join("tests/clients/moto_data.py"));
    let (_moto, endpoint) = served(python);
    let mut handler = Command::new(tool("python"));
    handler
        .args(["-B", "tests/clients/moto_handler.py"])
        .current_dir(root())
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    let ran = ran(handler.output().unwrap()).code(0);
    assert!(ran.out.ends_with("asked\n"), "{}\n{}", ran.out, ran.err);
}
