//! Templates' texts, read. An operation reads its own several times, and a thousand stacks may share one.

use crate::local::refusal::Refusal;
use crate::template::Template;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Of so many texts what was read is kept.
const KEPT: usize = 16;
/// Longer texts, in bytes, are read anew: what is kept is not to be large.
const LONGEST: usize = 51_200;

type Read = Arc<(String, Value)>;

/// Reads a template's text.
///
/// # Errors
/// The service's words for a text that is no template.
pub fn parse(text: &str) -> Result<Value, Refusal> {
    static KNOWN: Mutex<VecDeque<Read>> = Mutex::new(VecDeque::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known().iter().find(|read| read.0 == text).cloned();
    if let Some(read) = found {
        return Ok(read.1.clone());
    }
    let value = read(text)?;
    if text.len() <= LONGEST {
        let read = Arc::new((text.to_owned(), value.clone()));
        let mut known = known();
        known.push_front(read);
        known.truncate(KEPT);
    }
    Ok(value)
}

fn read(text: &str) -> Result<Value, Refusal> {
    let template = Template::parse(text).map_err(|error| {
        let words = if error.message.starts_with("At least one") {
            format!("{}.", error.message)
        } else if error.message.starts_with("a template is a mapping") {
            "unsupported structure.".to_owned()
        } else {
            not_well_formed(text, (error.at.line, error.at.column))
        };
        Refusal::validation(format!("Template format error: {words}"))
    })?;
    Ok(template.body)
}

/// What is wrong with a text that is no YAML at that place. Of JSON, the service names the place
/// behind the one that is wrong.
fn not_well_formed(text: &str, (line, column): (usize, usize)) -> String {
    if !text.trim_start().starts_with('{') {
        return format!("YAML not well-formed. (line {line}, column {column})");
    }
    let json = serde_json::from_str::<serde::de::IgnoredAny>(text).err();
    let (line, column) = json.map_or((line, column), |no| (no.line(), no.column() + 1));
    format!("JSON not well-formed. (line {line}, column {column})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_the_same_however_often_and_whatever_came_between() {
        let text = |n: usize| format!("Resources:\n  Q{n}:\n    Type: AWS::SQS::Queue\n");
        let first = parse(&text(0)).unwrap();
        for n in 0..3 * KEPT {
            assert!(parse(&text(n)).unwrap()["Resources"][format!("Q{n}")].is_object());
            assert_eq!(parse(&text(0)).unwrap(), first);
        }
        let refused = || parse("Resources: [").unwrap_err().message;
        assert_eq!(refused(), refused());
    }
}
