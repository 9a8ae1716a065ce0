//! Services whose operations are paths, and that speak JSON.

use super::{Answer, Request};
use crate::local::ids;
use crate::local::query::{Query, decode};
use crate::local::refusal::Refusal;
use serde_json::Value;

/// A request, its path and its query taken apart.
#[derive(Debug)]
pub struct Call<'a> {
    request: &'a Request<'a>,
    path: Vec<String>,
    /// What stands after the question mark.
    pub query: Query,
}

impl<'a> Call<'a> {
    /// Takes a request apart.
    pub fn new(request: &'a Request<'a>) -> Self {
        let parts = request.path.split('/').filter(|part| !part.is_empty());
        Self {
            request,
            path: parts.map(|part| decode(part, false)).collect(),
            query: Query::parse(request.query),
        }
    }

    /// GET, PUT and so on.
    pub fn method(&self) -> &'a str {
        self.request.method
    }

    /// The parts of the path, decoded.
    pub fn parts(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// What stands after the question mark, as it was sent.
    pub fn text_of_query(&self) -> &'a str {
        self.request.query
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    /// The refusal of what is not here.
    pub fn unknown(&self) -> Refusal {
        super::unknown(&format!("{} {}", self.request.method, self.request.path))
    }
}

/// The answer: a status and a value, or a refusal, whose code is in a header.
pub fn told(result: Result<(u16, Value), Refusal>) -> Answer {
    let (status, value, code) = match result {
        Ok((status, value)) => (status, value, None),
        Err(no) => {
            let side = if no.status < 500 { "User" } else { "Service" };
            let error = serde_json::json!({ "Type": side, "message": no.message });
            (no.status, error, Some(no.code))
        }
    };
    let body = if value.is_null() {
        Vec::new()
    } else {
        value.to_string().into_bytes()
    };
    let answer = Answer::new(status, "application/json", body);
    let answer = answer.with("x-amzn-requestid", ids::uuid());
    match code {
        Some(code) => answer.with("x-amzn-errortype", code),
        None => answer,
    }
}
