//! The sign-in in a real browser: headless Chromium, driven by its WebDriver. Against the embedded
//! sign-in, against oidc-provider, which we did not write; and moto's Cognito as far as it has one.

use crate::foreign::{moto, tool};
use crate::login::{Waiting, claim};
use crate::platform::{EMAIL, HANDLER, Platform, REQUEST};
use crate::sandbox::{Sandbox, ran};
use crate::web;
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A browser that ends with the test.
struct Browser {
    driver: Child,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        web::send("DELETE", &self.session, &[], "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Waits for something.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{what} did not come"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn listens(port: u16) {
    wait("a server", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
}

impl Browser {
    fn open() -> Self {
        let port = web::port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver, which .ci/run installs");
        listens(port);
        let base = format!("http://127.0.0.1:{port}/session");
        // In a container there is no sandbox within the sandbox.
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage"
        ]);
        let wanted =
            json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let opened = web::send(
            "POST",
            &base,
            &[("Content-Type", "application/json")],
            &wanted.to_string(),
        );
        let id = opened.json()["value"]["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("{opened:?}"))
            .to_owned();
        Self {
            driver,
            session: format!("{base}/{id}"),
        }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.session);
        let body = if method == "GET" {
            String::new()
        } else {
            body.to_string()
        };
        let answer = web::send(method, &url, &[("Content-Type", "application/json")], &body);
        answer.json()["value"].clone()
    }

    fn go(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    fn element(&self, css: &str) -> Option<String> {
        let found = self.ask(
            "POST",
            "/element",
            &json!({"using": "css selector", "value": css}),
        );
        found
            .as_object()?
            .values()
            .next()?
            .as_str()
            .filter(|id| !id.contains(' '))
            .map(str::to_owned)
    }

    fn fill(&self, css: &str, text: &str) {
        let id = wait(css, || self.element(css));
        self.ask("POST", &format!("/element/{id}/clear"), &json!({}));
        self.ask(
            "POST",
            &format!("/element/{id}/value"),
            &json!({ "text": text }),
        );
    }

    fn click(&self, css: &str) {
        let id = wait(css, || self.element(css));
        self.ask("POST", &format!("/element/{id}/click"), &json!({}));
    }

    /// Waits for a text on the page.
    fn sees(&self, words: &str) {
        wait(words, || {
            let page = self.ask("GET", "/source", &Value::Null);
            page.as_str()?.contains(words).then_some(())
        });
    }
}

#[test]
#[ignore = "needs Chromium: .ci/run installs it"]
fn somebody_signs_in_in_chromium_and_asks_for_a_prediction() {
    let platform = Platform::with(Some(HANDLER));
    let password = platform.user(EMAIL);
    let waiting = Waiting::begin(&platform);
    let browser = Browser::open();
    browser.go(&waiting.url);
    browser.fill("#username", EMAIL);
    browser.fill("#password", "Wrong-Horse-1!");
    browser.click("button");
    browser.sees("Incorrect username or password.");
    browser.fill("#username", EMAIL);
    browser.fill("#password", &password);
    browser.click("button");
    browser.sees("You are back");
    let ended = waiting.end().code(0);
    assert!(
        ended.err.contains("ada@example.com is signed in;"),
        "{}",
        ended.err
    );
    assert_eq!(
        platform.type_in(&["predict", "-"], REQUEST).code(0).out,
        "not effective\n"
    );

    // The browser is remembered: no form the second time.
    let waiting = Waiting::begin(&platform);
    browser.go(&waiting.url);
    browser.sees("You are back");
    waiting.end().code(0);
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Stacks whose outputs say that the pool is somebody else's.
fn elsewhere(pool: &str, client: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"p\"\nregion = \"us-east-1\"\n[stacks.Api]\ntemplate = \"api.yaml\"\n",
    );
    let output = |name: &str, value: &str| format!("  {name}:\n    Value: {value}\n");
    let outputs = output("UserPoolId", pool)
        + &output("UserPoolClientId", client)
        + &output("SignInDomain", "app.auth.us-east-1.amazoncognito.com");
    sandbox.write(
        "api.yaml",
        &format!("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\nOutputs:\n{outputs}"),
    );
    sandbox
}

#[test]
#[ignore = "needs Chromium and oidc-provider: .ci/run installs them"]
fn a_certified_provider_signs_in_as_well() {
    let (pool, client) = ("us-east-1_Certified", "app");
    let sandbox = elsewhere(pool, client);
    let port = web::port();
    let callback = format!("http://localhost:{}/callback", web::port());
    let provider = Command::new("node")
        .arg(crate::sandbox::root().join("tests/clients/oidc.mjs"))
        .args([&port.to_string(), pool, client, &callback])
        .env("NODE_PATH", tool("../node/node_modules"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _provider = Running(provider);
    listens(port);
    let there = format!("http://127.0.0.1:{port}");
    let (_server, endpoint) = sandbox.serve();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", &there)
            .env("INFRA_SIGN_IN_URL", &there)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command
    };
    ran(run(&["deploy", "--all", "--yes"]).output().unwrap()).code(0);
    let waiting = Waiting::start(run(&[
        "login",
        "--no-browser",
        "--timeout",
        "60",
        "--callback",
        &callback,
    ]));
    let browser = Browser::open();
    browser.go(&waiting.url);
    browser.fill("input[name=login]", "ada");
    browser.fill("input[name=password]", "whatever");
    browser.click("button");
    browser.sees("Continue");
    browser.click("button");
    browser.sees("You are back");
    let ended = waiting.end().code(0);
    assert!(ended.err.contains(" is signed in;"), "{}", ended.err);
    let token = ran(run(&["token"]).output().unwrap()).code(0).out;
    assert_eq!(claim(&token, "sub"), "ada");
    assert_eq!(claim(&token, "aud"), client);

    // The provider made fresh ones of the refresh token, after ours was gone stale.
    let kept = sandbox
        .path()
        .join(".infra/sign-in")
        .join(format!("{client}.json"));
    let mut tokens: Value = serde_json::from_str(&std::fs::read_to_string(&kept).unwrap()).unwrap();
    let parts: Vec<&str> = token.trim().split('.').collect();
    let stale = crate::login::encode("{\"exp\": 1, \"sub\": \"ada\"}");
    tokens["id"] = format!("{}.{stale}.{}", parts[0], parts[2]).into();
    std::fs::write(&kept, tokens.to_string()).unwrap();
    let fresh = ran(run(&["token"]).output().unwrap()).code(0).out;
    assert!(claim(&fresh, "exp").as_u64() > Some(1), "{fresh}");
    assert_eq!(claim(&fresh, "sub"), "ada");
}

#[test]
#[ignore = "needs moto: .ci/run installs it"]
fn users_live_and_sign_in_in_moto() {
    let (_moto, endpoint) = moto();
    let cli = |arguments: &[&str]| -> Value {
        let mut command = Command::new(tool("aws"));
        let done = command
            .args([
                "cognito-idp",
                "--region",
                "us-east-1",
                "--endpoint-url",
                &endpoint,
                "--output",
                "json",
            ])
            .args(arguments)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        serde_json::from_str(&ran(done.output().unwrap()).code(0).out).unwrap()
    };
    let made = cli(&[
        "create-user-pool",
        "--pool-name",
        "p",
        "--username-attributes",
        "email",
    ]);
    let pool = made["UserPool"]["Id"].as_str().unwrap();
    let flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
    let made = cli(&[
        "create-user-pool-client",
        "--user-pool-id",
        pool,
        "--client-name",
        "c",
        "--explicit-auth-flows",
        flows[0],
        flows[1],
    ]);
    let client = made["UserPoolClient"]["ClientId"].as_str().unwrap();
    let sandbox = elsewhere(pool, client);
    let run = |arguments: &[&str], input: &str| {
        let mut command = sandbox.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
        ran(child.wait_with_output().unwrap())
    };
    run(&["deploy", "--all", "--yes"], "").code(0);
    let create = ["user", "create", EMAIL, "--name", "Ada", "--password-stdin"];
    run(&create, "Right-Horse-1!").code(0);
    assert!(
        run(&create, "Right-Horse-1!")
            .code(0)
            .err
            .contains("is there already")
    );
    assert!(
        run(&["user", "list"], "")
            .code(0)
            .out
            .contains("ada@example.com  Ada   CONFIRMED")
    );
    // What moto sends as numbers of SRP are none: nothing is proved to it.
    let login = run(
        &["login", "--username", EMAIL, "--password-stdin"],
        "Right-Horse-1!",
    )
    .code(3);
    assert_eq!(
        login.err,
        "error: the user pool's challenge makes no sense.\n"
    );
    run(&["user", "delete", EMAIL, "--yes"], "").code(0);
    assert!(
        run(&["user", "delete", EMAIL, "--yes"], "")
            .code(0)
            .err
            .contains("is not there")
    );
}
