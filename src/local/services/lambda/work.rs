//! Functions at work: their code runs in processes, which are kept for the next event.

use super::worker::Worker;
use crate::local::core::Core;
use crate::local::ids;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Processes that work at once; an account has 1,000 environments, a machine has not.
const AT_ONCE: usize = 16;

/// A function's code, and what it runs with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Code {
    /// The text.
    pub text: String,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

/// A call of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function's ARN.
    pub arn: String,
    /// The function's name.
    pub name: String,
    /// What runs; else why nothing can.
    pub code: Result<Code, String>,
    /// How long it may take.
    pub timeout: Duration,
    /// What it is asked.
    pub event: Value,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub struct Failed {
    /// As Lambda tells it: errorMessage, errorType, stackTrace.
    pub told: Value,
    /// Whether the process is of no use any more.
    pub ended: bool,
}

impl Failed {
    /// A failure that is not the handler's.
    pub fn runtime(kind: &str, message: &str) -> Self {
        Self {
            told: json!({ "errorType": kind, "errorMessage": message }),
            ended: true,
        }
    }
}

/// The processes that wait for events, by the code that they run.
#[derive(Debug)]
pub struct Workers {
    idle: Mutex<BTreeMap<String, Vec<Worker>>>,
    turns: Semaphore,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            idle: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl Workers {
    fn take(&self, key: &str) -> Option<Worker> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // What runs other code of the same function is outdated.
        let function = key.split('\n').next().unwrap_or_default();
        idle.retain(|other, _| other == key || other.split('\n').next() != Some(function));
        idle.get_mut(key)?.pop()
    }

    fn keep(&self, key: String, worker: Worker) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(key).or_default().push(worker);
    }
}

/// Runs a function, and answers what it answers, as JSON.
///
/// # Errors
/// What went wrong, which is in the function's log too.
pub async fn invoke(core: &Core, call: &Invocation) -> Result<String, Failed> {
    let request = ids::uuid();
    let log = log(core, &call.name);
    let outcome = run(core, call, &request, &log).await;
    if let Err(failed) = &outcome
        && failed.ended
    {
        let line = format!("{} {request} {}\n", ids::now(), failed.told);
        // What cannot be logged is told to the caller all the same.
        let _ = append(&log, &line);
    }
    outcome
}

async fn run(core: &Core, call: &Invocation, request: &str, log: &Path) -> Result<String, Failed> {
    let code = call
        .code
        .as_ref()
        .map_err(|why| Failed::runtime("Runtime.InvalidRuntime", why))?;
    let _turn = core.workers.turns.acquire().await;
    let key = format!("{}\n{}", call.arn, ids::stable(&format!("{code:?}")));
    let mut worker = match core.workers.take(&key) {
        Some(worker) => worker,
        None => Worker::start(code, &core.options.search_path, log)?,
    };
    let answer = worker
        .answer(&call.event, (request, &call.arn), call.timeout)
        .await;
    if answer.as_ref().err().is_none_or(|failed| !failed.ended) {
        core.workers.keep(key, worker);
    }
    answer
}

/// Where a function's log is.
fn log(core: &Core, name: &str) -> PathBuf {
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    let directory = core.store.directory().join("logs");
    // Opening the file says what is wrong, if that is.
    let _ = std::fs::create_dir_all(&directory);
    directory.join(format!("{name}.log"))
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(line.as_bytes())
}
