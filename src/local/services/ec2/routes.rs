//! Route tables: those of the stacks, and the main one of every VPC.

use super::networks::{blocks, prefix_list};
use super::shape::{id, item, shape};
use crate::local::life::holds;
use crate::local::services::holdings::{Held, Holdings, Shape};
use serde_json::{Value, json};

const TABLE: Shape = shape("AWS::EC2::RouteTable", &["VpcId"], &[]);

const DESTINATIONS: Shape = shape(
    "AWS::EC2::Route",
    &[
        "DestinationCidrBlock",
        "DestinationIpv6CidrBlock",
        "DestinationPrefixListId",
    ],
    &[],
);

const TARGETS: Shape = shape(
    "AWS::EC2::Route",
    &[
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
    ],
    &[("VpcEndpointId", "gatewayId")],
);

const ASSOCIATIONS: [Shape; 2] = [
    shape("AWS::EC2::SubnetRouteTableAssociation", &["SubnetId"], &[]),
    shape(
        "AWS::EC2::GatewayRouteTableAssociation",
        &["GatewayId"],
        &[],
    ),
];

pub(super) fn tables(view: &Holdings<'_>) -> Vec<Value> {
    let main = view
        .all("AWS::EC2::VPC")
        .into_iter()
        .map(|vpc| main(view, vpc));
    let own = view.all("AWS::EC2::RouteTable").into_iter().map(|held| {
        let vpc = held.text("VpcId");
        let more = json!({
            "associationSet": associations(view, held.id()),
            "propagatingVgwSet": [],
            "routeSet": routes(view, held.id(), vpc),
            "routeTableId": held.id(),
        });
        item(view, held, &TABLE, &Value::Null, &more)
    });
    main.chain(own).collect()
}

/// The table of subnets that are associated with none.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html>
fn main(view: &Holdings<'_>, vpc: Held<'_>) -> Value {
    let table = id("rtb", vpc.id());
    let association = json!({
        "associationState": { "state": "associated" },
        "main": true,
        "routeTableAssociationId": id("rtbassoc", vpc.id()),
        "routeTableId": table,
    });
    json!({
        "associationSet": [association],
        "ownerId": view.place.account,
        "propagatingVgwSet": [],
        "routeSet": routes(view, &table, vpc.id()),
        "routeTableId": table,
        "tagSet": [],
        "vpcId": vpc.id(),
    })
}

fn associations(view: &Holdings<'_>, table: &str) -> Vec<Value> {
    let all = ASSOCIATIONS.iter().flat_map(|shape| {
        let own = view.all(shape.kind).into_iter();
        let own = own.filter(|held| held.text("RouteTableId") == table);
        own.map(|held| {
            let more = json!({
                "associationState": { "state": "associated" },
                "main": false,
                "routeTableAssociationId": held.id(),
                "routeTableId": table,
            });
            shape.with(&Value::Null, held.properties(), &more)
        })
    });
    all.collect()
}

fn routes(view: &Holdings<'_>, table: &str, vpc: &str) -> Vec<Value> {
    let vpc = view.find("AWS::EC2::VPC", vpc);
    let local = vpc
        .into_iter()
        .flat_map(|vpc| blocks(view, vpc))
        .map(|block| {
            json!({
                "destinationCidrBlock": block,
                "gatewayId": "local",
                "origin": "CreateRouteTable",
                "state": "active",
            })
        });
    let own = view.all("AWS::EC2::Route").into_iter();
    let own = own.filter(|held| held.text("RouteTableId") == table);
    let own = own.map(|held| {
        let destination = DESTINATIONS.of(held.properties());
        let targets = TARGETS.of(held.properties());
        let is_open = !targets
            .values()
            .any(|target| leads_nowhere(view, target, vpc));
        let state = if is_open { "active" } else { "blackhole" };
        let mut route = json!({ "origin": "CreateRoute", "state": state });
        for (name, value) in destination.into_iter().chain(targets) {
            route[name] = value;
        }
        route
    });
    let endpoints = view.all("AWS::EC2::VPCEndpoint").into_iter();
    let endpoints = endpoints.filter(|held| holds(&held.properties()["RouteTableIds"], table));
    let endpoints = endpoints.map(|held| {
        json!({
            "destinationPrefixListId": prefix_list(held.text("ServiceName")),
            "gatewayId": held.id(),
            "origin": "CreateRoute",
            "state": "active",
        })
    });
    local.chain(own).chain(endpoints).collect()
}

/// Whether a route's target is gone, or is an internet gateway that its VPC has not attached.
fn leads_nowhere(view: &Holdings<'_>, target: &Value, vpc: Option<Held<'_>>) -> bool {
    let Some(target) = target.as_str() else {
        return false;
    };
    let known = view.find("AWS::EC2::InternetGateway", target).is_some();
    if let (true, Some(vpc)) = (known, vpc) {
        let mut attached = view.all("AWS::EC2::VPCGatewayAttachment").into_iter();
        return !attached
            .any(|one| one.text("InternetGatewayId") == target && one.text("VpcId") == vpc.id());
    }
    view.is_lost(target)
}
