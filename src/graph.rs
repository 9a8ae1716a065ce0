//! A directed acyclic graph of names. It knows nothing of CloudFormation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Names, and which needs which. Order of insertion is kept, so that every listing is stable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    names: Vec<String>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Adds a name; one that is there already stays where it is.
    pub fn add_node(&mut self, name: &str) {
        if !self.needs.contains_key(name) {
            self.names.push(name.to_owned());
            self.needs.insert(name.to_owned(), BTreeSet::new());
        }
    }

    /// Says that `dependent` needs `dependency`.
    pub fn add_edge(&mut self, dependent: &str, dependency: &str) {
        self.add_node(dependent);
        self.add_node(dependency);
        if let Some(needs) = self.needs.get_mut(dependent) {
            needs.insert(dependency.to_owned());
        }
    }

    /// Says that `dependent` does not need `dependency` after all.
    pub fn remove_edge(&mut self, dependent: &str, dependency: &str) {
        if let Some(needs) = self.needs.get_mut(dependent) {
            needs.remove(dependency);
        }
    }

    /// All names, in order of insertion.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What `name` needs directly, in order of insertion.
    pub fn dependencies_of(&self, name: &str) -> Vec<String> {
        let needs = self.needs.get(name);
        self.names
            .iter()
            .filter(|n| needs.is_some_and(|set| set.contains(*n)))
            .cloned()
            .collect()
    }

    /// What needs `name` directly, in order of insertion.
    pub fn dependents_of(&self, name: &str) -> Vec<String> {
        let is_dependent = |n: &&String| self.needs.get(*n).is_some_and(|set| set.contains(name));
        self.names.iter().filter(is_dependent).cloned().collect()
    }

    /// What `name` needs, directly or not.
    pub fn ancestors(&self, name: &str) -> Vec<String> {
        self.closure(name, Self::dependencies_of)
    }

    /// What needs `name`, directly or not.
    pub fn descendants(&self, name: &str) -> Vec<String> {
        self.closure(name, Self::dependents_of)
    }

    fn closure(&self, name: &str, next: fn(&Self, &str) -> Vec<String>) -> Vec<String> {
        let mut found = BTreeSet::new();
        let mut open = next(self, name);
        while let Some(other) = open.pop() {
            if other != name && found.insert(other.clone()) {
                open.extend(next(self, &other));
            }
        }
        self.names
            .iter()
            .filter(|n| found.contains(*n))
            .cloned()
            .collect()
    }

    /// Every name after what it needs; ties in order of insertion. Names on a cycle are left out.
    pub fn topological_order(&self) -> Vec<String> {
        let (mut order, mut placed) = (Vec::new(), BTreeSet::new());
        loop {
            let next = self.names.iter().find(|name| {
                !placed.contains(*name)
                    && self
                        .needs
                        .get(*name)
                        .is_some_and(|needs| needs.is_subset(&placed))
            });
            let Some(next) = next else { return order };
            placed.insert(next.clone());
            order.push(next.clone());
        }
    }

    /// A cycle, named in full: the first name stands again at the end.
    pub fn cycle(&self) -> Option<Vec<String>> {
        let order = self.topological_order();
        let on_cycle = |name: &&String| !order.contains(name);
        // From a name that could not be placed, needs that could not be placed lead into a cycle.
        let mut path = vec![self.names.iter().find(on_cycle)?.clone()];
        loop {
            let needs = self.dependencies_of(path.last()?);
            let next = needs.iter().find(on_cycle)?;
            if let Some(start) = path.iter().position(|name| name == next) {
                let mut cycle = path.split_off(start);
                cycle.push(next.clone());
                return Some(cycle);
            }
            path.push(next.clone());
        }
    }

    /// The same names with every edge turned round.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let mut reversed = Self::default();
        for name in &self.names {
            reversed.add_node(name);
        }
        for (dependent, needs) in &self.needs {
            for dependency in needs {
                reversed.add_edge(dependency, dependent);
            }
        }
        reversed
    }

    /// Only those names, and the edges between them.
    #[must_use]
    pub fn subgraph(&self, keep: &[String]) -> Self {
        let mut part = Self::default();
        for name in self.names.iter().filter(|name| keep.contains(name)) {
            part.add_node(name);
        }
        for name in part.names.clone() {
            for need in self
                .dependencies_of(&name)
                .iter()
                .filter(|need| keep.contains(need))
            {
                part.add_edge(&name, need);
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
