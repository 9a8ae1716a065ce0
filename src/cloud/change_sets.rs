//! Change sets: made, followed, read, executed.

use super::findings::{Finding, Of, stopped};
use super::operations::{OnFailure, StackInput};
use super::refusals::{absent, refusal};
use super::session::Cloud;
use crate::error::{Error, Result};
use aws_sdk_cloudformation::types::{
    ChangeSetType, DeploymentMode, ResourceChangeDetail, ResourceTargetDefinition,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// A change of one resource, as a change set tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Add, Modify, Remove, Import or Dynamic.
    pub action: String,
    /// The logical id.
    pub resource: String,
    /// The resource type.
    pub resource_type: String,
    /// True, False or Conditional.
    pub replacement: Option<String>,
    /// What becomes of the physical resource that goes: Delete, Retain, Snapshot and so on.
    pub policy: Option<String>,
    /// What differs, where that was asked for.
    pub details: Vec<Detail>,
}

/// A difference within a resource, as a change set tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Detail {
    /// The path: `/Properties/Tags/0/Value`, or the attribute's name.
    pub path: String,
    /// The value that is there, as text.
    pub before: Option<String>,
    /// The value that will be there, as text.
    pub after: Option<String>,
    /// Never, Conditionally or Always.
    pub recreation: Option<String>,
    /// The parameter or resource that causes it.
    pub cause: Option<String>,
}

/// A change set that is ready to be executed.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// The ARN of its stack.
    pub stack: String,
    /// What it will do.
    pub changes: Vec<Change>,
}

/// What a request for a change set came to.
#[derive(Debug, Clone)]
pub enum Made {
    /// A change set that can be executed.
    Ready(ChangeSet),
    /// There is nothing to change.
    Nothing,
    /// A validation says that it would fail, and why.
    Invalid(Vec<Finding>),
}

/// A change set as it is described.
struct ReadChangeSet {
    status: String,
    reason: String,
    stack: String,
    changes: Vec<Change>,
}

impl Cloud {
    /// Makes a change set and waits until it can be executed.
    pub async fn create_change_set(&self, input: &StackInput, name: &str) -> Result<Made> {
        let (body, url) = input.body_and_url();
        let answer = self
            .formation()
            .create_change_set()
            .stack_name(&input.name)
            .change_set_name(name)
            .change_set_type(ChangeSetType::Update)
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(input.sdk_parameters())
            .set_tags(input.sdk_tags())
            .set_capabilities(input.sdk_capabilities())
            .set_notification_arns(Some(input.topics.clone()))
            .set_role_arn(input.role_arn.clone())
            .set_deployment_config(input.deployment())
            .set_deployment_mode(input.revert_drift.then_some(DeploymentMode::RevertDrift))
            .client_token(&input.token)
            .send()
            .await
            .map_err(|error| refusal("CreateChangeSet", error));
        let id = match answer {
            Ok(answer) => answer
                .id
                .ok_or_else(|| Error::aws("CreateChangeSet: AWS named no change set."))?,
            // Its name is this run's alone: it was made, and the answer was lost.
            Err(error) if error.code.as_deref() == Some("AlreadyExistsException") => {
                self.change_set_id(&input.name, name).await?
            }
            Err(error) => return Err(error),
        };
        self.follow_change_set(id).await
    }

    async fn change_set_id(&self, stack: &str, name: &str) -> Result<String> {
        self.formation()
            .describe_change_set()
            .stack_name(stack)
            .change_set_name(name)
            .send()
            .await
            .map_err(|error| refusal("DescribeChangeSet", error))?
            .change_set_id
            .ok_or_else(|| Error::aws("DescribeChangeSet: AWS named no change set."))
    }

    /// Waits until a change set that was made can be executed.
    pub async fn follow_change_set(&self, id: String) -> Result<Made> {
        let mut wait = Duration::from_millis(100);
        loop {
            let read = self.read_change_set(&id, false).await?;
            match read.status.as_str() {
                "CREATE_COMPLETE" => {
                    let (stack, changes) = (read.stack, read.changes);
                    return Ok(Made::Ready(ChangeSet { id, stack, changes }));
                }
                "FAILED" => return self.failed_change_set(&id, &read.reason).await,
                "CREATE_PENDING" | "CREATE_IN_PROGRESS" => tokio::time::sleep(wait).await,
                status => return Err(Error::aws(format!("the change set is in {status}."))),
            }
            wait = (wait * 3 / 2).min(Duration::from_secs(3));
        }
    }

    /// What a change set that failed says; it is of no more use.
    async fn failed_change_set(&self, id: &str, reason: &str) -> Result<Made> {
        let findings = match stopped(reason) {
            true => self.findings(Of::ChangeSet(id)).await?,
            false => vec![],
        };
        self.delete_change_set(id).await?;
        if !findings.is_empty() {
            return Ok(Made::Invalid(findings));
        }
        let nothing = ["didn't contain changes", "No updates are to be performed"];
        match nothing.iter().any(|words| reason.contains(words)) {
            true => Ok(Made::Nothing),
            false => Err(Error::aws(format!("the change set failed: {reason}"))),
        }
    }

    /// What a change set does, with the values of the properties.
    pub async fn details(&self, id: &str) -> Result<Vec<Change>> {
        Ok(self.read_change_set(id, true).await?.changes)
    }

    async fn read_change_set(&self, id: &str, values: bool) -> Result<ReadChangeSet> {
        let (mut changes, mut token) = (Vec::new(), None);
        loop {
            let page = self
                .formation()
                .describe_change_set()
                .change_set_name(id)
                .set_include_property_values(values.then_some(true))
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| refusal("DescribeChangeSet", error))?;
            changes.extend(
                page.changes
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|change| {
                        let change = change.resource_change?;
                        Some(Change {
                            action: change.action?.as_str().to_owned(),
                            resource: change.logical_resource_id.unwrap_or_default(),
                            resource_type: change.resource_type.unwrap_or_default(),
                            replacement: change.replacement.map(|r| r.as_str().to_owned()),
                            policy: change.policy_action.map(|p| p.as_str().to_owned()),
                            details: match values {
                                true => change.details.into_iter().flatten().map(detail).collect(),
                                false => vec![],
                            },
                        })
                    }),
            );
            token = page.next_token;
            if token.is_none() {
                return Ok(ReadChangeSet {
                    status: page
                        .status
                        .map(|s| s.as_str().to_owned())
                        .unwrap_or_default(),
                    reason: page.status_reason.unwrap_or_default(),
                    stack: page.stack_id.unwrap_or_default(),
                    changes,
                });
            }
        }
    }

    /// Executes a change set.
    pub async fn execute_change_set(&self, id: &str, input: &StackInput) -> Result<()> {
        let mut request = self
            .formation()
            .execute_change_set()
            .change_set_name(id)
            .client_request_token(&input.token);
        if !input.express {
            request = request.disable_rollback(input.on_failure == OnFailure::Keep);
        }
        request
            .send()
            .await
            .map_err(|error| refusal("ExecuteChangeSet", error))?;
        Ok(())
    }

    /// Deletes a change set; one that is not there is deleted already.
    pub async fn delete_change_set(&self, id: &str) -> Result<()> {
        match self
            .formation()
            .delete_change_set()
            .change_set_name(id)
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if absent(&error) => Ok(()),
            Err(error) => Err(refusal("DeleteChangeSet", error)),
        }
    }
}

fn detail(detail: ResourceChangeDetail) -> Detail {
    let target = detail.target;
    let of = |read: fn(&ResourceTargetDefinition) -> Option<String>| target.as_ref().and_then(read);
    Detail {
        path: of(|target| {
            let path = target.path.clone().or_else(|| target.name.clone());
            path.or_else(|| target.attribute.as_ref().map(|one| one.as_str().to_owned()))
        })
        .unwrap_or_default(),
        before: of(|target| target.before_value.clone()),
        after: of(|target| target.after_value.clone()),
        recreation: of(|target| Some(target.requires_recreation.as_ref()?.as_str().to_owned())),
        cause: detail.causing_entity,
    }
}
