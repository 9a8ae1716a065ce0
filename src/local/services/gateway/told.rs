//! How an API and its parts are told: tables from CloudFormation's properties to the service's fields.

use super::super::holdings::{Held, Holdings, Shape, camel};
use super::super::waf;
use super::parts::{Api, Part};
use crate::local::ids;
use serde_json::{Map, Value, json};

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_RestApi.html>
const API: Shape = Shape {
    kind: "AWS::ApiGateway::RestApi",
    naming: camel,
    properties: &[
        "Name",
        "Description",
        "Version",
        "BinaryMediaTypes",
        "MinimumCompressionSize",
        "ApiKeySourceType",
        "EndpointConfiguration",
        "DisableExecuteApiEndpoint",
        "SecurityPolicy",
        "EndpointAccessMode",
    ],
    renamed: &[("ApiKeySourceType", "apiKeySource")],
};

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Method.html>
const METHOD: Shape = Shape {
    kind: "AWS::ApiGateway::Method",
    naming: camel,
    properties: &[
        "HttpMethod",
        "AuthorizationType",
        "AuthorizerId",
        "AuthorizationScopes",
        "ApiKeyRequired",
        "RequestValidatorId",
        "OperationName",
        "RequestParameters",
        "RequestModels",
        "MethodResponses",
        "Integration",
    ],
    renamed: &[("Integration", "methodIntegration")],
};

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Stage.html>
const STAGE: Shape = Shape {
    kind: "AWS::ApiGateway::Stage",
    naming: camel,
    properties: &[
        "DeploymentId",
        "ClientCertificateId",
        "StageName",
        "Description",
        "CacheClusterEnabled",
        "CacheClusterSize",
        "MethodSettings",
        "Variables",
        "DocumentationVersion",
        "AccessLogSetting",
        "CanarySetting",
        "TracingEnabled",
    ],
    renamed: &[
        ("AccessLogSetting", "accessLogSettings"),
        ("CanarySetting", "canarySettings"),
    ],
};

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Authorizer.html>
const AUTHORIZER: Shape = Shape {
    kind: "AWS::ApiGateway::Authorizer",
    naming: camel,
    properties: &[
        "Name",
        "Type",
        "ProviderARNs",
        "AuthType",
        "AuthorizerUri",
        "AuthorizerCredentials",
        "IdentitySource",
        "IdentityValidationExpression",
        "AuthorizerResultTtlInSeconds",
    ],
    renamed: &[],
};

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_RequestValidator.html>
const VALIDATOR: Shape = Shape {
    kind: "AWS::ApiGateway::RequestValidator",
    naming: camel,
    properties: &["Name", "ValidateRequestBody", "ValidateRequestParameters"],
    renamed: &[],
};

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Model.html>
const MODEL: Shape = Shape {
    kind: "AWS::ApiGateway::Model",
    naming: camel,
    properties: &["Name", "Description", "ContentType"],
    renamed: &[],
};

/// An API.
pub fn api(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let policy = match held.property("Policy") {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        document => Some(document.to_string()),
    };
    API.with(
        &json!({
            "apiKeySource": "HEADER",
            "endpointConfiguration": { "types": ["EDGE"], "ipAddressType": "ipv4" },
            "disableExecuteApiEndpoint": false,
        }),
        held.resource.actual(),
        &json!({
            "id": held.id(),
            "createdDate": ids::seconds(held.created()),
            "policy": policy,
            "tags": held.tags(),
            "rootResourceId": holdings.attribute(held, "RootResourceId"),
        }),
    )
}

/// A resource of an API, with its methods in full or by name.
pub fn resource(api: &Api<'_>, id: &str, path: &str, with_methods: bool) -> Value {
    let part = api.find("Resource", id);
    let methods: Map<String, Value> = api
        .methods(id)
        .map(|part| {
            let told = if with_methods {
                method(part)
            } else {
                json!({})
            };
            (part.text("HttpMethod").to_owned(), told)
        })
        .collect();
    let mut told = json!({ "id": id, "path": path });
    if let Some(part) = part {
        told["parentId"] = part.text("ParentId").into();
        told["pathPart"] = part.text("PathPart").into();
    }
    if !methods.is_empty() {
        told["resourceMethods"] = Value::Object(methods);
    }
    told
}

/// A method.
pub fn method(part: &Part<'_>) -> Value {
    let mut told = METHOD.with(
        &json!({ "authorizationType": "NONE", "apiKeyRequired": false }),
        &part.properties,
        &Value::Null,
    );
    booleans(&mut told["requestParameters"]);
    if let Some(responses) = by_status(&mut told["methodResponses"]) {
        told["methodResponses"] = responses;
    }
    if told["methodIntegration"].is_object() {
        integration(&mut told["methodIntegration"], part.text("ResourceId"));
    }
    without_nulls(told)
}

/// What the service calls otherwise in an integration, and what it sets where nothing is given.
fn integration(told: &mut Value, resource: &str) {
    let renamed = [("integrationHttpMethod", "httpMethod")];
    for (own, other) in renamed {
        told[other] = told[own].take();
    }
    let usual = [
        ("passthroughBehavior", json!("WHEN_NO_MATCH")),
        ("timeoutInMillis", json!(29000)),
        ("cacheNamespace", json!(resource)),
        ("cacheKeyParameters", json!([])),
    ];
    for (name, value) in usual {
        if told[name].is_null() {
            told[name] = value;
        }
    }
    if let Some(responses) = by_status(&mut told["integrationResponses"]) {
        told["integrationResponses"] = responses;
    }
    *told = without_nulls(told.take());
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let told = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(told.collect())
        }
        other => other,
    }
}

/// A list of responses as the map that the service makes of it.
fn by_status(list: &mut Value) -> Option<Value> {
    let Value::Array(items) = list.take() else {
        return None;
    };
    let pairs = items.into_iter().map(|mut item| {
        booleans(&mut item["responseParameters"]);
        let status = match &item["statusCode"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (status, without_nulls(item))
    });
    Some(Value::Object(pairs.collect()))
}

/// A schema lets a flag of a map be text.
fn booleans(map: &mut Value) {
    for value in map.as_object_mut().into_iter().flat_map(Map::values_mut) {
        match value.as_str() {
            Some("true") => *value = true.into(),
            Some("false") => *value = false.into(),
            _ => {}
        }
    }
}

/// A stage.
pub fn stage(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let arn = waf::stage_arn(holdings, held.text("RestApiId"), held.id());
    let acl = waf::guarding(holdings, &arn);
    let mut told = STAGE.with(
        &json!({ "cacheClusterEnabled": false, "tracingEnabled": false }),
        held.resource.actual(),
        &json!({
            "cacheClusterStatus": "NOT_AVAILABLE",
            "webAclArn": acl.map(|acl| holdings.attribute(acl, "Arn")),
            "tags": held.tags(),
            "createdDate": ids::seconds(held.created()),
            "lastUpdatedDate": ids::seconds(held.modified()),
        }),
    );
    told["methodSettings"] = settings(&told["methodSettings"]);
    told
}

/// The settings of methods by path and method; `*/*` is for all of them.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-stage-methodsetting.html>
fn settings(list: &Value) -> Value {
    let list = list.as_array().into_iter().flatten();
    let pairs = list.map(|given| {
        let text = |name: &str| given[name].as_str().unwrap_or("*").replace("~1", "/");
        let (path, method) = (text("resourcePath"), text("httpMethod"));
        let mut told = json!({
            "metricsEnabled": false,
            "loggingLevel": "OFF",
            "dataTraceEnabled": false,
            "throttlingBurstLimit": 5000,
            "throttlingRateLimit": 10000.0,
            "cachingEnabled": false,
            "cacheTtlInSeconds": 300,
            "cacheDataEncrypted": false,
            "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
        });
        let given = given.as_object().into_iter().flatten();
        for (name, value) in
            given.filter(|(name, _)| *name != "resourcePath" && *name != "httpMethod")
        {
            told[name.as_str()] = value.clone();
        }
        (format!("{}/{method}", path.trim_start_matches('/')), told)
    });
    Value::Object(pairs.collect())
}

/// A deployment, with what it copied if that is asked for.
pub fn deployment(held: Held<'_>, copied: Option<&Api<'_>>) -> Value {
    let description = held.property("Description");
    without_nulls(json!({
        "id": held.id(),
        "description": description,
        "createdDate": ids::seconds(held.created()),
        "apiSummary": copied.map(summary),
    }))
}

fn summary(api: &Api<'_>) -> Value {
    let mut told = Map::new();
    for (id, path) in api.resources() {
        let methods: Map<String, Value> = api
            .methods(id)
            .map(|part| {
                let told = method(part);
                let fields = ["authorizationType", "apiKeyRequired"];
                let told = fields.map(|name| (name.to_owned(), told[name].clone()));
                (
                    part.text("HttpMethod").to_owned(),
                    Value::Object(told.into_iter().collect()),
                )
            })
            .collect();
        if !methods.is_empty() {
            told.insert(path, Value::Object(methods));
        }
    }
    Value::Object(told)
}

/// An authorizer.
pub fn authorizer(part: &Part<'_>) -> Value {
    let auth_type = match part.text("Type") {
        "COGNITO_USER_POOLS" => "cognito_user_pools",
        _ => "custom",
    };
    AUTHORIZER.with(
        &json!({ "authType": auth_type }),
        &part.properties,
        &json!({ "id": part.id }),
    )
}

/// A request validator.
pub fn validator(part: &Part<'_>) -> Value {
    VALIDATOR.with(
        &json!({ "validateRequestBody": false, "validateRequestParameters": false }),
        &part.properties,
        &json!({ "id": part.id }),
    )
}

/// A model.
pub fn model(part: &Part<'_>) -> Value {
    MODEL.with(
        &Value::Null,
        &part.properties,
        &json!({
            "id": &ids::stable(&format!("{}/{}", part.text("RestApiId"), part.id))[..6],
            "name": part.id,
            "schema": schema(part),
        }),
    )
}

/// A model's schema as text.
pub fn schema(part: &Part<'_>) -> String {
    match &part.properties["Schema"] {
        Value::Null => "{}".to_owned(),
        Value::String(text) => text.clone(),
        document => document.to_string(),
    }
}
