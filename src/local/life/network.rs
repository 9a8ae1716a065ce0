//! Addresses and routes of EC2.

use super::Call;
use super::words::{No, no};
use crate::local::ids;
use std::net::Ipv4Addr;

/// A block of addresses: the first one, and how many bits are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    first: u32,
    bits: u32,
}

impl Block {
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or_default();
        Some(Self {
            first: u32::from(address) & mask,
            bits,
        })
    }

    fn contains(self, other: Self) -> bool {
        let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or_default();
        self.bits <= other.bits && other.first & mask == self.first
    }

    fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }
}

/// How many addresses a block has for its owner: AWS takes five of each subnet.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>
pub fn addresses(block: &str) -> Option<u32> {
    let bits = Block::read(block)?.bits;
    (bits > 0).then(|| (1_u32 << (32 - bits)).saturating_sub(5))
}

/// The address that something has in a block: always the same for the same name. The first four of a
/// subnet are AWS's.
pub fn address(block: &str, name: &str) -> Option<Ipv4Addr> {
    let count = addresses(block).filter(|count| *count > 0)?;
    let number = u32::from_str_radix(&ids::stable(name)[..8], 16).ok()?;
    let first = Block::read(block)?.first;
    Some(Ipv4Addr::from(first.saturating_add(4 + number % count)))
}

fn invalid(cidr: &str) -> No {
    no("Ec2", format!("The CIDR '{cidr}' is invalid."))
}

/// Why a block cannot be a VPC's or a subnet's: both are /16 to /28.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>
fn unfit(call: &Call<'_>, cidr: &str) -> Option<No> {
    match Block::read(cidr) {
        Some(block) => (!(16..=28).contains(&block.bits)).then(|| invalid(cidr)),
        None if call.world.is_invented(cidr) => None,
        None => Some(no(
            "Ec2",
            format!(
                "Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
            ),
        )),
    }
}

/// A VPC's block.
pub(super) fn block(call: &Call<'_>) -> Option<No> {
    unfit(call, call.properties()["CidrBlock"].as_str()?)
}

/// A subnet's block: within the VPC's, and apart from its other subnets'.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>
pub(super) fn subnet(call: &Call<'_>) -> Option<No> {
    let (cidr, vpc) = (call.properties()["CidrBlock"].as_str()?, call.text("VpcId"));
    let unfit = unfit(call, cidr);
    if unfit.is_some() {
        return unfit;
    }
    let block = Block::read(cidr)?;
    let own = call.world.find("AWS::EC2::VPC", vpc)?;
    // Where the block comes from a pool, it is not known.
    let first = Block::read(own.text("CidrBlock"))?;
    let more = call.others("AWS::EC2::VPCCidrBlock");
    let more = more.filter(|held| held.text("VpcId") == vpc);
    let mut blocks = more.filter_map(|held| Block::read(held.text("CidrBlock")));
    if !first.contains(block) && !blocks.any(|other| other.contains(block)) {
        return Some(invalid(cidr));
    }
    let mut subnets = call.others("AWS::EC2::Subnet");
    let taken = subnets.any(|held| {
        let other = Block::read(held.text("CidrBlock"));
        held.text("VpcId") == vpc && other.is_some_and(|other| other.overlaps(block))
    });
    taken.then(|| {
        no(
            "Ec2",
            format!("The CIDR '{cidr}' conflicts with another subnet"),
        )
    })
}

/// A route to an internet gateway, which must be attached by then: the route DependsOn that.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html>
pub(super) fn route(call: &Call<'_>) -> Option<No> {
    let (table, gateway) = (call.text("RouteTableId"), call.text("GatewayId"));
    call.world.find("AWS::EC2::InternetGateway", gateway)?;
    let vpc = call.world.find("AWS::EC2::RouteTable", table)?;
    let vpc = vpc.text("VpcId");
    let mut attached = call.others("AWS::EC2::VPCGatewayAttachment");
    let is_there = attached.any(|held| {
        held.text("InternetGatewayId") == gateway
            && held.text("VpcId") == vpc
            && call.comes_first(&held)
    });
    (!is_there).then(|| {
        let words = format!(
            "route table {table} and network gateway {gateway} belong to different networks"
        );
        no("Ec2", words).with(400, "GeneralServiceException")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_contain_and_overlap() {
        let block = |text| Block::read(text).unwrap();
        assert!(block("10.0.0.0/16").contains(block("10.0.255.0/24")));
        assert!(!block("10.0.0.0/16").contains(block("10.1.0.0/24")));
        assert!(block("10.0.1.128/25").overlaps(block("10.0.1.0/24")));
        assert!(!block("10.0.1.0/24").overlaps(block("10.0.2.0/24")));
        assert!(block("0.0.0.0/0").contains(block("255.0.0.0/8")));
        assert_eq!(block("10.0.0.7/24"), block("10.0.0.0/24"));
        assert_eq!(Block::read("10.0.0.0/33"), None);
        assert_eq!(Block::read("10.0.0/8"), None);
        assert_eq!(addresses("10.0.0.0/28"), Some(11));
        for name in ["a", "b", "c", "d"] {
            let address = address("10.0.0.0/28", name).unwrap();
            assert!((4..15).contains(&address.octets()[3]), "{address}");
        }
    }
}
