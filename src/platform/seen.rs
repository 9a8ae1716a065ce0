//! Which customers were seen. What comes in order takes one range; only what is scattered takes room.

use std::collections::BTreeMap;

/// A set of numbers, as ranges that do not touch.
#[derive(Debug, Default)]
pub struct Seen {
    /// The end (inside) by the beginning.
    ranges: BTreeMap<i64, i64>,
}

impl Seen {
    /// Takes a number in; false if it was there.
    pub fn add(&mut self, number: i64) -> bool {
        let before = self.ranges.range(..=number).next_back();
        let before = before.map(|(begin, end)| (*begin, *end));
        if before.is_some_and(|(_, end)| number <= end) {
            return false;
        }
        let begin = match before {
            Some((begin, end)) if end.checked_add(1) == Some(number) => begin,
            _ => number,
        };
        let next = number.checked_add(1);
        let end = next.and_then(|next| self.ranges.remove(&next));
        self.ranges.insert(begin, end.unwrap_or(number));
        true
    }

    /// How many ranges are kept.
    pub fn ranges(&self) -> usize {
        self.ranges.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_comes_in_order_takes_one_range() {
        let mut seen = Seen::default();
        assert!((1..=1000).all(|number| seen.add(number)));
        assert_eq!(seen.ranges(), 1);
        assert!(seen.add(i64::MAX) && seen.add(i64::MIN) && !seen.add(i64::MAX));
    }

    proptest! {
        #[test]
        fn it_is_a_set(numbers in proptest::collection::vec(-20_i64..20, 0..60)) {
            let (mut seen, mut set) = (Seen::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(seen.add(number), set.insert(number));
            }
        }
    }
}
