//! What EC2 describes: each set with what it can be asked by.
//!
//! The filters are those of the pages of the actions, as
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html>, as far as what they
//! look at is here.

use super::{groups, interfaces, networks, routes, zones};
use crate::local::refusal::Refusal;
use crate::local::services::holdings::Holdings;
use serde_json::Value;

/// A set that an action describes.
pub(super) struct Set {
    pub(super) action: &'static str,
    /// The element that holds it.
    pub(super) element: &'static str,
    /// What names items in a request.
    pub(super) ids: &'static [Id],
    /// What all items are.
    pub(super) items: fn(&Holdings<'_>) -> Vec<Value>,
    /// Filters, and where in an item they look.
    filters: &'static [(&'static str, &'static str)],
}

/// A list of a request that names items.
pub(super) struct Id {
    /// The list.
    pub(super) asked: &'static str,
    /// The item's element that it names.
    pub(super) element: &'static str,
    /// The code of the refusal of one that is not there.
    pub(super) code: &'static str,
    /// Its words; `{}` is what was asked for.
    pub(super) words: &'static str,
}

impl Set {
    /// Where in an item a filter looks.
    ///
    /// # Errors
    /// EC2's words for a filter that it does not know.
    pub(super) fn paths(&self, filter: &str) -> Result<Vec<Vec<String>>, Refusal> {
        let steps = |path: &str| path.split('.').map(str::to_owned).collect();
        if let Some(key) = filter.strip_prefix("tag:") {
            return Ok(vec![vec!["tagSet".to_owned(), key.to_owned()]]);
        }
        if filter == "tag-key" {
            return Ok(vec![steps("tagSet.key")]);
        }
        let rows = self.filters.iter().filter(|(name, _)| *name == filter);
        let paths: Vec<Vec<String>> = rows.map(|(_, path)| steps(path)).collect();
        if paths.is_empty() {
            let words = format!("The filter '{filter}' is invalid");
            return Err(Refusal::new(400, "InvalidParameterValue", words));
        }
        Ok(paths)
    }
}

/// All sets.
pub(super) const SETS: &[Set] = &[
    Set {
        action: "DescribeAvailabilityZones",
        element: "availabilityZoneInfo",
        ids: &[
            Id {
                asked: "ZoneName",
                element: "zoneName",
                code: "InvalidParameterValue",
                words: "Invalid availability zone: [{}]",
            },
            Id {
                asked: "ZoneId",
                element: "zoneId",
                code: "InvalidParameterValue",
                words: "Invalid availability zone-id: [{}]",
            },
        ],
        items: zones::zones,
        filters: &[
            ("group-name", "groupName"),
            ("opt-in-status", "optInStatus"),
            ("region-name", "regionName"),
            ("state", "zoneState"),
            ("zone-id", "zoneId"),
            ("zone-name", "zoneName"),
            ("zone-type", "zoneType"),
        ],
    },
    Set {
        action: "DescribeAccountAttributes",
        element: "accountAttributeSet",
        ids: &[Id {
            asked: "AttributeName",
            element: "attributeName",
            code: "InvalidParameterValue",
            words: "Value ({}) for parameter attributeName is invalid. Unknown attribute.",
        }],
        items: zones::attributes,
        filters: &[],
    },
    Set {
        action: "DescribeVpcs",
        element: "vpcSet",
        ids: &[Id {
            asked: "VpcId",
            element: "vpcId",
            code: "InvalidVpcID.NotFound",
            words: "The vpc ID '{}' does not exist",
        }],
        items: networks::vpcs,
        filters: &[
            ("cidr", "cidrBlock"),
            (
                "cidr-block-association.association-id",
                "cidrBlockAssociationSet.associationId",
            ),
            (
                "cidr-block-association.cidr-block",
                "cidrBlockAssociationSet.cidrBlock",
            ),
            (
                "cidr-block-association.state",
                "cidrBlockAssociationSet.cidrBlockState.state",
            ),
            ("dhcp-options-id", "dhcpOptionsId"),
            ("is-default", "isDefault"),
            ("isDefault", "isDefault"),
            ("owner-id", "ownerId"),
            ("state", "state"),
            ("vpc-id", "vpcId"),
        ],
    },
    Set {
        action: "DescribeSubnets",
        element: "subnetSet",
        ids: &[Id {
            asked: "SubnetId",
            element: "subnetId",
            code: "InvalidSubnetID.NotFound",
            words: "The subnet ID '{}' does not exist",
        }],
        items: networks::subnets,
        filters: &[
            ("availability-zone", "availabilityZone"),
            ("availability-zone-id", "availabilityZoneId"),
            ("available-ip-address-count", "availableIpAddressCount"),
            ("cidr-block", "cidrBlock"),
            ("default-for-az", "defaultForAz"),
            ("map-public-ip-on-launch", "mapPublicIpOnLaunch"),
            ("owner-id", "ownerId"),
            ("state", "state"),
            ("subnet-arn", "subnetArn"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
        ],
    },
    Set {
        action: "DescribeRouteTables",
        element: "routeTableSet",
        ids: &[Id {
            asked: "RouteTableId",
            element: "routeTableId",
            code: "InvalidRouteTableID.NotFound",
            words: "The routeTable ID '{}' does not exist",
        }],
        items: routes::tables,
        filters: &[
            ("association.gateway-id", "associationSet.gatewayId"),
            ("association.main", "associationSet.main"),
            (
                "association.route-table-association-id",
                "associationSet.routeTableAssociationId",
            ),
            ("association.route-table-id", "associationSet.routeTableId"),
            ("association.subnet-id", "associationSet.subnetId"),
            ("owner-id", "ownerId"),
            (
                "route.destination-cidr-block",
                "routeSet.destinationCidrBlock",
            ),
            (
                "route.destination-ipv6-cidr-block",
                "routeSet.destinationIpv6CidrBlock",
            ),
            (
                "route.destination-prefix-list-id",
                "routeSet.destinationPrefixListId",
            ),
            ("route.gateway-id", "routeSet.gatewayId"),
            ("route.nat-gateway-id", "routeSet.natGatewayId"),
            ("route.origin", "routeSet.origin"),
            ("route.state", "routeSet.state"),
            ("route-table-id", "routeTableId"),
            ("vpc-id", "vpcId"),
        ],
    },
    Set {
        action: "DescribeInternetGateways",
        element: "internetGatewaySet",
        ids: &[Id {
            asked: "InternetGatewayId",
            element: "internetGatewayId",
            code: "InvalidInternetGatewayID.NotFound",
            words: "The internetGateway ID '{}' does not exist",
        }],
        items: networks::internet_gateways,
        filters: &[
            ("attachment.state", "attachmentSet.state"),
            ("attachment.vpc-id", "attachmentSet.vpcId"),
            ("internet-gateway-id", "internetGatewayId"),
            ("owner-id", "ownerId"),
        ],
    },
    Set {
        action: "DescribeNatGateways",
        element: "natGatewaySet",
        ids: &[Id {
            asked: "NatGatewayId",
            element: "natGatewayId",
            code: "NatGatewayNotFound",
            words: "NatGateway {} was not found",
        }],
        items: networks::nat_gateways,
        filters: &[
            ("nat-gateway-id", "natGatewayId"),
            ("state", "state"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
        ],
    },
    Set {
        action: "DescribeAddresses",
        element: "addressesSet",
        ids: &[
            Id {
                asked: "AllocationId",
                element: "allocationId",
                code: "InvalidAllocationID.NotFound",
                words: "The allocation ID '{}' does not exist",
            },
            Id {
                asked: "PublicIp",
                element: "publicIp",
                code: "InvalidAddress.NotFound",
                words: "Address '{}' not found.",
            },
        ],
        items: networks::addresses,
        filters: &[
            ("allocation-id", "allocationId"),
            ("association-id", "associationId"),
            ("instance-id", "instanceId"),
            ("network-interface-id", "networkInterfaceId"),
            ("public-ip", "publicIp"),
        ],
    },
    Set {
        action: "DescribeVpcEndpoints",
        element: "vpcEndpointSet",
        ids: &[Id {
            asked: "VpcEndpointId",
            element: "vpcEndpointId",
            code: "InvalidVpcEndpointId.NotFound",
            words: "The Vpc Endpoint Id '{}' does not exist",
        }],
        items: networks::endpoints,
        filters: &[
            ("service-name", "serviceName"),
            ("vpc-endpoint-id", "vpcEndpointId"),
            ("vpc-endpoint-state", "state"),
            ("vpc-endpoint-type", "vpcEndpointType"),
            ("vpc-id", "vpcId"),
        ],
    },
    Set {
        action: "DescribeFlowLogs",
        element: "flowLogSet",
        ids: &[Id {
            asked: "FlowLogId",
            element: "flowLogId",
            code: "InvalidFlowLogId.NotFound",
            words: "The flow log ID '{}' does not exist",
        }],
        items: networks::flow_logs,
        filters: &[
            ("deliver-log-status", "deliverLogsStatus"),
            ("flow-log-id", "flowLogId"),
            ("log-destination-type", "logDestinationType"),
            ("log-group-name", "logGroupName"),
            ("resource-id", "resourceId"),
            ("traffic-type", "trafficType"),
        ],
    },
    Set {
        action: "DescribeManagedPrefixLists",
        element: "prefixListSet",
        ids: &[Id {
            asked: "PrefixListId",
            element: "prefixListId",
            code: "InvalidPrefixListID.NotFound",
            words: "The prefix list ID '{}' does not exist",
        }],
        items: networks::prefix_lists,
        filters: &[
            ("owner-id", "ownerId"),
            ("prefix-list-id", "prefixListId"),
            ("prefix-list-name", "prefixListName"),
        ],
    },
    Set {
        action: "DescribeSecurityGroups",
        element: "securityGroupInfo",
        ids: &[
            Id {
                asked: "GroupId",
                element: "groupId",
                code: "InvalidGroup.NotFound",
                words: "The security group '{}' does not exist",
            },
            Id {
                asked: "GroupName",
                element: "groupName",
                code: "InvalidGroup.NotFound",
                words: "The security group '{}' does not exist",
            },
        ],
        items: groups::groups,
        filters: &[
            ("description", "groupDescription"),
            (
                "egress.ip-permission.cidr",
                "ipPermissionsEgress.ipRanges.cidrIp",
            ),
            (
                "egress.ip-permission.from-port",
                "ipPermissionsEgress.fromPort",
            ),
            (
                "egress.ip-permission.group-id",
                "ipPermissionsEgress.groups.groupId",
            ),
            (
                "egress.ip-permission.protocol",
                "ipPermissionsEgress.ipProtocol",
            ),
            ("egress.ip-permission.to-port", "ipPermissionsEgress.toPort"),
            ("group-id", "groupId"),
            ("group-name", "groupName"),
            ("ip-permission.cidr", "ipPermissions.ipRanges.cidrIp"),
            ("ip-permission.from-port", "ipPermissions.fromPort"),
            ("ip-permission.group-id", "ipPermissions.groups.groupId"),
            ("ip-permission.protocol", "ipPermissions.ipProtocol"),
            ("ip-permission.to-port", "ipPermissions.toPort"),
            ("owner-id", "ownerId"),
            ("vpc-id", "vpcId"),
        ],
    },
    Set {
        action: "DescribeSecurityGroupRules",
        element: "securityGroupRuleSet",
        ids: &[Id {
            asked: "SecurityGroupRuleId",
            element: "securityGroupRuleId",
            code: "InvalidSecurityGroupRuleId.NotFound",
            words: "The security group rule ID '{}' does not exist",
        }],
        items: groups::rules,
        filters: &[
            ("group-id", "groupId"),
            ("security-group-rule-id", "securityGroupRuleId"),
        ],
    },
    Set {
        action: "DescribeNetworkInterfaces",
        element: "networkInterfaceSet",
        ids: &[Id {
            asked: "NetworkInterfaceId",
            element: "networkInterfaceId",
            code: "InvalidNetworkInterfaceID.NotFound",
            words: "The networkInterface ID '{}' does not exist",
        }],
        items: interfaces::interfaces,
        filters: &[
            ("availability-zone", "availabilityZone"),
            ("description", "description"),
            ("group-id", "groupSet.groupId"),
            ("interface-type", "interfaceType"),
            ("network-interface-id", "networkInterfaceId"),
            ("private-ip-address", "privateIpAddress"),
            ("requester-managed", "requesterManaged"),
            ("status", "status"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
        ],
    },
];
