//! How functions are told.

use super::super::holdings::{Held, Holdings, Progress, Shape, as_is};
use super::{FUNCTIONS, Named};
use crate::local::formation::evaluate::partition;
use crate::local::ids;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>
const CONFIGURATION: Shape = Shape {
    kind: FUNCTIONS,
    naming: as_is,
    properties: &[
        "Runtime",
        "Role",
        "Handler",
        "Description",
        "Timeout",
        "MemorySize",
        "VpcConfig",
        "DeadLetterConfig",
        "Environment",
        "KmsKeyArn",
        "TracingConfig",
        "FileSystemConfigs",
        "PackageType",
        "Architectures",
        "EphemeralStorage",
        "LoggingConfig",
        "TenancyConfig",
    ],
    renamed: &[("KmsKeyArn", "KMSKeyArn")],
};

/// How a function is set up, and how it is.
pub(super) fn configuration(holdings: &Holdings<'_>, named: &Named<'_>) -> Value {
    let held = named.held;
    let code = held.property("Code").to_string();
    let size = held.property("Code")["ZipFile"]
        .as_str()
        .map_or(1024, str::len);
    let runtime = held.text("Runtime");
    let is_zip = !runtime.is_empty();
    let region = &holdings.place.region;
    let mut told = CONFIGURATION.with(
        &json!({
            "Description": "", "Timeout": 3, "MemorySize": 128,
            "TracingConfig": { "Mode": "PassThrough" }, "PackageType": "Zip",
            "Architectures": ["x86_64"], "EphemeralStorage": { "Size": 512 },
        }),
        held.resource.actual(),
        &json!({
            "FunctionName": held.id(),
            "FunctionArn": named.qualified(),
            "Version": named.version(),
            "CodeSize": size,
            "CodeSha256": STANDARD.encode(ids::digest(&code)),
            "LastModified": held.modified().replace('Z', "+0000"),
            "RevisionId": ids::stable_uuid(&format!("{}{}", held.id(), held.resource.actual())),
            "VpcConfig": network(holdings, held),
            "Layers": layers(held),
            "SnapStart": {
                "ApplyOn": held.property("SnapStart")["ApplyOn"].as_str().unwrap_or("None"),
                "OptimizationStatus": "Off",
            },
            "RuntimeVersionConfig": is_zip.then(|| json!({ "RuntimeVersionArn": format!(
                "arn:{}:lambda:{region}::runtime:{}", partition(region), ids::stable(runtime)) })),
            "LoggingConfig": logging(held),
        }),
    );
    for (name, value) in progress(held) {
        told[name] = value.into();
    }
    told
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
fn progress(held: Held<'_>) -> Vec<(&'static str, &'static str)> {
    match held.progress() {
        Progress::Making => vec![
            ("State", "Pending"),
            ("StateReason", "The function is being created."),
            ("StateReasonCode", "Creating"),
            ("LastUpdateStatus", "InProgress"),
        ],
        Progress::Changing => vec![("State", "Active"), ("LastUpdateStatus", "InProgress")],
        Progress::Removing | Progress::Settled => {
            vec![("State", "Active"), ("LastUpdateStatus", "Successful")]
        }
    }
}

fn network(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let given = held.property("VpcConfig");
    let Some(first) = given["SubnetIds"][0].as_str() else {
        return Value::Null;
    };
    let subnet = holdings.find("AWS::EC2::Subnet", first);
    let mut told = given.clone();
    told["VpcId"] = subnet.map_or("", |held| held.text("VpcId")).into();
    told
}

fn layers(held: Held<'_>) -> Value {
    let Some(layers) = held.property("Layers").as_array() else {
        return Value::Null;
    };
    let told = layers
        .iter()
        .map(|arn| json!({ "Arn": arn, "CodeSize": 1024 }));
    told.collect()
}

pub(super) fn logging(held: Held<'_>) -> Value {
    let mut told = json!({
        "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", held.id()),
    });
    let given = held.property("LoggingConfig").as_object();
    for (name, value) in given.into_iter().flatten() {
        told[name.as_str()] = value.clone();
    }
    if told["LogFormat"] == "JSON" {
        for name in ["ApplicationLogLevel", "SystemLogLevel"] {
            if told[name].is_null() {
                told[name] = "INFO".into();
            }
        }
    }
    told
}

/// What is reserved of the account's concurrency, as it is told.
pub(super) fn concurrency(held: &Held<'_>) -> Option<Value> {
    let reserved = reserved(held)?;
    Some(json!({ "ReservedConcurrentExecutions": reserved }))
}

/// What is reserved of the account's concurrency.
pub(super) fn reserved(held: &Held<'_>) -> Option<u64> {
    match held.property("ReservedConcurrentExecutions") {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// A function with where its code is.
pub(super) fn function(holdings: &Holdings<'_>, named: &Named<'_>) -> Value {
    let held = named.held;
    let code = held.property("Code");
    let region = &holdings.place.region;
    let mut told = json!({
        "Configuration": configuration(holdings, named),
        "Code": match code["ImageUri"].as_str() {
            Some(image) => json!({ "RepositoryType": "ECR", "ImageUri": image, "ResolvedImageUri": image }),
            None => json!({
                "RepositoryType": "S3",
                "Location": format!("https://awslambda-{region}-tasks.s3.{region}.amazonaws.com/\
                                     snapshots/{}/{}", holdings.place.account, held.id()),
            }),
        },
        "Tags": held.tags(),
    });
    if let Some(concurrency) = concurrency(&held) {
        told["Concurrency"] = concurrency;
    }
    told
}
