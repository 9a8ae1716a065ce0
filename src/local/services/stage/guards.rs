//! What a method asks of a request: who it is from, how often it comes, and what it says.

use super::super::firewall::Rates;
use super::super::gateway::parts::{Api, Part};
use super::super::holdings::{Held, Holdings};
use super::responses::{self, Refused};
use super::routes::Route;
use super::schema::Schema;
use super::tokens;
use super::visit::Stay;
use crate::local::core::Core;
use crate::regexes;
use serde_json::Value;

/// Who the request is from, as far as the method asks.
pub fn authorized(
    core: &Core,
    holdings: &Holdings<'_>,
    api: &Api<'_>,
    route: &Route<'_>,
    stay: &Stay<'_>,
) -> Result<Value, Refused> {
    let method = route.method;
    if method.flag("ApiKeyRequired") && !has_key(holdings, stay) {
        return Err(responses::KEY.into());
    }
    match method.text("AuthorizationType") {
        // Nothing in a signature is checked: there is nobody to keep out of a loopback.
        "AWS_IAM" => match stay.visit.header("authorization") {
            Some(text) if text.starts_with("AWS4-HMAC-SHA256") => Ok(Value::Null),
            _ => Err(responses::MISSING.into()),
        },
        "COGNITO_USER_POOLS" => {
            let authorizer = authorizer(api, method)?;
            let token = identity(authorizer, stay)?;
            let pools = texts(&authorizer.properties["ProviderARNs"]);
            let scopes = texts(&method.properties["AuthorizationScopes"]);
            tokens::claims(core, holdings, &token, (&pools, &scopes))
        }
        "CUSTOM" => {
            let authorizer = authorizer(api, method)?;
            identity(authorizer, stay)?;
            let message = "the embedded API Gateway runs no code: the authorizer cannot be asked";
            Err(Refused::saying(responses::AUTHORIZER, message))
        }
        _ => Ok(Value::Null),
    }
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

fn authorizer<'a>(api: &'a Api<'a>, method: &Part<'_>) -> Result<&'a Part<'a>, Refused> {
    let found = api.find("Authorizer", method.text("AuthorizerId"));
    found.ok_or_else(|| responses::AUTHORIZER.into())
}

/// What the authorizer is to look at; without it nobody is asked.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Authorizer.html>
fn identity(authorizer: &Part<'_>, stay: &Stay<'_>) -> Result<String, Refused> {
    let sources = authorizer.text("IdentitySource").split(',').map(str::trim);
    let mut found = Vec::new();
    for source in sources.filter(|source| !source.is_empty()) {
        let value = parameter(source, stay, None).filter(|value| !value.is_empty());
        found.push(value.ok_or(responses::UNAUTHORIZED)?);
    }
    let token = found.into_iter().next().unwrap_or_default();
    let pattern = authorizer.text("IdentityValidationExpression");
    if !pattern.is_empty() && regexes::matches(pattern, &token) == Some(false) {
        return Err(responses::UNAUTHORIZED.into());
    }
    let bare = token.strip_prefix("Bearer ").unwrap_or(&token);
    Ok(bare.trim().to_owned())
}

/// A parameter of the request by its name in a mapping.
fn parameter(name: &str, stay: &Stay<'_>, route: Option<&Route<'_>>) -> Option<String> {
    if let Some(field) = name.strip_prefix("context.") {
        return Some(stay.context(field));
    }
    if let Some(variable) = name.strip_prefix("stageVariables.") {
        return stay.variables[variable].as_str().map(str::to_owned);
    }
    let (kind, name) = name.strip_prefix("method.request.")?.split_once('.')?;
    match kind {
        "header" => stay.visit.header(name).map(str::to_owned),
        "querystring" => {
            let mut all = stay.visit.arguments().into_iter();
            all.find(|(own, _)| own == name).map(|(_, value)| value)
        }
        "path" => route?.parameters.get(name).cloned(),
        _ => None,
    }
}

/// Whether the request has a key of the account's. Usage plans are not looked at.
fn has_key(holdings: &Holdings<'_>, stay: &Stay<'_>) -> bool {
    let Some(given) = stay.visit.header("x-api-key") else {
        return false;
    };
    let mut keys = holdings.all("AWS::ApiGateway::ApiKey").into_iter();
    keys.any(|held| {
        let enabled = held.property("Enabled");
        held.text("Value") == given && (*enabled == true || *enabled == "true")
    })
}

/// Whether the stage takes the request now.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html>
pub fn unthrottled(
    rates: &Rates,
    stage: Held<'_>,
    route: &Route<'_>,
    stay: &Stay<'_>,
) -> Result<(), Refused> {
    let own = settings(stage, &route.resource, route.method.text("HttpMethod"));
    let number = |name: &str| match &own?[name] {
        Value::String(text) => text.parse::<f64>().ok(),
        other => other.as_f64(),
    };
    let (Some(rate), Some(burst)) = (
        number("ThrottlingRateLimit"),
        number("ThrottlingBurstLimit"),
    ) else {
        return Ok(());
    };
    // Every method has a bucket of its own.
    let verb = route.method.text("HttpMethod");
    let key = format!("{}/{}/{verb}{}", stay.api, stay.stage, route.resource);
    let now = stay.visit.second as f64;
    if rate < 0.0 || rates.take(&key, now, rate, burst) {
        return Ok(());
    }
    Err(responses::THROTTLED.into())
}

/// The settings of a method: its own before those of all.
fn settings<'a>(stage: Held<'a>, resource: &str, method: &str) -> Option<&'a Value> {
    let all = stage.property("MethodSettings").as_array()?;
    let of = |wanted: &str, verb: &str| {
        all.iter().find(|one| {
            let path = one["ResourcePath"].as_str().unwrap_or("/*");
            let path = path.replace("~1", "/");
            let path = format!("/{}", path.trim_start_matches('/'));
            path == wanted && one["HttpMethod"].as_str().unwrap_or("*") == verb
        })
    };
    of(resource, method).or_else(|| of("/*", "*"))
}

/// Whether the request says what the method asks for.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html>
pub fn valid(api: &Api<'_>, route: &Route<'_>, stay: &Stay<'_>) -> Result<(), Refused> {
    let method = route.method;
    let Some(validator) = api.find("RequestValidator", method.text("RequestValidatorId")) else {
        return Ok(());
    };
    if validator.flag("ValidateRequestParameters") {
        parameters(route, stay)?;
    }
    if validator.flag("ValidateRequestBody") {
        body(api, method, stay)?;
    }
    Ok(())
}

fn parameters(route: &Route<'_>, stay: &Stay<'_>) -> Result<(), Refused> {
    let asked = route.method.properties["RequestParameters"].as_object();
    let required = asked
        .into_iter()
        .flatten()
        .filter(|(_, required)| **required == true || **required == "true");
    let missing = required.filter(|(name, _)| {
        parameter(name, stay, Some(route)).is_none_or(|value| value.is_empty())
    });
    let names: Vec<&str> = missing
        .filter_map(|(name, _)| name.splitn(4, '.').nth(3))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let message = format!("{}: [{}]", responses::PARAMETERS.3, names.join(", "));
    Err(Refused::saying(responses::PARAMETERS, message))
}

/// The model is the one of the content type, or the one of all others.
fn body(api: &Api<'_>, method: &Part<'_>, stay: &Stay<'_>) -> Result<(), Refused> {
    let Some(models) = method.properties["RequestModels"].as_object() else {
        return Ok(());
    };
    let kind = stay
        .visit
        .header("content-type")
        .unwrap_or("application/json");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let name = models.get(kind).or_else(|| models.get("$default"));
    let Some(name) = name.and_then(Value::as_str) else {
        return Ok(());
    };
    let schema = |name: &str| match &api.find("Model", name)?.properties["Schema"] {
        Value::String(text) => serde_json::from_str(text).ok(),
        document => Some(document.clone()),
    };
    let Some(own) = schema(name) else {
        return Ok(());
    };
    // What is not there, or is no JSON, is nothing.
    let value = serde_json::from_slice(stay.visit.body).unwrap_or(Value::Null);
    let faults = Schema::new(&own, &schema).faults(&value);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Refused {
        faults: format!("[{}]", faults.join(", ")),
        ..responses::BODY.into()
    })
}
