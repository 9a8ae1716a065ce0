//! What a prediction is asked with: the fields and their bounds, as the request schema that the API,
//! the handler and this program share has them.

use super::schema::{self, Field, Kind};
use crate::error::{Error, Result};
use serde_json::{Map, Number, Value};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The schema that stood beside the templates when this program was built. What names flags is known
/// before any project is.
const BUILT_WITH: &str = include_str!("../../templates/request.schema.json");
/// The schema's name beside the template of the API.
const FILE: &str = "request.schema.json";

/// The schema, of which a request is held to every field.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The fields, in the order of the model's arguments.
    pub fields: Vec<Field>,
}

static BUILT: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse(BUILT_WITH).unwrap_or(Schema { fields: Vec::new() }));

impl Schema {
    /// The one that this program was built with.
    pub fn built() -> &'static Self {
        &BUILT
    }

    /// The one beside a template.
    ///
    /// # Errors
    /// When it cannot be read, or asks what this program cannot check.
    pub fn beside(template: &Path) -> Result<Self> {
        let path: PathBuf = template.with_file_name(FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::file(&path, "read the request schema", &error))?;
        Self::parse(&text).map_err(|why| Error::asked(format!("{}: {why}.", path.display())))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let fields = schema::parse(text)?;
        let whole: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let required = whole["required"].as_array().map_or(0, Vec::len);
        if required != fields.len() || whole["additionalProperties"] != false {
            return Err("it must require all of its properties, and allow no others".to_owned());
        }
        Ok(Self { fields })
    }

    /// Everything that is wrong with a request, a field each.
    pub fn problems(&self, request: &Value) -> Vec<String> {
        let Some(given) = request.as_object() else {
            return vec![format!(
                "a request is an object of fields, not {}",
                kind(request)
            )];
        };
        let missing_or_wrong = self.fields.iter().filter_map(|field| {
            let (name, bounds) = (&field.name, field.bounds());
            match given.get(name) {
                None => Some(format!("{name} is missing: {bounds}")),
                Some(value) if holds(&field.kind, value) => None,
                Some(value) => Some(format!("{name} is {}, and must be {bounds}", shown(value))),
            }
        });
        let strange = given
            .keys()
            .filter(|name| self.field(name).is_none())
            .map(|name| {
                let known = self.fields.iter().map(|field| field.name.as_str());
                let near = known
                    .map(|known| (strsim::damerau_levenshtein(known, name), known))
                    .min()
                    .filter(|(distance, _)| *distance <= 3);
                let name: String = name.chars().take(64).collect();
                match near {
                    Some((_, near)) => format!("{name} is not a field: did you mean {near}?"),
                    None => format!("{name} is not a field"),
                }
            });
        missing_or_wrong.chain(strange).collect()
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The request that texts make, as flags and tables have them. What is no number stays text, and
    /// is told as such by [`Schema::problems`].
    pub fn request<'a>(&self, given: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
        let given = given.map(|(name, text)| {
            let value = self.field(name).and_then(|field| value(&field.kind, text));
            (name.to_owned(), value.unwrap_or_else(|| Value::from(text)))
        });
        Value::Object(given.collect::<Map<_, _>>())
    }
}

/// Whether a value of JSON is within a field's bounds.
fn holds(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::Choice(words) => value
            .as_str()
            .is_some_and(|text| words.iter().any(|word| word == text)),
        Kind::Integer { least, most } => value
            .as_i64()
            .is_some_and(|number| (*least..=*most).contains(&number)),
        Kind::Number { least, most } => value
            .as_f64()
            .is_some_and(|number| (*least..=*most).contains(&number)),
    }
}

/// The value of JSON that a text stands for.
fn value(kind: &Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Choice(_) => Some(Value::from(text)),
        Kind::Integer { .. } => schema::whole(text).map(Value::from),
        Kind::Number { .. } => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map(Value::from)
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
        Value::String(text) => {
            let short: String = text.chars().take(40).collect();
            let dots = if short.len() < text.len() { "..." } else { "" };
            // As Rust writes text: what would move the cursor is escaped.
            format!("{short:?}{dots}")
        }
        other => kind(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schema_that_is_built_in_is_the_platforms() {
        let schema = Schema::built();
        assert_eq!(schema.fields.len(), 14);
        assert_eq!(schema.fields[0].name, "age");
        let age = Kind::Integer {
            least: 18,
            most: 65,
        };
        assert_eq!(schema.fields[0].kind, age);
    }

    #[test]
    fn every_problem_is_told() {
        let texts = [
            ("age", "17"),
            ("income", "many"),
            ("gendre", "Male"),
            ("interest_rate", "NaN"),
        ];
        let request = Schema::built().request(texts.into_iter());
        let found = Schema::built().problems(&request);
        assert!(found.contains(&"age is 17, and must be a whole number from 18 to 65".to_owned()));
        assert!(found.contains(
            &"income is \"many\", and must be a whole number from 20000 to 200000".to_owned()
        ));
        assert!(found.contains(
            &"interest_rate is \"NaN\", and must be a number from 0.05 to 0.2".to_owned()
        ));
        assert!(found.contains(&"gendre is not a field: did you mean gender?".to_owned()));
        assert_eq!(found.len(), 15);
        assert_eq!(
            Schema::built().problems(&json!([])),
            ["a request is an object of fields, not a list"]
        );
    }

    #[test]
    fn what_is_of_another_type_is_outside_of_every_bound() {
        for field in &Schema::built().fields {
            for value in [
                json!(null),
                json!(true),
                json!([]),
                json!({}),
                json!("'; DROP TABLE"),
                json!(1e300),
            ] {
                assert!(!holds(&field.kind, &value), "{} {value}", field.name);
            }
        }
        assert!(
            !holds(&Schema::built().fields[0].kind, &json!(38.0)),
            "the handler takes no 38.0 either"
        );
    }

    #[test]
    fn a_schema_that_cannot_be_checked_is_refused() {
        let loose = r#"{"properties": {"a": {"enum": ["x"]}}, "required": []}"#;
        assert!(Schema::parse(loose).is_err());
        let open = r#"{"properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false}"#;
        assert!(Schema::parse(open).unwrap_err().starts_with("a is neither"));
    }
}
