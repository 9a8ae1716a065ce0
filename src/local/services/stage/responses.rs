//! What API Gateway answers itself: gateway responses, as the API sets them or as they are otherwise.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>

use super::super::gateway::parts::Api;
use super::super::{Answer, firewall::Stop};
use super::visit::Stay;
use serde_json::{Value, json};

/// A kind of gateway response: its name, status, error type and message.
pub type Kind = (&'static str, u16, &'static str, &'static str);

/// Something is wrong with how the authorizer is set up.
pub const AUTHORIZER: Kind = (
    "AUTHORIZER_CONFIGURATION_ERROR",
    500,
    "AuthorizerConfigurationException",
    "",
);
/// The body is not as its model asks.
pub const BODY: Kind = (
    "BAD_REQUEST_BODY",
    400,
    "BadRequestException",
    "Invalid request body",
);
/// A parameter is missing.
pub const PARAMETERS: Kind = (
    "BAD_REQUEST_PARAMETERS",
    400,
    "BadRequestException",
    "Missing required request parameters",
);
/// The code behind the method could not answer.
pub const FAILED: Kind = (
    "DEFAULT_5XX",
    502,
    "InternalServerErrorException",
    "Internal server error",
);
/// The code behind the method is not there, or may not be called.
pub const UNREACHED: Kind = (
    "DEFAULT_5XX",
    500,
    "InternalServerErrorException",
    "Internal server error",
);
/// The code behind the method took too long.
pub const TIMED_OUT: Kind = (
    "INTEGRATION_TIMEOUT",
    504,
    "InternalServerErrorException",
    "Endpoint request timed out",
);
/// There is no such API or stage. It is nobody's response.
pub const FORBIDDEN: Kind = ("", 403, "ForbiddenException", "Forbidden");
/// The API key is missing or none.
pub const KEY: Kind = ("INVALID_API_KEY", 403, "ForbiddenException", "Forbidden");
/// There is no such route, or it must be signed.
pub const MISSING: Kind = (
    "MISSING_AUTHENTICATION_TOKEN",
    403,
    "MissingAuthenticationTokenException",
    "Missing Authentication Token",
);
/// The body is over 10 MB.
pub const LONG: Kind = (
    "REQUEST_TOO_LARGE",
    413,
    "RequestTooLargeException",
    "Request Too Long",
);
/// There are too many requests.
pub const THROTTLED: Kind = (
    "THROTTLED",
    429,
    "TooManyRequestsException",
    "Too Many Requests",
);
/// There is no token, or it is none.
pub const UNAUTHORIZED: Kind = ("UNAUTHORIZED", 401, "UnauthorizedException", "Unauthorized");
/// The web ACL blocks it.
pub const FILTERED: Kind = ("WAF_FILTERED", 403, "ForbiddenException", "Forbidden");

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The kind of the response.
    pub kind: Kind,
    /// The message.
    pub message: String,
    /// What is wrong with the body.
    pub faults: String,
}

impl From<Kind> for Refused {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            message: kind.3.to_owned(),
            faults: String::new(),
        }
    }
}

impl Refused {
    /// The same with another message.
    pub fn saying(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::from(kind)
        }
    }
}

/// The answer to a refused request.
pub fn told(api: Option<&Api<'_>>, stay: &Stay<'_>, refused: &Refused) -> Answer {
    let (name, status, error, _) = refused.kind;
    let set = api.and_then(|api| given(api, name, status));
    let status = set
        .and_then(|given| match &given["StatusCode"] {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64().and_then(|code| u16::try_from(code).ok()),
        })
        .unwrap_or(status);
    let templates = set.map(|given| &given["ResponseTemplates"]);
    let template = templates.and_then(Value::as_object).and_then(|all| {
        let json = all.get_key_value("application/json");
        json.or_else(|| all.iter().next())
    });
    let scope = Scope { stay, refused };
    let (kind, body) = match template {
        Some((kind, template)) => (
            kind.as_str(),
            scope.filled(template.as_str().unwrap_or_default()),
        ),
        None => (
            "application/json",
            json!({ "message": refused.message }).to_string(),
        ),
    };
    let mut answer = Answer::new(status, kind, body.into_bytes())
        .with("x-amzn-requestid", stay.request.clone())
        .with("x-amzn-errortype", error.to_owned())
        .with("x-amz-apigw-id", stay.extended());
    let parameters = set.map(|given| &given["ResponseParameters"]);
    let parameters = parameters.and_then(Value::as_object).into_iter().flatten();
    for (name, value) in parameters {
        let header = name.strip_prefix("gatewayresponse.header.");
        let value = value.as_str().map(|value| scope.mapped(value));
        if let (Some(header), Some(value)) = (header, value) {
            answer = answer.with(&header.to_lowercase(), value);
        }
    }
    answer
}

/// The answer to a request that the web ACL stopped.
pub fn stopped(api: Option<&Api<'_>>, stay: &Stay<'_>, stop: &Stop) -> Answer {
    let Some(status) = stop.status else {
        return told(api, stay, &FILTERED.into());
    };
    let (kind, body) = match &stop.body {
        Some((kind, body)) => (kind.as_str(), body.clone()),
        None => ("text/plain", String::new()),
    };
    let answer = Answer::new(status, kind, body.into_bytes());
    let answer = answer.with("x-amzn-requestid", stay.request.clone());
    stop.headers.iter().fold(answer, |answer, (name, value)| {
        answer.with(&name.to_lowercase(), value.clone())
    })
}

/// What the API sets for that kind, or for all of its class.
fn given<'a>(api: &'a Api<'_>, name: &str, status: u16) -> Option<&'a Value> {
    let class = if status < 500 {
        "DEFAULT_4XX"
    } else {
        "DEFAULT_5XX"
    };
    let of = |wanted: &str| {
        let mut all = api.all("GatewayResponse");
        let found = all.find(|part| part.text("ResponseType") == wanted);
        found.map(|part| &*part.properties)
    };
    of(name).or_else(|| of(class).filter(|_| !name.is_empty()))
}

/// A text as it stands between quotes of JSON, which is where templates have it: what somebody sent does
/// not end it.
fn within_quotes(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

/// What a template may name.
struct Scope<'a> {
    stay: &'a Stay<'a>,
    refused: &'a Refused,
}

impl Scope<'_> {
    /// A template with its variables filled in; it knows no more than that.
    fn filled(&self, template: &str) -> String {
        let (mut out, mut rest) = (String::new(), template);
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
            let name = after[..end].trim_end_matches('.');
            match self.variable(name) {
                Some(value) => {
                    out.push_str(&value);
                    rest = &after[name.len()..];
                }
                None => {
                    out.push('$');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }

    fn variable(&self, name: &str) -> Option<String> {
        let refused = self.refused;
        if let Some(variable) = name.strip_prefix("stageVariables.") {
            let value = self.stay.variables[variable].as_str();
            return Some(value.unwrap_or_default().to_owned());
        }
        let field = name.strip_prefix("context.")?;
        Some(match field {
            "error.message" => refused.message.clone(),
            "error.messageString" => Value::from(refused.message.as_str()).to_string(),
            "error.responseType" => refused.kind.0.to_owned(),
            "error.validationErrorString" => within_quotes(&refused.faults),
            other => self.stay.context(other),
        })
    }

    /// A header's value: a text in quotes, or a variable.
    fn mapped(&self, value: &str) -> String {
        let text = value
            .strip_prefix('\'')
            .and_then(|rest| rest.strip_suffix('\''));
        match text {
            Some(text) => text.to_owned(),
            None => self.variable(value).unwrap_or_else(|| {
                let header = value.strip_prefix("method.request.header.");
                let found = header.and_then(|name| self.stay.visit.header(name));
                found.unwrap_or_default().to_owned()
            }),
        }
    }
}
