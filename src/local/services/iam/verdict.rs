//! What policies say of an action on a resource.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use crate::local::life::policies::statements;
use crate::local::life::policies::texts;
use crate::local::pattern::matches;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a request: keys in small letters, and their values.
pub(super) type Context = BTreeMap<String, Vec<String>>;

/// What is asked.
pub(super) struct Asked<'a> {
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    pub(super) context: &'a Context,
}

/// What policies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// Nothing.
    Implicit,
    /// It is allowed.
    Allowed,
    /// It is denied.
    Explicit,
}

impl Verdict {
    /// As IAM calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Implicit => "implicitDeny",
            Self::Allowed => "allowed",
            Self::Explicit => "explicitDeny",
        }
    }
}

/// What one document says; keys that conditions ask for and nobody gave are added to `missing`. A
/// document stands as its tree.
pub(super) fn judge(
    document: &Value,
    asked: &Asked<'_>,
    missing: &mut BTreeSet<String>,
) -> Verdict {
    let found = statements(document).filter_map(|statement| {
        let verdict = match statement["Effect"].as_str()? {
            "Allow" => Verdict::Allowed,
            "Deny" => Verdict::Explicit,
            _ => return None,
        };
        let is_meant = acts(statement, asked)
            && touches(statement, asked)
            && holds(&statement["Condition"], asked, verdict, missing);
        is_meant.then_some(verdict)
    });
    // All are looked at: each may miss a key.
    found.fold(Verdict::Implicit, Ord::max)
}

fn acts(statement: &Value, asked: &Asked<'_>) -> bool {
    let action = asked.action.to_lowercase();
    let is_one = |list: &Value| {
        let mut all = texts(list).into_iter();
        all.any(|pattern| matches(&pattern.to_lowercase(), &action))
    };
    match &statement["Action"] {
        Value::Null => !is_one(&statement["NotAction"]),
        list => is_one(list),
    }
}

fn touches(statement: &Value, asked: &Asked<'_>) -> bool {
    let is_one = |list: &Value| {
        let mut all = texts(list).into_iter();
        all.any(|pattern| {
            filled(pattern, asked.context).is_some_and(|pattern| matches(&pattern, asked.resource))
        })
    };
    match &statement["Resource"] {
        Value::Null => !is_one(&statement["NotResource"]),
        list => is_one(list),
    }
}

/// A text with its policy variables filled in; nothing where one has no value.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
fn filled(text: &str, context: &Context) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        match name {
            // These three stand for themselves.
            "*" | "?" | "$" => out.push_str(name),
            name => out.push_str(context.get(&name.to_lowercase())?.first()?),
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// Whether all conditions hold. An operator that is not known here holds where it denies, and does not
/// where it allows: nothing is said to be allowed that may not be.
fn holds(
    conditions: &Value,
    asked: &Asked<'_>,
    verdict: Verdict,
    missing: &mut BTreeSet<String>,
) -> bool {
    let all = conditions.as_object().into_iter().flatten();
    let mut holds = true;
    for (operator, keys) in all {
        let test = Test::read(operator);
        for (key, values) in keys.as_object().into_iter().flatten() {
            let given = asked.context.get(&key.to_lowercase());
            if given.is_none() {
                missing.insert(key.clone());
            }
            holds &= match &test {
                Some(test) => test.holds(given, values, asked.context),
                None => verdict == Verdict::Explicit,
            };
        }
    }
    holds
}

/// How a value is compared with one of a policy.
type Compare = fn(&str, &str) -> bool;

/// An operator of a condition.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
struct Test {
    compare: Compare,
    negated: bool,
    if_exists: bool,
    all: bool,
    /// `Null`: whether the key is absent.
    absent: bool,
}

const OPERATORS: &[(&str, Compare, bool)] = &[
    ("ArnEquals", like, false),
    ("ArnLike", like, false),
    ("ArnNotEquals", like, true),
    ("ArnNotLike", like, true),
    ("Bool", same_but_case, false),
    ("Null", same_but_case, false),
    (
        "NumericEquals",
        |one, other| number(one, other, f64::eq),
        false,
    ),
    (
        "NumericGreaterThan",
        |one, other| number(one, other, f64::gt),
        false,
    ),
    (
        "NumericGreaterThanEquals",
        |one, other| number(one, other, f64::ge),
        false,
    ),
    (
        "NumericLessThan",
        |one, other| number(one, other, f64::lt),
        false,
    ),
    (
        "NumericLessThanEquals",
        |one, other| number(one, other, f64::le),
        false,
    ),
    (
        "NumericNotEquals",
        |one, other| number(one, other, f64::eq),
        true,
    ),
    ("StringEquals", |one, other| one == other, false),
    ("StringEqualsIgnoreCase", same_but_case, false),
    ("StringLike", like, false),
    ("StringNotEquals", |one, other| one == other, true),
    ("StringNotEqualsIgnoreCase", same_but_case, true),
    ("StringNotLike", like, true),
];

fn like(given: &str, pattern: &str) -> bool {
    matches(pattern, given)
}

fn same_but_case(given: &str, wanted: &str) -> bool {
    given.eq_ignore_ascii_case(wanted)
}

fn number(given: &str, wanted: &str, compare: fn(&f64, &f64) -> bool) -> bool {
    match (given.parse(), wanted.parse()) {
        (Ok(given), Ok(wanted)) => compare(&given, &wanted),
        _ => false,
    }
}

impl Test {
    fn read(operator: &str) -> Option<Self> {
        let (all, operator) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (true, rest),
            Some(("ForAnyValue", rest)) => (false, rest),
            Some(_) => return None,
            None => (false, operator),
        };
        let bare = operator.strip_suffix("IfExists");
        let name = bare.unwrap_or(operator);
        let (_, compare, negated) = OPERATORS.iter().find(|(known, ..)| *known == name)?;
        Some(Self {
            compare: *compare,
            negated: *negated,
            if_exists: bare.is_some(),
            all,
            absent: name == "Null",
        })
    }

    fn holds(&self, given: Option<&Vec<String>>, values: &Value, context: &Context) -> bool {
        let wanted = written(values);
        if self.absent {
            let absent = given.is_none().to_string();
            return wanted.iter().any(|one| one.eq_ignore_ascii_case(&absent));
        }
        let Some(given) = given else {
            return self.negated || self.if_exists || self.all;
        };
        let fits = |one: &String| {
            let mut wanted = wanted.iter().filter_map(|text| filled(text, context));
            wanted.any(|wanted| (self.compare)(one, &wanted)) != self.negated
        };
        if self.all || self.negated {
            given.iter().all(fits)
        } else {
            given.iter().any(fits)
        }
    }
}

/// The values of a condition as texts: numbers and flags stand as themselves, too.
fn written(values: &Value) -> Vec<String> {
    match values {
        Value::Array(items) => items.iter().flat_map(written).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Number(_) | Value::Bool(_) => vec![values.to_string()],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(statements: Value, action: &str, resource: &str, given: &[(&str, &str)]) -> Verdict {
        let pairs = given.iter();
        let context = pairs
            .map(|(key, value)| (key.to_lowercase(), vec![(*value).to_owned()]))
            .collect();
        let asked = Asked {
            action,
            resource,
            context: &context,
        };
        judge(
            &json!({ "Statement": statements }),
            &asked,
            &mut BTreeSet::new(),
        )
    }

    #[test]
    fn actions_and_resources_are_patterns_and_a_deny_wins() {
        let policy = json!([
            {"Effect": "Allow", "Action": ["s3:Get*", "s3:PutObject"], "Resource": "arn:aws:s3:::data/*"},
            {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "NotResource": ["arn:aws:s3:::data/?*", "*:queue"]},
        ]);
        let said = |action, resource| said(policy.clone(), action, resource, &[]);
        assert_eq!(
            said("s3:getobject", "arn:aws:s3:::data/a"),
            Verdict::Allowed
        );
        assert_eq!(
            said("s3:DeleteObject", "arn:aws:s3:::data/a"),
            Verdict::Implicit
        );
        assert_eq!(
            said("s3:GetObject", "arn:aws:s3:::data/"),
            Verdict::Explicit
        );
        assert_eq!(
            said("s3:GetObject", "arn:aws:s3:::other/a"),
            Verdict::Explicit
        );
        assert_eq!(said("sqs:SendMessage", "arn:queue"), Verdict::Allowed);
    }

    #[test]
    fn conditions_hold_over_the_keys_that_are_given() {
        for (condition, given, wanted) in [
            (
                json!({"StringEquals": {"aws:ResourceTag/w": "a"}}),
                ("aws:resourcetag/W", "a"),
                true,
            ),
            (
                json!({"StringEquals": {"aws:ResourceTag/w": ["b", "a"]}}),
                ("aws:ResourceTag/w", "a"),
                true,
            ),
            (
                json!({"StringEquals": {"aws:ResourceTag/w": "b"}}),
                ("aws:ResourceTag/w", "a"),
                false,
            ),
            (
                json!({"StringEquals": {"aws:ResourceTag/w": "a"}}),
                ("k", "v"),
                false,
            ),
            (
                json!({"StringEqualsIfExists": {"aws:ResourceTag/w": "a"}}),
                ("k", "v"),
                true,
            ),
            (
                json!({"StringNotEquals": {"aws:ResourceTag/w": "a"}}),
                ("k", "v"),
                true,
            ),
            (
                json!({"StringNotLike": {"k": ["a*", "v*"]}}),
                ("k", "vv"),
                false,
            ),
            (
                json!({"ArnLike": {"k": "arn:aws:*:x"}}),
                ("k", "arn:aws:s3:x"),
                true,
            ),
            (json!({"Bool": {"k": false}}), ("k", "FALSE"), true),
            (json!({"NumericLessThan": {"k": "1.2"}}), ("k", "1.1"), true),
            (
                json!({"NumericGreaterThanEquals": {"k": 2}}),
                ("k", "1"),
                false,
            ),
            (json!({"Null": {"k": "true"}}), ("other", "v"), true),
            (json!({"Null": {"k": "true"}}), ("k", "v"), false),
            (
                json!({"ForAllValues:StringEquals": {"k": ["a", "b"]}}),
                ("k", "c"),
                false,
            ),
            (
                json!({"ForAllValues:StringEquals": {"k": ["a", "b"]}}),
                ("other", "c"),
                true,
            ),
            (
                json!({"StringEquals": {"k": "${aws:userid}"}}),
                ("k", "v"),
                false,
            ),
            (json!({"StringEquals": {"k": "${k}"}}), ("k", "v"), true),
            (json!({"DateLessThan": {"k": "v"}}), ("k", "v"), false),
            (
                json!({"Bool": {"k": "true"}, "StringEquals": {"k": "x"}}),
                ("k", "true"),
                false,
            ),
        ] {
            let statement = json!({
                "Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": condition,
            });
            let verdict = said(statement, "a:b", "r", &[given]);
            assert_eq!(verdict == Verdict::Allowed, wanted, "{condition} {given:?}");
        }
    }

    #[test]
    fn an_unknown_operator_denies() {
        let deny = json!({
            "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        });
        assert_eq!(said(deny, "a:b", "r", &[]), Verdict::Explicit);
    }

    #[test]
    fn what_is_missing_is_told() {
        let mut missing = BTreeSet::new();
        let document = json!({"Statement": {
            "Effect": "Allow", "Action": "a:b", "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/w": "a"}},
        }});
        let asked = Asked {
            action: "a:b",
            resource: "r",
            context: &Context::new(),
        };
        assert_eq!(judge(&document, &asked, &mut missing), Verdict::Implicit);
        assert!(missing.contains("aws:ResourceTag/w"));
    }
}
