//! One stack, top to bottom.

use super::follow::{Ended, follow};
use super::{Context, Outcome};
use crate::cloud::{ChangeSet, Deployed, Finding, Made, Of, Source, StackEvent, StackInput};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::manifest::{Stack, Value};
use crate::plan::action::{DeployAction, Status};
use crate::plan::{Action, Step, action, data, is_kept};
use std::collections::BTreeMap;

/// Does a step, and says what the stack came to.
pub(super) async fn work(context: &Context, step: &Step) -> Result<Outcome> {
    match &step.action {
        Action::Nothing => Ok(Outcome::Unchanged),
        Action::Refuse(why) => Err(Error::stacks(format!("{why}."))),
        // Only a change set made what is under review.
        Action::Create if step.status == Status::ReviewInProgress.as_str() => {
            recreate(context, step).await
        }
        Action::Create => create(context, step).await,
        Action::Update | Action::UpdateIfMoved => update(context, step).await,
        Action::Recreate => recreate(context, step).await,
        Action::Recover | Action::Adopt => recover(context, step).await,
        Action::Delete | Action::FollowThenDelete => delete(context, step).await,
    }
}

fn token(context: &Context, step: &Step, verb: &str) -> String {
    format!(
        "infra-{}-{verb}-{}",
        context.options.run, step.deployed_name
    )
}

fn started(context: &Context, step: &Step, what: &str) {
    context.emit(Event::StackStarted {
        stack: step.stack.clone(),
        action: what.to_owned(),
    });
}

async fn recreate(context: &Context, step: &Step) -> Result<Outcome> {
    delete(context, step).await?;
    create(context, step).await
}

async fn create(context: &Context, step: &Step) -> Result<Outcome> {
    started(context, step, "create");
    let input = input(context, step, "create")?;
    let id = context.cloud.create_stack(&input).await?;
    let ended = follow(context, &step.stack, &id, Some(&input.token)).await?;
    conclude(context, step, ended, &["CREATE_COMPLETE"]).await
}

async fn update(context: &Context, step: &Step) -> Result<Outcome> {
    let input = input(context, step, "update")?;
    let now = require(context, step).await?;
    if step.action == Action::UpdateIfMoved && parameters_equal(&input, &now) {
        context.settle(&step.stack, &now);
        return Ok(Outcome::Unchanged);
    }
    started(context, step, "update");
    let stack = manifest_stack(context, step)?;
    if let Some(wanted) = stack.termination_protection
        && wanted != now.protected
    {
        context.cloud.protect(&now.name, wanted).await?;
    }
    if let Some(policy) = &stack.stack_policy
        && step.why.iter().any(|why| why.starts_with("stack policy"))
    {
        context.cloud.set_policy(&now.name, policy).await?;
    }
    let name = format!("infra-{}", context.options.run);
    let changes = match context.cloud.create_change_set(&input, &name).await? {
        Made::Ready(changes) => changes,
        Made::Nothing => return finish_without_changes(context, step, now),
        Made::Invalid(findings) => return Err(invalid(context, step, &findings)),
    };
    if let Err(refused) = guard(context, step, &changes) {
        context.cloud.delete_change_set(&changes.id).await?;
        return Err(refused);
    }
    context
        .cloud
        .execute_change_set(&changes.id, &input)
        .await?;
    let ended = follow(context, &step.stack, &now.id, Some(&input.token)).await?;
    conclude(context, step, ended, &["UPDATE_COMPLETE"]).await
}

/// CloudFormation sees no change: only protection or policy moved, which is done by now.
fn finish_without_changes(context: &Context, step: &Step, now: Deployed) -> Result<Outcome> {
    context.settle(&step.stack, &now);
    context.emit(Event::StackDone {
        stack: step.stack.clone(),
        status: now.status,
    });
    Ok(Outcome::Done)
}

async fn require(context: &Context, step: &Step) -> Result<Deployed> {
    context
        .cloud
        .describe(&step.deployed_name)
        .await?
        .ok_or_else(|| {
            Error::stacks(format!(
                "the stack {} has gone since the plan was made.",
                step.stack
            ))
            .hint("run the same command again")
        })
}

fn parameters_equal(input: &StackInput, now: &Deployed) -> bool {
    input.parameters.iter().all(|(name, value)| {
        now.parameters
            .get(name)
            .is_some_and(|before| before == value || before == "****")
    })
}

/// Brings a stack out of a failed or a running operation, then does what its status then asks.
async fn recover(context: &Context, step: &Step) -> Result<Outcome> {
    // Each turn ends one operation; more than a few turns means that somebody else is at work.
    for turn in 0..4 {
        let Some(now) = context.cloud.describe(&step.deployed_name).await? else {
            return create(context, step).await;
        };
        let status = Status::parse(&now.status)
            .map_err(|unknown| Error::stacks(format!("the status {} is not known.", unknown.0)))?;
        let token = token(context, step, &format!("recover{turn}"));
        match action::on_deploy(status) {
            DeployAction::Adopt => {
                started(context, step, "follow");
                follow(context, &step.stack, &now.id, None).await?;
            }
            DeployAction::ContinueFromFailure if context.options.no_rollback => {
                return update(context, step).await;
            }
            DeployAction::ContinueFromFailure => {
                started(context, step, "rollback");
                context.cloud.rollback_stack(&now.id, &token).await?;
                follow(context, &step.stack, &now.id, Some(&token)).await?;
            }
            DeployAction::ContinueRollbackThenUpdate => {
                started(context, step, "continue rollback");
                context.cloud.continue_rollback(&now.id, &token).await?;
                let ended = follow(context, &step.stack, &now.id, Some(&token)).await?;
                if ended
                    .deployed
                    .as_ref()
                    .is_some_and(|d| d.status == "UPDATE_ROLLBACK_FAILED")
                {
                    return conclude(context, step, ended, &[]).await;
                }
            }
            DeployAction::UpdateIfDifferent => return update(context, step).await,
            DeployAction::DeleteThenCreate if now.protected => {
                return Err(Error::stacks(format!(
                    "it is in {} and must be deleted first, but it is termination protected.",
                    now.status
                )));
            }
            DeployAction::DeleteThenCreate | DeployAction::ClearThenCreate => {
                return recreate(context, step).await;
            }
            DeployAction::Create => return create(context, step).await,
            DeployAction::Refuse(why) => return Err(Error::stacks(format!("{why}."))),
        }
    }
    Err(Error::stacks(format!(
        "the stack {} keeps moving: somebody else is at work.",
        step.stack
    ))
    .hint("run the same command again when they are done"))
}

async fn delete(context: &Context, step: &Step) -> Result<Outcome> {
    let Some(now) = context.cloud.describe(&step.deployed_name).await? else {
        return Ok(Outcome::Unchanged);
    };
    if step.action == Action::FollowThenDelete {
        started(context, step, "follow");
        follow(context, &step.stack, &now.id, None).await?;
    }
    started(context, step, "delete");
    let token = token(context, step, "delete");
    let role = context.options.role_arn.as_deref();
    let retain = if now.status == "DELETE_FAILED" {
        &context.options.retain[..]
    } else {
        &[]
    };
    context
        .cloud
        .delete_stack(&now.id, &token, role, retain)
        .await?;
    let ended = follow(context, &step.stack, &now.id, Some(&token)).await?;
    if ended
        .deployed
        .as_ref()
        .is_none_or(|now| now.status == "DELETE_COMPLETE")
    {
        let status = "DELETE_COMPLETE".to_owned();
        context.emit(Event::StackDone {
            stack: step.stack.clone(),
            status,
        });
        return Ok(Outcome::Done);
    }
    conclude(context, step, ended, &[]).await.map_err(|error| {
        error.hint(format!(
            "when the cause is lifted: infra destroy {0}; to leave a resource where it is: \
             infra destroy {0} --exclusively --retain RESOURCE",
            step.stack
        ))
    })
}

async fn conclude(context: &Context, step: &Step, ended: Ended, good: &[&str]) -> Result<Outcome> {
    let Some(now) = ended.deployed else {
        return Err(Error::stacks(format!("the stack {} is gone.", step.stack)));
    };
    if good.contains(&now.status.as_str()) {
        context.settle(&step.stack, &now);
        context.emit(Event::StackDone {
            stack: step.stack.clone(),
            status: now.status,
        });
        return Ok(Outcome::Done);
    }
    if ended.invalid {
        let findings = context.cloud.findings(Of::Stack(&now.id)).await?;
        if !findings.is_empty() {
            return Err(invalid(context, step, &findings));
        }
    }
    Err(failure(context, step, &now, ended.cause.as_ref()))
}

/// What CloudFormation's validation found before it did anything, each thing at its place.
fn invalid(context: &Context, step: &Step, findings: &[Finding]) -> Error {
    let told = findings.iter().map(|finding| {
        let place = context
            .project
            .locate(&step.stack, &finding.resource)
            .map(|place| format!(" ({place})"))
            .unwrap_or_default();
        format!(
            "{} {}{place}: {} at {}",
            finding.resource, finding.resource_type, finding.reason, finding.path
        )
    });
    Error {
        messages: told.collect(),
        ..Error::stacks("")
    }
    .because("CloudFormation's validation stopped it before anything was changed")
}

/// The cause first: the resource, the reason, and where it stands in our files.
fn failure(context: &Context, step: &Step, now: &Deployed, cause: Option<&StackEvent>) -> Error {
    let Some(cause) = cause else {
        let reason = now.reason.clone().unwrap_or_default();
        return Error::stacks(format!("{} ended in {}. {reason}", step.stack, now.status));
    };
    let place = context
        .project
        .locate(&step.stack, &cause.resource)
        .map(|place| format!(" ({place})"))
        .unwrap_or_default();
    let reason = cause
        .reason
        .as_deref()
        .unwrap_or("CloudFormation gives no reason");
    Error::stacks(format!(
        "{} {} {}{place}: {reason}",
        cause.resource, cause.resource_type, cause.status
    ))
    .because(format!("{} ended in {}", step.stack, now.status))
}

fn manifest_stack<'a>(context: &'a Context, step: &Step) -> Result<&'a Stack> {
    context
        .project
        .stack(&step.stack)
        .ok_or_else(|| Error::asked(format!("there is no stack {} in the manifest.", step.stack)))
}

fn input(context: &Context, step: &Step, verb: &str) -> Result<StackInput> {
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
        no_rollback: context.options.no_rollback,
        express: context.options.express,
        token: token(context, step, verb),
    })
}

fn value(context: &Context, value: &Value) -> Result<String> {
    match value {
        Value::Literal(text) => Ok(text.clone()),
        Value::Output { stack, output } => context.output(stack, output).ok_or_else(|| {
            Error::stacks(format!("{stack} gives no output {output}."))
                .hint(format!("deploy {stack} first: infra deploy {stack}"))
        }),
    }
}

/// Refuses a change set that takes away a resource that holds data, unless it is allowed by name.
fn guard(context: &Context, step: &Step, changes: &ChangeSet) -> Result<()> {
    let template = context
        .project
        .prepared
        .get(&step.stack)
        .map(|p| &p.template.body);
    for change in changes
        .changes
        .iter()
        .filter(|change| data::holds_data(&change.resource_type))
    {
        let replaced = change.action == "Modify"
            && matches!(change.replacement.as_deref(), Some("True" | "Conditional"));
        let removed = change.action == "Remove"
            && !matches!(change.policy.as_deref(), Some("Retain" | "Snapshot"));
        let keeps = template
            .and_then(|body| body["Resources"].get(&change.resource))
            .is_some_and(|resource| {
                is_kept(resource)
                    && matches!(
                        resource.get("UpdateReplacePolicy").and_then(|p| p.as_str()),
                        Some("Retain" | "Snapshot")
                    )
            });
        let (flag, list, verb) = if replaced {
            ("--allow-replace", &context.options.allow_replace, "replace")
        } else if removed {
            ("--allow-delete", &context.options.allow_delete, "delete")
        } else {
            continue;
        };
        if !data::allowed(list, &change.resource) {
            let fate = if keeps {
                "; the old one is kept, but nothing uses it"
            } else {
                ""
            };
            return Err(Error::stacks(format!(
                "the change would {verb} {} ({}), which holds data{fate}.",
                change.resource, change.resource_type
            ))
            .hint(format!("if that is wanted: {flag} {}", change.resource)));
        }
    }
    Ok(())
}
