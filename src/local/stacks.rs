//! The stacks of an account, found without looking at the others: an account may hold thousands.

use super::model::Stack;
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

/// Stacks, oldest first. None is ever taken out, and none changes its id or its name.
#[derive(Debug, Default)]
pub struct Stacks {
    all: Vec<Stack>,
    /// By id and by name, which several may have had.
    places: HashMap<String, Vec<usize>>,
}

impl Stacks {
    /// Adds the youngest.
    pub fn push(&mut self, stack: Stack) {
        for name in [&stack.id, &stack.name] {
            self.places
                .entry(name.clone())
                .or_default()
                .push(self.all.len());
        }
        self.all.push(stack);
    }

    /// Where the stack of that id is or, among those not deleted, that of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        let mut places = self.places.get(name)?.iter().rev().copied();
        places.find(|&at| {
            let stack = &self.all[at];
            stack.id == name || stack.status != "DELETE_COMPLETE"
        })
    }
}

impl FromIterator<Stack> for Stacks {
    fn from_iter<I: IntoIterator<Item = Stack>>(stacks: I) -> Self {
        let mut all = Self::default();
        stacks.into_iter().for_each(|stack| all.push(stack));
        all
    }
}

impl Deref for Stacks {
    type Target = [Stack];

    fn deref(&self) -> &[Stack] {
        &self.all
    }
}

impl DerefMut for Stacks {
    fn deref_mut(&mut self) -> &mut [Stack] {
        &mut self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_who_lives_and_an_id_that_of_one() {
        let stack = |id: &str, status: &str| Stack {
            id: id.to_owned(),
            name: "S".to_owned(),
            status: status.to_owned(),
            ..Stack::default()
        };
        let deleted = stack("arn:1", "DELETE_COMPLETE");
        let mut stacks: Stacks = [deleted, stack("arn:2", "CREATE_COMPLETE")]
            .into_iter()
            .collect();
        assert_eq!(stacks.position("S"), Some(1));
        assert_eq!(stacks.position("arn:1"), Some(0));
        stacks[1].status = "DELETE_COMPLETE".to_owned();
        assert_eq!(stacks.position("S"), None);
        stacks.push(stack("arn:3", "REVIEW_IN_PROGRESS"));
        assert_eq!(stacks.position("S"), Some(2));
        assert_eq!(stacks.position("T"), None);
    }
}
