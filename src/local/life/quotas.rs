//! Quotas, as an account has them before it asks for more.

use super::words::{No, no};
use super::{Call, Held, World, firewall, limits};
use serde_json::Value;

/// So many resources there may be of a type, in a region or in each group.
struct Quota {
    kind: &'static str,
    most: usize,
    /// The group that a resource counts in; one in none does not count.
    group: fn(&World<'_>, &Value) -> Option<String>,
    service: &'static str,
    status: u16,
    code: &'static str,
    words: &'static str,
}

const LIMIT: &str = "ServiceLimitExceeded";

const QUOTAS: &[Quota] = &[
    // https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    Quota {
        kind: "AWS::EC2::VPC",
        most: limits::VPCS.most,
        group: everywhere,
        service: "Ec2",
        status: 400,
        code: "GeneralServiceException",
        words: "The maximum number of VPCs has been reached.",
    },
    Quota {
        kind: "AWS::EC2::InternetGateway",
        most: limits::INTERNET_GATEWAYS.most,
        group: everywhere,
        service: "Ec2",
        status: 400,
        code: LIMIT,
        words: "The maximum number of internet gateways has been reached.",
    },
    // https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
    Quota {
        kind: "AWS::EC2::NatGateway",
        most: limits::NAT_GATEWAYS.most,
        group: zone,
        service: "Ec2",
        status: 400,
        code: LIMIT,
        words: "Performing this operation would exceed the limit of 5 NAT gateways",
    },
    Quota {
        kind: "AWS::EC2::SecurityGroupIngress",
        most: limits::RULES.most,
        group: |_, it| of(it, "GroupId"),
        service: "Ec2",
        status: 400,
        code: LIMIT,
        words: TOO_MANY_RULES,
    },
    Quota {
        kind: "AWS::EC2::SecurityGroupEgress",
        most: limits::RULES.most,
        group: |_, it| of(it, "GroupId"),
        service: "Ec2",
        status: 400,
        code: LIMIT,
        words: TOO_MANY_RULES,
    },
    // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html
    Quota {
        kind: "AWS::EC2::EIP",
        most: limits::ADDRESSES.most,
        group: everywhere,
        service: "Ec2",
        status: 400,
        code: LIMIT,
        words: "The maximum number of addresses has been reached.",
    },
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    Quota {
        kind: "AWS::IAM::Role",
        most: limits::ROLES.most,
        group: everywhere,
        service: "Iam",
        status: 409,
        code: LIMIT,
        words: "Cannot exceed quota for RolesPerAccount: 1000",
    },
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html, which has no words.
    Quota {
        kind: "AWS::ApiGateway::RestApi",
        most: limits::REGIONAL_APIS.most,
        group: |_, it| (!is_edge(it)).then(String::new),
        service: "ApiGateway",
        status: 429,
        code: LIMIT,
        words: "Maximum number of regional and private APIs for this account has been reached.",
    },
    Quota {
        kind: "AWS::ApiGateway::RestApi",
        most: limits::EDGE_APIS.most,
        group: |_, it| is_edge(it).then(String::new),
        service: "ApiGateway",
        status: 429,
        code: LIMIT,
        words: "Maximum number of edge-optimized APIs for this account has been reached.",
    },
    // https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html, which has no words.
    Quota {
        kind: "AWS::Cognito::UserPool",
        most: limits::USER_POOLS.most,
        group: everywhere,
        service: "CognitoIdentityProvider",
        status: 400,
        code: LIMIT,
        words: "Maximum number of user pools for this account has been reached.",
    },
    // https://docs.aws.amazon.com/redshift/latest/mgmt/amazon-redshift-limits.html, which has no words.
    Quota {
        kind: "AWS::RedshiftServerless::Namespace",
        most: 25,
        group: everywhere,
        service: "RedshiftServerless",
        status: 400,
        code: LIMIT,
        words: "The quota of 25 namespaces for this account has been exceeded.",
    },
    Quota {
        kind: "AWS::RedshiftServerless::Workgroup",
        most: 25,
        group: everywhere,
        service: "RedshiftServerless",
        status: 400,
        code: LIMIT,
        words: "The quota of 25 workgroups for this account has been exceeded.",
    },
    // https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
    Quota {
        kind: "AWS::WAFv2::WebACL",
        most: limits::REGIONAL_WEB_ACLS.most,
        group: |_, it| (it["Scope"] == "REGIONAL").then(String::new),
        service: "Wafv2",
        status: 400,
        code: LIMIT,
        words: firewall::LIMIT,
    },
    Quota {
        kind: "AWS::WAFv2::WebACL",
        most: limits::GLOBAL_WEB_ACLS.most,
        group: |_, it| (it["Scope"] == "CLOUDFRONT").then(String::new),
        service: "Wafv2",
        status: 400,
        code: LIMIT,
        words: firewall::LIMIT,
    },
];

const TOO_MANY_RULES: &str = "The maximum number of rules per security group has been reached.";

fn everywhere(_: &World<'_>, _: &Value) -> Option<String> {
    Some(String::new())
}

fn of(properties: &Value, name: &str) -> Option<String> {
    properties[name].as_str().map(str::to_owned)
}

/// The zone of a NAT gateway: that of its subnet.
fn zone(world: &World<'_>, properties: &Value) -> Option<String> {
    let subnet = world.find("AWS::EC2::Subnet", properties["SubnetId"].as_str()?)?;
    of(subnet.resource.actual(), "AvailabilityZone")
}

// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-endpoint-types.html
fn is_edge(properties: &Value) -> bool {
    let types = properties["EndpointConfiguration"]["Types"].as_array();
    types.is_none_or(|types| types.iter().any(|kind| kind == "EDGE"))
}

/// The quota that one more would exceed.
pub(super) fn reached(call: &Call<'_>) -> Option<No> {
    let kind = call.wanted.kind.as_str();
    let own = QUOTAS.iter().filter(|quota| quota.kind == kind);
    let mut reached = own.filter(|quota| {
        let group = (quota.group)(call.world, call.properties());
        let with = |held: &Held<'_>| (quota.group)(call.world, held.resource.actual()) == group;
        group.is_some() && call.others(kind).filter(with).count() + inline(call) >= quota.most
    });
    let found = reached
        .next()
        .map(|quota| no(quota.service, quota.words).with(quota.status, quota.code));
    found.or_else(|| rules(call))
}

/// The list of a security group, for rules that are resources of their own.
fn list(kind: &str) -> Option<&'static str> {
    match kind {
        "AWS::EC2::SecurityGroupIngress" => Some("SecurityGroupIngress"),
        "AWS::EC2::SecurityGroupEgress" => Some("SecurityGroupEgress"),
        _ => None,
    }
}

/// How many rules the group of a rule lists itself.
fn inline(call: &Call<'_>) -> usize {
    let listed = || {
        let group = call
            .world
            .find("AWS::EC2::SecurityGroup", call.text("GroupId"))?;
        let rules = &group.resource.actual()[list(&call.wanted.kind)?];
        Some(rules.as_array()?.len())
    };
    listed().unwrap_or_default()
}

/// A security group that lists more rules than it may have.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
pub(super) fn rules(call: &Call<'_>) -> Option<No> {
    if call.wanted.kind != "AWS::EC2::SecurityGroup" {
        return None;
    }
    let kinds = [
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SecurityGroupEgress",
    ];
    let too_many = kinds.iter().any(|kind| {
        let listed = list(kind).and_then(|name| call.properties()[name].as_array());
        let group = call.wanted.physical_id.as_str();
        let apart = call
            .others(kind)
            .filter(|held| !group.is_empty() && held.text("GroupId") == group);
        listed.map_or(0, Vec::len) + apart.count() > limits::RULES.most
    });
    too_many.then(|| no("Ec2", TOO_MANY_RULES).with(400, LIMIT))
}
