//! What CloudFormation's validation before a deployment found.

use super::refusals::refusal;
use super::session::Cloud;
use crate::error::Result;
use aws_sdk_cloudformation::types::{EventFilter, EventType};

/// Something that a validation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The logical id.
    pub resource: String,
    /// The resource type.
    pub resource_type: String,
    /// Where in the template, as a JSON pointer.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// Where to look for findings.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// A stack, by its ARN.
    Stack(&'a str),
    /// A change set, by its ARN.
    ChangeSet(&'a str),
}

/// Whether a status reason says that a validation stopped the operation before anything was done.
pub fn stopped(reason: &str) -> bool {
    reason.contains("validation failed")
}

impl Cloud {
    /// What validations found in the stack's last operation, or in the change set.
    pub async fn findings(&self, of: Of<'_>) -> Result<Vec<Finding>> {
        let mut request = self
            .formation()
            .describe_events()
            .filters(EventFilter::builder().failed_events(true).build());
        request = match of {
            Of::Stack(id) => request.stack_name(id),
            Of::ChangeSet(id) => request.change_set_name(id),
        };
        // The newest come first; a page of them is more than anyone reads.
        let answer = request
            .send()
            .await
            .map_err(|error| refusal("DescribeEvents", error))?;
        let events = answer.operation_events.unwrap_or_default();
        let last = events.first().and_then(|event| event.operation_id.clone());
        let found = events.into_iter().filter(|event| {
            event.event_type == Some(EventType::ValidationError) && event.operation_id == last
        });
        let mut found: Vec<Finding> = found
            .map(|event| Finding {
                resource: event.logical_resource_id.unwrap_or_default(),
                resource_type: event.resource_type.unwrap_or_default(),
                path: event.validation_path.unwrap_or_default(),
                reason: event.validation_status_reason.unwrap_or_default(),
            })
            .collect();
        found.reverse();
        Ok(found)
    }
}
