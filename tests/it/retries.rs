//! `infra predict` before an API that has no time, fails or is somebody else's: what is asked again, how
//! often, and what is never asked twice.

use crate::platform::{HANDLER, Platform, REQUEST};
use crate::web::{Asked, Playing, play, says};
use serde_json::{Value, json};
use std::time::Duration;

const GOOD: &str = r#"{"effective": true}"#;
/// Comes again at once.
const NOW: &str = "retry-after: 0\r\n";

/// The shipped platform with somebody signed in, whose stacks say that the API is that server.
fn before(api: &Playing) -> Platform {
    let platform = Platform::set_up(Some(HANDLER), |sandbox| {
        sandbox.edit(
            "templates/api-and-cognito.yaml",
            "!Sub https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}",
            &api.url,
        );
    });
    platform.sign_in();
    platform
}

/// The age that a request asks about, by which a server that plays the API knows what it is to say.
fn age(asked: &Asked) -> u64 {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    body["age"].as_u64().unwrap()
}

/// How many were asked about that age.
fn times(all: &[Asked], wanted: u64) -> usize {
    all.iter().filter(|asked| age(asked) == wanted).count()
}

#[test]
fn what_passes_is_asked_again_so_often_and_the_rest_once() {
    let api = play(|all| {
        let (age, nth) = (
            age(all.last().unwrap()),
            times(all, age(all.last().unwrap())),
        );
        match age {
            // The sixth of 503 is the last, the twelfth of 429.
            20 if nth < 6 => says(503, NOW, "{}"),
            21 if nth < 12 => says(429, NOW, "{}"),
            22 => says(503, NOW, r#"{"message": "the model is not ready"}"#),
            23 => says(429, NOW, r#"{"message": "Too Many Requests"}"#),
            24 if nth < 2 => String::new(),
            25 if nth < 2 => says(503, "retry-after: 2\r\n", "{}"),
            40 => says(302, "location: http://127.0.0.1:1/elsewhere\r\n", ""),
            41..=49 => {
                let status = [400, 401, 403, 404, 413, 500, 501, 502, 504];
                let status = status[usize::try_from(age).unwrap() - 41];
                says(status, NOW, r#"{"message": "no"}"#)
            }
            _ => says(200, "", GOOD),
        }
    });
    let platform = before(&api);
    let token = platform.token();
    let ask = |age: u64| {
        let age = age.to_string();
        platform.sandbox.write("request.json", REQUEST);
        platform.run(&["predict", "request.json", "--age", &age, "--json"])
    };
    for (age, attempts) in [(20, 6), (21, 12), (24, 2), (25, 2), (30, 1)] {
        let told: Value = serde_json::from_str(&ask(age).code(0).out).unwrap();
        let expected = (&json!(true), &json!(attempts));
        assert_eq!((&told["effective"], &told["attempts"]), expected, "{age}");
        assert_eq!(times(&api.asked(), age), attempts, "{age}");
    }
    // It was asked for two seconds: sooner would be too soon, however slow this machine is.
    let asked = api.asked();
    let of: Vec<&Asked> = asked.iter().filter(|asked| age(asked) == 25).collect();
    assert!(of[1].at - of[0].at >= Duration::from_secs(2));

    for (age, attempts, words) in [
        (22, 6, "the API answered HTTP 503: the model is not ready."),
        (23, 12, "the API answered HTTP 429: Too Many Requests."),
    ] {
        let refused = ask(age).code(3);
        assert!(refused.err.contains(words), "{}", refused.err);
        let count = format!("it was sent {attempts} times");
        assert!(refused.err.contains(&count), "{}", refused.err);
        assert_eq!(times(&api.asked(), age), attempts);
    }
    // Whatever else it is, it does not pass; and nobody is sent on to somebody else.
    for age in 40..=49 {
        let refused = ask(age).code(3);
        assert_eq!(times(&api.asked(), age), 1, "{age}: {}", refused.err);
        assert!(!refused.err.contains(&token), "{age}");
        let hinted = refused.err.contains("hint: infra login signs in again");
        assert_eq!(hinted, age == 42, "{age}: {}", refused.err);
    }
    let bearer = format!("authorization: bearer {}", token.to_lowercase());
    let all = api.asked();
    assert!(
        all.iter()
            .all(|asked| asked.head.to_lowercase().contains(&bearer))
    );
    assert!(all.iter().all(|asked| asked.line == "POST /loan HTTP/1.1"));
}

/// A table of so many requests, each of an age of its own.
fn table(rows: u64) -> String {
    let request: Value = serde_json::from_str(REQUEST).unwrap();
    let fields = request.as_object().unwrap();
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let line = |age: u64| {
        let values = fields.iter().map(|(name, value)| match name.as_str() {
            "age" => age.to_string(),
            _ => value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        });
        values.collect::<Vec<_>>().join(",") + "\n"
    };
    let lines: String = (20..20 + rows).map(line).collect();
    format!("{}\n{lines}", names.join(","))
}

#[test]
fn a_batch_that_the_api_stops_keeps_its_answers_and_asks_for_the_rest_alone() {
    // Down at the fifth row, for as long as it was asked six times.
    let api = play(|all| match age(all.last().unwrap()) {
        24 if times(all, 24) <= 6 => says(503, NOW, r#"{"message": "the model is not ready"}"#),
        _ => says(200, "", GOOD),
    });
    let platform = before(&api);
    platform.sandbox.write("in.csv", &table(10));
    let batch = ["predict", "--batch", "in.csv", "out.csv", "--at-once", "1"];
    let stopped = platform.run(&batch).code(3);
    assert!(
        stopped.err.contains("row 5 of 10; 4 are answered and kept"),
        "{}",
        stopped.err
    );
    let kept = platform.sandbox.read("out.csv");
    assert_eq!(kept.lines().count(), 5);
    let asked = api.asked().len();
    let ended = platform.run(&batch).code(0);
    assert!(
        ended
            .err
            .starts_with("4 of 10 rows are answered already.\n"),
        "{}",
        ended.err
    );
    assert!(platform.sandbox.read("out.csv").starts_with(&kept));
    assert_eq!(platform.sandbox.read("out.csv").lines().count(), 11);
    let again: Vec<u64> = api.asked()[asked..].iter().map(age).collect();
    assert_eq!(again, [24, 25, 26, 27, 28, 29]);
}
