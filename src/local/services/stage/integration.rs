//! What stands behind a method: a function, or nothing but a mock.

use super::super::Answer;
use super::super::holdings::Holdings;
use super::super::lambda;
use super::super::lambda::work::Invocation;
use super::proxy;
use super::responses::{self, Refused};
use super::routes::Route;
use super::visit::Stay;
use crate::local::core::Core;
use serde_json::Value;
use std::time::Duration;

/// How long API Gateway waits for what stands behind a method.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const PATIENCE: Duration = Duration::from_secs(29);

/// What answers.
pub enum Behind {
    /// The stage itself.
    Answer(Answer),
    /// A function.
    Function(Box<Invocation>),
}

/// What answers a request that has passed all guards, with what its token says of its bearer.
pub fn behind(
    core: &Core,
    holdings: &Holdings<'_>,
    route: &Route<'_>,
    stay: &Stay<'_>,
    claims: &Value,
) -> Result<Behind, Refused> {
    let integration = &route.method.properties["Integration"];
    if integration["Type"] == "MOCK" {
        return Ok(Behind::Answer(mock(integration, stay)));
    }
    let uri = integration["Uri"].as_str().unwrap_or_default();
    let uri = with_variables(uri, &stay.variables);
    let arn = uri
        .split_once("/functions/")
        .and_then(|(_, rest)| rest.strip_suffix("/invocations"));
    let (true, Some(arn)) = (integration["Type"] == "AWS_PROXY", arn) else {
        return Err(Refused::saying(
            responses::FAILED,
            "the embedded API Gateway asks functions by AWS_PROXY, and nothing else",
        ));
    };
    // What may not be called, or is not there, is the same to a caller.
    if !lambda::lets_gateway_in(holdings, arn) {
        return Err(responses::UNREACHED.into());
    }
    let event = proxy::event(route, stay, claims);
    let call = lambda::call_of(core, holdings, arn, event);
    let call = call.ok_or_else(|| Refused::from(responses::UNREACHED))?;
    Ok(Behind::Function(Box::new(call)))
}

/// A text with the stage's variables in it.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/aws-api-gateway-stage-variables-reference.html>
fn with_variables(text: &str, variables: &Value) -> String {
    const OPEN: &str = "${stageVariables.";
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        out.push_str(variables[name].as_str().unwrap_or_default());
        rest = behind;
    }
    out + rest
}

/// Asks the function.
pub async fn call(core: &Core, stay: &Stay<'_>, call: &Invocation) -> Result<Answer, Refused> {
    let asked = tokio::time::timeout(PATIENCE, lambda::work::invoke(core, call)).await;
    let answered = asked.map_err(|_| Refused::from(responses::TIMED_OUT))?;
    let answered = answered.map_err(|_| Refused::from(responses::FAILED))?;
    proxy::answer(&answered, stay).ok_or_else(|| responses::FAILED.into())
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
