//! A request as a function gets it, and its answer.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use super::super::Answer;
use super::routes::Route;
use super::visit::Stay;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The event.
pub(super) fn event(route: &Route<'_>, stay: &Stay<'_>, claims: &Value) -> Value {
    let visit = &stay.visit;
    let (headers, all_headers) = grouped(visit.headers.iter().cloned());
    let (query, all_queries) = grouped(visit.arguments().into_iter());
    let mut context: Map<String, Value> = [
        "accountId",
        "apiId",
        "domainName",
        "extendedRequestId",
        "httpMethod",
        "path",
        "protocol",
        "requestId",
        "requestTime",
        "resourcePath",
        "stage",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), Value::from(stay.context(name))))
    .collect();
    let epoch = stay
        .context("requestTimeEpoch")
        .parse::<u64>()
        .unwrap_or_default();
    context.insert("requestTimeEpoch".to_owned(), Value::from(epoch));
    context.insert(
        "resourceId".to_owned(),
        Value::from(route.method.text("ResourceId")),
    );
    context.insert(
        "identity".to_owned(),
        json!({
            "sourceIp": stay.context("identity.sourceIp"),
            "userAgent": stay.context("identity.userAgent"),
        }),
    );
    if let Some(claims) = claims.as_object() {
        context.insert("authorizer".to_owned(), json!({ "claims": texts(claims) }));
    }
    let body = std::str::from_utf8(visit.body);
    json!({
        "resource": stay.resource,
        "path": stay.path,
        "httpMethod": visit.method,
        "headers": headers,
        "multiValueHeaders": all_headers,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": all_queries,
        "pathParameters": some(route.parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())))),
        "stageVariables": match &stay.variables { Value::Object(all) => some(all.clone().into_iter()), _ => Value::Null },
        "requestContext": context,
        "body": match body {
            Ok("") => Value::Null,
            Ok(text) => Value::from(text),
            Err(_) => Value::from(STANDARD.encode(visit.body)),
        },
        "isBase64Encoded": body.is_err(),
    })
}

/// An object, or null for none.
fn some(pairs: impl Iterator<Item = (String, Value)>) -> Value {
    let all: Map<String, Value> = pairs.collect();
    if all.is_empty() {
        Value::Null
    } else {
        Value::Object(all)
    }
}

/// The last value of each name, and all of them.
fn grouped(pairs: impl Iterator<Item = (String, String)>) -> (Value, Value) {
    let (mut last, mut all) = (Map::new(), Map::new());
    for (name, value) in pairs {
        last.insert(name.clone(), Value::from(value.as_str()));
        if let Value::Array(list) = all.entry(name).or_insert_with(|| json!([])) {
            list.push(Value::from(value));
        }
    }
    (some(last.into_iter()), some(all.into_iter()))
}

/// Claims are texts to a function.
fn texts(claims: &Map<String, Value>) -> Map<String, Value> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    claims
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(text(value))))
        .collect()
}

/// The answer that a function's answer makes; none where it is malformed.
pub(super) fn answer(answered: &str, stay: &Stay<'_>) -> Option<Answer> {
    let told: Value = serde_json::from_str(answered).ok()?;
    let told = told.as_object()?;
    let status = match told.get("statusCode")? {
        Value::String(text) => text.parse().ok()?,
        other => other.as_u64()?,
    };
    let status = u16::try_from(status)
        .ok()
        .filter(|status| (100..=599).contains(status))?;
    let body = match told.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if told.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            STANDARD.decode(text).ok()?
        }
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(_) => return None,
    };
    let (mut kind, mut headers) = ("application/json".to_owned(), Vec::new());
    for (name, value) in headers_of(told)? {
        if name.eq_ignore_ascii_case("content-type") {
            kind = value;
        } else {
            headers.push((name.to_lowercase(), value));
        }
    }
    let mut answer = Answer::new(status, &kind, body)
        .with("x-amzn-requestid", stay.request.clone())
        .with("x-amz-apigw-id", stay.extended());
    answer.headers.extend(headers);
    Some(answer)
}

fn headers_of(told: &Map<String, Value>) -> Option<Vec<(String, String)>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    let mut all = Vec::new();
    match told.get("headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(given)) => {
            for (name, value) in given {
                all.push((name.clone(), text(value)?));
            }
        }
        Some(_) => return None,
    }
    match told.get("multiValueHeaders") {
        None | Some(Value::Null) => {}
        Some(Value::Object(given)) => {
            for (name, values) in given {
                all.retain(|(own, _)| own != name);
                for value in values.as_array()? {
                    all.push((name.clone(), text(value)?));
                }
            }
        }
        Some(_) => return None,
    }
    Some(all)
}
