//! What begins and cancels operations on stacks.

use super::refusals::refusal;
use super::session::Cloud;
use crate::error::{Error, Result};
use aws_sdk_cloudformation::types::{
    Capability, DeploymentConfig, DeploymentConfigMode, OnFailure as CreateFailure, Parameter, Tag,
};
use std::collections::BTreeMap;

/// Where a template's body is.
#[derive(Debug, Clone)]
pub enum Source {
    /// Sent with the call.
    Inline(String),
    /// In S3.
    Url(String),
}

/// What becomes of a stack when something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It is brought back to where it was.
    Rollback,
    /// What was made is kept, to be looked at and gone on from.
    Keep,
    /// A new stack is deleted; an update is rolled back.
    Delete,
}

/// What a create or an update asks for.
#[derive(Debug, Clone)]
pub struct StackInput {
    /// The stack's name.
    pub name: String,
    /// Its template.
    pub source: Source,
    /// Its parameters, all of them.
    pub parameters: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Capabilities that are acknowledged.
    pub capabilities: Vec<String>,
    /// Topics that are told of events.
    pub topics: Vec<String>,
    /// The service role.
    pub role_arn: Option<String>,
    /// The stack policy's text.
    pub policy: Option<String>,
    /// Termination protection.
    pub protected: bool,
    /// After how many minutes a create fails.
    pub timeout_minutes: Option<i32>,
    /// What becomes of a failure.
    pub on_failure: OnFailure,
    /// EXPRESS mode: complete when the configuration is applied.
    pub express: bool,
    /// Makes a repeated call the same call.
    pub token: String,
    /// Whether what drifted is brought back to what the template asks.
    pub revert_drift: bool,
}

impl StackInput {
    pub(super) fn sdk_parameters(&self) -> Option<Vec<Parameter>> {
        Some(
            self.parameters
                .iter()
                .map(|(k, v)| {
                    Parameter::builder()
                        .parameter_key(k)
                        .parameter_value(v)
                        .build()
                })
                .collect(),
        )
    }

    pub(super) fn sdk_tags(&self) -> Option<Vec<Tag>> {
        Some(
            self.tags
                .iter()
                .map(|(k, v)| Tag::builder().key(k).value(v).build())
                .collect(),
        )
    }

    pub(super) fn sdk_capabilities(&self) -> Option<Vec<Capability>> {
        Some(
            self.capabilities
                .iter()
                .map(|c| Capability::from(c.as_str()))
                .collect(),
        )
    }

    pub(super) fn deployment(&self) -> Option<DeploymentConfig> {
        self.express.then(|| {
            DeploymentConfig::builder()
                .mode(DeploymentConfigMode::Express)
                // EXPRESS keeps what failed unless told otherwise; a deploy rolls back by default.
                .disable_rollback(self.on_failure == OnFailure::Keep)
                .build()
        })
    }

    pub(super) fn body_and_url(&self) -> (Option<String>, Option<String>) {
        match &self.source {
            Source::Inline(body) => (Some(body.clone()), None),
            Source::Url(url) => (None, Some(url.clone())),
        }
    }
}

impl Cloud {
    /// Starts to create a stack.
    pub async fn create_stack(&self, input: &StackInput) -> Result<String> {
        let (body, url) = input.body_and_url();
        let mut request = self
            .formation()
            .create_stack()
            .stack_name(&input.name)
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(input.sdk_parameters())
            .set_tags(input.sdk_tags())
            .set_capabilities(input.sdk_capabilities())
            .set_notification_arns(Some(input.topics.clone()))
            .set_role_arn(input.role_arn.clone())
            .set_stack_policy_body(input.policy.clone())
            .set_timeout_in_minutes(input.timeout_minutes)
            .set_deployment_config(input.deployment())
            .enable_termination_protection(input.protected)
            .client_request_token(&input.token);
        if !input.express {
            request = request.on_failure(match input.on_failure {
                OnFailure::Rollback => CreateFailure::Rollback,
                OnFailure::Keep => CreateFailure::DoNothing,
                OnFailure::Delete => CreateFailure::Delete,
            });
        }
        let answer = request
            .send()
            .await
            .map_err(|error| refusal("CreateStack", error))?;
        answer
            .stack_id
            .ok_or_else(|| Error::aws("CreateStack: AWS named no stack."))
    }

    /// Cancels an update that is under way; it is rolled back.
    pub async fn cancel_update(&self, id: &str) -> Result<()> {
        self.formation()
            .cancel_update_stack()
            .stack_name(id)
            .send()
            .await
            .map_err(|error| refusal("CancelUpdateStack", error))?;
        Ok(())
    }

    /// Starts to delete a stack.
    pub async fn delete_stack(
        &self,
        id: &str,
        token: &str,
        role_arn: Option<&str>,
        retain: &[String],
    ) -> Result<()> {
        let retain = (!retain.is_empty()).then(|| retain.to_vec());
        self.formation()
            .delete_stack()
            .stack_name(id)
            .client_request_token(token)
            .set_role_arn(role_arn.map(str::to_owned))
            .set_retain_resources(retain)
            .send()
            .await
            .map_err(|error| refusal("DeleteStack", error))?;
        Ok(())
    }

    /// Rolls a stack back that stopped in CREATE_FAILED or UPDATE_FAILED.
    pub async fn rollback_stack(&self, id: &str, token: &str) -> Result<()> {
        self.formation()
            .rollback_stack()
            .stack_name(id)
            .client_request_token(token)
            .send()
            .await
            .map_err(|error| refusal("RollbackStack", error))?;
        Ok(())
    }

    /// Goes on with a rollback that failed, without the resources that are skipped.
    pub async fn continue_rollback(&self, id: &str, token: &str, skip: &[String]) -> Result<()> {
        let skip = (!skip.is_empty()).then(|| skip.to_vec());
        self.formation()
            .continue_update_rollback()
            .stack_name(id)
            .set_resources_to_skip(skip)
            .client_request_token(token)
            .send()
            .await
            .map_err(|error| refusal("ContinueUpdateRollback", error))?;
        Ok(())
    }

    /// Turns termination protection on or off.
    pub async fn protect(&self, name: &str, on: bool) -> Result<()> {
        self.formation()
            .update_termination_protection()
            .stack_name(name)
            .enable_termination_protection(on)
            .send()
            .await
            .map_err(|error| refusal("UpdateTerminationProtection", error))?;
        Ok(())
    }

    /// Sets the stack's policy.
    pub async fn set_policy(&self, name: &str, policy: &str) -> Result<()> {
        self.formation()
            .set_stack_policy()
            .stack_name(name)
            .stack_policy_body(policy)
            .send()
            .await
            .map_err(|error| refusal("SetStackPolicy", error))?;
        Ok(())
    }
}
