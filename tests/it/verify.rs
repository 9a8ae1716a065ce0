//! `infra verify`: what is deployed works, and what was changed behind CloudFormation's back is caught.

mod moto;
mod sabotage;

use crate::sandbox::{Ran, Sandbox, Served, ran};
use std::process::Command;

const BASE: &str = "BaseInfraStack";
const REDSHIFT: &str = "RedshiftServerlessStack";
const WAF: &str = "WAFStack";

struct Live {
    sandbox: Sandbox,
    endpoint: String,
    _server: Served,
}

impl Live {
    /// A project, deployed to a server of its own.
    fn deployed(sandbox: Sandbox) -> Self {
        let (_server, endpoint) = sandbox.serve();
        let live = Self {
            sandbox,
            endpoint,
            _server,
        };
        live.run(&["deploy", "--all", "--yes"]).code(0);
        live
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    fn drift(&self, stack: &str, resource: &str, edit: &[&str]) {
        let drift = ["local", "drift", stack, resource];
        self.run(&[&drift, edit].concat()).code(0);
    }
}

/// That what is not ok is told in those words, and that nothing else is.
fn assert_told(of: &str, out: &str, expected: &[&str]) {
    let told = wrong(out);
    let untold: Vec<_> = expected
        .iter()
        .filter(|pattern| !told.iter().any(|line| fits(line, pattern)))
        .collect();
    let more: Vec<_> = told
        .iter()
        .filter(|line| !expected.iter().any(|pattern| fits(line, pattern)))
        .collect();
    assert!(
        untold.is_empty() && more.is_empty(),
        "{of}\nnot told: {untold:#?}\ntold besides: {more:#?}"
    );
}

/// The lines of what is not ok, without hints and columns.
fn wrong(out: &str) -> Vec<String> {
    out.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.starts_with("ok ") && !line.starts_with("hint: "))
        .collect()
}

/// Whether a line begins as the pattern says.
fn fits(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    for (at, part) in pattern.split('*').enumerate() {
        match rest.find(part) {
            Some(found) if at > 0 || found == 0 => rest = &rest[found + part.len()..],
            _ => return false,
        }
    }
    true
}

#[test]
fn every_check_passes_on_the_shipped_stacks() {
    let live = Live::deployed(Sandbox::shipped());
    let verified = live.run(&["verify"]).code(0);
    assert_eq!(wrong(&verified.out), [""; 0]);
    assert_eq!(verified.err, "");
    for check in [
        "stack",
        "vpc",
        "subnet",
        "internet gateway",
        "endpoint",
        "flow log",
        "routes",
        "security group",
        "namespace",
        "workgroup",
        "function",
        "permission",
        "api",
        "authorizer",
        "validator",
        "method",
        "stage",
        "deployment",
        "user pool",
        "app client",
        "sign-in domain",
        "web acl",
        "web acl association",
        "web acl log",
        "from outside",
    ] {
        let line = format!("ok       {check} ");
        assert!(verified.out.contains(&line), "{check}:\n{}", verified.out);
    }
    let outside = verified.out.lines().filter(|line| line.contains("outside"));
    assert_eq!(outside.count(), 4, "{}", verified.out);
    let one = live.run(&["verify", WAF, "--json"]).code(0);
    let document: serde_json::Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!(document["version"], 1);
    let findings = document["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .all(|one| one["stack"] == WAF && one["level"] == "ok")
    );
    let logging = findings.iter().find(|one| one["resource"] == "Logging");
    let place = logging.unwrap()["place"].as_str().unwrap();
    assert!(place.starts_with("templates/waf.yaml:"), "{place}");
}

/// A user's own stack: its deployment keeps its logical id whatever it captures.
fn own() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"own\"\nregion = \"eu-west-1\"\n\n[stacks.Shop]\ntemplate = \"shop.yaml\"\n\
         parameters.Guard = \"NONE\"\n",
    );
    sandbox.write(
        "shop.yaml",
        "\
Parameters:
  Guard: {Type: String}
Resources:
  Net:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.7.0.0/16}
  Door:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: A door
      VpcId: !Ref Net
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties: {Name: shop}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !GetAtt Api.RootResourceId
      HttpMethod: GET
      AuthorizationType: !Ref Guard
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{\"statusCode\": 200}'}
        IntegrationResponses: [{StatusCode: '200'}]
      MethodResponses: [{StatusCode: '200'}]
  Released:
    Type: AWS::ApiGateway::Deployment
    DependsOn: Get
    Properties: {RestApiId: !Ref Api}
  Live:
    Type: AWS::ApiGateway::Stage
    Properties: {RestApiId: !Ref Api, DeploymentId: !Ref Released, StageName: v1}
",
    );
    sandbox
}

const DOOR: &str = "warning security group open to the world: in from 0.0.0.0/0 on tcp 22, as its template \
                    asks Shop.Door shop.yaml:";

#[test]
fn a_deployment_that_was_made_before_the_guard_is_caught_in_anybodys_stack() {
    let live = Live::deployed(own());
    let verified = live.run(&["verify"]).code(0);
    assert_told("as deployed", &verified.out, &[DOOR]);
    // CloudFormation updates the method, and says that all is well.
    live.sandbox.edit("stacks.toml", "NONE", "AWS_IAM");
    let deploy = [
        "deploy",
        "--all",
        "--yes",
        "--verify",
        "--verify-timeout",
        "0",
    ];
    let stale = live.run(&deploy).code(1);
    assert!(stale.err.contains("Shop: UPDATE_COMPLETE"), "{}", stale.err);
    assert!(
        stale.err.contains("2 things are not as they should be."),
        "{}",
        stale.err
    );
    let told: String = stale
        .out
        .lines()
        .filter(|line| !line.starts_with("STACK "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_told(
        "a stale deployment",
        &told,
        &[
            DOOR,
            "failed deployment the deployment * has GET / with the authorization NONE, Get asks AWS_IAM Shop.Live ",
            "failed from outside GET /v1/ without a token: 200, not 403: anybody is let in Shop.Get ",
        ],
    );
    assert!(stale.out.contains("hint: redeploy: "), "{}", stale.out);
    let template = live.sandbox.read("shop.yaml");
    live.sandbox
        .write("shop.yaml", &template.replace("Released", "ReleasedAgain"));
    let mended = live.run(&deploy).code(0);
    assert!(
        mended
            .out
            .contains("from outside    GET /v1/ without a token: 403"),
        "{}",
        mended.out
    );
}

#[test]
fn what_is_not_deployed_has_failed_where_it_is_named() {
    let sandbox = own();
    let nothing = sandbox.run(&["verify", "--local"]).code(1);
    assert_eq!(
        nothing.err,
        "error: nothing is deployed.\n  hint: deploy: infra deploy --all --local\n"
    );
    let named = sandbox.run(&["verify", "Shop", "--local"]).code(1);
    assert_eq!(
        named.out,
        "failed   stack  it is not deployed  Shop\n                hint: infra deploy Shop --local\n"
    );
}

#[test]
fn what_cannot_be_read_is_not_taken_for_good() {
    let sandbox = Sandbox::shipped();
    sandbox
        .run(&["deploy", "--all", "--yes", "--local"])
        .code(0);
    let fault = "call:GetWorkgroup:error:status=400,code=AccessDeniedException,message=no";
    let verified = sandbox
        .run(&["verify", REDSHIFT, "--local", "--fault", fault])
        .code(0);
    assert_told(
        "a refused read",
        &verified.out,
        &[
            "unknown workgroup GetWorkgroup: no (AccessDeniedException) RedshiftServerlessStack.Workgroup ",
        ],
    );
    // Whoever waits for all to be well waits for that, too.
    let arguments = [
        "verify",
        REDSHIFT,
        "--local",
        "--watch",
        "--timeout",
        "2",
        "--fault",
    ];
    let watched = sandbox.run(&[&arguments[..], &[fault]].concat()).code(0);
    assert_eq!(watched.out, verified.out);
}

#[test]
fn a_watch_tells_what_changes_until_all_is_well() {
    let live = Live::deployed(Sandbox::shipped());
    live.drift(REDSHIFT, "Workgroup", &["--set", "PubliclyAccessible=true"]);
    let mut watch = live.command(&["verify", "--watch", "--timeout", "120"]);
    let watch = watch
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(4));
    live.drift(REDSHIFT, "Workgroup", &["--restore"]);
    let told = ran(watch.wait_with_output().unwrap()).code(0);
    assert_eq!(told.out.matches("ok       vpc ").count(), 1, "{}", told.out);
    let at = |text: &str| {
        assert_eq!(told.out.matches(text).count(), 1, "{text}\n{}", told.out);
        told.out.find(text).unwrap()
    };
    assert!(at("failed   workgroup ") < at("ok       workgroup "));
    assert_eq!(told.err, "");
}

#[test]
fn nested_stacks_are_verified_with_their_parents() {
    let sandbox = Sandbox::empty();
    let api = crate::api::Api::of(&sandbox);
    let inner = "Resources:\n  Net:\n    Type: AWS::EC2::VPC\n    Properties:\n      CidrBlock: 10.7.0.0/16\n";
    let url = api.put("templates", "net.yaml", inner);
    sandbox.write(
        "stacks.toml",
        "project = \"nest\"\nregion = \"us-east-1\"\n[stacks.Outer]\ntemplate = \"outer.yaml\"\n",
    );
    sandbox.write(
        "outer.yaml",
        &format!("Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {url}\n"),
    );
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", api.address()))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        ran(command.output().unwrap())
    };
    run(&["deploy", "--all", "--yes"]).code(0);
    let verified = run(&["verify"]).code(0);
    assert!(
        verified.out.contains("is available  Outer.Inner.Net\n"),
        "{}",
        verified.out
    );
}
