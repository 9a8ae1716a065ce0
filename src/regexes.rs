//! Regular expressions that templates and schemas hold, each compiled once: an account's worth of stacks asks
//! for the same few again and again.

use regex::Regex;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// So many are kept. Whoever sends others and others makes room by them, and no more.
const KEPT: usize = 1000;

/// Whether the text has the pattern in it; nothing where the pattern is none that can be read here.
pub fn matches(pattern: &str, text: &str) -> Option<bool> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Option<Regex>>>> = LazyLock::new(Mutex::default);
    let compiled = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.get(pattern) {
            compiled.clone()
        } else {
            if known.len() >= KEPT {
                known.clear();
            }
            let compiled = Regex::new(pattern).ok();
            known.insert(pattern.to_owned(), compiled.clone());
            compiled
        }
    };
    compiled.map(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_pattern_is_the_same_however_often_it_is_asked() {
        for _ in 0..2 {
            assert_eq!(matches("^a+$", "aa"), Some(true));
            assert_eq!(matches("^a+$", "ab"), Some(false));
            assert_eq!(matches("(?=a)", "a"), None);
        }
        for number in 0..2 * super::KEPT {
            assert_eq!(
                matches(&format!("^{number}$"), &number.to_string()),
                Some(true)
            );
        }
    }
}
