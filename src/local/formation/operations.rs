//! The actions of the CloudFormation API.

use super::{change_sets, describe, drift, events, lag, lifecycle, reviews, templates};
use crate::local::core::Core;
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use serde_json::Value;
use std::sync::Arc;

/// An action's result, or what the service refuses, in its words.
pub type Answer = Result<Value, Refusal>;

/// Answers a request.
///
/// # Errors
/// What the service refuses, in its words.
pub fn answer(core: &Arc<Core>, action: &str, query: &Query) -> Answer {
    if changes_state(action) {
        lag::watched(core, query, || act(core, action, query))
    } else {
        act(core, action, query)
    }
}

fn act(core: &Arc<Core>, action: &str, query: &Query) -> Answer {
    match action {
        "DescribeStacks" => describe::stacks(core, query),
        "ListStacks" => describe::list_stacks(core, query),
        "DescribeStackEvents" => events::events(core, query),
        "DescribeEvents" => events::operation_events(core, query),
        "DescribeStackResource" => describe::one_resource(core, query),
        "DescribeStackResources" => describe::resources(core, query),
        "ListStackResources" => describe::list_resources(core, query),
        "DescribeAccountLimits" => Ok(describe::limits()),
        "EstimateTemplateCost" => templates::estimate_cost(core, query),
        "GetTemplate" => templates::template(core, query),
        "GetTemplateSummary" => templates::summary(core, query),
        "ValidateTemplate" => templates::validate(core, query),
        "DescribeChangeSet" => reviews::change_set(core, query),
        "ListChangeSets" => reviews::list_change_sets(core, query),
        "ListExports" => describe::exports(core, query),
        "ListImports" => describe::imports(core, query),
        "GetStackPolicy" => describe::policy(core, query),
        "CreateStack" => lifecycle::create(core, query),
        "UpdateStack" => lifecycle::update(core, query),
        "DeleteStack" => lifecycle::delete(core, query),
        "CancelUpdateStack" => lifecycle::cancel_update(core, query),
        "ContinueUpdateRollback" => lifecycle::continue_rollback(core, query),
        "RollbackStack" => lifecycle::roll_back(core, query),
        "UpdateTerminationProtection" => lifecycle::protect(core, query),
        "SetStackPolicy" => lifecycle::set_policy(core, query),
        "CreateChangeSet" => change_sets::create(core, query),
        "ExecuteChangeSet" => change_sets::execute(core, query),
        "DeleteChangeSet" => change_sets::delete(core, query),
        "DetectStackDrift" => drift::detect(core, query),
        "DetectStackResourceDrift" => drift::detect_resource(core, query),
        "DescribeStackDriftDetectionStatus" => drift::status(core, query),
        "DescribeStackResourceDrifts" => drift::resources(core, query),
        "EditResource" => drift::edit(core, query),
        other => Err(unknown(other)),
    }
}

/// Whether an action changes what is kept.
pub fn changes_state(action: &str) -> bool {
    !["Describe", "Estimate", "List", "Get", "Validate"]
        .iter()
        .any(|verb| action.starts_with(verb))
}

/// The refusal of an action that there is not.
pub fn unknown(action: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidAction",
        format!("Could not find operation {action} for version 2010-05-15"),
    )
}
