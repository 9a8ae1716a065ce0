//! What the platform's parts must agree on, as templates/platform.json and templates/request.schema.json
//! state it beside the manifest.

use super::schema::{self, Field};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::path::Path;

/// The names that SQL is written with. Each is a plain identifier: nothing of them needs to be quoted.
#[derive(Debug, Clone, Deserialize)]
pub struct Names {
    /// The schema of the table and of the model.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The model.
    pub model: String,
    /// The model's SQL function.
    pub prediction_function: String,
    /// The database role that may execute the model.
    pub prediction_role: String,
    /// Rows before this day train the model, the others judge it.
    pub training_before: String,
}

/// The platform's facts.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The names.
    pub names: Names,
    /// The fields of a request, in the order of the model's arguments.
    pub fields: Vec<Field>,
}

impl Platform {
    /// Reads the two files in the templates' directory.
    ///
    /// # Errors
    /// When one of them is missing or is not as it should be.
    pub fn read(templates: &Path) -> Result<Self> {
        let names = read(&templates.join("platform.json"), |text| {
            let names: Names = serde_json::from_str(text).map_err(|error| error.to_string())?;
            names.checked()
        })?;
        let fields = read(&templates.join("request.schema.json"), schema::parse)?;
        Ok(Self { names, fields })
    }
}

impl Names {
    /// The table with its schema.
    pub fn table(&self) -> String {
        format!("{}.{}", self.schema, self.table)
    }

    /// The model with its schema.
    pub fn model(&self) -> String {
        format!("{}.{}", self.schema, self.model)
    }

    fn checked(self) -> std::result::Result<Self, String> {
        for name in [
            &self.schema,
            &self.table,
            &self.model,
            &self.prediction_function,
            &self.prediction_role,
        ] {
            if !is_identifier(name) {
                return Err(format!(
                    "{name:?} is no plain identifier: lower case letters, digits and underscores, no digit first"
                ));
            }
        }
        match super::table::is_date(&self.training_before) {
            true => Ok(self),
            false => Err(format!(
                "training_before {:?} is no date",
                self.training_before
            )),
        }
    }
}

/// Whether SQL takes the name as it is.
pub fn is_identifier(name: &str) -> bool {
    let mut letters = name.bytes();
    let first = letters.next();
    first.is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && letters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= 127
}

fn read<T>(path: &Path, parse: impl Fn(&str) -> std::result::Result<T, String>) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::file(path, "read the platform's facts", &error)
            .hint("data and model are steps of the shipped platform: run this in its project")
    })?;
    parse(&text).map_err(|why| Error::asked(format!("{}: {why}.", path.display())))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The shipped platform.
    pub(crate) fn shipped() -> Platform {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        Platform::read(&templates).unwrap()
    }

    #[test]
    fn the_shipped_facts_are_read() {
        let platform = shipped();
        assert_eq!(platform.names.table(), "public.raw_data");
        assert_eq!(platform.fields.len(), 14);
    }

    #[test]
    fn a_name_that_would_be_more_than_a_name_is_refused() {
        for name in [
            "",
            "a b",
            "a;drop",
            "A",
            "1a",
            "a-b",
            "a\"",
            &"a".repeat(128),
        ] {
            assert!(!is_identifier(name), "{name}");
        }
        assert!(is_identifier("_raw_data1"));
    }
}
