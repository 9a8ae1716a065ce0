//! What is live, beside what a stack asks of it.

use super::refusals::refusal;
use super::session::Cloud;
use crate::error::{Error, Result};
use aws_sdk_cloudformation::types::{
    StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// A resource that is not as its stack asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drifted {
    /// The logical id.
    pub resource: String,
    /// The resource type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The physical id.
    pub physical_id: String,
    /// Whether it is gone; else it is changed.
    pub deleted: bool,
    /// Where it differs.
    pub differences: Vec<LiveDifference>,
}

/// A property that is not as the stack asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LiveDifference {
    /// The path: `/DelaySeconds`.
    pub path: String,
    /// What the stack asks, as text; nothing where it asks for none.
    pub expected: Option<String>,
    /// What is live, as text; nothing where there is none.
    pub actual: Option<String>,
}

impl Cloud {
    /// Has CloudFormation compare a stack with what is live, and answers what differs. Types that cannot
    /// be compared are left out, as CloudFormation leaves them out.
    ///
    /// # Errors
    /// What CloudFormation refuses, or a detection that failed.
    pub async fn drift(&self, name: &str) -> Result<Vec<Drifted>> {
        let detection = self
            .formation()
            .detect_stack_drift()
            .stack_name(name)
            .send()
            .await
            .map_err(|error| refusal("DetectStackDrift", error))?
            .stack_drift_detection_id
            .ok_or_else(|| Error::aws("DetectStackDrift: AWS named no detection."))?;
        let mut wait = Duration::from_millis(100);
        loop {
            let answer = self
                .formation()
                .describe_stack_drift_detection_status()
                .stack_drift_detection_id(&detection)
                .send()
                .await
                .map_err(|error| refusal("DescribeStackDriftDetectionStatus", error))?;
            match answer.detection_status {
                Some(StackDriftDetectionStatus::DetectionInProgress) => {
                    tokio::time::sleep(wait).await;
                }
                // What it could compare is told all the same.
                Some(StackDriftDetectionStatus::DetectionFailed)
                    if answer.drifted_stack_resource_count.is_none() =>
                {
                    let reason = answer.detection_status_reason.unwrap_or_default();
                    return Err(Error::aws(format!(
                        "{name}: the detection of drift failed: {reason}"
                    )));
                }
                _ => break,
            }
            wait = (wait * 3 / 2).min(Duration::from_secs(3));
        }
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let page = self
                .formation()
                .describe_stack_resource_drifts()
                .stack_name(name)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| refusal("DescribeStackResourceDrifts", error))?;
            found.extend(
                page.stack_resource_drifts
                    .unwrap_or_default()
                    .into_iter()
                    .map(drifted),
            );
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

fn drifted(drift: StackResourceDrift) -> Drifted {
    // The service writes `null` where a side has nothing.
    let side = |text: Option<String>| text.filter(|text| text != "null");
    let differences = drift.property_differences.unwrap_or_default().into_iter();
    Drifted {
        resource: drift.logical_resource_id.unwrap_or_default(),
        resource_type: drift.resource_type.unwrap_or_default(),
        physical_id: drift.physical_resource_id.unwrap_or_default(),
        deleted: drift.stack_resource_drift_status == Some(StackResourceDriftStatus::Deleted),
        differences: differences
            .map(|one| LiveDifference {
                path: one.property_path.unwrap_or_default(),
                expected: side(one.expected_value),
                actual: side(one.actual_value),
            })
            .collect(),
    }
}
