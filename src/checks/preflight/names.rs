//! Names that are taken. CloudFormation finds that out when it comes to the resource.

use super::Context;
use crate::checks::{Finding, Level};
use crate::cloud::{Cloud, refusal};
use crate::error::Result;
use crate::plan::resolve::is_plain;
use crate::plan::wanted::Wanted;
use crate::template::{scalar_text, schema};
use aws_sdk_s3::error::ProvideErrorMetadata;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const CHECK: &str = "names";

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut looks = JoinSet::new();
    let created = context
        .wanted
        .iter()
        .filter(|one| one.is_new && !one.replaces);
    for one in created {
        let Some(identifier) = identifier(one) else {
            continue;
        };
        let (cloud, one) = (context.cloud.clone(), one.clone());
        looks.spawn(async move {
            let taken = look(&cloud, &one.kind, &identifier).await;
            (one, identifier, taken)
        });
    }
    let mut free = Vec::new();
    let mut found = Vec::new();
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(joined) = looks.join_next().await {
        let Ok((one, name, taken)) = joined else {
            continue;
        };
        match taken {
            Ok(Standing::Free) => free.push(name),
            Ok(Standing::Taken) => found.push(
                Finding::failed(CHECK, format!("{name} ({}) is there already", one.kind))
                    .about(&one)
                    .hint("give it another name, delete it, or import it into the stack"),
            ),
            Ok(Standing::Foreign) => found.push(
                Finding::failed(CHECK, format!("{name} ({}) is somebody else's", one.kind))
                    .about(&one)
                    .hint("give it another name"),
            ),
            Err(error) => unknown
                .entry(Finding::unknown(CHECK, &error).says)
                .or_default()
                .push(name),
        }
    }
    free.sort();
    // One refusal is mostly that of all.
    for (why, mut names) in unknown {
        names.sort();
        let says = format!("{}: {why}", names.join(", "));
        found.push(Finding::new(CHECK, Level::Unknown, says));
    }
    found.sort_by(|a, b| (&a.stack, &a.resource).cmp(&(&b.stack, &b.resource)));
    if !free.is_empty() && found.iter().all(|one| one.level != Level::Failed) {
        found.push(Finding::ok(CHECK, format!("free: {}", free.join(", "))));
    }
    found
}

/// What a name is.
pub(super) enum Standing {
    Free,
    Taken,
    Foreign,
}

/// What will identify the resource, where all of that is given and known.
fn identifier(one: &Wanted) -> Option<String> {
    let schema = schema::schema(&one.kind)?;
    let named = |path: &String| {
        let value = &one.properties[path.as_str()];
        let own = !schema.read_only().contains(path) && is_plain(value);
        scalar_text(value).filter(|text| own && !text.is_empty())
    };
    let parts: Option<Vec<String>> = schema.primary_identifier().iter().map(named).collect();
    parts
        .filter(|parts| !parts.is_empty())
        .map(|parts| parts.join("|"))
}

async fn look(cloud: &Cloud, kind: &str, identifier: &str) -> Result<Standing> {
    match kind {
        // A bucket's name is everybody's, and Cloud Control knows our own only.
        "AWS::S3::Bucket" => bucket(cloud, identifier).await,
        _ => of_any_type(cloud, kind, identifier).await,
    }
}

pub(super) async fn bucket(cloud: &Cloud, name: &str) -> Result<Standing> {
    match cloud.storage().head_bucket().bucket(name).send().await {
        Ok(_) => Ok(Standing::Taken),
        Err(error) => match error.raw_response().map(|answer| answer.status().as_u16()) {
            Some(404) => Ok(Standing::Free),
            // Another account's, or another region's.
            Some(301 | 403) => Ok(Standing::Foreign),
            _ => Err(refusal("HeadBucket", error)),
        },
    }
}

/// <https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_GetResource.html>
async fn of_any_type(cloud: &Cloud, kind: &str, identifier: &str) -> Result<Standing> {
    let request = cloud.cloudcontrol().get_resource();
    match request.type_name(kind).identifier(identifier).send().await {
        Ok(_) => Ok(Standing::Taken),
        Err(error) => match error.code() {
            Some("ResourceNotFoundException") => Ok(Standing::Free),
            _ => Err(refusal("GetResource", error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn wanted(kind: &str, properties: Value) -> Wanted {
        Wanted {
            stack: "S".to_owned(),
            name: "R".to_owned(),
            kind: kind.to_owned(),
            is_new: true,
            replaces: false,
            properties,
            place: None,
        }
    }

    #[test]
    fn what_is_given_and_known_identifies() {
        let of = |kind, properties| identifier(&wanted(kind, properties));
        let group = "AWS::Logs::LogGroup";
        assert_eq!(
            of(group, json!({"LogGroupName": "/a"})),
            Some("/a".to_owned())
        );
        assert_eq!(of(group, json!({"LogGroupName": {"Ref": "X"}})), None);
        assert_eq!(of(group, json!({})), None);
        // What only the service gives is not looked up.
        assert_eq!(of("AWS::SQS::Queue", json!({"QueueName": "q"})), None);
        assert_eq!(of("Custom::Thing", json!({"Name": "q"})), None);
    }
}
