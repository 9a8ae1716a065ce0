//! Redshift Serverless: whether namespaces and workgroups are there, private, encrypted and as large as asked.

use super::Context;
use super::asked::Asked;
use super::comparison::{Comparison, listed};
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::error::Result;
use crate::template::scalar_text;
use aws_sdk_redshiftserverless::types::{Namespace, Workgroup};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const NAMESPACE: &str = "namespace";
const WORKGROUP: &str = "workgroup";

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let (namespaces, workgroups) = tokio::join!(namespaces(context), workgroups(context));
    [namespaces, workgroups].concat()
}

async fn namespaces(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::RedshiftServerless::Namespace");
    let mut reads = JoinSet::new();
    for one in asked.clone() {
        let client = context.cloud.redshift();
        let id = one.id.clone();
        reads.spawn(async move {
            let answer = client.get_namespace().namespace_name(&id).send().await;
            let answer = answer.map_err(|error| refusal("GetNamespace", error));
            (id, answer.map(|answer| answer.namespace))
        });
    }
    let live: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let pairs = asked.filter_map(|one| Some((one, live.get(&one.id)?)));
    pairs
        .flat_map(|(one, live)| namespace(context, one, live))
        .collect()
}

fn namespace(context: &Context<'_>, one: &Asked, live: &Result<Option<Namespace>>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, NAMESPACE, one);
    let live = match live {
        Ok(Some(live)) => live,
        Ok(None) => return comparison.gone(),
        Err(error) => return comparison.unread(error),
    };
    comparison.status(live.status().map(|status| status.as_str()), "AVAILABLE");
    // Which key an alias stands for is not told here.
    let asked = one.text("KmsKeyId");
    if let Some(asked) = asked.filter(|asked| !asked.contains("alias/")) {
        let key = live.kms_key_id().unwrap_or("no key");
        if last(&asked) != last(key) {
            let says = format!("it is encrypted with {key}, its stack asks {asked}");
            comparison.wrong("KmsKeyId", says);
        }
    }
    comparison.same("DbName", &json!(live.db_name()));
    comparison.same("DefaultIamRoleArn", &json!(live.default_iam_role_arn()));
    let logs: Vec<&str> = live.log_exports().iter().map(|one| one.as_str()).collect();
    comparison.same("LogExports", &listed(&logs));
    let roles: Vec<&str> = live.iam_roles().iter().map(|text| role(text)).collect();
    comparison.same("IamRoles", &listed(&roles));
    comparison.end(format!("{} is available and encrypted as asked", one.id))
}

/// The role of `IamRole(applyStatus=in-sync, iamRoleArn=arn:...)`, as the service tells it.
fn role(text: &str) -> &str {
    let arn = text.split_once("iamRoleArn=").map_or(text, |(_, arn)| arn);
    arn.trim_end_matches(')').split(',').next().unwrap_or(arn)
}

/// The id at the end of a key's ARN.
fn last(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

async fn workgroups(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::RedshiftServerless::Workgroup");
    let mut reads = JoinSet::new();
    for one in asked.clone() {
        let client = context.cloud.redshift();
        let id = one.id.clone();
        reads.spawn(async move {
            let answer = client.get_workgroup().workgroup_name(&id).send().await;
            let answer = answer.map_err(|error| refusal("GetWorkgroup", error));
            (id, answer.map(|answer| answer.workgroup))
        });
    }
    let live: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let pairs = asked.filter_map(|one| Some((one, live.get(&one.id)?)));
    pairs
        .flat_map(|(one, live)| workgroup(context, one, live))
        .collect()
}

fn workgroup(context: &Context<'_>, one: &Asked, live: &Result<Option<Workgroup>>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, WORKGROUP, one);
    let live = match live {
        Ok(Some(live)) => live,
        Ok(None) => return comparison.gone(),
        Err(error) => return comparison.unread(error),
    };
    comparison.status(live.status().map(|status| status.as_str()), "AVAILABLE");
    let is_public = live.publicly_accessible() == Some(true);
    match one.text("PubliclyAccessible").as_deref() {
        Some("true") if is_public => comparison.careful(
            "it can be reached from the internet, as its template asks",
            "PubliclyAccessible: false keeps it within the VPC",
        ),
        Some("true") => comparison.wrong(
            "PubliclyAccessible",
            "it cannot be reached from the internet, its stack asks that it can",
        ),
        // What cannot be told asks for nothing in particular.
        None if one.at("PubliclyAccessible").is_some() => {}
        _ if is_public => comparison.wrong(
            "PubliclyAccessible",
            "it can be reached from the internet, its stack asks that it cannot",
        ),
        _ => {}
    }
    comparison.same("NamespaceName", &json!(live.namespace_name()));
    comparison.same("BaseCapacity", &json!(live.base_capacity()));
    comparison.same("MaxCapacity", &json!(live.max_capacity()));
    comparison.same("EnhancedVpcRouting", &json!(live.enhanced_vpc_routing()));
    comparison.same("SubnetIds", &listed(live.subnet_ids()));
    comparison.same("SecurityGroupIds", &listed(live.security_group_ids()));
    parameters(&mut comparison, one, live);
    comparison.end(format!("{} is available and as asked", one.id))
}

/// The parameters that are asked for; and TLS, whether it is or not.
fn parameters(comparison: &mut Comparison<'_>, one: &Asked, live: &Workgroup) {
    const TLS: &str = "require_ssl";
    let value = |key: &str| {
        let mut all = live.config_parameters().iter();
        let found = all.find(|own| own.parameter_key() == Some(key))?;
        found.parameter_value().map(str::to_owned)
    };
    let asked = one.at("ConfigParameters").and_then(Value::as_array);
    let asked = asked.map(Vec::as_slice).unwrap_or_default();
    for (at, parameter) in asked.iter().enumerate() {
        let text = |name: &str| scalar_text(&parameter[name]);
        let (Some(key), Some(wanted)) = (text("ParameterKey"), text("ParameterValue")) else {
            continue;
        };
        let live = value(&key).unwrap_or_else(|| "not set".to_owned());
        if live != wanted {
            let path = format!("ConfigParameters.{at}");
            let says = format!("{key} is {live}, its stack asks {wanted}");
            comparison.wrong(&path, says);
        }
    }
    let is_asked = asked.iter().any(|own| own["ParameterKey"] == TLS);
    if !is_asked && value(TLS).as_deref() != Some("true") {
        comparison.careful(
            "it takes connections without TLS",
            "ask for require_ssl among the ConfigParameters",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_keys_are_told_apart_from_what_surrounds_them() {
        assert_eq!(
            role("IamRole(applyStatus=in-sync, iamRoleArn=arn:r)"),
            "arn:r"
        );
        assert_eq!(role("arn:r"), "arn:r");
        assert_eq!(last("arn:aws:kms:x:1:key/k"), last("k"));
    }
}
