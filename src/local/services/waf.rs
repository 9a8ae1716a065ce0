//! AWS WAF: web ACLs, what they guard and where they log.

use super::holdings::{Held, Holdings, Shape, as_is};
use super::pages::Paging;
use super::{Request, asked, unknown};
use crate::local::core::Core;
use crate::local::refusal::Refusal;
use crate::local::{ids, life};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const ACLS: &str = "AWS::WAFv2::WebACL";
const ASSOCIATIONS: &str = "AWS::WAFv2::WebACLAssociation";
const LOGGING: &str = "AWS::WAFv2::LoggingConfiguration";

/// <https://docs.aws.amazon.com/waf/latest/APIReference/API_WebACL.html>
const ACL: Shape = Shape {
    kind: ACLS,
    naming: as_is,
    properties: &[
        "DefaultAction",
        "Description",
        "Rules",
        "VisibilityConfig",
        "CustomResponseBodies",
        "CaptchaConfig",
        "ChallengeConfig",
        "TokenDomains",
        "AssociationConfig",
        "DataProtectionConfig",
        "OnSourceDDoSProtectionConfig",
    ],
    renamed: &[],
};

/// <https://docs.aws.amazon.com/waf/latest/APIReference/API_LoggingConfiguration.html>
const LOG: Shape = Shape {
    kind: LOGGING,
    naming: as_is,
    properties: &[
        "ResourceArn",
        "LogDestinationConfigs",
        "RedactedFields",
        "LoggingFilter",
    ],
    renamed: &[],
};

/// What a part of an ARN says of what is guarded.
/// <https://docs.aws.amazon.com/waf/latest/APIReference/API_ListResourcesForWebACL.html>
const GUARDED: &[(&str, &str)] = &[
    ("AMPLIFY", ":amplify:"),
    ("API_GATEWAY", ":apigateway:"),
    ("APPLICATION_LOAD_BALANCER", ":elasticloadbalancing:"),
    ("APPSYNC", ":appsync:"),
    ("APP_RUNNER_SERVICE", ":apprunner:"),
    ("COGNITO_USER_POOL", ":cognito-idp:"),
    ("VERIFIED_ACCESS_INSTANCE", ":ec2:"),
];

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Result<Value, Refusal> {
    let asked = asked(request)?;
    let state = core.store.state();
    let holdings = Holdings::new(core, &state);
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    match request.target {
        "GetWebACL" => {
            let held = wanted(&holdings, &asked).ok_or_else(missing)?;
            Ok(json!({ "WebACL": acl(&holdings, held), "LockToken": lock(held) }))
        }
        "ListWebACLs" => {
            let all = holdings.all(ACLS).into_iter();
            let all = all.filter(|held| parts(*held).2 == text("Scope"));
            list(&asked, all.map(|held| summary(&holdings, held)).collect())
        }
        "GetWebACLForResource" => {
            let resource = text("ResourceArn");
            if !exists(&holdings, resource) {
                return Err(missing());
            }
            let held = guarding(&holdings, resource);
            Ok(held.map_or(
                Value::Null,
                |held| json!({ "WebACL": acl(&holdings, held) }),
            ))
        }
        "ListResourcesForWebACL" => {
            let own = text("WebACLArn");
            let held = of_arn(&holdings, own).ok_or_else(missing)?;
            let kind = asked["ResourceType"].as_str();
            let kind = kind.unwrap_or("APPLICATION_LOAD_BALANCER");
            Ok(json!({ "ResourceArns": guarded(&holdings, held, kind) }))
        }
        "GetLoggingConfiguration" => {
            let found = holdings.find(LOGGING, text("ResourceArn"));
            let held = found.ok_or_else(missing)?;
            Ok(json!({ "LoggingConfiguration": logging(held) }))
        }
        "CheckCapacity" => {
            let rules = asked["Rules"].as_array().cloned().unwrap_or_default();
            Ok(json!({ "Capacity": life::capacity_units(&rules, &state) }))
        }
        other => Err(unknown(other)),
    }
}

fn missing() -> Refusal {
    Refusal::new(
        400,
        "WAFNonexistentItemException",
        "AWS WAF couldn’t perform the operation because your resource doesn’t exist.",
    )
}

fn list(asked: &Value, all: Vec<Value>) -> Result<Value, Refusal> {
    let paging = Paging {
        list: "WebACLs",
        next: "NextMarker",
        usual: 100,
        most: 100,
    };
    let (token, limit) = (asked["NextMarker"].as_str(), asked["Limit"].as_u64());
    paging.page(&all, token, limit).ok_or_else(|| {
        let message = "Error reason: The parameter contains formatting that is not valid., field: \
                       NEXT_MARKER";
        Refusal::new(400, "WAFInvalidParameterException", message)
    })
}

/// A physical id's parts: name, id and scope.
fn parts<'a>(held: Held<'a>) -> (&'a str, &'a str, &'a str) {
    let mut parts = held.id().split('|');
    let mut part = || parts.next().unwrap_or_default();
    (part(), part(), part())
}

/// The web ACL that a request names.
fn wanted<'a>(holdings: &Holdings<'a>, asked: &Value) -> Option<Held<'a>> {
    if let Some(arn) = asked["ARN"].as_str() {
        return of_arn(holdings, arn);
    }
    let mut all = holdings.all(ACLS).into_iter();
    all.find(|held| {
        let (name, id, scope) = parts(*held);
        asked["Name"] == name && asked["Id"] == id && asked["Scope"] == scope
    })
}

fn of_arn<'a>(holdings: &Holdings<'a>, arn: &str) -> Option<Held<'a>> {
    let mut all = holdings.all(ACLS).into_iter();
    all.find(|held| holdings.attribute(*held, "Arn") == arn)
}

/// The ARN of a stage, as web ACLs name it.
pub fn stage_arn(holdings: &Holdings<'_>, api: &str, stage: &str) -> String {
    let (partition, region) = (holdings.place.partition(), &holdings.place.region);
    format!("arn:{partition}:apigateway:{region}::/restapis/{api}/stages/{stage}")
}

/// The web ACL in front of a resource.
pub fn guarding<'a>(holdings: &Holdings<'a>, resource: &str) -> Option<Held<'a>> {
    let all = holdings.all(ASSOCIATIONS).into_iter();
    let mut of_resource = all.filter(|held| held.text("ResourceArn") == resource);
    of_resource.find_map(|held| of_arn(holdings, held.text("WebACLArn")))
}

/// Whether there is what the ARN names, as far as that is known here.
fn exists(holdings: &Holdings<'_>, resource: &str) -> bool {
    if let Some((_, path)) = resource.split_once("::/restapis/")
        && let Some((api, stage)) = path.split_once("/stages/")
    {
        let mut stages = holdings.all("AWS::ApiGateway::Stage").into_iter();
        return stages.any(|held| held.text("RestApiId") == api && held.id() == stage);
    }
    match resource.split_once(":userpool/") {
        Some((_, pool)) => holdings.find("AWS::Cognito::UserPool", pool).is_some(),
        None => true,
    }
}

fn guarded(holdings: &Holdings<'_>, acl: Held<'_>, kind: &str) -> Vec<String> {
    let own = holdings.attribute(acl, "Arn");
    let part = GUARDED.iter().find(|(name, _)| *name == kind);
    let all = holdings.all(ASSOCIATIONS).into_iter();
    all.filter(|held| held.text("WebACLArn") == own)
        .map(|held| held.text("ResourceArn").to_owned())
        .filter(|arn| part.is_some_and(|(_, part)| arn.contains(part)))
        .collect()
}

/// Changes with the web ACL.
fn lock(held: Held<'_>) -> String {
    ids::stable_uuid(&format!("{}{}", held.id(), held.resource.actual()))
}

fn summary(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let (name, id, _) = parts(held);
    json!({
        "Name": name,
        "Id": id,
        "ARN": holdings.attribute(held, "Arn"),
        "Description": held.text("Description"),
        "LockToken": lock(held),
    })
}

fn acl(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let (name, id, _) = parts(held);
    let account = &holdings.place.account;
    let mut told = ACL.with(
        &json!({ "Rules": [] }),
        held.resource.actual(),
        &json!({
            "Name": name,
            "Id": id,
            "ARN": holdings.attribute(held, "Arn"),
            "LabelNamespace": format!("awswaf:{account}:webacl:{name}:"),
            "ManagedByFirewallManager": false,
        }),
    );
    let rules = told["Rules"].as_array().cloned().unwrap_or_default();
    told["Capacity"] = life::capacity_units(&rules, holdings.state).into();
    told["Rules"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .for_each(as_the_service_has_it);
    told
}

/// What the service calls otherwise than CloudFormation does, within a rule: ARNs, and texts to look
/// for, which are bytes.
fn as_the_service_has_it(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields.iter_mut() {
                let Some(statement) = inner.as_object_mut() else {
                    as_the_service_has_it(inner);
                    continue;
                };
                if name.ends_with("ReferenceStatement")
                    && let Some(arn) = statement.remove("Arn")
                {
                    statement.insert("ARN".to_owned(), arn);
                }
                if name == "ByteMatchStatement" {
                    let text = statement.remove("SearchString");
                    let encoded = statement.remove("SearchStringBase64");
                    let text = text.as_ref().and_then(Value::as_str);
                    let bytes = text.map(|text| STANDARD.encode(text).into()).or(encoded);
                    statement.insert("SearchString".to_owned(), bytes.unwrap_or_default());
                }
                as_the_service_has_it(inner);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_the_service_has_it),
        _ => {}
    }
}

fn logging(held: Held<'_>) -> Value {
    LOG.with(
        &json!({ "ManagedByFirewallManager": false }),
        held.resource.actual(),
        &json!({ "LogType": "WAF_LOGS", "LogScope": "CUSTOMER" }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_as_the_service_has_them() {
        let mut rule = json!({"Statement": {"AndStatement": {"Statements": [
            {"IPSetReferenceStatement": {"Arn": "arn:set"}},
            {"ByteMatchStatement": {"SearchString": "bad", "PositionalConstraint": "EXACTLY"}},
        ]}}});
        as_the_service_has_it(&mut rule);
        let statements = &rule["Statement"]["AndStatement"]["Statements"];
        assert_eq!(
            statements[0]["IPSetReferenceStatement"],
            json!({"ARN": "arn:set"})
        );
        assert_eq!(statements[1]["ByteMatchStatement"]["SearchString"], "YmFk");
    }
}
