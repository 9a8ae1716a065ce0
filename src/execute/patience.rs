//! Waiting out what passes: a network that is down, a service that fails, credentials that have
//! expired. What runs in CloudFormation goes on meanwhile.

use super::Context;
use crate::error::{Error, Passing, Result};
use crate::event::Event;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// After so long the wait is given up; a run is not to hang for ever where nobody looks.
const GIVE_UP: Duration = Duration::from_secs(3600);

/// What the calls of a run wait for, each for itself; what all of them wait for is told once.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<Vec<Passing>>);

impl Waits {
    fn all(&self) -> MutexGuard<'_, Vec<Passing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A wait that has begun, and whether it is the only one for that.
    fn begin(&self, passing: Passing) -> (Wait<'_>, bool) {
        let mut all = self.all();
        let alone = !all.contains(&passing);
        all.push(passing);
        let waits = self;
        (Wait { waits, passing }, alone)
    }
}

/// A call's wait, to its end.
struct Wait<'a> {
    waits: &'a Waits,
    passing: Passing,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut all = self.waits.all();
        if let Some(at) = all.iter().position(|one| *one == self.passing) {
            all.swap_remove(at);
        }
    }
}

/// Makes the call until it is answered, or refused for a reason that does not pass. The call must be
/// one that can be repeated: a read, or one with a client token.
pub(super) async fn patient<T, F>(context: &Context, call: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (begun, mut wait) = (Instant::now(), FIRST_WAIT);
    let mut waiting: Option<Wait<'_>> = None;
    loop {
        let error = match call().await {
            Err(error) if begun.elapsed() < GIVE_UP => error,
            other => return other,
        };
        let Some(passing) = error.passing else {
            return Err(error);
        };
        // What stands in the environment of a process stays as it is.
        if passing == Passing::Expired && context.cloud.is_fixed() {
            return Err(error.hint(
                "the keys are those in the environment: set fresh ones (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, \
                 AWS_SESSION_TOKEN), or unset them for those of a profile",
            ));
        }
        if waiting.as_ref().map(|wait| wait.passing) != Some(passing) {
            let (begun, alone) = context.waits.begin(passing);
            waiting = Some(begun);
            if alone {
                context.emit(Event::Waiting {
                    why: why(passing, &error),
                });
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        if passing == Passing::Expired {
            context.cloud.refresh().await;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_wait_for_is_told_once_until_all_go_on() {
        let waits = Waits::default();
        let (first, told) = waits.begin(Passing::Network);
        assert!(told);
        let (second, told) = waits.begin(Passing::Network);
        assert!(!told);
        let (_other, told) = waits.begin(Passing::Expired);
        assert!(told);
        drop(first);
        assert!(!waits.begin(Passing::Network).1);
        drop(second);
        assert!(waits.begin(Passing::Network).1);
    }
}
