//! EC2: what security groups let in.

use super::Context;
use super::asked::Asked;
use super::comparison::Comparison;
use super::network::{described, ids};
use crate::checks::Finding;
use crate::error::Result;
use crate::template::scalar_text;
use aws_sdk_ec2::types::{IpPermission, SecurityGroup};
use serde_json::Value;

const CHECK: &str = "security group";

/// A rule: a protocol, ports and one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    protocol: String,
    ports: Option<(i64, i64)>,
    /// What cannot be told is nobody in particular.
    peer: Option<String>,
}

/// The peers of a rule, as its properties name them.
const PEERS: &[&str] = &[
    "CidrIp",
    "CidrIpv6",
    "DestinationPrefixListId",
    "DestinationSecurityGroupId",
    "SourcePrefixListId",
    "SourceSecurityGroupId",
];

/// Both directions: a group's own list, the type of a rule of its own, and where they are live.
const DIRECTIONS: &[(&str, &str, Live)] = &[
    (
        "SecurityGroupIngress",
        "AWS::EC2::SecurityGroupIngress",
        SecurityGroup::ip_permissions,
    ),
    (
        "SecurityGroupEgress",
        "AWS::EC2::SecurityGroupEgress",
        SecurityGroup::ip_permissions_egress,
    ),
];

type Live = fn(&SecurityGroup) -> &[IpPermission];

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let groups = context.all("AWS::EC2::SecurityGroup");
    let apart = DIRECTIONS.iter().flat_map(|(_, kind, live)| {
        let all = context.all(kind);
        all.filter_map(move |one| Some((one, one.text("GroupId")?, *live)))
    });
    let mut named = ids(groups.clone());
    named.extend(apart.clone().map(|(_, group, _)| group));
    named.sort();
    named.dedup();
    let live: Result<Vec<SecurityGroup>> = described!(
        context.cloud.ec2().describe_security_groups(),
        filters,
        "DescribeSecurityGroups",
        "group-id",
        named
    )
    .await;
    let own = groups.flat_map(|one| group(context, one, &live));
    own.chain(apart.flat_map(|(one, group, side)| rule(context, one, &group, side, &live)))
        .collect()
}

/// A group: that all it lists is live, and that nobody opened it to the world.
fn group(context: &Context<'_>, one: &Asked, live: &Result<Vec<SecurityGroup>>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, CHECK, one);
    let all = match live {
        Ok(all) => all,
        Err(error) => return comparison.unread(error),
    };
    let Some(group) = all
        .iter()
        .find(|live| live.group_id() == Some(one.id.as_str()))
    else {
        return comparison.gone();
    };
    for (list, _, side) in DIRECTIONS {
        let live = told(side(group));
        for (at, rule) in listed(one, list).iter().enumerate() {
            if rule.peer.is_some() && !live.contains(rule) {
                let says = format!("nothing is let {} any more", words(rule, list));
                comparison.wrong(&format!("{list}.{at}"), says);
            }
        }
    }
    let asked = incoming(context, one);
    for rule in told(group.ip_permissions()) {
        if !is_world(&rule) {
            continue;
        }
        let known = asked.contains(&rule);
        // A peer that cannot be told may be the world.
        let perhaps = asked.iter().any(|asked| {
            asked.peer.is_none() && (&asked.protocol, asked.ports) == (&rule.protocol, rule.ports)
        });
        let open = format!(
            "open to the world: {}",
            words(&rule, "SecurityGroupIngress")
        );
        if !known && !perhaps {
            comparison.wrong_but(
                "",
                format!("{open}, which no stack asks"),
                "whoever made the rule did not tell CloudFormation: revoke it, or ask for it in the template",
            );
        } else if !is_web(&rule) {
            comparison.careful(
                format!("{open}, as its template asks"),
                "let in only who needs it",
            );
        }
    }
    comparison.end(format!("{} lets in what it should", one.id))
}

/// A rule that is a resource of its own.
fn rule(
    context: &Context<'_>,
    one: &Asked,
    group: &str,
    side: Live,
    live: &Result<Vec<SecurityGroup>>,
) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, CHECK, one);
    let all = match live {
        Ok(all) => all,
        Err(error) => return comparison.unread(error),
    };
    let asked = read(&one.properties);
    let of = all.iter().find(|live| live.group_id() == Some(group));
    let rules = of.map(|live| told(side(live))).unwrap_or_default();
    let words = words(&asked, one.kind.rsplit("::").next().unwrap_or_default());
    if asked.peer.is_some() && !rules.contains(&asked) {
        comparison.wrong("", format!("{group} lets nothing {words} any more"));
    }
    comparison.end(format!("{group} lets {words}"))
}

/// What stacks ask to be let in to a group.
fn incoming(context: &Context<'_>, group: &Asked) -> Vec<Rule> {
    let apart = context.all("AWS::EC2::SecurityGroupIngress");
    let apart = apart.filter(|one| one.text("GroupId").is_none_or(|id| id == group.id));
    let mut rules = listed(group, "SecurityGroupIngress");
    rules.extend(apart.map(|one| read(&one.properties)));
    rules
}

fn listed(group: &Asked, list: &str) -> Vec<Rule> {
    let rules = group.at(list).and_then(Value::as_array);
    rules.into_iter().flatten().map(read).collect()
}

/// A rule as a template has it.
fn read(properties: &Value) -> Rule {
    let text = |name: &str| scalar_text(&properties[name]);
    let port = |name: &str| text(name).and_then(|text| text.parse::<i64>().ok());
    let protocol = protocol(&text("IpProtocol").unwrap_or_default());
    Rule {
        ports: ports(&protocol, port("FromPort"), port("ToPort")),
        protocol,
        peer: PEERS.iter().find_map(|name| text(name)),
    }
}

/// A protocol as EC2 tells it.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>
fn protocol(given: &str) -> String {
    let given = given.to_lowercase();
    match given.as_str() {
        "1" => "icmp".to_owned(),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "58" => "icmpv6".to_owned(),
        "all" => "-1".to_owned(),
        _ => given,
    }
}

fn ports(protocol: &str, from: Option<i64>, to: Option<i64>) -> Option<(i64, i64)> {
    if protocol == "-1" {
        return None;
    }
    Some((from.unwrap_or(-1), to.or(from).unwrap_or(-1)))
}

/// Permissions as rules with one peer each.
fn told(permissions: &[IpPermission]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for permission in permissions {
        let protocol = protocol(permission.ip_protocol().unwrap_or("-1"));
        let (from, to) = (permission.from_port(), permission.to_port());
        let ports = ports(&protocol, from.map(i64::from), to.map(i64::from));
        let four = permission.ip_ranges().iter().map(|one| one.cidr_ip());
        let six = permission.ipv6_ranges().iter().map(|one| one.cidr_ipv6());
        let groups = permission.user_id_group_pairs().iter();
        let groups = groups.map(|one| one.group_id());
        let lists = permission.prefix_list_ids().iter();
        let lists = lists.map(|one| one.prefix_list_id());
        let peers = four.chain(six).chain(groups).chain(lists).flatten();
        rules.extend(peers.map(|peer| Rule {
            protocol: protocol.clone(),
            ports,
            peer: Some(peer.to_owned()),
        }));
    }
    rules
}

/// Whether everybody is a rule's peer.
fn is_world(rule: &Rule) -> bool {
    let peer = rule.peer.as_deref().unwrap_or_default();
    peer.contains(['.', ':']) && peer.ends_with("/0")
}

fn is_web(rule: &Rule) -> bool {
    rule.protocol == "tcp" && matches!(rule.ports, Some((80, 80) | (443, 443)))
}

fn words(rule: &Rule, list: &str) -> String {
    let protocol = match rule.protocol.as_str() {
        "-1" => "all traffic",
        name => name,
    };
    let ports = match rule.ports {
        Some((from, to)) if from == to && from >= 0 => format!(" {from}"),
        Some((from, to)) if from >= 0 => format!(" {from} to {to}"),
        _ => String::new(),
    };
    let peer = rule.peer.as_deref().unwrap_or("somebody");
    if list.ends_with("Egress") {
        return format!("out to {peer} on {protocol}{ports}");
    }
    format!("in from {peer} on {protocol}{ports}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{IpRange, Ipv6Range};
    use serde_json::json;

    #[test]
    fn a_rule_is_one_however_it_is_written() {
        let permission = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(22)
            .to_port(22)
            .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build())
            .ipv6_ranges(Ipv6Range::builder().cidr_ipv6("::/0").build())
            .build();
        let rules = told(&[permission]);
        let asked =
            json!({"IpProtocol": "6", "FromPort": "22", "ToPort": 22, "CidrIp": "0.0.0.0/0"});
        assert_eq!(rules.len(), 2);
        assert!(rules.iter().all(is_world) && rules.contains(&read(&asked)));
        assert_eq!(
            words(&rules[0], "SecurityGroupIngress"),
            "in from 0.0.0.0/0 on tcp 22"
        );
        let any = read(&json!({"IpProtocol": -1, "CidrIp": "10.0.0.0/8"}));
        assert!(!is_world(&any) && any.ports.is_none());
    }
}
