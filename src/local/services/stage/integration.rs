//! What stands behind a method. Code does not run here yet: what runs it comes in here.

use super::super::Answer;
use super::responses::{self, Refused};
use super::routes::Route;
use super::visit::Stay;
use serde_json::Value;

/// The answer to a request that has passed all guards, with what its token says of its bearer.
pub fn answer(route: &Route<'_>, stay: &Stay<'_>, claims: &Value) -> Result<Answer, Refused> {
    let integration = &route.method.properties["Integration"];
    if integration["Type"] == "MOCK" {
        return Ok(mock(integration, stay));
    }
    let _ = claims;
    Err(Refused::saying(
        responses::FAILED,
        "the embedded API Gateway runs no code: nothing answers behind this method",
    ))
}

/// A mock answers its response without a pattern, with the headers that are given as texts. Templates
/// are not evaluated.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html>
fn mock(integration: &Value, stay: &Stay<'_>) -> Answer {
    let responses = integration["IntegrationResponses"].as_array();
    let mut all = responses.into_iter().flatten();
    let chosen = all.find(|one| one["SelectionPattern"].as_str().is_none_or(str::is_empty));
    let chosen = chosen.unwrap_or(&Value::Null);
    let status = match &chosen["StatusCode"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|code| u16::try_from(code).ok()),
    };
    let template = chosen["ResponseTemplates"]["application/json"].as_str();
    let body = template.unwrap_or_default().as_bytes().to_vec();
    let mut answer = Answer::new(status.unwrap_or(200), "application/json", body)
        .with("x-amzn-requestid", stay.request.clone())
        .with("x-amz-apigw-id", stay.extended());
    let parameters = chosen["ResponseParameters"].as_object();
    for (name, value) in parameters.into_iter().flatten() {
        let header = name.strip_prefix("method.response.header.");
        let text = value.as_str().and_then(|text| text.strip_prefix('\''));
        let text = text.and_then(|text| text.strip_suffix('\''));
        if let (Some(header), Some(text)) = (header, text) {
            answer = answer.with(&header.to_lowercase(), text.to_owned());
        }
    }
    answer
}
