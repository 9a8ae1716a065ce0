//! Lambda functions.

use super::words::{No, no};
use super::{Call, limits, number, policies};
use crate::template::runtimes;
use serde_json::Value;

/// The account's concurrency, and what of it stays for functions that reserve none.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>
pub const CONCURRENCY: (f64, f64) = (limits::CONCURRENCY.most as f64, 100.0);

/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const BOUNDS: &[(&str, &str, f64, f64)] = &[
    ("MemorySize", "memorySize", 128.0, 10_240.0),
    ("Timeout", "timeout", 1.0, 900.0),
];

/// Variables that Lambda sets.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const RESERVED: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
];

fn refuse(words: impl Into<String>) -> No {
    no("Lambda", words)
}

/// What a create and an update are refused for alike.
pub(super) fn settings(call: &Call<'_>) -> Option<No> {
    role(call)
        .or_else(|| bounds(call.properties()))
        .or_else(|| environment(call.properties()))
        .or_else(|| concurrency(call))
}

/// The role must let Lambda assume it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html>
fn role(call: &Call<'_>) -> Option<No> {
    let name = call.text("Role").rsplit('/').next()?;
    let role = call.world.find("AWS::IAM::Role", name)?;
    let trust = &role.resource.actual()["AssumeRolePolicyDocument"];
    let trusts = policies::lets_service(trust, "lambda.amazonaws.com", "sts:AssumeRole");
    (!trusts).then(|| refuse("The role defined for the function cannot be assumed by Lambda."))
}

fn bounds(properties: &Value) -> Option<No> {
    BOUNDS.iter().find_map(|(name, field, least, most)| {
        let value = number(properties, name)?;
        let bound = if value < *least {
            format!("greater than or equal to {least}")
        } else if value > *most {
            format!("less than or equal to {most}")
        } else {
            return None;
        };
        Some(refuse(format!(
            "1 validation error detected: Value '{value}' at '{field}' failed to satisfy \
             constraint: Member must have value {bound}"
        )))
    })
}

/// Environment variables: 4 KB of them, and none of Lambda's own.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn environment(properties: &Value) -> Option<No> {
    const SORRY: &str = "Lambda was unable to configure your environment variables because the \
                         environment variables you have provided";
    let variables = properties["Environment"]["Variables"].as_object()?;
    let reserved: Vec<&str> = variables
        .keys()
        .map(String::as_str)
        .filter(|name| RESERVED.contains(name))
        .collect();
    if !reserved.is_empty() {
        return Some(refuse(format!(
            "{SORRY} contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let size = serde_json::to_string(variables).unwrap_or_default().len();
    (size > 4096).then(|| refuse(format!("{SORRY} exceeded the 4KB limit.")))
}

/// What is reserved must leave enough for all others.
fn concurrency(call: &Call<'_>) -> Option<No> {
    let reserved = |properties: &Value| number(properties, "ReservedConcurrentExecutions");
    let own = reserved(call.properties())?;
    let others = call.others("AWS::Lambda::Function");
    let all: f64 = others
        .filter_map(|held| reserved(held.resource.actual()))
        .sum();
    let (account, unreserved) = CONCURRENCY;
    (account - all - own < unreserved).then(|| {
        refuse(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [{unreserved}]."
        ))
    })
}

/// A runtime that no function may be created with any more.
pub(super) fn runtime_on_create(call: &Call<'_>) -> Option<No> {
    let runtime = call.text("Runtime");
    runtimes::ended(runtime, call.world.today).then(|| ended(runtime))
}

/// A runtime that no function may be updated with any more.
pub(super) fn runtime_on_update(call: &Call<'_>) -> Option<No> {
    let runtime = call.text("Runtime");
    runtimes::frozen(runtime, call.world.today).then(|| ended(runtime))
}

fn ended(runtime: &str) -> No {
    refuse(format!(
        "The runtime parameter of {runtime} is no longer supported for creating or updating AWS \
         Lambda functions. We recommend you use a supported runtime while creating or updating \
         functions."
    ))
}
