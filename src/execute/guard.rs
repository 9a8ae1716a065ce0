//! The last look at a change set: what holds data is not taken away unless that was allowed by name.

use super::Context;
use crate::cloud::ChangeSet;
use crate::error::{Error, Result};
use crate::plan::{Step, data, is_kept};

/// Refuses a change set that takes away a resource that holds data, unless it is allowed by name.
pub(super) fn guard(context: &Context, step: &Step, changes: &ChangeSet) -> Result<()> {
    let template = context
        .project
        .prepared
        .get(&step.stack)
        .map(|p| &p.template.body);
    for change in changes
        .changes
        .iter()
        .filter(|change| data::holds_data(&change.resource_type))
    {
        let replaced = change.action == "Modify"
            && matches!(change.replacement.as_deref(), Some("True" | "Conditional"));
        let removed = change.action == "Remove"
            && !matches!(change.policy.as_deref(), Some("Retain" | "Snapshot"));
        let keeps = template
            .and_then(|body| body["Resources"].get(&change.resource))
            .is_some_and(|resource| {
                is_kept(resource)
                    && matches!(
                        resource.get("UpdateReplacePolicy").and_then(|p| p.as_str()),
                        Some("Retain" | "Snapshot")
                    )
            });
        let (flag, list, verb) = if replaced {
            ("--allow-replace", &context.options.allow_replace, "replace")
        } else if removed {
            ("--allow-delete", &context.options.allow_delete, "delete")
        } else {
            continue;
        };
        if !data::allowed(list, &change.resource) {
            let fate = if keeps {
                "; the old one is kept, but nothing uses it"
            } else {
                ""
            };
            return Err(Error::stacks(format!(
                "the change would {verb} {} ({}), which holds data{fate}.",
                change.resource, change.resource_type
            ))
            .hint(format!("if that is wanted: {flag} {}", change.resource)));
        }
    }
    Ok(())
}
