//! Follows a running operation to its end, telling each event once.

use super::Context;
use crate::cloud::{Deployed, StackEvent, stopped};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::plan::action::Status;
use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// How an operation ended.
pub(super) struct Ended {
    /// The stack as it is then; nothing when it is gone.
    pub(super) deployed: Option<Deployed>,
    /// The first thing that went wrong.
    pub(super) cause: Option<StackEvent>,
    /// Whether a validation stopped it before anything was done.
    pub(super) invalid: bool,
}

/// Follows the stack of that id until nothing is in progress. `token` names our own operation;
/// without it, whatever runs is followed.
pub(super) async fn follow(
    context: &Context,
    stack: &str,
    id: &str,
    token: Option<&str>,
) -> Result<Ended> {
    let (mut seen, mut cause, mut wait) = (None::<String>, None, FIRST_WAIT);
    let mut invalid = false;
    if token.is_none() {
        // Somebody else's operation: its past is not ours to tell.
        seen = context
            .cloud
            .events_since(id, None, None)
            .await?
            .pop()
            .map(|event| event.id);
    }
    loop {
        let deployed = context.cloud.describe(id).await?;
        let over = match &deployed {
            None => true,
            Some(now) => !in_progress(&now.status)?,
        };
        let news = if deployed.is_some() {
            context
                .cloud
                .events_since(id, seen.as_deref(), token)
                .await?
        } else {
            vec![]
        };
        wait = if news.is_empty() {
            (wait * 3 / 2).min(LONGEST_WAIT)
        } else {
            FIRST_WAIT.max(wait / 2)
        };
        for event in news {
            seen = Some(event.id.clone());
            invalid |= event.reason.as_deref().is_some_and(stopped);
            if cause.is_none() && is_cause(&event) {
                cause = Some(event.clone());
            }
            tell(context, stack, event);
        }
        if over {
            return Ok(Ended {
                deployed,
                cause,
                invalid,
            });
        }
        tokio::time::sleep(wait).await;
    }
}

fn in_progress(status: &str) -> Result<bool> {
    Status::parse(status)
        .map(Status::in_progress)
        .map_err(|unknown| Error::aws(format!("the stack status {} is not known.", unknown.0)))
}

/// The first failure is the cause; cancellations only follow from it.
fn is_cause(event: &StackEvent) -> bool {
    event.status.ends_with("_FAILED")
        && !event
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("cancelled"))
}

fn tell(context: &Context, stack: &str, event: StackEvent) {
    context.emit(Event::Resource {
        stack: stack.to_owned(),
        time: event.time,
        resource: event.resource,
        resource_type: event.resource_type,
        status: event.status,
        reason: event.reason,
    });
}
