//! What stands of a stack: its resources, and the template that made them.

use super::refusals::refusal;
use super::session::Cloud;
use crate::error::Result;
use aws_sdk_cloudformation::types::TemplateStage;

/// A resource of a stack, as CloudFormation answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The logical id.
    pub name: String,
    /// The resource type.
    pub kind: String,
    /// The physical id; empty before there is one.
    pub id: String,
    /// The resource's status, as the service spells it.
    pub status: String,
}

impl Cloud {
    /// The resources of a stack.
    ///
    /// # Errors
    /// What CloudFormation refuses.
    pub async fn standing(&self, stack: &str) -> Result<Vec<Standing>> {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let page = self
                .formation()
                .list_stack_resources()
                .stack_name(stack)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| refusal("ListStackResources", error))?;
            let resources = page.stack_resource_summaries.unwrap_or_default();
            found.extend(resources.into_iter().map(|one| {
                Standing {
                    name: one.logical_resource_id.unwrap_or_default(),
                    kind: one.resource_type.unwrap_or_default(),
                    id: one.physical_resource_id.unwrap_or_default(),
                    status: one
                        .resource_status
                        .map(|status| status.as_str().to_owned())
                        .unwrap_or_default(),
                }
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// The template that a stack was last given, after its transforms.
    ///
    /// # Errors
    /// What CloudFormation refuses.
    pub async fn processed_template(&self, stack: &str) -> Result<String> {
        let answer = self
            .formation()
            .get_template()
            .stack_name(stack)
            .template_stage(TemplateStage::Processed)
            .send()
            .await
            .map_err(|error| refusal("GetTemplate", error))?;
        Ok(answer.template_body.unwrap_or_default())
    }
}
