//! The table of the data: a customer, the fields of a request, whether it worked, and when.

use super::names::Platform;
use super::schema::{Field, Held, whole};
use time::Date;
use time::format_description::well_known::Iso8601;

/// The column of the customer, which is the key.
pub const KEY: &str = "customer_id";
/// The column that the model predicts.
pub const TARGET: &str = "successful";
/// The column of the day. A word of SQL: it is quoted wherever it is used.
pub const DAY: &str = "timestamp";

/// A column of the table.
#[derive(Debug, Clone)]
pub enum Column {
    /// The key.
    Key,
    /// A field of the request, by its place.
    Field(usize, Field),
    /// Whether the remediation worked.
    Target,
    /// The day.
    Day,
}

/// What a row's text holds, as far as it is fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A customer.
    Key(i64),
    /// A field's value, with the field's place.
    Field(usize, Held),
    /// Whether it worked.
    Target(bool),
    /// The day.
    Day(Date),
}

impl Column {
    /// The columns in the order of the table.
    pub fn all(platform: &Platform) -> Vec<Self> {
        let fields = platform.fields.iter().cloned().enumerate();
        let fields = fields.map(|(at, field)| Self::Field(at, field));
        [Self::Key]
            .into_iter()
            .chain(fields)
            .chain([Self::Target, Self::Day])
            .collect()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Key => KEY,
            Self::Field(_, field) => &field.name,
            Self::Target => TARGET,
            Self::Day => DAY,
        }
    }

    /// Its name as SQL takes it.
    pub fn quoted(&self) -> String {
        match self {
            Self::Day => format!("\"{DAY}\""),
            Self::Key | Self::Field(..) | Self::Target => self.name().to_owned(),
        }
    }

    /// Its type.
    pub fn kind(&self) -> String {
        match self {
            Self::Key => "BIGINT".to_owned(),
            Self::Field(_, field) => field.column(),
            Self::Target => "BOOLEAN".to_owned(),
            Self::Day => "DATE".to_owned(),
        }
    }

    /// What it must hold, in words.
    pub fn bounds(&self) -> String {
        match self {
            Self::Key => "a whole number from 1".to_owned(),
            Self::Field(_, field) => field.bounds(),
            Self::Target => "true or false".to_owned(),
            Self::Day => "a day as YYYY-MM-DD".to_owned(),
        }
    }

    /// The value, if the text is fit.
    pub fn read(&self, text: &str) -> Option<Value> {
        match self {
            Self::Key => whole(text).filter(|key| *key >= 1).map(Value::Key),
            Self::Field(at, field) => field.read(text).map(|held| Value::Field(*at, held)),
            Self::Target if text.eq_ignore_ascii_case("true") => Some(Value::Target(true)),
            Self::Target if text.eq_ignore_ascii_case("false") => Some(Value::Target(false)),
            Self::Target => None,
            Self::Day => day(text).map(Value::Day),
        }
    }
}

fn day(text: &str) -> Option<Date> {
    // That of a week, or without hyphens, is a day as well, and COPY knows it not.
    let day = Date::parse(text, &Iso8601::DATE).ok()?;
    (day.to_string() == text).then_some(day)
}

/// Whether the text is a day as YYYY-MM-DD.
pub fn is_date(text: &str) -> bool {
    day(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::names::tests::shipped;

    #[test]
    fn what_surrounds_the_fields_is_read_as_strictly() {
        let columns = Column::all(&shipped());
        assert_eq!(columns.len(), 17);
        let (key, target, day) = (&columns[0], &columns[15], &columns[16]);
        assert_eq!(key.read("7"), Some(Value::Key(7)));
        assert!(
            ["0", "-1", "1.0", "9223372036854775808", "1;"]
                .iter()
                .all(|text| key.read(text).is_none())
        );
        assert_eq!(target.read("True"), Some(Value::Target(true)));
        assert!(
            ["1", "yes", ""]
                .iter()
                .all(|text| target.read(text).is_none())
        );
        assert!(day.read("2023-01-31").is_some());
        assert!(
            [
                "2023-02-30",
                "2023-1-31",
                "20230131",
                "2023-W05-2",
                "2023-01-31T"
            ]
            .iter()
            .all(|text| day.read(text).is_none())
        );
        assert_eq!(day.quoted(), "\"timestamp\"");
    }
}
