//! The other services, as far as clients of CloudFormation talk to them. What they tell of
//! resources is what the stacks hold.

pub mod s3;
pub mod ssm;
pub mod sts;

use super::core::Core;
use super::refusal::Refusal;
use serde_json::Value;

/// An HTTP request, taken apart.
#[derive(Debug)]
pub struct Request<'a> {
    /// GET, PUT and so on.
    pub method: &'a str,
    /// The path, still escaped.
    pub path: &'a str,
    /// What stands after the question mark.
    pub query: &'a str,
    /// The operation, where a header names it (`X-Amz-Target`), without the service in front.
    pub target: &'a str,
    /// Whether the body is in chunks with signatures (`aws-chunked`).
    pub chunked: bool,
    /// The body.
    pub body: &'a [u8],
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
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
        Self {
            status,
            content_type: "application/x-amz-json-1.1",
            body: value.to_string().into_bytes(),
        }
    }
}

/// Answers a request to a service by the name that it is signed for; unsigned ones are for S3.
pub fn answer(core: &Core, service: &str, request: &Request<'_>) -> Answer {
    match service {
        "ssm" => Answer::json(ssm::answer(core, request)),
        _ => s3::answer(core.store.directory(), request),
    }
}

/// The refusal of an operation that is not here.
pub fn unknown(operation: &str) -> Refusal {
    Refusal::new(
        400,
        "UnknownOperationException",
        format!("the embedded services know no operation {operation}"),
    )
}
