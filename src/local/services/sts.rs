//! STS: who the caller is. Everybody is somebody here, and may be anybody.

use crate::local::core::Core;
use crate::local::formation::evaluate::partition;
use crate::local::ids;
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

/// The user that whoever calls is.
pub const CALLER: &str = "embedded";

/// The id of every role.
const ROLE: &str = "AROAEMBEDDED";

/// How the token of a role's session begins; who it is stands behind.
const SESSION: &str = "embedded/";

/// The name of the role whose session a token is of.
pub fn role(token: &str) -> Option<&str> {
    let (_, named) = token.strip_prefix(SESSION)?.split_once(":assumed-role/")?;
    named.split('/').next()
}

/// Answers a request of the Query protocol. `session` is the token that came with it.
pub fn answer(
    core: &Core,
    action: &str,
    query: &Query,
    session: Option<&str>,
) -> Result<Value, Refusal> {
    let account = &core.options.account;
    let partition = partition(&core.options.region);
    match action {
        "GetCallerIdentity" => Ok(
            match session.and_then(|token| token.strip_prefix(SESSION)) {
                Some(arn) => json!({
                    "Arn": arn,
                    "UserId": format!("{ROLE}:{}", arn.rsplit('/').next().unwrap_or_default()),
                    "Account": arn.split(':').nth(4).unwrap_or(account),
                }),
                None => json!({
                    "Arn": format!("arn:{partition}:iam::{account}:user/{CALLER}"),
                    "UserId": "AIDAEMBEDDED",
                    "Account": account,
                }),
            },
        ),
        "AssumeRole" => {
            let role = query.required("RoleArn")?;
            let session = query.required("RoleSessionName")?;
            let name = role.rsplit('/').next().unwrap_or(role);
            let of = role.split(':').nth(4).unwrap_or(account);
            let arn = format!("arn:{partition}:sts::{of}:assumed-role/{name}/{session}");
            Ok(json!({
                "Credentials": credentials(&format!("{SESSION}{arn}")),
                "AssumedRoleUser": {
                    "AssumedRoleId": format!("{ROLE}:{session}"),
                    "Arn": arn,
                },
            }))
        }
        "GetSessionToken" => Ok(json!({ "Credentials": credentials("embedded") })),
        other => Err(super::unknown(other)),
    }
}

fn credentials(token: &str) -> Value {
    let secret = ids::uuid().replace('-', "");
    json!({
        "AccessKeyId": format!("ASIA{}", secret[..16].to_uppercase()),
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": ids::after(std::time::Duration::from_secs(3600)),
    })
}
