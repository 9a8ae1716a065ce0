//! The other services, as far as clients of CloudFormation talk to them. What they tell of
//! resources is what the stacks hold.

mod cognito;
mod control;
pub mod ec2;
pub mod firewall;
mod gateway;
mod holdings;
pub mod iam;
pub mod lambda;
mod pages;
mod quotas;
pub mod redshift_data;
mod redshift_serverless;
pub mod rest;
pub mod s3;
pub mod secrets;
pub mod ssm;
pub mod stage;
pub mod sts;
pub mod users;
mod waf;

use super::core::Core;
use super::refusal::Refusal;
use hyper::header::HeaderMap;
use serde_json::Value;
use std::sync::Arc;

/// An HTTP request, taken apart.
#[derive(Debug)]
pub struct Request<'a> {
    /// GET, PUT and so on.
    pub method: &'a str,
    /// The path, still escaped.
    pub path: &'a str,
    /// What stands after the question mark.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The region that it is signed for; empty if it is not signed.
    pub region: &'a str,
    /// The operation, where a header names it (`X-Amz-Target`), without the service in front.
    pub target: &'a str,
    /// Whether the body is in chunks with signatures (`aws-chunked`).
    pub chunked: bool,
    /// The body.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, the content type first.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer of that type.
    pub fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self {
            status,
            headers,
            body,
        }
    }

    /// The same with a header more.
    pub fn with(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    /// An answer of a service that speaks JSON with the operation in a header.
    pub fn json(result: Result<Value, Refusal>) -> Self {
        let (status, value) = match result {
            Ok(Value::Null) => (200, serde_json::json!({})),
            Ok(value) => (200, value),
            Err(no) => {
                let error = serde_json::json!({ "__type": no.code, "message": no.message });
                (no.status, error)
            }
        };
        let body = value.to_string().into_bytes();
        Self::new(status, "application/x-amz-json-1.1", body)
            .with("x-amzn-requestid", super::ids::uuid())
    }
}

/// What stands for the hosted sign-ins, whose requests are not signed.
pub const SIGN_INS: &str = "sign-in";
/// What requests to stages of REST APIs are signed for, where they are signed.
pub const STAGES: &str = "execute-api";

/// Answers a request to a service by the name that it is signed for; unsigned ones are for S3, as
/// are presigned ones, which have no such header.
pub async fn answer(core: &Arc<Core>, service: &str, request: &Request<'_>) -> Answer {
    match service {
        "cloudcontrolapi" => Answer::json(control::answer(core, request))
            .with("content-type", "application/x-amz-json-1.0".to_owned()),
        "servicequotas" => Answer::json(quotas::answer(core, request)),
        "apigateway" => gateway::answer(core, request),
        STAGES => stage::answer(core, request).await,
        "cognito-idp" => Answer::json(match users::answer(core, request) {
            Some(done) => done,
            None => cognito::answer(core, request),
        }),
        SIGN_INS => users::hosted::answer(core, request),
        "lambda" => lambda::answer(core, request).await,
        "redshift-serverless" => Answer::json(redshift_serverless::answer(core, request)),
        "secretsmanager" => Answer::json(secrets::answer(core, request)),
        "ssm" => Answer::json(ssm::answer(core, request)),
        "wafv2" => Answer::json(waf::answer(core, request)),
        "redshift-data" => Answer::json(redshift_data::answer(core, request)),
        "s3" | "" => s3::answer(core, request),
        other => Answer::json(Err(absent(other))),
    }
}

/// Whether the service's operations are paths, and its refusals JSON.
pub fn is_rest(service: &str) -> bool {
    matches!(service, "apigateway" | "lambda" | STAGES)
}

/// The body of a request as JSON.
fn asked(request: &Request<'_>) -> Result<Value, Refusal> {
    serde_json::from_slice(request.body)
        .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))
}

/// The refusal of a service that is not here.
pub fn absent(service: &str) -> Refusal {
    Refusal::new(
        400,
        "UnknownOperationException",
        format!("the embedded CloudFormation has no service {service} beside it"),
    )
}

/// The refusal of an operation that is not here.
pub fn unknown(operation: &str) -> Refusal {
    Refusal::new(
        400,
        "UnknownOperationException",
        format!("the embedded services know no operation {operation}"),
    )
}

/// The refusal of an operation that would change something, of a service that is only read here.
pub fn changes(service: &str, operation: &str) -> Refusal {
    Refusal::new(
        400,
        "UnsupportedOperation",
        format!(
            "{operation} is not for the embedded {service}, which is only read: what it tells is what \
             the stacks hold"
        ),
    )
}

/// A page of a list, for services that call its bounds `NextToken` and `MaxResults`.
fn paged(paging: &pages::Paging, all: Vec<Value>, asked: &Value) -> Result<Value, Refusal> {
    let page = paging.page(
        &all,
        asked["NextToken"].as_str(),
        asked["MaxResults"].as_u64(),
    );
    page.ok_or_else(|| Refusal::new(400, "InvalidPaginationTokenException", "Invalid NextToken."))
}
