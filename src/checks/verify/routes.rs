//! EC2: whether each subnet is routed as its stack asks.

use super::Context;
use super::asked::Asked;
use super::comparison::Comparison;
use super::network::{described, ids};
use crate::checks::Finding;
use crate::error::Result;
use aws_sdk_ec2::types::{Route, RouteOrigin, RouteState, RouteTable};

const CHECK: &str = "routes";

/// What a route may be for, as its properties name it.
const DESTINATIONS: &[&str] = &[
    "DestinationCidrBlock",
    "DestinationIpv6CidrBlock",
    "DestinationPrefixListId",
];

/// Where a route may lead, as its properties name it.
const TARGETS: &[&str] = &[
    "CarrierGatewayId",
    "CoreNetworkArn",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
];

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let tables = context.all("AWS::EC2::RouteTable");
    let routes = context.all("AWS::EC2::Route");
    let associations = context.all("AWS::EC2::SubnetRouteTableAssociation");
    let mut named = ids(tables.clone());
    named.extend(routes.clone().filter_map(|one| one.text("RouteTableId")));
    named.sort();
    named.dedup();
    let subnets: Vec<String> = associations
        .clone()
        .filter_map(|one| one.text("SubnetId"))
        .collect();
    let (live, of_subnets) = tokio::join!(
        described!(
            context.cloud.ec2().describe_route_tables(),
            filters,
            "DescribeRouteTables",
            "route-table-id",
            named
        ),
        described!(
            context.cloud.ec2().describe_route_tables(),
            filters,
            "DescribeRouteTables",
            "association.subnet-id",
            subnets
        ),
    );
    let each = tables.flat_map(|one| table(context, one, &live));
    let each = each.chain(routes.flat_map(|one| route(context, one, &live)));
    each.chain(associations.flat_map(|one| association(context, one, &of_subnets)))
        .collect()
}

fn found<'a>(live: &'a [RouteTable], id: &str) -> Option<&'a RouteTable> {
    live.iter().find(|table| table.route_table_id() == Some(id))
}

/// A table: that it is there, and that nothing is in it which no stack asks.
fn table(context: &Context<'_>, one: &Asked, live: &Result<Vec<RouteTable>>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, CHECK, one);
    let all = match live {
        Ok(all) => all,
        Err(error) => return comparison.unread(error),
    };
    let Some(table) = found(all, &one.id) else {
        return comparison.gone();
    };
    let own = |route: &&Route| route.origin() == Some(&RouteOrigin::CreateRoute);
    for route in table.routes().iter().filter(own) {
        let (to, by) = (destination(route), target(route));
        let endpoint = by.starts_with("vpce-") && route.destination_prefix_list_id().is_some();
        let mut asked = context.all("AWS::EC2::Route").filter(|asked| {
            // What is asked in words that cannot be told may be this one.
            let same = |wanted: Option<String>, live: &str| wanted.is_none_or(|text| text == live);
            same(asked.text("RouteTableId"), &one.id) && same(wanted(asked, DESTINATIONS), to)
        });
        if endpoint || asked.next().is_some() {
            continue;
        }
        if route.state() == Some(&RouteState::Blackhole) {
            comparison.wrong("", format!("{to} leads to {by}, which is gone"));
        } else {
            comparison.careful(
                format!("{to} leads to {by}, which no stack asks"),
                "if something else made the route, let it be; else delete it",
            );
        }
    }
    comparison.end(format!("{} is there", one.id))
}

/// A route: that its table has it, that it leads where it should, and to something that is there.
fn route(context: &Context<'_>, one: &Asked, live: &Result<Vec<RouteTable>>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, CHECK, one);
    let (Some(table), Some(to)) = (one.text("RouteTableId"), wanted(one, DESTINATIONS)) else {
        return vec![];
    };
    let all = match live {
        Ok(all) => all,
        Err(error) => return comparison.unread(error),
    };
    let routes = found(all, &table)
        .map(RouteTable::routes)
        .unwrap_or_default();
    let by = wanted(one, TARGETS);
    match routes.iter().find(|route| destination(route) == to) {
        None => comparison.wrong("", format!("{table} has no route for {to}")),
        Some(route) if route.state() == Some(&RouteState::Blackhole) => {
            let says = format!("{to} leads to {}: a black hole", target(route));
            comparison.wrong_but("", says, "what it leads to is gone, or is not attached");
        }
        Some(route) => {
            if let Some(by) = by.as_deref().filter(|by| *by != target(route)) {
                let says = format!("{to} leads to {}, its stack asks {by}", target(route));
                comparison.wrong("", says);
            }
        }
    }
    let by = by.unwrap_or_else(|| "its target".to_owned());
    comparison.end(format!("{to} leads to {by}"))
}

/// An association: that its table is the one that routes the subnet.
fn association(context: &Context<'_>, one: &Asked, live: &Result<Vec<RouteTable>>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, CHECK, one);
    let (Some(subnet), Some(table)) = (one.text("SubnetId"), one.text("RouteTableId")) else {
        return vec![];
    };
    let all = match live {
        Ok(all) => all,
        Err(error) => return comparison.unread(error),
    };
    let routing = all.iter().find(|live| {
        let mut of = live.associations().iter();
        of.any(|one| one.subnet_id() == Some(subnet.as_str()))
    });
    match routing.and_then(RouteTable::route_table_id) {
        Some(live) if live == table => {}
        Some(live) => {
            let says = format!("{subnet} is routed by {live}, its stack asks {table}");
            comparison.wrong("RouteTableId", says);
        }
        None => {
            let says = format!("{subnet} is routed by the main table, its stack asks {table}");
            comparison.wrong("RouteTableId", says);
        }
    }
    comparison.end(format!("{subnet} is routed by {table}"))
}

fn wanted(one: &Asked, properties: &[&str]) -> Option<String> {
    properties.iter().find_map(|property| one.text(property))
}

fn destination(route: &Route) -> &str {
    let all = [
        route.destination_cidr_block(),
        route.destination_ipv6_cidr_block(),
        route.destination_prefix_list_id(),
    ];
    all.into_iter().flatten().next().unwrap_or_default()
}

fn target(route: &Route) -> &str {
    let all = [
        route.gateway_id(),
        route.nat_gateway_id(),
        route.egress_only_internet_gateway_id(),
        route.transit_gateway_id(),
        route.vpc_peering_connection_id(),
        route.network_interface_id(),
        route.instance_id(),
        route.local_gateway_id(),
        route.carrier_gateway_id(),
        route.core_network_arn(),
    ];
    all.into_iter().flatten().next().unwrap_or("nothing")
}
