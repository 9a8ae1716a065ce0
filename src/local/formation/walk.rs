//! The walk over a stack's resources: each once those that it needs are done, all at once that can be.

use super::engine::{change, read};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::model::{Phase, Stack};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// What takes no time is not late where all of it is allowed none.
const GRACE: Duration = Duration::from_millis(20);

/// How a walk over resources ended.
#[derive(Debug, Default)]
pub(super) struct Walked {
    failed: BTreeSet<String>,
    cancelled: bool,
    timed_out: bool,
}

impl Walked {
    /// A walk that one resource ended.
    pub(super) fn failed_at(name: String) -> Self {
        Self {
            failed: BTreeSet::from([name]),
            ..Self::default()
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.failed.is_empty() && !self.cancelled && !self.timed_out
    }

    pub(super) fn reason(&self, verb: &str) -> String {
        if self.cancelled {
            return "User Initiated".to_owned();
        }
        if self.timed_out {
            return "Stack creation time exceeded the specified timeout.".to_owned();
        }
        let names: Vec<&str> = self.failed.iter().map(String::as_str).collect();
        format!(
            "The following resource(s) failed to {verb}: [{}]. ",
            names.join(", ")
        )
    }
}

/// Works on every resource of `needs` once those that it needs are done. After a failure nothing is
/// started; with `brave`, what does not depend on the failed one goes on.
pub(super) async fn walk<F>(
    core: &Arc<Core>,
    id: &str,
    mut needs: BTreeMap<String, BTreeSet<String>>,
    brave: bool,
    work: impl Fn(Arc<Core>, String, String) -> F,
) -> Walked
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let mut walked = Walked::default();
    let mut interrupts = core.interrupts();
    let (phase, done) = read(core, id, |stack| {
        (stack.operation.phase, stack.operation.done.clone())
    })
    .unwrap_or_default();
    needs.retain(|name, _| !done.contains(name));
    let mut running: JoinSet<(String, Result<(), String>)> = JoinSet::new();
    let mut started = BTreeSet::new();
    let mut late = pin!(late(core, id));
    loop {
        // A delete takes over from a create.
        walked.cancelled = read(core, id, |stack| {
            stack.operation.cancelled || stack.operation.phase != phase
        })
        .unwrap_or(true);
        let stop = !walked.is_good() && (!brave || walked.cancelled);
        if !stop {
            let free: Vec<String> = needs
                .iter()
                .filter(|(name, of)| {
                    !started.contains(*name) && of.iter().all(|need| !needs.contains_key(need))
                })
                .map(|(name, _)| name.clone())
                .collect();
            for name in free {
                started.insert(name.clone());
                let task = work(core.clone(), id.to_owned(), name.clone());
                running.spawn(async move { (name, task.await) });
            }
        }
        // The service lets nothing finish once something failed.
        if running.is_empty() || stop {
            return walked;
        }
        tokio::select! {
            joined = running.join_next() => match joined {
                Some(Ok((name, Ok(())))) => {
                    needs.remove(&name);
                    change(core, id, |stack| stack.operation.done.insert(name));
                }
                Some(Ok((name, Err(_)))) => {
                    walked.failed.insert(name);
                }
                _ => {}
            },
            _ = interrupts.changed() => {}
            () = &mut late => walked.timed_out = true,
        }
    }
}

/// Ends when the time is up that a create may take.
async fn late(core: &Core, id: &str) {
    let left = read(core, id, |stack| time_left(core, stack)).flatten();
    match left {
        Some(left) => tokio::time::sleep(left + GRACE).await,
        None => std::future::pending().await,
    }
}

fn time_left(core: &Core, stack: &Stack) -> Option<Duration> {
    let minutes = stack
        .timeout
        .filter(|_| stack.operation.phase == Phase::Create)?;
    let allowed = core.duration(f64::from(minutes) * 60.0);
    let passed = ids::since(&stack.operation.started).unwrap_or_default();
    Some(allowed.saturating_sub(passed))
}
