//! Tools that we did not write. They are installed by .ci/run, which names them in the environment.

use crate::sandbox::{Sandbox, ran};
use std::process::{Child, Command, Stdio};

struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tool(name: &str) -> String {
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

fn moto() -> (Moto, String) {
    let port = port();
    let child = Command::new(tool("moto_server"))
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

#[test]
#[ignore = "needs moto: .ci/run installs it"]
fn the_base_stack_lives_in_moto() {
    let sandbox = Sandbox::shipped();
    let (_moto, endpoint) = moto();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.env("AWS_ENDPOINT_URL", &endpoint);
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        ran(command.output().unwrap())
    };
    let first = run(&["deploy", "BaseInfraStack", "--yes"]).code(0);
    assert!(first.out.contains("VpcId"), "{}", first.out);
    let again = run(&["deploy", "BaseInfraStack", "--yes"]).code(0);
    assert!(again.err.contains("0 of them changes"), "{}", again.err);
    run(&[
        "destroy",
        "BaseInfraStack",
        "-e",
        "--yes",
        "--allow-delete",
        "all",
    ])
    .code(0);
}

#[test]
#[ignore = "needs the AWS CLI: .ci/run installs it"]
fn the_aws_cli_deploys_what_synth_wrote() {
    let sandbox = Sandbox::shipped();
    sandbox.run(&["synth", "--output", "out"]).code(0);
    let (_server, endpoint) = sandbox.serve();
    let aws = |arguments: &[&str]| {
        let output = Command::new(tool("aws"))
            .args(arguments)
            .current_dir(sandbox.path())
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .output()
            .unwrap();
        ran(output)
    };
    aws(&[
        "cloudformation",
        "deploy",
        "--stack-name",
        "BaseInfraStack",
        "--template-file",
        "out/BaseInfraStack.yaml",
        "--capabilities",
        "CAPABILITY_IAM",
    ])
    .code(0);
    let query = "StackResourceSummaries[].[LogicalResourceId,ResourceType]";
    let list = |name: &str| {
        let arguments = [
            "cloudformation",
            "list-stack-resources",
            "--stack-name",
            name,
            "--query",
            query,
        ];
        let mut rows: Vec<Vec<String>> = serde_json::from_str(
            &aws(&[&arguments[..], &["--output", "json"]].concat())
                .code(0)
                .out,
        )
        .unwrap();
        rows.sort();
        rows
    };
    let theirs = list("BaseInfraStack");
    let text = sandbox.read("stacks.toml");
    sandbox.write(
        "stacks.toml",
        &format!("{text}\n[environments.own]\nprefix = \"own-\"\n"),
    );
    let mut command = sandbox.command(&["deploy", "BaseInfraStack", "--env", "own", "--yes"]);
    command.env("AWS_ENDPOINT_URL", &endpoint);
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    ran(command.output().unwrap()).code(0);
    assert_eq!(theirs, list("own-BaseInfraStack"));
}
