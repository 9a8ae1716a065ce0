//! Answers that come late. The service is consistent in the end only: for a while after an operation
//! began, a call may still tell what was true before. Where a fault asks for that, a stack is kept as
//! it was before each operation, in memory.

use super::operations::Answer;
use super::reviews::change_set_named;
use crate::local::core::Core;
use crate::local::model::{Stack, State};
use crate::local::query::Query;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What stacks were before the operations that began lately, by the stacks' ids.
#[derive(Debug, Default)]
pub struct Lags {
    moments: Mutex<HashMap<String, Vec<Moment>>>,
}

/// An operation's begin, and what its stack was before; nothing where it made it.
#[derive(Debug)]
struct Moment {
    begun: Instant,
    was: Option<Arc<Stack>>,
}

/// The stacks as a call sees them.
#[derive(Debug, Default)]
pub struct Past(HashMap<String, Option<Arc<Stack>>>);

impl Lags {
    /// Keeps what a stack was before an operation that has begun, for as long as any call may ask for it.
    fn keep(&self, id: String, was: Option<Stack>, longest: Duration) {
        let mut all = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let moments = all.entry(id).or_default();
        moments.retain(|moment| moment.begun.elapsed() < longest);
        moments.push(Moment {
            begun: Instant::now(),
            was: was.map(Arc::new),
        });
    }

    /// What was so long ago, of the stacks that an operation has moved since.
    fn past(&self, ago: Duration) -> Past {
        let all = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        // The first of several operations hides those that came after it.
        let seen = all.iter().filter_map(|(id, moments)| {
            let first = moments.iter().find(|moment| moment.begun.elapsed() < ago)?;
            Some((id.clone(), first.was.clone()))
        });
        Past(seen.collect())
    }
}

impl Past {
    /// What the action sees.
    pub fn seen_by(core: &Core, action: &str) -> Self {
        let ago = core.faults.lag(action);
        ago.map(|ago| core.lags.past(ago)).unwrap_or_default()
    }

    /// All stacks, oldest first.
    pub fn stacks<'a>(
        &'a self,
        state: &'a State,
    ) -> impl DoubleEndedIterator<Item = &'a Stack> + use<'a> {
        state
            .stacks
            .iter()
            .filter_map(|stack| match self.0.get(&stack.id) {
                Some(was) => was.as_deref(),
                None => Some(stack),
            })
    }

    /// The stack of that id or, among those not deleted, of that name.
    pub fn find<'a>(&'a self, state: &'a State, name: &str) -> Option<&'a Stack> {
        if self.0.is_empty() {
            return state.find(name);
        }
        let is = |stack: &&Stack| {
            stack.id == name || (stack.name == name && stack.status != "DELETE_COMPLETE")
        };
        self.stacks(state).rev().find(is)
    }
}

/// Does what a request asks, and keeps what its stack was before if that began an operation.
pub fn watched(core: &Core, query: &Query, act: impl FnOnce() -> Answer) -> Answer {
    let Some(longest) = core.faults.longest_lag() else {
        return act();
    };
    let was = subject(&core.store.state(), query).cloned();
    let answer = act()?;
    let id = match (&was, answer["StackId"].as_str()) {
        (_, Some(id)) => id.to_owned(),
        (Some(was), None) => was.id.clone(),
        (None, None) => return Ok(answer),
    };
    let now = core
        .store
        .state()
        .find(&id)
        .map(|now| now.operation.id.clone());
    if now.is_some() && now.as_ref() != was.as_ref().map(|was| &was.operation.id) {
        core.lags.keep(id, was, longest);
    }
    Ok(answer)
}

/// The stack that a request is about, if it is there.
fn subject<'a>(state: &'a State, query: &Query) -> Option<&'a Stack> {
    match (query.text("StackName"), query.text("ChangeSetName")) {
        (Some(name), _) => state.find(name),
        (None, Some(set)) => change_set_named(state, query, set)
            .ok()
            .map(|(stack, _)| stack),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(status: &str) -> Stack {
        Stack {
            id: "arn:1".to_owned(),
            name: "S".to_owned(),
            status: status.to_owned(),
            ..Stack::default()
        }
    }

    #[test]
    fn a_stack_is_what_it_was_before_the_first_of_its_operations() {
        let (mut state, lags) = (State::default(), Lags::default());
        state.add(stack("UPDATE_COMPLETE"));
        lags.keep("arn:1".to_owned(), None, Duration::MAX);
        let created = Some(stack("CREATE_COMPLETE"));
        lags.keep("arn:1".to_owned(), created.clone(), Duration::MAX);
        let status = |past: &Past| past.find(&state, "S").map(|stack| stack.status.clone());
        assert_eq!(status(&lags.past(Duration::MAX)), None);
        assert_eq!(lags.past(Duration::MAX).stacks(&state).count(), 0);
        // It is over for who sees everything at once.
        let now = lags.past(Duration::ZERO);
        assert_eq!(status(&now).as_deref(), Some("UPDATE_COMPLETE"));
        // What nobody asks for any more is not kept.
        lags.keep("arn:1".to_owned(), created, Duration::ZERO);
        let past = lags.past(Duration::MAX);
        assert_eq!(status(&past).as_deref(), Some("CREATE_COMPLETE"));
    }

    #[test]
    fn a_deleted_stack_has_its_name_still() {
        let (mut state, lags) = (State::default(), Lags::default());
        state.add(stack("DELETE_COMPLETE"));
        lags.keep(
            "arn:1".to_owned(),
            Some(stack("CREATE_COMPLETE")),
            Duration::MAX,
        );
        assert!(Past::default().find(&state, "S").is_none());
        let past = lags.past(Duration::MAX);
        assert_eq!(past.find(&state, "S").unwrap().status, "CREATE_COMPLETE");
    }
}
