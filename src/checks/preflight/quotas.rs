//! Quotas: what may be, what is, and what the plan adds.

use super::Context;
use crate::checks::Finding;
use crate::cloud::{Cloud, refusal};
use crate::error::Result;
use crate::plan::wanted::Wanted;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// So many resources there may be of a type.
#[derive(Debug, Clone, Copy)]
struct Quota {
    kind: &'static str,
    /// What they are called, more than one.
    plural: &'static str,
    /// Which of the type count.
    counts: fn(&Wanted) -> bool,
    /// The service and the quota, as Service Quotas names them; nothing where it does not list it.
    code: Option<(&'static str, &'static str)>,
    /// What AWS's page gives a new account.
    default: u32,
    /// How many there are.
    used: Used,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Used {
    Vpcs,
    Addresses,
    InternetGateways,
    RestApis { edge: bool },
    UserPools,
    Namespaces,
    Workgroups,
    WebAcls,
    Roles,
}

const QUOTAS: &[Quota] = &[
    // https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    Quota {
        kind: "AWS::EC2::VPC",
        plural: "VPCs",
        counts: every,
        code: Some(("vpc", "L-F678F1CE")),
        default: 5,
        used: Used::Vpcs,
    },
    Quota {
        kind: "AWS::EC2::InternetGateway",
        plural: "internet gateways",
        counts: every,
        code: Some(("vpc", "L-A4707A72")),
        default: 5,
        used: Used::InternetGateways,
    },
    // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html
    Quota {
        kind: "AWS::EC2::EIP",
        plural: "elastic IP addresses",
        counts: every,
        code: Some(("ec2", "L-0263D0A3")),
        default: 5,
        used: Used::Addresses,
    },
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    Quota {
        kind: "AWS::ApiGateway::RestApi",
        plural: "regional REST APIs",
        counts: |one| !is_edge(one),
        code: Some(("apigateway", "L-AA0FF27B")),
        default: 600,
        used: Used::RestApis { edge: false },
    },
    Quota {
        kind: "AWS::ApiGateway::RestApi",
        plural: "edge-optimized REST APIs",
        counts: is_edge,
        code: Some(("apigateway", "L-B97207D0")),
        default: 120,
        used: Used::RestApis { edge: true },
    },
    // https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html
    Quota {
        kind: "AWS::Cognito::UserPool",
        plural: "user pools",
        counts: every,
        code: None,
        default: 1000,
        used: Used::UserPools,
    },
    // https://docs.aws.amazon.com/redshift/latest/mgmt/amazon-redshift-limits.html
    Quota {
        kind: "AWS::RedshiftServerless::Namespace",
        plural: "Redshift Serverless namespaces",
        counts: every,
        code: None,
        default: 25,
        used: Used::Namespaces,
    },
    Quota {
        kind: "AWS::RedshiftServerless::Workgroup",
        plural: "Redshift Serverless workgroups",
        counts: every,
        code: None,
        default: 25,
        used: Used::Workgroups,
    },
    // https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
    Quota {
        kind: "AWS::WAFv2::WebACL",
        plural: "regional web ACLs",
        counts: |one| one.text("Scope").as_deref() != Some("CLOUDFRONT"),
        code: None,
        default: 100,
        used: Used::WebAcls,
    },
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    Quota {
        kind: "AWS::IAM::Role",
        plural: "roles",
        counts: every,
        code: None,
        default: 1000,
        used: Used::Roles,
    },
];

fn every(_: &Wanted) -> bool {
    true
}

// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-endpoint-types.html
fn is_edge(one: &Wanted) -> bool {
    let types = one.properties["EndpointConfiguration"]["Types"].as_array();
    types.is_none_or(|types| types.iter().any(|kind| kind == "EDGE"))
}

const CHECK: &str = "quotas";

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let (counted, gateways) = tokio::join!(counted(context), gateways(context));
    [counted, gateways].concat()
}

async fn counted(context: &Context<'_>) -> Vec<Finding> {
    let mut reads = JoinSet::new();
    for (at, quota) in QUOTAS.iter().enumerate() {
        let adds = added(context, quota);
        if !adds.is_empty() {
            let cloud = context.cloud.clone();
            reads.spawn(async move { (at, room(&cloud, quota).await) });
        }
    }
    let mut rooms = BTreeMap::new();
    while let Some(joined) = reads.join_next().await {
        if let Ok((at, room)) = joined {
            rooms.insert(at, room);
        }
    }
    let judged = rooms.into_iter().filter_map(|(at, room)| {
        let quota = QUOTAS.get(at)?;
        Some(judge(quota, &added(context, quota), room))
    });
    judged.collect()
}

fn added<'a>(context: &Context<'a>, quota: &Quota) -> Vec<&'a Wanted> {
    context
        .new_ones(quota.kind)
        .filter(|one| (quota.counts)(one))
        .collect()
}

/// How many there may be, whether AWS said so itself, and how many there are.
struct Room {
    most: u32,
    told: bool,
    used: u32,
}

async fn room(cloud: &Cloud, quota: &Quota) -> Result<Room> {
    // One answer tells both.
    if quota.used == Used::Roles {
        return roles(cloud).await;
    }
    let (most, used) = tokio::join!(limit(cloud, quota), used(cloud, quota.used));
    Ok(Room {
        most: most.unwrap_or(quota.default),
        told: most.is_some(),
        used: used?,
    })
}

fn judge(quota: &Quota, adds: &[&Wanted], room: Result<Room>) -> Finding {
    let room = match room {
        Ok(room) => room,
        Err(error) => return Finding::unknown(CHECK, &error),
    };
    let more = u32::try_from(adds.len()).unwrap_or(u32::MAX);
    let says = format!(
        "{}: {} of {} are used, this adds {more}",
        quota.plural, room.used, room.most
    );
    if room.used.saturating_add(more) <= room.most {
        return Finding::ok(CHECK, says);
    }
    let found = match room.told {
        true => Finding::failed(CHECK, says).hint(match quota.code {
            Some((service, code)) => format!(
                "delete one that nobody needs, or ask for more: aws service-quotas \
                 request-service-quota-increase --service-code {service} --quota-code {code} \
                 --desired-value {}",
                room.used + more
            ),
            None => "delete one that nobody needs".to_owned(),
        }),
        // The account may have more than a new one has.
        false => Finding::warning(
            CHECK,
            format!("{says}; {} is a new account's quota", room.most),
        ),
    };
    match adds.first() {
        Some(one) => found.about(one),
        None => found,
    }
}

/// The quota as Service Quotas has it for this account; nothing where it does not say.
async fn limit(cloud: &Cloud, quota: &Quota) -> Option<u32> {
    let (service, code) = quota.code?;
    let answer = cloud
        .quotas()
        .get_service_quota()
        .service_code(service)
        .quota_code(code)
        .send()
        .await;
    whole(answer.ok()?.quota?.value?)
}

fn whole(value: f64) -> Option<u32> {
    // A quota is a count that AWS sends as a floating point number.
    (0.0..=f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}

async fn roles(cloud: &Cloud) -> Result<Room> {
    use aws_sdk_iam::types::SummaryKeyType::{Roles, RolesQuota};
    let answer = cloud.iam().get_account_summary().send().await;
    let answer = answer.map_err(|error| refusal("GetAccountSummary", error))?;
    let number = |key| {
        let summary = answer.summary_map()?;
        u32::try_from(*summary.get(&key)?).ok()
    };
    let most = number(RolesQuota);
    Ok(Room {
        most: most.unwrap_or(1000),
        told: most.is_some(),
        used: number(Roles).unwrap_or_default(),
    })
}

/// Counts what a paginator gives.
macro_rules! count {
    ($verb:literal, $request:expr, $items:expr) => {{
        let mut pages = $request.into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| refusal($verb, error))?;
            count += $items(&page);
        }
        count
    }};
}

async fn used(cloud: &Cloud, used: Used) -> Result<u32> {
    use aws_sdk_apigateway::types::EndpointType;
    let count: usize = match used {
        Used::Vpcs => count!("DescribeVpcs", cloud.ec2().describe_vpcs(), |page: &aws_sdk_ec2::operation::describe_vpcs::DescribeVpcsOutput| page.vpcs().len()),
        Used::InternetGateways => count!(
            "DescribeInternetGateways",
            cloud.ec2().describe_internet_gateways(),
            |page: &aws_sdk_ec2::operation::describe_internet_gateways::DescribeInternetGatewaysOutput| page.internet_gateways().len()
        ),
        Used::Addresses => {
            let answer = cloud.ec2().describe_addresses().send().await;
            answer.map_err(|error| refusal("DescribeAddresses", error))?.addresses().len()
        }
        Used::RestApis { edge } => count!(
            "GetRestApis",
            cloud.apigateway().get_rest_apis().limit(500),
            |page: &aws_sdk_apigateway::operation::get_rest_apis::GetRestApisOutput| page.items().iter().filter(|api| {
                let types = api.endpoint_configuration().map(|one| one.types()).unwrap_or_default();
                types.contains(&EndpointType::Edge) == edge
            }).count()
        ),
        Used::UserPools => count!(
            "ListUserPools",
            cloud.cognito().list_user_pools().max_results(60),
            |page: &aws_sdk_cognitoidentityprovider::operation::list_user_pools::ListUserPoolsOutput| page.user_pools().len()
        ),
        Used::Namespaces => count!(
            "ListNamespaces",
            cloud.redshift().list_namespaces(),
            |page: &aws_sdk_redshiftserverless::operation::list_namespaces::ListNamespacesOutput| page.namespaces().len()
        ),
        Used::Workgroups => count!(
            "ListWorkgroups",
            cloud.redshift().list_workgroups(),
            |page: &aws_sdk_redshiftserverless::operation::list_workgroups::ListWorkgroupsOutput| page.workgroups().len()
        ),
        Used::WebAcls => web_acls(cloud).await?,
        // The summary of the account has them.
        Used::Roles => 0,
    };
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

async fn web_acls(cloud: &Cloud) -> Result<usize> {
    use aws_sdk_wafv2::types::Scope;
    let (mut count, mut marker) = (0, None);
    loop {
        let request = cloud
            .waf()
            .list_web_acls()
            .scope(Scope::Regional)
            .limit(100);
        let answer = request.set_next_marker(marker).send().await;
        let answer = answer.map_err(|error| refusal("ListWebACLs", error))?;
        count += answer.web_acls().len();
        marker = answer.next_marker;
        if marker.is_none() || answer.web_acls.is_none_or(|page| page.is_empty()) {
            return Ok(count);
        }
    }
}

/// NAT gateways, which are counted by zone.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
async fn gateways(context: &Context<'_>) -> Vec<Finding> {
    const CODE: (&str, &str) = ("vpc", "L-FE5A380F");
    let adds: Vec<&Wanted> = context.new_ones("AWS::EC2::NatGateway").collect();
    let Some(first) = adds.first() else {
        return vec![];
    };
    let quota = Quota {
        kind: "AWS::EC2::NatGateway",
        plural: "NAT gateways in a zone",
        counts: every,
        code: Some(CODE),
        default: 5,
        used: Used::Vpcs,
    };
    let (most, used) = tokio::join!(limit(context.cloud, &quota), fullest(context.cloud));
    let used = match used {
        Ok(used) => used,
        Err(error) => return vec![Finding::unknown(CHECK, &error)],
    };
    let most = most.unwrap_or(quota.default);
    // Gateways of one subnet are in one zone; which zone that is is not known before.
    let mut subnets: BTreeMap<String, u32> = BTreeMap::new();
    for one in &adds {
        *subnets
            .entry(one.properties["SubnetId"].to_string())
            .or_default() += 1;
    }
    let more = subnets.values().max().copied().unwrap_or_default();
    let says = format!(
        "{}: {used} of {most} are used in the fullest, this adds {more}",
        quota.plural
    );
    vec![match used + more > most {
        true => Finding::warning(CHECK, says).about(first),
        false => Finding::ok(CHECK, says),
    }]
}

/// The most NAT gateways that a zone has.
async fn fullest(cloud: &Cloud) -> Result<u32> {
    let ec2 = cloud.ec2();
    let (gateways, subnets) = tokio::join!(
        ec2.describe_nat_gateways().send(),
        ec2.describe_subnets().send()
    );
    let gateways = gateways.map_err(|error| refusal("DescribeNatGateways", error))?;
    let subnets = subnets.map_err(|error| refusal("DescribeSubnets", error))?;
    let zones: BTreeMap<&str, &str> = subnets
        .subnets()
        .iter()
        .filter_map(|subnet| Some((subnet.subnet_id()?, subnet.availability_zone()?)))
        .collect();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let standing = gateways.nat_gateways().iter().filter(|one| {
        one.state()
            .is_none_or(|state| !["deleted", "failed"].contains(&state.as_str()))
    });
    for zone in standing.filter_map(|one| zones.get(one.subnet_id()?)) {
        *counts.entry(zone).or_default() += 1;
    }
    Ok(counts.into_values().max().unwrap_or_default())
}
