//! Zones, and what the account is like.

use crate::local::formation::evaluate;
use crate::local::life::limits;
use crate::local::services::holdings::Holdings;
use serde_json::{Value, json};

/// The zones of the region.
pub(super) fn zones(view: &Holdings<'_>) -> Vec<Value> {
    let region = view.place.region.as_str();
    let zones = evaluate::zones(region).into_iter();
    zones
        .map(|zone| {
            json!({
                "optInStatus": "opt-in-not-required",
                "regionName": region,
                "zoneId": zone_id(region, &zone),
                "zoneName": zone,
                "groupName": format!("{region}-zg-1"),
                "networkBorderGroup": region,
                "zoneType": "availability-zone",
                "zoneState": "available",
                "messageSet": [],
            })
        })
        .collect()
}

/// The id of a zone: the region's short name, and a number.
/// <https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html>
pub(super) fn zone_id(region: &str, zone: &str) -> String {
    let zones = evaluate::zones(region);
    let number = zones.iter().position(|one| one == zone).unwrap_or_default() + 1;
    format!("{}-az{number}", short(region))
}

/// `use1` for `us-east-1`, `apse2` for `ap-southeast-2`.
fn short(region: &str) -> String {
    let parts = region.split('-').enumerate();
    let parts = parts.map(|(at, part)| match part {
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        part if at > 0 => part.get(..1).unwrap_or_default(),
        part => part,
    });
    parts.collect()
}

/// What the account may.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html>
pub(super) fn attributes(_: &Holdings<'_>) -> Vec<Value> {
    let addresses = limits::ADDRESSES.most.to_string();
    let attributes = [
        ("default-vpc", "none"),
        ("max-elastic-ips", addresses.as_str()),
        ("max-instances", "20"),
        ("supported-platforms", "VPC"),
        ("vpc-max-elastic-ips", addresses.as_str()),
        ("vpc-max-security-groups-per-interface", "5"),
    ];
    let attributes = attributes.into_iter();
    attributes
        .map(|(name, value)| {
            json!({ "attributeName": name, "attributeValueSet": [{ "attributeValue": value }] })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_the_id_of_its_region() {
        for (region, wanted) in [
            ("us-east-1", "use1-az2"),
            ("ap-southeast-2", "apse2-az2"),
            ("us-gov-west-1", "usgw1-az2"),
            ("cn-northwest-1", "cnnw1-az2"),
        ] {
            assert_eq!(zone_id(region, &format!("{region}b")), wanted);
        }
    }
}
