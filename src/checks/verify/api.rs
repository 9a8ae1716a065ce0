//! API Gateway: whether an API is guarded as its stack asks: methods, authorizers and validators.

use super::Context;
use super::asked::Asked;
use super::comparison::{Comparison, listed};
use crate::checks::Finding;
use crate::cloud::{Cloud, refusal};
use crate::error::Result;
use aws_sdk_apigateway::operation::get_rest_api::GetRestApiOutput;
use aws_sdk_apigateway::types::{Authorizer, Method, RequestValidator, Resource};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinSet;

/// As many as a page may have.
const PAGE: i32 = 500;

/// What is live of an API.
struct Live {
    api: Result<GetRestApiOutput>,
    resources: Result<Vec<Resource>>,
    authorizers: Result<Vec<Authorizer>>,
    validators: Result<Vec<RequestValidator>>,
}

type Judge = fn(&Context<'_>, &Asked, &Live) -> Vec<Finding>;

/// The types that are judged, each by what is live of its API.
const KINDS: &[(&str, Judge)] = &[
    ("AWS::ApiGateway::RestApi", api),
    ("AWS::ApiGateway::Authorizer", authorizer),
    ("AWS::ApiGateway::RequestValidator", validator),
    ("AWS::ApiGateway::Method", method),
];

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let all = KINDS.iter().flat_map(|(kind, judge)| {
        let own = context.all(kind);
        own.filter_map(move |one| Some((one, api_of(one)?, *judge)))
    });
    let ids: BTreeSet<String> = all.clone().map(|(_, api, _)| api).collect();
    let mut reads = JoinSet::new();
    for id in ids {
        let cloud = context.cloud.clone();
        reads.spawn(async move {
            let live = read(&cloud, &id).await;
            (id, live)
        });
    }
    let live: BTreeMap<String, Live> = reads.join_all().await.into_iter().collect();
    all.filter_map(|(one, api, judge)| Some(judge(context, one, live.get(&api)?)))
        .flatten()
        .collect()
}

/// The API that a resource is, or belongs to.
pub(super) fn api_of(one: &Asked) -> Option<String> {
    match one.kind.as_str() {
        "AWS::ApiGateway::RestApi" => Some(one.id.clone()),
        _ => one.text("RestApiId"),
    }
}

async fn read(cloud: &Cloud, id: &str) -> Live {
    let client = cloud.apigateway();
    let resources = client
        .get_resources()
        .rest_api_id(id)
        .embed("methods")
        .limit(PAGE)
        .into_paginator()
        .items()
        .send();
    let authorizers = client.get_authorizers().rest_api_id(id).limit(PAGE);
    let validators = client.get_request_validators().rest_api_id(id).limit(PAGE);
    let (api, resources, authorizers, validators) = tokio::join!(
        client.get_rest_api().rest_api_id(id).send(),
        resources.collect::<std::result::Result<Vec<_>, _>>(),
        authorizers.send(),
        validators.send(),
    );
    Live {
        api: api.map_err(|error| refusal("GetRestApi", error)),
        resources: resources.map_err(|error| refusal("GetResources", error)),
        authorizers: authorizers
            .map(|answer| answer.items.unwrap_or_default())
            .map_err(|error| refusal("GetAuthorizers", error)),
        validators: validators
            .map(|answer| answer.items.unwrap_or_default())
            .map_err(|error| refusal("GetRequestValidators", error)),
    }
}

fn api(context: &Context<'_>, one: &Asked, live: &Live) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "api", one);
    let live = match &live.api {
        Ok(live) => live,
        Err(error) => return comparison.unread(error),
    };
    let types = live.endpoint_configuration().map(|own| own.types());
    let types = types.unwrap_or_default().iter();
    let types: Vec<&str> = types.map(|kind| kind.as_str()).collect();
    comparison.same("EndpointConfiguration.Types", &listed(&types));
    let closed = json!(live.disable_execute_api_endpoint());
    comparison.same_or("DisableExecuteApiEndpoint", json!(false), &closed);
    comparison.end(format!("{} is there", one.id))
}

fn authorizer(context: &Context<'_>, one: &Asked, live: &Live) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "authorizer", one);
    let all = match &live.authorizers {
        Ok(all) => all,
        Err(error) => return comparison.unread(error),
    };
    let Some(live) = all.iter().find(|live| live.id() == Some(one.id.as_str())) else {
        return comparison.gone();
    };
    let kind = live.r#type().map(|kind| kind.as_str());
    comparison.same("Type", &json!(kind));
    comparison.same("ProviderARNs", &listed(live.provider_arns()));
    comparison.same("IdentitySource", &json!(live.identity_source()));
    comparison.same("AuthorizerUri", &json!(live.authorizer_uri()));
    comparison.end(format!("{} asks whom it should", one.id))
}

fn validator(context: &Context<'_>, one: &Asked, live: &Live) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "validator", one);
    let all = match &live.validators {
        Ok(all) => all,
        Err(error) => return comparison.unread(error),
    };
    let Some(live) = all.iter().find(|live| live.id() == Some(one.id.as_str())) else {
        return comparison.gone();
    };
    let (body, parameters) = (
        json!(live.validate_request_body()),
        json!(live.validate_request_parameters()),
    );
    comparison.same_or("ValidateRequestBody", json!(false), &body);
    comparison.same_or("ValidateRequestParameters", json!(false), &parameters);
    comparison.end(format!("{} validates what it should", one.id))
}

fn method(context: &Context<'_>, one: &Asked, live: &Live) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "method", one);
    let resources = match &live.resources {
        Ok(all) => all,
        Err(error) => return comparison.unread(error),
    };
    let verb = one.text("HttpMethod").unwrap_or_default();
    let Some(resource) = resource_of(one, resources) else {
        comparison.wrong("ResourceId", "the resource that it belongs to is gone");
        return comparison.end("");
    };
    let path = resource.path().unwrap_or_default();
    let live = resource.resource_methods().and_then(|all| all.get(&verb));
    let Some(live) = live else {
        comparison.wrong("", format!("{verb} {path} is gone"));
        return comparison.end("");
    };
    guard(&mut comparison, one, live, &format!("{verb} {path}"));
    comparison.same("RequestValidatorId", &json!(live.request_validator_id()));
    comparison.same("RequestModels", &json!(live.request_models()));
    let integration = live.method_integration();
    let kind = integration.and_then(|own| own.r#type());
    comparison.same("Integration.Type", &json!(kind.map(|kind| kind.as_str())));
    let uri = integration.and_then(|own| own.uri());
    comparison.same("Integration.Uri", &json!(uri));
    comparison.end(format!("{verb} {path} is guarded as asked"))
}

/// Who is let through to a method.
fn guard(comparison: &mut Comparison<'_>, one: &Asked, live: &Method, method: &str) {
    let asked = one.text("AuthorizationType");
    let asked = asked.unwrap_or_else(|| "NONE".to_owned());
    let guard = live.authorization_type().unwrap_or("NONE");
    if asked != guard {
        let who = if guard == "NONE" { "anybody" } else { "others" };
        let says =
            format!("{method} lets {who} in: its authorization is {guard}, its stack asks {asked}");
        comparison.wrong("AuthorizationType", says);
    }
    comparison.same("AuthorizerId", &json!(live.authorizer_id()));
    comparison.same("AuthorizationScopes", &listed(live.authorization_scopes()));
    let key = json!(live.api_key_required().unwrap_or_default());
    comparison.same_or("ApiKeyRequired", json!(false), &key);
}

/// The live resource that a method belongs to. The root's id is told by the API alone.
fn resource_of<'a>(one: &Asked, resources: &'a [Resource]) -> Option<&'a Resource> {
    match one.text("ResourceId") {
        Some(id) => resources.iter().find(|live| live.id() == Some(id.as_str())),
        None if is_root(one.at("ResourceId")?) => {
            resources.iter().find(|live| live.path() == Some("/"))
        }
        None => None,
    }
}

fn is_root(value: &Value) -> bool {
    value["Fn::GetAtt"][1] == "RootResourceId"
}

/// The path of a resource, as the templates tell it.
pub(super) fn path_of(context: &Context<'_>, resource: &Value) -> Option<String> {
    let (mut at, mut parts) = (resource.clone(), Vec::new());
    while !is_root(&at) {
        let mut all = context.all("AWS::ApiGateway::Resource");
        let own = all.find(|one| at == one.id.as_str())?;
        parts.push(own.text("PathPart")?);
        at = own.at("ParentId")?.clone();
        // A circle has no path.
        if parts.len() > 64 {
            return None;
        }
    }
    parts.reverse();
    Some(format!("/{}", parts.join("/")))
}
