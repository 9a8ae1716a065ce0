//! Templates that others wrote, created and deleted by boto3. .ci/run fetches them.

use crate::sandbox::{Sandbox, ran, root};
use std::process::Command;

#[test]
#[ignore = "needs boto3 and the templates: .ci/run installs them"]
fn templates_by_others_live() {
    let sandbox = Sandbox::empty();
    let (_server, endpoint) = sandbox.serve_at("0");
    let tools = std::env::var("FOREIGN_TOOLS").expect("FOREIGN_TOOLS names the directory");
    let output = Command::new(format!("{tools}/python"))
        .arg("-B")
        .arg(root().join("tests/corpus.py"))
        .arg(endpoint)
        .arg(format!("{tools}/../corpus"))
        .arg(root().join("tests/corpus.tsv"))
        .output()
        .unwrap();
    let ran = ran(output).code(0);
    assert!(ran.out.contains("templates lived"), "{}", ran.out);
}
