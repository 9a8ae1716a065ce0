//! Who asks, and whether they may.

use super::Context;
use crate::checks::Finding;
use crate::cloud::{Cloud, refusal};
use crate::error::{Error, Result};
use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use std::collections::BTreeMap;

/// Who the credentials are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account's number.
    pub account: String,
    /// The user or the role's session.
    pub arn: String,
}

impl Caller {
    /// Asks.
    ///
    /// # Errors
    /// When STS refuses or names nobody.
    pub async fn ask(cloud: &Cloud) -> Result<Self> {
        let answer = cloud
            .sts()
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| refusal("GetCallerIdentity", error))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Self { account, arn }),
            _ => Err(Error::aws("GetCallerIdentity: AWS named nobody.")),
        }
    }

    fn is_root(&self) -> bool {
        self.arn.ends_with(":root")
    }

    /// The role, where the caller is a role's session.
    fn role(&self) -> Option<&str> {
        let (_, assumed) = self.arn.split_once(":assumed-role/")?;
        assumed.split('/').next()
    }
}

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let caller = context.caller;
    let who = Finding::ok(
        "caller",
        format!(
            "account {}, {}, {}",
            caller.account, context.cloud.region, caller.arn
        ),
    );
    vec![who, permissions(context).await]
}

/// What IAM says of the actions that the deploy needs. It knows the caller's own policies, not those of
/// an organization; and what conditions ask of a request it is not told.
async fn permissions(context: &Context<'_>) -> Finding {
    const CHECK: &str = "permissions";
    if context.caller.is_root() {
        return Finding::warning(CHECK, "the root user may do everything")
            .hint("use a role with the permissions of docs/permissions.md");
    }
    match simulate(context).await {
        Ok(denied) if denied.is_empty() => Finding::ok(
            CHECK,
            format!(
                "{} actions of the deploy are allowed",
                context.actions.len()
            ),
        ),
        Ok(denied) => {
            let explicit = denied
                .values()
                .any(|decision| *decision == Decision::ExplicitDeny);
            let names: Vec<&str> = denied.keys().map(String::as_str).collect();
            let says = format!("not allowed: {}", names.join(", "));
            let hint = "docs/permissions.md has the policy of each command";
            match explicit {
                true => Finding::failed(CHECK, says).hint(hint),
                false => Finding::warning(CHECK, says).hint(hint),
            }
        }
        Err(error) => Finding::unknown(CHECK, &error),
    }
}

/// The actions that are denied, and how.
async fn simulate(context: &Context<'_>) -> Result<BTreeMap<String, Decision>> {
    let iam = context.cloud.iam();
    let source = match context.caller.role() {
        None => context.caller.arn.clone(),
        // The session's ARN lacks the role's path.
        Some(role) => {
            let answer = iam.get_role().role_name(role).send().await;
            let answer = answer.map_err(|error| refusal("GetRole", error))?;
            answer.role.map(|role| role.arn).unwrap_or_default()
        }
    };
    let own = |action: &&&str| on_stacks(action);
    let on_stack: Vec<String> = context
        .actions
        .iter()
        .filter(own)
        .map(|s| s.to_string())
        .collect();
    let elsewhere: Vec<String> = context
        .actions
        .iter()
        .filter(|s| !own(s))
        .map(|s| s.to_string())
        .collect();
    let stacks: Vec<String> = context
        .stacks
        .iter()
        .map(|name| arn(context, name))
        .collect();
    let (first, second) = tokio::join!(
        decisions(&iam, &source, on_stack, stacks),
        decisions(&iam, &source, elsewhere, vec![]),
    );
    let mut denied = first?;
    denied.extend(second?);
    Ok(denied)
}

/// Whether an action is on a stack, so that a policy may name the stacks that it is for.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html>
fn on_stacks(action: &str) -> bool {
    action.starts_with("cloudformation:") && action != "cloudformation:ListStacks"
}

fn arn(context: &Context<'_>, stack: &str) -> String {
    let partition = context.caller.arn.split(':').nth(1).unwrap_or("aws");
    let (region, account) = (&context.cloud.region, &context.caller.account);
    format!("arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/*")
}

async fn decisions(
    iam: &aws_sdk_iam::Client,
    source: &str,
    actions: Vec<String>,
    resources: Vec<String>,
) -> Result<BTreeMap<String, Decision>> {
    let mut denied = BTreeMap::new();
    if actions.is_empty() {
        return Ok(denied);
    }
    let resources = Some(resources).filter(|list| !list.is_empty());
    let mut pages = iam
        .simulate_principal_policy()
        .policy_source_arn(source)
        .set_action_names(Some(actions))
        .set_resource_arns(resources)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| refusal("SimulatePrincipalPolicy", error))?;
        for result in page.evaluation_results() {
            if *result.eval_decision() != Decision::Allowed {
                denied.insert(
                    result.eval_action_name().to_owned(),
                    result.eval_decision().clone(),
                );
            }
        }
    }
    Ok(denied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(arn: &str) -> Caller {
        Caller {
            account: "1".to_owned(),
            arn: arn.to_owned(),
        }
    }

    #[test]
    fn a_session_is_of_a_role() {
        let session = caller("arn:aws:sts::1:assumed-role/Deployer/me");
        assert_eq!(session.role(), Some("Deployer"));
        assert_eq!(caller("arn:aws:iam::1:user/team/me").role(), None);
        assert!(caller("arn:aws:iam::1:root").is_root());
    }
}
