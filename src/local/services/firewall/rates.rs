//! How often somebody came: what rate-based rules count, and what a stage's throttle counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// How many are counted apart; beyond that, those that have not come for long are forgotten.
const MOST: usize = 10_000;

/// The counts, by what is counted.
#[derive(Debug, Default)]
pub struct Rates {
    seconds: Mutex<HashMap<String, BTreeMap<u64, u64>>>,
    buckets: Mutex<HashMap<String, (f64, f64)>>,
}

impl Rates {
    /// Counts a visit, and tells how many there were within that many seconds.
    pub fn hit(&self, key: &str, now: u64, window: u64) -> u64 {
        let mut all = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_sub(window);
        if all.len() > MOST {
            all.retain(|_, seconds| seconds.keys().next_back().is_some_and(|last| *last > since));
        }
        let seconds = all.entry(key.to_owned()).or_default();
        *seconds = seconds.split_off(&(since + 1));
        *seconds.entry(now).or_default() += 1;
        seconds.values().sum()
    }

    /// Takes a token of a bucket that fills at a rate up to a burst. Whether there was one.
    pub fn take(&self, key: &str, now: f64, rate: f64, burst: f64) -> bool {
        let mut all = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, last) = all.entry(key.to_owned()).or_insert((burst, now));
        *tokens = (*tokens + (now - *last).max(0.0) * rate).min(burst);
        *last = now;
        let there = *tokens >= 1.0;
        if there {
            *tokens -= 1.0;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_ago_does_not_count() {
        let rates = Rates::default();
        assert_eq!(rates.hit("a", 100, 60), 1);
        assert_eq!(rates.hit("a", 130, 60), 2);
        assert_eq!(rates.hit("b", 130, 60), 1);
        assert_eq!(rates.hit("a", 160, 60), 2);
    }

    #[test]
    fn a_bucket_fills_again() {
        let rates = Rates::default();
        let take = |now| rates.take("a", now, 2.0, 3.0);
        assert!(take(0.0) && take(0.0) && take(0.0) && !take(0.0));
        assert!(take(0.5) && !take(0.5));
        assert!(take(9.0) && take(9.0) && take(9.0) && !take(9.0));
    }
}
