//! Follows the running operations of a whole run to their ends, telling each event once.
//!
//! One task asks for all of them. Of a single stack the events are read, which tell of its end; of
//! several, one list says which are still moving. Events are read for a few stacks at a time, in turn, so
//! that the calls a second do not grow with the stacks. The wait between two looks grows with the time
//! since an operation last began or ended, so that what it costs is a small part of the operations.

use super::Context;
use super::aftermath::is_cause;
use super::patience::patient;
use crate::cloud::{Deployed, StackEvent, stopped};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::plan::action::Status;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const SHORTEST_WAIT: Duration = Duration::from_millis(150);
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// The part of the time since an operation last began or ended that is waited between two looks.
const SHARE: f64 = 0.005;
/// A stack whose events tell of no end is described all the same at every so manieth look.
const DESCRIBED: usize = 8;
/// From so many stacks on that have ended at once, and from such a part of the project's on, all of the account
/// are described by the page, one page after the other, instead of each by itself, all at once.
const MANY: (usize, usize) = (20, 10);
/// Of how many stacks events are read in one look.
const READS: usize = 3;
/// Of how many stacks the last events are read at once: a call that begins something waits behind no more.
const LAST_READS: usize = 32;
/// How long a begun operation may take to show in the stack's events.
const UNSEEN: Duration = Duration::from_secs(5);

/// How an operation ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The stack as it is then; nothing when it is gone.
    pub(super) deployed: Option<Deployed>,
    told: oneshot::Receiver<Result<Told>>,
}

/// Ends with a watch that goes on.
type Look = JoinHandle<Option<Watch>>;

/// All that was told of an operation.
#[derive(Debug)]
pub(super) struct Told {
    /// The first thing that went wrong.
    pub(super) cause: Option<StackEvent>,
    /// Its events.
    pub(super) events: Vec<StackEvent>,
    /// Whether a validation stopped it before anything was done.
    pub(super) invalid: bool,
}

impl Ended {
    /// What was told of it, once all of that is.
    ///
    /// # Errors
    /// When its events could not be read.
    pub(super) async fn told(self) -> Result<Told> {
        self.told.await.map_err(|_| nobody())?
    }
}

fn nobody() -> Error {
    Error::aws("internal error: nobody follows the stacks.")
}

/// An operation that is followed.
struct Watch {
    stack: String,
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
pub(super) struct Follower {
    watches: mpsc::UnboundedSender<Watch>,
    turns: Semaphore,
}

impl Follower {
    /// Starts the task; it ends with the context.
    pub(super) fn start(context: Weak<Context>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(drive(context, receiver));
        Self {
            watches: sender,
            turns: Semaphore::new(LAST_READS),
        }
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
    context.follower.watches.send(watch).map_err(|_| nobody())?;
    ended.await.map_err(|_| nobody())?
}

async fn drive(context: Weak<Context>, mut receiver: mpsc::UnboundedReceiver<Watch>) {
    let mut watches: Vec<Watch> = Vec::new();
    let mut moved = Instant::now();
    loop {
        if watches.is_empty() {
            match receiver.recv().await {
                Some(watch) => watches.push(watch),
                None => return,
            }
        }
        let wait = wait(&watches, moved);
        tokio::select! {
            more = receiver.recv() => match more {
                Some(watch) => watches.push(watch),
                None => return,
            },
            () = tokio::time::sleep(wait) => {
                let Some(context) = context.upgrade() else { return };
                while look_on(&context, &mut watches, &mut moved).await {}
            }
        }
    }
}

/// Looks, and says whether to look again at once: where many are followed and a tenth of them has ended, more
/// have ended while the pages were read.
async fn look_on(context: &Arc<Context>, watches: &mut Vec<Watch>, moved: &mut Instant) -> bool {
    let before = watches.len();
    look(context, watches).await;
    let ended = before - watches.len();
    if ended > 0 {
        *moved = Instant::now();
    }
    !watches.is_empty() && before > many(context) && ended * 10 >= before
}

fn many(context: &Context) -> usize {
    let (least, part) = MANY;
    least.max(context.project.manifest.stacks.len() / part)
}

/// What ends together is rarely seen to end in one look: the wait is short again after an end.
fn wait(watches: &[Watch], moved: Instant) -> Duration {
    let begun = watches.iter().map(|watch| watch.begun);
    let last = begun.chain([moved]).max().unwrap_or(moved);
    let share = last.elapsed().mul_f64(SHARE);
    share.clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

/// One look at all of them.
async fn look(context: &Arc<Context>, watches: &mut Vec<Watch>) {
    if let [only] = &mut watches[..]
        && !ended(context, only).await
    {
        return;
    }
    let moving = match watches.len() {
        1 => Ok(None),
        // What the list says in several pages takes as long as to read some events.
        _ => {
            let listed = patient(context, || context.cloud.moving());
            let (moving, ()) = tokio::join!(listed, tell_some(context, watches));
            moving.map(Some)
        }
    };
    // Who may not list stacks may describe them.
    let moving: Option<BTreeSet<String>> = moving.unwrap_or_default();
    let moves = |watch: &Watch| moving.as_ref().is_some_and(|ids| ids.contains(&watch.id));
    let (running, still) = watches.drain(..).partition(moves);
    let mut all = Split { running, still };
    let mut looks = match all.still.len() > many(context) {
        true => describe_by_page(context, &mut all).await,
        false => vec![],
    };
    for watch in all.still {
        let context = context.clone();
        looks.push(tokio::spawn(async move {
            let described = patient(&context, || context.cloud.describe(&watch.id)).await;
            judge(&context, watch, described).await
        }));
    }
    watches.append(&mut all.running);
    for look in looks {
        // A panic in it drops the watch, and its end is told to be missing.
        watches.extend(look.await.ok().flatten());
    }
}

/// What a list says of those who are watched.
struct Split {
    running: Vec<Watch>,
    still: Vec<Watch>,
}

/// Describes page after page until each that stands still was shown: what a page shows to have ended waits for
/// no other page. More may have ended by then; what stands still and is on no page is left.
async fn describe_by_page(context: &Arc<Context>, all: &mut Split) -> Vec<Look> {
    let keyed = |watches: &mut Vec<Watch>| -> HashMap<String, Watch> {
        let watches = watches.drain(..);
        watches.map(|watch| (watch.id.clone(), watch)).collect()
    };
    let (mut running, mut still) = (keyed(&mut all.running), keyed(&mut all.still));
    let (mut looks, mut token) = (Vec::new(), None);
    loop {
        let page = patient(context, || context.cloud.describe_page(token.as_deref())).await;
        // Who may not describe all of them may describe each.
        let (page, next) = page.unwrap_or_default();
        for stack in page {
            let watch = still.remove(&stack.id);
            let Some(watch) = watch.or_else(|| running.remove(&stack.id)) else {
                continue;
            };
            if in_progress(&stack.status).is_ok_and(|moves| moves) {
                all.running.push(watch);
                continue;
            }
            let context = context.clone();
            looks.push(tokio::spawn(async move {
                judge(&context, watch, Ok(Some(stack))).await
            }));
        }
        token = next;
        if token.is_none() || still.is_empty() {
            break;
        }
    }
    all.running.extend(running.into_values());
    all.still.extend(still.into_values());
    looks
}

/// Reads the events of the only stack, and says whether it is to be described.
async fn ended(context: &Context, watch: &mut Watch) -> bool {
    watch.looks += 1;
    // What cannot be read is told when it is described.
    let read = tell(context, watch).await;
    watch.told || read.is_err() || watch.looks.is_multiple_of(DESCRIBED)
}

/// Ends the watch if its operation has ended, as the stack is described.
async fn judge(
    context: &Arc<Context>,
    mut watch: Watch,
    described: Result<Option<Deployed>>,
) -> Option<Watch> {
    let over = |now: &Option<Deployed>| match now {
        None => Ok(true),
        Some(now) => in_progress(&now.status).map(|moves| !moves),
    };
    let (deployed, over) = match described.and_then(|now| over(&now).map(|over| (now, over))) {
        Ok(looked) => looked,
        Err(error) => {
            let _ = watch.end.send(Err(error));
            return None;
        }
    };
    // What was just begun may not show yet, and the stack looks as if it had ended.
    let shows = |watch: &Watch| {
        watch.token.is_none() || watch.seen.is_some() || watch.begun.elapsed() > UNSEEN
    };
    if deployed.is_some() && (!over || !shows(&watch)) {
        if let Err(error) = tell(context, &mut watch).await {
            let _ = watch.end.send(Err(error));
            return None;
        }
        if !over || !shows(&watch) {
            return Some(watch);
        }
    }
    conclude(context.clone(), watch, deployed);
    None
}

/// Says that an operation has ended, and then tells what is left to be told of it: nothing waits for that
/// which needs the stack alone.
fn conclude(context: Arc<Context>, mut watch: Watch, deployed: Option<Deployed>) {
    let (sender, told) = oneshot::channel();
    let there = deployed.is_some();
    let (end, _) = oneshot::channel();
    let end = std::mem::replace(&mut watch.end, end);
    let _ = end.send(Ok(Ended { deployed, told }));
    tokio::spawn(async move {
        let read = match there && !watch.told {
            true => {
                let _turn = context.follower.turns.acquire().await;
                tell(&context, &mut watch).await
            }
            false => Ok(()),
        };
        let _ = sender.send(read.map(|()| Told {
            cause: watch.cause,
            events: watch.events,
            invalid: watch.invalid,
        }));
    });
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
