//! Waiting out what passes: a network that is down, a service that fails, credentials that have
//! expired. What runs in CloudFormation goes on meanwhile.

use super::Context;
use crate::error::{Error, Passing, Result};
use crate::event::Event;
use std::time::Duration;
use tokio::time::Instant;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// After so long the wait is given up; a run is not to hang for ever where nobody looks.
const GIVE_UP: Duration = Duration::from_secs(3600);

/// Makes the call until it is answered, or refused for a reason that does not pass. The call must be
/// one that can be repeated: a read, or one with a client token.
pub(super) async fn patient<T, F>(context: &Context, call: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (begun, mut wait, mut told) = (Instant::now(), FIRST_WAIT, None);
    loop {
        let error = match call().await {
            Err(error) if begun.elapsed() < GIVE_UP => error,
            other => return other,
        };
        let Some(passing) = error.passing.filter(|passing| waits(context, *passing)) else {
            return Err(error);
        };
        if told != Some(passing) {
            told = Some(passing);
            context.emit(Event::Waiting {
                why: why(passing, &error),
            });
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        if passing == Passing::Expired {
            context.cloud.refresh().await;
        }
    }
}

fn waits(context: &Context, passing: Passing) -> bool {
    // What stands in the environment of a process stays as it is.
    passing != Passing::Expired || !context.cloud.is_fixed()
}

fn why(passing: Passing, error: &Error) -> String {
    let what = error
        .messages
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    // AWS's own sentences have no end.
    let what = format!("{}.", what.trim_end_matches('.'));
    match passing {
        Passing::Network => format!("{what} Waiting for the network; what runs in AWS goes on."),
        Passing::Service => format!("{what} Waiting for the service; what runs in AWS goes on."),
        Passing::Expired => format!(
            "{what} Waiting for fresh credentials (aws sso login, or whatever made them); what runs \
             in AWS goes on."
        ),
    }
}
