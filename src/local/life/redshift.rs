//! Redshift Serverless. The pages state its rules; how the service words their refusals is written
//! nowhere, so the words are the pages'.

use super::words::{No, no};
use super::{Call, Held, flag, network, number, text};
use serde_json::Value;
use std::collections::BTreeSet;

fn refuse(words: impl Into<String>) -> No {
    no("RedshiftServerless", words)
}

/// A workgroup's capacity and subnets.
pub(super) fn workgroup(call: &Call<'_>) -> Option<No> {
    capacity(call.properties()).or_else(|| subnets(call))
}

/// 4, 8 to 512 in steps of 8, and up to 1024 in steps of 32; a maximum that is not below.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html>
fn capacity(properties: &Value) -> Option<No> {
    let base = number(properties, "BaseCapacity");
    let fits = |base: f64| {
        let step = if base > 512.0 { 32.0 } else { 8.0 };
        base == 4.0 || ((8.0..=1024.0).contains(&base) && base % step == 0.0)
    };
    if let Some(base) = base.filter(|base| !fits(*base)) {
        return Some(refuse(format!(
            "The base capacity {base} is not valid. It is 4 RPUs, or 8 to 512 in units of 8; where \
             1024 are available, 512 to 1024 in units of 32."
        )));
    }
    let most = number(properties, "MaxCapacity")?;
    let base = base.unwrap_or(128.0);
    (most < base).then(|| {
        refuse(format!(
            "The max capacity {most} is not valid. It must not be less than the base capacity {base}."
        ))
    })
}

/// Three subnets in three zones, or two in us-west-1; with enhanced VPC routing, addresses for the
/// RPUs.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-usage-considerations.html>
fn subnets(call: &Call<'_>) -> Option<No> {
    let ids = call.properties()["SubnetIds"].as_array()?;
    let wanted = if call.world.place.region == "us-west-1" {
        2
    } else {
        3
    };
    let zones = || {
        let count = if wanted == 2 { "two" } else { "three" };
        refuse(format!(
            "You must have at least three subnets, and they must span across {count} Availability \
             Zones."
        ))
    };
    let distinct: BTreeSet<&str> = ids.iter().filter_map(Value::as_str).collect();
    if distinct.len() < 3 {
        return Some(zones());
    }
    let found: Option<Vec<Held<'_>>> = distinct
        .iter()
        .map(|id| call.world.find("AWS::EC2::Subnet", id))
        .collect();
    let found = found?;
    let spanned: Option<BTreeSet<&str>> = found.iter().map(zone).collect();
    if spanned.is_some_and(|spanned| spanned.len() < wanted) {
        return Some(zones());
    }
    if !flag(call.properties(), "EnhancedVpcRouting") {
        return None;
    }
    let needed = number(call.properties(), "BaseCapacity").unwrap_or(128.0) / 4.0 + 5.0;
    let small = found.iter().any(|held| {
        let free = network::addresses(held.text("CidrBlock"));
        free.is_some_and(|free| f64::from(free) < needed)
    });
    small.then(|| refuse("Insufficient free IP addresses found in subnets"))
}

fn zone<'a>(held: &Held<'a>) -> Option<&'a str> {
    let properties = held.resource.actual();
    let known = ["AvailabilityZone", "AvailabilityZoneId"];
    let mut named = known.iter().map(|name| text(properties, name));
    named.find(|zone| !zone.is_empty())
}

/// A namespace has one workgroup.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-workgroup-namespace.html>
pub(super) fn one_a_namespace(call: &Call<'_>) -> Option<No> {
    let name = call.text("NamespaceName");
    let mut others = call.others("AWS::RedshiftServerless::Workgroup");
    let other = others.find(|held| !name.is_empty() && held.text("NamespaceName") == name)?;
    Some(refuse(format!(
        "Namespace {name} is already associated with workgroup {}.",
        other.resource.physical_id
    )))
}

/// The administrator's password.
/// <https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_CreateNamespace.html>,
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/changing-admin-password.html>
pub(super) fn namespace(call: &Call<'_>) -> Option<No> {
    let properties = call.properties();
    let password = properties["AdminUserPassword"].as_str()?;
    if flag(properties, "ManageAdminPassword") {
        return Some(refuse(
            "You can't use adminUserPassword if manageAdminPassword is true.",
        ));
    }
    // A secret is read when the resource is made.
    if password.starts_with("{{resolve:") {
        return None;
    }
    let has = |is: fn(&char) -> bool| password.chars().any(|c| is(&c));
    let plain = |c: char| c.is_ascii_graphic() && !"/@\"\\'".contains(c);
    let fits = (8..=64).contains(&password.chars().count())
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
        && password.chars().all(plain);
    (!fits).then(|| {
        refuse(
            "The admin user password must be 8 to 64 characters long and contain at least one \
             uppercase letter, one lowercase letter and one number. It can use any ASCII character \
             with codes 33-126 except ' (single quote), double quote, \\, /, or @.",
        )
    })
}
