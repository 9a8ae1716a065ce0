//! A policy of IAM: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use super::{Right, When};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The policy that allows all of that: a statement for what is needed at the same times on the same
/// resources. What is needed always is not allowed a second time.
pub fn policy(rights: &[Right]) -> Value {
    let mut ordered: Vec<&Right> = rights.iter().collect();
    ordered.sort_by_key(|right| right.when);
    let mut allowed = BTreeSet::new();
    let mut statements: BTreeMap<(When, &[String], bool), BTreeSet<&str>> = BTreeMap::new();
    for right in ordered {
        if allowed.insert((&right.action, &right.resources)) {
            let passes = right.action == PASS;
            let actions = statements
                .entry((right.when, &right.resources, passes))
                .or_default();
            actions.insert(&right.action);
        }
    }
    let mut names = BTreeMap::new();
    let statements: Vec<Value> = statements
        .into_iter()
        .map(|((when, resources, passes), actions)| {
            let mut statement = json!({
                "Sid": sid(when, &mut names),
                "Effect": "Allow",
                "Action": actions,
                "Resource": resources,
            });
            if passes {
                let service = json!({ "iam:PassedToService": "cloudformation.amazonaws.com" });
                statement["Condition"] = json!({ "StringEquals": service });
            }
            statement
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// The one action with which whoever may do it could give a role to any service.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
const PASS: &str = "iam:PassRole";

/// A statement's name: when it is needed, in letters and digits, which are all that it may have.
fn sid(when: When, names: &mut BTreeMap<String, usize>) -> String {
    let words = when.words().unwrap_or_else(|| "always".to_owned());
    let name: String = words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{}{rest}", first.to_uppercase())
        })
        .collect();
    let count = names.entry(name.clone()).or_default();
    *count += 1;
    match count {
        1 => name,
        _ => format!("{name}{count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(when: When, action: &str, resource: &str) -> Right {
        Right {
            when,
            operation: "",
            action: action.to_owned(),
            resources: vec![resource.to_owned()],
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_once() {
        let rights = [
            right(When::If("with --out"), "a:Two", "*"),
            right(When::Always, "a:Two", "*"),
            right(When::Always, "a:One", "*"),
            right(When::If("with --out"), "a:Two", "arn:x"),
            right(When::If("with --out"), "iam:PassRole", "arn:x"),
        ];
        let document = policy(&rights);
        assert_eq!(
            document,
            json!({"Version": "2012-10-17", "Statement": [
                {"Sid": "Always", "Effect": "Allow", "Action": ["a:One", "a:Two"], "Resource": ["*"]},
                {"Sid": "WithOut", "Effect": "Allow", "Action": ["a:Two"], "Resource": ["arn:x"]},
                {"Sid": "WithOut2", "Effect": "Allow", "Action": ["iam:PassRole"], "Resource": ["arn:x"],
                 "Condition": {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}},
            ]})
        );
    }
}
