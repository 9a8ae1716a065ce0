use super::*;

fn vpc() -> Account {
    Account::new()
        .other(
            "AWS::EC2::VPC",
            "vpc-1",
            json!({"CidrBlock": "10.0.0.0/16"}),
        )
        .other(
            "AWS::EC2::Subnet",
            "subnet-1",
            json!({"VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"}),
        )
}

#[test]
fn blocks_of_addresses_fit() {
    let account = vpc();
    let block = |cidr: &str| account.create("AWS::EC2::VPC", json!({"CidrBlock": cidr}));
    assert_eq!(block("10.0.0.0/16"), None);
    assert_eq!(
        block("10.0.0.0/15"),
        some("The CIDR '10.0.0.0/15' is invalid.")
    );
    assert_eq!(
        block("10.0.0.0/29"),
        some("The CIDR '10.0.0.0/29' is invalid.")
    );
    assert_eq!(
        block("10.0.0/16"),
        some(
            "Value (10.0.0/16) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        )
    );
    let subnet = |account: &Account, cidr: &str| {
        account.create(
            "AWS::EC2::Subnet",
            json!({"VpcId": "vpc-1", "CidrBlock": cidr}),
        )
    };
    assert_eq!(subnet(&account, "10.0.2.0/24"), None);
    assert_eq!(
        subnet(&account, "10.1.0.0/24"),
        some("The CIDR '10.1.0.0/24' is invalid.")
    );
    assert_eq!(
        subnet(&account, "10.0.1.128/25"),
        some("The CIDR '10.0.1.128/25' conflicts with another subnet")
    );
    let more = vpc().other(
        "AWS::EC2::VPCCidrBlock",
        "more",
        json!({"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}),
    );
    assert_eq!(subnet(&more, "10.1.0.0/24"), None);
    // Another VPC's subnets are no concern, and what is not known is let through.
    let elsewhere = account.create(
        "AWS::EC2::Subnet",
        json!({"VpcId": "vpc-2", "CidrBlock": "10.0.1.0/24"}),
    );
    assert_eq!(elsewhere, None);
    let invented = Account::new().own("Custom::Pool", "Own-Pool-1", json!({}));
    assert_eq!(
        invented.create("AWS::EC2::VPC", json!({"CidrBlock": "Own-Pool-1.Cidr"})),
        None
    );
}

#[test]
fn a_route_waits_for_its_gateway_s_attachment() {
    let attachment = json!({"VpcId": "vpc-1", "InternetGatewayId": "igw-1"});
    let account = || {
        vpc()
            .own("AWS::EC2::InternetGateway", "igw-1", json!({}))
            .own("AWS::EC2::RouteTable", "rtb-1", json!({"VpcId": "vpc-1"}))
    };
    let route =
        json!({"RouteTableId": "rtb-1", "GatewayId": "igw-1", "DestinationCidrBlock": "0.0.0.0/0"});
    let told = some("route table rtb-1 and network gateway igw-1 belong to different networks");
    assert_eq!(account().create("AWS::EC2::Route", route.clone()), told);
    let mut attached = account().own("AWS::EC2::VPCGatewayAttachment", "a", attachment.clone());
    // Both are made at the same time: which one is first is chance.
    assert_eq!(attached.create("AWS::EC2::Route", route.clone()), told);
    let wanted = Resource {
        depends_on: BTreeSet::from(["rtb-1".to_owned(), "a".to_owned()]),
        ..resource("AWS::EC2::Route", "", route.clone())
    };
    assert_eq!(
        attached.ask(|world, stack| refuse_create(world, stack, &wanted)),
        None
    );
    let stack = attached.state.find_mut(OWN).unwrap();
    stack.operation.before = Some(Box::new(Snapshot {
        resources: stack.resources.clone(),
        ..Snapshot::default()
    }));
    assert_eq!(attached.create("AWS::EC2::Route", route.clone()), None);
    let other = account().other("AWS::EC2::VPCGatewayAttachment", "a", attachment);
    assert_eq!(other.create("AWS::EC2::Route", route), None);
}

#[test]
fn a_network_in_use_is_not_deleted() {
    let by = |kind: &str, properties: Value| Account::new().other(kind, "user", properties);
    let vpc = json!({"VpcId": "vpc-1"});
    let users = [
        "Subnet",
        "RouteTable",
        "SecurityGroup",
        "VPCEndpoint",
        "VPCGatewayAttachment",
    ];
    for user in users {
        let account = by(&format!("AWS::EC2::{user}"), vpc.clone());
        assert_eq!(
            account.delete("AWS::EC2::VPC", "vpc-1", json!({})),
            some("The vpc 'vpc-1' has dependencies and cannot be deleted."),
            "{user}"
        );
        assert_eq!(account.delete("AWS::EC2::VPC", "vpc-2", json!({})), None);
    }
    let account = by(
        "AWS::EC2::VPCGatewayAttachment",
        json!({"InternetGatewayId": "igw-1"}),
    );
    assert_eq!(
        account.delete("AWS::EC2::InternetGateway", "igw-1", json!({})),
        some("The internetGateway 'igw-1' has dependencies and cannot be deleted.")
    );
    let account = by(
        "AWS::EC2::SubnetRouteTableAssociation",
        json!({"RouteTableId": "rtb-1", "SubnetId": "subnet-1"}),
    );
    assert_eq!(
        account.delete("AWS::EC2::RouteTable", "rtb-1", json!({})),
        some("The routeTable 'rtb-1' has dependencies and cannot be deleted.")
    );
    // An association goes with its subnet; a workgroup does not.
    assert_eq!(
        account.delete("AWS::EC2::Subnet", "subnet-1", json!({})),
        None
    );
    let account = by(
        "AWS::RedshiftServerless::Workgroup",
        json!({"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}),
    );
    assert_eq!(
        account.delete("AWS::EC2::Subnet", "subnet-1", json!({})),
        some("The subnet 'subnet-1' has dependencies and cannot be deleted.")
    );
    assert_eq!(
        account.delete("AWS::EC2::SecurityGroup", "sg-1", json!({})),
        some("resource sg-1 has a dependent object")
    );
}

#[test]
fn a_security_group_is_used_by_interfaces_and_by_other_groups() {
    let delete = |account: Account| account.delete("AWS::EC2::SecurityGroup", "sg-1", json!({}));
    let own = json!({"GroupId": "sg-1", "SourceSecurityGroupId": "sg-1"});
    assert_eq!(
        delete(Account::new().other("AWS::EC2::SecurityGroupIngress", "r", own)),
        None
    );
    let rule = json!({"GroupId": "sg-2", "SourceSecurityGroupId": "sg-1"});
    assert!(delete(Account::new().other("AWS::EC2::SecurityGroupIngress", "r", rule)).is_some());
    let inline = json!({"SecurityGroupEgress": [{"DestinationSecurityGroupId": "sg-1"}]});
    assert!(delete(Account::new().kept("AWS::EC2::SecurityGroup", "sg-2", inline)).is_some());
    let function = json!({"VpcConfig": {"SecurityGroupIds": ["sg-1"]}});
    assert!(delete(Account::new().other("AWS::Lambda::Function", "f", function.clone())).is_some());
    assert_eq!(
        delete(Account::new().other("Custom::Thing", "c", function.clone())),
        None
    );
    let template = json!({"LaunchTemplateData": {"SecurityGroupIds": ["sg-1"]}});
    assert_eq!(
        delete(Account::new().other("AWS::EC2::LaunchTemplate", "lt-1", template)),
        None
    );
    // An update that still has to clear up what it replaced.
    let mut account = Account::new();
    let stale = resource("AWS::Lambda::Function", "f", function);
    account
        .state
        .find_mut(OTHER)
        .unwrap()
        .operation
        .stale
        .push(stale);
    assert!(delete(account).is_some());
}

#[test]
fn a_gateway_stays_attached_while_others_have_public_addresses() {
    let attachment = json!({"VpcId": "vpc-1", "InternetGatewayId": "igw-1"});
    let nat = |kind: &str| json!({"SubnetId": "subnet-1", "ConnectivityType": kind});
    let detach = |account: Account| {
        account.delete("AWS::EC2::VPCGatewayAttachment", "a", attachment.clone())
    };
    let told = "Network vpc-1 has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.";
    assert_eq!(
        detach(vpc().other("AWS::EC2::NatGateway", "nat-1", nat("public"))),
        some(told)
    );
    assert_eq!(
        detach(vpc().other("AWS::EC2::NatGateway", "nat-1", nat("private"))),
        None
    );
    assert_eq!(
        detach(vpc().own("AWS::EC2::NatGateway", "nat-1", nat("public"))),
        None
    );
}

#[test]
fn a_function_s_interfaces_outlive_it() {
    let mut account = Account::new();
    let function = json!({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}});
    let stack = account.state.find_mut(OTHER).unwrap();
    stack.events.push(crate::local::model::Event {
        kind: "AWS::Lambda::Function".to_owned(),
        status: "DELETE_COMPLETE".to_owned(),
        time: "2026-11-24T10:00:00.000Z".to_owned(),
        properties: Some(function.to_string()),
        ..Default::default()
    });
    let wait = |kind: &str, id: &str| on_delete(&account.state, &resource(kind, id, json!({})));
    let known = Wait {
        since: "2026-11-24T10:00:00.000Z".to_owned(),
        seconds: 1200.0,
    };
    assert_eq!(wait("AWS::EC2::SecurityGroup", "sg-1"), Some(known.clone()));
    assert_eq!(wait("AWS::EC2::Subnet", "subnet-1"), Some(known));
    assert_eq!(wait("AWS::EC2::SecurityGroup", "sg-2"), None);
    assert_eq!(wait("AWS::EC2::VPC", "sg-1"), None);
}
