//! API Gateway's REST APIs: what the stacks hold of them, by path.

pub mod parts;
mod told;

use self::parts::{Api, Part};
use super::holdings::{Held, Holdings};
use super::pages::Paging;
use super::rest::{self, Call};
use super::{Answer, Request};
use crate::local::core::Core;
use crate::local::query::decode;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Answer {
    let call = Call::new(request);
    let state = core.store.state();
    let holdings = Holdings::new(core, &state);
    rest::told(route(&holdings, &call).map(|value| (200, value)))
}

fn route(holdings: &Holdings<'_>, call: &Call<'_>) -> Result<Value, Refusal> {
    let parts = call.parts();
    let ("GET", [first, rest @ ..]) = (call.method(), &parts[..]) else {
        return Err(call.unknown());
    };
    match (*first, rest) {
        ("account", []) => Ok(account(holdings)),
        ("restapis", []) => {
            let all = holdings.all("AWS::ApiGateway::RestApi").into_iter();
            paged(call, all.map(|held| told::api(holdings, held)).collect())
        }
        ("restapis", [id, rest @ ..]) => {
            let api = Api::now(holdings, id).ok_or_else(|| {
                let account = &holdings.place.account;
                no(&format!("Invalid API identifier specified {account}:{id}"))
            })?;
            of_api(holdings, call, &api, rest)
        }
        _ => Err(call.unknown()),
    }
}

fn no(message: &str) -> Refusal {
    Refusal::new(404, "NotFoundException", message)
}

fn paged(call: &Call<'_>, all: Vec<Value>) -> Result<Value, Refusal> {
    let paging = Paging {
        list: "item",
        next: "position",
        usual: 25,
        most: 500,
    };
    let limit = call.query.text("limit").and_then(|text| text.parse().ok());
    let page = paging.page(&all, call.query.text("position"), limit);
    page.ok_or_else(|| Refusal::new(400, "BadRequestException", "Invalid position parameter"))
}

fn of_api(
    holdings: &Holdings<'_>,
    call: &Call<'_>,
    api: &Api<'_>,
    path: &[&str],
) -> Result<Value, Refusal> {
    match path {
        [] => Ok(told::api(holdings, api.held)),
        ["resources", rest @ ..] => resources(call, api, rest),
        ["stages", rest @ ..] => of_stages(holdings, call, api, rest),
        ["deployments", rest @ ..] => deployments(holdings, call, api, rest),
        ["authorizers", rest @ ..] => parts_of(call, api, rest, &AUTHORIZERS),
        ["requestvalidators", rest @ ..] => parts_of(call, api, rest, &VALIDATORS),
        ["models", rest @ ..] => parts_of(call, api, rest, &MODELS),
        _ => Err(call.unknown()),
    }
}

/// Whether the request asks for that, too.
fn embeds(call: &Call<'_>, wanted: &str) -> bool {
    // The parameter may be there several times.
    let pairs = call.text_of_query().split('&');
    pairs
        .filter_map(|pair| pair.strip_prefix("embed="))
        .any(|value| decode(value, true).split(',').any(|one| one == wanted))
}

fn resources(call: &Call<'_>, api: &Api<'_>, path: &[&str]) -> Result<Value, Refusal> {
    let with_methods = embeds(call, "methods");
    let Some(id) = path.first() else {
        let mut all = api.resources();
        all.sort_by(|one, other| one.1.cmp(&other.1));
        let told = all
            .iter()
            .map(|(id, path)| told::resource(api, id, path, with_methods));
        return paged(call, told.collect());
    };
    let missing = || no("Invalid Resource identifier specified");
    let named = api.path(id).ok_or_else(missing)?;
    let ["methods", verb, rest @ ..] = &path[1..] else {
        return match path {
            [id] => Ok(told::resource(api, id, &named, with_methods)),
            _ => Err(call.unknown()),
        };
    };
    let mut methods = api.methods(id);
    let part = methods
        .find(|part| part.text("HttpMethod") == *verb)
        .ok_or_else(|| no("Invalid Method identifier specified"))?;
    let mut told = told::method(part);
    match rest {
        [] => Ok(told),
        ["integration"] => match told["methodIntegration"].take() {
            Value::Null => Err(no("No integration defined for method")),
            integration => Ok(integration),
        },
        _ => Err(call.unknown()),
    }
}

/// The stages of an API.
pub fn stages<'a>(holdings: &Holdings<'a>, api: &str) -> Vec<Held<'a>> {
    let mut all = holdings.all("AWS::ApiGateway::Stage");
    all.retain(|held| held.text("RestApiId") == api);
    all
}

/// A deployment of an API.
pub fn deployed<'a>(holdings: &Holdings<'a>, api: &str, id: &str) -> Option<Held<'a>> {
    let all = holdings.all("AWS::ApiGateway::Deployment").into_iter();
    let mut own = all.filter(|held| held.text("RestApiId") == api);
    own.find(|held| held.id() == id)
}

fn of_stages(
    holdings: &Holdings<'_>,
    call: &Call<'_>,
    api: &Api<'_>,
    path: &[&str],
) -> Result<Value, Refusal> {
    let mut all = stages(holdings, api.held.id());
    match path {
        [] => {
            if let Some(id) = call.query.text("deploymentId") {
                all.retain(|held| held.text("DeploymentId") == id);
            }
            let told: Vec<Value> = all
                .into_iter()
                .map(|held| told::stage(holdings, held))
                .collect();
            Ok(json!({ "item": told }))
        }
        [name] => {
            let held = all.into_iter().find(|held| held.id() == *name);
            let held = held.ok_or_else(|| no("Invalid stage identifier specified"))?;
            Ok(told::stage(holdings, held))
        }
        _ => Err(call.unknown()),
    }
}

fn deployments(
    holdings: &Holdings<'_>,
    call: &Call<'_>,
    api: &Api<'_>,
    path: &[&str],
) -> Result<Value, Refusal> {
    let own = api.held.id();
    match path {
        [] => {
            let mut all = holdings.all("AWS::ApiGateway::Deployment");
            all.retain(|held| held.text("RestApiId") == own);
            let told = all.into_iter().map(|held| told::deployment(held, None));
            paged(call, told.collect())
        }
        [id] => {
            let held = deployed(holdings, own, id);
            let held = held.ok_or_else(|| no("Invalid Deployment identifier specified"))?;
            let copied = embeds(call, "apisummary")
                .then(|| Api::deployed(holdings, own, held))
                .flatten();
            Ok(told::deployment(held, copied.as_ref()))
        }
        _ => Err(call.unknown()),
    }
}

/// A kind of part that is listed and told by its id alone.
struct Kind {
    kind: &'static str,
    told: fn(&Part<'_>) -> Value,
    missing: &'static str,
}

const AUTHORIZERS: Kind = Kind {
    kind: "Authorizer",
    told: told::authorizer,
    missing: "Invalid Authorizer identifier specified",
};

const VALIDATORS: Kind = Kind {
    kind: "RequestValidator",
    told: told::validator,
    missing: "Invalid Request Validator identifier specified",
};

const MODELS: Kind = Kind {
    kind: "Model",
    told: told::model,
    missing: "Invalid Model Name specified",
};

fn parts_of(call: &Call<'_>, api: &Api<'_>, path: &[&str], kind: &Kind) -> Result<Value, Refusal> {
    match path {
        [] => {
            let mut all: Vec<&Part<'_>> = api.all(kind.kind).collect();
            all.sort_by_key(|part| part.id);
            paged(call, all.into_iter().map(kind.told).collect())
        }
        [id] => {
            let part = api.find(kind.kind, id);
            Ok((kind.told)(part.ok_or_else(|| no(kind.missing))?))
        }
        _ => Err(call.unknown()),
    }
}

/// The account's own settings.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetAccount.html>
fn account(holdings: &Holdings<'_>) -> Value {
    let all = holdings.all("AWS::ApiGateway::Account").into_iter();
    let mut roles = all.map(|held| held.text("CloudWatchRoleArn"));
    let mut told = json!({
        "throttleSettings": { "burstLimit": 5000, "rateLimit": 10000.0 },
        "features": ["UsagePlans"],
        "apiKeyVersion": "4",
    });
    if let Some(role) = roles.find(|role| !role.is_empty()) {
        told["cloudwatchRoleArn"] = role.into();
    }
    told
}
