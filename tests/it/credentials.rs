//! Credentials that come from outside: they end while a run is under way, or are not there when it begins.

use crate::sandbox::{Ran, Sandbox};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A sandbox whose profile asks a script for credentials. They end at once, so that every call asks anew.
fn asking(condition: &str) -> Sandbox {
    let sandbox = Sandbox::pair();
    let soon = OffsetDateTime::now_utc() + time::Duration::seconds(2);
    let given = serde_json::json!({
        "Version": 1,
        "AccessKeyId": "key",
        "SecretAccessKey": "secret",
        "SessionToken": "token",
        "Expiration": soon.format(&Rfc3339).unwrap(),
    });
    let script = format!(
        "cd \"$(dirname \"$0\")\"\nif {condition}; then\n  echo 'the session has ended' >&2\n  exit 1\nfi\n\
         echo '{given}'\n"
    );
    sandbox.write("credentials.sh", &script);
    let script = sandbox.path().join("credentials.sh");
    std::fs::create_dir(sandbox.path().join(".aws")).unwrap();
    let process = format!("credential_process = sh \"{}\"", script.display());
    sandbox.write(".aws/config", &format!("[default]\n{process}\n"));
    sandbox
}

#[test]
fn a_session_that_ends_under_way_is_waited_for() {
    // It has ended as soon as there is a stack, until somebody signs in.
    let sandbox = asking("ls .infra/local/stacks/* >/dev/null 2>&1 && [ ! -e signed-in ]");
    let (_server, endpoint) = sandbox.serve();
    let mut child = sandbox
        .command(&["deploy", "--all", "--yes"])
        .env("AWS_ENDPOINT_URL", &endpoint)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut err = String::new();
    while told.read_line(&mut err).unwrap() > 0 {
        if err.contains("Waiting for") {
            sandbox.write("signed-in", "");
            told.read_to_string(&mut err).unwrap();
        }
    }
    assert!(child.wait().unwrap().success(), "{err}");
    let waiting = ": there are no valid credentials. Waiting for fresh credentials (aws sso login, or whatever \
                   made them); what runs in AWS goes on.\n";
    assert!(err.contains(waiting), "{err}");
    assert!(err.contains("2 stacks done"), "{err}");
    assert!(!err.contains("Waiting for the network"), "{err}");
}

fn refused(ran: &Ran, cause: &str) {
    let (first, rest) = ran.err.split_once('\n').unwrap();
    assert!(
        first.starts_with("error: Describe")
            && first.ends_with(": there are no valid credentials."),
        "{}",
        ran.err
    );
    assert!(rest.contains(cause), "{}", ran.err);
    let hint = "\n  hint: refresh them (aws sso login, or whatever made them); aws sts get-caller-identity says \
                whose they are\n";
    assert!(rest.ends_with(hint), "{}", ran.err);
}

#[test]
fn a_want_of_credentials_ends_a_run_before_it_begins() {
    let sandbox = asking("true");
    let deploy = ["deploy", "--all", "--yes"];
    refused(&sandbox.run(&deploy).code(3), "the session has ended");
    sandbox.write(".aws/config", "[default]\n");
    refused(
        &sandbox.run(&deploy).code(3),
        "no credentials found in chain",
    );
    // A session of the identity centre, and its token as the AWS CLI keeps it, by the digest of its name.
    let profile = "[sso-session s]\nsso_start_url = https://example.awsapps.com/start\n\
                   sso_region = eu-west-1\n\n[profile dev]\nsso_session = s\nsso_account_id = 123456789012\n\
                   sso_role_name = Dev\n";
    sandbox.write(".aws/config", profile);
    let cache = sandbox.path().join(".aws/sso/cache");
    std::fs::create_dir_all(cache).unwrap();
    sandbox.write(
        ".aws/sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json",
        "{\"startUrl\": \"https://example.awsapps.com/start\", \"region\": \"eu-west-1\", \
         \"accessToken\": \"x\", \"expiresAt\": \"2020-01-01T00:00:00Z\"}",
    );
    let ran = sandbox.run(&["deploy", "--all", "--yes", "--profile", "dev"]);
    refused(
        &ran.code(3),
        "the SSO token has expired and cannot be refreshed",
    );
}

#[test]
fn a_profile_that_is_named_goes_before_keys_in_the_environment() {
    let sandbox = Sandbox::pair();
    let (_server, endpoint) = sandbox.serve();
    std::fs::create_dir(sandbox.path().join(".aws")).unwrap();
    let fails = "credential_process = sh -c \"echo 'signed out' >&2; exit 1\"";
    let works = "aws_access_key_id = a\naws_secret_access_key = b";
    for (profile, code) in [(fails, 3), (works, 0)] {
        sandbox.write(".aws/config", &format!("[profile dev]\n{profile}\n"));
        let ran = sandbox
            .command(&["deploy", "First", "--yes", "--profile", "dev"])
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "another")
            .env("AWS_SECRET_ACCESS_KEY", "account")
            .output();
        let ran = crate::sandbox::ran(ran.unwrap()).code(code);
        assert_eq!(ran.err.contains("signed out"), code == 3, "{}", ran.err);
    }
}
