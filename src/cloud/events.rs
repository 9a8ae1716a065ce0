//! The events of stacks.

use super::refusals::refusal;
use super::session::Cloud;
use crate::error::Result;
use aws_sdk_cloudformation::primitives::DateTimeFormat;

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

impl Cloud {
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
}
