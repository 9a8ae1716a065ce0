//! Zones, and the addresses of VPCs.

use super::Context;
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::error::Result;
use crate::plan::wanted::Wanted;
use serde_json::Value;
use std::net::Ipv4Addr;

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let (zones, blocks) = tokio::join!(zones(context), blocks(context));
    [zones, blocks].concat()
}

const ZONES: &str = "zones";

/// Whether the region has as many zones as the templates count on, and Redshift Serverless needs.
async fn zones(context: &Context<'_>) -> Vec<Finding> {
    let counted = context
        .wanted
        .iter()
        .filter_map(|one| Some((highest_zone(&one.properties)?, one)));
    let counted = counted.max_by_key(|(count, _)| *count);
    let workgroup = context
        .new_ones("AWS::RedshiftServerless::Workgroup")
        .next();
    // https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-usage-considerations.html
    let spanned = if context.cloud.region == "us-west-1" {
        2
    } else {
        3
    };
    if counted.is_none() && workgroup.is_none() {
        return vec![];
    }
    let names = match available(context).await {
        Ok(names) => names,
        Err(error) => return vec![Finding::unknown(ZONES, &error)],
    };
    let mut found = Vec::new();
    let there = format!("{} has {}", context.cloud.region, names.join(", "));
    let mut judge = |needed: usize, one: &Wanted, who: &str| {
        if needed > names.len() {
            found.push(
                Finding::failed(ZONES, format!("{who} needs {needed} zones; {there}"))
                    .about(one)
                    .hint("choose another region, or count on fewer zones"),
            );
        }
    };
    if let Some((needed, one)) = counted {
        judge(needed, one, "the template");
    }
    if let Some(one) = workgroup {
        judge(spanned, one, "Redshift Serverless");
    }
    if found.is_empty() {
        found.push(Finding::ok(ZONES, there));
    }
    found
}

/// How many zones a value counts on: one more than the highest index into `Fn::GetAZs`.
fn highest_zone(value: &Value) -> Option<usize> {
    if let Some(parts) = value.get("Fn::Select").and_then(Value::as_array)
        && parts
            .get(1)
            .is_some_and(|list| list.get("Fn::GetAZs").is_some())
    {
        let index = crate::template::scalar_text(parts.first()?)?;
        return Some(index.parse::<usize>().ok()? + 1);
    }
    match value {
        Value::Array(items) => items.iter().filter_map(highest_zone).max(),
        Value::Object(fields) => fields.values().filter_map(highest_zone).max(),
        _ => None,
    }
}

async fn available(context: &Context<'_>) -> Result<Vec<String>> {
    let answer = context
        .cloud
        .ec2()
        .describe_availability_zones()
        .send()
        .await
        .map_err(|error| refusal("DescribeAvailabilityZones", error))?;
    let usable = answer.availability_zones().iter().filter(|zone| {
        let kind = zone.zone_type().unwrap_or("availability-zone");
        let open = zone
            .state()
            .is_none_or(|state| state.as_str() == "available");
        kind == "availability-zone" && open
    });
    let mut names: Vec<String> = usable
        .filter_map(|zone| zone.zone_name().map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

const BLOCKS: &str = "addresses";

/// Whether a new VPC has addresses that another one of the region has: they can never be joined.
async fn blocks(context: &Context<'_>) -> Vec<Finding> {
    let wanted: Vec<&Wanted> = context.new_ones("AWS::EC2::VPC").collect();
    if wanted.is_empty() {
        return vec![];
    }
    let others = match vpcs(context).await {
        Ok(others) => others,
        Err(error) => return vec![Finding::unknown(BLOCKS, &error)],
    };
    let each = wanted.iter().filter_map(|one| {
        let own = one.text("CidrBlock")?;
        let clash = others.iter().find(|(_, block)| overlap(&own, block));
        Some(
            match clash {
                // What a new one replaces has its block until then.
                Some((id, block)) if !one.replaces => Finding::warning(
                    BLOCKS,
                    format!("{own} overlaps {block} of {id}: the two can never be peered"),
                )
                .hint("choose another block, unless they never need to talk"),
                _ => Finding::ok(BLOCKS, format!("{own} is free")),
            }
            .about(one),
        )
    });
    each.collect()
}

/// The VPCs of the region, with each of their blocks.
async fn vpcs(context: &Context<'_>) -> Result<Vec<(String, String)>> {
    let mut pages = context.cloud.ec2().describe_vpcs().into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| refusal("DescribeVpcs", error))?;
        for vpc in page.vpcs() {
            let id = vpc.vpc_id().unwrap_or_default();
            let more = vpc.cidr_block_association_set().iter();
            let more = more.filter_map(|one| one.cidr_block());
            let mut blocks: Vec<&str> = vpc.cidr_block().into_iter().chain(more).collect();
            blocks.sort_unstable();
            blocks.dedup();
            found.extend(
                blocks
                    .into_iter()
                    .map(|block| (id.to_owned(), block.to_owned())),
            );
        }
    }
    Ok(found)
}

/// Whether two IPv4 blocks have addresses in common.
fn overlap(one: &str, other: &str) -> bool {
    let (Some((first, length)), Some((second, other))) = (block(one), block(other)) else {
        return false;
    };
    let shift = 32 - length.min(other);
    // All of the addresses: a shift by 32 is none.
    shift == 32 || first >> shift == second >> shift
}

fn block(text: &str) -> Option<(u32, u32)> {
    let (address, length) = text.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    (length <= 32).then(|| (u32::from(address), length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_overlap_where_they_share_addresses() {
        assert!(overlap("10.80.0.0/20", "10.80.8.0/24"));
        assert!(overlap("10.0.0.0/8", "10.80.0.0/20"));
        assert!(overlap("0.0.0.0/0", "10.80.0.0/20"));
        assert!(!overlap("10.80.0.0/20", "10.80.16.0/20"));
        assert!(!overlap("10.80.0.0/20", "nonsense") && !overlap("1.1.1.1/33", "1.1.1.1/32"));
    }

    #[test]
    fn zones_are_counted_by_their_index() {
        let select = |index: u32| json!({"Fn::Select": [index, {"Fn::GetAZs": "eu-west-1"}]});
        let value = json!({"a": select(0), "b": [select(2), {"Fn::Select": [9, ["x"]]}]});
        assert_eq!(highest_zone(&value), Some(3));
        assert_eq!(highest_zone(&json!({"a": 1})), None);
    }
}
