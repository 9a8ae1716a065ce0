//! Networks: rules of security groups and of network ACLs, and routes.

use super::{Add, Kind, each, first, properties};
use crate::template::scalar_text;
use serde_json::Value;
use std::net::IpAddr;

/// What a rule lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    inward: bool,
    protocol: String,
    ports: Option<(i64, i64)>,
    peer: String,
}

const PEERS: [&str; 9] = [
    "CidrIp",
    "CidrIpv6",
    "CidrBlock",
    "Ipv6CidrBlock",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "DestinationSecurityGroupId",
    "SourcePrefixListId",
    "DestinationPrefixListId",
];

impl Rule {
    fn read(rule: &Value, inward: bool) -> Self {
        let port = |name: &str| scalar_text(&rule[name]).and_then(|text| text.parse().ok());
        let protocol = first(rule, &["Protocol", "IpProtocol"]).to_lowercase();
        // https://www.iana.org/assignments/protocol-numbers
        let protocol = match protocol.as_str() {
            "6" => "tcp",
            "17" => "udp",
            "1" => "icmp",
            "58" => "icmpv6",
            "all" => "-1",
            other => other,
        };
        Self {
            inward,
            protocol: protocol.to_owned(),
            ports: port("FromPort").zip(port("ToPort")),
            peer: first(rule, &PEERS),
        }
    }

    /// An entry of a network ACL.
    fn entry(of: &Value) -> Self {
        let mut rule = of.clone();
        rule["FromPort"] = of["PortRange"]["From"].clone();
        rule["ToPort"] = of["PortRange"]["To"].clone();
        let egress = scalar_text(&of["Egress"]);
        Self::read(&rule, egress.as_deref() != Some("true"))
    }

    fn covers(&self, other: &Self) -> bool {
        let ports = match (self.ports, other.ports) {
            _ if self.protocol == "-1" => true,
            // -1 stands for every type of ICMP.
            (None | Some((-1, _) | (0, 65535)), _) => true,
            (Some((from, to)), Some((low, high))) => from <= low && high <= to,
            (Some(_), None) => false,
        };
        self.inward == other.inward
            && (self.protocol == "-1" || self.protocol == other.protocol)
            && ports
            && (self.peer == other.peer || contains(&self.peer, &other.peer))
    }

    fn traffic(&self) -> String {
        match (self.protocol.as_str(), self.ports) {
            ("-1", _) => "all traffic".to_owned(),
            (protocol, Some((from, to))) if from == to => format!("{protocol} {from}"),
            (protocol, Some((from, to))) => format!("{protocol} {from}-{to}"),
            (protocol, None) => protocol.to_owned(),
        }
    }

    fn words(&self, verb: &str) -> String {
        let way = if self.inward { "from" } else { "to" };
        format!("{verb} {} through {way} {}", self.traffic(), self.peer)
    }
}

/// Whether one CIDR block holds the other.
fn contains(outer: &str, inner: &str) -> bool {
    // An address as the high bits of 128, and which kind it is.
    let read = |text: &str| {
        let (address, prefix) = text.split_once('/')?;
        let (bits, width) = match address.parse().ok()? {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= width)?;
        Some((bits, prefix, width))
    };
    let (Some((outer, wide, kind)), Some((inner, narrow, other))) = (read(outer), read(inner))
    else {
        return false;
    };
    let network = |bits: u128| bits.checked_shr(128 - wide).unwrap_or_default();
    kind == other && wide <= narrow && network(outer) == network(inner)
}

const ENTRY: &str = "AWS::EC2::NetworkAclEntry";

fn rules(entry: &Value) -> Vec<Rule> {
    let of = properties(entry);
    let list = |name: &str, inward| {
        each(&of[name])
            .into_iter()
            .map(move |one| Rule::read(one, inward))
    };
    match entry["Type"].as_str().unwrap_or_default() {
        "AWS::EC2::SecurityGroup" => list("SecurityGroupIngress", true)
            .chain(list("SecurityGroupEgress", false))
            .collect(),
        "AWS::EC2::SecurityGroupIngress" => vec![Rule::read(of, true)],
        "AWS::EC2::SecurityGroupEgress" => vec![Rule::read(of, false)],
        ENTRY if of["RuleAction"] == "allow" => vec![Rule::entry(of)],
        _ => vec![],
    }
}

/// What a network ACL's entry keeps out.
fn denied(entry: &Value) -> Option<Rule> {
    let of = properties(entry);
    (entry["Type"] == ENTRY && of["RuleAction"] == "deny").then(|| Rule::entry(of))
}

/// Whether a resource keeps something out of a network.
pub(super) fn denies(entry: &Value) -> bool {
    denied(entry).is_some()
}

/// What a resource's rules let through that they did not.
pub(super) fn compare(was: &Value, now: &Value, add: Add<'_>) {
    let before = rules(was);
    for rule in rules(now) {
        if !before.iter().any(|old| old.covers(&rule)) {
            let open = matches!(rule.peer.as_str(), "0.0.0.0/0" | "::/0") && rule.inward;
            add(
                if open { Kind::Public } else { Kind::Network },
                rule.words("lets"),
            );
        }
    }
    if let Some(rule) = denied(was)
        && !denied(now).is_some_and(|new| new.covers(&rule))
    {
        add(Kind::Network, rule.words("no longer stops"));
    }
    // Without rules outward, a group lets everything out:
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
    let outward = |entry: &Value| !each(&properties(entry)["SecurityGroupEgress"]).is_empty();
    if now["Type"] == "AWS::EC2::SecurityGroup" && !outward(now) && (was.is_null() || outward(was))
    {
        add(
            Kind::Network,
            "lets all traffic through to everywhere".to_owned(),
        );
    }
    if let Some(route) = route(now).filter(|new| route(was).as_ref() != Some(new)) {
        add(Kind::Network, route);
    }
}

/// A way from a network to another one.
fn route(entry: &Value) -> Option<String> {
    const TO: [&str; 3] = [
        "DestinationCidrBlock",
        "DestinationIpv6CidrBlock",
        "DestinationPrefixListId",
    ];
    const BY: [&str; 12] = [
        "CarrierGatewayId",
        "CoreNetworkArn",
        "EgressOnlyInternetGatewayId",
        "GatewayId",
        "InstanceId",
        "LocalGatewayId",
        "NatGatewayId",
        "NetworkInterfaceId",
        "OdbNetworkArn",
        "TransitGatewayId",
        "VpcEndpointId",
        "VpcPeeringConnectionId",
    ];
    let of = properties(entry);
    let is = entry["Type"] == "AWS::EC2::Route";
    is.then(|| format!("routes {} through {}", first(of, &TO), first(of, &BY)))
}
