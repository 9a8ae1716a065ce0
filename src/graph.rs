//! A directed acyclic graph of names. It knows nothing of CloudFormation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Names, and which needs which. Order of insertion is kept, so that every listing is stable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    names: Vec<String>,
    places: BTreeMap<String, usize>,
    /// What each name needs and what needs it, by their places.
    needs: Vec<BTreeSet<usize>>,
    dependents: Vec<BTreeSet<usize>>,
}

impl Graph {
    /// Adds a name; one that is there already stays where it is.
    pub fn add_node(&mut self, name: &str) {
        self.place(name);
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.names.len();
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        self.needs.push(BTreeSet::new());
        self.dependents.push(BTreeSet::new());
        place
    }

    /// Says that `dependent` needs `dependency`.
    pub fn add_edge(&mut self, dependent: &str, dependency: &str) {
        let (dependent, dependency) = (self.place(dependent), self.place(dependency));
        self.needs[dependent].insert(dependency);
        self.dependents[dependency].insert(dependent);
    }

    /// Says that `dependent` does not need `dependency` after all.
    pub fn remove_edge(&mut self, dependent: &str, dependency: &str) {
        let places = (self.places.get(dependent), self.places.get(dependency));
        if let (Some(&dependent), Some(&dependency)) = places {
            self.needs[dependent].remove(&dependency);
            self.dependents[dependency].remove(&dependent);
        }
    }

    /// All names, in order of insertion.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What `name` needs directly, in order of insertion.
    pub fn dependencies_of(&self, name: &str) -> Vec<String> {
        self.beside(name, &self.needs)
    }

    /// What needs `name` directly, in order of insertion.
    pub fn dependents_of(&self, name: &str) -> Vec<String> {
        self.beside(name, &self.dependents)
    }

    fn beside(&self, name: &str, edges: &[BTreeSet<usize>]) -> Vec<String> {
        let place = self.places.get(name);
        self.named(place.into_iter().flat_map(|&place| &edges[place]))
    }

    fn named<'a>(&self, places: impl Iterator<Item = &'a usize>) -> Vec<String> {
        places.map(|&place| self.names[place].clone()).collect()
    }

    /// What `name` needs, directly or not.
    pub fn ancestors(&self, name: &str) -> Vec<String> {
        self.closure(name, &self.needs)
    }

    /// What needs `name`, directly or not.
    pub fn descendants(&self, name: &str) -> Vec<String> {
        self.closure(name, &self.dependents)
    }

    fn closure(&self, name: &str, edges: &[BTreeSet<usize>]) -> Vec<String> {
        let Some(&start) = self.places.get(name) else {
            return vec![];
        };
        let mut found = BTreeSet::new();
        let mut open = vec![start];
        while let Some(place) = open.pop() {
            let unseen = edges[place].iter().filter(|next| **next != start);
            open.extend(unseen.filter(|next| found.insert(**next)));
        }
        self.named(found.iter())
    }

    /// Every name after what it needs; ties in order of insertion. Names on a cycle, and what needs them,
    /// are left out.
    pub fn topological_order(&self) -> Vec<String> {
        self.named(self.placed().iter())
    }

    fn placed(&self) -> Vec<usize> {
        let mut missing: Vec<usize> = self.needs.iter().map(BTreeSet::len).collect();
        let free = missing.iter().enumerate().filter(|(_, count)| **count == 0);
        let mut ready: BTreeSet<usize> = free.map(|(place, _)| place).collect();
        let mut order = Vec::with_capacity(self.names.len());
        while let Some(place) = ready.pop_first() {
            order.push(place);
            for &dependent in &self.dependents[place] {
                missing[dependent] -= 1;
                if missing[dependent] == 0 {
                    ready.insert(dependent);
                }
            }
        }
        order
    }

    /// A cycle, named in full: the first name stands again at the end.
    pub fn cycle(&self) -> Option<Vec<String>> {
        let placed: BTreeSet<usize> = self.placed().into_iter().collect();
        // From a name that could not be placed, needs that could not be placed lead into a cycle.
        let mut path = vec![(0..self.names.len()).find(|place| !placed.contains(place))?];
        loop {
            let needs = &self.needs[*path.last()?];
            let next = *needs.iter().find(|place| !placed.contains(place))?;
            let start = path.iter().position(|place| *place == next);
            path.push(next);
            if let Some(start) = start {
                return Some(self.named(path[start..].iter()));
            }
        }
    }

    /// The same names with every edge turned round.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            needs: self.dependents.clone(),
            dependents: self.needs.clone(),
            ..self.clone()
        }
    }

    /// Only those names, and the edges between them.
    #[must_use]
    pub fn subgraph(&self, keep: &[String]) -> Self {
        let keep: BTreeSet<&String> = keep.iter().collect();
        let mut part = Self::default();
        for name in self.names.iter().filter(|name| keep.contains(name)) {
            part.add_node(name);
        }
        for name in part.names.clone() {
            for need in self.dependencies_of(&name) {
                if keep.contains(&need) {
                    part.add_edge(&name, &need);
                }
            }
        }
        part
    }

    /// A line a name, with what it needs.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for name in self.topological_order() {
            let needs = self.dependencies_of(&name).join(", ");
            let _ = match needs.is_empty() {
                true => writeln!(text, "{name}"),
                false => writeln!(text, "{name} <- {needs}"),
            };
        }
        text
    }

    /// Graphviz DOT; an arrow points from what is needed to what needs it.
    pub fn to_dot(&self) -> String {
        let mut text = String::from("digraph stacks {\n");
        for name in &self.names {
            let _ = writeln!(text, "  \"{name}\";");
            for need in self.dependencies_of(name) {
                let _ = writeln!(text, "  \"{need}\" -> \"{name}\";");
            }
        }
        text.push_str("}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Graph {
        let mut graph = Graph::default();
        graph.add_edge("c", "b");
        graph.add_edge("b", "a");
        graph
    }

    #[test]
    fn order_puts_needs_first() {
        assert_eq!(chain().topological_order(), ["a", "b", "c"]);
        assert_eq!(chain().reversed().topological_order(), ["c", "b", "a"]);
    }

    #[test]
    fn closures_are_transitive() {
        assert_eq!(chain().ancestors("c"), ["b", "a"]);
        assert_eq!(chain().descendants("a"), ["c", "b"]);
    }

    #[test]
    fn a_cycle_is_named_in_full() {
        let mut graph = chain();
        assert_eq!(graph.cycle(), None);
        graph.add_edge("a", "c");
        assert_eq!(graph.cycle().unwrap(), ["c", "b", "a", "c"]);
    }

    #[test]
    fn a_subgraph_keeps_the_edges_within() {
        let part = chain().subgraph(&["b".into(), "c".into()]);
        assert_eq!(part.to_text(), "b\nc <- b\n");
    }
}
