//! Types of columns and values, and how the Data API writes them.

use rusqlite::types::Value as Stored;
use serde_json::{Value, json};
use sqlparser::ast::{CharacterLength, DataType};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// true or false, kept as 1 and 0.
    Bool,
    /// A whole number of so many bytes.
    Int(u8),
    /// A fraction.
    Float,
    /// A decimal number, which the API writes as text.
    Numeric,
    /// Text of so many bytes at the most.
    Varchar(u32),
    /// A day.
    Date,
    /// A moment.
    Timestamp,
    /// A document.
    Super,
}

impl Type {
    /// The type that SQL asks for, if it is one of ours.
    pub fn of(asked: &DataType) -> Option<Self> {
        Some(match asked {
            DataType::Bool | DataType::Boolean => Self::Bool,
            DataType::SmallInt(_) | DataType::Int2(_) => Self::Int(2),
            DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => Self::Int(4),
            DataType::BigInt(_) | DataType::Int8(_) => Self::Int(8),
            DataType::Real
            | DataType::Float4
            | DataType::Float8
            | DataType::Float(_)
            | DataType::Double(_)
            | DataType::DoublePrecision => Self::Float,
            DataType::Numeric(_) | DataType::Decimal(_) => Self::Numeric,
            DataType::Varchar(length)
            | DataType::CharacterVarying(length)
            | DataType::Char(length)
            | DataType::Character(length) => Self::Varchar(match length {
                Some(CharacterLength::IntegerLength { length, .. }) => {
                    u32::try_from(*length).ok()?
                }
                Some(CharacterLength::Max) => 65_535,
                None => 256,
            }),
            DataType::Text => Self::Varchar(256),
            DataType::Date => Self::Date,
            DataType::Timestamp(..) => Self::Timestamp,
            _ => return None,
        })
    }

    /// Its name, as it also stands in our own tables' declarations.
    pub fn name(self) -> String {
        match self {
            Self::Bool => "bool".to_owned(),
            Self::Int(bytes) => format!("int{bytes}"),
            Self::Float => "float8".to_owned(),
            Self::Numeric => "numeric".to_owned(),
            Self::Varchar(_) => "varchar".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::Super => "super".to_owned(),
        }
    }

    /// How a table declares it.
    pub fn declared(self) -> String {
        match self {
            Self::Varchar(length) => format!("varchar({length})"),
            other => other.name(),
        }
    }

    /// The type that a declaration of ours names.
    pub fn read(declared: &str) -> Option<Self> {
        let length = |rest: &str| rest.trim_end_matches(')').parse().ok();
        Some(match declared {
            "bool" => Self::Bool,
            "int2" => Self::Int(2),
            "int4" => Self::Int(4),
            "int8" => Self::Int(8),
            "float8" => Self::Float,
            "numeric" => Self::Numeric,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "super" => Self::Super,
            other => Self::Varchar(length(other.strip_prefix("varchar(")?)?),
        })
    }

    /// The type of a value that nothing else is known of.
    pub fn seen(value: &Stored) -> Self {
        match value {
            Stored::Integer(_) => Self::Int(8),
            Stored::Real(_) => Self::Float,
            _ => Self::Varchar(256),
        }
    }

    /// The value of that type which the text says, in the words of Redshift where it says none.
    pub fn parse(self, text: &str) -> Result<Stored, String> {
        let trimmed = text.trim();
        let invalid = |kind: &str| format!("invalid input syntax for {kind}: \"{text}\"");
        match self {
            Self::Bool => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" => Ok(Stored::Integer(1)),
                "false" | "f" | "no" | "n" | "0" => Ok(Stored::Integer(0)),
                _ => Err(invalid("type boolean")),
            },
            Self::Int(bytes) => {
                let value: i64 = trimmed.parse().map_err(|_| invalid("integer"))?;
                let most = match bytes {
                    2 => i64::from(i16::MAX),
                    4 => i64::from(i32::MAX),
                    _ => i64::MAX,
                };
                match value > most || value < -most - 1 {
                    true => Err("Overflow, value out of range".to_owned()),
                    false => Ok(Stored::Integer(value)),
                }
            }
            Self::Float | Self::Numeric => {
                let value: f64 = trimmed
                    .parse()
                    .map_err(|_| invalid("type double precision"))?;
                match value.is_finite() {
                    true => Ok(Stored::Real(value)),
                    false => Err(invalid("type double precision")),
                }
            }
            Self::Varchar(length) if text.len() > length as usize => Err(format!(
                "value too long for type character varying({length})"
            )),
            Self::Varchar(_) | Self::Super => Ok(Stored::Text(text.to_owned())),
            Self::Date => match crate::local::ids::is_day(trimmed) {
                true => Ok(Stored::Text(trimmed.to_owned())),
                false => Err(invalid("type date")),
            },
            Self::Timestamp => Ok(Stored::Text(trimmed.to_owned())),
        }
    }

    /// A value as a member of the union Field.
    /// <https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_Field.html>
    pub fn field(self, value: &Stored) -> Value {
        match (self, value) {
            (_, Stored::Null) => json!({ "isNull": true }),
            (Self::Bool, Stored::Integer(value)) => json!({ "booleanValue": *value != 0 }),
            (Self::Float, Stored::Integer(value)) => json!({ "doubleValue": *value as f64 }),
            (Self::Numeric, Stored::Integer(value)) => json!({ "stringValue": value.to_string() }),
            (Self::Numeric, Stored::Real(value)) => json!({ "stringValue": value.to_string() }),
            (_, Stored::Integer(value)) => json!({ "longValue": value }),
            (_, Stored::Real(value)) => json!({ "doubleValue": value }),
            (_, Stored::Text(text)) => json!({ "stringValue": text }),
            (_, Stored::Blob(_)) => json!({ "stringValue": "" }),
        }
    }
}

/// A value as text, as a cast gives it.
pub fn text(value: &Stored) -> Option<String> {
    match value {
        Stored::Null | Stored::Blob(_) => None,
        Stored::Integer(value) => Some(value.to_string()),
        Stored::Real(value) => Some(value.to_string()),
        Stored::Text(text) => Some(text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_held_to_their_type() {
        assert_eq!(Type::Bool.parse("T"), Ok(Stored::Integer(1)));
        assert_eq!(Type::Int(4).parse(" 7 "), Ok(Stored::Integer(7)));
        assert!(Type::Int(4).parse("2147483648").is_err());
        assert!(Type::Int(2).parse("-32768").is_ok());
        assert!(Type::Float.parse("NaN").is_err());
        assert!(Type::Varchar(2).parse("abc").is_err());
        assert!(Type::Date.parse("2023-02-30").is_err());
        assert_eq!(
            Type::Int(8).parse("x").unwrap_err(),
            "invalid input syntax for integer: \"x\""
        );
        for declared in ["bool", "int4", "float8", "varchar(16)", "date"] {
            assert_eq!(Type::read(declared).unwrap().declared(), declared);
        }
    }
}
