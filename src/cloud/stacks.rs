//! The CloudFormation verbs that the engine uses, in our own words.

use super::findings::{Finding, Of, stopped};
use super::refusals::{absent, refusal};
use super::session::Cloud;
use crate::error::{Error, Result};
use aws_sdk_cloudformation::primitives::DateTimeFormat;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, DeploymentConfig, DeploymentConfigMode, DeploymentMode,
    OnFailure as CreateFailure, Parameter, ResourceChangeDetail, ResourceTargetDefinition, Stack,
    StackStatus, Tag,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A stack as CloudFormation answers it.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// The stack's ARN.
    pub id: String,
    /// The stack's name.
    pub name: String,
    /// The status, as the service spells it.
    pub status: String,
    /// Why it is in that status, where the service says so.
    pub reason: Option<String>,
    /// Parameter values; NoEcho ones are masked by the service.
    pub parameters: BTreeMap<String, String>,
    /// Outputs.
    pub outputs: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Whether termination protection is on.
    pub protected: bool,
    /// Topics that are told of events.
    pub topics: Vec<String>,
    /// The service role.
    pub role_arn: Option<String>,
    /// When it was last updated, or else created (RFC 3339).
    pub updated: Option<String>,
}

/// One event of a stack.
#[derive(Debug, Clone)]
pub struct StackEvent {
    /// Identifies the event.
    pub id: String,
    /// When (RFC 3339).
    pub time: String,
    /// The logical id; the stack's name for its own events.
    pub resource: String,
    /// The physical id, once there is one.
    pub physical_id: String,
    /// The resource type.
    pub resource_type: String,
    /// The resource status.
    pub status: String,
    /// Why, where the service says so.
    pub reason: Option<String>,
    /// The token of the operation that it belongs to.
    pub token: Option<String>,
}

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

impl From<Stack> for Deployed {
    fn from(stack: Stack) -> Self {
        Self {
            id: stack.stack_id.unwrap_or_default(),
            name: stack.stack_name.unwrap_or_default(),
            status: stack
                .stack_status
                .map(|s| s.as_str().to_owned())
                .unwrap_or_default(),
            reason: stack.stack_status_reason,
            parameters: stack
                .parameters
                .unwrap_or_default()
                .into_iter()
                .filter_map(|p| Some((p.parameter_key?, p.parameter_value.unwrap_or_default())))
                .collect(),
            outputs: stack
                .outputs
                .unwrap_or_default()
                .into_iter()
                .filter_map(|o| Some((o.output_key?, o.output_value.unwrap_or_default())))
                .collect(),
            tags: stack
                .tags
                .unwrap_or_default()
                .into_iter()
                .filter_map(|t| Some((t.key?, t.value.unwrap_or_default())))
                .collect(),
            protected: stack.enable_termination_protection.unwrap_or_default(),
            topics: stack.notification_arns.unwrap_or_default(),
            role_arn: stack.role_arn,
            updated: stack
                .last_updated_time
                .or(stack.creation_time)
                .and_then(|time| time.fmt(DateTimeFormat::DateTime).ok()),
        }
    }
}

impl StackInput {
    fn sdk_parameters(&self) -> Option<Vec<Parameter>> {
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

    fn sdk_tags(&self) -> Option<Vec<Tag>> {
        Some(
            self.tags
                .iter()
                .map(|(k, v)| Tag::builder().key(k).value(v).build())
                .collect(),
        )
    }

    fn sdk_capabilities(&self) -> Option<Vec<Capability>> {
        Some(
            self.capabilities
                .iter()
                .map(|c| Capability::from(c.as_str()))
                .collect(),
        )
    }

    fn deployment(&self) -> Option<DeploymentConfig> {
        self.express.then(|| {
            DeploymentConfig::builder()
                .mode(DeploymentConfigMode::Express)
                // EXPRESS keeps what failed unless told otherwise; a deploy rolls back by default.
                .disable_rollback(self.on_failure == OnFailure::Keep)
                .build()
        })
    }

    fn body_and_url(&self) -> (Option<String>, Option<String>) {
        match &self.source {
            Source::Inline(body) => (Some(body.clone()), None),
            Source::Url(url) => (None, Some(url.clone())),
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

impl Cloud {
    /// The stack of that name or ARN; nothing if there is none.
    pub async fn describe(&self, name: &str) -> Result<Option<Deployed>> {
        match self
            .formation()
            .describe_stacks()
            .stack_name(name)
            .send()
            .await
        {
            Ok(answer) => Ok(answer
                .stacks
                .unwrap_or_default()
                .into_iter()
                .next()
                .map(Into::into)),
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(refusal("DescribeStacks", error)),
        }
    }

    /// All stacks of the account and region, by name.
    pub async fn describe_all(&self) -> Result<BTreeMap<String, Deployed>> {
        let (mut stacks, mut token) = (BTreeMap::new(), None);
        loop {
            let page = self
                .formation()
                .describe_stacks()
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| refusal("DescribeStacks", error))?;
            let found = page.stacks.unwrap_or_default().into_iter();
            stacks.extend(found.map(|stack| {
                let stack = Deployed::from(stack);
                (stack.name.clone(), stack)
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(stacks);
            }
        }
    }

    /// The ARNs of all stacks of the account and region with an operation in progress.
    pub async fn moving(&self) -> Result<BTreeSet<String>> {
        let (mut ids, mut token) = (BTreeSet::new(), None);
        let moving: Vec<StackStatus> = StackStatus::values()
            .iter()
            .filter(|name| name.ends_with("_IN_PROGRESS"))
            .map(|name| StackStatus::from(*name))
            .collect();
        loop {
            let page = self
                .formation()
                .list_stacks()
                .set_stack_status_filter(Some(moving.clone()))
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| refusal("ListStacks", error))?;
            let stacks = page.stack_summaries.unwrap_or_default();
            ids.extend(stacks.into_iter().filter_map(|stack| stack.stack_id));
            token = page.next_token;
            if token.is_none() {
                return Ok(ids);
            }
        }
    }

    /// The stack's ARN, if the operation that its newest events are of has that token: a call whose
    /// answer was lost, or that was made twice, took effect.
    pub async fn began(&self, name: &str, token: &str) -> Result<Option<String>> {
        let page = self
            .formation()
            .describe_stack_events()
            .stack_name(name)
            .send()
            .await
            .map_err(|error| refusal("DescribeStackEvents", error));
        let page = match page {
            Ok(page) => page,
            Err(error) if error.code.as_deref() == Some("ValidationError") => return Ok(None),
            Err(error) => return Err(error),
        };
        let newest = page.stack_events.unwrap_or_default().into_iter().next();
        Ok(newest
            .filter(|event| event.client_request_token.as_deref() == Some(token))
            .and_then(|event| event.stack_id))
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

    /// The template that the stack was last given, as it was given.
    pub async fn template(&self, name: &str) -> Result<String> {
        Ok(self
            .formation()
            .get_template()
            .stack_name(name)
            .send()
            .await
            .map_err(|error| refusal("GetTemplate", error))?
            .template_body
            .unwrap_or_default())
    }

    /// The stack's policy, if it has one.
    pub async fn policy(&self, name: &str) -> Result<Option<String>> {
        Ok(self
            .formation()
            .get_stack_policy()
            .stack_name(name)
            .send()
            .await
            .map_err(|error| refusal("GetStackPolicy", error))?
            .stack_policy_body)
    }

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
            let (status, reason, changes) = self.read_change_set(&id, false).await?;
            match status.as_str() {
                "CREATE_COMPLETE" => return Ok(Made::Ready(ChangeSet { id, changes })),
                "FAILED" => {
                    let findings = match stopped(&reason) {
                        true => self.findings(Of::ChangeSet(&id)).await?,
                        false => vec![],
                    };
                    self.delete_change_set(&id).await?;
                    if !findings.is_empty() {
                        return Ok(Made::Invalid(findings));
                    }
                    if reason.contains("didn't contain changes")
                        || reason.contains("No updates are to be performed")
                    {
                        return Ok(Made::Nothing);
                    }
                    return Err(Error::aws(format!("the change set failed: {reason}")));
                }
                _ => tokio::time::sleep(wait).await,
            }
            wait = (wait * 3 / 2).min(Duration::from_secs(3));
        }
    }

    /// What a change set does, with the values of the properties.
    pub async fn details(&self, id: &str) -> Result<Vec<Change>> {
        Ok(self.read_change_set(id, true).await?.2)
    }

    async fn read_change_set(
        &self,
        id: &str,
        values: bool,
    ) -> Result<(String, String, Vec<Change>)> {
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
                let status = page
                    .status
                    .map(|s| s.as_str().to_owned())
                    .unwrap_or_default();
                return Ok((status, page.status_reason.unwrap_or_default(), changes));
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

    /// Events of the stack, oldest first: those that come after `seen`, or all of them. With a
    /// token, paging stops at the first event of another operation.
    pub async fn events_since(
        &self,
        id: &str,
        seen: Option<&str>,
        operation: Option<&str>,
    ) -> Result<Vec<StackEvent>> {
        let (mut events, mut token) = (Vec::new(), None);
        'pages: loop {
            let page = self
                .formation()
                .describe_stack_events()
                .stack_name(id)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| refusal("DescribeStackEvents", error))?;
            for event in page.stack_events.unwrap_or_default() {
                let id = event.event_id.unwrap_or_default();
                let foreign =
                    operation.is_some() && event.client_request_token.as_deref() != operation;
                if foreign || Some(id.as_str()) == seen {
                    break 'pages;
                }
                events.push(StackEvent {
                    id,
                    time: event
                        .timestamp
                        .and_then(|t| t.fmt(DateTimeFormat::DateTime).ok())
                        .unwrap_or_default(),
                    resource: event.logical_resource_id.unwrap_or_default(),
                    physical_id: event.physical_resource_id.unwrap_or_default(),
                    resource_type: event.resource_type.unwrap_or_default(),
                    status: event
                        .resource_status
                        .map(|s| s.as_str().to_owned())
                        .unwrap_or_default(),
                    reason: event.resource_status_reason,
                    token: event.client_request_token,
                });
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        events.reverse();
        Ok(events)
    }
}
