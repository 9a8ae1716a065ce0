//! `infra predict`, through the embedded API: its authorizer, its validator, its function.

use crate::login::encode;
use crate::platform::{HANDLER, Platform, REQUEST};
use crate::web;
use serde_json::{Value, json};

fn flags(changed: &[(&str, &str)]) -> Vec<String> {
    let request: Value = serde_json::from_str(REQUEST).unwrap();
    let fields = request.as_object().unwrap().iter();
    let pairs = fields.map(|(name, value)| {
        let own = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let given = changed.iter().find(|(changed, _)| changed == name);
        (
            name.replace('_', "-"),
            given.map_or(own, |(_, value)| (*value).to_owned()),
        )
    });
    let flags = pairs.flat_map(|(name, value)| [format!("--{name}"), value]);
    std::iter::once("predict".to_owned()).chain(flags).collect()
}

fn refs(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

#[test]
fn a_prediction_is_asked_by_flags_by_a_file_and_by_standard_input() {
    let platform = Platform::with(Some(HANDLER));
    platform.sandbox.write("request.json", REQUEST);
    let nobody = platform.run(&["predict", "request.json"]).code(2);
    assert!(
        nobody.err.starts_with("error: nobody is signed in."),
        "{}",
        nobody.err
    );
    let token = platform.sign_in();
    assert_eq!(
        platform.run(&["predict", "request.json"]).code(0).out,
        "not effective\n"
    );
    assert_eq!(
        platform.type_in(&["predict", "-"], REQUEST).code(0).out,
        "not effective\n"
    );
    let rich = flags(&[("income", "50000")]);
    assert_eq!(platform.run(&refs(&rich)).code(0).out, "effective\n");
    let both = ["predict", "request.json", "--income", "60000", "--explain"];
    let explained = platform.run(&both).code(0);
    assert_eq!(explained.out, "effective\n");
    assert!(
        explained.err.contains("\"income\": 60000"),
        "{}",
        explained.err
    );
    assert!(explained.err.contains("Bearer ****") && !explained.err.contains(&token));
    let told = platform
        .run(&["predict", "request.json", "--json", "--explain"])
        .code(0);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(
        (&told["effective"], &told["attempts"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(told["sent"]["body"]["age"], 38);
    // The function's log says what it printed.
    let log = std::fs::read_dir(platform.sandbox.path().join(".infra/local/logs")).unwrap();
    let log = log
        .map(|one| std::fs::read_to_string(one.unwrap().path()).unwrap())
        .collect::<String>();
    assert!(log.contains("asked by "), "{log}");
}

#[test]
fn what_is_outside_of_the_bounds_is_told_and_not_sent() {
    let platform = Platform::with(Some(HANDLER));
    let bad = flags(&[
        ("age", "17"),
        ("gender", "'; DROP TABLE raw_data; --"),
        ("interest_rate", "NaN"),
    ]);
    let refused = platform.run(&refs(&bad)).code(2);
    assert_eq!(
        refused.err,
        "error: the request: age is 17, and must be a whole number from 18 to 65.\n\
         error: the request: gender is \"'; DROP TABLE raw_data; --\", and must be one of Male, Female.\n\
         error: the request: interest_rate is \"NaN\", and must be a number from 0.05 to 0.2.\n\
         \x20 hint: nothing was sent\n"
    );
    let strange = platform.type_in(&["predict", "-"], "{\"agee\": 1}").code(2);
    assert!(
        strange
            .err
            .contains("standard input: agee is not a field: did you mean age?"),
        "{}",
        strange.err
    );
    for (input, words) in [
        ("", "standard input is not JSON"),
        ("[1]", "a request is an object of fields, not a list"),
        ("{\"age\": {}}", "age is an object"),
    ] {
        let refused = platform.type_in(&["predict", "-"], input).code(2);
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    let huge = platform
        .type_in(&["predict", "-"], &" ".repeat(100_000))
        .code(2);
    assert!(
        huge.err
            .contains("standard input is longer than 65536 bytes."),
        "{}",
        huge.err
    );
    let help = platform.run(&["predict", "--help"]).code(0);
    assert!(
        help.out.contains("--missed-payments-duration <VALUE>"),
        "{}",
        help.out
    );
    assert!(
        help.out.contains("a whole number from 0 to 12."),
        "{}",
        help.out
    );
}

#[test]
fn only_an_id_token_of_the_pool_that_holds_opens_the_api() {
    let platform = Platform::with(Some(HANDLER));
    let token = platform.sign_in();
    let bearer = |token: &str| format!("Bearer {token}");
    assert_eq!(platform.post(&bearer(&token), REQUEST).status, 200);
    assert_eq!(platform.post(&token, REQUEST).status, 200);

    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("{token}")
    };
    let kept = platform.everything();
    let access = kept
        .split("\"access\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let mut changed = signature.to_owned();
    let last = if changed.starts_with('A') { "B" } else { "A" };
    changed.replace_range(0..1, last);
    let none = encode("{\"alg\":\"none\",\"typ\":\"JWT\"}");
    let rich = encode("{\"sub\":\"root\",\"token_use\":\"id\",\"exp\":9999999999}");
    for (what, forged) in [
        ("no token", String::new()),
        ("nonsense", "nonsense".to_owned()),
        ("no signature", format!("{header}.{claims}.")),
        ("another signature", format!("{header}.{claims}.{changed}")),
        ("alg none", format!("{none}.{claims}.")),
        ("other claims", format!("{header}.{rich}.{signature}")),
        ("an access token", access.to_owned()),
        ("a long one", "a".repeat(100_000)),
    ] {
        let answer = platform.post(&bearer(&forged), REQUEST);
        // What no header can hold is refused by the server itself.
        assert!(matches!(answer.status, 401 | 431), "{what}: {answer:?}");
        assert!(!answer.text.contains("effective"), "{what}");
    }
    // A token of another platform's pool, on a server of its own; forged.rs has one of the same account.
    let other = Platform::with(Some(HANDLER));
    let stranger = other.sign_in();
    assert_eq!(platform.post(&bearer(&stranger), REQUEST).status, 401);
    // The validator comes behind the authorizer, and names the bounds.
    let refused = platform.post(&bearer(&token), "{\"age\": 17}");
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("bounds"), "{}", refused.text);
    assert_eq!(
        platform
            .post(&bearer(&token), &"[".repeat(2_000_000))
            .status,
        400
    );
}

/// The functions' ways to fail, chosen by the request.
const FAILING: &str = r#"
import json, os, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    age = json.loads(event["body"])["age"]
    if age == 20: raise ValueError("secret: " + os.environ["WORKGROUP"])
    if age == 21: return "nothing"
    if age == 22: return {"statusCode": "many"}
    if age == 23: os._exit(3)
    if age == 24: time.sleep(30)
    if age == 25: return {"statusCode": 200, "body": {1, 2}}
    if age == 26: return {"statusCode": 200, "body": "x" * 300_000_000}
    return {"statusCode": 200, "body": json.dumps({"effective": True, "calls": calls})}
"#;

#[test]
fn a_function_that_fails_is_told_as_api_gateway_tells_it() {
    let platform = Platform::set_up(Some(FAILING), |sandbox| {
        sandbox.edit("templates/lambda.yaml", "Timeout: 28", "Timeout: 2");
    });
    let token = format!("Bearer {}", platform.sign_in());
    let of = |age: u32| {
        platform.post(
            &token,
            &REQUEST.replace("\"age\": 38", &format!("\"age\": {age}")),
        )
    };
    // The same process answers again: what the code has set up stays.
    assert_eq!(of(30).json()["calls"], 1);
    assert_eq!(of(30).json()["calls"], 2);
    for age in [20, 21, 22, 23, 24, 25, 26] {
        let answer = of(age);
        assert_eq!(answer.status, 502, "{age}: {answer:?}");
        assert_eq!(
            answer.json(),
            json!({"message": "Internal server error"}),
            "{age}"
        );
    }
    let logs = std::fs::read_dir(platform.sandbox.path().join(".infra/local/logs")).unwrap();
    let log: String = logs
        .map(|one| std::fs::read_to_string(one.unwrap().path()).unwrap())
        .collect();
    for words in [
        "ValueError: secret",
        "Task timed out after 2.00 seconds",
        "Runtime.MarshalError",
        "Runtime.ExitError",
    ] {
        assert!(log.contains(words), "{words} in {log}");
    }
    // Called by Lambda's own API, the failure is told.
    let name = platform.output("FunctionName");
    let url = format!(
        "{}/2015-03-31/functions/{name}/invocations",
        platform.endpoint
    );
    let signed =
        "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/lambda/aws4_request, Signature=0";
    let event = json!({ "body": "{\"age\": 20}" }).to_string();
    let failed = web::send("POST", &url, &[("Authorization", signed)], &event);
    assert_eq!(
        (failed.status, failed.header("x-amz-function-error")),
        (200, "Unhandled")
    );
    assert_eq!(failed.json()["errorType"], "ValueError");
}

/// The shipped handler runs where no boto3 is; without a model it says so.
#[test]
fn the_shipped_handler_runs_and_has_no_model_to_ask_yet() {
    let platform = Platform::with(None);
    let token = platform.sign_in();
    let answer = platform.post(&format!("Bearer {token}"), REQUEST);
    assert_eq!(
        (answer.status, answer.json()),
        (503, json!({"message": "the model is not ready"}))
    );
}

/// Every single command from nothing to a prediction, and each of them again.
#[test]
fn the_shipped_platform_predicts_with_a_model_of_its_own() {
    let platform = Platform::with(None);
    let rows = crate::sandbox::root().join("data/raw_data.csv");
    let rows = rows.to_str().unwrap();
    for _ in 0..2 {
        platform.run(&["data", "load", rows, "--yes"]).code(0);
        platform.run(&["model", "create", "--yes"]).code(0);
    }
    platform.sign_in();
    let answered = platform.type_in(&["predict", "-"], REQUEST).code(0);
    let said = answered.out.as_str();
    assert!(["effective\n", "not effective\n"].contains(&said), "{said}");
    assert_eq!(
        platform.type_in(&["predict", "-"], REQUEST).code(0).out,
        said
    );
}

fn table(rows: &[(u32, u32)]) -> String {
    let request: Value = serde_json::from_str(REQUEST).unwrap();
    let fields = request.as_object().unwrap();
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let mut text = format!("customer_id,{}\n", names.join(","));
    for (id, income) in rows {
        let values = fields.iter().map(|(name, value)| match name.as_str() {
            "income" => income.to_string(),
            _ => value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        });
        text += &format!("{id},{}\n", values.collect::<Vec<_>>().join(","));
    }
    text
}

#[test]
fn a_batch_goes_on_where_it_stopped_and_waits_out_the_throttle() {
    let platform = Platform::set_up(Some(HANDLER), |sandbox| {
        sandbox.edit(
            "stacks.toml",
            "[stacks.ApiAndCognitoStack.parameters]\n",
            "[stacks.ApiAndCognitoStack.parameters]\nThrottlingRate = 10\nThrottlingBurst = 2\n",
        );
    });
    platform.sign_in();
    let rows: Vec<(u32, u32)> = (0..12).map(|id| (id, 40_000 + 2_000 * id)).collect();
    platform.sandbox.write("in.csv", &table(&rows));
    let batch = ["predict", "--batch", "in.csv", "out.csv", "--at-once", "8"];
    let done = platform.run(&batch).code(0);
    assert!(
        done.err
            .ends_with("12 of 12 rows were answered, into out.csv.\n"),
        "{}",
        done.err
    );
    let whole = platform.sandbox.read("out.csv");
    let answers: Vec<bool> = whole
        .lines()
        .skip(1)
        .map(|line| line.ends_with(",true"))
        .collect();
    let expected: Vec<bool> = rows.iter().map(|(_, income)| *income >= 50_000).collect();
    assert_eq!(answers, expected, "{whole}");

    // Cut in the middle of a row: the rest is asked for, and what was there is not.
    let cut = whole.len() / 2;
    platform.sandbox.write("out.csv", &whole[..cut]);
    let again = platform.run(&batch).code(0);
    assert!(
        again.err.contains(" of 12 rows are answered already.\n"),
        "{}",
        again.err
    );
    assert_eq!(platform.sandbox.read("out.csv"), whole);
    let nothing = platform.run(&batch).code(0);
    assert!(
        nothing
            .err
            .ends_with("0 of 12 rows were answered, into out.csv.\n"),
        "{}",
        nothing.err
    );

    platform.sandbox.write("notes.csv", "my notes\n");
    let other = platform
        .run(&["predict", "--batch", "in.csv", "notes.csv"])
        .code(2);
    assert!(
        other.err.contains("notes.csv holds something else"),
        "{}",
        other.err
    );
    assert_eq!(platform.sandbox.read("notes.csv"), "my notes\n");

    platform
        .sandbox
        .write("bad.csv", &table(&[(1, 5), (2, 50_000), (3, 900_000)]));
    let bad = platform
        .run(&["predict", "--batch", "bad.csv", "none.csv"])
        .code(2);
    assert!(
        bad.err
            .contains("error: bad.csv:2: income is 5, and must be"),
        "{}",
        bad.err
    );
    assert!(
        bad.err.contains("error: bad.csv:4: income is 900000"),
        "{}",
        bad.err
    );
    assert!(
        bad.err
            .contains("hint: 2 rows are not within the bounds; nothing was sent"),
        "{}",
        bad.err
    );
    assert!(!platform.sandbox.path().join("none.csv").exists());
    platform.sandbox.write("broken.csv", "age,age\n\"1,\n");
    platform
        .run(&["predict", "--batch", "broken.csv", "none.csv"])
        .code(2);
}
