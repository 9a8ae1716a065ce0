//! Which may start next: a pure state machine over a graph.

use crate::graph::Graph;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Succeeded,
    Failed,
    Skipped,
}

/// A name that will not start because of another that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The name.
    pub name: String,
    /// The one that failed.
    pub because: String,
}

/// The walk over a graph: each name starts once, after all it needs has succeeded.
#[derive(Debug, Clone)]
pub struct Walk {
    graph: Graph,
    states: BTreeMap<String, State>,
    /// What may start: the names by their places in the graph.
    ready: BTreeMap<usize, String>,
    /// Each name's place in the graph, and how much of what it needs has not succeeded.
    waits: BTreeMap<String, (usize, usize)>,
    stopped: bool,
}

impl Walk {
    /// A walk at its beginning.
    pub fn new(graph: Graph) -> Self {
        let names = || graph.names().iter().enumerate();
        let states = names().map(|(_, name)| (name.clone(), State::Waiting));
        let waits = names().map(|(place, name)| {
            let needs = graph.dependencies_of(name).len();
            (name.clone(), (place, needs))
        });
        let (states, waits): (_, BTreeMap<_, _>) = (states.collect(), waits.collect());
        let free = waits.iter().filter(|(_, (_, needs))| *needs == 0);
        let ready = free.map(|(name, (place, _))| (*place, name.clone()));
        Self {
            states,
            ready: ready.collect(),
            waits,
            stopped: false,
            graph,
        }
    }

    /// What may start now, in the graph's order.
    pub fn ready(&self) -> Vec<String> {
        match self.stopped {
            true => vec![],
            false => self.ready.values().cloned().collect(),
        }
    }

    /// Work on `name` begins.
    pub fn start(&mut self, name: &str) {
        self.enter(name, State::Running);
    }

    /// `name` is as asked; it may be said more than once.
    pub fn succeed(&mut self, name: &str) {
        if self.states.get(name) == Some(&State::Succeeded) {
            return;
        }
        self.enter(name, State::Succeeded);
        for dependent in self.graph.dependents_of(name) {
            if let Some((place, needs)) = self.waits.get_mut(&dependent) {
                *needs -= 1;
                if *needs == 0 && self.states.get(&dependent) == Some(&State::Waiting) {
                    self.ready.insert(*place, dependent);
                }
            }
        }
    }

    fn enter(&mut self, name: &str, state: State) {
        self.states.insert(name.to_owned(), state);
        if let Some((place, _)) = self.waits.get(name) {
            self.ready.remove(place);
        }
    }

    /// `name` failed: its descendants, and only they, are skipped, each told of once.
    pub fn fail(&mut self, name: &str) -> Vec<Skipped> {
        self.enter(name, State::Failed);
        let mut skipped = Vec::new();
        for other in self.graph.descendants(name) {
            if self.states.get(&other) == Some(&State::Waiting) {
                self.states.insert(other.clone(), State::Skipped);
                skipped.push(Skipped {
                    name: other,
                    because: name.to_owned(),
                });
            }
        }
        skipped
    }

    /// Nothing more starts; what runs goes on.
    pub fn stop(&mut self) {
        self.stopped = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// No name before what it needs, none forgotten, none twice.
        #[test]
        fn every_name_is_settled_once(
            edges in prop::collection::vec((0usize..12, 0usize..12), 0..40),
            fails in prop::collection::btree_set(0usize..12, 0..4),
            stop in 0usize..40,
            order in prop::collection::vec(0usize..100, 12),
        ) {
            let mut graph = Graph::default();
            (0..12).for_each(|n| graph.add_node(&n.to_string()));
            for (a, b) in edges {
                // Only towards smaller numbers: no cycle can arise.
                if a > b { graph.add_edge(&a.to_string(), &b.to_string()); }
            }
            let mut walk = Walk::new(graph.clone());
            let (mut done, mut settled) = (BTreeSet::new(), BTreeSet::new());
            let mut running: Vec<String> = Vec::new();
            for turn in 0.. {
                if turn == stop {
                    walk.stop();
                }
                for name in walk.ready() {
                    prop_assert!(turn < stop, "started after the stop");
                    for need in graph.dependencies_of(&name) {
                        prop_assert!(done.contains(&need));
                    }
                    walk.start(&name);
                    prop_assert!(!running.contains(&name) && !settled.contains(&name));
                    running.push(name);
                }
                // Whichever of those that run ends first.
                let Some(last) = running.len().checked_sub(1) else { break };
                let name = running.swap_remove(order[turn % order.len()] % (last + 1));
                prop_assert!(settled.insert(name.clone()));
                if fails.contains(&name.parse::<usize>().unwrap()) {
                    for skipped in walk.fail(&name) {
                        prop_assert!(graph.ancestors(&skipped.name).contains(&name));
                        prop_assert!(settled.insert(skipped.name));
                    }
                } else {
                    walk.succeed(&name);
                    // Said again, it lets go of nothing twice.
                    walk.succeed(&name);
                    done.insert(name);
                }
            }
            // Only a stop leaves names out.
            prop_assert!(settled.len() == 12 || stop < 12);
        }
    }

    #[test]
    fn a_stopped_walk_starts_nothing() {
        let mut graph = Graph::default();
        graph.add_node("a");
        let mut walk = Walk::new(graph);
        walk.stop();
        assert!(walk.ready().is_empty());
    }
}
