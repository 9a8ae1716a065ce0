//! What is asked for at a terminal: passwords, a new one in place of one that was for once, and the code of a
//! second factor. Nothing of it is shown.
#![cfg(unix)]

use crate::platform::{EMAIL, Platform};
use crate::sandbox::{Ran, ran, root};
use crate::web::{self, play, says};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;

const FIRST: &str = "For-Once-Horse-1!";
const OWN: &str = "Right-Horse-Own-1!";

/// Runs a command in a terminal, and answers its questions; what it shows stands in `out`.
pub fn at_terminal(command: &Command, answers: &[(&str, &str)]) -> Ran {
    let mut python = Command::new("python3");
    python
        .arg(root().join("tests/clients/terminal.py"))
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    let piped = python
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let lines: String = answers
        .iter()
        .map(|(question, answer)| format!("{question}\t{answer}\n"))
        .collect();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    ran(child.wait_with_output().unwrap())
}

/// The same, with answers that are not shown.
fn typed(command: &Command, answers: &[(&str, &str)]) -> Ran {
    let ran = at_terminal(command, answers);
    for (_, answer) in answers {
        assert!(!ran.out.contains(answer), "{answer} in {}", ran.out);
    }
    ran
}

fn login(platform: &Platform) -> Command {
    platform.command(&["login", "--username", EMAIL])
}

/// Makes a user whose password is for once.
fn invited(platform: &Platform) {
    let asked = json!({
        "UserPoolId": platform.output("UserPoolId"), "Username": EMAIL, "TemporaryPassword": FIRST,
        "UserAttributes": [{"Name": "name", "Value": "Ada"}],
    });
    let target = (
        "X-Amz-Target",
        "AWSCognitoIdentityProviderService.AdminCreateUser",
    );
    let made = web::send("POST", &platform.endpoint, &[target], &asked.to_string());
    assert_eq!(made.status, 200, "{made:?}");
}

#[test]
fn a_password_for_once_is_changed_at_the_terminal() {
    let platform = Platform::with(None);
    invited(&platform);
    let first = "Password of ada@example.com:";
    let unlike = [
        (first, FIRST),
        ("New password:", OWN),
        ("The same again:", "Another-Horse-1!"),
    ];
    let unlike = typed(&login(&platform), &unlike).code(2);
    assert!(
        unlike
            .out
            .ends_with("error: the two are not the same; nothing was done.\n"),
        "{}",
        unlike.out
    );
    let weak = [
        (first, FIRST),
        ("New password:", "swordfish"),
        ("The same again:", "swordfish"),
    ];
    let weak = typed(&login(&platform), &weak).code(3);
    assert!(
        weak.out.contains("Password not long enough"),
        "{}",
        weak.out
    );

    let changed = [
        (first, FIRST),
        ("New password:", OWN),
        ("The same again:", OWN),
    ];
    let changed = typed(&login(&platform), &changed).code(0);
    assert!(
        changed
            .out
            .contains("The password was for once: choose one."),
        "{}",
        changed.out
    );
    assert!(
        changed.out.contains("ada@example.com is signed in;"),
        "{}",
        changed.out
    );
    let token = platform.token();
    platform.run(&["logout"]).code(0);

    // The one for once is worth nothing any more.
    let old = typed(&login(&platform), &[(first, FIRST)]).code(3);
    assert!(
        old.out.contains("Incorrect username or password."),
        "{}",
        old.out
    );
    typed(&login(&platform), &[(first, OWN)]).code(0);
    assert_ne!(platform.token(), token);

    // Without a terminal nothing is asked.
    let piped = platform.run(&["login", "--username", EMAIL]).code(2);
    assert_eq!(
        piped.err,
        "error: this needs a password, and there is no terminal to ask.\n  hint: give --password-stdin, or sign in in the browser\n"
    );
}

/// The embedded Cognito asks for no second factor: between it and the command stands a server that does, and
/// gives the tokens for the code alone.
#[test]
fn a_second_factors_code_is_asked_for_at_the_terminal() {
    let platform = Platform::with(None);
    let password = platform.user(EMAIL);
    let (there, held) = (platform.endpoint.clone(), Mutex::new(String::new()));
    let between = play(move |all| {
        let asked = all.last().unwrap();
        let (verb, path) = asked.line.split_once(' ').unwrap();
        let path = path.split(' ').next().unwrap();
        let header = |name: &str| {
            let mut lines = asked.head.lines().filter_map(|line| line.split_once(": "));
            let found = lines.find(|(own, _)| own.eq_ignore_ascii_case(name));
            found.map_or("", |(_, value)| value)
        };
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let kind = "content-type: application/x-amz-json-1.1\r\n";
        if body["ChallengeName"] == "SOFTWARE_TOKEN_MFA" {
            let right = body["ChallengeResponses"]["SOFTWARE_TOKEN_MFA_CODE"] == "123456"
                && body["Session"] == "a session of theirs that goes on";
            let refused = json!({"__type": "CodeMismatchException", "message": "Invalid code received for user"});
            return match right {
                true => says(200, kind, &held.lock().unwrap()),
                false => says(400, kind, &refused.to_string()),
            };
        }
        let target = ("X-Amz-Target", header("x-amz-target"));
        let answer = web::send(verb, &format!("{there}{path}"), &[target], &asked.body);
        if body["ChallengeName"] == "PASSWORD_VERIFIER" && answer.status == 200 {
            *held.lock().unwrap() = answer.text;
            let next = json!({"ChallengeName": "SOFTWARE_TOKEN_MFA", "ChallengeParameters": {},
                              "Session": "a session of theirs that goes on"});
            return says(200, kind, &next.to_string());
        }
        says(answer.status, kind, &answer.text)
    });
    let login = || {
        let mut command = login(&platform);
        command.env("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", &between.url);
        command
    };
    let first = ("Password of ada@example.com:", password.as_str());
    let code = "Code of the second factor:";
    let wrong = typed(&login(), &[first, (code, "654321")]).code(3);
    assert!(
        wrong.out.contains("Invalid code received for user"),
        "{}",
        wrong.out
    );
    assert_eq!(platform.run(&["token"]).code(2).out, "");
    let right = typed(&login(), &[first, (code, "123456")]).code(0);
    assert!(
        right.out.contains("ada@example.com is signed in;"),
        "{}",
        right.out
    );
    assert_eq!(platform.token().split('.').count(), 3);
}
