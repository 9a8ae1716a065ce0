//! The request schema: which fields a request and a row of the data have, and their bounds.

use serde_json::Value;

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name; also the column's.
    pub name: String,
    /// What it may be.
    pub kind: Kind,
}

/// What a field may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A whole number within bounds, both of them in.
    Integer {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A number within bounds, both of them in.
    Number {
        /// The least.
        least: f64,
        /// The most.
        most: f64,
    },
    /// One of these words.
    Choice(Vec<String>),
}

/// A value that is within a field's bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Held {
    /// A number.
    Number(f64),
    /// Which of the words.
    Choice(usize),
}

/// Reads the schema; the order of its properties is kept.
///
/// # Errors
/// What is in it that a column cannot be.
pub fn parse(text: &str) -> Result<Vec<Field>, String> {
    let schema: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let properties = schema["properties"].as_object();
    let properties = properties.ok_or("there are no properties")?;
    let field = |(name, said): (&String, &Value)| {
        if !super::names::is_identifier(name) {
            return Err(format!("the property {name:?} cannot be a column's name"));
        }
        let kind = kind(said).ok_or_else(|| {
            format!(
                "{name} is neither an enum of plain words nor a number with minimum and maximum"
            )
        })?;
        Ok(Field {
            name: name.clone(),
            kind,
        })
    };
    properties.iter().map(field).collect()
}

fn kind(said: &Value) -> Option<Kind> {
    if let Some(words) = said["enum"].as_array() {
        let words: Option<Vec<String>> = words
            .iter()
            .map(|word| {
                word.as_str()
                    .filter(|word| is_plain(word))
                    .map(str::to_owned)
            })
            .collect();
        return words.filter(|words| !words.is_empty()).map(Kind::Choice);
    }
    let (least, most) = (&said["minimum"], &said["maximum"]);
    match said["type"].as_str()? {
        "integer" => Some(Kind::Integer {
            least: least.as_i64()?,
            most: most.as_i64()?,
        }),
        "number" => Some(Kind::Number {
            least: least.as_f64()?,
            most: most.as_f64()?,
        }),
        _ => None,
    }
}

/// Whether a word can stand in SQL and CSV without quotes being doubled.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 64
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " -_./+".contains(c))
}

impl Field {
    /// The value, if the text is one within the bounds.
    pub fn read(&self, text: &str) -> Option<Held> {
        match &self.kind {
            Kind::Integer { least, most } => {
                let value = whole(text)?;
                (*least..=*most)
                    .contains(&value)
                    .then_some(Held::Number(value as f64))
            }
            Kind::Number { least, most } => {
                let value = decimal(text)?;
                (*least..=*most)
                    .contains(&value)
                    .then_some(Held::Number(value))
            }
            Kind::Choice(words) => words.iter().position(|word| word == text).map(Held::Choice),
        }
    }

    /// What it must be, in words.
    pub fn bounds(&self) -> String {
        match &self.kind {
            Kind::Integer { least, most } => format!("a whole number from {least} to {most}"),
            Kind::Number { least, most } => format!("a number from {least} to {most}"),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// The column's type.
    pub fn column(&self) -> String {
        match &self.kind {
            Kind::Integer { .. } => "INTEGER".to_owned(),
            Kind::Number { .. } => "DOUBLE PRECISION".to_owned(),
            Kind::Choice(words) => {
                let longest = words.iter().map(String::len).max().unwrap_or(1);
                format!("VARCHAR({})", longest.next_multiple_of(16))
            }
        }
    }
}

/// A whole number as a file writes it: no sign but minus, no leading zeros, nothing around it.
pub fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = digits.len() > 1 && digits.starts_with('0');
    (plain && !zeros).then(|| text.parse().ok())?
}

/// A decimal number as a file writes it: no exponent, no infinity, nothing that is no number.
fn decimal(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (before, after) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (plain(before) && plain(after) && text.len() <= 32).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(name: &str) -> Field {
        let platform = crate::platform::names::tests::shipped();
        platform
            .fields
            .into_iter()
            .find(|field| field.name == name)
            .unwrap()
    }

    #[test]
    fn bounds_are_both_in() {
        let age = field("age");
        let held = |text: &str| age.read(text).is_some();
        assert!(held("18") && held("65"));
        for text in [
            "17", "66", "38.0", "+38", "038", "", " 38", "3e1", "38;", "١٨",
        ] {
            assert!(!held(text), "{text}");
        }
        let rate = field("interest_rate");
        let held = |text: &str| rate.read(text).is_some();
        assert!(held("0.05") && held("0.2") && held("0.10"));
        for text in ["0.049", "0.21", "NaN", "inf", "1e-1", ".1", "0.1.", "0.1 "] {
            assert!(!held(text), "{text}");
        }
        let gender = field("gender");
        assert_eq!(gender.read("Female"), Some(Held::Choice(1)));
        assert_eq!(gender.read("female"), None);
        assert_eq!(gender.bounds(), "one of Male, Female");
    }

    #[test]
    fn a_schema_that_is_no_table_is_refused() {
        for text in [
            "{}",
            r#"{"properties": {"a b": {"type": "integer", "minimum": 0, "maximum": 1}}}"#,
            r#"{"properties": {"a": {"type": "string"}}}"#,
            r#"{"properties": {"a": {"enum": ["it's"]}}}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_within_the_bounds(text in ".{0,12}") {
            for field in crate::platform::names::tests::shipped().fields {
                if let (Some(Held::Number(value)), Kind::Integer { least, most }) =
                    (field.read(&text), &field.kind)
                {
                    prop_assert!(value >= *least as f64 && value <= *most as f64);
                    prop_assert_eq!(value.to_string(), text.clone());
                }
            }
        }
    }
}
