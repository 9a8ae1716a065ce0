//! Values that are never shown: in no event, and so in no line and no record, and in no error.

use crate::error::{Error, Result};
use crate::event::Event;

/// What stands in a secret's place, as CloudFormation writes it.
pub const MASK: &str = "****";
/// A shorter value stands in too many words that are not it.
const SHORTEST: usize = 4;

/// The values of parameters that their templates mask.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Keeps values that are long enough to be told apart from other words; the longest go first, as
    /// one may stand in another.
    pub fn new(values: impl Iterator<Item = String>) -> Self {
        let long = |value: &String| value.chars().count() >= SHORTEST;
        let mut values: Vec<String> = values.filter(long).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// The text without them.
    pub fn hide(&self, text: &mut String) {
        for value in &self.0 {
            if text.contains(value.as_str()) {
                *text = text.replace(value.as_str(), MASK);
            }
        }
    }

    /// The event without them.
    pub fn mask(&self, mut event: Event) -> Event {
        event.words().into_iter().for_each(|text| self.hide(text));
        event
    }

    /// The result with an error without them.
    ///
    /// # Errors
    /// That of the result.
    pub fn clean<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.error(error))
    }

    /// The error without them.
    pub fn error(&self, mut error: Error) -> Error {
        let Error {
            messages,
            causes,
            hints,
            ..
        } = &mut error;
        let texts = messages.iter_mut().chain(causes).chain(hints);
        texts.for_each(|text| self.hide(text));
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        Secrets::new(values.iter().map(|&value| value.to_owned()))
    }

    fn hidden(secrets: &Secrets, text: &str) -> String {
        let mut text = text.to_owned();
        secrets.hide(&mut text);
        text
    }

    #[test]
    fn a_longer_secret_goes_before_one_that_stands_in_it() {
        let secrets = secrets(&["fish", "swordfish", "abc"]);
        assert_eq!(hidden(&secrets, "swordfish, fish, abc"), "****, ****, abc");
    }

    #[test]
    fn every_part_of_an_error_is_cleaned() {
        let error = Error::stacks("swordfish is no name.")
            .because("swordfish")
            .hint("not swordfish");
        let clean = secrets(&["swordfish"]).clean::<()>(Err(error));
        let said = clean.unwrap_err().to_string();
        assert_eq!(
            said,
            "error: **** is no name.\n  because: ****\n  hint: not ****"
        );
    }
}
