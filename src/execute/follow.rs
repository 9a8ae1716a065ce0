//! Follows the running operations of a whole run to their ends, telling each event once.
//!
//! One task asks for all of them. Of a single stack the events are read, which tell of its end; of
//! several, one list says which are still moving. Events are read for a few stacks at a time, in turn, so that the calls a second do not
//! grow with the stacks. The wait between two looks grows with the age of the youngest operation, so
//! that what it costs is a small part of the operation itself.

use super::Context;
use super::aftermath::is_cause;
use super::patience::patient;
use crate::cloud::{Deployed, StackEvent, stopped};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::plan::action::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

const SHORTEST_WAIT: Duration = Duration::from_millis(150);
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// The part of an operation's age that is waited between two looks.
const SHARE: f64 = 0.02;
/// A stack whose events tell of no end is described all the same at every so manieth look.
const DESCRIBED: usize = 8;
/// From so many stacks on that have ended at once, all of the account are listed instead of each being
/// described.
const MANY: usize = 20;
/// Of how many stacks events are read in one look.
const READS: usize = 3;
/// How long a begun operation may take to show in the stack's events.
const UNSEEN: Duration = Duration::from_secs(5);

/// How an operation ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The stack as it is then; nothing when it is gone.
    pub(super) deployed: Option<Deployed>,
    /// The first thing that went wrong.
    pub(super) cause: Option<StackEvent>,
    /// All that was told of it.
    pub(super) events: Vec<StackEvent>,
    /// Whether a validation stopped it before anything was done.
    pub(super) invalid: bool,
}

/// An operation that is followed.
struct Watch {
    stack: String,
    /// The name in the ARN.
    name: String,
    id: String,
    token: Option<String>,
    seen: Option<String>,
    cause: Option<StackEvent>,
    events: Vec<StackEvent>,
    invalid: bool,
    begun: Instant,
    looked: Instant,
    looks: usize,
    /// Whether an event told that the operation has ended.
    told: bool,
    end: oneshot::Sender<Result<Ended>>,
}

/// The run's one follower.
#[derive(Debug)]
pub(super) struct Follower(mpsc::UnboundedSender<Watch>);

impl Follower {
    /// Starts the task; it ends with the context.
    pub(super) fn start(context: Weak<Context>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(drive(context, receiver));
        Self(sender)
    }
}

/// Follows the stack of that id until nothing is in progress. `token` names our own operation;
/// without it, whatever runs is followed.
pub(super) async fn follow(
    context: &Context,
    stack: &str,
    id: &str,
    token: Option<&str>,
) -> Result<Ended> {
    let mut seen = None;
    if token.is_none() {
        // Somebody else's operation: its past is not ours to tell.
        let events = patient(context, || context.cloud.events_since(id, None, None)).await?;
        seen = events.last().map(|event| event.id.clone());
    }
    let (end, ended) = oneshot::channel();
    let now = Instant::now();
    let watch = Watch {
        stack: stack.to_owned(),
        name: id.split('/').nth(1).unwrap_or(id).to_owned(),
        id: id.to_owned(),
        token: token.map(str::to_owned),
        seen,
        cause: None,
        events: vec![],
        invalid: false,
        begun: now,
        looked: now,
        looks: 0,
        told: false,
        end,
    };
    let gone = || Error::aws("internal error: nobody follows the stacks.");
    context.follower.0.send(watch).map_err(|_| gone())?;
    ended.await.map_err(|_| gone())?
}

async fn drive(context: Weak<Context>, mut receiver: mpsc::UnboundedReceiver<Watch>) {
    let mut watches: Vec<Watch> = Vec::new();
    loop {
        if watches.is_empty() {
            match receiver.recv().await {
                Some(watch) => watches.push(watch),
                None => return,
            }
        }
        let wait = wait(&watches);
        tokio::select! {
            more = receiver.recv() => match more {
                Some(watch) => watches.push(watch),
                None => return,
            },
            () = tokio::time::sleep(wait) => {
                let Some(context) = context.upgrade() else { return };
                look(&context, &mut watches).await;
            }
        }
    }
}

fn wait(watches: &[Watch]) -> Duration {
    let youngest = watches.iter().map(|watch| watch.begun.elapsed()).min();
    let share = youngest.unwrap_or_default().mul_f64(SHARE);
    share.clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

/// One look at all of them.
async fn look(context: &Arc<Context>, watches: &mut Vec<Watch>) {
    if let [only] = &mut watches[..]
        && !ended(context, only).await
    {
        return;
    }
    let mut running = Vec::new();
    let moving = match watches.len() {
        1 => Ok(None),
        _ => patient(context, || context.cloud.moving()).await.map(Some),
    };
    // Who may not list stacks may describe them.
    let moving: Option<BTreeSet<String>> = moving.unwrap_or_default();
    let mut still = Vec::new();
    for watch in watches.drain(..) {
        match &moving {
            Some(moving) if moving.contains(&watch.id) => running.push(watch),
            _ => still.push(watch),
        }
    }
    // Where many have ended at once, all are described by a few pages.
    let mut all = match still.len() > MANY {
        true => patient(context, || context.cloud.describe_all())
            .await
            .unwrap_or_default(),
        false => BTreeMap::new(),
    };
    let mut looks = Vec::new();
    for watch in still {
        let known = all.remove(&watch.name).filter(|stack| stack.id == watch.id);
        let context = context.clone();
        looks.push(tokio::spawn(async move {
            describe(&context, watch, known).await
        }));
    }
    for look in looks {
        // A panic in it drops the watch, and its end is told to be missing.
        if let Ok(Some(watch)) = look.await {
            running.push(watch);
        }
    }
    if moving.is_some() {
        tell_some(context, &mut running).await;
    }
    watches.append(&mut running);
}

/// Reads the events of the only stack, and says whether it is to be described.
async fn ended(context: &Context, watch: &mut Watch) -> bool {
    watch.looks += 1;
    // What cannot be read is told when it is described.
    let read = tell(context, watch).await;
    watch.told || read.is_err() || watch.looks.is_multiple_of(DESCRIBED)
}

/// Looks at one stack, and ends its watch if its operation has ended.
async fn describe(context: &Context, mut watch: Watch, known: Option<Deployed>) -> Option<Watch> {
    let described = match known {
        Some(stack) => Ok(Some(stack)),
        None => patient(context, || context.cloud.describe(&watch.id)).await,
    };
    let deployed = match described {
        Ok(deployed) => deployed,
        Err(error) => {
            let _ = watch.end.send(Err(error));
            return None;
        }
    };
    let over = match &deployed {
        None => Ok(true),
        Some(now) => in_progress(&now.status).map(|moves| !moves),
    };
    let over = match over {
        Ok(over) => over,
        Err(error) => {
            let _ = watch.end.send(Err(error));
            return None;
        }
    };
    if deployed.is_some()
        && let Err(error) = tell(context, &mut watch).await
    {
        let _ = watch.end.send(Err(error));
        return None;
    }
    // What was just begun may not show yet, and the stack looks as if it had ended.
    let begun = watch.token.is_none() || watch.seen.is_some() || watch.begun.elapsed() > UNSEEN;
    if !over || (deployed.is_some() && !begun) {
        return Some(watch);
    }
    let _ = watch.end.send(Ok(Ended {
        deployed,
        cause: watch.cause,
        events: watch.events,
        invalid: watch.invalid,
    }));
    None
}

/// Reads the events of those that were not read for the longest.
async fn tell_some(context: &Arc<Context>, running: &mut [Watch]) {
    running.sort_by_key(|watch| watch.looked);
    for watch in running.iter_mut().take(READS) {
        // Only what is shown is missed; the end is read again.
        let _ = tell(context, watch).await;
    }
}

/// Tells what is new of a stack.
async fn tell(context: &Context, watch: &mut Watch) -> Result<()> {
    watch.looked = Instant::now();
    let (id, seen) = (&watch.id, watch.seen.as_deref());
    let news = patient(context, || {
        context.cloud.events_since(id, seen, watch.token.as_deref())
    })
    .await?;
    for event in news {
        watch.seen = Some(event.id.clone());
        let own = event.physical_id == watch.id;
        watch.told = own && !event.status.ends_with("_IN_PROGRESS");
        watch.invalid |= event.reason.as_deref().is_some_and(stopped);
        if watch.cause.is_none() && !own && is_cause(&event) {
            watch.cause = Some(event.clone());
        }
        watch.events.push(event.clone());
        context.emit(Event::Resource {
            stack: watch.stack.clone(),
            time: event.time,
            resource: event.resource,
            resource_type: event.resource_type,
            status: event.status,
            reason: event.reason,
        });
    }
    Ok(())
}

fn in_progress(status: &str) -> Result<bool> {
    Status::parse(status)
        .map(Status::in_progress)
        .map_err(|unknown| Error::aws(format!("the stack status {} is not known.", unknown.0)))
}
