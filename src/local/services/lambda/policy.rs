//! Who may call a function.

use super::super::holdings::{Held, Holdings};
use super::{Named, is_of};
use crate::local::formation::evaluate::partition;
use crate::local::ids;
use crate::local::refusal::Refusal;
use serde_json::{Map, Value, json};

const PERMISSIONS: &str = "AWS::Lambda::Permission";

/// Who may call the function, as its permissions make one policy.
/// <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>
pub(super) fn policy(holdings: &Holdings<'_>, named: &Named<'_>) -> Result<Value, Refusal> {
    let all = holdings.all(PERMISSIONS).into_iter();
    let alias = named.alias.map(|alias| alias.text("Name"));
    let own = all.filter(|held| {
        let given = held.text("FunctionName");
        let behind = given
            .rsplit_once("function:")
            .map_or(given, |(_, rest)| rest);
        let behind = behind.split_once(':').map(|(_, alias)| alias);
        is_of(given, named.held.id()) && behind.filter(|text| *text != "$LATEST") == alias
    });
    let statements: Vec<Value> = own
        .map(|held| statement(holdings, held, &named.qualified()))
        .collect();
    if statements.is_empty() {
        let message = "The resource you requested does not exist.";
        return Err(Refusal::new(404, "ResourceNotFoundException", message));
    }
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
    let text = policy.to_string();
    Ok(json!({ "RevisionId": ids::stable_uuid(&text), "Policy": text }))
}

/// What a permission's properties are as conditions: the operator and the key.
const CONDITIONS: &[(&str, &str, &str)] = &[
    (
        "EventSourceToken",
        "StringEquals",
        "lambda:EventSourceToken",
    ),
    (
        "FunctionUrlAuthType",
        "StringEquals",
        "lambda:FunctionUrlAuthType",
    ),
    (
        "InvokedViaFunctionUrl",
        "Bool",
        "lambda:InvokedViaFunctionUrl",
    ),
    ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
    ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
    ("SourceArn", "ArnLike", "AWS:SourceArn"),
];

fn statement(holdings: &Holdings<'_>, held: Held<'_>, arn: &str) -> Value {
    let principal = match held.text("Principal") {
        "*" => json!("*"),
        account if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) => {
            let partition = partition(&holdings.place.region);
            json!({ "AWS": format!("arn:{partition}:iam::{account}:root") })
        }
        arn if arn.starts_with("arn:") => json!({ "AWS": arn }),
        service => json!({ "Service": service }),
    };
    let mut conditions: Map<String, Value> = Map::new();
    for (property, operator, key) in CONDITIONS {
        let value = match held.property(property) {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let group = conditions.entry(*operator).or_insert_with(|| json!({}));
        group[*key] = value.into();
    }
    let mut told = json!({
        "Sid": held.id(),
        "Effect": "Allow",
        "Principal": principal,
        "Action": held.text("Action"),
        "Resource": arn,
    });
    if !conditions.is_empty() {
        told["Condition"] = Value::Object(conditions);
    }
    told
}
