//! What cannot be deleted because something else still uses it.

use super::words::{No, no};
use super::{Call, Held, World};
use crate::local::model::Resource;
use crate::local::services::s3;
use serde_json::Value;
use std::path::Path;

/// A type, the types and properties that refer to one, and what the service says then.
struct Used {
    kind: &'static str,
    by: &'static [(&'static str, &'static str)],
    service: &'static str,
    /// `{}` is the physical id, `{by}` that of a user.
    words: &'static str,
}

const USED: &[Used] = &[
    // https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteDeployment.html
    Used {
        kind: "AWS::ApiGateway::Deployment",
        by: &[("AWS::ApiGateway::Stage", "DeploymentId")],
        service: "ApiGateway",
        words: "Active stages pointing to this deployment must be moved or deleted",
    },
    // https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_DeleteUserPool.html
    Used {
        kind: "AWS::Cognito::UserPool",
        by: &[("AWS::Cognito::UserPoolDomain", "UserPoolId")],
        service: "CognitoIdentityProvider",
        words: "User pool cannot be deleted. It has a domain configured that should be deleted first.",
    },
    // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteInternetGateway.html
    Used {
        kind: "AWS::EC2::InternetGateway",
        by: &[("AWS::EC2::VPCGatewayAttachment", "InternetGatewayId")],
        service: "Ec2",
        words: "The internetGateway '{}' has dependencies and cannot be deleted.",
    },
    // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRouteTable.html
    Used {
        kind: "AWS::EC2::RouteTable",
        by: &[("AWS::EC2::SubnetRouteTableAssociation", "RouteTableId")],
        service: "Ec2",
        words: "The routeTable '{}' has dependencies and cannot be deleted.",
    },
    // https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html
    Used {
        kind: "AWS::EC2::VPC",
        by: &[
            ("AWS::EC2::EgressOnlyInternetGateway", "VpcId"),
            ("AWS::EC2::NetworkAcl", "VpcId"),
            ("AWS::EC2::RouteTable", "VpcId"),
            ("AWS::EC2::SecurityGroup", "VpcId"),
            ("AWS::EC2::Subnet", "VpcId"),
            ("AWS::EC2::TransitGatewayAttachment", "VpcId"),
            ("AWS::EC2::VPCEndpoint", "VpcId"),
            ("AWS::EC2::VPCGatewayAttachment", "VpcId"),
            ("AWS::EC2::VPCPeeringConnection", "PeerVpcId"),
            ("AWS::EC2::VPCPeeringConnection", "VpcId"),
        ],
        service: "Ec2",
        words: "The vpc '{}' has dependencies and cannot be deleted.",
    },
    // https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-workgroup-namespace.html, without words.
    Used {
        kind: "AWS::RedshiftServerless::Namespace",
        by: &[("AWS::RedshiftServerless::Workgroup", "NamespaceName")],
        service: "RedshiftServerless",
        words: "Namespace {} can't be deleted because workgroup {by} is associated with it.",
    },
];

/// Why it cannot be deleted, if something of another type refers to it.
pub(super) fn used(call: &Call<'_>) -> Option<No> {
    let resource = call.wanted;
    let row = USED.iter().find(|row| row.kind == resource.kind)?;
    let user = row.by.iter().find_map(|(kind, property)| {
        call.others(kind)
            .find(|held| held.holds(property, &resource.physical_id))
    })?;
    let words = row
        .words
        .replace("{by}", &user.resource.physical_id)
        .replace("{}", &resource.physical_id);
    Some(no(row.service, words))
}

/// Properties that put a security group on a network interface, or name it in another group's rules.
const GROUPS: &[&str] = &[
    "DestinationSecurityGroupId",
    "GroupSet",
    "SecurityGroup",
    "SecurityGroupIds",
    "SecurityGroups",
    "SourceSecurityGroupId",
    "VPCSecurityGroups",
    "VpcSecurityGroupIds",
];

/// Properties that put a network interface into a subnet.
const SUBNETS: &[&str] = &[
    "SubnetId",
    "SubnetIds",
    "Subnets",
    "VPCZoneIdentifier",
    "VpcSubnetIds",
];

/// Types that only write down for later where something is to be, or that go with the subnet.
const NOTES: &[&str] = &[
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::DAX::SubnetGroup",
    "AWS::DMS::ReplicationSubnetGroup",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::SubnetCidrBlock",
    "AWS::EC2::SubnetNetworkAclAssociation",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::ECS::TaskDefinition",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::Events::Rule",
    "AWS::MemoryDB::SubnetGroup",
    "AWS::Neptune::DBSubnetGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::Redshift::ClusterSubnetGroup",
    "AWS::Scheduler::Schedule",
];

/// Whether a value says somewhere, by one of these properties, that it uses something.
pub(super) fn mentions(value: &Value, properties: &[&str], id: &str) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, inner)| {
            (properties.contains(&name.as_str()) && super::holds(inner, id))
                || mentions(inner, properties, id)
        }),
        Value::Array(items) => items.iter().any(|item| mentions(item, properties, id)),
        _ => false,
    }
}

fn users<'a>(
    world: &World<'a>,
    properties: &'static [&'static str],
    resource: &'a Resource,
) -> impl Iterator<Item = Held<'a>> + use<'a> {
    let id = resource.physical_id.as_str();
    world.everything().filter(move |held| {
        let kind = held.resource.kind.as_str();
        held.resource.physical_id != id
            && !NOTES.contains(&kind)
            // What a custom resource is told is known to its own code only.
            && !kind.starts_with("Custom::")
            && kind != "AWS::CloudFormation::CustomResource"
            // A group's rules go with it, those that name the group itself among them.
            && held.text("GroupId") != id
            && mentions(held.resource.actual(), properties, id)
    })
}

/// A security group that something is in, or that another group's rules name.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/deleting-security-groups.html>
pub(super) fn group(call: &Call<'_>) -> Option<No> {
    users(call.world, GROUPS, call.wanted).next()?;
    let id = &call.wanted.physical_id;
    Some(no("Ec2", format!("resource {id} has a dependent object")))
}

/// A subnet with network interfaces.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-deleting.html>
pub(super) fn subnet(call: &Call<'_>) -> Option<No> {
    users(call.world, SUBNETS, call.wanted).next()?;
    let id = &call.wanted.physical_id;
    let words = format!("The subnet '{id}' has dependencies and cannot be deleted.");
    Some(no("Ec2", words))
}

/// Whether a function's network interfaces are in that subnet, or have that group.
pub(super) fn is_of_function(properties: &Value, id: &str) -> bool {
    mentions(&properties["VpcConfig"], GROUPS, id)
        || mentions(&properties["VpcConfig"], SUBNETS, id)
}

/// An internet gateway's attachment, while NAT gateways of others have public addresses in the VPC.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-igw.html>
pub(super) fn attachment(call: &Call<'_>) -> Option<No> {
    let (vpc, gateway) = (call.text("VpcId"), call.text("InternetGatewayId"));
    let inside = |held: &Held<'_>| {
        let subnet = call.world.find("AWS::EC2::Subnet", held.text("SubnetId"));
        subnet.is_some_and(|subnet| subnet.text("VpcId") == vpc)
    };
    // Those of this stack go as well; the handler waits for them.
    let mut public = call.others("AWS::EC2::NatGateway").filter(|held| {
        !call.is_own(held) && held.text("ConnectivityType") != "private" && inside(held)
    });
    if gateway.is_empty() {
        return None;
    }
    public.next()?;
    let words = format!(
        "Network {vpc} has some mapped public address(es). Please unmap those public address(es) \
         before detaching the gateway."
    );
    Some(no("Ec2", words))
}

/// Whether the resource is a bucket with something in it.
pub fn is_full(directory: &Path, resource: &Resource) -> bool {
    resource.kind == "AWS::S3::Bucket" && s3::has_objects(directory, &resource.physical_id)
}

/// A bucket with something in it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html>
pub(super) fn bucket(call: &Call<'_>) -> Option<No> {
    if !is_full(call.world.directory, call.wanted) {
        return None;
    }
    let words = match call.properties()["VersioningConfiguration"]["Status"].as_str() {
        Some(_) => {
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        }
        None => "The bucket you tried to delete is not empty",
    };
    Some(no("S3", words).with(409, "GeneralServiceException"))
}
