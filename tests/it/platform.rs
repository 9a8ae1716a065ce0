//! The shipped platform, deployed to the embedded services, with somebody who may sign in.

use crate::sandbox::{Ran, Sandbox, Served, ran};
use crate::web;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// A deployed platform.
pub struct Platform {
    pub sandbox: Sandbox,
    pub endpoint: String,
    pub callback: String,
    _server: Served,
}

pub const EMAIL: &str = "ada@example.com";

/// In place of the shipped one, which asks the model: who earns enough is helped.
pub const HANDLER: &str = r#"
import json
def handler(event, context):
    request = json.loads(event["body"])
    claims = event["requestContext"]["authorizer"]["claims"]
    print("asked by", claims["sub"])
    body = {"effective": request["income"] >= 50000}
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
"#;

/// A request within the bounds.
pub const REQUEST: &str = include_str!("../../data/loan.json");

impl Platform {
    /// With a handler of that text; the shipped one where there is none.
    pub fn with(handler: Option<&str>) -> Self {
        Self::set_up(handler, |_| ())
    }

    /// The same, with the project changed before it is deployed.
    pub fn set_up(handler: Option<&str>, change: impl FnOnce(&Sandbox)) -> Self {
        let sandbox = Sandbox::shipped();
        if let Some(handler) = handler {
            sandbox.write("templates/handler.py", handler);
        }
        let callback = format!("http://localhost:{}/callback", web::port());
        sandbox.edit(
            "stacks.toml",
            "[stacks.ApiAndCognitoStack.parameters]\n",
            &format!("[stacks.ApiAndCognitoStack.parameters]\nCallbackUrls = \"{callback}\"\n"),
        );
        change(&sandbox);
        let (server, endpoint) = sandbox.serve();
        let platform = Self {
            sandbox,
            endpoint,
            callback,
            _server: server,
        };
        platform
            .run(&["deploy", "ApiAndCognitoStack", "--yes", "--quiet"])
            .code(0);
        platform
    }

    /// The binary, pointed at the embedded services.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    /// Runs to the end, with that on standard input.
    pub fn type_in(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        ran(child.wait_with_output().unwrap())
    }

    /// An output of the stacks.
    pub fn output(&self, name: &str) -> String {
        let all: Value =
            serde_json::from_str(&self.run(&["outputs", "--json"]).code(0).out).unwrap();
        let stacks = all.as_object().unwrap().values();
        let found = stacks.filter_map(|given| given[name].as_str()).next();
        found
            .unwrap_or_else(|| panic!("{name} in {all}"))
            .to_owned()
    }

    /// Creates a user, and answers the password.
    pub fn user(&self, email: &str) -> String {
        let name = "Ada Lovelace";
        let created = self
            .run(&["user", "create", email, "--name", name, "--generate"])
            .code(0);
        created.out.trim().to_owned()
    }

    /// Signs somebody in by the password, and answers an ID token.
    pub fn sign_in(&self) -> String {
        let password = self.user(EMAIL);
        self.type_in(
            &["login", "--username", EMAIL, "--password-stdin"],
            &password,
        )
        .code(0);
        self.token()
    }

    /// An ID token of who is signed in.
    pub fn token(&self) -> String {
        self.run(&["token"]).code(0).out.trim().to_owned()
    }

    /// POST /loan, as it is.
    pub fn post(&self, authorization: &str, body: &str) -> web::Answer {
        let api = self.output("ApiId");
        let url = format!("{}/_execute-api/{api}/prod/loan", self.endpoint);
        web::send("POST", &url, &[("Authorization", authorization)], body)
    }

    /// Waits until the users are written, which they are a moment after they were answered.
    pub fn settled(&self) {
        let path = self.sandbox.path().join(".infra/local/account.json");
        let written = || std::fs::read_to_string(&path).is_ok_and(|text| text.contains(EMAIL));
        let mut tries = 0..100;
        while !written() && tries.next().is_some() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Everything that the project's directory holds, as one text: what a secret must not be in.
    pub fn everything(&self) -> String {
        let mut all = String::new();
        collect(&self.sandbox.path().join(".infra"), &mut all);
        all
    }
}

fn collect(directory: &std::path::Path, all: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, all);
        } else if let Ok(text) = std::fs::read_to_string(path) {
            all.push_str(&text);
        }
    }
}

/// A file's permissions.
pub fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
