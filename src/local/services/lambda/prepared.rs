//! A function, ready to be called: its code and what Lambda sets up around it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>

use super::Named;
use super::told::logging;
use super::work::{Code, Invocation};
use crate::local::core::Core;
use crate::local::services::holdings::{Held, Holdings};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The call of a function.
pub(super) fn invocation(
    core: &Core,
    holdings: &Holdings<'_>,
    named: &Named<'_>,
    event: Value,
) -> Invocation {
    let held = named.held;
    Invocation {
        arn: named.qualified(),
        name: held.id().to_owned(),
        code: code(core, holdings, named),
        timeout: Duration::from_secs(number(held, "Timeout", 3)),
        event,
    }
}

fn number(held: Held<'_>, name: &str, usual: u64) -> u64 {
    match held.property(name) {
        Value::String(text) => text.parse().unwrap_or(usual),
        other => other.as_u64().unwrap_or(usual),
    }
}

fn code(core: &Core, holdings: &Holdings<'_>, named: &Named<'_>) -> Result<Code, String> {
    let held = named.held;
    let runtime = held.text("Runtime");
    if !runtime.starts_with("python") {
        return Err(format!("the embedded Lambda runs Python, not {runtime}"));
    }
    let text = held.property("Code")["ZipFile"].as_str().ok_or(
        "the embedded Lambda runs code that stands in the template (Code.ZipFile), and no other",
    )?;
    Ok(Code {
        text: text.to_owned(),
        environment: environment(core, holdings, named),
    })
}

fn environment(
    core: &Core,
    holdings: &Holdings<'_>,
    named: &Named<'_>,
) -> BTreeMap<String, String> {
    let held = named.held;
    let given = held.property("Environment")["Variables"].as_object();
    let given = given.into_iter().flatten().map(|(name, value)| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), value)
    });
    let region = &holdings.place.region;
    let group = logging(held)["LogGroup"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let memory = number(held, "MemorySize", 128).to_string();
    let own = [
        ("AWS_REGION", region.as_str()),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ENDPOINT_URL", core.endpoint()),
        // Of no account: nothing in a signature is checked here.
        ("AWS_ACCESS_KEY_ID", "embedded"),
        ("AWS_SECRET_ACCESS_KEY", "embedded"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        (
            "AWS_EXECUTION_ENV",
            &format!("AWS_Lambda_{}", held.text("Runtime")),
        ),
        ("AWS_LAMBDA_FUNCTION_NAME", held.id()),
        ("AWS_LAMBDA_FUNCTION_VERSION", named.version()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "embedded"),
        ("_HANDLER", held.text("Handler")),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("PYTHONUTF8", "1"),
    ];
    // What Lambda sets cannot be set otherwise.
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    given.chain(own).collect()
}
