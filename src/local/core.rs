//! What a running server consists of.

use super::faults::{Faults, Rule};
use super::formation::lag::Lags;
use super::formation::{engine, evaluate};
use super::ids;
use super::model::{Event, Stack};
use super::services::firewall::Rates;
use super::services::lambda::work::Workers;
use super::services::redshift_data::Warehouses;
use super::store::{StartError, Store};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its state is kept.
    pub directory: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// What typical durations are multiplied by; 0 makes everything instant.
    pub time_scale: f64,
    /// The account that it plays.
    pub account: String,
    /// The region that it plays.
    pub region: String,
    /// Where programs are looked for: PATH.
    pub search_path: String,
    /// What is to go wrong.
    pub faults: Vec<Rule>,
}

/// The parts that requests and operations share.
#[derive(Debug)]
pub struct Core {
    /// How it behaves.
    pub options: Options,
    /// What it remembers.
    pub store: Store,
    /// What goes wrong.
    pub faults: Arc<Faults>,
    /// What late answers still tell.
    pub lags: Lags,
    /// How often somebody came.
    pub rates: Rates,
    /// The databases of its workgroups, and the statements sent to them.
    pub warehouses: Warehouses,
    /// The processes that run functions.
    pub workers: Workers,
    endpoint: OnceLock<String>,
    dirty: Notify,
    interrupts: watch::Sender<()>,
    saving: Arc<tokio::sync::Mutex<()>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Core {
    /// Reads the state.
    pub fn open(options: Options) -> Result<Arc<Self>, StartError> {
        let faults = Arc::new(Faults::new(options.faults.clone()));
        let store = Store::open(&options.directory, faults.clone())?;
        Ok(Arc::new(Self {
            options,
            store,
            faults,
            lags: Lags::default(),
            rates: Rates::default(),
            warehouses: Warehouses::default(),
            workers: Workers::default(),
            endpoint: OnceLock::new(),
            dirty: Notify::new(),
            interrupts: watch::Sender::new(()),
            saving: Arc::default(),
            tasks: Mutex::default(),
        }))
    }

    /// Says where it listens.
    pub fn listens_at(&self, endpoint: String) {
        let _ = self.endpoint.set(endpoint);
    }

    /// Its own URL.
    pub fn endpoint(&self) -> &str {
        self.endpoint.get().map_or("", String::as_str)
    }

    /// Goes on with every operation that was under way when the state was written.
    pub fn resume(self: &Arc<Self>) {
        let busy: Vec<String> = {
            let state = self.store.state();
            state
                .stacks
                .iter()
                // What is nested is driven by its parent.
                .filter(|stack| stack.busy() && stack.parent.is_none())
                .map(|s| s.id.clone())
                .collect()
        };
        for id in busy {
            self.drive(id);
        }
    }

    /// Works on the stack's operation until it has ended.
    pub fn drive(self: &Arc<Self>, stack: String) {
        let core = self.clone();
        self.spawn(async move { engine::drive(&core, &stack).await });
    }

    /// Runs a task that ends with the server.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Says that the state differs from its file.
    pub fn touch(&self) {
        self.dirty.notify_one();
    }

    /// Says that an operation under way was cancelled, or taken over from.
    pub fn interrupt(&self) {
        self.interrupts.send_replace(());
    }

    /// Hears of interrupts from now on.
    pub fn interrupts(&self) -> watch::Receiver<()> {
        self.interrupts.subscribe()
    }

    /// Writes the state whenever it was touched, a few times a second at most.
    pub async fn keep_saved(self: Arc<Self>) {
        loop {
            self.dirty.notified().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            let _ = self.save().await;
        }
    }

    /// Writes the state now.
    pub async fn save(self: &Arc<Self>) -> std::io::Result<()> {
        // One writes at a time: whoever waited finds its change written by the one before, most of the time,
        // and takes no thread for that.
        let turn = self.saving.clone().lock_owned().await;
        if !self.store.differs() {
            return Ok(());
        }
        let core = self.clone();
        // The turn ends with the write, even where nobody waits for that any more.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            core.store.save()
        })
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }

    /// Ends all tasks.
    pub async fn stop(&self) {
        let mut tasks = {
            let mut held = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *held)
        };
        tasks.shutdown().await;
    }

    /// Waits as long as the thing typically takes.
    pub fn duration(&self, seconds: f64) -> Duration {
        let scaled = seconds * self.options.time_scale;
        Duration::try_from_secs_f64(scaled).unwrap_or_default()
    }

    /// Where it plays.
    pub fn place(&self) -> evaluate::Place {
        evaluate::Place {
            account: self.options.account.clone(),
            region: self.options.region.clone(),
            ..evaluate::Place::default()
        }
    }

    /// An ARN of CloudFormation.
    pub fn arn(&self, rest: &str) -> String {
        let region = &self.options.region;
        let partition = evaluate::partition(region);
        format!(
            "arn:{partition}:cloudformation:{region}:{}:{rest}",
            self.options.account
        )
    }
}

/// Brings a stack into a status, with an event.
pub fn enter(stack: &mut Stack, status: &str, reason: Option<String>) {
    stack.status = status.to_owned();
    stack.reason.clone_from(&reason);
    let (id, name) = (stack.id.clone(), stack.name.clone());
    record(
        stack,
        Event {
            logical_id: name,
            physical_id: id,
            kind: "AWS::CloudFormation::Stack".to_owned(),
            status: status.to_owned(),
            reason,
            ..Event::default()
        },
    );
}

/// Brings a resource of the stack into a status, with an event.
pub fn enter_resource(stack: &mut Stack, logical_id: &str, status: &str, reason: Option<&str>) {
    let Some(resource) = stack.resources.get_mut(logical_id) else {
        return;
    };
    resource.status = status.to_owned();
    resource.reason = reason.map(str::to_owned);
    resource.updated = ids::now();
    let event = event_of(resource, status, reason);
    record(stack, event);
}

/// An event about a resource.
pub fn event_of(resource: &super::model::Resource, status: &str, reason: Option<&str>) -> Event {
    let properties = (!resource.properties.is_null()).then(|| resource.properties.to_string());
    Event {
        logical_id: resource.logical_id.clone(),
        physical_id: resource.physical_id.clone(),
        kind: resource.kind.clone(),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        properties,
        ..Event::default()
    }
}

/// Adds an event to the stack's, as part of its operation.
pub fn record(stack: &mut Stack, mut event: Event) {
    event.time = ids::now();
    event.id = if event.kind == "AWS::CloudFormation::Stack" && event.logical_id == stack.name {
        ids::uuid()
    } else {
        format!("{}-{}-{}", event.logical_id, event.status, ids::uuid())
    };
    event.token.clone_from(&stack.operation.token);
    event.operation.clone_from(&stack.operation.id);
    event.operation_kind.clone_from(&stack.operation.kind);
    let goal = &stack.goal;
    let secrets = goal
        .secrets
        .iter()
        .filter_map(|name| goal.parameters.get(name));
    for secret in secrets.filter(|secret| !secret.is_empty()) {
        for text in [&mut event.properties, &mut event.reason]
            .into_iter()
            .flatten()
        {
            *text = text.replace(secret.as_str(), "****");
        }
    }
    stack.events.push(event);
}
