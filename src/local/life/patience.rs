//! What handlers wait for, longer than their own work takes.

use super::dependents::is_of_function;
use crate::local::model::{Resource, State};
use serde_json::Value;

/// Until so many seconds after the moment, as the service counts them.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// When it began.
    pub since: String,
    /// How long it takes from there.
    pub seconds: f64,
}

/// Types whose service assumes a role at once, and their properties that name it.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html>: changes are not visible
/// everywhere immediately, so their handlers try again.
const ROLES: &[(&str, &str)] = &[
    ("AWS::Lambda::Function", "Role"),
    ("AWS::RedshiftServerless::Namespace", "DefaultIamRoleArn"),
];

/// How long a new role takes to be known everywhere.
const PROPAGATION: f64 = 10.0;

/// How long a function's network interfaces outlive it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
const INTERFACES: f64 = 20.0 * 60.0;

/// What the create of the resource waits for: that its role is known everywhere.
pub fn on_create(state: &State, wanted: &Resource) -> Option<Wait> {
    let (_, property) = ROLES.iter().find(|(kind, _)| *kind == wanted.kind)?;
    let name = wanted.properties[*property].as_str()?.rsplit('/').next()?;
    let mut roles = state.resources("AWS::IAM::Role");
    let (_, role) = roles.find(|(_, role)| role.physical_id == name)?;
    (role.status == "CREATE_COMPLETE").then(|| Wait {
        since: role.updated.clone(),
        seconds: PROPAGATION,
    })
}

/// What the delete of the resource waits for: that the network interfaces of deleted functions are
/// gone.
pub fn on_delete(state: &State, resource: &Resource) -> Option<Wait> {
    if !matches!(
        resource.kind.as_str(),
        "AWS::EC2::SecurityGroup" | "AWS::EC2::Subnet"
    ) {
        return None;
    }
    let id = resource.physical_id.as_str();
    let events = state.stacks.iter().flat_map(|stack| &stack.events);
    let gone = events.filter(|event| {
        event.kind == "AWS::Lambda::Function"
            && event.status == "DELETE_COMPLETE"
            && event
                .properties
                .as_deref()
                .filter(|text| text.contains(id))
                .and_then(|text| serde_json::from_str::<Value>(text).ok())
                .is_some_and(|properties| is_of_function(&properties, id))
    });
    let last = gone.max_by(|one, other| one.time.cmp(&other.time))?;
    Some(Wait {
        since: last.time.clone(),
        seconds: INTERFACES,
    })
}
