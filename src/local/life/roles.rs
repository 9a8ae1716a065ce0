//! Roles and what is attached to them.

use super::words::{No, no};
use super::{Call, Held, limits};
use serde_json::Value;

const MOST: usize = limits::ROLE_POLICIES.most;

fn exceeded() -> No {
    no(
        "Iam",
        format!("Cannot exceed quota for PoliciesPerRole: {MOST}"),
    )
    .with(409, "ServiceLimitExceeded")
}

fn count(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

/// More managed policies than a role may have.
pub(super) fn too_many(call: &Call<'_>) -> Option<No> {
    let name = call.wanted.physical_id.as_str();
    let listed = count(&call.properties()["ManagedPolicyArns"]);
    (listed + attaching(call, name) > MOST).then(exceeded)
}

/// A managed policy that is one too many for a role that it names.
pub(super) fn too_many_on_others(call: &Call<'_>) -> Option<No> {
    let roles = call.properties()["Roles"].as_array()?;
    let full = roles.iter().filter_map(Value::as_str).any(|name| {
        let role = call.world.find("AWS::IAM::Role", name);
        let listed = role.map_or(0, |role| {
            count(&role.resource.actual()["ManagedPolicyArns"])
        });
        listed + attaching(call, name) + 1 > MOST
    });
    full.then(exceeded)
}

/// How many managed policies that are resources of their own name the role.
fn attaching(call: &Call<'_>, role: &str) -> usize {
    let policies = call.others("AWS::IAM::ManagedPolicy");
    policies
        .filter(|held| !role.is_empty() && held.holds("Roles", role))
        .count()
}

/// What others attached to a role, and IAM wants gone before the role.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>
const ATTACHED: &[(&str, &str, &str)] = &[
    (
        "AWS::IAM::InstanceProfile",
        "Roles",
        "Cannot delete entity, must remove roles from instance profile first.",
    ),
    (
        "AWS::IAM::ManagedPolicy",
        "Roles",
        "Cannot delete entity, must detach all policies first.",
    ),
    (
        "AWS::IAM::Policy",
        "Roles",
        "Cannot delete entity, must delete policies first.",
    ),
    (
        "AWS::IAM::RolePolicy",
        "RoleName",
        "Cannot delete entity, must delete policies first.",
    ),
];

/// A role that something outside of the stack is attached to.
pub(super) fn attached(call: &Call<'_>) -> Option<No> {
    let name = call.wanted.physical_id.as_str();
    let is_other = |held: &Held<'_>| !call.is_own(held);
    let (_, _, words) = ATTACHED.iter().find(|(kind, property, _)| {
        let mut others = call.others(kind).filter(is_other);
        others.any(|held| held.holds(property, name))
    })?;
    Some(no("Iam", *words).with(409, "ResourceConflict"))
}
