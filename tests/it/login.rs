//! Signing in: in a browser's place by plain HTTP, and by a password.

use crate::platform::{EMAIL, Platform, mode};
use crate::sandbox::{Ran, ran};
use crate::web::{self, Answer};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A sign-in that waits for the browser.
pub struct Waiting {
    child: Child,
    pub url: String,
}

impl Waiting {
    pub fn begin(platform: &Platform) -> Self {
        Self::start(Self::command(platform))
    }

    /// A sign-in in the browser.
    pub fn command(platform: &Platform) -> std::process::Command {
        let arguments = [
            "login",
            "--no-browser",
            "--timeout",
            "60",
            "--callback",
            &platform.callback,
        ];
        platform.command(&arguments)
    }

    /// A command that prints a URL and waits.
    pub fn start(mut command: std::process::Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut url)
            .unwrap();
        if url.is_empty() {
            panic!("{:?}", ran(child.wait_with_output().unwrap()));
        }
        Self {
            child,
            url: url.trim().to_owned(),
        }
    }

    pub fn end(self) -> Ran {
        ran(self.child.wait_with_output().unwrap())
    }

    /// A field of the URL's query.
    pub fn field(&self, name: &str) -> String {
        field(&self.url, name)
    }
}

fn field(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let mut all = query.split('&').filter_map(|pair| pair.split_once('='));
    all.find(|(own, _)| *own == name)
        .map(|(_, value)| value.to_owned())
        .unwrap_or_default()
}

/// What stands between two texts.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text
        .split_once(from)
        .unwrap_or_else(|| panic!("{from} in {text}"))
        .1;
    rest.split_once(to).unwrap().0
}

/// What a browser does up to the form.
fn form_of(platform: &Platform, url: &str) -> (String, String, String) {
    let asked = web::get(url);
    assert_eq!(asked.status, 302, "{asked:?}");
    let login = format!("{}{}", platform.endpoint, asked.header("location"));
    let page = web::get(&login);
    assert_eq!(page.status, 200, "{page:?}");
    let cookie = page
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let token = between(&page.text, "name=\"_csrf\" value=\"", "\"").to_owned();
    (login, cookie, token)
}

/// What somebody does in the browser: the address, the password, the button.
fn fill_in(platform: &Platform, url: &str, password: &str) -> Answer {
    let (login, cookie, token) = form_of(platform, url);
    let escaped = password
        .replace('+', "%2B")
        .replace('=', "%3D")
        .replace('@', "%40")
        .replace('^', "%5E");
    let body = format!("_csrf={token}&username=Ada%40Example.com&password={escaped}");
    web::form(&login, &[("Cookie", &cookie)], &body)
}

#[test]
fn a_browser_signs_in_and_the_tokens_are_kept_for_one_alone() {
    let platform = Platform::with(None);
    let password = platform.user(EMAIL);
    let waiting = Waiting::begin(&platform);
    assert_eq!(waiting.field("code_challenge_method"), "S256");

    // What is not of this sign-in is refused, and does not end it.
    let back = platform.callback.as_str();
    for stray in [
        "",
        "?code=x",
        "?code=x&state=wrong",
        "?error=access_denied&state=wrong",
    ] {
        assert_eq!(web::get(&format!("{back}{stray}")).status, 400, "{stray}");
    }
    assert_eq!(web::get(&back.replace("/callback", "/")).status, 404);
    assert_eq!(web::form(back, &[], "code=x").status, 405);

    let wrong = fill_in(&platform, &waiting.url, "Wrong-Horse-1!");
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text.contains("Incorrect username or password."),
        "{}",
        wrong.text
    );
    let right = fill_in(&platform, &waiting.url, &password);
    assert_eq!(right.status, 302, "{right:?}");
    let to = right.header("location").to_owned();
    assert!(to.starts_with(&platform.callback), "{to}");
    let state = waiting.field("state");
    assert_eq!(field(&to, "state"), state);
    assert_eq!(web::get(&to).status, 200);
    let ended = waiting.end().code(0);
    assert!(
        ended.err.contains("ada@example.com is signed in;"),
        "{}",
        ended.err
    );

    let kept: Vec<_> = std::fs::read_dir(platform.sandbox.path().join(".infra/sign-in"))
        .unwrap()
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(mode(&kept[0].as_ref().unwrap().path()), 0o600);
    let token = platform.token();
    assert_eq!(token.split('.').count(), 3);
    assert!(!ended.err.contains(&token) && !ended.out.contains(&token));

    // A code is good once, and for who began only.
    let base = waiting_base(&platform);
    let replayed = web::form(
        &format!("{base}/oauth2/token"),
        &[],
        &format!(
            "grant_type=authorization_code&client_id={}&code={}&redirect_uri={}&code_verifier={}",
            platform.output("UserPoolClientId"),
            field(&to, "code"),
            platform.callback,
            "x".repeat(43)
        ),
    );
    assert_eq!(
        (replayed.status, replayed.json()["error"].as_str()),
        (400, Some("invalid_grant"))
    );

    platform.run(&["logout"]).code(0);
    let nobody = platform.run(&["token"]).code(2);
    assert!(
        nobody
            .err
            .starts_with("error: nobody is signed in.\n  hint: infra login"),
        "{}",
        nobody.err
    );
    assert_eq!(
        platform.run(&["logout"]).code(0).err,
        "Nobody was signed in.\n"
    );
}

fn waiting_base(platform: &Platform) -> String {
    let domain = platform.output("SignInDomain");
    format!(
        "{}/_auth/{}",
        platform.endpoint,
        domain.split('.').next().unwrap()
    )
}

#[test]
fn the_sign_in_leads_nowhere_that_the_app_client_does_not_name() {
    let platform = Platform::with(None);
    platform.user(EMAIL);
    let (base, client) = (waiting_base(&platform), platform.output("UserPoolClientId"));
    let ask = |fields: &str| web::get(&format!("{base}/oauth2/authorize?{fields}"));
    let back = &platform.callback;
    let good = format!(
        "response_type=code&client_id={client}&redirect_uri={back}&scope=openid&state=s&code_challenge=c&code_challenge_method=S256"
    );
    assert!(
        ask(&good).header("location").starts_with("/_auth/"),
        "{:?}",
        ask(&good)
    );
    // Shown on a page: nothing is sent to who is not known.
    for (from, to) in [
        (back.as_str(), "https://evil.example/"),
        (back.as_str(), "http://localhost:1/callback"),
        (client.as_str(), "nobody"),
    ] {
        let stopped = ask(&good.replace(from, to));
        assert_eq!(
            (stopped.status, stopped.header("location")),
            (400, ""),
            "{to}"
        );
    }
    for (from, to, error) in [
        (
            "response_type=code",
            "response_type=token",
            "unsupported_response_type",
        ),
        ("scope=openid", "scope=admin", "invalid_scope"),
        ("S256", "plain", "invalid_request"),
    ] {
        let sent = ask(&good.replace(from, to));
        let location = sent.header("location");
        assert!(
            location.starts_with(&format!("{back}?error={error}&")),
            "{location}"
        );
        assert!(location.ends_with("&state=s"), "{location}");
    }
    // A form of another site's has no cookie of ours.
    let forged = web::form(
        &format!("{base}/login?{good}"),
        &[],
        "username=a&password=b&_csrf=",
    );
    assert!(forged.text.contains("not from here"), "{}", forged.text);
    let long = web::form(&format!("{base}/login?{good}"), &[], &"x".repeat(20_000));
    assert_eq!(long.status, 413);
    let hostile = ask("client_id=%3Cscript%3E&redirect_uri=%3Cscript%3E");
    assert!(!hostile.text.contains("<script"), "{}", hostile.text);
}

#[test]
fn a_password_is_proved_and_never_sent_and_stale_tokens_become_fresh() {
    let platform = Platform::with(None);
    let password = platform.user(EMAIL);
    let login = ["login", "--username", EMAIL, "--password-stdin"];
    let wrong = platform.type_in(&login, "Wrong-Horse-1!\n").code(3);
    assert_eq!(
        wrong.err,
        "error: RespondToAuthChallenge: Incorrect username or password.\n  because: NotAuthorizedException\n"
    );
    // Who is not there is not told apart from who has another password.
    let nobody = ["login", "--username", "eve@example.com", "--password-stdin"];
    assert_eq!(
        platform.type_in(&nobody, "Wrong-Horse-1!\n").code(3).err,
        wrong.err
    );
    platform.type_in(&login, &password).code(0);
    let first = platform.token();
    assert_eq!(platform.token(), first);

    let kept = std::fs::read_dir(platform.sandbox.path().join(".infra/sign-in")).unwrap();
    let path = kept.map(|one| one.unwrap().path()).next().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    // Its claims, with an end that is past: what is kept is looked at, not trusted.
    let mut tokens: serde_json::Value = serde_json::from_str(&text).unwrap();
    let parts: Vec<&str> = first.split('.').collect();
    let sub = claim(&first, "sub");
    let claims = encode(&format!("{{\"exp\": 1, \"sub\": {sub}}}"));
    tokens["id"] = format!("{}.{claims}.{}", parts[0], parts[2]).into();
    std::fs::write(&path, tokens.to_string()).unwrap();
    let fresh = platform.token();
    assert_ne!(fresh, first);
    assert_eq!(claim(&fresh, "sub"), sub);
    assert_eq!(mode(&path), 0o600);

    // A sign-in that was ended elsewhere ends here.
    tokens["refresh"] = "nothing".into();
    std::fs::write(&path, tokens.to_string()).unwrap();
    let ended = platform.run(&["token"]).code(3);
    assert_eq!(
        ended.err,
        "error: the sign-in has ended.\n  hint: infra login begins another one\n"
    );
    assert!(!path.exists());
}

/// A claim of a token, as JSON.
pub fn claim(token: &str, name: &str) -> serde_json::Value {
    use base64::Engine as _;
    let text = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    claims[name].clone()
}

/// Text as a token has it.
pub fn encode(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn whoever_signs_up_has_to_confirm_the_address() {
    let platform = Platform::with(None);
    let waiting = Waiting::begin(&platform);
    let (login, cookie, token) = form_of(&platform, &waiting.url);
    let send = |path: &str, fields: &str| {
        let body = format!("_csrf={token}&username=eve%40example.com&{fields}");
        web::form(
            &login.replace("/login?", path),
            &[("Cookie", &cookie)],
            &body,
        )
    };
    let weak = send("/signup?", "name=Eve&password=swordfish");
    assert!(
        weak.text.contains("Password not long enough"),
        "{}",
        weak.text
    );
    let asked = send("/signup?", "name=Eve&password=Right-Horse-1!");
    assert!(
        asked.text.contains("Confirm your address"),
        "{}",
        asked.text
    );
    let early = send("/login?", "password=Right-Horse-1!");
    assert!(early.text.contains("not confirmed yet"), "{}", early.text);
    assert!(
        send("/confirm?", "code=000")
            .text
            .contains("Invalid verification code")
    );
    let mail = platform.sandbox.read(".infra/local/outbox.txt");
    let code = mail.trim().rsplit(' ').next().unwrap();
    assert_eq!(send("/confirm?", &format!("code={code}")).status, 302);
    let back = send("/login?", "password=Right-Horse-1!");
    web::get(back.header("location"));
    waiting.end().code(0);
}

#[test]
fn a_callback_that_cannot_be_listened_on_is_said() {
    let platform = Platform::with(None);
    for bad in [
        "https://example.com",
        "http://localhost/callback",
        "http://10.0.0.1:80/x",
    ] {
        let ran = platform
            .run(&["login", "--no-browser", "--callback", bad])
            .code(2);
        assert!(
            ran.err
                .starts_with(&format!("error: {bad} is no callback to listen on.\n")),
            "{}",
            ran.err
        );
    }
    let late = [
        "login",
        "--no-browser",
        "--timeout",
        "1",
        "--callback",
        &platform.callback,
    ];
    assert!(
        platform
            .run(&late)
            .code(3)
            .err
            .contains("error: nobody signed in within 1 s.")
    );
}
