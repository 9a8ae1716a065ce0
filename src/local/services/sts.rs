//! STS: who the caller is. Everybody is somebody here, and may be anybody.

use crate::local::core::Core;
use crate::local::formation::evaluate::partition;
use crate::local::ids;
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

/// The user that whoever calls is.
pub const CALLER: &str = "embedded";

/// Answers a request of the Query protocol.
pub fn answer(core: &Core, action: &str, query: &Query) -> Result<Value, Refusal> {
    let account = &core.options.account;
    let partition = partition(&core.options.region);
    match action {
        "GetCallerIdentity" => Ok(json!({
            "Arn": format!("arn:{partition}:iam::{account}:user/{CALLER}"),
            "UserId": "AIDAEMBEDDED",
            "Account": account,
        })),
        "AssumeRole" => {
            let role = query.required("RoleArn")?;
            let session = query.required("RoleSessionName")?;
            let name = role.rsplit('/').next().unwrap_or(role);
            let of = role.split(':').nth(4).unwrap_or(account);
            Ok(json!({
                "Credentials": credentials(),
                "AssumedRoleUser": {
                    "AssumedRoleId": format!("AROAEMBEDDED:{session}"),
                    "Arn": format!("arn:{partition}:sts::{of}:assumed-role/{name}/{session}"),
                },
            }))
        }
        "GetSessionToken" => Ok(json!({ "Credentials": credentials() })),
        other => Err(super::unknown(other)),
    }
}

fn credentials() -> Value {
    let secret = ids::uuid().replace('-', "");
    json!({
        "AccessKeyId": format!("ASIA{}", secret[..16].to_uppercase()),
        "SecretAccessKey": secret,
        "SessionToken": "embedded",
        "Expiration": ids::after(std::time::Duration::from_secs(3600)),
    })
}
