//! Requests of the AWS Query protocol: form-encoded names with dots and numbers in them.

use super::refusal::Refusal;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A request's fields.
#[derive(Debug, Default, Clone)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a form-encoded body.
    pub fn parse(body: &str) -> Self {
        Self(
            form_urlencoded::parse(body.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The field, unless it is absent or empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether the field is there, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The field as an owned string.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A field that the operation cannot do without.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| {
            Refusal::validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy \
                 constraint: Member must not be null",
                field(name)
            ))
        })
    }

    /// Refuses a field that has another value than these.
    pub fn one_of(&self, name: &str, allowed: &[&str]) -> Result<(), Refusal> {
        let Some(given) = self.text(name).filter(|given| !allowed.contains(given)) else {
            return Ok(());
        };
        Err(Refusal::validation(format!(
            "1 validation error detected: Value '{given}' at '{}' failed to satisfy constraint: \
             Member must satisfy enum value set: [{}]",
            field(name),
            allowed.join(", ")
        )))
    }

    /// A boolean field, if it is there.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.text(name)
            .map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The strings `name.member.1`, `name.member.2` and so on.
    pub fn list(&self, name: &str) -> Vec<String> {
        (1..)
            .map_while(|n| self.0.get(&format!("{name}.member.{n}")).cloned())
            .collect()
    }

    /// Whether a list of that name was sent at all, empty or not.
    pub fn has_list(&self, name: &str) -> bool {
        let prefix = format!("{name}.member.");
        self.0.contains_key(name) || self.0.keys().any(|key| key.starts_with(&prefix))
    }

    /// The structures `name.member.1.*`, each with the fields that it has.
    pub fn rows(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        (1..)
            .map(|n| self.under(&format!("{name}.member.{n}.")))
            .take_while(|row| !row.is_empty())
            .collect()
    }

    fn under(&self, prefix: &str) -> BTreeMap<String, String> {
        self.0
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key[prefix.len()..].to_owned(), value.clone()))
            .collect()
    }
}

/// A field as messages name it.
fn field(name: &str) -> String {
    let lower = |part: &str| {
        let mut part = part.to_owned();
        if let Some(first) = part.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        part
    };
    name.split('.').map(lower).collect::<Vec<_>>().join(".")
}

impl IntoIterator for Query {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Undoes percent encoding; in forms a plus is a space.
pub fn decode(text: &str, form: bool) -> String {
    let text = match form {
        true => Cow::Owned(text.replace('+', " ")),
        false => Cow::Borrowed(text),
    };
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// All but RFC 3986's unreserved characters and the slash.
const OF_PATHS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// Percent encoding of all that is not plain in a path.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, OF_PATHS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_members_become_rows() {
        let query = Query::parse(
            "Action=X&Parameters.member.1.ParameterKey=a&Parameters.member.1.ParameterValue=b+%2B\
             &Parameters.member.2.ParameterKey=c&L.member.1=x&L.member.2=y&Tags=",
        );
        let rows = query.rows("Parameters");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["ParameterValue"], "b +");
        assert_eq!(query.list("L"), ["x", "y"]);
        assert!(query.has_list("Tags") && query.list("Tags").is_empty());
        assert!(
            query
                .required("Nope")
                .unwrap_err()
                .message
                .contains("'nope'")
        );
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let text = "a b+c/\u{e9}%2F";
        assert_eq!(decode(&encode(text), false), text);
        assert_eq!(encode("a b/+"), "a%20b/%2B");
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(decode("%zz%4", true), "%zz%4");
        assert_eq!(decode(&encode("a b+%/\u{e9}"), true), "a b+%/\u{e9}");
    }
}
