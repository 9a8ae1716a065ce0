//! One operation that is followed: what was told of it, and whether it has ended.

use super::Context;
use super::patience::patient;
use crate::cloud::{Deployed, StackEvent};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::plan::action::Status;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long CloudFormation may answer what was true before an operation began.
const UNSEEN: Duration = Duration::from_secs(5);

/// How an operation ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The stack as it is then; nothing when it is gone.
    pub(super) deployed: Option<Deployed>,
    told: oneshot::Receiver<Told>,
}

/// All that was told of an operation.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Its events.
    pub(super) events: Vec<StackEvent>,
    /// Whether somebody has begun another operation after it: the stack is as that one leaves it.
    pub(super) overtaken: bool,
}

impl Ended {
    /// What was told of it, once all of that is; less where its events cannot be read.
    pub(super) async fn told(self) -> Told {
        self.told.await.unwrap_or_default()
    }
}

/// An operation that is followed.
pub(super) struct Watch {
    pub(super) stack: String,
    pub(super) id: String,
    token: Option<String>,
    seen: Option<String>,
    all: Told,
    pub(super) begun: Instant,
    /// When its events were last read.
    pub(super) looked: Instant,
    /// Whether an event told that the operation has ended.
    pub(super) told: bool,
    /// Whether the stack is being deleted: then no page of the account's stacks will show it.
    pub(super) deleting: bool,
    end: oneshot::Sender<Result<Ended>>,
}

impl Watch {
    /// Watches our own operation, of that token, or whatever is done after the event that was seen last.
    pub(super) fn new(
        stack: &str,
        id: &str,
        token: Option<&str>,
        seen: Option<String>,
    ) -> (Self, oneshot::Receiver<Result<Ended>>) {
        let (end, ended) = oneshot::channel();
        let now = Instant::now();
        let watch = Self {
            stack: stack.to_owned(),
            id: id.to_owned(),
            token: token.map(str::to_owned),
            seen,
            all: Told::default(),
            begun: now,
            looked: now,
            told: false,
            deleting: false,
            end,
        };
        (watch, ended)
    }

    /// Whether a description may still be of before the operation, and only events say that it has ended:
    /// CloudFormation is eventually consistent.
    pub(super) fn is_fresh(&self) -> bool {
        self.token.is_some() && !self.told && self.begun.elapsed() < UNSEEN
    }

    /// Ends the watch if its operation has ended, as the stack is described.
    pub(super) async fn judge(
        mut self,
        context: &Arc<Context>,
        described: Result<Option<Deployed>>,
    ) -> Option<Self> {
        match described.and_then(|now| self.goes_on(now.as_ref()).map(|goes| (now, goes))) {
            Err(error) => {
                let _ = self.end.send(Err(error));
                None
            }
            Ok((_, true)) => {
                self.tell(context).await;
                Some(self)
            }
            Ok((now, false)) => {
                self.conclude(context.clone(), now);
                None
            }
        }
    }

    fn goes_on(&self, now: Option<&Deployed>) -> Result<bool> {
        if self.is_fresh() {
            return Ok(true);
        }
        let Some(now) = now else {
            return Ok(false);
        };
        let moves = in_progress(&now.status)?;
        // What moves is another's operation, once ours has ended.
        Ok(moves && !(self.told && self.all.overtaken))
    }

    /// Says that the operation has ended, and then tells what is left to be told of it: nothing waits for
    /// that which needs the stack alone.
    fn conclude(mut self, context: Arc<Context>, deployed: Option<Deployed>) {
        let (sender, told) = oneshot::channel();
        let there = deployed.is_some();
        let (end, _) = oneshot::channel();
        let end = std::mem::replace(&mut self.end, end);
        let _ = end.send(Ok(Ended { deployed, told }));
        tokio::spawn(async move {
            if there && !self.told {
                let _turn = context.follower.tail().await;
                self.tell(&context).await;
            }
            let _ = sender.send(self.all);
        });
    }

    /// Tells what is new of the stack, when it is its turn.
    pub(super) async fn tell_in_turn(&mut self, context: &Context) {
        let _turn = context.follower.turns.acquire().await;
        self.tell(context).await;
    }

    /// Tells what is new of the stack. Where that cannot be read only what is shown is missed: a description
    /// says how the operation ended.
    pub(super) async fn tell(&mut self, context: &Context) {
        self.looked = Instant::now();
        let (id, seen) = (&self.id, self.seen.as_deref());
        let news = patient(context, || {
            context.cloud.events_since(id, seen, self.token.as_deref())
        });
        let news = news.await.unwrap_or_default();
        self.all.overtaken |= news.overtaken;
        for event in news.events {
            self.seen = Some(event.id.clone());
            let own = event.physical_id == self.id;
            self.told = own && !event.status.ends_with("_IN_PROGRESS");
            self.all.events.push(event.clone());
            context.emit(Event::Resource {
                stack: self.stack.clone(),
                time: event.time,
                resource: event.resource,
                resource_type: event.resource_type,
                status: event.status,
                reason: event.reason,
            });
        }
    }
}

/// Whether the service is still at work on a stack of that status.
pub(super) fn in_progress(status: &str) -> Result<bool> {
    Status::parse(status)
        .map(Status::in_progress)
        .map_err(|unknown| Error::aws(format!("the stack status {} is not known.", unknown.0)))
}
