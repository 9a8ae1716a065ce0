//! Stages of REST APIs over loopback, by requests as they are: the web ACL, routes, the authorizer, the
//! throttle and the validator, and what a deployment does not serve.

use crate::api::Api;
use crate::sandbox::{Sandbox, ran};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// An answer of a stage.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let found = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = found.filter(|(own, _)| own.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value).unwrap_or_default()
    }

    /// The status, the error type and the body.
    fn told(&self) -> (u16, &str, &str) {
        assert!(!self.header("x-amzn-requestid").is_empty(), "{}", self.head);
        (self.status, self.header("x-amzn-errortype"), &self.body)
    }
}

fn send(address: &str, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = format!(
        "{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    let given = |name: &str| headers.iter().any(|(own, _)| *own == name);
    if !given("host") {
        request.push_str(&format!("host: {address}\r\n"));
    }
    if !given("user-agent") {
        request.push_str("user-agent: test\r\n");
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("{request}\r\n{body}").as_bytes())
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

#[test]
fn the_shipped_stage_is_guarded() {
    let sandbox = Sandbox::shipped();
    let (_server, endpoint) = sandbox.serve_at("0");
    let address = endpoint.strip_prefix("http://").unwrap();
    let infra = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        ran(command.output().unwrap()).code(0).out
    };
    infra(&["deploy", "--all", "--yes"]);
    let outputs: Value =
        serde_json::from_str(&infra(&["outputs", "ApiAndCognitoStack", "--json"])).unwrap();
    let api = find(&outputs, "ApiId").unwrap();
    let host = format!("{api}.execute-api.us-east-1.amazonaws.com");
    let to = |line: &str, headers: &[(&str, &str)], body: &str| {
        let mut all = vec![("host", host.as_str())];
        all.extend_from_slice(headers);
        send(address, line, &all, body)
    };
    let unauthorized = "{\"message\": \"no token, or one that is not valid: sign in\"}";
    let refused = (401, "UnauthorizedException", unauthorized);
    assert_eq!(to("POST /prod/loan", &[], "{}").told(), refused);
    let bearer = [("authorization", "Bearer x.y.z")];
    assert_eq!(to("POST /prod/loan", &bearer, "{}").told(), refused);
    // For clients that cannot set the host, and on a machine that says localhost.
    let prefixed = format!("POST /_execute-api/{api}/prod/loan");
    assert_eq!(send(address, &prefixed, &[], "{}").told(), refused);
    let localhost = [("host", "localhost:4566")];
    assert_eq!(send(address, &prefixed, &localhost, "{}").told(), refused);

    let missing = (
        403,
        "MissingAuthenticationTokenException",
        "{\"message\":\"Missing Authentication Token\"}",
    );
    assert_eq!(to("GET /prod/loan", &[], "").told(), missing);
    assert_eq!(to("POST /prod/other", &[], "").told(), missing);
    assert_eq!(to("GET /prod", &[], "").told(), missing);

    let forbidden = (403, "ForbiddenException", "{\"message\":\"Forbidden\"}");
    for line in [
        "POST /prod/loan?file=../../etc/passwd",
        "POST /prod/loan?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "POST /prod/loan?id=%27%20OR%201=1--",
        "POST /prod/loan?q=$%7Bjndi:ldap://x%7D",
        "POST /prod/loan?u=http://169.254.169.254/latest/meta-data/",
        // The web ACL comes before the route.
        "GET /prod/other?file=../../etc/passwd",
        // No such stage.
        "POST /test/loan",
    ] {
        assert_eq!(to(line, &[], "{}").told(), forbidden, "{line}");
    }
    let silent = [("user-agent", "")];
    assert_eq!(to("POST /prod/loan", &silent, "{}").told(), forbidden);
    let lookup = [("x-name", "${jndi:ldap://x}")];
    assert_eq!(to("POST /prod/loan", &lookup, "{}").told(), forbidden);
    let nowhere = [("host", "nothere.execute-api.us-east-1.amazonaws.com")];
    assert_eq!(
        send(address, "POST /prod/loan", &nowhere, "{}").told(),
        forbidden
    );
    // Long bodies are only counted.
    let long = format!("\"{}\"", "x".repeat(9000));
    assert_eq!(to("POST /prod/loan", &[], &long).told(), refused);

    // The limit is 300 in five minutes from one address.
    let flood = || to("POST /prod/loan", &[], "{}").status;
    let blocked = (0..300).map(|_| flood()).position(|status| status == 403);
    assert!(blocked.is_some_and(|at| at > 200), "{blocked:?}");
    infra(&[
        "local",
        "drift",
        "WAFStack",
        "WebAclAssociation",
        "--delete",
    ]);
    assert_eq!(flood(), 401);
}

/// The first text of that name, wherever it is; or the value beside a key of that name.
fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(fields) => fields
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .or_else(|| fields.values().find_map(|inner| find(inner, name))),
        Value::Array(items) => items.iter().find_map(|inner| find(inner, name)),
        _ => None,
    }
}

/// An API with open methods that a mock answers.
fn template(methods: &[(&str, Value)]) -> Value {
    let mut resources = json!({
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "api"}},
        "Item": {"Type": "AWS::ApiGateway::Resource", "Properties": {
            "RestApiId": {"Ref": "Api"}, "ParentId": {"Fn::GetAtt": "Api.RootResourceId"},
            "PathPart": "{id}",
        }},
        "Age": {"Type": "AWS::ApiGateway::Model", "Properties": {
            "RestApiId": {"Ref": "Api"}, "Name": "Age", "ContentType": "application/json",
            "Schema": {"type": "object", "required": ["age"],
                       "properties": {"age": {"type": "integer", "maximum": 65}}},
        }},
        "Validator": {"Type": "AWS::ApiGateway::RequestValidator", "Properties": {
            "RestApiId": {"Ref": "Api"}, "ValidateRequestBody": true,
            "ValidateRequestParameters": true,
        }},
        "Wrong": {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": {
            "RestApiId": {"Ref": "Api"}, "ResponseType": "BAD_REQUEST_BODY", "StatusCode": "422",
            "ResponseParameters": {"gatewayresponse.header.X-Stage": "context.stage"},
            "ResponseTemplates": {"application/json":
                "{\"message\":$context.error.messageString,\"why\":\"$context.error.validationErrorString\"}"},
        }},
        "Key": {"Type": "AWS::ApiGateway::ApiKey", "Properties": {
            "Enabled": true, "Value": "abcdefghijklmnopqrstuvwxyz"}},
        "Deployment": {"Type": "AWS::ApiGateway::Deployment",
            "DependsOn": ["Wrong", "Put", "Get", "Post", "Patch"],
            "Properties": {"RestApiId": {"Ref": "Api"}}},
        "Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": {
            "RestApiId": {"Ref": "Api"}, "DeploymentId": {"Ref": "Deployment"}, "StageName": "s",
            "MethodSettings": [{"ResourcePath": "/~1{id}", "HttpMethod": "PATCH",
                                "ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 2}],
        }},
    });
    for (verb, more) in methods {
        let mut properties = json!({
            "RestApiId": {"Ref": "Api"}, "ResourceId": {"Ref": "Item"},
            "HttpMethod": verb.to_uppercase(), "AuthorizationType": "NONE",
            "Integration": {"Type": "MOCK", "IntegrationResponses": [{
                "StatusCode": "200", "ResponseTemplates": {"application/json": "{\"mock\":true}"},
                "ResponseParameters": {"method.response.header.X-Mock": "'yes'"},
            }]},
        });
        for (name, value) in more.as_object().unwrap() {
            properties[name] = value.clone();
        }
        resources[*verb] = json!({"Type": "AWS::ApiGateway::Method", "Properties": properties});
    }
    json!({
        "Resources": resources,
        "Outputs": {"Id": {"Value": {"Ref": "Api"}}},
    })
}

#[test]
fn methods_ask_what_they_ask_and_serve_what_was_deployed() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let mut methods = vec![
        (
            "Get",
            json!({"RequestValidatorId": {"Ref": "Validator"},
                       "RequestParameters": {"method.request.querystring.page": true,
                                             "method.request.path.id": true}}),
        ),
        (
            "Post",
            json!({"RequestValidatorId": {"Ref": "Validator"},
                        "RequestModels": {"application/json": {"Ref": "Age"}}}),
        ),
        ("Put", json!({"ApiKeyRequired": true})),
        ("Patch", json!({})),
    ];
    api.create("Own", &template(&methods).to_string(), &[]);
    let id = api
        .call("DescribeStacks", &[("StackName", "Own")])
        .good()
        .field("OutputValue");
    let to = |line: &str, headers: &[(&str, &str)], body: &str| {
        let (verb, path) = line.split_once(' ').unwrap();
        send(
            api.address(),
            &format!("{verb} /_execute-api/{id}/s{path}"),
            headers,
            body,
        )
    };
    let good = to("GET /7?page=1", &[], "");
    assert_eq!(good.told(), (200, "", "{\"mock\":true}"));
    assert_eq!(good.header("x-mock"), "yes");
    let parameter = "{\"message\":\"Missing required request parameters: [page]\"}";
    assert_eq!(
        to("GET /7", &[], "").told(),
        (400, "BadRequestException", parameter)
    );

    assert_eq!(to("POST /7", &[], "{\"age\":65}").status, 200);
    let wrong = to("POST /7", &[], "{\"age\":66}");
    let why = "{\"message\":\"Invalid request body\",\"why\":\"[numeric value is greater than the \
               required maximum (maximum: 65, found: 66)]\"}";
    assert_eq!(wrong.told(), (422, "BadRequestException", why));
    assert_eq!(wrong.header("x-stage"), "s");
    // A model of one type lets bodies of all others by.
    assert_eq!(
        to("POST /7", &[("content-type", "text/csv")], "66").status,
        200
    );
    assert_eq!(to("POST /7", &[], "no JSON").status, 422);

    let key = ("x-api-key", "abcdefghijklmnopqrstuvwxyz");
    assert_eq!(to("PUT /7", &[key], "").status, 200);
    assert_eq!(to("PUT /7", &[("x-api-key", "another")], "").told().0, 403);
    let throttled: Vec<u16> = (0..3).map(|_| to("PATCH /7", &[], "").status).collect();
    assert_eq!(throttled, [200, 200, 429]);

    // Neither what is changed nor what is new after the deployment is served.
    methods[3].1 = json!({"AuthorizationType": "AWS_IAM"});
    methods[2].1 = json!({});
    methods.push(("Delete", json!({})));
    let changed = template(&methods).to_string();
    api.begin("UpdateStack", "Own", &changed, &[]).good();
    assert_eq!(api.settled("Own"), "UPDATE_COMPLETE");
    assert_eq!(to("PUT /7", &[], "").told().0, 403);
    let missing = "{\"message\":\"Missing Authentication Token\"}";
    let missing = (403, "MissingAuthenticationTokenException", missing);
    assert_eq!(to("DELETE /7", &[], "").told(), missing);
    // A new deployment holds them.
    let again = changed.replace("\"Deployment\"", "\"Deployment2\"");
    api.begin("UpdateStack", "Own", &again, &[]).good();
    assert_eq!(api.settled("Own"), "UPDATE_COMPLETE");
    assert_eq!(to("PUT /7", &[], "").status, 200);
    assert_eq!(to("DELETE /7", &[], "").status, 200);
    assert_eq!(to("PATCH /7", &[], "").told(), missing);
}

#[test]
fn what_api_gateway_may_not_call_fails() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let proxy = json!({"Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST",
                                       "Uri": "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/x/invocations"}});
    let open = || json!({});
    let methods = [
        ("Get", proxy),
        ("Post", open()),
        ("Put", open()),
        ("Patch", open()),
    ];
    api.create("Own", &template(&methods).to_string(), &[]);
    let id = api
        .call("DescribeStacks", &[("StackName", "Own")])
        .good()
        .field("OutputValue");
    let told = send(
        api.address(),
        &format!("GET /_execute-api/{id}/s/7"),
        &[],
        "",
    );
    // Nothing of that name may be asked by API Gateway.
    let words = "{\"message\":\"Internal server error\"}";
    assert_eq!(told.told(), (500, "InternalServerErrorException", words));
}
