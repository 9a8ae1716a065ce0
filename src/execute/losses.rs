//! What data a stack would lose: of one that a failure left behind not what its template names, but what is there.

use crate::cloud::{Cloud, StackEvent, Standing};
use crate::error::Result;
use crate::plan::action::Status;
use crate::plan::{self, Current, data};
use std::collections::BTreeSet;

/// A resource that holds data, by its logical id and type.
pub type Loss = (String, String);

/// Statuses of resources that are not, or no longer, the stack's.
const GONE: [&str; 2] = ["DELETE_COMPLETE", "DELETE_SKIPPED"];

/// What is lost where the whole stack is deleted.
///
/// # Errors
/// What CloudFormation refuses.
pub async fn of_deletion(cloud: &Cloud, now: &Current) -> Result<Vec<Loss>> {
    let mut lost = plan::loses(now);
    // The template names also what is gone, or never was.
    let in_part = Status::parse(&now.stack.status).is_ok_and(Status::in_part);
    if in_part && !lost.is_empty() {
        let standing = standing(cloud, now).await?;
        lost.retain(|(name, _)| standing.iter().any(|one| one.name == *name));
    }
    Ok(lost)
}

/// What is lost where a stack in CREATE_FAILED or UPDATE_FAILED is rolled back: what was made since it last was as
/// somebody had asked.
///
/// # Errors
/// What CloudFormation refuses.
pub async fn of_rollback(cloud: &Cloud, now: &Current) -> Result<Vec<Loss>> {
    let stopped = Status::parse(&now.stack.status);
    if !matches!(stopped, Ok(Status::CreateFailed | Status::UpdateFailed)) {
        return Ok(vec![]);
    }
    let kept = plan::kept_when_undone(now);
    let holds = |one: &Standing| data::holds_data(&one.kind) && !kept.contains(&one.name);
    let mut held = standing(cloud, now).await?;
    held.retain(holds);
    if stopped == Ok(Status::UpdateFailed) && !held.is_empty() {
        let made = made_since(cloud, &now.stack.id).await?;
        held.retain(|one| made.contains(&(one.name.clone(), one.id.clone())));
    }
    Ok(held.into_iter().map(|one| (one.name, one.kind)).collect())
}

/// What is there of a stack.
async fn standing(cloud: &Cloud, now: &Current) -> Result<Vec<Standing>> {
    let mut standing = cloud.standing(&now.stack.id).await?;
    standing.retain(|one| !one.id.is_empty() && !GONE.contains(&one.status.as_str()));
    Ok(standing)
}

/// The logical and physical ids that were made since the stack's last operation ended well, in as many attempts as
/// there were since.
async fn made_since(cloud: &Cloud, id: &str) -> Result<BTreeSet<(String, String)>> {
    let events = cloud.events_since(id, None, None).await?.events;
    let stopped = ["CREATE_FAILED", "UPDATE_FAILED"];
    let well = |event: &StackEvent| {
        event.physical_id == id
            && Status::parse(&event.status).is_ok_and(|status| !status.in_progress())
            && !stopped.contains(&event.status.as_str())
    };
    let since = events.iter().rev().take_while(|event| !well(event));
    let made = since.filter(|event| event.status.starts_with("CREATE_"));
    Ok(made
        .map(|event| (event.resource.clone(), event.physical_id.clone()))
        .collect())
}
