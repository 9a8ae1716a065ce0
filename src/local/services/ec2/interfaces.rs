//! Network interfaces: those of templates, and those that services put into subnets.

use super::groups;
use super::networks::zone;
use super::shape::{id, item, shape, tags};
use super::zones::zone_id;
use crate::local::life::network;
use crate::local::life::policies::texts;
use crate::local::services::holdings::{Held, Holdings, Shape};
use serde_json::{Value, json};

/// What has an interface in each of its subnets: the type, where its subnets and groups stand, the
/// type of the interface, and what the service writes beside it.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html>
const OWNERS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "AWS::EC2::NatGateway",
        "/SubnetId",
        "",
        "nat_gateway",
        "Interface for NAT Gateway {}",
    ),
    (
        "AWS::EC2::VPCEndpoint",
        "/SubnetIds",
        "/SecurityGroupIds",
        "vpc_endpoint",
        "VPC Endpoint Interface {}",
    ),
    (
        "AWS::Lambda::Function",
        "/VpcConfig/SubnetIds",
        "/VpcConfig/SecurityGroupIds",
        "lambda",
        "AWS Lambda VPC ENI-{}",
    ),
    (
        "AWS::RedshiftServerless::Workgroup",
        "/SubnetIds",
        "/SecurityGroupIds",
        "interface",
        "RedshiftNetworkInterface {}",
    ),
];

const OWN: Shape = shape(
    "AWS::EC2::NetworkInterface",
    &["Description", "SubnetId"],
    &[],
);

/// The id of the interface that something has in a subnet.
pub(in crate::local::services) fn id_in(owner: &str, subnet: &str) -> String {
    id("eni", &format!("{owner}/{subnet}"))
}

/// The address of something in a subnet.
pub(super) fn address(subnet: Held<'_>, owner: &str) -> Option<String> {
    network::address(subnet.text("CidrBlock"), owner).map(|address| address.to_string())
}

pub(super) fn interfaces(view: &Holdings<'_>) -> Vec<Value> {
    let own = view
        .all("AWS::EC2::NetworkInterface")
        .into_iter()
        .map(|held| {
            let subnet = held.text("SubnetId");
            let mut more = placed(view, held.id(), subnet, &held.properties()["GroupSet"]);
            let asked = held.text("PrivateIpAddress");
            if !asked.is_empty() {
                more["privateIpAddress"] = json!(asked);
                more["privateIpAddressesSet"] =
                    json!([{ "primary": true, "privateIpAddress": asked }]);
            }
            more["interfaceType"] = json!("interface");
            more["requesterManaged"] = json!(false);
            more["status"] = json!("available");
            more["networkInterfaceId"] = json!(held.id());
            more["tagSet"] = tags(held);
            item(view, held, &OWN, &Value::Null, &more)
        });
    let services = OWNERS
        .iter()
        .flat_map(|(kind, subnets, groups, interface, words)| {
            view.all(kind).into_iter().flat_map(move |held| {
                let at = |path: &str| held.properties().pointer(path).unwrap_or(&Value::Null);
                let groups = if groups.is_empty() {
                    &Value::Null
                } else {
                    at(groups)
                };
                let subnets = texts(at(subnets)).into_iter();
                let found = subnets.map(|subnet| {
                    let mut more = placed(view, held.id(), subnet, groups);
                    more["description"] = json!(words.replace("{}", held.id()));
                    more["interfaceType"] = json!(interface);
                    more["networkInterfaceId"] = json!(id_in(held.id(), subnet));
                    more["requesterManaged"] = json!(true);
                    more["status"] = json!("in-use");
                    more["subnetId"] = json!(subnet);
                    more
                });
                found.collect::<Vec<Value>>()
            })
        });
    own.chain(services).collect()
}

/// What follows from where an interface is.
fn placed(view: &Holdings<'_>, owner: &str, subnet: &str, groups: &Value) -> Value {
    let held = view.find("AWS::EC2::Subnet", subnet);
    let zone = held.map(|one| zone(view, one));
    let address = held.and_then(|one| address(one, owner));
    json!({
        "availabilityZoneId": zone.as_ref().map(|zone| zone_id(&view.place.region, zone)),
        "availabilityZone": zone,
        "groupSet": groups::named(view, groups),
        "ownerId": view.place.account,
        "privateIpAddress": address,
        "privateIpAddressesSet": [{ "primary": true, "privateIpAddress": address }],
        "sourceDestCheck": true,
        "tagSet": [],
        "vpcId": held.map(|one| one.text("VpcId")),
    })
}
