//! Asking the API for a prediction.

use super::signin::tokens::Reader;
use super::web::{Address, Reply, Web};
use crate::error::{Error, Passing, Result};
use crate::settings::command;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde::Serialize;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// How often a request is sent that the API has no time for now.
const ATTEMPTS: u32 = 6;
/// The same where the stage throttles: that passes for sure, and whoever asks much meets it often.
const THROTTLED: u32 = 12;
/// The first pause between two attempts; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two attempts.
const SLOWEST: Duration = Duration::from_secs(8);
/// The longest pause, whatever the API asks for.
const LONGEST: Duration = Duration::from_secs(30);

/// Who asks, and where.
#[derive(Debug, Clone)]
pub struct Api {
    /// POST goes there.
    pub loans: Address,
    /// Plain HTTP.
    pub web: Web,
    /// The tokens of who has signed in.
    pub tokens: Reader,
}

/// A prediction, and how it was come by.
#[derive(Debug, Clone, Serialize)]
pub struct Prediction {
    /// Whether the strategy will work.
    pub effective: bool,
    /// The API's name for the request, for who reads its logs.
    pub request_id: String,
    /// How often it was sent.
    pub attempts: u32,
}

impl Api {
    /// Asks, again where the API has no time.
    ///
    /// # Errors
    /// When the API refuses, cannot be reached, or answers something else than a prediction.
    pub async fn ask(&self, request: &Value) -> Result<Prediction> {
        let mut attempt = 1;
        loop {
            let token = self.tokens.fresh().await?;
            let answer = match self.send(request, &token).await {
                Ok(reply) => {
                    read(&reply, attempt).map_err(|error| (error, wait(&reply), most(reply.status)))
                }
                Err(error) => Err((error, None, ATTEMPTS)),
            };
            let (error, asked, most) = match answer {
                Ok(prediction) => return Ok(prediction),
                Err(refused) => refused,
            };
            if error.passing.is_none() || attempt >= most {
                return Err(match attempt {
                    1 => error,
                    _ => error.because(format!("it was sent {attempt} times")),
                });
            }
            let pause = asked.unwrap_or_else(|| pause(request, attempt));
            tokio::time::sleep(pause.min(LONGEST)).await;
            attempt += 1;
        }
    }

    async fn send(&self, request: &Value, token: &str) -> Result<Reply> {
        let headers = [
            (CONTENT_TYPE, "application/json".to_owned()),
            (ACCEPT, "application/json".to_owned()),
            (AUTHORIZATION, format!("Bearer {token}")),
        ];
        let body = request.to_string().into_bytes();
        self.web
            .send(Method::POST, &self.loans, &headers, body, "the prediction")
            .await
    }

    /// What is sent, for who wants to know; the token is not shown.
    pub fn explained(&self, request: &Value) -> Value {
        serde_json::json!({
            "method": "POST",
            "url": self.loans.url,
            "sent_to": self.loans.instead,
            "headers": {
                "content-type": "application/json",
                "authorization": format!("Bearer {}", crate::secrets::MASK),
            },
            "body": request,
        })
    }
}

/// How often a request is sent that is answered so.
fn most(status: u16) -> u32 {
    if status == 429 { THROTTLED } else { ATTEMPTS }
}

/// How long to wait after so many attempts: half of the time at the least, and the rest by the request, so
/// that many that were refused together do not come again together.
fn pause(request: &Value, attempt: u32) -> Duration {
    let whole = PAUSE
        .saturating_mul(2_u32.saturating_pow(attempt - 1))
        .min(SLOWEST);
    let mut hasher = DefaultHasher::new();
    (request.to_string(), attempt).hash(&mut hasher);
    let share = f64::from(u32::try_from(hasher.finish() % 1000).unwrap_or_default()) / 1000.0;
    whole.mul_f64(0.5 + share / 2.0)
}

/// What an answer means.
fn read(reply: &Reply, attempts: u32) -> Result<Prediction> {
    let body = reply.json();
    let id = ["x-amzn-requestid", "x-amz-apigw-id"]
        .iter()
        .find_map(|name| reply.header(name));
    let request_id: String = id.unwrap_or_default().chars().take(80).collect();
    if let (200, Some(effective)) = (reply.status, body["effective"].as_bool()) {
        return Ok(Prediction {
            effective,
            request_id,
            attempts,
        });
    }
    let said = body["message"].as_str().map(tame);
    let told = said.unwrap_or_else(|| "no message".to_owned());
    let mut error = Error::aws(format!("the API answered HTTP {}: {told}.", reply.status));
    if !request_id.is_empty() {
        error = error.because(format!("request {request_id}"));
    }
    error.passing = matches!(reply.status, 429 | 503).then_some(Passing::Service);
    Err(match reply.status {
        200 => Error::aws("the API answered HTTP 200 and no prediction.")
            .hint("is the output ApiUrl this platform's?"),
        401 => error.hint(format!("{} signs in again", command("login"))),
        403 => error.hint("the web ACL, or the API's policy, keeps this request out"),
        429 => error.hint("the stage's throttle: ThrottlingRate in the API's stack"),
        503 => error.hint(format!(
            "{} says how far the model is",
            command("model status")
        )),
        500..=599 => error
            .hint("the function's log group says why; the embedded one is in .infra/local/logs"),
        _ => error,
    })
}

/// A stranger's words, fit to be shown.
fn tame(text: &str) -> String {
    let text = text.trim_end_matches('.');
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

/// The pause that the API asks for.
fn wait(reply: &Reply) -> Option<Duration> {
    reply
        .header("retry-after")?
        .parse()
        .ok()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> String {
        let reply = Reply {
            status,
            headers: hyper::HeaderMap::default(),
            body: body.as_bytes().to_vec(),
        };
        match read(&reply, 1) {
            Ok(prediction) => prediction.effective.to_string(),
            Err(error) => error.messages.join(" "),
        }
    }

    #[test]
    fn pauses_grow_and_part_those_that_were_refused_together() {
        let rows: Vec<Value> = (0..8)
            .map(|age| serde_json::json!({ "age": age }))
            .collect();
        for attempt in 1..THROTTLED {
            let whole = PAUSE.saturating_mul(2_u32.pow(attempt - 1)).min(SLOWEST);
            let pauses: std::collections::BTreeSet<Duration> =
                rows.iter().map(|row| pause(row, attempt)).collect();
            assert!(pauses.len() > 4, "{pauses:?}");
            assert!(
                pauses.iter().all(|one| *one <= whole && *one >= whole / 2),
                "{pauses:?}"
            );
        }
    }

    #[test]
    fn the_api_names_the_pause_in_seconds_or_not_at_all() {
        let named = |value: &'static str| {
            let value = hyper::header::HeaderValue::from_static(value);
            wait(&Reply {
                status: 503,
                headers: [(hyper::header::RETRY_AFTER, value)].into_iter().collect(),
                body: Vec::new(),
            })
        };
        assert_eq!(named("7"), Some(Duration::from_secs(7)));
        for other in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "9e9"] {
            assert_eq!(named(other), None, "{other}");
        }
    }

    #[test]
    fn only_a_prediction_is_one() {
        assert_eq!(said(200, r#"{"effective": true}"#), "true");
        for body in ["", "{}", r#"{"effective": "true"}"#, "[true]", "<html>"] {
            assert_eq!(
                said(200, body),
                "the API answered HTTP 200 and no prediction.",
                "{body}"
            );
        }
        assert_eq!(
            said(500, r#"{"effective": true}"#),
            "the API answered HTTP 500: no message."
        );
        let coloured = "{\"message\": \"\\u001b[31mred\"}";
        assert_eq!(said(400, coloured), "the API answered HTTP 400: [31mred.");
    }
}
