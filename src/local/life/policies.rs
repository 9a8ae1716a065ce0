//! Policy documents: their grammar, and keys that nobody could manage any more.

use super::Call;
use super::words::{No, no};
use crate::local::pattern::matches;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
const TOP: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT: &[&str] = &[
    "Action",
    "Condition",
    "Effect",
    "NotAction",
    "NotPrincipal",
    "NotResource",
    "Principal",
    "Resource",
    "Sid",
];

const SYNTAX: &str = "Syntax errors in policy.";

/// What a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Rights of whoever it is attached to.
    Identity,
    /// Who may assume a role.
    Trust,
}

/// A policy document that IAM does not take.
pub(super) fn documents(call: &Call<'_>) -> Option<No> {
    let properties = call.properties();
    let inline = properties["Policies"].as_array().into_iter().flatten();
    let own = std::iter::once(&properties["PolicyDocument"])
        .chain(inline.map(|policy| &policy["PolicyDocument"]))
        .map(|document| (document, Purpose::Identity));
    let trust = (&properties["AssumeRolePolicyDocument"], Purpose::Trust);
    std::iter::once(trust)
        .chain(own)
        .filter(|(document, _)| !document.is_null())
        .find_map(|(document, purpose)| {
            malformed(document, purpose, &|text| call.world.is_invented(text))
        })
        .map(|words| no("Iam", words))
}

/// A document, which may be given as its text.
pub fn read(document: &Value) -> Option<Cow<'_, Value>> {
    match document {
        Value::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        other => Some(Cow::Borrowed(other)),
    }
}

/// A document's statements.
pub fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    let all = match &document["Statement"] {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    all.iter()
}

fn malformed(
    document: &Value,
    purpose: Purpose,
    is_invented: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let syntax = Some(SYNTAX.to_owned());
    let Some(document) = read(document) else {
        return syntax;
    };
    let Some(fields) = document.as_object() else {
        return syntax;
    };
    let version = document["Version"].as_str();
    if !fields.keys().all(|name| TOP.contains(&name.as_str()))
        || !matches!(version, None | Some("2008-10-17" | "2012-10-17"))
        || statements(&document).next().is_none()
    {
        return syntax;
    }
    let mut ids = BTreeSet::new();
    for statement in statements(&document) {
        let Some(fields) = statement.as_object() else {
            return syntax;
        };
        let wrong = ill_formed(fields).or_else(|| misplaced(fields, purpose, is_invented));
        if wrong.is_some() {
            return wrong;
        }
        if statement["Sid"]
            .as_str()
            .is_some_and(|id| !id.is_empty() && !ids.insert(id))
        {
            return Some("Statement IDs (SID) in a single policy must be unique.".to_owned());
        }
    }
    None
}

/// What no policy may hold.
fn ill_formed(statement: &Map<String, Value>) -> Option<String> {
    let both =
        |one: &str| statement.contains_key(one) && statement.contains_key(&format!("Not{one}"));
    let known = statement
        .keys()
        .all(|name| STATEMENT.contains(&name.as_str()));
    let effect = statement.get("Effect").and_then(Value::as_str);
    if !known || !matches!(effect, Some("Allow" | "Deny")) || both("Action") || both("Resource") {
        return Some(SYNTAX.to_owned());
    }
    let id = statement
        .get("Sid")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
             expression [0-9A-Za-z]*"
                .to_owned(),
        );
    }
    let actions = listed(statement, &["Action", "NotAction"]);
    if actions.is_empty() {
        return Some("Policy statement must contain actions.".to_owned());
    }
    let vendor = |action: &&str| *action != "*" && !action.contains(':');
    actions.iter().any(vendor).then(|| {
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".to_owned()
    })
}

/// What a policy of this purpose may not hold, or lacks.
fn misplaced(
    statement: &Map<String, Value>,
    purpose: Purpose,
    is_invented: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let has = |name: &str| statement.contains_key(name);
    if purpose == Purpose::Trust {
        let resource = ["Resource", "NotResource"]
            .into_iter()
            .find(|name| has(name));
        if let Some(name) = resource {
            return Some(format!("Has prohibited field {name}."));
        }
        let actions = listed(statement, &["Action"]);
        let own = |action: &str| action == "*" || action.to_lowercase().starts_with("sts:");
        return (!actions.iter().all(|action| own(action)))
            .then(|| "AssumeRole policy may only specify STS AssumeRole actions.".to_owned());
    }
    if has("Principal") || has("NotPrincipal") {
        return Some("Policy document should not specify a principal.".to_owned());
    }
    let resources = listed(statement, &["Resource", "NotResource"]);
    if resources.is_empty() {
        return Some("Policy statement must contain resources.".to_owned());
    }
    // `*` may stand for the parts of an ARN as well.
    let is_arn = |one: &str| one.contains('*') || one.starts_with("arn:");
    let wrong = resources
        .iter()
        .find(|one| !is_arn(one) && !is_invented(one))?;
    Some(format!("Resource {wrong} must be in ARN format or \"*\"."))
}

fn listed<'a>(statement: &'a Map<String, Value>, names: &[&str]) -> Vec<&'a str> {
    let values = names.iter().filter_map(|name| statement.get(*name));
    values.flat_map(texts).collect()
}

/// The texts of a value: itself, or those in the list that it is.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

/// Whether one of the actions, in which `*` stands for anything, is meant.
fn covers(actions: &Value, wanted: &str) -> bool {
    texts(actions)
        .iter()
        .any(|action| matches(&action.to_lowercase(), &wanted.to_lowercase()))
}

fn allows<'a>(document: &'a Value, action: &'a str) -> impl Iterator<Item = &'a Value> {
    statements(document)
        .filter(move |one| one["Effect"] == "Allow" && covers(&one["Action"], action))
        .map(|one| &one["Principal"])
}

/// Whether a trust policy names the service. One that cannot be read is let through.
pub(super) fn lets_service(document: &Value, service: &str, action: &str) -> bool {
    let Some(document) = read(document) else {
        return true;
    };
    allows(&document, action).any(|principal| {
        texts(principal).contains(&"*") || texts(&principal["Service"]).contains(&service)
    })
}

/// A key policy under which nobody of the account could change it again.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
pub(super) fn lockout(call: &Call<'_>) -> Option<No> {
    let properties = call.properties();
    let document = read(properties.get("KeyPolicy")?)?;
    if super::flag(properties, "BypassPolicyLockoutSafetyCheck") {
        return None;
    }
    let account = call.world.place.account.as_str();
    // Whoever deploys is one of the account, whatever the name.
    let own =
        |name: &&str| *name == "*" || *name == account || name.split(':').nth(4) == Some(account);
    let open = allows(&document, "kms:PutKeyPolicy").any(|principal| {
        texts(principal).iter().any(own) || texts(&principal["AWS"]).iter().any(own)
    });
    (!open).then(|| {
        let words = "The new key policy will not allow you to update the key policy in the future.";
        no("Kms", words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(statement: Value, purpose: Purpose) -> Option<String> {
        let document = json!({"Version": "2012-10-17", "Statement": statement});
        malformed(&document, purpose, &|text| text == "invented")
    }

    #[test]
    fn well_formed_policies_pass() {
        let one =
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::b/*", "*"]});
        assert_eq!(judged(one.clone(), Purpose::Identity), None);
        assert_eq!(judged(json!([one]), Purpose::Identity), None);
        let made_up = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "invented"});
        assert_eq!(judged(made_up, Purpose::Identity), None);
        let text = json!(
            "{\"Statement\": [{\"Effect\": \"Deny\", \"NotAction\": \"*\", \"Resource\": \"*\"}]}"
        );
        assert_eq!(malformed(&text, Purpose::Identity, &|_| false), None);
        let trust = json!({"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Principal": {"Service": "ec2.amazonaws.com"}});
        assert_eq!(judged(trust, Purpose::Trust), None);
    }

    #[test]
    fn malformed_policies_are_refused_in_the_services_words() {
        let with = |name: &str, value: Value| {
            let mut one = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
            one[name] = value;
            judged(one, Purpose::Identity).unwrap()
        };
        assert_eq!(with("Effect", json!("Maybe")), SYNTAX);
        assert_eq!(with("Actions", json!("s3:*")), SYNTAX);
        assert_eq!(with("NotAction", json!("s3:*")), SYNTAX);
        assert_eq!(
            with("Action", json!([])),
            "Policy statement must contain actions."
        );
        assert!(
            with("Action", json!("everything")).starts_with("Actions/Conditions must be prefaced")
        );
        assert_eq!(
            with("Resource", json!([])),
            "Policy statement must contain resources."
        );
        assert_eq!(
            with("Resource", json!("bucket")),
            "Resource bucket must be in ARN format or \"*\"."
        );
        assert!(
            with("Sid", json!("no spaces"))
                .starts_with("Statement IDs (SID) must be alpha-numeric")
        );
        assert_eq!(
            with("Principal", json!("*")),
            "Policy document should not specify a principal."
        );
        assert_eq!(
            malformed(&json!("{"), Purpose::Identity, &|_| false).unwrap(),
            SYNTAX
        );
        assert_eq!(
            malformed(
                &json!({"Version": "2020-01-01"}),
                Purpose::Identity,
                &|_| false
            )
            .unwrap(),
            SYNTAX
        );
        let named = json!({"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        assert!(
            judged(json!([named, named]), Purpose::Identity)
                .unwrap()
                .contains("must be unique")
        );
        let trust = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Principal": "*"});
        assert_eq!(
            judged(trust, Purpose::Trust).unwrap(),
            "Has prohibited field Resource."
        );
        let trust = json!({"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*"});
        assert!(
            judged(trust, Purpose::Trust)
                .unwrap()
                .contains("STS AssumeRole")
        );
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(covers(&json!("kms:*"), "kms:PutKeyPolicy"));
        assert!(covers(&json!(["s3:*", "kms:Put*"]), "kms:PutKeyPolicy"));
        assert!(covers(&json!("*"), "kms:PutKeyPolicy"));
        assert!(!covers(&json!("kms:Get*"), "kms:PutKeyPolicy"));
    }
}
