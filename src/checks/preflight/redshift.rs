//! Redshift Serverless: what capacity there may be, and where.

use super::Context;
use crate::checks::Finding;
use crate::plan::wanted::Wanted;

const CHECK: &str = "capacity";

/// Regions with workgroups of 4 RPU, and with those of more than 512.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html>
const SMALLEST: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];
const LARGEST: &[&str] = &[
    "ap-northeast-1",
    "eu-central-1",
    "eu-west-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let region = context.cloud.region.as_str();
    let workgroups = context.all("AWS::RedshiftServerless::Workgroup");
    workgroups.filter_map(|one| judge(region, one)).collect()
}

fn judge(region: &str, one: &Wanted) -> Option<Finding> {
    let base = one.number("BaseCapacity")?;
    let most = one.number("MaxCapacity");
    let step = if base > 512.0 { 32.0 } else { 8.0 };
    let says = format!("{base} RPU");
    let found = if base == 4.0 {
        match SMALLEST.contains(&region) {
            true => Finding::ok(CHECK, says),
            false => Finding::warning(CHECK, format!("{region} is not listed as having 4 RPU"))
                .hint("8 are to be had everywhere"),
        }
    } else if !(8.0..=1024.0).contains(&base) || base % step != 0.0 {
        Finding::failed(CHECK, format!("{base} RPU is no base capacity"))
            .hint("4, or 8 to 512 in steps of 8, or to 1,024 in steps of 32")
    } else if base > 512.0 && !LARGEST.contains(&region) {
        Finding::warning(
            CHECK,
            format!("{region} is not listed as having more than 512 RPU"),
        )
    } else if let Some(most) = most.filter(|most| *most < base) {
        Finding::failed(
            CHECK,
            format!("the maximum of {most} RPU is below the base of {base}"),
        )
        .hint("MaxCapacity must not be below BaseCapacity")
    } else {
        Finding::ok(CHECK, says)
    };
    Some(found.about(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Level;
    use serde_json::json;

    fn level(region: &str, base: u32, most: u32) -> Level {
        let one = Wanted {
            stack: "S".to_owned(),
            name: "W".to_owned(),
            kind: "AWS::RedshiftServerless::Workgroup".to_owned(),
            is_new: true,
            replaces: false,
            properties: json!({"BaseCapacity": base, "MaxCapacity": most.to_string()}),
            place: None,
        };
        judge(region, &one)
            .map(|found| found.level)
            .unwrap_or(Level::Unknown)
    }

    #[test]
    fn capacities_come_in_steps_and_by_region() {
        assert_eq!(level("us-east-1", 8, 32), Level::Ok);
        assert_eq!(level("us-east-1", 12, 32), Level::Failed);
        assert_eq!(level("us-east-1", 64, 32), Level::Failed);
        assert_eq!(level("us-east-1", 4, 32), Level::Ok);
        assert_eq!(level("af-south-1", 4, 32), Level::Warning);
        assert_eq!(level("us-east-1", 544, 1024), Level::Ok);
        assert_eq!(level("us-east-1", 520, 1024), Level::Failed);
        assert_eq!(level("sa-east-1", 1024, 1024), Level::Warning);
    }
}
