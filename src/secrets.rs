//! Values that are never shown: in no event, and so in no line and no record, and in no error.

use crate::error::{Error, Result};
use crate::event::Event;
use serde_json::Value;

/// What stands in a secret's place, as CloudFormation writes it.
pub const MASK: &str = "****";
/// A shorter value stands in too many words that are not it.
const SHORTEST: usize = 4;

/// Calls whose arguments are names of a template, and no values.
const NAMES: [&str; 3] = ["Ref", "Fn::GetAtt", "Infra::Later"];

/// The values of parameters that their templates mask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Keeps values that are long enough to be told apart from other words, and the same as they stand
    /// within JSON; the longest go first, as one may stand in another.
    pub fn new(values: impl Iterator<Item = String>) -> Self {
        let long = |value: &String| value.chars().count() >= SHORTEST;
        let spelled = values.filter(long).flat_map(|value| {
            let quoted = Value::from(value.as_str()).to_string();
            let within = quoted.trim_matches('"').to_owned();
            [within, value]
        });
        let mut values: Vec<String> = spelled.collect();
        values.sort_by(|one, other| (other.len(), one).cmp(&(one.len(), other)));
        values.dedup();
        Self(values)
    }

    /// These, and more.
    #[must_use]
    pub fn and(&self, more: impl Iterator<Item = String>) -> Self {
        Self::new(self.0.iter().cloned().chain(more))
    }

    /// The text without them.
    pub fn hide(&self, text: &mut String) {
        for value in &self.0 {
            if text.contains(value.as_str()) {
                *text = text.replace(value.as_str(), MASK);
            }
        }
    }

    /// A document's values without them; its keys, and what a call names, are no values.
    pub fn hide_in(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.hide(text),
            Value::Number(number) => {
                if self.0.contains(&number.to_string()) {
                    *value = MASK.into();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(fields) => {
                let values = fields.iter_mut();
                values
                    .filter(|(name, _)| !NAMES.contains(&name.as_str()))
                    .for_each(|(_, field)| self.hide_in(field));
            }
            Value::Null | Value::Bool(_) => {}
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
    use serde_json::json;

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
    fn keys_and_names_are_no_values() {
        let secrets = secrets(&["stack", "a\"b\\c", "12345"]);
        let mut document = json!({
            "stack": "the stack", "x": ["a\"b\\c", 12345, {"Ref": "stack"}],
            "y": json!({"z": "a\"b\\c"}).to_string(),
        });
        secrets.hide_in(&mut document);
        let wanted = json!({
            "stack": "the ****", "x": ["****", "****", {"Ref": "stack"}], "y": "{\"z\":\"****\"}",
        });
        assert_eq!(document, wanted);
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
