//! What the user or the system asks of the process. A signal that was listened for once never ends the process by
//! itself again: after the first listener there is always one.

use crate::error::Kind;
use crate::ui;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::watch;

/// A wish to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Somebody at a keyboard (SIGINT).
    Interrupt,
    /// A system that ends the process, and answers no question (SIGTERM).
    Terminate,
}

/// The signals from when it was made on: none is lost between two that are waited for.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen. What cannot be listened for ends the process, as it does by default.
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            () = received(&mut self.interrupt) => Signal::Interrupt,
            () = received(&mut self.terminate) => Signal::Terminate,
        }
    }
}

#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}

/// The signals of a system that has only one.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Begins to listen.
    pub fn listen() -> Self {
        Self
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

impl Signals {
    /// One that has come already.
    pub async fn come(&mut self) -> Option<Signal> {
        tokio::select! {
            biased;
            signal = self.next() => Some(signal),
            () = std::future::ready(()) => None,
        }
    }

    /// Listens no more: the next one ends the process, as it would if nobody had listened.
    pub fn resign(self) {
        if !WATCHED.swap(true, Ordering::SeqCst) {
            tokio::spawn(end(self));
        }
    }
}

/// Whether somebody waits to end the process.
static WATCHED: AtomicBool = AtomicBool::new(false);
/// How many have something to do before the process may end.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// Whether the process has been asked to end.
static ASKED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Ends the process when it is asked to, whatever the rest of it waits for.
async fn end(mut signals: Signals) {
    signals.next().await;
    ASKED.send_replace(true);
    if HELD.load(Ordering::SeqCst) > 0 {
        // They do it, and end the command. Who asks again does not wait for that.
        signals.next().await;
    }
    ui::last_words("error: interrupted.");
    std::process::exit(i32::from(Kind::Interrupted.exit_code()));
}

/// While it is held, the first signal does not end the process: whoever holds it does what has to be done
/// before that, and ends the command.
#[derive(Debug)]
pub struct Held(());

/// Holds the process from now on.
pub fn hold() -> Held {
    HELD.fetch_add(1, Ordering::SeqCst);
    Signals::listen().resign();
    Held(())
}

impl Held {
    /// Waits until the process is asked to end; not at all if it was asked before.
    pub async fn asked(&self) {
        let _ = ASKED.subscribe().wait_for(|asked| *asked).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::SeqCst);
    }
}
