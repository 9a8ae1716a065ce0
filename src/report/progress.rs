//! The line at the bottom of a terminal: which stacks are being worked on, and how far they are.

use crate::event::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// How far a run is.
#[derive(Debug, Default)]
pub struct Progress {
    total: usize,
    ended: usize,
    running: BTreeMap<String, Seen>,
}

/// The resources of a running stack.
#[derive(Debug, Default)]
struct Seen {
    open: BTreeSet<String>,
    done: usize,
}

impl Progress {
    /// A run over that many stacks.
    pub fn new(total: usize) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }

    /// Takes an event into account, and answers the line, which need not be longer than `width`; empty
    /// when nothing is running.
    pub fn line(&mut self, event: &Event, width: usize) -> String {
        match event {
            Event::StackStarted { stack, .. } => {
                self.running.entry(stack.clone()).or_default();
            }
            Event::Resource {
                stack,
                resource,
                status,
                ..
            } => {
                let seen = self.running.entry(stack.clone()).or_default();
                if status.ends_with("_IN_PROGRESS") {
                    seen.open.insert(resource.clone());
                } else if seen.open.remove(resource) {
                    seen.done += 1;
                }
            }
            Event::Waiting { .. } | Event::Interrupted { .. } | Event::StackLeft { .. } => {}
            Event::StackDone { stack, .. }
            | Event::StackUnchanged { stack }
            | Event::StackFailed { stack, .. }
            | Event::StackSkipped { stack, .. } => {
                self.running.remove(stack);
                self.ended += 1;
            }
        }
        if self.running.is_empty() {
            return String::new();
        }
        let mut line = format!("{} of {} stacks", self.ended, self.total);
        for (stack, seen) in &self.running {
            if line.len() > width {
                break;
            }
            let _ = write!(
                line,
                " | {stack}: {} done, {} under way",
                seen.done,
                seen.open.len()
            );
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_follows_the_events() {
        let mut progress = Progress::new(2);
        let resource = |status: &str| Event::Resource {
            stack: "A".to_owned(),
            time: String::new(),
            resource: "Queue".to_owned(),
            resource_type: "AWS::SQS::Queue".to_owned(),
            status: status.to_owned(),
            reason: None,
        };
        let started = Event::StackStarted {
            stack: "A".to_owned(),
            action: "create".to_owned(),
        };
        assert_eq!(
            progress.line(&started, 80),
            "0 of 2 stacks | A: 0 done, 0 under way"
        );
        let line = progress.line(&resource("CREATE_IN_PROGRESS"), 80);
        assert_eq!(line, "0 of 2 stacks | A: 0 done, 1 under way");
        let line = progress.line(&resource("CREATE_COMPLETE"), 80);
        assert_eq!(line, "0 of 2 stacks | A: 1 done, 0 under way");
        let done = Event::StackDone {
            stack: "A".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
        };
        assert_eq!(progress.line(&done, 80), "");
    }
}
