//! What attackers send to the deployed platform: SQL in every field, other types, bodies of megabytes. It is
//! refused in clear words; nothing is executed, nothing stored, nothing told.

use crate::platform::{EMAIL, Platform, REQUEST};
use crate::web::{self, Answer};
use serde_json::{Value, json};

/// What would do harm if it ever became a part of a statement.
const INJECTED: [&str; 6] = [
    "'; DROP TABLE public.raw_data; --",
    "1); DROP MODEL predict_model; --",
    "0 OR 1=1",
    "$$; SELECT password FROM pg_shadow; $$",
    ":income",
    "x\", \"effective\": true, \"y\": \"",
];

/// No field takes one of them.
fn strange() -> Vec<Value> {
    let words = INJECTED.iter().map(|text| json!(text));
    let others = [
        Value::Null,
        json!(true),
        json!([]),
        json!({"$ne": 1}),
        json!(-1e300),
        json!("x".repeat(1_000_000)),
    ];
    words.chain(others).collect()
}

/// What no answer and no log holds.
fn discreet(text: &str) {
    for word in [
        "Traceback",
        "SELECT",
        "ml_fn_prediction",
        "raw_data (",
        "loan-remediation-wg",
        "handler.py",
        "File \"",
    ] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

fn field_names() -> Vec<String> {
    let request: Value = serde_json::from_str(REQUEST).unwrap();
    request.as_object().unwrap().keys().cloned().collect()
}

/// A good request with one field that is not.
fn with(name: &str, value: &Value) -> String {
    let mut request: Value = serde_json::from_str(REQUEST).unwrap();
    request[name] = value.clone();
    request.to_string()
}

/// The stage, and the function behind it, of a platform.
struct Doors {
    platform: Platform,
    stage: String,
    function: String,
    bearer: String,
}

impl Doors {
    fn of(platform: Platform) -> Self {
        let bearer = format!("Bearer {}", platform.sign_in());
        let (at, api) = (&platform.endpoint, platform.output("ApiId"));
        let function = platform.output("FunctionName");
        Self {
            stage: format!("{at}/_execute-api/{api}/prod/loan"),
            function: format!("{at}/2015-03-31/functions/{function}/invocations"),
            bearer,
            platform,
        }
    }

    fn post(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let own = ("Authorization", self.bearer.as_str());
        web::send("POST", &self.stage, &[&[own], headers].concat(), body)
    }

    /// Past the stage and its validator: by Lambda's own API.
    fn invoke(&self, event: &Value) -> Answer {
        let signed =
            "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/lambda/aws4_request, Signature=0";
        let headers = [("Authorization", signed)];
        web::send("POST", &self.function, &headers, &event.to_string())
    }

    /// The handler's own answer to a body: its status and message.
    fn handled(&self, body: &str) -> (u64, String) {
        let answer = self.invoke(&json!({ "body": body }));
        assert_eq!(
            (answer.status, answer.header("x-amz-function-error")),
            (200, ""),
            "{answer:?}"
        );
        let told = answer.json();
        let body: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
        (
            told["statusCode"].as_u64().unwrap(),
            body["message"].as_str().unwrap_or_default().to_owned(),
        )
    }

    fn warehouse(&self) -> std::path::PathBuf {
        self.platform.sandbox.path().join(".infra/local/warehouse")
    }

    fn log(&self) -> String {
        let logs = self.platform.sandbox.path().join(".infra/local/logs");
        let files = std::fs::read_dir(logs).into_iter().flatten().flatten();
        files
            .map(|file| std::fs::read_to_string(file.path()).unwrap())
            .collect()
    }
}

#[test]
fn sql_and_other_types_in_any_field_reach_no_statement() {
    // Hundreds of requests in a second: the throttle is not what is tried here.
    let doors = Doors::of(Platform::set_up(None, |sandbox| {
        let parameters = "[stacks.ApiAndCognitoStack.parameters]\n";
        let unthrottled = format!("{parameters}ThrottlingRate = 5000\nThrottlingBurst = 5000\n");
        sandbox.edit("stacks.toml", parameters, &unthrottled);
    }));
    let names = field_names();
    assert_eq!(names.len(), 14);
    for name in &names {
        for value in strange() {
            let body = with(name, &value);
            let refused = doors.post(&[], &body);
            assert_eq!(refused.status, 400, "{name}: {value:.40}");
            // Whatever was sent, the answer stays the one that the template makes.
            let told = refused.json();
            let told = told.as_object().unwrap();
            assert_eq!(told.len(), 2, "{name}: {value:.40}");
            assert!(told["message"].is_string() && told["bounds"][name].is_object());
            discreet(&refused.text.replace("SELECT password", ""));

            let (status, message) = doors.handled(&body);
            assert_eq!(status, 400, "{name}: {value:.40}");
            assert!(
                message.starts_with(&format!("{name} must be ")),
                "{message}"
            );
            discreet(&message);
        }
    }
    // SQL for a name, and what is no request at all, whatever it is said to be.
    for body in [
        with("age) FROM raw_data; --", &json!(1)),
        "'; DROP TABLE raw_data; --".to_owned(),
        "[]".to_owned(),
        "\"SELECT 1\"".to_owned(),
        "{\"age\": 1e999}".to_owned(),
        "{\"age\": NaN}".to_owned(),
        String::new(),
        "[".repeat(100_000),
        "{\"age\":".repeat(100_000),
    ] {
        for kind in ["application/json", "text/plain", "application/xml"] {
            let refused = doors.post(&[("Content-Type", kind)], &body);
            assert_eq!(refused.status, 400, "{kind}: {body:.40}");
        }
        let (status, message) = doors.handled(&body);
        assert_eq!(status, 400, "{body:.40}: {message}");
        discreet(&message.replace("FROM raw_data", ""));
        assert!(message.len() < 200, "{message}");
    }
    // Events that API Gateway never sends; Lambda's API takes them from whoever may call it.
    for event in [
        json!({ "body": 5 }),
        json!({ "body": { "age": 38 } }),
        json!({ "body": "no base64", "isBase64Encoded": true }),
        json!({}),
    ] {
        let answer = doors.invoke(&event);
        assert_eq!(answer.header("x-amz-function-error"), "", "{event}");
        assert_eq!(answer.json()["statusCode"], 400, "{event}: {}", answer.text);
        discreet(&answer.text);
    }
    assert!(!doors.warehouse().exists(), "something was executed");
    let log = doors.log();
    for text in INJECTED {
        assert!(!log.contains(text), "{text} in {log}");
    }

    // The measure itself: a good request does reach the warehouse, and its log tells nothing of the person.
    assert_eq!(doors.post(&[], REQUEST).status, 503);
    assert!(doors.warehouse().exists());
    let log = doors.log();
    assert!(log.contains("not ready"), "{log}");
    for told in ["41820", "221750", "Unemployed", "Forbearance", EMAIL] {
        assert!(!log.contains(told), "{told} in {log}");
    }
    discreet(&log);
}

/// A call of a user pool's API as anybody makes it, unsigned.
fn cognito(platform: &Platform, operation: &str, asked: &Value) -> Answer {
    let target = format!("AWSCognitoIdentityProviderService.{operation}");
    let headers = [
        ("X-Amz-Target", target.as_str()),
        ("Content-Type", "application/x-amz-json-1.1"),
    ];
    web::send("POST", &platform.endpoint, &headers, &asked.to_string())
}

#[test]
fn bodies_of_megabytes_are_refused_and_nothing_of_them_is_kept() {
    const MEGABYTE: usize = 1024 * 1024;
    let doors = Doors::of(Platform::with(None));
    let platform = &doors.platform;
    platform.settled();

    // API Gateway takes 10 MB: one byte more is too long, whatever it says.
    let padded = |length: usize| format!("{REQUEST}{}", " ".repeat(length - REQUEST.len()));
    let long = doors.post(&[], &padded(10 * MEGABYTE + 1));
    assert_eq!(
        (long.status, long.json()),
        (413, json!({"message": "Request Too Long"}))
    );
    let bad = doors.post(&[], &format!("{}]", " ".repeat(10 * MEGABYTE - 1)));
    assert_eq!(bad.status, 400, "{bad:?}");
    assert!(!doors.warehouse().exists(), "something was executed");

    let domain = platform.output("SignInDomain");
    let prefix = domain.split('.').next().unwrap();
    let base = format!("{}/_auth/{prefix}", platform.endpoint);
    let needle = "needle".repeat(MEGABYTE);
    for path in [
        "login",
        "signup",
        "confirm",
        "oauth2/token",
        "oauth2/revoke",
    ] {
        let refused = web::form(
            &format!("{base}/{path}"),
            &[],
            &format!("username=eve%40example.com&password=x&code={needle}"),
        );
        assert_eq!(refused.status, 413, "{path}");
        assert!(refused.text.len() < 2000, "{path}");
    }

    let client = platform.output("UserPoolClientId");
    let pool = platform.output("UserPoolId");
    let eve = "eve@example.com";
    let named = json!([{"Name": "name", "Value": needle}, {"Name": "email", "Value": eve}]);
    let plain = json!([{"Name": "name", "Value": "Eve"}]);
    let strange = json!([{"Name": "name", "Value": "Eve"}, {"Name": needle, "Value": "x"}]);
    let good = "Right-Horse-1!";
    for (operation, asked) in [
        (
            "SignUp",
            json!({"Username": needle, "Password": good, "UserAttributes": plain}),
        ),
        (
            "SignUp",
            json!({"Username": format!("{needle}@example.com"), "Password": good, "UserAttributes": plain}),
        ),
        (
            "SignUp",
            json!({"Username": eve, "Password": needle, "UserAttributes": plain}),
        ),
        (
            "SignUp",
            json!({"Username": eve, "Password": good, "UserAttributes": named}),
        ),
        (
            "SignUp",
            json!({"Username": eve, "Password": good, "UserAttributes": strange}),
        ),
        (
            "AdminCreateUser",
            json!({"UserPoolId": pool, "Username": eve, "UserAttributes": named}),
        ),
        (
            "ConfirmSignUp",
            json!({"Username": EMAIL, "ConfirmationCode": needle}),
        ),
        (
            "InitiateAuth",
            json!({"AuthFlow": "USER_SRP_AUTH", "AuthParameters": {"USERNAME": EMAIL, "SRP_A": needle}}),
        ),
        (
            "InitiateAuth",
            json!({"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": needle}}),
        ),
        (
            "RespondToAuthChallenge",
            json!({"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": needle,
                   "ChallengeResponses": {"USERNAME": EMAIL, "NEW_PASSWORD": needle}}),
        ),
        ("GetUser", json!({"AccessToken": needle})),
    ] {
        let mut asked = asked;
        asked["ClientId"] = json!(client);
        let refused = cognito(platform, operation, &asked);
        assert_eq!(refused.status, 400, "{operation}: {:.300}", refused.text);
        assert!(
            refused.text.len() < 1000,
            "{operation}: {:.300}",
            refused.text
        );
        assert!(refused.json()["__type"].is_string(), "{}", refused.text);
    }
    // As JSON is not: another type for every member.
    for body in [
        "",
        "[",
        "5",
        "{\"ClientId\": 5}",
        "{\"ClientId\": {}, \"AuthFlow\": []}",
    ] {
        let headers = [(
            "X-Amz-Target",
            "AWSCognitoIdentityProviderService.InitiateAuth",
        )];
        let refused = web::send("POST", &platform.endpoint, &headers, body);
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
    }
    // One user and no more, and no word of what was sent.
    let listed = platform.run(&["user", "list"]).code(0);
    assert_eq!(listed.out.lines().count(), 2, "{}", listed.out);
    assert!(!platform.everything().contains("needle"));
}
