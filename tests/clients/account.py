"""boto3 reads what stacks made: networks from EC2, roles from IAM, quotas, and any resource from Cloud
Control. The five stacks are deployed already; a stack of its own has what they lack."""

import ipaddress
import json
import subprocess

import boto3
from botocore.exceptions import ClientError

formation = boto3.client("cloudformation")
ec2 = boto3.client("ec2")
iam = boto3.client("iam")
quotas = boto3.client("service-quotas")
control = boto3.client("cloudcontrol")

REGION = "us-east-1"
ZONES = [f"{REGION}{letter}" for letter in "abc"]

TEMPLATE = {
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}},
        "More": {
            "Type": "AWS::EC2::VPCCidrBlock",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.2.0.0/16"},
        },
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "CidrBlock": "10.1.0.0/28",
                "MapPublicIpOnLaunch": "true",
            },
        },
        "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
        "Nat": {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {
                "AllocationId": {"Fn::GetAtt": "Address.AllocationId"},
                "SubnetId": {"Ref": "Subnet"},
            },
        },
        "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        "Route": {
            "Type": "AWS::EC2::Route",
            "Properties": {
                "RouteTableId": {"Ref": "Table"},
                "DestinationCidrBlock": "0.0.0.0/0",
                "NatGatewayId": {"Ref": "Nat"},
            },
        },
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "web",
                "VpcId": {"Ref": "Vpc"},
                "SecurityGroupIngress": [
                    {"IpProtocol": 6, "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"},
                    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"},
                ],
            },
        },
        "Endpoint": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "VpcEndpointType": "Interface",
                "ServiceName": f"com.amazonaws.{REGION}.ssm",
                "SubnetIds": [{"Ref": "Subnet"}],
                "SecurityGroupIds": [{"Ref": "Group"}],
                "PrivateDnsEnabled": True,
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "reader",
                "Path": "/team/",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "ec2.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    },
                },
                "PermissionsBoundary": {"Ref": "Boundary"},
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
            },
        },
        "Boundary": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                }
            },
        },
        "NoDeletes": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "NoDeletes",
                "Roles": [{"Ref": "Role"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
                },
            },
        },
        "Method": {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "ParentId": {"Fn::GetAtt": "Api.RootResourceId"},
                "PathPart": "orders",
            },
        },
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "orders"}},
    }
}


def refused(code, words, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == code and words in said["Message"], said
        assert error.response["ResponseMetadata"]["RequestId"]
        return
    raise AssertionError(f"{call} was not refused: {code} {words}")


def made(stack):
    held = formation.describe_stack_resources(StackName=stack)["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in held}


def one(items):
    assert len(items) == 1, items
    return items[0]


def where(**names):
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in names.items()]


def drift(*arguments):
    subprocess.run(["infra", "local", "drift", *arguments], check=True, capture_output=True)


def zones():
    told = ec2.describe_availability_zones(Filters=where(state="available"))["AvailabilityZones"]
    assert [zone["ZoneName"] for zone in told] == ZONES, told
    assert [zone["ZoneId"] for zone in told] == [f"use1-az{n}" for n in (1, 2, 3)], told
    assert {zone["RegionName"] for zone in told} == {REGION}
    told = ec2.describe_account_attributes(AttributeNames=["vpc-max-elastic-ips"])
    told = one(told["AccountAttributes"])
    assert told["AttributeValues"] == [{"AttributeValue": "5"}], told
    refused(
        "InvalidParameterValue",
        "[us-east-1z]",
        ec2.describe_availability_zones,
        ZoneNames=["us-east-1z"],
    )


def vpcs(base):
    told = one(ec2.describe_vpcs(VpcIds=[base["Vpc"]])["Vpcs"])
    assert told["CidrBlock"] == "10.80.0.0/20" and told["State"] == "available", told
    assert told["IsDefault"] is False and told["InstanceTenancy"] == "default", told
    assert told["OwnerId"] == boto3.client("sts").get_caller_identity()["Account"]
    tags = {tag["Key"]: tag["Value"] for tag in told["Tags"]}
    assert tags["Name"] == tags["aws:cloudformation:stack-name"] == "BaseInfraStack", tags
    assert tags["project"] == "loan-remediation", tags
    found = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["Base*"]}])["Vpcs"]
    assert one(found)["VpcId"] == base["Vpc"]
    assert not ec2.describe_vpcs(Filters=where(cidr="10.9.0.0/16"))["Vpcs"]
    refused("InvalidParameterValue", "'nope' is invalid", ec2.describe_vpcs, Filters=where(nope="x"))
    refused(
        "InvalidVpcID.NotFound",
        "The vpc ID 'vpc-0' does not exist",
        ec2.describe_vpcs,
        VpcIds=["vpc-0"],
    )
    for name, wanted in [("enableDnsSupport", True), ("enableDnsHostnames", True)]:
        told = ec2.describe_vpc_attribute(VpcId=base["Vpc"], Attribute=name)
        assert told[name[0].upper() + name[1:]] == {"Value": wanted}, told
    drift("BaseInfraStack", "Vpc", "--set", "EnableDnsHostnames=false")
    told = ec2.describe_vpc_attribute(VpcId=base["Vpc"], Attribute="enableDnsHostnames")
    assert told["EnableDnsHostnames"] == {"Value": False}, told
    drift("BaseInfraStack", "Vpc", "--restore")
    refused("DryRunOperation", "Request would have succeeded", ec2.describe_vpcs, DryRun=True)
    refused("UnsupportedOperation", "only read", ec2.create_vpc, CidrBlock="10.9.0.0/16")


def subnets(base):
    told = ec2.describe_subnets(Filters=where(vpc_id=base["Vpc"]))["Subnets"]
    assert len(told) == 6 and {one["State"] for one in told} == {"available"}, told
    by_id = {one["SubnetId"]: one for one in told}
    for n, zone in enumerate(ZONES, 1):
        private = by_id[base[f"PrivateSubnet{n}"]]
        assert private["AvailabilityZone"] == zone, private
        assert private["AvailabilityZoneId"] == f"use1-az{n}", private
        # Of 256, five are AWS's and one is the workgroup's.
        assert private["AvailableIpAddressCount"] == 250, private
        assert private["MapPublicIpOnLaunch"] is False, private
        assert private["SubnetArn"].endswith(":subnet/" + private["SubnetId"]), private
        assert by_id[base[f"PublicSubnet{n}"]]["AvailableIpAddressCount"] == 251
    pages = ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5})
    assert len([one for page in pages for one in page["Subnets"]]) >= 6
    refused("InvalidParameterValue", "maxResults", ec2.describe_subnets, MaxResults=1001)
    refused(
        "InvalidParameterCombination",
        "maxResults",
        ec2.describe_subnets,
        MaxResults=5,
        SubnetIds=[told[0]["SubnetId"]],
    )
    drift("BaseInfraStack", "PublicSubnet1", "--delete")
    left = ec2.describe_subnets(Filters=where(vpc_id=base["Vpc"]))["Subnets"]
    assert base["PublicSubnet1"] not in {one["SubnetId"] for one in left}
    drift("BaseInfraStack", "PublicSubnet1", "--restore")


def routes(base):
    def table(name):
        told = ec2.describe_route_tables(RouteTableIds=[base[name]])["RouteTables"]
        return one(told)

    public = table("PublicRouteTable")
    assert public["VpcId"] == base["Vpc"]
    assert {one["SubnetId"] for one in public["Associations"]} == {
        base[f"PublicSubnet{n}"] for n in (1, 2, 3)
    }
    assert not any(one["Main"] for one in public["Associations"]), public
    local, default = public["Routes"]
    assert local["GatewayId"] == "local" and local["Origin"] == "CreateRouteTable", local
    assert local["DestinationCidrBlock"] == "10.80.0.0/20", local
    assert default["GatewayId"] == base["InternetGateway"], default
    assert default["DestinationCidrBlock"] == "0.0.0.0/0" and default["State"] == "active", default
    private = table("PrivateRouteTable1")
    endpoint = private["Routes"][1]
    assert endpoint["GatewayId"] == base["S3Endpoint"] and endpoint["State"] == "active", endpoint
    lists = ec2.describe_managed_prefix_lists(
        Filters=where(prefix_list_name=f"com.amazonaws.{REGION}.s3")
    )
    assert endpoint["DestinationPrefixListId"] == one(lists["PrefixLists"])["PrefixListId"]
    found = ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [base["PrivateSubnet2"]]}]
    )
    assert one(found["RouteTables"])["RouteTableId"] == base["PrivateRouteTable2"]
    main = [
        {"Name": "vpc-id", "Values": [base["Vpc"]]},
        {"Name": "association.main", "Values": ["true"]},
    ]
    main = one(ec2.describe_route_tables(Filters=main)["RouteTables"])
    assert [route["GatewayId"] for route in main["Routes"]] == ["local"], main

    gateway = one(ec2.describe_internet_gateways()["InternetGateways"])
    assert gateway["InternetGatewayId"] == base["InternetGateway"]
    assert gateway["Attachments"] == [{"State": "available", "VpcId": base["Vpc"]}], gateway
    drift("BaseInfraStack", "InternetGatewayAttachment", "--delete")
    assert table("PublicRouteTable")["Routes"][1]["State"] == "blackhole"
    gateway = one(ec2.describe_internet_gateways()["InternetGateways"])
    assert gateway["Attachments"] == [], gateway
    drift("BaseInfraStack", "InternetGatewayAttachment", "--restore")
    assert table("PublicRouteTable")["Routes"][1]["State"] == "active"


def endpoints_and_logs(base):
    endpoint = one(ec2.describe_vpc_endpoints(VpcEndpointIds=[base["S3Endpoint"]])["VpcEndpoints"])
    assert endpoint["State"] == "available" and endpoint["VpcEndpointType"] == "Gateway", endpoint
    assert endpoint["ServiceName"] == f"com.amazonaws.{REGION}.s3", endpoint
    assert set(endpoint["RouteTableIds"]) == {base[f"PrivateRouteTable{n}"] for n in (1, 2, 3)}
    assert json.loads(endpoint["PolicyDocument"])["Statement"], endpoint
    log = one(ec2.describe_flow_logs(Filter=where(resource_id=base["Vpc"]))["FlowLogs"])
    assert log["FlowLogId"] == base["FlowLog"] and log["FlowLogStatus"] == "ACTIVE", log
    assert log["TrafficType"] == "ALL" and log["LogGroupName"] == base["FlowLogGroup"], log
    assert log["DeliverLogsPermissionArn"].endswith("/" + base["FlowLogRole"]), log
    assert log["MaxAggregationInterval"] == 600 and log["CreationTime"], log


def groups(base):
    id = base["RedshiftSecurityGroup"]
    group = one(ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"])
    assert group["Description"] == "Redshift, and whoever may reach it", group
    assert group["GroupName"].startswith("BaseInfraStack-RedshiftSecurityGroup-"), group
    inward = one(group["IpPermissions"])
    assert (inward["IpProtocol"], inward["FromPort"], inward["ToPort"]) == ("tcp", 5439, 5439)
    pair = one(inward["UserIdGroupPairs"])
    assert pair["GroupId"] == id and pair["Description"] == "Redshift from members of this group"
    https, own = group["IpPermissionsEgress"]
    assert one(https["IpRanges"])["CidrIp"] == "0.0.0.0/0" and https["ToPort"] == 443, https
    assert one(own["UserIdGroupPairs"])["GroupId"] == id, own
    rules = ec2.describe_security_group_rules(Filters=where(group_id=id))["SecurityGroupRules"]
    assert sorted((rule["IsEgress"], rule["ToPort"]) for rule in rules) == [
        (False, 5439),
        (True, 443),
        (True, 5439),
    ], rules
    inward = one([rule for rule in rules if not rule["IsEgress"]])
    assert inward["ReferencedGroupInfo"]["GroupId"] == id, inward
    again = ec2.describe_security_group_rules(
        SecurityGroupRuleIds=[rule["SecurityGroupRuleId"] for rule in rules]
    )
    assert again["SecurityGroupRules"] == rules
    default = ec2.describe_security_groups(
        Filters=where(vpc_id=base["Vpc"], group_name="default")
    )
    assert one(default["SecurityGroups"])["GroupId"].startswith("sg-0")
    drift("BaseInfraStack", "RedshiftIngressFromItself", "--set", "CidrIp=0.0.0.0/0")
    world = [{"Name": "ip-permission.cidr", "Values": ["0.0.0.0/0"]}]
    assert one(ec2.describe_security_groups(Filters=world)["SecurityGroups"])["GroupId"] == id
    drift("BaseInfraStack", "RedshiftIngressFromItself", "--restore")
    assert not ec2.describe_security_groups(Filters=world)["SecurityGroups"]


def interfaces(base):
    told = ec2.describe_network_interfaces(Filters=where(vpc_id=base["Vpc"]))["NetworkInterfaces"]
    assert {one["SubnetId"] for one in told} == {base[f"PrivateSubnet{n}"] for n in (1, 2, 3)}
    for interface in told:
        assert one(interface["Groups"])["GroupId"] == base["RedshiftSecurityGroup"], interface
        subnet = one(ec2.describe_subnets(SubnetIds=[interface["SubnetId"]])["Subnets"])
        address = ipaddress.ip_address(interface["PrivateIpAddress"])
        assert address in ipaddress.ip_network(subnet["CidrBlock"]), interface


def own_network(own):
    vpc = one(ec2.describe_vpcs(VpcIds=[own["Vpc"]])["Vpcs"])
    blocks = [one["CidrBlock"] for one in vpc["CidrBlockAssociationSet"]]
    assert blocks == ["10.1.0.0/16", "10.2.0.0/16"], blocks
    subnet = one(ec2.describe_subnets(SubnetIds=[own["Subnet"]])["Subnets"])
    # Of 16, five are AWS's, one the NAT gateway's and one the endpoint's.
    assert subnet["AvailableIpAddressCount"] == 9 and subnet["MapPublicIpOnLaunch"] is True, subnet
    assert subnet["AvailabilityZone"] == ZONES[0], subnet
    address = one(ec2.describe_addresses()["Addresses"])
    assert address["PublicIp"] == own["Address"] and address["Domain"] == "vpc", address
    nat = one(ec2.describe_nat_gateways(Filter=where(vpc_id=own["Vpc"]))["NatGateways"])
    assert nat["NatGatewayId"] == own["Nat"] and nat["State"] == "available", nat
    assert nat["ConnectivityType"] == "public" and nat["CreateTime"], nat
    public = one(nat["NatGatewayAddresses"])
    assert public["AllocationId"] == address["AllocationId"], public
    assert public["PublicIp"] == own["Address"] and public["Status"] == "succeeded", public
    assert public["AssociationId"] == address["AssociationId"], address
    interface = ec2.describe_network_interfaces(NetworkInterfaceIds=[public["NetworkInterfaceId"]])
    interface = one(interface["NetworkInterfaces"])
    assert interface["InterfaceType"] == "nat_gateway", interface
    assert interface["PrivateIpAddress"] == public["PrivateIp"], interface

    endpoint = one(ec2.describe_vpc_endpoints(VpcEndpointIds=[own["Endpoint"]])["VpcEndpoints"])
    assert endpoint["VpcEndpointType"] == "Interface", endpoint
    assert endpoint["PrivateDnsEnabled"] is True and len(endpoint["NetworkInterfaceIds"]) == 1
    assert one(endpoint["Groups"])["GroupId"] == own["Group"], endpoint
    assert endpoint["DnsEntries"][0]["DnsName"].endswith(f".ssm.{REGION}.vpce.amazonaws.com")

    group = one(ec2.describe_security_groups(GroupIds=[own["Group"]])["SecurityGroups"])
    https = one(group["IpPermissions"])
    assert (https["IpProtocol"], https["FromPort"]) == ("tcp", 443), https
    assert one(https["IpRanges"])["CidrIp"] == "10.0.0.0/8", https
    assert one(https["Ipv6Ranges"])["CidrIpv6"] == "::/0", https
    open = one(group["IpPermissionsEgress"])
    assert open["IpProtocol"] == "-1" and "FromPort" not in open, open

    def default():
        table = ec2.describe_route_tables(RouteTableIds=[own["Table"]])["RouteTables"][0]
        assert len([route for route in table["Routes"] if route["State"] == "active"]) >= 2
        return table["Routes"][-1]

    assert (default()["NatGatewayId"], default()["State"]) == (own["Nat"], "active")
    drift("Own", "Nat", "--delete")
    assert default()["State"] == "blackhole"
    refused(
        "NatGatewayNotFound",
        own["Nat"],
        ec2.describe_nat_gateways,
        NatGatewayIds=[own["Nat"]],
    )
    drift("Own", "Nat", "--restore")


def roles(ours, own):
    told = iam.get_role(RoleName=ours["Role"])["Role"]
    assert told["Arn"].endswith(":role/" + ours["Role"]) and told["Path"] == "/", told
    assert told["Description"] == "Asks the model of one workgroup.", told
    assert told["RoleId"].startswith("AROA") and told["MaxSessionDuration"] == 3600, told
    trust = told["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}, trust
    assert {"Key": "aws:cloudformation:stack-name", "Value": "LambdaStack"} in told["Tags"]
    assert iam.list_role_policies(RoleName=ours["Role"])["PolicyNames"] == ["AskTheModel"]
    policy = iam.get_role_policy(RoleName=ours["Role"], PolicyName="AskTheModel")
    sids = [one["Sid"] for one in policy["PolicyDocument"]["Statement"]]
    assert sids == ["AskTheWorkgroup", "ReadItsOwnStatements", "WriteItsLog", "Trace"], sids
    refused("NoSuchEntity", "nobody cannot be found", iam.get_role, RoleName="nobody")
    refused(
        "NoSuchEntity",
        "The role policy with name Nope cannot be found.",
        iam.get_role_policy,
        RoleName=ours["Role"],
        PolicyName="Nope",
    )
    reader = one(iam.list_roles(PathPrefix="/team/")["Roles"])
    assert reader["RoleName"] == "reader" and reader["Arn"].endswith(":role/team/reader"), reader
    attached = iam.list_attached_role_policies(RoleName="reader")["AttachedPolicies"]
    assert one(attached)["PolicyName"] == "AdministratorAccess", attached
    assert iam.list_role_policies(RoleName="reader")["PolicyNames"] == ["NoDeletes"]
    boundary = iam.get_role(RoleName="reader")["Role"]["PermissionsBoundary"]
    assert boundary["PermissionsBoundaryArn"] == own["Boundary"], boundary
    pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2})
    names = [role["RoleName"] for page in pages for role in page["Roles"]]
    assert len(set(names)) == len(names) > 4 and "reader" in names, names
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Roles"] == len(names) and summary["RolesQuota"] == 1000, summary
    refused("UnsupportedOperation", "DeleteRole", iam.delete_role, RoleName="reader")


def simulation(ours):
    caller = boto3.client("sts").get_caller_identity()["Arn"]

    def decided(source, actions, resources=("*",), **context):
        entries = [
            {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
            for key, value in context.items()
        ]
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=source,
            ActionNames=actions,
            ResourceArns=list(resources),
            ContextEntries=entries,
        )
        return [one for page in pages for one in page["EvaluationResults"]]

    told = decided(caller, ["ec2:CreateVpc", "iam:CreateRole"])
    assert [one["EvalDecision"] for one in told] == ["allowed", "allowed"], told
    assert told[0]["MatchedStatements"][0]["SourcePolicyId"] == "AdministratorAccess", told

    role = iam.get_role(RoleName=ours["Role"])["Role"]["Arn"]
    account = role.split(":")[4]
    group = f"arn:aws:redshift-serverless:{REGION}:{account}:workgroup/x"
    asks = "redshift-data:ExecuteStatement"
    without = one(decided(role, [asks], [group]))
    assert without["EvalDecision"] == "implicitDeny", without
    tag = without["MissingContextValues"][0]
    assert tag.startswith("aws:ResourceTag/"), without
    with_tag = one(decided(role, [asks], [group], **{tag: "loan-remediation-wg"}))
    assert with_tag["EvalDecision"] == "allowed", with_tag
    other = one(decided(role, [asks], [group], **{tag: "another-wg"}))
    assert other["EvalDecision"] == "implicitDeny", other
    assert one(decided(role, ["s3:GetObject"]))["EvalDecision"] == "implicitDeny"

    reader = iam.get_role(RoleName="reader")["Role"]["Arn"]
    told = decided(reader, ["s3:GetObject", "s3:DeleteObject", "ec2:CreateVpc"])
    assert [one["EvalDecision"] for one in told] == ["allowed", "explicitDeny", "implicitDeny"], told
    beyond = told[2]["PermissionsBoundaryDecisionDetail"]
    assert beyond == {"AllowedByPermissionsBoundary": False}, told
    two = decided(reader, ["s3:GetObject"], ["arn:aws:s3:::a/x", "arn:aws:s3:::b/x"])
    assert [one["EvalResourceName"] for one in two] == ["arn:aws:s3:::a/x", "arn:aws:s3:::b/x"]
    refused(
        "NoSuchEntity",
        "nobody",
        iam.simulate_principal_policy,
        PolicySourceArn=f"arn:aws:iam::{account}:role/nobody",
        ActionNames=["s3:GetObject"],
    )
    refused(
        "InvalidInput",
        "does not clearly define entity type and name",
        iam.simulate_principal_policy,
        PolicySourceArn=f"arn:aws:sts::{account}:assumed-role/reader/session",
        ActionNames=["s3:GetObject"],
    )


def limits():
    for service, code, name, value in [
        ("vpc", "L-F678F1CE", "VPCs per Region", 5),
        ("vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5),
        ("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5),
        ("iam", "L-FE177D64", "Roles per account", 1000),
        ("lambda", "L-B99A9384", "Concurrent executions", 1000),
        ("apigateway", "L-AA0FF27B", "Regional APIs", 600),
        ("wafv2", "L-2EC3DE7B", "Maximum web ACLs per account in WAF for regional", 100),
    ]:
        for read in (quotas.get_service_quota, quotas.get_aws_default_service_quota):
            quota = read(ServiceCode=service, QuotaCode=code)["Quota"]
            assert (quota["QuotaName"], quota["Value"]) == (name, float(value)), quota
            assert quota["GlobalQuota"] is (service == "iam"), quota
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="vpc", PaginationConfig={"PageSize": 2}
    )
    codes = [one["QuotaCode"] for page in pages for one in page["Quotas"]]
    assert len(codes) == len(set(codes)) == 4, codes
    missing = "NoSuchResourceException"
    refused(missing, "quota", quotas.get_service_quota, ServiceCode="vpc", QuotaCode="L-00000000")
    refused(missing, "service", quotas.list_service_quotas, ServiceCode="nope")
    abroad = boto3.client("service-quotas", region_name="eu-west-1")
    refused(missing, "service", abroad.list_service_quotas, ServiceCode="iam")
    refused(
        "UnsupportedOperation",
        "only read",
        quotas.request_service_quota_increase,
        ServiceCode="vpc",
        QuotaCode="L-F678F1CE",
        DesiredValue=9,
    )


def any_resource(base, own):
    def told(kind, identifier):
        found = control.get_resource(TypeName=kind, Identifier=identifier)
        assert found["TypeName"] == kind
        assert found["ResourceDescription"]["Identifier"] == identifier, found
        return json.loads(found["ResourceDescription"]["Properties"])

    vpc = told("AWS::EC2::VPC", base["Vpc"])
    assert vpc["VpcId"] == base["Vpc"] and vpc["CidrBlock"] == "10.80.0.0/20", vpc
    assert vpc["DefaultSecurityGroup"].startswith("sg-0"), vpc
    composite = f"{own['Api']}|{own['Method']}"
    assert told("AWS::ApiGateway::Resource", composite)["PathPart"] == "orders"
    parts = json.dumps({"ResourceId": own["Method"], "RestApiId": own["Api"]})
    again = control.get_resource(TypeName="AWS::ApiGateway::Resource", Identifier=parts)
    assert again["ResourceDescription"]["Identifier"] == composite, again
    workgroup = told("AWS::RedshiftServerless::Workgroup", "loan-remediation-wg")
    assert workgroup["BaseCapacity"] == 8, workgroup
    pages = control.get_paginator("list_resources").paginate(
        TypeName="AWS::EC2::Subnet", PaginationConfig={"PageSize": 3}
    )
    ids = [one["Identifier"] for page in pages for one in page["ResourceDescriptions"]]
    assert len(ids) == 7 and base["PrivateSubnet1"] in ids, ids
    drift("BaseInfraStack", "Vpc", "--set", "EnableDnsSupport=false")
    assert told("AWS::EC2::VPC", base["Vpc"])["EnableDnsSupport"] is False
    drift("BaseInfraStack", "Vpc", "--restore")
    read = control.get_resource
    refused("ResourceNotFoundException", "vpc-0", read, TypeName="AWS::EC2::VPC", Identifier="vpc-0")
    refused("TypeNotFoundException", "AWS::No::Type", read, TypeName="AWS::No::Type", Identifier="x")
    refused(
        "UnsupportedOperation",
        "CreateResource",
        control.create_resource,
        TypeName="AWS::EC2::VPC",
        DesiredState="{}",
    )


def what_is_kept(ours):
    """A resource that a policy kept is there when its stack is gone."""
    group = ours["LogGroup"]
    formation.delete_stack(StackName="LambdaStack")
    formation.get_waiter("stack_delete_complete").wait(
        StackName="LambdaStack", WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
    found = control.get_resource(TypeName="AWS::Logs::LogGroup", Identifier=group)
    assert found["ResourceDescription"]["Identifier"] == group
    refused("NoSuchEntity", ours["Role"], iam.get_role, RoleName=ours["Role"])


formation.create_stack(
    StackName="Own", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_NAMED_IAM"]
)
formation.get_waiter("stack_create_complete").wait(
    StackName="Own", WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
)
base, ours, own = made("BaseInfraStack"), made("LambdaStack"), made("Own")
zones()
vpcs(base)
subnets(base)
routes(base)
endpoints_and_logs(base)
groups(base)
interfaces(base)
own_network(own)
roles(ours, own)
simulation(ours)
limits()
any_resource(base, own)
what_is_kept(ours)
print("lived")
