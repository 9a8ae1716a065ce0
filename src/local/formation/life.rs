//! What goes wrong in life: what other services refuse when a handler calls them. Names that are taken
//! are looked for elsewhere; here are quotas, networks, capacities and what is still in use.

use crate::local::core::Core;
use crate::local::model::{Resource, State};
use crate::local::services::s3;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// How many of a type there may be in an account and Region by default, and what is said of one more.
const QUOTAS: &[(&str, usize, &str)] = &[
    // https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    (
        "AWS::EC2::VPC",
        5,
        "The maximum number of VPCs has been reached.",
    ),
    (
        "AWS::EC2::EIP",
        5,
        "The maximum number of addresses has been reached.",
    ),
    (
        "AWS::EC2::InternetGateway",
        5,
        "The maximum number of internet gateways has been reached.",
    ),
    // https://docs.aws.amazon.com/redshift/latest/mgmt/amazon-redshift-limits.html
    (
        "AWS::RedshiftServerless::Namespace",
        25,
        "You have reached the quota of namespaces.",
    ),
    (
        "AWS::RedshiftServerless::Workgroup",
        25,
        "You have reached the quota of workgroups.",
    ),
];

/// Words that the prefix of a Cognito domain may not hold.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html>
const RESERVED: [&str; 3] = ["aws", "amazon", "cognito"];

/// Why the resource cannot be made, in its service's words.
pub fn refuse_create(state: &State, wanted: &Resource) -> Option<String> {
    quota(state, &wanted.kind).or_else(|| match wanted.kind.as_str() {
        "AWS::EC2::VPC" => vpc(&wanted.properties),
        "AWS::EC2::Subnet" => subnet(state, &wanted.properties),
        "AWS::Cognito::UserPoolDomain" => domain(state, &wanted.properties),
        "AWS::RedshiftServerless::Workgroup" => workgroup(state, &wanted.properties),
        _ => None,
    })
}

/// Why the resource cannot be changed to this, in its service's words.
pub fn refuse_update(state: &State, wanted: &Resource) -> Option<String> {
    match wanted.kind.as_str() {
        "AWS::RedshiftServerless::Workgroup" => workgroup(state, &wanted.properties),
        _ => None,
    }
}

/// Why the resource cannot be deleted, in its service's words.
pub fn refuse_delete(core: &Core, state: &State, gone: &Resource) -> Option<String> {
    let id = &gone.physical_id;
    match gone.kind.as_str() {
        "AWS::S3::Bucket" if s3::has_objects(core.store.directory(), id) => Some(said(
            "The bucket you tried to delete is not empty",
            "S3",
            409,
            "GeneralServiceException",
        )),
        "AWS::EC2::SecurityGroup" if used(state, gone) => Some(said(
            &format!("resource {id} has a dependent object"),
            "Ec2",
            400,
            "InvalidRequest",
        )),
        "AWS::EC2::Subnet" if used(state, gone) => Some(said(
            &format!("The subnet '{id}' has dependencies and cannot be deleted."),
            "Ec2",
            400,
            "InvalidRequest",
        )),
        "AWS::EC2::VPC" if used(state, gone) => Some(said(
            &format!("The vpc '{id}' has dependencies and cannot be deleted."),
            "Ec2",
            400,
            "InvalidRequest",
        )),
        _ => None,
    }
}

/// A service's words as a handler hands them on.
fn said(message: &str, service: &str, status: u16, code: &str) -> String {
    format!(
        "Resource handler returned message: \"{message} (Service: {service}, Status Code: {status})\" \
         (RequestToken: 00000000-0000-0000-0000-000000000000, HandlerErrorCode: {code})"
    )
}

fn quota(state: &State, kind: &str) -> Option<String> {
    let (_, most, words) = QUOTAS.iter().find(|(of, _, _)| *of == kind)?;
    let kept = state.account.kept.iter().filter(|held| held.kind == kind);
    let count = state.resources(kind).count() + kept.count();
    let service = kind.split("::").nth(1).unwrap_or_default();
    (count >= *most).then(|| said(words, service, 400, "ServiceLimitExceeded"))
}

fn invalid(message: &str, service: &str) -> String {
    said(message, service, 400, "InvalidRequest")
}

/// A block's first address and how many bits name it.
fn block(text: &str) -> Option<(u32, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    Some((u32::from(address), bits))
}

/// Whether the blocks have an address in common.
fn overlap(left: (u32, u32), right: (u32, u32)) -> bool {
    let bits = left.1.min(right.1);
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    left.0 & mask == right.0 & mask
}

/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>: /16 to /28.
fn sized(text: &str, service: &str) -> Result<(u32, u32), String> {
    let wrong = |why: &str| Err(invalid(why, service));
    match block(text) {
        Some(found) if (16..=28).contains(&found.1) => Ok(found),
        Some(_) => wrong(&format!("The CIDR '{text}' is invalid.")),
        None => wrong(&format!(
            "Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        )),
    }
}

fn vpc(properties: &Value) -> Option<String> {
    let text = properties["CidrBlock"].as_str()?;
    sized(text, "Ec2").err()
}

fn subnet(state: &State, properties: &Value) -> Option<String> {
    let text = properties["CidrBlock"].as_str()?;
    let own = match sized(text, "Ec2") {
        Ok(own) => own,
        Err(why) => return Some(why),
    };
    let vpc = properties["VpcId"].as_str()?;
    let held = state
        .resources("AWS::EC2::VPC")
        .find(|(_, held)| held.physical_id == vpc);
    let around = held.and_then(|(_, held)| block(held.actual()["CidrBlock"].as_str()?));
    if around.is_some_and(|around| own.1 < around.1 || !overlap(own, around)) {
        return Some(invalid(&format!("The CIDR '{text}' is invalid."), "Ec2"));
    }
    let beside = state.resources("AWS::EC2::Subnet").any(|(_, held)| {
        let other = held.actual();
        let block = other["CidrBlock"].as_str().and_then(block);
        other["VpcId"] == vpc && block.is_some_and(|other| overlap(own, other))
    });
    beside.then(|| {
        let message = format!("The CIDR '{text}' conflicts with another subnet");
        invalid(&message, "Ec2")
    })
}

fn domain(state: &State, properties: &Value) -> Option<String> {
    let wanted = properties["Domain"].as_str()?;
    if let Some(word) = RESERVED.iter().find(|word| wanted.contains(**word)) {
        let message = format!("Domain cannot contain reserved word: {word}");
        return Some(invalid(&message, "CognitoIdentityProvider"));
    }
    let mut others = state.resources("AWS::Cognito::UserPoolDomain");
    let taken = others.any(|(_, held)| held.properties["Domain"] == wanted);
    taken.then(|| {
        let message = "Domain already associated with another user pool.";
        invalid(message, "CognitoIdentityProvider")
    })
}

/// <https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-usage-considerations.html>: subnets in
/// three zones; <https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-capacity.html>: 4 RPUs, or 8
/// to 1024 in steps of 8.
fn workgroup(state: &State, properties: &Value) -> Option<String> {
    let wanted = &properties["BaseCapacity"];
    let capacity = wanted
        .as_u64()
        .or_else(|| wanted.as_str()?.parse::<u64>().ok());
    let fits = |units: u64| units == 4 || (units.is_multiple_of(8) && (8..=1024).contains(&units));
    if let Some(units) = capacity.filter(|units| !fits(*units)) {
        let message =
            format!("The base capacity {units} is not valid: it is 4, or 8 to 1024 in units of 8.");
        return Some(invalid(&message, "RedshiftServerless"));
    }
    let ids = properties["SubnetIds"].as_array()?;
    let zone = |id: &Value| {
        let mut subnets = state.resources("AWS::EC2::Subnet");
        let (_, held) = subnets.find(|(_, held)| *id == held.physical_id.as_str())?;
        held.actual()["AvailabilityZone"]
            .as_str()
            .map(str::to_owned)
    };
    // Subnets of others, or in a zone that the service chooses, are not known to be too few.
    let zones: Option<BTreeSet<String>> = ids.iter().map(zone).collect();
    zones.filter(|zones| zones.len() < 3).map(|zones| {
        let message = format!(
            "The workgroup needs subnets in at least three Availability Zones; these are in {}.",
            zones.len()
        );
        invalid(&message, "RedshiftServerless")
    })
}

/// Whether another resource that exists refers to this one by its id.
fn used(state: &State, gone: &Resource) -> bool {
    let living = state
        .stacks
        .iter()
        .filter(|stack| stack.status != "DELETE_COMPLETE");
    let mut others = living.flat_map(|stack| stack.resources.values());
    others.any(|held| {
        held.physical_id != gone.physical_id
            && !held.physical_id.is_empty()
            && !held.is_gone()
            && mentions(held.actual(), &gone.physical_id)
    })
}

fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text.split(',').any(|part| part.trim() == id),
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::model::Stack;
    use serde_json::json;

    fn held(kind: &str, id: &str, properties: Value) -> Resource {
        Resource {
            kind: kind.to_owned(),
            logical_id: id.replace('-', ""),
            physical_id: id.to_owned(),
            properties,
            ..Resource::default()
        }
    }

    fn state(resources: Vec<Resource>) -> State {
        let mut state = State::default();
        let resources = resources.into_iter();
        state.stacks.push(Stack {
            resources: resources.map(|one| (one.logical_id.clone(), one)).collect(),
            ..Stack::default()
        });
        state
    }

    fn refused(state: &State, kind: &str, properties: Value) -> String {
        refuse_create(state, &held(kind, "", properties)).unwrap_or_default()
    }

    #[test]
    fn networks_fit_into_each_other() {
        let vpc = held(
            "AWS::EC2::VPC",
            "vpc-1",
            json!({"CidrBlock": "10.0.0.0/16"}),
        );
        let first = json!({"VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"});
        let state = state(vec![vpc, held("AWS::EC2::Subnet", "subnet-1", first)]);
        let subnet = |block: &str| {
            refused(
                &state,
                "AWS::EC2::Subnet",
                json!({"VpcId": "vpc-1", "CidrBlock": block}),
            )
        };
        assert_eq!(subnet("10.0.2.0/24"), "");
        assert!(subnet("10.1.0.0/24").contains("The CIDR '10.1.0.0/24' is invalid."));
        assert!(subnet("10.0.0.0/23").contains("conflicts with another subnet"));
        assert!(subnet("10.0.2.0/30").contains("is invalid"));
        let vpc = |block: &str| refused(&state, "AWS::EC2::VPC", json!({"CidrBlock": block}));
        assert_eq!(vpc("10.9.0.0/20"), "");
        assert!(vpc("10.0.0.0/8").contains("is invalid") && vpc("x").contains("not a valid CIDR"));
    }

    #[test]
    fn quotas_end() {
        let vpcs = (0..5).map(|n| held("AWS::EC2::VPC", &format!("vpc-{n}"), json!({})));
        let state = state(vpcs.collect());
        let sixth = refused(&state, "AWS::EC2::VPC", json!({"CidrBlock": "10.0.0.0/16"}));
        assert!(
            sixth.contains("The maximum number of VPCs has been reached."),
            "{sixth}"
        );
    }

    #[test]
    fn a_workgroup_needs_three_zones_and_steps_of_eight() {
        let subnet = |n: &str| {
            held(
                "AWS::EC2::Subnet",
                &format!("subnet-{n}"),
                json!({"AvailabilityZone": format!("eu-1{n}")}),
            )
        };
        let state = state(vec![subnet("a"), subnet("b"), subnet("c")]);
        let of = |units: u64, subnets: &[&str]| {
            let properties = json!({"BaseCapacity": units, "SubnetIds": subnets});
            refused(&state, "AWS::RedshiftServerless::Workgroup", properties)
        };
        let three = ["subnet-a", "subnet-b", "subnet-c"];
        assert_eq!(of(8, &three), "");
        assert!(of(9, &three).contains("base capacity 9 is not valid"));
        assert!(of(8, &three[..2]).contains("three Availability Zones; these are in 2"));
        assert_eq!(of(8, &["subnet-other", "subnet-a"]), "");
    }

    #[test]
    fn a_domain_is_taken_once_and_no_word_of_theirs() {
        let other = held(
            "AWS::Cognito::UserPoolDomain",
            "d",
            json!({"Domain": "shop"}),
        );
        let state = state(vec![other]);
        let of = |name: &str| {
            refused(
                &state,
                "AWS::Cognito::UserPoolDomain",
                json!({"Domain": name}),
            )
        };
        assert!(of("shop").contains("already associated with another user pool"));
        assert!(of("my-aws-shop").contains("reserved word: aws"));
        assert_eq!(of("bookshop"), "");
    }
}
