//! VPCs and what is in them.

use super::shape::{id, item, shape, state};
use super::zones::zone_id;
use super::{groups, interfaces};
use crate::local::formation::evaluate::zones;
use crate::local::ids;
use crate::local::life::network;
use crate::local::life::policies::texts;
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::services::holdings::{Held, Holdings, Shape};
use serde_json::{Map, Value, json};

const VPC: Shape = shape("AWS::EC2::VPC", &["CidrBlock", "InstanceTenancy"], &[]);

const SUBNET: Shape = shape(
    "AWS::EC2::Subnet",
    &[
        "AssignIpv6AddressOnCreation",
        "CidrBlock",
        "EnableDns64",
        "Ipv6Native",
        "MapPublicIpOnLaunch",
        "VpcId",
    ],
    &[],
);

const NAT: Shape = shape(
    "AWS::EC2::NatGateway",
    &["ConnectivityType", "SubnetId"],
    &[],
);

const ENDPOINT: Shape = shape(
    "AWS::EC2::VPCEndpoint",
    &[
        "IpAddressType",
        "PrivateDnsEnabled",
        "RouteTableIds",
        "ServiceName",
        "SubnetIds",
        "VpcEndpointType",
        "VpcId",
    ],
    &[
        ("RouteTableIds", "routeTableIdSet"),
        ("SubnetIds", "subnetIdSet"),
    ],
);

const FLOW_LOG: Shape = shape(
    "AWS::EC2::FlowLog",
    &[
        "DeliverCrossAccountRole",
        "DeliverLogsPermissionArn",
        "LogDestination",
        "LogDestinationType",
        "LogFormat",
        "LogGroupName",
        "MaxAggregationInterval",
        "ResourceId",
        "TrafficType",
    ],
    &[],
);

const PREFIX_LIST: Shape = shape(
    "AWS::EC2::PrefixList",
    &["AddressFamily", "MaxEntries", "PrefixListName"],
    &[],
);

const ATTRIBUTES: Shape = shape(
    "AWS::EC2::VPC",
    &["EnableDnsHostnames", "EnableDnsSupport"],
    &[],
);

const GATEWAY: Shape = shape("AWS::EC2::InternetGateway", &[], &[]);

const ADDRESS: Shape = shape("AWS::EC2::EIP", &[], &[]);

const FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} \
                      ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} \
                      ${log-status}";

/// What an endpoint lets through where no policy says otherwise.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>
const OPEN: &str = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

pub(super) fn vpcs(view: &Holdings<'_>) -> Vec<Value> {
    let all = view.all("AWS::EC2::VPC").into_iter();
    all.map(|held| {
        let associated = blocks(view, held).into_iter().map(|block| {
            json!({
                "associationId": id("vpc-cidr-assoc", &format!("{}/{block}", held.id())),
                "cidrBlock": block,
                "cidrBlockState": { "state": "associated" },
            })
        });
        let more = json!({
            "vpcId": held.id(),
            "cidrBlockAssociationSet": associated.collect::<Vec<Value>>(),
            "dhcpOptionsId": id("dopt", &view.place.region),
            "isDefault": false,
            "state": state(held),
        });
        let defaults = json!({ "instanceTenancy": "default" });
        item(view, held, &VPC, &defaults, &more)
    })
    .collect()
}

/// The blocks of a VPC, its own first.
pub(super) fn blocks<'a>(view: &Holdings<'a>, vpc: Held<'a>) -> Vec<&'a str> {
    let more = view.all("AWS::EC2::VPCCidrBlock").into_iter();
    let more = more.filter(|held| held.text("VpcId") == vpc.id());
    std::iter::once(vpc.text("CidrBlock"))
        .chain(more.map(|held| held.text("CidrBlock")))
        .filter(|block| !block.is_empty())
        .collect()
}

/// DescribeVpcAttribute.
pub(super) fn attribute(view: &Holdings<'_>, query: &Query) -> Result<Map<String, Value>, Refusal> {
    let needed = |name: &str| {
        query.text(name).ok_or_else(|| {
            let words = format!("The request must contain the parameter {name}");
            Refusal::new(400, "MissingParameter", words)
        })
    };
    let (vpc, name) = (needed("VpcId")?, needed("Attribute")?);
    let held = view.find("AWS::EC2::VPC", vpc).ok_or_else(|| {
        let words = format!("The vpc ID '{vpc}' does not exist");
        Refusal::new(400, "InvalidVpcID.NotFound", words)
    })?;
    let defaults = json!({
        "enableDnsHostnames": false,
        "enableDnsSupport": true,
        "enableNetworkAddressUsageMetrics": false,
    });
    let all = ATTRIBUTES.with(&defaults, held.properties(), &Value::Null);
    let value = all.get(name).ok_or_else(|| {
        let words =
            format!("Value ({name}) for parameter attribute is invalid. Unknown attribute.");
        Refusal::new(400, "InvalidParameterValue", words)
    })?;
    let mut fields = Map::new();
    fields.insert("vpcId".to_owned(), json!(vpc));
    fields.insert(name.to_owned(), json!({ "value": value }));
    Ok(fields)
}

pub(super) fn subnets(view: &Holdings<'_>) -> Vec<Value> {
    let interfaces = interfaces::interfaces(view);
    let all = view.all("AWS::EC2::Subnet").into_iter();
    all.map(|held| {
        let zone = zone(view, held);
        let room = network::addresses(held.text("CidrBlock")).unwrap_or_default();
        let used = interfaces.iter().filter(|one| one["subnetId"] == held.id());
        let used = u32::try_from(used.count()).unwrap_or(u32::MAX);
        let more = json!({
            "availabilityZoneId": zone_id(&view.place.region, &zone),
            "availabilityZone": zone,
            "availableIpAddressCount": room.saturating_sub(used),
            "defaultForAz": false,
            "mapCustomerOwnedIpOnLaunch": false,
            "state": state(held),
            "subnetArn": view.arn("ec2", &format!("subnet/{}", held.id())),
            "subnetId": held.id(),
        });
        let defaults = json!({
            "assignIpv6AddressOnCreation": false,
            "enableDns64": false,
            "ipv6Native": false,
            "mapPublicIpOnLaunch": false,
        });
        item(view, held, &SUBNET, &defaults, &more)
    })
    .collect()
}

/// The zone of a subnet: the one that it asks for, or the first.
pub(super) fn zone(view: &Holdings<'_>, subnet: Held<'_>) -> String {
    let region = view.place.region.as_str();
    let asked = subnet.text("AvailabilityZone");
    let by_id = subnet.text("AvailabilityZoneId");
    let mut zones = zones(region).into_iter();
    match (asked, by_id) {
        ("", "") => zones.next().unwrap_or_default(),
        ("", wanted) => zones
            .find(|zone| zone_id(region, zone) == wanted)
            .unwrap_or_default(),
        (zone, _) => zone.to_owned(),
    }
}

pub(super) fn internet_gateways(view: &Holdings<'_>) -> Vec<Value> {
    let all = view.all("AWS::EC2::InternetGateway").into_iter();
    all.map(|held| {
        let attached = view.all("AWS::EC2::VPCGatewayAttachment").into_iter();
        let attached: Vec<Value> = attached
            .filter(|one| one.text("InternetGatewayId") == held.id())
            .map(|one| json!({ "state": "available", "vpcId": one.text("VpcId") }))
            .collect();
        let more = json!({ "attachmentSet": attached, "internetGatewayId": held.id() });
        item(view, held, &GATEWAY, &Value::Null, &more)
    })
    .collect()
}

pub(super) fn nat_gateways(view: &Holdings<'_>) -> Vec<Value> {
    let all = view.all("AWS::EC2::NatGateway").into_iter();
    all.map(|held| {
        let subnet = view.find("AWS::EC2::Subnet", held.text("SubnetId"));
        let allocation = held.text("AllocationId");
        let mut addresses = view.all("AWS::EC2::EIP").into_iter();
        let public = addresses.find(|one| view.attribute(*one, "AllocationId") == allocation);
        let address = json!({
            "allocationId": (!allocation.is_empty()).then_some(allocation),
            "associationId": (!allocation.is_empty()).then(|| id("eipassoc", held.id())),
            "isPrimary": true,
            "networkInterfaceId": interfaces::id_in(held.id(), held.text("SubnetId")),
            "privateIp": subnet.and_then(|one| interfaces::address(one, held.id())),
            "publicIp": public.map(|one| one.id()),
            "status": "succeeded",
        });
        let more = json!({
            "createTime": held.created(),
            "natGatewayAddressSet": [address],
            "natGatewayId": held.id(),
            "ownerId": null,
            "state": state(held),
            "vpcId": subnet.map(|one| one.text("VpcId")),
        });
        item(
            view,
            held,
            &NAT,
            &json!({ "connectivityType": "public" }),
            &more,
        )
    })
    .collect()
}

pub(super) fn addresses(view: &Holdings<'_>) -> Vec<Value> {
    let all = view.all("AWS::EC2::EIP").into_iter();
    all.map(|held| {
        let allocation = view.attribute(held, "AllocationId");
        let mut nats = view.all("AWS::EC2::NatGateway").into_iter();
        let nat = nats.find(|one| one.text("AllocationId") == allocation);
        let mut associations = view.all("AWS::EC2::EIPAssociation").into_iter();
        let association = associations
            .find(|one| one.text("AllocationId") == allocation || one.text("EIP") == held.id());
        let mut more = json!({
            "allocationId": allocation,
            "domain": "vpc",
            "networkBorderGroup": view.place.region,
            "ownerId": null,
            "publicIp": held.id(),
            "publicIpv4Pool": "amazon",
        });
        if let Some(nat) = nat {
            more["associationId"] = json!(id("eipassoc", nat.id()));
            more["networkInterfaceId"] = json!(interfaces::id_in(nat.id(), nat.text("SubnetId")));
            more["networkInterfaceOwnerId"] = json!(view.place.account);
        } else if let Some(one) = association {
            more["associationId"] = json!(id("eipassoc", one.id()));
            for (element, property) in [
                ("instanceId", "InstanceId"),
                ("networkInterfaceId", "NetworkInterfaceId"),
            ] {
                more[element] = one.properties()[property].clone();
            }
        }
        item(view, held, &ADDRESS, &Value::Null, &more)
    })
    .collect()
}

pub(super) fn endpoints(view: &Holdings<'_>) -> Vec<Value> {
    let all = view.all("AWS::EC2::VPCEndpoint").into_iter();
    all.map(|held| {
        let properties = held.properties();
        let subnets = texts(&properties["SubnetIds"]).into_iter();
        let interfaces: Vec<String> = subnets
            .map(|subnet| interfaces::id_in(held.id(), subnet))
            .collect();
        let policy = match &properties["PolicyDocument"] {
            Value::Null => OPEN.to_owned(),
            Value::String(text) => text.clone(),
            document => document.to_string(),
        };
        let more = json!({
            "creationTimestamp": held.created(),
            "dnsEntrySet": names(view, held),
            "groupSet": groups::named(view, &properties["SecurityGroupIds"]),
            "networkInterfaceIdSet": interfaces,
            "policyDocument": policy,
            "requesterManaged": false,
            "state": state(held),
            "vpcEndpointId": held.id(),
        });
        let defaults = json!({
            "ipAddressType": "ipv4",
            "privateDnsEnabled": false,
            "vpcEndpointType": "Gateway",
        });
        item(view, held, &ENDPOINT, &defaults, &more)
    })
    .collect()
}

/// The names that an interface endpoint is reached by.
fn names(view: &Holdings<'_>, endpoint: Held<'_>) -> Value {
    if endpoint.text("VpcEndpointType") != "Interface" {
        return json!([]);
    }
    let service = endpoint.text("ServiceName").rsplit('.').next();
    let (region, id) = (&view.place.region, endpoint.id());
    let piece = &ids::stable(id)[..8];
    let name = format!(
        "{id}-{piece}.{}.{region}.vpce.amazonaws.com",
        service.unwrap_or_default()
    );
    json!([{ "dnsName": name, "hostedZoneId": format!("Z{}", piece.to_uppercase()) }])
}

pub(super) fn flow_logs(view: &Holdings<'_>) -> Vec<Value> {
    let all = view.all("AWS::EC2::FlowLog").into_iter();
    all.map(|held| {
        let more = json!({
            "creationTime": held.created(),
            "deliverLogsStatus": "SUCCESS",
            "flowLogId": held.id(),
            "flowLogStatus": "ACTIVE",
            "ownerId": null,
        });
        let defaults = json!({
            "logDestinationType": "cloud-watch-logs",
            "logFormat": FORMAT,
            "maxAggregationInterval": 600,
        });
        item(view, held, &FLOW_LOG, &defaults, &more)
    })
    .collect()
}

/// The services that a gateway endpoint leads to, each with its addresses' prefix list.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html>
const GATEWAYS: &[&str] = &["dynamodb", "s3"];

pub(super) fn prefix_lists(view: &Holdings<'_>) -> Vec<Value> {
    let place = &view.place;
    let services = GATEWAYS.iter().map(|service| {
        let name = format!("com.amazonaws.{}.{service}", place.region);
        let id = prefix_list(&name);
        let partition = place.partition();
        json!({
            "addressFamily": "IPv4",
            "ownerId": "AWS",
            "prefixListArn": format!("arn:{partition}:ec2:{}:aws:prefix-list/{id}", place.region),
            "prefixListId": id,
            "prefixListName": name,
            "state": "create-complete",
        })
    });
    let own = view.all("AWS::EC2::PrefixList").into_iter().map(|held| {
        let more = json!({
            "prefixListArn": view.arn("ec2", &format!("prefix-list/{}", held.id())),
            "prefixListId": held.id(),
            "state": "create-complete",
            "version": 1,
        });
        item(
            view,
            held,
            &PREFIX_LIST,
            &json!({ "addressFamily": "IPv4" }),
            &more,
        )
    });
    services.chain(own).collect()
}

/// The prefix list of a service's addresses.
pub(super) fn prefix_list(service: &str) -> String {
    format!("pl-{}", &ids::stable(service)[..8])
}
