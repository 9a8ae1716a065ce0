//! The sets over an account that is written down; that clients read them is tested with boto3.

use super::*;
use crate::local::formation::evaluate::Place;
use crate::local::model::{Resource, Stack, State};

const VPC: &str = "vpc-1";

fn state(resources: &[(&str, &str, Value)]) -> State {
    let held = resources.iter().map(|(kind, id, properties)| {
        let resource = Resource {
            logical_id: (*id).to_owned(),
            physical_id: (*id).to_owned(),
            kind: format!("AWS::EC2::{kind}"),
            status: "CREATE_COMPLETE".to_owned(),
            properties: properties.clone(),
            ..Resource::default()
        };
        ((*id).to_owned(), resource)
    });
    let mut state = State::default();
    state.add(Stack {
        name: "Own".to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        resources: held.collect(),
        ..Stack::default()
    });
    state
}

fn ask(state: &State, form: &str) -> Result<Map<String, Value>, Refusal> {
    let place = Place {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        ..Place::default()
    };
    let view = Holdings { state, place };
    let query = Query::parse(form);
    let action = query.text("Action").unwrap();
    let set = SETS.iter().find(|set| set.action == action).unwrap();
    described(&view, set, &query)
}

fn subnets(count: usize) -> State {
    let rows: Vec<(String, Value)> = (0..count)
        .map(|n| {
            let block = format!("10.0.{n}.0/24");
            let tags = json!([{"Key": "side", "Value": if n % 2 == 0 { "even" } else { "odd" }}]);
            let properties = json!({"VpcId": VPC, "CidrBlock": block, "Tags": tags});
            (format!("subnet-{n}"), properties)
        })
        .collect();
    let rows: Vec<(&str, &str, Value)> = rows
        .iter()
        .map(|(id, properties)| ("Subnet", id.as_str(), properties.clone()))
        .collect();
    state(&rows)
}

fn ids(answer: &Map<String, Value>, set: &str, id: &str) -> Vec<String> {
    let items = answer[set].as_array().unwrap().iter();
    items
        .map(|item| item[id].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn filters_are_patterns_and_all_of_them_must_fit() {
    let state = subnets(4);
    let found = |filters: &str| {
        let form = format!("Action=DescribeSubnets&{filters}");
        ids(&ask(&state, &form).unwrap(), "subnetSet", "subnetId")
    };
    assert_eq!(
        found("Filter.1.Name=tag:side&Filter.1.Value.1=e*"),
        ["subnet-0", "subnet-2"]
    );
    assert_eq!(
        found(
            "Filter.1.Name=tag:side&Filter.1.Value.1=odd&Filter.1.Value.2=even\
             &Filter.2.Name=cidr-block&Filter.2.Value.1=10.0.1.0/24&Filter.2.Value.2=10.0.2.?/24"
        ),
        ["subnet-1", "subnet-2"]
    );
    assert_eq!(
        found("Filter.1.Name=tag-key&Filter.1.Value.1=none"),
        [""; 0]
    );
    let refused = ask(
        &state,
        "Action=DescribeSubnets&Filter.1.Name=size&Filter.1.Value.1=1",
    );
    assert_eq!(refused.unwrap_err().message, "The filter 'size' is invalid");
}

#[test]
fn pages_follow_each_other() {
    let state = subnets(7);
    let first = ask(&state, "Action=DescribeSubnets&MaxResults=5").unwrap();
    assert_eq!(ids(&first, "subnetSet", "subnetId").len(), 5);
    let token = first["nextToken"].as_str().unwrap();
    let form = format!("Action=DescribeSubnets&MaxResults=5&NextToken={token}");
    let second = ask(&state, &form).unwrap();
    assert_eq!(
        ids(&second, "subnetSet", "subnetId"),
        ["subnet-5", "subnet-6"]
    );
    assert!(second["nextToken"].is_null());
    for wrong in [
        "MaxResults=4",
        "NextToken=x",
        "MaxResults=9&SubnetId.1=subnet-0",
    ] {
        assert!(ask(&state, &format!("Action=DescribeSubnets&{wrong}")).is_err());
    }
}

#[test]
fn a_route_leads_nowhere_once_its_target_is_gone() {
    let vpc = ("VPC", VPC, json!({"CidrBlock": "10.0.0.0/16"}));
    let table = ("RouteTable", "rtb-1", json!({"VpcId": VPC}));
    let route = |target: Value| {
        let mut properties = json!({
            "RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0",
        });
        properties
            .as_object_mut()
            .unwrap()
            .extend(target.as_object().unwrap().clone());
        ("Route", "route", properties)
    };
    let stands = |state: &State| {
        let tables = ask(state, "Action=DescribeRouteTables&RouteTableId.1=rtb-1").unwrap();
        tables["routeTableSet"][0]["routeSet"][1]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let nat = ("NatGateway", "nat-1", json!({}));
    let mut gone = state(&[
        vpc.clone(),
        table.clone(),
        route(json!({"NatGatewayId": "nat-1"})),
        nat,
    ]);
    assert_eq!(stands(&gone), "active");
    let held = gone.stacks[0].resources.get_mut("nat-1").unwrap();
    held.live = Some(Value::Null);
    assert_eq!(stands(&gone), "blackhole");

    let never = state(&[
        vpc.clone(),
        table.clone(),
        route(json!({"TransitGatewayId": "tgw-1"})),
    ]);
    assert_eq!(stands(&never), "active");

    let gateway = ("InternetGateway", "igw-1", json!({}));
    let route = route(json!({"GatewayId": "igw-1"}));
    let loose = [vpc, table, route, gateway];
    assert_eq!(stands(&state(&loose)), "blackhole");
    let attachment = json!({"VpcId": VPC, "InternetGatewayId": "igw-1"});
    let attached = [
        loose.as_slice(),
        &[("VPCGatewayAttachment", "at", attachment)],
    ]
    .concat();
    assert_eq!(stands(&state(&attached)), "active");
}

#[test]
fn a_group_without_rules_lets_everything_out() {
    let group = |properties: Value| {
        let state = state(&[("SecurityGroup", "sg-1", properties)]);
        let told = ask(&state, "Action=DescribeSecurityGroups&GroupId.1=sg-1").unwrap();
        told["securityGroupInfo"][0]["ipPermissionsEgress"].clone()
    };
    let open = group(json!({"VpcId": VPC, "GroupDescription": "d"}));
    assert_eq!(open[0]["ipProtocol"], "-1");
    assert_eq!(open[0]["ipRanges"][0]["cidrIp"], "0.0.0.0/0");
    assert_eq!(open.as_array().unwrap().len(), 1);
    let closed = group(json!({"VpcId": VPC, "SecurityGroupEgress": []}));
    assert_eq!(closed, json!([]));
}
