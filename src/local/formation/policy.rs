//! Stack policies: which resources an update may touch.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html>

use crate::local::pattern::matches;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

/// What an update does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It is changed in place.
    Modify,
    /// A new one takes its place.
    Replace,
    /// It goes.
    Delete,
}

impl Touch {
    fn action(self) -> &'static str {
        match self {
            Self::Modify => "Update:Modify",
            Self::Replace => "Update:Replace",
            Self::Delete => "Update:Delete",
        }
    }
}

/// Refuses a text that is no policy.
///
/// # Errors
/// The service's words.
pub fn check(text: &str) -> Result<(), Refusal> {
    let wrong = || Refusal::validation("Error validating stack policy: Invalid stack policy");
    let policy: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let good = policy.is_object() && statements(&policy).into_iter().all(is_statement);
    if good { Ok(()) } else { Err(wrong()) }
}

/// Principals are not told apart: it must be everybody.
fn is_statement(statement: &Value) -> bool {
    let listed = |name: &str| match &statement[name] {
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        Value::Null => vec![],
        one => vec![one.as_str()],
    };
    let action = |action: Option<&str>| {
        matches!(
            action,
            Some("*" | "Update:*" | "Update:Modify" | "Update:Replace" | "Update:Delete")
        )
    };
    let actions = [listed("Action"), listed("NotAction")].concat();
    let everybody = statement["Principal"] == "*" || statement["Principal"] == json!({"AWS": "*"});
    matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"))
        && (everybody || statement.get("NotPrincipal").is_some())
        && !actions.is_empty()
        && actions.into_iter().all(action)
}

fn statements(policy: &Value) -> Vec<&Value> {
    match &policy["Statement"] {
        Value::Array(list) => list.iter().collect(),
        Value::Null => vec![],
        one => vec![one],
    }
}

/// The reason for which the policy forbids this, if it does. A Deny wins over an Allow; what no
/// statement allows is forbidden.
pub fn denied(text: &str, touch: Touch, logical_id: &str, kind: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let resource = format!("LogicalResourceId/{logical_id}");
    let action = touch.action();
    let statements = statements(&policy);
    // An empty one takes the policy away.
    let mut allowed = statements.is_empty();
    for (at, statement) in statements.into_iter().enumerate() {
        if !applies(statement, action, &resource, kind) {
            continue;
        }
        if statement["Effect"] == "Deny" {
            return Some(format!(
                "Action denied by stack policy: Statement [#{}] does not allow [{action}] for \
                 resource [{resource}]",
                at + 1
            ));
        }
        allowed = true;
    }
    (!allowed).then(|| {
        format!("Action not allowed by stack policy: no statement allows [{action}] for resource [{resource}]")
    })
}

fn applies(statement: &Value, action: &str, resource: &str, kind: &str) -> bool {
    let named = |yes: &str, no: &str, name: &str| match (statement.get(yes), statement.get(no)) {
        (Some(list), _) => any(list, name),
        (None, Some(list)) => !any(list, name),
        (None, None) => yes == "Resource",
    };
    named("Action", "NotAction", action)
        && named("Resource", "NotResource", resource)
        && condition(&statement["Condition"], kind)
}

fn condition(condition: &Value, kind: &str) -> bool {
    let tests = condition.as_object().into_iter().flatten();
    tests
        .filter_map(|(_, keys)| keys.get("ResourceType"))
        .all(|types| any(types, kind))
}

fn any(list: &Value, name: &str) -> bool {
    match list {
        Value::Array(items) => items.iter().any(|item| any(item, name)),
        Value::String(pattern) => matches(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*",
         "Resource": "LogicalResourceId/Data*"},
        {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "*",
         "Condition": {"StringEquals": {"ResourceType": ["AWS::RDS::DBInstance"]}}}
    ]}"#;

    #[test]
    fn a_deny_wins() {
        let said = |touch, name, kind| denied(POLICY, touch, name, kind);
        assert_eq!(said(Touch::Modify, "DataBucket", "AWS::S3::Bucket"), None);
        assert_eq!(
            said(Touch::Replace, "DataBucket", "AWS::S3::Bucket").unwrap(),
            "Action denied by stack policy: Statement [#2] does not allow [Update:Replace] for \
             resource [LogicalResourceId/DataBucket]"
        );
        assert!(said(Touch::Modify, "Db", "AWS::RDS::DBInstance").is_some());
        let nothing = r#"{"Statement": {"Effect": "Allow", "Action": "Update:Modify",
            "Principal": "*", "NotResource": "LogicalResourceId/A"}}"#;
        assert!(denied(nothing, Touch::Modify, "A", "T").is_some());
        assert_eq!(denied(nothing, Touch::Modify, "B", "T"), None);
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        assert!(check("{").is_err() && check("[]").is_err());
        assert!(check(POLICY).is_ok() && check("{}").is_ok());
        assert_eq!(denied("{}", Touch::Replace, "A", "T"), None);
        let principal = POLICY.replacen(r#""Principal": "*""#, r#""Principal": "me""#, 1);
        let action = POLICY.replacen("Update:", "Delete:", 1);
        assert!(check(&principal).is_err() && check(&action).is_err());
    }
}
