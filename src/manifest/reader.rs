//! Typed reading of TOML tables that goes on after a mistake.

use super::{Place, Problem};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One entry of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    /// The byte that the key begins at.
    pub(super) key_at: usize,
    pub(super) value: &'a DeValue<'a>,
    /// The byte that the value begins at.
    pub(super) value_at: usize,
}

/// A table's entries, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries<'a>(Vec<Entry<'a>>);

impl<'a> Entries<'a> {
    pub(super) fn of(table: &'a DeTable<'a>) -> Self {
        let mut entries: Vec<Entry<'a>> = table
            .iter()
            .map(|(key, value)| Entry {
                name: key.get_ref(),
                key_at: key.span().start,
                value: value.get_ref(),
                value_at: value.span().start,
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_at);
        Self(entries)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.0.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry<'a>> {
        self.0.iter().find(|entry| entry.name == name)
    }
}

fn starts(text: &str) -> Vec<usize> {
    let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(newlines).collect()
}

/// Collects what is wrong while it reads.
pub(super) struct Reader<'a> {
    pub(super) problems: Vec<Problem>,
    /// The directory that paths are relative to.
    pub(super) directory: PathBuf,
    path: &'a Path,
    text: &'a str,
    /// The byte that each line begins at.
    lines: Vec<usize>,
    variable: &'a dyn Fn(&str) -> Option<String>,
    variables_ignored: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        path: &'a Path,
        text: &'a str,
        variable: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        Self {
            problems: vec![],
            directory,
            path,
            text,
            lines: starts(text),
            variable,
            variables_ignored: false,
        }
    }

    /// The document; what cannot be read is left out of it and told of.
    pub(super) fn parse<'t>(&mut self, text: &'t str) -> DeTable<'t> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = self.place(error.span().unwrap_or(Range { start: 0, end: 0 }).start);
            self.problem(
                at,
                error.message().lines().collect::<Vec<_>>().join(", "),
                None,
            );
        }
        Spanned::into_inner(table)
    }

    /// The line and column of a byte.
    pub(super) fn place(&self, byte: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= byte).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..byte).unwrap_or_default();
        Place {
            line,
            column: before.chars().count() + 1,
        }
    }

    /// Where the value of a key stands; the top where the key is not there.
    pub(super) fn place_of(&self, table: &Entries<'_>, key: &str) -> Place {
        self.place(table.get(key).map_or(0, |entry| entry.value_at))
    }

    pub(super) fn problem(&mut self, at: Place, message: impl Into<String>, hint: Option<String>) {
        let problem = Problem {
            message: message.into(),
            file: self.path.to_owned(),
            line: at.line,
            column: at.column,
            hint,
        };
        // The same mistake is found again under every environment that inherits it.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn problem_at_value(&mut self, table: &Entries<'_>, key: &str, message: &str) {
        self.problem(self.place_of(table, key), message, None);
    }

    /// A name that nothing has, with the nearest of those there are.
    pub(super) fn unknown(&mut self, at: Place, message: &str, name: &str, known: &[&str]) {
        self.problem(at, message, suggestion(name, known));
    }

    pub(super) fn unknown_keys(&mut self, table: &Entries<'_>, known: &[&str], of: &str) {
        for entry in table.iter().filter(|entry| !known.contains(&entry.name)) {
            let message = format!("{of} has no key {}", entry.name);
            self.unknown(self.place(entry.key_at), &message, entry.name, known);
        }
    }

    fn wrong_type(&mut self, entry: &Entry<'_>, wanted: &str) {
        let message = format!(
            "{} must be {wanted}, not {}",
            entry.name,
            entry.value.type_str()
        );
        self.problem(self.place(entry.value_at), message, None);
    }

    pub(super) fn text(&mut self, table: &Entries<'_>, key: &str) -> Option<String> {
        let entry = table.get(key)?;
        match entry.value.as_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                self.wrong_type(entry, "a string");
                None
            }
        }
    }

    pub(super) fn required_text(&mut self, table: &Entries<'_>, key: &str) -> String {
        if table.get(key).is_none() {
            self.problem(
                Place { line: 1, column: 1 },
                format!("the manifest has no {key}"),
                Some(format!("add {key} = \"...\" at the top")),
            );
        }
        self.text(table, key).unwrap_or_default()
    }

    pub(super) fn boolean(&mut self, table: &Entries<'_>, key: &str) -> Option<bool> {
        let entry = table.get(key)?;
        let value = entry.value.as_bool();
        if value.is_none() {
            self.wrong_type(entry, "true or false");
        }
        value
    }

    pub(super) fn positive(&mut self, table: &Entries<'_>, key: &str) -> Option<i32> {
        let entry = table.get(key)?;
        let value = integer(entry.value)
            .and_then(|n| i32::try_from(n).ok())
            .filter(|n| *n > 0);
        if value.is_none() {
            match integer(entry.value) {
                Some(n) => {
                    let message = format!("{} must be a whole number from 1, not {n}", entry.name);
                    self.problem(self.place(entry.value_at), message, None);
                }
                None => self.wrong_type(entry, "a whole number from 1"),
            }
        }
        value
    }

    /// A list of strings, each with its place.
    pub(super) fn strings(
        &mut self,
        table: &Entries<'_>,
        key: &str,
    ) -> Option<Vec<(String, Place)>> {
        let entry = table.get(key)?;
        let Some(array) = entry.value.as_array() else {
            self.wrong_type(entry, "a list of strings");
            return None;
        };
        let mut strings = Vec::new();
        for item in array.iter() {
            let at = self.place(item.span().start);
            match item.get_ref().as_str() {
                Some(text) => strings.push((text.to_owned(), at)),
                None => {
                    self.problem(at, format!("{key} must be a list of strings"), None);
                }
            }
        }
        Some(strings)
    }

    pub(super) fn table<'t>(&mut self, table: &Entries<'t>, key: &str) -> Option<Entries<'t>> {
        let entry = *table.get(key)?;
        self.entries(&entry, key)
    }

    pub(super) fn entries<'t>(&mut self, entry: &Entry<'t>, what: &str) -> Option<Entries<'t>> {
        let entries = entry.value.as_table().map(Entries::of);
        if entries.is_none() {
            let message = format!("{what} must be a table, not {}", entry.value.type_str());
            self.problem(self.place(entry.value_at), message, None);
        }
        entries
    }

    /// The `tags` of a table.
    pub(super) fn tags(&mut self, table: &Entries<'_>) -> BTreeMap<String, String> {
        let entries = self.table(table, "tags").unwrap_or_default();
        let mut tags = BTreeMap::new();
        for entry in entries.iter() {
            match scalar(entry.value) {
                Some(value) if entry.name.starts_with("aws:") => {
                    let message = "tags that begin with aws: are AWS's own";
                    self.problem(self.place(entry.key_at), message, None);
                    drop(value);
                }
                Some(value) => {
                    tags.insert(entry.name.to_owned(), value);
                }
                None => self.wrong_type(entry, "a string"),
            }
        }
        tags
    }

    /// The text of a file that the manifest names.
    pub(super) fn file(&mut self, name: &str, at: Place) -> Option<String> {
        let path = self.directory.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.problem(at, format!("cannot read {}: {error}", path.display()), None);
                None
            }
        }
    }

    /// The value of an environment variable.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        if self.variables_ignored {
            Some(String::new())
        } else {
            (self.variable)(name)
        }
    }

    /// Whether variables are looked up at all; answers what was so before.
    pub(super) fn ignore_variables(&mut self, ignore: bool) -> bool {
        std::mem::replace(&mut self.variables_ignored, ignore)
    }
}

/// The nearest name, if one is near.
pub(super) fn suggestion(name: &str, known: &[&str]) -> Option<String> {
    let near = known
        .iter()
        .map(|other| (strsim::jaro_winkler(name, other), *other))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    if near.0 > 0.7 {
        Some(format!("did you mean {}?", near.1))
    } else {
        Some(format!("there are: {}", known.join(", ")))
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

/// A scalar as text.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(_) => integer(value).map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().replace('_', "")),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Any value, for the rendering.
pub(super) fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::Integer(_) => integer(value).into(),
        DeValue::Float(number) => number
            .as_str()
            .replace('_', "")
            .parse::<f64>()
            .unwrap_or_default()
            .into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::String(_) | DeValue::Datetime(_) => scalar(value).into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => Entries::of(table)
            .iter()
            .map(|entry| (entry.name.to_owned(), json(entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
