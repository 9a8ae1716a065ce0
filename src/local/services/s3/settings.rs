//! A bucket's settings: kept as they are sent, and told as they are kept. Those of a bucket that a
//! stack holds come from its properties until a request sets them.

use super::buckets::{Bucket, Made};
use super::{Answer, Answered, Call, document, empty, malformed, not_implemented};
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::xml;
use serde_json::{Value, json};

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the query.
    name: &'static str,
    /// The element that holds it.
    element: &'static str,
    /// The property of AWS::S3::Bucket that it comes from.
    property: &'static str,
    /// The code and the message while it is not set; with none, the element is told, empty.
    unset: Option<(&'static str, &'static str)>,
}

const fn setting(
    name: &'static str,
    element: &'static str,
    property: &'static str,
    unset: Option<(&'static str, &'static str)>,
) -> Setting {
    Setting {
        name,
        element,
        property,
        unset,
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
const SETTINGS: &[Setting] = &[
    setting(
        "accelerate",
        "AccelerateConfiguration",
        "AccelerateConfiguration",
        None,
    ),
    setting(
        "cors",
        "CORSConfiguration",
        "CorsConfiguration",
        Some((
            "NoSuchCORSConfiguration",
            "The CORS configuration does not exist",
        )),
    ),
    setting(
        "encryption",
        "ServerSideEncryptionConfiguration",
        "BucketEncryption",
        None,
    ),
    setting(
        "lifecycle",
        "LifecycleConfiguration",
        "LifecycleConfiguration",
        Some((
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        )),
    ),
    setting(
        "logging",
        "BucketLoggingStatus",
        "LoggingConfiguration",
        None,
    ),
    setting(
        "notification",
        "NotificationConfiguration",
        "NotificationConfiguration",
        None,
    ),
    setting(
        "object-lock",
        "ObjectLockConfiguration",
        "ObjectLockConfiguration",
        Some((
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        )),
    ),
    setting(
        "ownershipControls",
        "OwnershipControls",
        "OwnershipControls",
        None,
    ),
    setting(
        "policy",
        "Policy",
        "",
        Some(("NoSuchBucketPolicy", "The bucket policy does not exist")),
    ),
    setting(
        "publicAccessBlock",
        "PublicAccessBlockConfiguration",
        "PublicAccessBlockConfiguration",
        None,
    ),
    setting(
        "replication",
        "ReplicationConfiguration",
        "ReplicationConfiguration",
        Some((
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        )),
    ),
    setting("requestPayment", "RequestPaymentConfiguration", "", None),
    setting(
        "tagging",
        "Tagging",
        "Tags",
        Some(("NoSuchTagSet", "The TagSet does not exist")),
    ),
    setting(
        "versioning",
        "VersioningConfiguration",
        "VersioningConfiguration",
        None,
    ),
    setting(
        "website",
        "WebsiteConfiguration",
        "WebsiteConfiguration",
        Some((
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        )),
    ),
];

/// The setting that the query asks for.
pub fn asked(query: &Query) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| query.has(setting.name))
}

/// Tells a setting.
pub fn get(setting: &Setting, bucket: &Bucket) -> Answered {
    if let Some(text) = bucket.setting(setting.name) {
        return Ok(as_sent(setting, text));
    }
    let told = match &bucket.made {
        Some(made) => of_properties(setting, made)?,
        None => None,
    };
    if let Some(value) = told.or_else(|| from_the_start(setting.name)) {
        return Ok(match value {
            Value::String(policy) => as_sent(setting, &policy),
            value => document(setting.element, &value),
        });
    }
    match setting.unset {
        Some((code, message)) => Err(Refusal::new(404, code, message)),
        None => Ok(document(setting.element, &json!({}))),
    }
}

fn as_sent(setting: &Setting, text: &str) -> Answer {
    let content_type = match setting.name {
        "policy" => "application/json",
        _ => "application/xml",
    };
    Answer::new(200, content_type, text.as_bytes().to_vec())
}

/// What every bucket has.
fn from_the_start(name: &str) -> Option<Value> {
    Some(match name {
        "encryption" => json!({ "Rule": {
            "ApplyServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" },
            "BucketKeyEnabled": false,
        }}),
        "ownershipControls" => json!({ "Rule": { "ObjectOwnership": "BucketOwnerEnforced" } }),
        "publicAccessBlock" => block(&json!(true), &Value::Null),
        "requestPayment" => json!({ "Payer": "BucketOwner" }),
        _ => return None,
    })
}

/// The setting as the stack's template has it, where it has it.
fn of_properties(setting: &Setting, made: &Made) -> Result<Option<Value>, Refusal> {
    let property = &made.properties[setting.property];
    Ok(match setting.name {
        "policy" => made.policy.as_ref().map(|policy| json!(policy.to_string())),
        "tagging" => {
            let tag = |(key, value): (&String, &String)| json!({ "Key": key, "Value": value });
            let tags: Vec<Value> = made.tags.iter().map(tag).collect();
            Some(json!({ "TagSet": { "Tag": tags } }))
        }
        _ if property.is_null() => None,
        "versioning" => Some(json!({ "Status": property["Status"] })),
        "publicAccessBlock" => Some(block(&json!(false), property)),
        "ownershipControls" => Some(json!({ "Rule": property["Rules"] })),
        "encryption" => {
            let rules = property["ServerSideEncryptionConfiguration"].as_array();
            let rule = |rule: &Value| {
                let default = &rule["ServerSideEncryptionByDefault"];
                json!({
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": default["SSEAlgorithm"],
                        "KMSMasterKeyID": default["KMSMasterKeyID"],
                    },
                    "BucketKeyEnabled": rule.get("BucketKeyEnabled").unwrap_or(&json!(false)),
                })
            };
            let rules: Vec<Value> = rules.into_iter().flatten().map(rule).collect();
            Some(json!({ "Rule": rules }))
        }
        // Written otherwise in a template than S3 tells it.
        _ => return Err(not_implemented()),
    })
}

fn block(otherwise: &Value, stated: &Value) -> Value {
    let flag = |name: &str| stated.get(name).unwrap_or(otherwise).clone();
    json!({
        "BlockPublicAcls": flag("BlockPublicAcls"),
        "IgnorePublicAcls": flag("IgnorePublicAcls"),
        "BlockPublicPolicy": flag("BlockPublicPolicy"),
        "RestrictPublicBuckets": flag("RestrictPublicBuckets"),
    })
}

/// Sets a setting.
pub fn put(setting: &Setting, call: &Call<'_>, mut bucket: Bucket) -> Answered {
    let text = String::from_utf8(call.body()?).map_err(|_| malformed())?;
    if setting.name == "policy" {
        serde_json::from_str::<Value>(&text).map_err(|_| {
            Refusal::new(400, "MalformedPolicy", "This policy contains invalid Json")
        })?;
    } else {
        let node = xml::read(&text).filter(|node| node.name == setting.element);
        let node = node.ok_or_else(malformed)?;
        let status = node.text_of("Status");
        let known = matches!(status, None | Some("Enabled" | "Suspended"));
        if setting.name == "versioning" && !known {
            return Err(malformed());
        }
    }
    bucket.set(setting.name, Some(text))?;
    Ok(empty(if setting.name == "policy" { 204 } else { 200 }))
}

/// Takes a setting back.
pub fn delete(setting: &Setting, mut bucket: Bucket) -> Answered {
    bucket.set(setting.name, None)?;
    Ok(empty(204))
}
