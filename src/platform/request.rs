//! What a prediction is asked with: the fields and their bounds, as the request schema that the API,
//! the handler and this program share has them.

use crate::error::{Error, Result};
use serde_json::{Map, Number, Value};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The schema that stood beside the templates when this program was built. What names flags is known
/// before any project is.
const BUILT_WITH: &str = include_str!("../../templates/request.schema.json");
/// The schema's name beside the template of the API.
const FILE: &str = "request.schema.json";

/// The schema.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The fields, in the order of the model's arguments.
    pub fields: Vec<Field>,
}

/// A field and its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it may be.
    pub bounds: Bounds,
}

/// What a field may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Bounds {
    /// One of these.
    Words(Vec<String>),
    /// A whole number.
    Whole(i64, i64),
    /// A number.
    Number(f64, f64),
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
        let schema: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let properties = schema["properties"]
            .as_object()
            .ok_or("it has no properties")?;
        let field = |(name, asked): (&String, &Value)| {
            let bounds = Bounds::parse(asked).ok_or_else(|| {
                format!("{name} is neither a number with bounds nor one of some words")
            })?;
            Ok(Field {
                name: name.clone(),
                bounds,
            })
        };
        let fields = properties
            .iter()
            .map(field)
            .collect::<std::result::Result<Vec<_>, String>>()?;
        let required = schema["required"].as_array().map_or(0, Vec::len);
        if required != fields.len() || schema["additionalProperties"] != false {
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
            let Field { name, bounds } = field;
            match given.get(name) {
                None => Some(format!("{name} is missing: {bounds}")),
                Some(value) if bounds.hold(value) => None,
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
            let value = self.field(name).and_then(|field| field.bounds.read(text));
            (name.to_owned(), value.unwrap_or_else(|| Value::from(text)))
        });
        Value::Object(given.collect::<Map<_, _>>())
    }
}

impl Bounds {
    fn parse(asked: &Value) -> Option<Self> {
        if let Some(words) = asked["enum"].as_array() {
            let words = words.iter().map(|word| word.as_str().map(str::to_owned));
            return words.collect::<Option<Vec<_>>>().map(Self::Words);
        }
        let (low, high) = (&asked["minimum"], &asked["maximum"]);
        match asked["type"].as_str()? {
            "integer" => Some(Self::Whole(low.as_i64()?, high.as_i64()?)),
            "number" => Some(Self::Number(low.as_f64()?, high.as_f64()?)),
            _ => None,
        }
    }

    /// Whether a value is within them.
    pub fn hold(&self, value: &Value) -> bool {
        match self {
            Self::Words(words) => value
                .as_str()
                .is_some_and(|text| words.iter().any(|word| word == text)),
            Self::Whole(low, high) => value
                .as_i64()
                .is_some_and(|number| (*low..=*high).contains(&number)),
            Self::Number(low, high) => value
                .as_f64()
                .is_some_and(|number| (*low..=*high).contains(&number)),
        }
    }

    fn read(&self, text: &str) -> Option<Value> {
        match self {
            Self::Words(_) => Some(Value::from(text)),
            Self::Whole(..) => text.parse::<i64>().ok().map(Value::from),
            Self::Number(..) => text
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::from),
        }
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Words(words) => write!(f, "one of {}", words.join(", ")),
            Self::Whole(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, high) => write!(f, "a number from {low} to {high}"),
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
        assert_eq!(schema.fields[0].bounds, Bounds::Whole(18, 65));
        assert_eq!(schema.fields[5].bounds, Bounds::Number(0.05, 0.2));
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
                assert!(!field.bounds.hold(&value), "{} {value}", field.name);
            }
        }
        assert!(
            !Bounds::Whole(1, 9).hold(&json!(3.0)),
            "the handler takes no 3.0 either"
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
