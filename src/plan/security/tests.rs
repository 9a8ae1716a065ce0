//! What is told of changes, resource by resource.

use super::super::effects::effects;
use super::super::resolve::{Place, Scope};
use super::policies::matches;
use super::*;
use serde_json::json;
use std::collections::BTreeMap;

fn told(kind: &str, before: Option<Value>, after: Value) -> Vec<String> {
    let template = |of: Value| json!({"Resources": {"R": {"Type": kind, "Properties": of}}});
    let (old, new) = (before.map(template), template(after));
    let scope = |body| Scope::new(body, BTreeMap::new(), Place::default());
    let (before, after) = (old.as_ref().map(scope), scope(&new));
    let effects = effects(before.as_ref(), &after, false);
    let found = widened(before.as_ref(), &after, &effects);
    found.into_iter().map(|one| one.what).collect()
}

fn policy(statement: Value) -> Value {
    json!({"PolicyDocument": {"Statement": statement}})
}

#[test]
fn a_wider_statement_is_told_and_a_narrower_is_not() {
    let allow = |action: &str, resource: &str| {
        policy(json!([{"Effect": "Allow", "Action": action, "Resource": resource}]))
    };
    let of = |before, after| told("AWS::IAM::Policy", Some(before), after);
    assert_eq!(
        of(allow("s3:GetObject", "a"), allow("s3:*", "a")),
        ["allows s3:* on a"]
    );
    assert_eq!(of(allow("s3:*", "*"), allow("S3:GetObject", "a")), [""; 0]);
    let denied = policy(json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}));
    assert_eq!(of(denied, json!({})), ["no longer denies s3:* on *"]);
    let conditional = |condition: Value| {
        policy(json!({"Effect": "Allow", "Action": ["a:B", "a:C"],
        "Resource": {"Fn::GetAtt": ["X", "Arn"]}, "Condition": condition}))
    };
    let own = json!({"StringEquals": {"aws:SourceAccount": "1"}});
    assert_eq!(
        of(conditional(own.clone()), conditional(Value::Null)),
        ["allows a:B, a:C on ${X.Arn}"]
    );
    assert_eq!(of(conditional(Value::Null), conditional(own)), [""; 0]);
}

#[test]
fn principals_and_managed_policies_are_told() {
    let trust = |service: &str| {
        json!({"AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow",
        "Action": "sts:AssumeRole", "Principal": {"Service": service}}]}})
    };
    assert_eq!(
        told("AWS::IAM::Role", Some(trust("a.com")), trust("b.com")),
        ["allows sts:AssumeRole for b.com"]
    );
    let managed = json!({"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]});
    assert_eq!(
        told("AWS::IAM::Role", Some(json!({})), managed),
        ["is given the policy arn:aws:iam::aws:policy/AdministratorAccess"]
    );
}

#[test]
fn rules_of_a_network_are_compared_by_what_they_let_through() {
    let rule = |cidr: &str, from: i64, to: i64| {
        json!({"SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}],
        "SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": from, "ToPort": to, "CidrIp": cidr}]})
    };
    let of = |before, after| told("AWS::EC2::SecurityGroup", Some(before), after);
    assert_eq!(
        of(rule("10.0.0.0/8", 1, 99), rule("10.2.0.0/16", 22, 22)),
        [""; 0]
    );
    assert_eq!(
        of(rule("10.0.0.0/8", 22, 22), rule("0.0.0.0/0", 22, 23)),
        ["lets tcp 22-23 through from 0.0.0.0/0"]
    );
    assert_eq!(
        told(
            "AWS::EC2::SecurityGroup",
            None,
            json!({"GroupDescription": "x"})
        ),
        ["lets all traffic through to everywhere"]
    );
}

#[test]
fn guards_that_fall_are_told() {
    let bucket = |blocked: bool| {
        json!({"PublicAccessBlockConfiguration": {"BlockPublicAcls": blocked,
        "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}})
    };
    assert_eq!(
        told("AWS::S3::Bucket", Some(bucket(true)), bucket(false)),
        ["public ACLs are not blocked (PublicAccessBlockConfiguration.BlockPublicAcls)"]
    );
    let method = |of: &str| json!({"HttpMethod": "POST", "AuthorizationType": of});
    let open = "anybody may call it (AuthorizationType)";
    assert_eq!(
        told(
            "AWS::ApiGateway::Method",
            Some(method("AWS_IAM")),
            method("NONE")
        ),
        [open]
    );
    assert_eq!(
        told("AWS::ApiGateway::Method", None, method("NONE")),
        [open]
    );
    let acl = |action: Value, limit: i64| {
        json!({"DefaultAction": {"Allow": {}}, "Rules": [
        {"Name": "Rate", "Action": action, "Statement": {"RateBasedStatement": {"Limit": limit}}}]})
    };
    let block = json!({"Block": {}});
    assert_eq!(
        told(
            "AWS::WAFv2::WebACL",
            Some(acl(block.clone(), 100)),
            acl(json!({"Count": {}}), 100)
        ),
        ["the rule Rate only counts"]
    );
    assert_eq!(
        told(
            "AWS::WAFv2::WebACL",
            Some(acl(block.clone(), 100)),
            acl(block, 200)
        ),
        ["the rule Rate stops at 200 requests, not at 100"]
    );
}

#[test]
fn patterns_match_as_iam_matches() {
    assert!(matches("s3:Get*", "s3:GetObject") && matches("*", "") && matches("a?c*", "abcd"));
    assert!(!matches("s3:Get*", "s3:PutObject") && !matches("", "x"));
}

/// What a change from one to the other tells.
#[track_caller]
fn tells(kind: &str, before: Value, after: Value, wanted: &[&str]) {
    assert_eq!(
        told(kind, Some(before.clone()), after.clone()),
        wanted,
        "{kind} {before} {after}"
    );
    assert_eq!(told(kind, Some(after.clone()), after), [""; 0], "the same");
}

#[test]
fn everybody_is_public() {
    let open = policy(
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*", "Resource": "a"}),
    );
    let of = |kind: &str, document: &Value| {
        let template = json!({"Resources": {"R": {"Type": kind, "Properties": document}}});
        let scope = Scope::new(&template, BTreeMap::new(), Place::default());
        let found = widened(None, &scope, &effects(None, &scope, false));
        found.into_iter().map(|one| one.kind).collect::<Vec<_>>()
    };
    assert_eq!(of("AWS::S3::BucketPolicy", &open), [Kind::Public]);
    let one = json!({"Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "*"});
    assert_eq!(of("AWS::Lambda::Permission", &one), [Kind::Public]);
}

#[test]
fn a_permission_is_wider_without_its_source() {
    let of = |source: Option<&str>| {
        let mut of = json!({"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "F"}, "Principal": "s3.amazonaws.com"});
        if let Some(source) = source {
            of["SourceArn"] = json!(source);
        }
        of
    };
    let kind = "AWS::Lambda::Permission";
    let base = "allows lambda:InvokeFunction on ${F} for s3.amazonaws.com";
    tells(kind, of(Some("arn:a/x")), of(None), &[base]);
    tells(
        kind,
        of(Some("arn:a/x")),
        of(Some("arn:a/*")),
        &[&format!("{base} by arn:a/*")],
    );
    tells(kind, of(None), of(Some("arn:a/x")), &[]);
    tells(kind, of(Some("arn:a/*")), of(Some("arn:a/x")), &[]);
}

#[test]
fn policies_as_text_are_read() {
    let of = |action: &str| {
        let text = json!({"Statement": [{"Effect": "Allow", "Action": action, "Resource": "X"}]})
            .to_string();
        let (before, after) = text.split_once('X').unwrap();
        json!({"PolicyDocument": {"Fn::Join": ["", [before, {"Ref": "Q"}, after]]}})
    };
    tells(
        "AWS::Logs::ResourcePolicy",
        of("logs:Get*"),
        of("logs:*"),
        &["allows logs:* on ${Q}"],
    );
}

#[test]
fn who_has_a_policy_and_what_bounds_it_is_told() {
    let roles = |list: Value| json!({"Roles": list});
    tells(
        "AWS::IAM::ManagedPolicy",
        roles(json!(["a"])),
        roles(json!(["a", "b"])),
        &["is attached to the role b"],
    );
    let bound = |by: Value| json!({"PermissionsBoundary": by});
    tells(
        "AWS::IAM::Role",
        bound(json!("p")),
        json!({}),
        &["p no longer bounds it"],
    );
    tells(
        "AWS::IAM::Role",
        bound(json!("p")),
        bound(json!("q")),
        &["q bounds it, not p"],
    );
    tells("AWS::IAM::Role", json!({}), bound(json!("p")), &[]);
}

#[test]
fn entries_that_stop_and_routes_are_told() {
    let entry = |action: &str, block: &str| json!({"RuleAction": action, "Protocol": 6, "CidrBlock": block, "PortRange": {"From": 1, "To": 9}});
    let kind = "AWS::EC2::NetworkAclEntry";
    tells(
        kind,
        entry("deny", "10.0.0.0/8"),
        entry("deny", "10.0.0.0/9"),
        &["no longer stops tcp 1-9 through from 10.0.0.0/8"],
    );
    tells(
        kind,
        entry("deny", "10.0.0.0/9"),
        entry("deny", "10.0.0.0/8"),
        &[],
    );
    tells(
        kind,
        entry("allow", "2001:db8::/32"),
        entry("allow", "2001:db8:1::/48"),
        &[],
    );
    tells(
        kind,
        entry("allow", "2001:db8::/32"),
        entry("allow", "2001:db9:1::/48"),
        &["lets tcp 1-9 through from 2001:db9:1::/48"],
    );
    let route = |gateway: &str| json!({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway});
    tells(
        "AWS::EC2::Route",
        route("a"),
        route("b"),
        &["routes 0.0.0.0/0 through b"],
    );
}

#[test]
fn tables_of_settings_are_held() {
    for (kind, before, after, wanted) in [
        (
            "AWS::RedshiftServerless::Workgroup",
            json!({"ConfigParameters": [{"ParameterKey": "a", "ParameterValue": "b"}, {"ParameterKey": "require_ssl", "ParameterValue": "true"}]}),
            json!({"ConfigParameters": [{"ParameterKey": "require_ssl", "ParameterValue": "false"}]}),
            "takes connections without TLS (ConfigParameters.ParameterKey=require_ssl.ParameterValue)",
        ),
        (
            "AWS::Cognito::UserPool",
            json!({"Policies": {"PasswordPolicy": {"MinimumLength": 12}}}),
            json!({"Policies": {"PasswordPolicy": {"MinimumLength": 8}}}),
            "takes shorter passwords (Policies.PasswordPolicy.MinimumLength)",
        ),
        (
            "AWS::ApiGateway::Authorizer",
            json!({"ProviderARNs": ["a"]}),
            json!({"ProviderARNs": ["a", "b"]}),
            "takes tokens of b",
        ),
        (
            "AWS::ApiGateway::Method",
            json!({"AuthorizationType": "COGNITO_USER_POOLS"}),
            json!({"AuthorizationType": "AWS_IAM"}),
            "AWS_IAM authorizes it, not COGNITO_USER_POOLS",
        ),
        (
            "AWS::ApiGateway::Method",
            json!({"AuthorizationType": "CUSTOM", "AuthorizationScopes": ["x"]}),
            json!({"AuthorizationType": "CUSTOM"}),
            "no longer asks for the scope x",
        ),
        (
            "AWS::ApiGateway::RestApi",
            json!({"EndpointConfiguration": {"Types": ["PRIVATE"]}}),
            json!({"EndpointConfiguration": {"Types": ["REGIONAL"]}}),
            "is reachable from the internet (EndpointConfiguration.Types.0)",
        ),
        (
            "AWS::SNS::Topic",
            json!({"KmsMasterKeyId": {"Ref": "K"}}),
            json!({}),
            "its own key no longer encrypts it (KmsMasterKeyId)",
        ),
    ] {
        tells(kind, before.clone(), after.clone(), &[wanted]);
        // Back again guards more, and is no widening: but another authorizer is another one.
        if wanted != "AWS_IAM authorizes it, not COGNITO_USER_POOLS" {
            tells(kind, after, before, &[]);
        }
    }
}

#[test]
fn a_firewall_that_lets_more_through_is_told() {
    let rule = |name: &str, action: &str, statement: &str, priority: i64| json!({"Name": name, "Priority": priority, "Action": {action: {}}, "Statement": {"GeoMatchStatement": {"CountryCodes": [statement]}}});
    let acl = |rules: &[Value]| json!({"DefaultAction": {"Block": {}}, "Rules": rules});
    let kind = "AWS::WAFv2::WebACL";
    let (block, count, allow) = (
        rule("A", "Block", "x", 1),
        rule("A", "Count", "x", 1),
        rule("A", "Allow", "x", 5),
    );
    let of = |before: &Value, after: &Value, wanted: &[&str]| {
        tells(
            kind,
            acl(std::slice::from_ref(before)),
            acl(std::slice::from_ref(after)),
            wanted,
        );
    };
    of(&block, &count, &["the rule A only counts"]);
    of(&count, &block, &[]);
    of(&count, &allow, &["the rule A lets through at once"]);
    of(
        &allow,
        &rule("A", "Allow", "y", 5),
        &["the rule A is for something else; see its Statement"],
    );
    of(
        &allow,
        &rule("A", "Allow", "x", 2),
        &["the rule A lets through before others are asked (Priority)"],
    );
    tells(
        kind,
        acl(&[]),
        acl(&[rule("N", "Allow", "x", 1)]),
        &["the rule N lets through at once"],
    );
    tells(kind, acl(&[rule("N", "Allow", "x", 1)]), acl(&[]), &[]);
    tells(
        kind,
        acl(&[]),
        json!({"DefaultAction": {"Allow": {}}, "Rules": []}),
        &["lets through what no rule is for (DefaultAction)"],
    );
}

#[test]
fn what_guards_is_told_when_it_goes() {
    let before = json!({"Resources": {
        "Log": {"Type": "AWS::EC2::FlowLog", "Properties": {}},
        "Stop": {"Type": "AWS::EC2::NetworkAclEntry", "Properties": {"RuleAction": "deny"}},
        "Deny": {"Type": "AWS::S3::BucketPolicy", "Properties": policy(json!({"Effect": "Deny", "Action": "s3:*"}))},
        "Topic": {"Type": "AWS::SNS::Topic"},
    }});
    let after = json!({"Resources": {}});
    let scope = |body| Scope::new(body, BTreeMap::new(), Place::default());
    let (before, after) = (scope(&before), scope(&after));
    let found = widened(
        Some(&before),
        &after,
        &effects(Some(&before), &after, false),
    );
    let names: Vec<&str> = found.iter().map(|one| one.resource.as_str()).collect();
    assert_eq!(names, ["Deny", "Log", "Stop"]);
}
