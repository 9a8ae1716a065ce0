//! Security groups: those of the stacks, and the default one of every VPC.

use super::shape::{id, tags};
use crate::local::life::policies::texts;
use crate::local::life::{number, text};
use crate::local::services::holdings::{Held, Holdings};
use serde_json::{Value, json};

/// A group.
struct Group<'a> {
    id: String,
    vpc: &'a str,
    name: String,
    description: &'a str,
    /// The resource that it is; none where it is a VPC's default one.
    held: Option<Held<'a>>,
    rules: Vec<Rule<'a>>,
}

/// A rule of a group.
struct Rule<'a> {
    id: String,
    egress: bool,
    /// Its properties, as those of AWS::EC2::SecurityGroupIngress and of Egress.
    properties: Value,
    /// The resource that it is, where it is one of its own.
    held: Option<Held<'a>>,
}

/// Both directions: whether it is outwards, a group's list, and the type of a rule of its own.
const DIRECTIONS: &[(bool, &str, &str)] = &[
    (
        false,
        "SecurityGroupIngress",
        "AWS::EC2::SecurityGroupIngress",
    ),
    (true, "SecurityGroupEgress", "AWS::EC2::SecurityGroupEgress"),
];

/// Who a rule is about: the property, a permission's list of it, and the element there and in a rule.
const PEERS: &[(&str, &str, &str, &str)] = &[
    ("CidrIp", "ipRanges", "cidrIp", "cidrIpv4"),
    ("CidrIpv6", "ipv6Ranges", "cidrIpv6", "cidrIpv6"),
    (
        "DestinationPrefixListId",
        "prefixListIds",
        "prefixListId",
        "prefixListId",
    ),
    (
        "SourcePrefixListId",
        "prefixListIds",
        "prefixListId",
        "prefixListId",
    ),
    ("DestinationSecurityGroupId", "groups", "groupId", ""),
    ("SourceSecurityGroupId", "groups", "groupId", ""),
];

pub(super) fn groups(view: &Holdings<'_>) -> Vec<Value> {
    let all = all(view).into_iter();
    all.map(|group| {
        let side = |egress| group.rules.iter().filter(move |rule| rule.egress == egress);
        json!({
            "groupDescription": group.description,
            "groupId": group.id,
            "groupName": group.name,
            "ipPermissions": permissions(view, side(false)),
            "ipPermissionsEgress": permissions(view, side(true)),
            "ownerId": view.place.account,
            "securityGroupArn": view.arn("ec2", &format!("security-group/{}", group.id)),
            "tagSet": group.held.map_or_else(|| json!([]), tags),
            "vpcId": group.vpc,
        })
    })
    .collect()
}

fn all<'a>(view: &Holdings<'a>) -> Vec<Group<'a>> {
    let defaults = view.all("AWS::EC2::VPC").into_iter().map(|vpc| {
        let id = view.attribute(vpc, "DefaultSecurityGroup");
        let rules = vec![inline(&id, false, &from(&id)), inline(&id, true, &open())];
        Group {
            id,
            vpc: vpc.id(),
            name: "default".to_owned(),
            description: "default VPC security group",
            held: None,
            rules,
        }
    });
    let own = view
        .all("AWS::EC2::SecurityGroup")
        .into_iter()
        .map(|held| Group {
            id: held.id().to_owned(),
            vpc: held.text("VpcId"),
            name: name(held),
            description: held.text("GroupDescription"),
            held: Some(held),
            rules: rules_of(view, held),
        });
    defaults.chain(own).collect()
}

/// A group's name: CloudFormation makes one where it is not given.
fn name(held: Held<'_>) -> String {
    let given = held.text("GroupName");
    if !given.is_empty() {
        return given.to_owned();
    }
    let stack = held.stack.map_or("", |stack| stack.name.as_str());
    let suffix = held.id().trim_start_matches("sg-").to_uppercase();
    let suffix = suffix.get(..12).unwrap_or_default();
    format!("{stack}-{}-{suffix}", held.resource.logical_id)
}

/// Groups as others name them.
pub(super) fn named(view: &Holdings<'_>, ids: &Value) -> Vec<Value> {
    let ids = texts(ids).into_iter();
    ids.map(|id| {
        let held = view.find("AWS::EC2::SecurityGroup", id);
        json!({ "groupId": id, "groupName": held.map(name) })
    })
    .collect()
}

/// What a group lets out where its template says nothing.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html>
fn open() -> Value {
    json!({ "IpProtocol": "-1", "CidrIp": "0.0.0.0/0" })
}

/// What the default group lets in.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html>
fn from(group: &str) -> Value {
    json!({ "IpProtocol": "-1", "SourceSecurityGroupId": group })
}

fn rules_of<'a>(view: &Holdings<'a>, group: Held<'a>) -> Vec<Rule<'a>> {
    let mut found = Vec::new();
    for (egress, list, kind) in DIRECTIONS {
        let listed = match group.properties()[*list].as_array() {
            None if *egress => vec![open()],
            listed => listed.cloned().unwrap_or_default(),
        };
        found.extend(listed.iter().map(|rule| inline(group.id(), *egress, rule)));
        let apart = view.all(kind).into_iter();
        let apart = apart.filter(|held| held.text("GroupId") == group.id());
        found.extend(apart.map(|held| Rule {
            id: held.id().to_owned(),
            egress: *egress,
            properties: held.properties().clone(),
            held: Some(held),
        }));
    }
    found
}

/// A rule that a group lists itself.
fn inline<'a>(group: &str, egress: bool, properties: &Value) -> Rule<'a> {
    Rule {
        id: id("sgr", &format!("{group}/{egress}/{properties}")),
        egress,
        properties: properties.clone(),
        held: None,
    }
}

/// A protocol as EC2 tells it: those of <https://www.iana.org/assignments/protocol-numbers> that have
/// a name by it.
fn protocol(properties: &Value) -> String {
    let given = match &properties["IpProtocol"] {
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    };
    match given.as_str() {
        "1" => "icmp".to_owned(),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "58" => "icmpv6".to_owned(),
        "all" => "-1".to_owned(),
        _ => given,
    }
}

/// The ports of a rule; all of them where it is about all protocols.
fn ports(properties: &Value) -> (Option<i64>, Option<i64>) {
    let port = |name: &str| number(properties, name).map(|port| port as i64);
    if protocol(properties) == "-1" {
        return (None, None);
    }
    (port("FromPort"), port("ToPort"))
}

/// Rules as permissions: those of one protocol and port are one.
fn permissions<'a>(view: &Holdings<'_>, rules: impl Iterator<Item = &'a Rule<'a>>) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for rule in rules {
        let (first, last) = ports(&rule.properties);
        let protocol = protocol(&rule.properties);
        let same = |one: &Value| {
            one["ipProtocol"] == protocol.as_str()
                && one["fromPort"] == json!(first)
                && one["toPort"] == json!(last)
        };
        let at = found.iter().position(same).unwrap_or_else(|| {
            found.push(json!({
                "ipProtocol": protocol,
                "fromPort": first,
                "toPort": last,
                "groups": [],
                "ipRanges": [],
                "ipv6Ranges": [],
                "prefixListIds": [],
            }));
            found.len() - 1
        });
        for (property, list, element, _) in PEERS {
            let peer = text(&rule.properties, property);
            if peer.is_empty() {
                continue;
            }
            let mut row = json!({ "description": rule.properties["Description"] });
            row[*element] = json!(peer);
            if *list == "groups" {
                row["userId"] = json!(view.place.account);
            }
            if let Some(rows) = found[at][*list].as_array_mut() {
                rows.push(row);
            }
        }
    }
    found
}

pub(super) fn rules(view: &Holdings<'_>) -> Vec<Value> {
    let mut found = Vec::new();
    for group in all(view) {
        found.extend(group.rules.iter().map(|rule| told(view, &group, rule)));
    }
    found
}

fn told(view: &Holdings<'_>, group: &Group<'_>, rule: &Rule<'_>) -> Value {
    let mut told = json!({ "description": rule.properties["Description"] });
    let (first, last) = ports(&rule.properties);
    for (property, list, _, element) in PEERS {
        let peer = text(&rule.properties, property);
        if peer.is_empty() {
            continue;
        }
        if *list == "groups" {
            let info = json!({ "groupId": peer, "userId": view.place.account });
            told["referencedGroupInfo"] = info;
        } else {
            told[*element] = json!(peer);
        }
    }
    // EC2 says -1 where there are no ports.
    told["fromPort"] = json!(first.unwrap_or(-1));
    told["groupId"] = json!(group.id);
    told["groupOwnerId"] = json!(view.place.account);
    told["ipProtocol"] = json!(protocol(&rule.properties));
    told["isEgress"] = json!(rule.egress);
    told["securityGroupRuleArn"] =
        json!(view.arn("ec2", &format!("security-group-rule/{}", rule.id)));
    told["securityGroupRuleId"] = json!(rule.id);
    told["tagSet"] = rule.held.map_or_else(|| json!([]), tags);
    told["toPort"] = json!(last.unwrap_or(-1));
    told
}
