//! Follows the running operations of a whole run to their ends, telling each event once.
//!
//! One task asks for all of them. Of a single stack the events are read, which tell of its end; of several, one
//! list says which are still moving, or, where they are most of the account's, the pages on which all stacks are
//! described say what each is. Events are read for a few stacks at a time, in turn, so that the calls a second do not
//! grow with the stacks. The wait between two looks grows with the time since an operation last began or ended, so
//! that what it costs is a small part of the operations.

use super::Context;
use super::patience::patient;
use super::watch::{Ended, Watch, in_progress};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const SHORTEST_WAIT: Duration = Duration::from_millis(100);
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
/// How many stacks are described, each by itself, at once, and of how many the last events are read: a call that
/// begins something waits behind no more.
const AT_ONCE: usize = 32;

const DELETING: &str = "DELETE_IN_PROGRESS";

/// Ends with a watch that goes on.
type Look = JoinHandle<Option<Watch>>;

/// The run's one follower.
#[derive(Debug)]
pub(super) struct Follower {
    watches: mpsc::UnboundedSender<Watch>,
    /// Whether several are being looked at.
    looking: watch::Sender<bool>,
    pub(super) turns: Semaphore,
    tails: Semaphore,
}

impl Follower {
    /// Starts the task; it ends with the context.
    pub(super) fn start(context: Weak<Context>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(drive(context, receiver));
        Self {
            watches: sender,
            looking: watch::Sender::new(false),
            turns: Semaphore::new(AT_ONCE),
            tails: Semaphore::new(AT_ONCE),
        }
    }

    /// Waits for the turn of the last events of an operation. No stack waits for those: what is looked at goes
    /// first, and is held up by none but those that are read already.
    pub(super) async fn tail(&self) -> Option<SemaphorePermit<'_>> {
        let turn = self.tails.acquire().await.ok();
        let mut looking = self.looking.subscribe();
        // The sender is here.
        let _ = looking.wait_for(|looking| !looking).await;
        turn
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
    let seen = match token {
        Some(_) => None,
        // Somebody else's operation: its past is not ours to tell.
        None => patient(context, || context.cloud.newest_event(id)).await?,
    };
    let nobody = || Error::aws("internal error: nobody follows the stacks.");
    let (watch, ended) = Watch::new(stack, id, token, seen);
    context.follower.watches.send(watch).map_err(|_| nobody())?;
    ended.await.map_err(|_| nobody())?
}

async fn drive(context: Weak<Context>, mut receiver: mpsc::UnboundedReceiver<Watch>) {
    let mut watches: Vec<Watch> = Vec::new();
    let mut looks = Looks {
        moved: Instant::now(),
        count: 0,
        again: false,
        sweeps: true,
    };
    let mut looked = Instant::now();
    loop {
        if watches.is_empty() {
            let Some(watch) = receiver.recv().await else {
                return;
            };
            watches.push(watch);
            looked = Instant::now();
        }
        tokio::select! {
            more = receiver.recv() => match more {
                Some(watch) => watches.push(watch),
                None => return,
            },
            // However many come meanwhile: who begins stacks one after the other keeps none waiting.
            () = tokio::time::sleep_until(looked + wait(&watches, looks.moved)) => {
                let Some(context) = context.upgrade() else { return };
                looks.on(&context, &mut watches).await;
                while looks.again {
                    watches.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
                    looks.on(&context, &mut watches).await;
                }
                looked = Instant::now();
            }
        }
    }
}

/// The looks of a run, and what they have shown.
struct Looks {
    /// When an operation was last seen to have ended.
    moved: Instant,
    count: usize,
    /// Whether to look again at once: where many are followed and a tenth of them has ended, more have ended while
    /// the pages were read.
    again: bool,
    /// Whether those that are followed may be most of the account's stacks: then the pages on which all of those are
    /// described are as few as those of a list, and say more.
    sweeps: bool,
}

impl Looks {
    async fn on(&mut self, context: &Arc<Context>, watches: &mut Vec<Watch>) {
        self.count += 1;
        let before = watches.len();
        match &mut watches[..] {
            [only] => {
                only.tell(context).await;
                if only.told || self.count.is_multiple_of(DESCRIBED) {
                    *watches = describe(context, std::mem::take(watches)).await;
                }
            }
            _ => {
                context.follower.looking.send_replace(true);
                self.several(context, watches).await;
                context.follower.looking.send_replace(false);
            }
        }
        let ended = before - watches.len();
        if ended > 0 {
            self.moved = Instant::now();
        }
        self.again = !watches.is_empty() && before > many(context) && ended * 10 >= before;
    }

    /// One look at several.
    async fn several(&mut self, context: &Arc<Context>, watches: &mut Vec<Watch>) {
        let before = watches.len();
        if self.sweep(context, watches).await {
            // Where some have ended the next look does not wait for that.
            if watches.len() == before {
                *watches = tell_some(context, std::mem::take(watches)).await;
            }
            return;
        }
        let mut all = split(context, std::mem::take(watches)).await;
        events_first(context, &mut all).await;
        let shown = all.still.iter().filter(|watch| !watch.deleting).count();
        let looks = match shown > many(context) {
            true => describe_by_page(context, &mut all, usize::MAX).await,
            false => vec![],
        };
        watches.append(&mut all.running);
        watches.extend(describe(context, all.still).await);
        watches.extend(done(looks).await);
    }

    /// Looks at many by the pages on which all stacks are described, and says whether each was on one.
    async fn sweep(&mut self, context: &Arc<Context>, watches: &mut Vec<Watch>) -> bool {
        let unclear = |watch: &Watch| watch.deleting || watch.is_fresh();
        if !self.sweeps || watches.len() <= many(context) || watches.iter().any(unclear) {
            return false;
        }
        let most = watches.len() * 2;
        let (running, still) = (vec![], std::mem::take(watches));
        let mut all = Split { running, still };
        let looks = describe_by_page(context, &mut all, most).await;
        self.sweeps = all.still.is_empty();
        watches.append(&mut all.running);
        watches.append(&mut all.still);
        watches.extend(done(looks).await);
        self.sweeps
    }
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

/// What a list says of those who are watched.
struct Split {
    running: Vec<Watch>,
    still: Vec<Watch>,
}

/// Lists what moves, and reads some events meanwhile.
async fn split(context: &Arc<Context>, watches: Vec<Watch>) -> Split {
    let listed = patient(context, || context.cloud.moving());
    let (moving, mut watches) = tokio::join!(listed, tell_some(context, watches));
    let Ok(moving) = moving else {
        // Who may not list stacks may describe them: some in each look, in turn.
        let running = watches.split_off(watches.len().min(AT_ONCE));
        return Split {
            running,
            still: watches,
        };
    };
    for watch in &mut watches {
        watch.deleting |= moving.get(&watch.id).is_some_and(|s| s == DELETING);
    }
    let moves = |watch: &Watch| moving.contains_key(&watch.id);
    let (running, still) = watches.into_iter().partition(moves);
    Split { running, still }
}

/// Reads the events of those who stand still and have just begun: who does not show as begun yet looks as one
/// who has ended.
async fn events_first(context: &Arc<Context>, all: &mut Split) {
    let still = std::mem::take(&mut all.still).into_iter();
    let (fresh, still): (Vec<Watch>, Vec<Watch>) = still.partition(Watch::is_fresh);
    all.still = still;
    let read = tell_all(context, fresh).await.into_iter();
    let (goes, ended): (Vec<_>, Vec<_>) = read.partition(Watch::is_fresh);
    all.running.extend(goes);
    all.still.extend(ended);
}

/// Describes each by itself, and answers who goes on.
async fn describe(context: &Arc<Context>, watches: Vec<Watch>) -> Vec<Watch> {
    let each = watches.into_iter().map(|watch| {
        let context = context.clone();
        tokio::spawn(async move {
            let turn = context.follower.turns.acquire().await;
            let described = patient(&context, || context.cloud.describe(&watch.id)).await;
            drop(turn);
            watch.judge(&context, described).await
        })
    });
    done(each.collect()).await
}

/// Who goes on. A panic drops the watch, and its end is told to be missing.
async fn done(looks: Vec<Look>) -> Vec<Watch> {
    let mut going = Vec::new();
    for look in looks {
        going.extend(look.await.ok().flatten());
    }
    going
}

/// Describes page after page until each that stands still was shown, or so many stacks: more may have ended by then.
/// What waits for those on a page begins while the next is read. What stands still and is on no page is left: it is
/// deleted, or among more stacks than that.
async fn describe_by_page(context: &Arc<Context>, all: &mut Split, most: usize) -> Vec<Look> {
    let keyed = |watches: &mut Vec<Watch>| -> HashMap<String, Watch> {
        let watches = watches.drain(..);
        watches.map(|watch| (watch.id.clone(), watch)).collect()
    };
    let (mut running, mut still) = (keyed(&mut all.running), keyed(&mut all.still));
    let (mut looks, mut token, mut seen) = (Vec::new(), None, 0);
    loop {
        let page = patient(context, || context.cloud.describe_page(token.as_deref())).await;
        // Who may not describe all of them may describe each.
        let (page, next) = page.unwrap_or_default();
        seen += page.len();
        for stack in page {
            let watch = still.remove(&stack.id);
            let Some(mut watch) = watch.or_else(|| running.remove(&stack.id)) else {
                continue;
            };
            if in_progress(&stack.status).is_ok_and(|moves| moves) {
                watch.deleting |= stack.status == DELETING;
                all.running.push(watch);
                continue;
            }
            let context = context.clone();
            looks.push(tokio::spawn(async move {
                watch.judge(&context, Ok(Some(stack))).await
            }));
        }
        token = next;
        if token.is_none() || seen >= most || still.values().all(|watch| watch.deleting) {
            break;
        }
    }
    all.running.extend(running.into_values());
    all.still.extend(still.into_values());
    looks
}

/// Reads the events of those that were not read for the longest.
async fn tell_some(context: &Arc<Context>, mut watches: Vec<Watch>) -> Vec<Watch> {
    watches.sort_by_key(|watch| watch.looked);
    let rest = watches.split_off(watches.len().min(READS));
    let mut all = tell_all(context, watches).await;
    all.extend(rest);
    all
}

/// Reads the events of each, at once as far as there are turns.
async fn tell_all(context: &Arc<Context>, watches: Vec<Watch>) -> Vec<Watch> {
    let reads = watches.into_iter().map(|mut watch| {
        let context = context.clone();
        tokio::spawn(async move {
            watch.tell_in_turn(&context).await;
            Some(watch)
        })
    });
    done(reads.collect()).await
}
