//! Lambda: whether functions are as deployed, can be called, and by whom they should be.

use super::Context;
use super::asked::Asked;
use super::comparison::{Comparison, is_missing, listed};
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::error::{Error, Result};
use crate::settings::command;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, InvocationType};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const CHECK: &str = "function";
const PERMISSION: &str = "permission";

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let (functions, permissions) = tokio::join!(functions(context), permissions(context));
    [functions, permissions].concat()
}

/// What is live of a function, and whether a call would be let through.
struct Live {
    function: Result<GetFunctionOutput>,
    call: Result<()>,
}

async fn functions(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::Lambda::Function");
    let mut reads = JoinSet::new();
    for one in asked.clone() {
        let client = context.cloud.lambda();
        let id = one.id.clone();
        reads.spawn(async move {
            let function = client.get_function().function_name(&id).send();
            let call = client
                .invoke()
                .function_name(&id)
                .invocation_type(InvocationType::DryRun)
                .send();
            let (function, call) = tokio::join!(function, call);
            let live = Live {
                function: function.map_err(|error| refusal("GetFunction", error)),
                call: call.map(|_| ()).map_err(|error| refusal("Invoke", error)),
            };
            (id, live)
        });
    }
    let live: BTreeMap<String, Live> = reads.join_all().await.into_iter().collect();
    let pairs = asked.filter_map(|one| Some((one, live.get(&one.id)?)));
    pairs
        .flat_map(|(one, live)| function(context, one, live))
        .collect()
}

fn function(context: &Context<'_>, one: &Asked, live: &Live) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, CHECK, one);
    let answer = match &live.function {
        Ok(answer) => answer,
        Err(error) => return comparison.unread(error),
    };
    if let Some(configuration) = answer.configuration() {
        states(&mut comparison, configuration);
        settings(&mut comparison, configuration);
    }
    let reserved = answer.concurrency();
    let reserved = reserved.and_then(|own| own.reserved_concurrent_executions());
    reservation(&mut comparison, one, reserved);
    let mut found = comparison.end(format!("{} is active, and as deployed", one.id));
    found.extend(callable(context, one, &live.call));
    found
}

/// What is reserved for a function is also the most that it gets.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>
fn reservation(comparison: &mut Comparison<'_>, one: &Asked, live: Option<i32>) {
    const PROPERTY: &str = "ReservedConcurrentExecutions";
    match live {
        Some(0) if one.text(PROPERTY).as_deref() != Some("0") => {
            comparison.wrong(
                PROPERTY,
                "its reserved concurrency is 0: every call is refused",
            );
        }
        Some(live) if one.at(PROPERTY).is_none() => comparison.careful(
            format!("it is held to {live} calls at once, which its stack does not ask for"),
            "ask for it in the template, or lift it",
        ),
        _ => comparison.same(PROPERTY, &json!(live)),
    }
}

/// Whether a call would get as far as the function's code: a dry run checks the caller's rights too, so
/// that a refusal of those tells nothing of the function.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
fn callable(context: &Context<'_>, one: &Asked, call: &Result<()>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, CHECK, one);
    match call {
        Ok(()) => {}
        Err(error) if is_refused(error) => return comparison.unread(error),
        Err(error) => comparison.wrong_but(
            "",
            format!(
                "cannot be called: {}",
                error.messages.join(" ").trim_end_matches('.')
            ),
            "a dry run of the call was refused",
        ),
    }
    comparison.end(format!("{} can be called", one.id))
}

/// Whether a read failed for the sake of who reads, or of the way.
fn is_refused(error: &Error) -> bool {
    let code = error.code.as_deref();
    code.is_none_or(|code| code.contains("AccessDenied")) || error.passing.is_some()
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
fn states(comparison: &mut Comparison<'_>, live: &FunctionConfiguration) {
    let state = live.state().map(|state| state.as_str());
    // One that has not been called for weeks wakes with the next call.
    if state != Some("Inactive") {
        comparison.status(state, "Active");
    }
    if let Some(why) = live.state_reason().filter(|_| state != Some("Active")) {
        comparison.careful(why.trim_end_matches('.'), "see what the function needs");
    }
    let update = live.last_update_status().map(|status| status.as_str());
    if update.is_some_and(|update| update != "Successful") {
        let why = live
            .last_update_status_reason()
            .unwrap_or("no reason is given");
        comparison.wrong_but(
            "",
            format!("its last update is {}: {why}", update.unwrap_or_default()),
            format!(
                "if it is in progress, wait: {}; else deploy the stack again",
                command("verify --watch")
            ),
        );
    }
}

fn settings(comparison: &mut Comparison<'_>, live: &FunctionConfiguration) {
    comparison.same("Role", &json!(live.role()));
    comparison.same("Handler", &json!(live.handler()));
    comparison.same("Runtime", &json!(live.runtime().map(|one| one.as_str())));
    comparison.same_or("MemorySize", json!(128), &json!(live.memory_size()));
    comparison.same_or("Timeout", json!(3), &json!(live.timeout()));
    let tracing = live.tracing_config().and_then(|own| own.mode());
    comparison.same(
        "TracingConfig.Mode",
        &json!(tracing.map(|mode| mode.as_str())),
    );
    let architectures = live.architectures().iter().map(|one| one.as_str());
    let architectures: Vec<&str> = architectures.collect();
    comparison.same("Architectures", &listed(&architectures));
    let group = live.logging_config().and_then(|own| own.log_group());
    comparison.same("LoggingConfig.LogGroup", &json!(group));
    if let Some(network) = live.vpc_config() {
        comparison.same("VpcConfig.SubnetIds", &listed(network.subnet_ids()));
        let groups = listed(network.security_group_ids());
        comparison.same("VpcConfig.SecurityGroupIds", &groups);
    } else {
        comparison.same("VpcConfig.SubnetIds", &json!([]));
    }
    environment(comparison, live);
}

/// The environment, without its values: they may be secrets.
fn environment(comparison: &mut Comparison<'_>, live: &FunctionConfiguration) {
    let variables = live.environment().and_then(|own| own.variables());
    let variables = json!(variables.cloned().unwrap_or_default());
    comparison.same_unseen("Environment.Variables", &variables);
    let known = comparison.asked().at("Environment.Variables").cloned();
    let known = known.unwrap_or_default();
    for name in variables.as_object().into_iter().flat_map(|own| own.keys()) {
        if known.get(name).is_none() {
            let says =
                format!("Environment.Variables.{name} is there, and its stack asks for none");
            comparison.wrong("Environment.Variables", says);
        }
    }
}

async fn permissions(context: &Context<'_>) -> Vec<Finding> {
    let asked = context.all("AWS::Lambda::Permission");
    let pairs = asked.filter_map(|one| Some((one, one.text("FunctionName")?)));
    let mut reads = JoinSet::new();
    let mut functions: Vec<String> = pairs.clone().map(|(_, function)| function).collect();
    functions.sort();
    functions.dedup();
    for function in functions {
        let request = context.cloud.lambda().get_policy().function_name(&function);
        reads.spawn(async move {
            let answer = request.send().await;
            let answer = answer.map_err(|error| refusal("GetPolicy", error));
            (
                function,
                answer.map(|answer| answer.policy.unwrap_or_default()),
            )
        });
    }
    let live: BTreeMap<String, Result<String>> = reads.join_all().await.into_iter().collect();
    let pairs = pairs.filter_map(|(one, function)| Some((one, live.get(&function)?)));
    pairs
        .flat_map(|(one, policy)| permission(context, one, policy))
        .collect()
}

fn permission(context: &Context<'_>, one: &Asked, policy: &Result<String>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, PERMISSION, one);
    let policy: Value = match policy {
        Ok(text) => serde_json::from_str(text).unwrap_or_default(),
        // Without a statement there is no policy.
        Err(error) if is_missing(error) => Value::Null,
        Err(error) => return comparison.unread(error),
    };
    let statements = policy["Statement"].as_array().map(Vec::as_slice);
    let mut statements = statements.unwrap_or_default().iter();
    let principal = one.text("Principal").unwrap_or_default();
    let action = one.text("Action").unwrap_or_default();
    if !statements.any(|statement| allows(statement, one)) {
        comparison.wrong(
            "",
            format!("the function's policy lets {principal} do no {action} any more"),
        );
    }
    comparison.end(format!("{principal} may do {action}"))
}

/// Whether a statement of a function's policy is what a permission asks, as far as it can be told.
/// <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>
fn allows(statement: &Value, one: &Asked) -> bool {
    let is = |property: &str, live: &Value| {
        let asked = one.text(property);
        asked.is_none_or(|asked| live.as_str() == Some(asked.as_str()))
    };
    let of = |key: &str| condition(&statement["Condition"], key);
    let principal = one.text("Principal").is_none_or(|asked| {
        let live = &statement["Principal"];
        let whole = |live: &Value| {
            let live = live.as_str().unwrap_or_default();
            live == asked || live.contains(&format!("::{asked}:"))
        };
        whole(live) || whole(&live["Service"]) || whole(&live["AWS"])
    });
    statement["Effect"] == "Allow"
        && principal
        && is("Action", &statement["Action"])
        && is("SourceArn", &of("aws:SourceArn"))
        && is("SourceAccount", &of("aws:SourceAccount"))
}

/// The value of a key in a statement's conditions; keys are written in any case.
fn condition(conditions: &Value, key: &str) -> Value {
    let groups = conditions.as_object().into_iter().flatten();
    let mut pairs = groups.flat_map(|(_, group)| group.as_object().into_iter().flatten());
    let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case(key));
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_allows_what_the_permission_asks_and_no_other() {
        let one = |source: &str| Asked {
            stack: "S".to_owned(),
            name: "P".to_owned(),
            kind: "AWS::Lambda::Permission".to_owned(),
            id: "p".to_owned(),
            properties: json!({"Principal": "apigateway.amazonaws.com", "SourceArn": source,
                "Action": "lambda:InvokeFunction", "SourceAccount": {"Ref": "Unknown"}}),
            place: None,
        };
        let statement = json!({"Effect": "Allow", "Action": "lambda:InvokeFunction",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Condition": {"ArnLike": {"AWS:SourceArn": "arn:one"}}});
        assert!(allows(&statement, &one("arn:one")));
        assert!(!allows(&statement, &one("arn:two")));
    }
}
