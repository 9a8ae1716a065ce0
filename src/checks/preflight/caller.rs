//! Who asks, and whether they may.

use super::Context;
use crate::checks::Finding;
use crate::cloud::{Cloud, refusal};
use crate::error::{Error, Result};
use crate::permissions::{Right, When};
use crate::settings::command;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType as Decision,
};
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinSet;

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
    if context.caller.is_root() {
        return Finding::warning(PERMISSIONS, "the root user may do everything")
            .hint("use a role with the permissions of docs/permissions.md");
    }
    match simulate(context).await {
        Ok(denied) => judge(context.rights, &denied),
        Err(error) => Finding::unknown(PERMISSIONS, &error),
    }
}

const PERMISSIONS: &str = "permissions";

/// The actions that are denied, and how.
type Denied = BTreeMap<String, Decision>;

/// A deny in a policy stops what is needed in any case; what is needed perhaps is told with that.
fn judge(rights: &[Right], denied: &Denied) -> Finding {
    if denied.is_empty() {
        let actions: BTreeSet<&str> = rights.iter().map(|right| right.action.as_str()).collect();
        let says = format!("{} actions of the deploy are allowed", actions.len());
        return Finding::ok(PERMISSIONS, says);
    }
    let mut perhaps: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
    let mut stops = false;
    for (action, decision) in denied {
        let all = rights.iter().filter(|right| right.action == *action);
        let words = match all.map(|right| right.when).min() {
            Some(When::Always | When::Given(_)) | None => None,
            Some(when) => when.words(),
        };
        stops |= words.is_none() && *decision == Decision::ExplicitDeny;
        perhaps.entry(words).or_default().push(action);
    }
    let told: Vec<String> = perhaps
        .into_iter()
        .map(|(words, actions)| match words {
            None => actions.join(", "),
            Some(words) => format!("{words}: {}", actions.join(", ")),
        })
        .collect();
    let says = format!("not allowed: {}", told.join("; "));
    let found = match stops {
        true => Finding::failed(PERMISSIONS, says),
        false => Finding::warning(PERMISSIONS, says),
    };
    found.hint(format!(
        "{} prints the policy",
        command("permissions deploy")
    ))
}

/// Asks for all actions on the same resources at once.
async fn simulate(context: &Context<'_>) -> Result<Denied> {
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
    let mut asked: BTreeMap<&[String], BTreeSet<&str>> = BTreeMap::new();
    for right in context.rights {
        let actions = asked.entry(&right.resources).or_default();
        actions.insert(&right.action);
    }
    let mut simulations = JoinSet::new();
    for (resources, actions) in asked {
        let actions = actions.into_iter().map(str::to_owned).collect();
        let (iam, source, resources) = (iam.clone(), source.clone(), resources.to_vec());
        simulations.spawn(async move { decisions(&iam, &source, actions, resources).await });
    }
    let mut denied = Denied::new();
    while let Some(joined) = simulations.join_next().await {
        let one = joined.map_err(|error| Error::aws(format!("internal error: {error}")))?;
        denied.extend(one?);
    }
    Ok(denied)
}

async fn decisions(
    iam: &aws_sdk_iam::Client,
    source: &str,
    actions: Vec<String>,
    resources: Vec<String>,
) -> Result<Denied> {
    // A policy may allow PassRole for this service only.
    let passed = ContextEntry::builder()
        .context_key_name("iam:PassedToService")
        .context_key_type(ContextKeyTypeEnum::String)
        .context_key_values("cloudformation.amazonaws.com")
        .build();
    let mut pages = iam
        .simulate_principal_policy()
        .policy_source_arn(source)
        .set_action_names(Some(actions))
        .set_resource_arns(Some(resources))
        .context_entries(passed)
        .into_paginator()
        .send();
    let mut denied = Denied::new();
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
    use crate::checks::Level;

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

    #[test]
    fn what_is_needed_perhaps_stops_nothing() {
        let right = |when, action: &str| Right {
            when,
            operation: "",
            action: action.to_owned(),
            resources: vec![],
        };
        let rights = [
            right(When::Always, "a:One"),
            right(When::If("if it fails"), "a:Two"),
        ];
        let judged = |action: &str, decision| {
            let found = judge(&rights, &Denied::from([(action.to_owned(), decision)]));
            (found.level, found.says)
        };
        let words = |text: &str| text.to_owned();
        assert_eq!(
            judged("a:One", Decision::ExplicitDeny),
            (Level::Failed, words("not allowed: a:One"))
        );
        assert_eq!(
            judged("a:One", Decision::ImplicitDeny),
            (Level::Warning, words("not allowed: a:One"))
        );
        assert_eq!(
            judged("a:Two", Decision::ExplicitDeny),
            (Level::Warning, words("not allowed: if it fails: a:Two"))
        );
        assert_eq!(judge(&rights, &Denied::new()).level, Level::Ok);
    }
}
