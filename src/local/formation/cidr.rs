//! Fn::Cidr.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first `count` blocks of `bits` host bits within `block`.
///
/// # Errors
/// Words for a block that is none, or that holds fewer.
pub fn blocks(block: &str, count: u32, bits: Option<u32>) -> Result<Vec<String>, String> {
    let wrong = || format!("Fn::Cidr: {block} is not a CIDR block");
    let (address, prefix) = block.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
    let (width, start) = match address {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    };
    // IPv6 subnets are always /64: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-cidr.html
    let bits = bits.unwrap_or(if width == 32 { 8 } else { 64 });
    if !(1..=256).contains(&count) || prefix > width || bits == 0 || bits > width - prefix {
        return Err(format!(
            "Fn::Cidr: {block} has no {count} blocks of {bits} bits"
        ));
    }
    let room = width - prefix - bits;
    if room < 32 && u64::from(count) > 1_u64 << room {
        return Err(format!(
            "Fn::Cidr: {block} has no {count} blocks of {bits} bits"
        ));
    }
    let mask = if prefix == 0 {
        0
    } else {
        u128::MAX << (width - prefix)
    };
    let base = start & mask;
    let size = width - bits;
    Ok((0..u128::from(count))
        .map(|at| {
            let at = base + (at << bits);
            if width == 32 {
                format!(
                    "{}/{size}",
                    Ipv4Addr::from(u32::try_from(at).unwrap_or_default())
                )
            } else {
                format!("{}/{size}", Ipv6Addr::from(at))
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn blocks_follow_each_other() {
        assert_eq!(
            blocks("10.80.0.0/20", 2, Some(9)).unwrap(),
            ["10.80.0.0/23", "10.80.2.0/23"]
        );
        assert_eq!(blocks("10.0.0.0/24", 1, Some(5)).unwrap(), ["10.0.0.0/27"]);
        assert!(blocks("10.0.0.0/24", 9, Some(5)).is_err());
        assert!(blocks("10.0.0.0", 1, None).is_err());
        assert!(blocks("10.0.0.0/8", 0, None).is_err());
        assert_eq!(blocks("2001:db8::/56", 1, None).unwrap(), ["2001:db8::/64"]);
    }
}
