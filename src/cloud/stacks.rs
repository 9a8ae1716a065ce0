//! Stacks as CloudFormation answers them.

use super::refusals::{absent, refusal};
use super::session::Cloud;
use crate::error::Result;
use aws_sdk_cloudformation::primitives::DateTimeFormat;
use aws_sdk_cloudformation::types::{Stack, StackStatus};
use std::collections::BTreeMap;

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
            let (page, next) = self.describe_page(token.as_deref()).await?;
            stacks.extend(page.into_iter().map(|stack| (stack.name.clone(), stack)));
            token = next;
            if token.is_none() {
                return Ok(stacks);
            }
        }
    }

    /// A page of the stacks of the account and region, the first or that of the token, and the token of the
    /// next, if there is one.
    pub async fn describe_page(
        &self,
        token: Option<&str>,
    ) -> Result<(Vec<Deployed>, Option<String>)> {
        let page = self
            .formation()
            .describe_stacks()
            .set_next_token(token.map(str::to_owned))
            .send()
            .await
            .map_err(|error| refusal("DescribeStacks", error))?;
        let stacks = page.stacks.unwrap_or_default().into_iter();
        Ok((stacks.map(Deployed::from).collect(), page.next_token))
    }

    /// The statuses, by ARN, of all stacks of the account and region with an operation in progress.
    pub async fn moving(&self) -> Result<BTreeMap<String, String>> {
        let (mut found, mut token) = (BTreeMap::new(), None);
        let moving: Vec<StackStatus> = StackStatus::values()
            .iter()
            // What is under review stands still.
            .filter(|name| name.ends_with("_IN_PROGRESS") && !name.starts_with("REVIEW"))
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
            let stacks = page.stack_summaries.unwrap_or_default().into_iter();
            found.extend(stacks.filter_map(|stack| {
                let status = stack.stack_status?.as_str().to_owned();
                Some((stack.stack_id?, status))
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
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
}
