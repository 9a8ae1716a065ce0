//! The policies of a role, wherever the stacks keep them.

use crate::local::life::policies::texts;
use crate::local::services::holdings::{Held, Holdings};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A policy.
pub(super) struct Policy<'a> {
    pub(super) name: &'a str,
    pub(super) document: &'a Value,
}

/// AWS's own policies that are known here; others allow nothing.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
static OWN: LazyLock<Vec<(&str, Value)>> = LazyLock::new(|| {
    let allow = |actions: &[&str]| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": actions, "Resource": "*" }
        ]})
    };
    let logs = [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ];
    let interfaces = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ];
    let gateway = [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "logs:GetLogEvents",
        "logs:FilterLogEvents",
    ];
    vec![
        ("AdministratorAccess", allow(&["*"])),
        ("AWSLambdaBasicExecutionRole", allow(&logs)),
        (
            "AWSLambdaVPCAccessExecutionRole",
            allow(&[logs.as_slice(), &interfaces].concat()),
        ),
        ("AmazonAPIGatewayPushToCloudWatchLogs", allow(&gateway)),
    ]
});

/// The policies that belong to a role alone: its own, and those of others that name it.
pub(super) fn inline<'a>(view: &Holdings<'a>, role: Held<'a>) -> Vec<Policy<'a>> {
    let own = role.properties()["Policies"]
        .as_array()
        .into_iter()
        .flatten();
    let own = own.map(|policy| Policy {
        name: policy["PolicyName"].as_str().unwrap_or_default(),
        document: &policy["PolicyDocument"],
    });
    let name = role.id();
    let others = view
        .all("AWS::IAM::Policy")
        .into_iter()
        .filter(|held| held.holds("Roles", name))
        .chain(
            view.all("AWS::IAM::RolePolicy")
                .into_iter()
                .filter(|held| held.text("RoleName") == name),
        );
    let others = others.map(|held| Policy {
        name: held.text("PolicyName"),
        document: &held.properties()["PolicyDocument"],
    });
    own.chain(others).collect()
}

/// The ARNs of the managed policies of a role.
pub(super) fn attached(view: &Holdings<'_>, role: Held<'_>) -> Vec<String> {
    let own = texts(&role.properties()["ManagedPolicyArns"]).into_iter();
    let mut all: Vec<String> = own.map(str::to_owned).collect();
    let others = view.all("AWS::IAM::ManagedPolicy").into_iter();
    let others = others.filter(|held| held.holds("Roles", role.id()));
    for arn in others.map(|held| arn(view, held)) {
        if !all.contains(&arn) {
            all.push(arn);
        }
    }
    all
}

fn arn(view: &Holdings<'_>, policy: Held<'_>) -> String {
    view.attribute(policy, "PolicyArn")
}

/// The document of a managed policy, if it is known.
pub(super) fn managed<'a>(view: &Holdings<'a>, wanted: &str) -> Option<&'a Value> {
    let mut all = view.all("AWS::IAM::ManagedPolicy").into_iter();
    if let Some(held) = all.find(|held| arn(view, *held) == wanted) {
        return Some(&held.properties()["PolicyDocument"]);
    }
    let name = wanted.rsplit('/').next()?;
    let is_own = wanted.split(':').nth(4) == Some("aws");
    let found = OWN.iter().find(|(own, _)| is_own && *own == name)?;
    Some(&found.1)
}
