//! AWS WAF: whether web ACLs are as deployed, and in front of what they should guard.

use super::Context;
use super::asked::Asked;
use super::comparison::{Comparison, is_missing, listed};
use super::rules;
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::error::Result;
use aws_sdk_wafv2::types::{LoggingConfiguration, Scope, WebAcl};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let found = tokio::join!(acls(context), associations(context), logs(context));
    let (acls, associations, logs) = found;
    [acls, associations, logs].concat()
}

/// The web ACL of that ARN, as a stack asks for it.
pub(super) fn acl_of<'a>(context: &Context<'a>, arn: &str) -> Option<&'a Asked> {
    let mut all = context.all("AWS::WAFv2::WebACL");
    all.find(|one| match parts(one) {
        Some((name, id, _)) => arn.ends_with(&format!("/webacl/{name}/{id}")),
        None => false,
    })
}

/// A physical id's parts: name, id and scope.
fn parts(one: &Asked) -> Option<(&str, &str, &str)> {
    let mut parts = one.id.split('|');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

async fn acls(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::WAFv2::WebACL");
    let mut reads = JoinSet::new();
    for one in asked.clone() {
        let Some((name, id, scope)) = parts(one) else {
            continue;
        };
        let request = context.cloud.waf().get_web_acl().name(name).id(id);
        let request = request.scope(Scope::from(scope));
        let key = one.id.clone();
        reads.spawn(async move {
            let answer = request.send().await;
            let answer = answer.map_err(|error| refusal("GetWebACL", error));
            (key, answer.map(|answer| answer.web_acl))
        });
    }
    let live: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let pairs = asked.filter_map(|one| Some((one, live.get(&one.id)?)));
    pairs
        .flat_map(|(one, live)| acl(context, one, live))
        .collect()
}

fn acl(context: &Context<'_>, one: &Asked, live: &Result<Option<WebAcl>>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "web acl", one);
    let live = match live {
        Ok(Some(live)) => live,
        Ok(None) => return comparison.gone(),
        Err(error) => return comparison.unread(error),
    };
    let asked = rules::action(&one.properties["DefaultAction"]);
    let default = live.default_action().map(rules::live_default);
    comparison.same_named(
        "DefaultAction",
        "the default action",
        &asked,
        &json!(default),
    );
    let asked = one.at("Rules").and_then(Value::as_array);
    let asked = asked.map(Vec::as_slice).unwrap_or_default();
    for (at, rule) in asked.iter().enumerate() {
        let property = format!("Rules.{at}");
        let Some(name) = rule["Name"].as_str() else {
            continue;
        };
        match live.rules().iter().find(|live| live.name() == name) {
            None => comparison.wrong(&property, format!("the rule {name} is gone")),
            Some(live) => {
                let label = format!("the rule {name}");
                let (asked, live) = (rules::asked(rule), rules::live(live));
                comparison.same_named(&property, &label, &asked, &live);
            }
        }
    }
    let known = |name: &str| {
        asked
            .iter()
            .any(|rule| rule["Name"] == name || !rule["Name"].is_string())
    };
    for rule in live.rules().iter().filter(|rule| !known(rule.name())) {
        let says = format!(
            "the rule {} is there, which its stack does not ask for",
            rule.name()
        );
        comparison.wrong("Rules", says);
    }
    comparison.end(format!("{} rules are as deployed", live.rules().len()))
}

/// Whether what a template puts in front of a resource is in front of it.
async fn associations(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::WAFv2::WebACLAssociation");
    let asked = asked.filter_map(|one| Some((one, one.text("ResourceArn")?)));
    let mut reads = JoinSet::new();
    for (_, resource) in asked.clone() {
        let request = context.cloud.waf().get_web_acl_for_resource();
        reads.spawn(async move {
            let answer = request.resource_arn(&resource).send().await;
            let answer = answer.map_err(|error| refusal("GetWebACLForResource", error));
            (resource, answer.map(|answer| answer.web_acl))
        });
    }
    let live: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let each = asked.filter_map(|(one, resource)| Some((one, live.get(&resource)?, resource)));
    each.flat_map(|(one, live, resource)| association(context, one, &resource, live))
        .collect()
}

fn association(
    context: &Context<'_>,
    one: &Asked,
    resource: &str,
    live: &Result<Option<WebAcl>>,
) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "web acl association", one);
    let what = resource.rsplit(':').next().unwrap_or(resource);
    match live {
        Err(error) if is_missing(error) => {
            comparison.wrong("ResourceArn", format!("{what} is gone"));
        }
        Err(error) => return comparison.unread(error),
        Ok(None) => comparison.wrong("", format!("no web ACL is in front of {what}")),
        Ok(Some(live)) => {
            if let Some(asked) = one.text("WebACLArn").filter(|asked| asked != live.arn()) {
                let says = format!(
                    "{} is in front of {what}, its stack asks {asked}",
                    live.arn()
                );
                comparison.wrong("WebACLArn", says);
            }
        }
    }
    comparison.end(format!("it is in front of {what}"))
}

async fn logs(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::WAFv2::LoggingConfiguration");
    let asked = asked.filter_map(|one| Some((one, one.text("ResourceArn")?)));
    let mut reads = JoinSet::new();
    for (_, acl) in asked.clone() {
        let request = context.cloud.waf().get_logging_configuration();
        reads.spawn(async move {
            let answer = request.resource_arn(&acl).send().await;
            let answer = answer.map_err(|error| refusal("GetLoggingConfiguration", error));
            (acl, answer.map(|answer| answer.logging_configuration))
        });
    }
    let live: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let pairs = asked.filter_map(|(one, acl)| Some((one, live.get(&acl)?)));
    pairs
        .flat_map(|(one, live)| log(context, one, live))
        .collect()
}

fn log(
    context: &Context<'_>,
    one: &Asked,
    live: &Result<Option<LoggingConfiguration>>,
) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "web acl log", one);
    let live = match live {
        Ok(Some(live)) => Some(live),
        Ok(None) => None,
        Err(error) if is_missing(error) => None,
        Err(error) => return comparison.unread(error),
    };
    let Some(live) = live else {
        comparison.wrong("", "the web ACL logs nothing, its stack asks that it does");
        return comparison.end("");
    };
    comparison.same(
        "LogDestinationConfigs",
        &listed(live.log_destination_configs()),
    );
    let hidden = rules::redacted(&one.properties["RedactedFields"]);
    let redacted = rules::live_redacted(live.redacted_fields());
    comparison.same_named("RedactedFields", "what is not logged", &hidden, &redacted);
    comparison.end("it logs where it should")
}
