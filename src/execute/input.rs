//! What a create or an update of a stack asks for.

use super::Context;
use crate::cloud::{Source, StackInput};
use crate::error::{Error, Result};
use crate::manifest::{Stack, Value};
use crate::plan::Step;
use crate::settings::command;
use std::collections::BTreeMap;

pub(super) fn manifest_stack<'a>(context: &'a Context, step: &Step) -> Result<&'a Stack> {
    context
        .project
        .stack(&step.stack)
        .ok_or_else(|| Error::asked(format!("there is no stack {} in the manifest.", step.stack)))
}

pub(super) fn input(context: &Context, step: &Step, token: String) -> Result<StackInput> {
    let stack = manifest_stack(context, step)?;
    let mut parameters = BTreeMap::new();
    for given in &stack.parameters {
        parameters.insert(given.name.clone(), value(context, &given.value)?);
    }
    if let Some(ready) = context.project.prepared.get(&stack.name) {
        // A changed default is deployed: the default is sent, never UsePreviousValue.
        for parameter in &ready.template.parameters {
            if let Some(default) = &parameter.default {
                parameters
                    .entry(parameter.name.clone())
                    .or_insert_with(|| default.clone());
            }
        }
    }
    let source = context
        .sources
        .get(&stack.name)
        .cloned()
        .unwrap_or(Source::Inline(String::new()));
    Ok(StackInput {
        name: stack.deployed_name.clone(),
        source,
        parameters,
        tags: stack.tags.clone(),
        capabilities: stack.capabilities.clone(),
        topics: stack.notification_topics.clone(),
        role_arn: context
            .options
            .role_arn
            .clone()
            .or_else(|| stack.role_arn.clone()),
        policy: stack.stack_policy.clone(),
        protected: stack.termination_protection.unwrap_or(false),
        timeout_minutes: stack.timeout_minutes,
        on_failure: context.options.on_failure,
        express: context.options.express,
        token,
        revert_drift: context.options.revert_drift,
    })
}

fn value(context: &Context, value: &Value) -> Result<String> {
    match value {
        Value::Literal(text) => Ok(text.clone()),
        Value::Output { stack, output } => context.output(stack, output).ok_or_else(|| {
            Error::stacks(format!("{stack} gives no output {output}.")).hint(format!(
                "deploy {stack} first: {}",
                command(&format!("deploy {stack}"))
            ))
        }),
    }
}
