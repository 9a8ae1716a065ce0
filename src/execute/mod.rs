//! The only loop with effects. It does what the plan says, starting each stack the moment all it
//! needs is there.

mod aftermath;
mod failure;
mod follow;
mod guard;
mod hints;
mod input;
pub mod losses;
mod patience;
mod reason;
mod stack;
mod watch;

pub use aftermath::stuck;

use crate::cloud::{Change, Cloud, Deployed, OnFailure, Source};
use crate::error::Error;
use crate::event::Event;
use crate::graph::Graph;
use crate::plan::action::Status;
use crate::plan::{Action, Plan, Step};
use crate::project::Project;
use crate::settings::command;
use crate::signals::{Signal, Signals};
use crate::walk::Walk;
use follow::Follower;
use patience::Waits;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Where events go. Every sink could be dropped.
pub type Sink = Arc<dyn Fn(Event) + Send + Sync>;

/// How a deploy is to be done.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether change sets bring back what drifted.
    pub revert_drift: bool,
    /// How many stacks at once, at most.
    pub concurrency: usize,
    /// What becomes of a failure.
    pub on_failure: OnFailure,
    /// EXPRESS mode.
    pub express: bool,
    /// A service role over the manifest's.
    pub role_arn: Option<String>,
    /// Resources that hold data and may be replaced.
    pub allow_replace: Vec<String>,
    /// Resources that hold data and may be deleted.
    pub allow_delete: Vec<String>,
    /// Resources that a delete leaves where they are.
    pub retain: Vec<String>,
    /// Change sets that are executed instead of new ones, by stack (ARNs); none where CloudFormation saw nothing
    /// to change when the plan was reviewed.
    pub change_sets: BTreeMap<String, Option<String>>,
    /// Identifies the run.
    pub run: String,
}

impl Options {
    /// Those of a run that executes nothing.
    pub fn reading(run: &str) -> Self {
        Self {
            revert_drift: false,
            concurrency: 1,
            on_failure: OnFailure::Rollback,
            express: false,
            role_arn: None,
            allow_replace: vec![],
            allow_delete: vec![],
            retain: vec![],
            change_sets: BTreeMap::new(),
            run: run.to_owned(),
        }
    }
}

/// Asks the user, and answers whether they agree.
pub type Ask = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What a stack came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done as asked.
    Done,
    /// Nothing was to be done.
    Unchanged,
    /// It failed.
    Failed,
    /// Not started, because of the named stack or an interruption.
    Skipped(String),
    /// Its operation goes on in CloudFormation, and nobody follows it.
    Left,
}

/// Everything that the work on one stack needs.
pub(crate) struct Context {
    pub(crate) cloud: Cloud,
    pub(crate) project: Arc<Project>,
    pub(crate) options: Options,
    pub(crate) sources: BTreeMap<String, Source>,
    pub(crate) sink: Sink,
    follower: Follower,
    waits: Waits,
    /// Stacks that are as asked, while their last events are still read.
    released: mpsc::UnboundedSender<String>,
    /// The stacks that the run is about.
    stacks: BTreeSet<String>,
    /// Outputs of stacks that are settled.
    pub(crate) outputs: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

impl Context {
    /// Tells an event, without the values that are never shown.
    pub(crate) fn emit(&self, event: Event) {
        (self.sink)(self.project.secrets.mask(event));
    }

    /// Tells what comes of the user's wish to stop.
    fn interrupted(&self, meaning: impl Into<String>) {
        let meaning = meaning.into();
        self.emit(Event::Interrupted { meaning });
    }

    pub(crate) fn settle(&self, stack: &str, deployed: &Deployed) {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.insert(stack.to_owned(), deployed.outputs.clone());
    }

    pub(crate) fn output(&self, stack: &str, output: &str) -> Option<String> {
        let outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.get(stack)?.get(output).cloned()
    }
}

/// What a stack is skipped because of when the user stopped the run.
const INTERRUPTED: &str = "interrupted";

/// All that a run needs.
pub struct Job<'a> {
    /// The connection.
    pub cloud: Cloud,
    /// What is asked for.
    pub project: Arc<Project>,
    /// What will be done.
    pub plan: Plan,
    /// What waits for what.
    pub graph: &'a Graph,
    /// Template bodies by stack.
    pub sources: BTreeMap<String, Source>,
    /// Outputs that are known before the walk, by stack.
    pub known: BTreeMap<String, BTreeMap<String, String>>,
    /// How it is to be done.
    pub options: Options,
    /// Who is told.
    pub sink: Sink,
    /// Who is asked when the run is interrupted.
    pub ask: Ask,
}

/// Makes the change sets of those stacks that are updated with values that are all known, and answers
/// their ARNs. Executes nothing.
///
/// # Errors
/// What CloudFormation refuses.
pub async fn prepare(job: Job<'_>) -> Result<BTreeMap<String, String>, Error> {
    let Begun { context, steps, .. } = begin(job);
    let mut made = BTreeMap::new();
    for step in steps.values() {
        if let Some(id) = stack::prepare(&context, step).await? {
            made.insert(step.stack.clone(), id);
        }
    }
    Ok(made)
}

/// What CloudFormation says that each step would do: a change set is made, read and deleted again. Stacks
/// that read what is not known yet are left out, and those that are not there.
///
/// # Errors
/// What CloudFormation refuses.
pub async fn ask(job: Job<'_>) -> Result<BTreeMap<String, Vec<Change>>, Error> {
    let Begun { context, steps, .. } = begin(job);
    let mut told = BTreeMap::new();
    for step in steps.values() {
        if let Some(changes) = stack::ask(&context, step).await? {
            told.insert(step.stack.clone(), changes);
        }
    }
    Ok(told)
}

/// A job that has begun.
struct Begun {
    context: Arc<Context>,
    steps: BTreeMap<String, Step>,
    ask: Ask,
    released: mpsc::UnboundedReceiver<String>,
}

fn begin(job: Job<'_>) -> Begun {
    let Job {
        cloud,
        project,
        plan,
        graph: _,
        sources,
        known,
        options,
        sink,
        ask,
    } = job;
    let outputs = Mutex::new(known);
    let stacks = plan.steps.iter().map(|step| step.stack.clone()).collect();
    let (releases, released) = mpsc::unbounded_channel();
    let context = Arc::new_cyclic(|context| Context {
        cloud,
        project,
        options,
        sources,
        sink,
        follower: Follower::start(context.clone()),
        waits: Waits::default(),
        released: releases,
        stacks,
        outputs,
    });
    let steps = plan.steps.into_iter();
    let steps = steps.map(|step| (step.stack.clone(), step)).collect();
    Begun {
        context,
        steps,
        ask,
        released,
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// What each stack came to.
    pub outcomes: BTreeMap<String, Outcome>,
    /// The outputs of the stacks that are settled, and those that were known before.
    pub outputs: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether the user asked to stop, whatever came of it.
    pub interrupted: bool,
    /// The statuses that failures left stacks in, as far as they are known.
    pub left_in: Vec<Status>,
}

/// Does what the plan says. Afterwards a signal ends the process.
pub async fn execute(job: Job<'_>) -> Ended {
    let concurrency = job.options.concurrency.max(1);
    let walk = Walk::new(job.graph.clone());
    let Begun {
        context,
        steps,
        ask,
        released,
    } = begin(job);
    let mut run = Run {
        context,
        walk,
        steps,
        released,
        released_ones: BTreeSet::new(),
        running: JoinSet::new(),
        started: BTreeMap::new(),
        outcomes: BTreeMap::new(),
        left_in: vec![],
        asked: 0,
        ask,
        question: None,
        cancels: JoinSet::new(),
    };
    run.drive(concurrency).await;
    let outputs = run.context.outputs.lock();
    let outputs = outputs.unwrap_or_else(PoisonError::into_inner).clone();
    Ended {
        outcomes: run.outcomes,
        outputs,
        interrupted: run.asked > 0,
        left_in: run.left_in,
    }
}

/// A stack's name, and how the work on it ended.
type Worked = (String, Result<Outcome, Error>);

struct Run {
    context: Arc<Context>,
    walk: Walk,
    steps: BTreeMap<String, Step>,
    released: mpsc::UnboundedReceiver<String>,
    /// Stacks of which only the last events are still read: they keep none from starting.
    released_ones: BTreeSet<String>,
    running: JoinSet<Worked>,
    started: BTreeMap<tokio::task::Id, String>,
    outcomes: BTreeMap<String, Outcome>,
    left_in: Vec<Status>,
    /// How often the user asked to stop.
    asked: usize,
    ask: Ask,
    /// The answer to whether updates are cancelled, while that is asked.
    question: Option<oneshot::Receiver<bool>>,
    /// The updates that are being cancelled.
    cancels: JoinSet<()>,
}

impl Run {
    async fn drive(&mut self, concurrency: usize) {
        let mut signals = Signals::listen();
        loop {
            self.start_ready(concurrency);
            if self.running.is_empty() && self.cancels.is_empty() {
                break;
            }
            tokio::select! {
                Some(joined) = self.running.join_next_with_id() => self.join(joined),
                Some(stack) = self.released.recv() => {
                    self.walk.succeed(&stack);
                    // It may have ended before this was heard.
                    if !self.outcomes.contains_key(&stack) {
                        self.released_ones.insert(stack);
                    }
                }
                agreed = answered(&mut self.question) => {
                    self.question = None;
                    if agreed {
                        self.cancel();
                    }
                }
                Some(_) = self.cancels.join_next() => {}
                signal = signals.next() => self.interrupt(signal),
            }
        }
        // What was asked as the last stack ended counts, too.
        self.asked += usize::from(signals.come().await.is_some());
        signals.resign();
        let forgotten: BTreeSet<String> = self
            .steps
            .keys()
            .filter(|name| !self.outcomes.contains_key(*name))
            .cloned()
            .collect();
        for name in forgotten {
            self.skip(name, INTERRUPTED.to_owned());
        }
    }

    /// The first time nothing more is started; the second, updates are cancelled; the third, what
    /// runs is left to itself. Waits for nothing: what runs is followed meanwhile, and the next is heard.
    fn interrupt(&mut self, signal: Signal) {
        self.asked += 1;
        self.walk.stop();
        match (self.asked, signal) {
            (1, _) => self.context.interrupted(
                "Stopping: no further stack is started; what runs is followed to its end. Once more \
                 cancels updates, a third time leaves everything to itself.",
            ),
            (2, Signal::Interrupt) => self.offer(),
            (2, Signal::Terminate) => self.cancel(),
            _ => self.leave(),
        }
    }

    /// Asks whether updates are to be cancelled.
    fn offer(&mut self) {
        let (answer, answered) = oneshot::channel();
        let ask = self.ask.clone();
        // A thread of its own: one that waits for a line does not keep the process from ending.
        std::thread::spawn(move || {
            let _ = answer.send(ask("Cancel the updates that are under way? (yes/no)"));
        });
        self.question = Some(answered);
    }

    /// The stacks that are being worked on.
    fn under_way(&self) -> Vec<Step> {
        let names = self.started.values();
        let open = names.filter(|name| !self.outcomes.contains_key(*name));
        open.filter_map(|name| self.steps.get(name).cloned())
            .collect()
    }

    /// Cancels the updates that are under way, all at once.
    fn cancel(&mut self) {
        for step in self.under_way() {
            let context = self.context.clone();
            self.cancels.spawn(async move {
                let told = cancel(&context.cloud, &step).await;
                context.interrupted(format!("{}: {told}", step.stack));
            });
        }
    }

    /// Ends the work on every stack; what CloudFormation does goes on.
    fn leave(&mut self) {
        for step in self.under_way() {
            self.context.interrupted(format!(
                "{}: left to itself. To follow it: {}",
                step.stack,
                command(&format!("events {} --follow", step.stack))
            ));
            self.outcomes.insert(step.stack, Outcome::Left);
        }
        self.question = None;
        self.cancels.abort_all();
        self.running.abort_all();
    }

    fn start_ready(&mut self, concurrency: usize) {
        loop {
            let mut moved = false;
            for name in self.walk.ready() {
                let Some(step) = self.steps.get(&name) else {
                    continue;
                };
                if step.action == Action::Nothing {
                    self.walk.start(&name);
                    self.finish(name, Ok(Outcome::Unchanged));
                    moved = true;
                } else if self.running.len() - self.released_ones.len() < concurrency {
                    self.walk.start(&name);
                    let (context, step) = (self.context.clone(), step.clone());
                    let task = async move {
                        let worked = stack::work(&context, &step).await;
                        (step.stack.clone(), worked.map_err(failure::advised))
                    };
                    let handle = self.running.spawn(task);
                    self.started.insert(handle.id(), name);
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn join(&mut self, joined: Result<(tokio::task::Id, Worked), tokio::task::JoinError>) {
        match joined {
            Ok((_, (name, result))) => self.finish(name, result),
            Err(error) if error.is_cancelled() => {}
            // A panic in one stack's work is that stack's failure, not the run's end.
            Err(error) => {
                if let Some(name) = self.started.get(&error.id()).cloned() {
                    self.finish(name, Err(Error::aws(format!("internal error: {error}"))));
                }
            }
        }
    }

    fn finish(&mut self, stack: String, result: Result<Outcome, Error>) {
        self.released_ones.remove(&stack);
        match result {
            Ok(outcome) => {
                self.walk.succeed(&stack);
                if outcome == Outcome::Unchanged {
                    self.context.emit(Event::StackUnchanged {
                        stack: stack.clone(),
                    });
                }
                self.outcomes.insert(stack, outcome);
            }
            Err(error) => {
                let ended = error.failure.as_ref().map(|failure| &failure.ended);
                let ended = ended.and_then(|ended| Status::parse(ended).ok());
                self.left_in.extend(ended);
                self.context.emit(Event::StackFailed {
                    stack: stack.clone(),
                    cause: error.told(),
                    failure: error.failure,
                });
                let skipped = self.walk.fail(&stack);
                self.outcomes.insert(stack, Outcome::Failed);
                for skipped in skipped {
                    self.skip(skipped.name, skipped.because);
                }
            }
        }
    }

    fn skip(&mut self, stack: String, because: String) {
        self.context.emit(Event::StackSkipped {
            stack: stack.clone(),
            because: because.clone(),
        });
        self.outcomes.insert(stack, Outcome::Skipped(because));
    }
}

/// The answer to a question; waits for ever where none is asked.
async fn answered(question: &mut Option<oneshot::Receiver<bool>>) -> bool {
    match question {
        Some(answer) => answer.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}

const CANCELLED: &str = "its update is cancelled, and rolled back.";

/// Cancels a stack's update, and answers what came of that.
async fn cancel(cloud: &Cloud, step: &Step) -> String {
    let now = match cloud.describe(&step.deployed_name).await {
        Ok(now) => now.filter(|now| now.status == "UPDATE_IN_PROGRESS"),
        Err(error) => return format!("it is not cancelled: {}", error.told()),
    };
    let Some(now) = now else {
        return "no update is under way; it is followed to its end.".to_owned();
    };
    let Err(refused) = cloud.cancel_update(&now.id).await else {
        return CANCELLED.to_owned();
    };
    // The answer may have been lost, and the refusal be of the call's repetition.
    match cloud.describe(&now.id).await {
        Ok(Some(then)) if then.status.starts_with("UPDATE_ROLLBACK") => CANCELLED.to_owned(),
        _ => format!("it is not cancelled: {}", refused.told()),
    }
}
