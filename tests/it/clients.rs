//! Foreign clients against the embedded CloudFormation, unmodified: each deploys, updates, fails,
//! recovers and deletes, by a script in tests/clients. They are installed by .ci/run, which names them
//! in the environment; the environment is also all that they are set up with.

use crate::sandbox::{Sandbox, ran, root};
use std::path::{Path, PathBuf};
use std::process::Command;

fn tools() -> PathBuf {
    std::env::var_os("FOREIGN_TOOLS")
        .expect("FOREIGN_TOOLS names the directory")
        .into()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            std::fs::copy(path, copied).unwrap();
        }
    }
}

/// Runs a command of the tools within a copy of tests/clients, against a server of its own; `node` is
/// where Node's packages are installed.
fn lives(node: &str, directory: &str, program: &str, script: &str) {
    let sandbox = Sandbox::empty();
    // The CLI's waiters look every 30 seconds.
    let (_server, endpoint) = sandbox.serve_at("0");
    lives_in(&sandbox, &endpoint, node, [directory, program, script]);
}

fn lives_in(
    sandbox: &Sandbox,
    endpoint: &str,
    node: &str,
    [directory, program, script]: [&str; 3],
) {
    copy(&root().join("tests/clients"), sandbox.path());
    let tools = tools();
    let own = Path::new(env!("CARGO_BIN_EXE_infra")).parent().unwrap();
    let before = std::env::var_os("PATH").unwrap();
    let modules = tools.join("..").join(node).join("node_modules");
    let all = [modules.join(".bin"), tools, own.to_owned()].into_iter();
    let path = std::env::join_paths(all.chain(std::env::split_paths(&before))).unwrap();
    let mut command = Command::new(program);
    command
        .arg(script)
        .current_dir(sandbox.path().join(directory))
        .env("PATH", path)
        // Where Node looks for what an app requires, in place of an installation beside the app.
        .env("NODE_PATH", modules)
        .env("HOME", sandbox.path())
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = ran(command.output().unwrap()).code(0);
    // What a script says to the end: one that stopped halfway is no proof.
    assert!(ran.out.ends_with("lived\n"), "{}\n{}", ran.out, ran.err);
}

#[test]
#[ignore = "needs the AWS CLI: .ci/run installs it"]
fn the_aws_cli_lives_its_stacks_through() {
    lives("node", "aws", "bash", "../aws.sh");
}

#[test]
#[ignore = "needs boto3: .ci/run installs it"]
fn boto3_lives_its_stacks_through() {
    lives("node", "", "python", "boto.py");
}

/// Runs a script of boto3 against the shipped stacks, deployed.
fn reads(script: &str) {
    let sandbox = Sandbox::shipped();
    let (_server, endpoint) = sandbox.serve_at("0");
    let mut deploy = sandbox.command(&["deploy", "--all", "--yes"]);
    deploy.env("AWS_ENDPOINT_URL", &endpoint);
    deploy.env("AWS_ACCESS_KEY_ID", "test");
    deploy.env("AWS_SECRET_ACCESS_KEY", "test");
    ran(deploy.output().unwrap()).code(0);
    lives_in(&sandbox, &endpoint, "node", ["", "python", script]);
}

#[test]
#[ignore = "needs boto3: .ci/run installs it"]
fn boto3_reads_what_the_shipped_stacks_hold() {
    reads("reads.py");
}

#[test]
#[ignore = "needs boto3 and pycognito: .ci/run installs them"]
fn boto3_and_pycognito_are_users_of_the_shipped_pool() {
    reads("users.py");
}

#[test]
#[ignore = "needs boto3: .ci/run installs it"]
fn boto3_reads_the_account_that_the_shipped_stacks_are_in() {
    reads("account.py");
}

#[test]
#[ignore = "needs boto3: .ci/run installs it"]
fn boto3_asks_the_warehouse() {
    lives("node", "", "python", "warehouse.py");
}

#[test]
#[ignore = "needs the CDK CLI: .ci/run installs it"]
fn the_cdk_lives_its_stacks_through() {
    lives("node", "cdk", "bash", "../cdk.sh");
}

#[test]
#[ignore = "needs the CDK CLI 3: .ci/run installs it"]
fn the_cdk_3_lives_its_stacks_through() {
    lives("cdk3", "cdk", "bash", "../cdk.sh");
}

#[test]
#[ignore = "needs the SAM CLI: .ci/run installs it"]
fn sam_lives_its_stack_through() {
    lives("node", "sam", "bash", "../sam.sh");
}

#[test]
#[ignore = "needs Sceptre: .ci/run installs it"]
fn sceptre_lives_its_stacks_through() {
    lives("node", "sceptre", "bash", "../sceptre.sh");
}
