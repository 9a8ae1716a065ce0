use super::*;
use crate::local::formation::evaluate::Place;
use crate::local::model::{Account, Resource, State};

fn held(kind: &str, id: &str, properties: Value) -> Resource {
    Resource {
        kind: kind.to_owned(),
        physical_id: id.to_owned(),
        properties,
        ..Resource::default()
    }
}

/// The rules that the shipped web ACL has.
fn shipped() -> Value {
    let groups = [
        ("AWSManagedRulesAmazonIpReputationList", json!([])),
        ("AWSManagedRulesAnonymousIpList", json!([])),
        (
            "AWSManagedRulesCommonRuleSet",
            json!([{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]),
        ),
        ("AWSManagedRulesKnownBadInputsRuleSet", json!([])),
        ("AWSManagedRulesSQLiRuleSet", json!([])),
    ];
    let mut rules = vec![json!({
        "Name": "Rate", "Priority": 0, "Action": {"Block": {}},
        "Statement": {"RateBasedStatement": {"Limit": "3", "AggregateKeyType": "IP"}},
    })];
    for (at, (name, overrides)) in groups.iter().enumerate() {
        rules.push(json!({
            "Name": name, "Priority": at + 1, "OverrideAction": {"None": {}},
            "Statement": {"ManagedRuleGroupStatement": {
                "VendorName": "AWS", "Name": name, "RuleActionOverrides": overrides,
            }},
        }));
    }
    rules.into()
}

fn visit<'a>(query: &'a str, body: &'a [u8]) -> Visit<'a> {
    Visit {
        method: "POST",
        path: "/prod/loan",
        query,
        headers: vec![
            (
                "host".to_owned(),
                "a.execute-api.eu-west-1.amazonaws.com".to_owned(),
            ),
            ("user-agent".to_owned(), "curl/8".to_owned()),
        ],
        body,
        source: [127, 0, 0, 1].into(),
        second: 1000,
    }
}

fn judged(rules: Value, others: Vec<Resource>, rates: &Rates, visit: &Visit<'_>) -> Verdict {
    let acl = json!({"Rules": rules, "DefaultAction": {"Allow": {}}});
    let mut kept = others;
    kept.push(held("AWS::WAFv2::WebACL", "acl|id|REGIONAL", acl));
    let state = State {
        account: Account {
            kept,
            ..Account::default()
        },
        ..State::default()
    };
    let place = Place {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        ..Place::default()
    };
    let holdings = Holdings {
        state: &state,
        place,
    };
    let acl = holdings
        .find("AWS::WAFv2::WebACL", "acl|id|REGIONAL")
        .unwrap();
    judge(&holdings, rates, acl, visit)
}

fn stopped_by(rules: Value, visit: &Visit<'_>) -> String {
    match judged(rules, Vec::new(), &Rates::default(), visit) {
        Verdict::Pass => String::new(),
        Verdict::Stop(stop) => stop.rule,
    }
}

#[test]
fn the_shipped_rules_stop_probes_and_let_loans_pass() {
    let loan = br#"{"age": 38, "loan_type": "Home", "remediation_strategy": "Payment Reminder"}"#;
    assert_eq!(stopped_by(shipped(), &visit("", loan)), "");
    let common = "AWSManagedRulesCommonRuleSet";
    let bad = "AWSManagedRulesKnownBadInputsRuleSet";
    let sql = "AWSManagedRulesSQLiRuleSet";
    for (query, rule) in [
        (
            "f=../../etc/passwd",
            format!("{common}/GenericLFI_QUERYARGUMENTS"),
        ),
        (
            "q=%3Cscript%3E",
            format!("{common}/CrossSiteScripting_QUERYARGUMENTS"),
        ),
        (
            "u=http://169.254.169.254/",
            format!("{common}/EC2MetaDataSSRF_QUERYARGUMENTS"),
        ),
        ("q=${jndi:ldap://x}", format!("{bad}/Log4JRCE_QUERYSTRING")),
        (
            "id=%27%20OR%201%3D1--",
            format!("{sql}/SQLi_QUERYARGUMENTS"),
        ),
    ] {
        assert_eq!(stopped_by(shipped(), &visit(query, loan)), rule, "{query}");
    }
    let mut silent = visit("", loan);
    silent.headers.remove(1);
    assert_eq!(
        stopped_by(shipped(), &silent),
        format!("{common}/NoUserAgent_HEADER")
    );
    let mut header = visit("", loan);
    header
        .headers
        .push(("x-api".to_owned(), "${jndi:ldap://x}".to_owned()));
    assert_eq!(
        stopped_by(shipped(), &header),
        format!("{bad}/Log4JRCE_HEADER")
    );
    let body = br#"{"gender": "Male' OR 1=1--"}"#;
    assert_eq!(
        stopped_by(shipped(), &visit("", body)),
        format!("{sql}/SQLi_BODY")
    );
}

#[test]
fn what_is_overridden_to_count_passes() {
    let long = "x".repeat(9000);
    assert_eq!(stopped_by(shipped(), &visit("", long.as_bytes())), "");
    let mut rules = shipped();
    rules[3]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"] = json!([]);
    let rule = stopped_by(rules.clone(), &visit("", long.as_bytes()));
    assert_eq!(rule, "AWSManagedRulesCommonRuleSet/SizeRestrictions_BODY");
    let excluded = json!([{"Name": "SizeRestrictions_BODY"}]);
    let mut old = rules.clone();
    old[3]["Statement"]["ManagedRuleGroupStatement"]["ExcludedRules"] = excluded;
    assert_eq!(stopped_by(old, &visit("", long.as_bytes())), "");
    rules[3]["OverrideAction"] = json!({"Count": {}});
    assert_eq!(stopped_by(rules, &visit("", long.as_bytes())), "");
}

#[test]
fn too_many_are_stopped_until_the_window_has_passed() {
    let rates = Rates::default();
    let mut now = visit("", b"");
    let mut judged_now = |second| {
        now.second = second;
        judged(shipped(), Vec::new(), &rates, &now)
    };
    for _ in 0..3 {
        assert_eq!(judged_now(1000), Verdict::Pass);
    }
    assert!(matches!(judged_now(1001), Verdict::Stop(stop) if stop.rule == "Rate"));
    assert_eq!(judged_now(1400), Verdict::Pass);
}

#[test]
fn labels_sets_and_groups_work_together() {
    let place = "arn:aws:wafv2:eu-west-1:123456789012:regional";
    let others = vec![
        held(
            "AWS::WAFv2::IPSet",
            "home|s|REGIONAL",
            json!({"Addresses": ["127.0.0.0/8"]}),
        ),
        held(
            "AWS::WAFv2::RuleGroup",
            "mine|g|REGIONAL",
            json!({"CustomResponseBodies":
                {"no": {"ContentType": "APPLICATION_JSON", "Content": "{\"no\": 1}"}},
            "Rules": [{
                "Name": "Admin", "Priority": 1, "Action": {"Block": {"CustomResponse": {
                    "ResponseCode": "418", "CustomResponseBodyKey": "no",
                    "ResponseHeaders": [{"Name": "x-why", "Value": "tea"}],
                }}},
                "Statement": {"AndStatement": {"Statements": [
                    {"LabelMatchStatement": {"Scope": "LABEL", "Key": "home"}},
                    {"ByteMatchStatement": {
                        "FieldToMatch": {"UriPath": {}}, "SearchString": "/prod/l",
                        "PositionalConstraint": "STARTS_WITH",
                        "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}],
                    }},
                ]}},
            }]}),
        ),
    ];
    let rules = json!([
        {"Name": "Mine", "Priority": 9, "OverrideAction": {"None": {}}, "Statement":
            {"RuleGroupReferenceStatement": {"Arn": format!("{place}/rulegroup/mine/g")}}},
        {"Name": "Home", "Priority": 1, "Action": {"Count": {}}, "RuleLabels": [{"Name": "home"}],
            "Statement": {"IPSetReferenceStatement": {"Arn": format!("{place}/ipset/home/s")}}},
    ]);
    let verdict = judged(
        rules.clone(),
        others.clone(),
        &Rates::default(),
        &visit("", b""),
    );
    let stop = Stop {
        rule: "Mine/Admin".to_owned(),
        status: Some(418),
        headers: vec![("x-why".to_owned(), "tea".to_owned())],
        body: Some(("application/json".to_owned(), "{\"no\": 1}".to_owned())),
    };
    assert_eq!(verdict, Verdict::Stop(stop));
    let mut away = visit("", b"");
    away.source = [203, 0, 113, 1].into();
    assert_eq!(
        judged(rules, others, &Rates::default(), &away),
        Verdict::Pass
    );
}

#[test]
fn an_allowing_rule_ends_the_trial() {
    let mut rules = shipped();
    rules.as_array_mut().unwrap().push(json!({
        "Name": "Friends", "Priority": -1, "Action": {"Allow": {}},
        "Statement": {"SizeConstraintStatement": {
            "FieldToMatch": {"QueryString": {}}, "ComparisonOperator": "LT", "Size": 50,
            "TextTransformations": [],
        }},
    }));
    assert_eq!(stopped_by(rules, &visit("f=../../etc/passwd", b"")), "");
    let geo = json!([{"Name": "Geo", "Priority": 0, "Action": {"Block": {}},
                      "Statement": {"NotStatement": {"Statement": {"RegexMatchStatement": {
                          "RegexString": "^curl/[0-9]+$", "TextTransformations": [],
                          "FieldToMatch": {"SingleHeader": {"Name": "user-agent"}}}}}}}]);
    assert_eq!(stopped_by(geo, &visit("", b"")), "");
}
