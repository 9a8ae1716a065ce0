//! EC2: VPCs, subnets, gateways, endpoints and flow logs.

use super::Context;
use super::asked::Asked;
use super::comparison::{Comparison, listed};
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::error::Result;
use aws_sdk_ec2::types::{Filter, FlowLog, InternetGateway, NatGateway, Subnet, Vpc, VpcEndpoint};
use serde_json::{Value, json};

/// The values that a filter takes, at most.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>
pub(super) const VALUES: usize = 200;

pub(super) fn filter(name: &str, values: &[String]) -> Filter {
    let values = Some(values.to_vec());
    Filter::builder().name(name).set_values(values).build()
}

/// All that a call describes by a filter of those values. A filter passes over what is gone; a list of
/// ids is refused as a whole for one of them.
macro_rules! described {
    ($request:expr, $filters:ident, $verb:literal, $name:literal, $values:expr) => {
        async {
            let (request, mut found) = ($request, Vec::new());
            for values in $values.chunks(crate::checks::verify::network::VALUES) {
                let pages = request
                    .clone()
                    .$filters(crate::checks::verify::network::filter($name, values))
                    .into_paginator()
                    .items()
                    .send();
                let page = pages.collect::<std::result::Result<Vec<_>, _>>().await;
                found.extend(page.map_err(|error| crate::cloud::refusal($verb, error))?);
            }
            Ok::<_, crate::error::Error>(found)
        }
    };
}
pub(super) use described;

/// The physical ids of those.
pub(super) fn ids<'a>(asked: impl Iterator<Item = &'a Asked>) -> Vec<String> {
    asked.map(|one| one.id.clone()).collect()
}

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let found = tokio::join!(
        vpcs(context),
        subnets(context),
        internet_gateways(context),
        nat_gateways(context),
        endpoints(context),
        flow_logs(context),
    );
    let (vpcs, subnets, internet, nat, endpoints, logs) = found;
    [vpcs, subnets, internet, nat, endpoints, logs].concat()
}

/// Judges each of those by what is live under its id.
fn each<'a, T>(
    context: &'a Context<'a>,
    check: &'static str,
    asked: impl Iterator<Item = &'a Asked>,
    live: &Result<Vec<T>>,
    judged: (
        impl Fn(&T) -> Option<&str>,
        impl Fn(&mut Comparison<'_>, &T) -> String,
    ),
) -> Vec<Finding> {
    let (id, judge) = judged;
    let of = |one: &'a Asked| {
        let mut comparison = Comparison::new(context, check, one);
        let all = match live {
            Ok(all) => all,
            Err(error) => return comparison.unread(error),
        };
        match all.iter().find(|live| id(live) == Some(one.id.as_str())) {
            Some(live) => {
                let says = judge(&mut comparison, live);
                comparison.end(says)
            }
            None => comparison.gone(),
        }
    };
    asked.flat_map(of).collect()
}

async fn vpcs(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::EC2::VPC");
    let ids = ids(asked.clone());
    let live: Result<Vec<Vpc>> = described!(
        context.cloud.ec2().describe_vpcs(),
        filters,
        "DescribeVpcs",
        "vpc-id",
        ids
    )
    .await;
    let judge = |comparison: &mut Comparison<'_>, live: &Vpc| {
        comparison.status(live.state().map(|state| state.as_str()), "available");
        comparison.same("CidrBlock", &json!(live.cidr_block()));
        format!("{} is available", live.vpc_id().unwrap_or_default())
    };
    each(context, "vpc", asked, &live, (Vpc::vpc_id, judge))
}

async fn subnets(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::EC2::Subnet");
    let ids = ids(asked.clone());
    let live: Result<Vec<Subnet>> = described!(
        context.cloud.ec2().describe_subnets(),
        filters,
        "DescribeSubnets",
        "subnet-id",
        ids
    )
    .await;
    let judge = |comparison: &mut Comparison<'_>, live: &Subnet| {
        comparison.status(live.state().map(|state| state.as_str()), "available");
        comparison.same("VpcId", &json!(live.vpc_id()));
        comparison.same("CidrBlock", &json!(live.cidr_block()));
        let public = json!(live.map_public_ip_on_launch().unwrap_or_default());
        comparison.same_or("MapPublicIpOnLaunch", json!(false), &public);
        format!("{} is available", live.subnet_id().unwrap_or_default())
    };
    each(context, "subnet", asked, &live, (Subnet::subnet_id, judge))
}

/// Whether what a template attaches to a VPC is attached.
async fn internet_gateways(context: &Context<'_>) -> Vec<Finding> {
    const CHECK: &str = "internet gateway";
    let asked = context.all("AWS::EC2::VPCGatewayAttachment");
    let pairs: Vec<(&Asked, String, String)> = asked
        .filter_map(|one| Some((one, one.text("InternetGatewayId")?, one.text("VpcId")?)))
        .collect();
    let ids: Vec<String> = pairs
        .iter()
        .map(|(_, gateway, _)| gateway.clone())
        .collect();
    let live: Result<Vec<InternetGateway>> = described!(
        context.cloud.ec2().describe_internet_gateways(),
        filters,
        "DescribeInternetGateways",
        "internet-gateway-id",
        ids
    )
    .await;
    let each = pairs.iter().map(|(one, gateway, vpc)| {
        let mut comparison = Comparison::new(context, CHECK, one);
        let all = match &live {
            Ok(all) => all,
            Err(error) => return comparison.unread(error),
        };
        let found = all
            .iter()
            .find(|live| live.internet_gateway_id() == Some(gateway.as_str()));
        let mut attachments = found.into_iter().flat_map(InternetGateway::attachments);
        if found.is_none() {
            comparison.wrong("InternetGatewayId", format!("{gateway} is gone"));
        } else if !attachments.any(|to| to.vpc_id() == Some(vpc.as_str())) {
            comparison.wrong("VpcId", format!("{gateway} is not attached to {vpc}"));
        }
        comparison.end(format!("{gateway} is attached to {vpc}"))
    });
    each.flatten().collect()
}

async fn nat_gateways(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::EC2::NatGateway");
    let ids = ids(asked.clone());
    let live: Result<Vec<NatGateway>> = described!(
        context.cloud.ec2().describe_nat_gateways(),
        filter,
        "DescribeNatGateways",
        "nat-gateway-id",
        ids
    )
    .await;
    let judge = |comparison: &mut Comparison<'_>, live: &NatGateway| {
        comparison.status(live.state().map(|state| state.as_str()), "available");
        if let Some(why) = live.failure_message() {
            comparison.wrong("", why.trim_end_matches('.'));
        }
        comparison.same("SubnetId", &json!(live.subnet_id()));
        format!("{} is available", live.nat_gateway_id().unwrap_or_default())
    };
    let of = (NatGateway::nat_gateway_id, judge);
    each(context, "nat gateway", asked, &live, of)
}

async fn endpoints(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::EC2::VPCEndpoint");
    // By all that the region has: not everybody who plays EC2 filters them by their ids.
    let live: Result<Vec<VpcEndpoint>> = async {
        if asked.clone().next().is_none() {
            return Ok(vec![]);
        }
        let pages = context.cloud.ec2().describe_vpc_endpoints();
        let pages = pages.into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        all.map_err(|error| refusal("DescribeVpcEndpoints", error))
    }
    .await;
    let judge = |comparison: &mut Comparison<'_>, live: &VpcEndpoint| {
        // EC2 writes it in both ways.
        let state = live.state().map(|state| state.as_str().to_lowercase());
        comparison.status(state.as_deref(), "available");
        comparison.same("ServiceName", &json!(live.service_name()));
        comparison.same("RouteTableIds", &listed(live.route_table_ids()));
        comparison.same("SubnetIds", &listed(live.subnet_ids()));
        let groups = live.groups().iter().filter_map(|group| group.group_id());
        comparison.same("SecurityGroupIds", &listed(&groups.collect::<Vec<_>>()));
        format!(
            "{} leads to {}",
            live.vpc_endpoint_id().unwrap_or_default(),
            live.service_name().unwrap_or_default()
        )
    };
    let of = (VpcEndpoint::vpc_endpoint_id, judge);
    each(context, "endpoint", asked, &live, of)
}

async fn flow_logs(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::EC2::FlowLog");
    let ids = ids(asked.clone());
    let live: Result<Vec<FlowLog>> = described!(
        context.cloud.ec2().describe_flow_logs(),
        filter,
        "DescribeFlowLogs",
        "flow-log-id",
        ids
    )
    .await;
    let judge = |comparison: &mut Comparison<'_>, live: &FlowLog| {
        comparison.status(live.flow_log_status(), "ACTIVE");
        if live.deliver_logs_status() == Some("FAILED") {
            let why = live.deliver_logs_error_message().unwrap_or("for no reason");
            comparison.wrong_but(
                "DeliverLogsPermissionArn",
                format!("the flow log cannot deliver: {why}"),
                "look at the rights of its role, and whether its destination is there",
            );
        }
        comparison.same("ResourceId", &json!(live.resource_id()));
        comparison.same("LogGroupName", &json!(live.log_group_name()));
        let traffic: Value = json!(live.traffic_type().map(|kind| kind.as_str()));
        comparison.same("TrafficType", &traffic);
        format!("{} is active", live.flow_log_id().unwrap_or_default())
    };
    each(
        context,
        "flow log",
        asked,
        &live,
        (FlowLog::flow_log_id, judge),
    )
}
