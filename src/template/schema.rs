//! AWS's own resource schemas, as the crate `cloudformation-validate-data-source` carries them.
//!
//! The whole catalogue is about 10 MB of JSON. It is scanned once for where each type's schema
//! stands; only the types that are asked for are read.

mod shaped;

pub use self::shaped::Naming;
use crate::regexes;

use data_source::compiled_schema::{CompiledSchema, PropSchema, PropType};
use data_source::embedded::{COMPILED_SCHEMAS_BYTES, GETATT_ATTRIBUTES_BYTES};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How far into a value the rules are followed; definitions can refer to themselves.
const DEEPEST: usize = 32;

/// Whether a changed property replaces its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replacement {
    /// It is changed in place.
    Never,
    /// It depends on the values, as the service decides.
    Conditionally,
    /// Always: the property can only be set on create.
    Always,
}

/// A resource type's schema.
pub struct Schema(CompiledSchema);

type Catalogue = HashMap<&'static str, &'static RawValue>;

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| serde_json::from_slice(&COMPILED_SCHEMAS_BYTES).unwrap_or_default())
}

/// Whether AWS has such a resource type.
pub fn is_known(type_name: &str) -> bool {
    catalogue().contains_key(type_name)
}

/// The schema of a type, if AWS has one.
pub fn schema(type_name: &str) -> Option<Arc<Schema>> {
    // What a custom resource takes is known to the code behind it alone.
    if type_name == "AWS::CloudFormation::CustomResource" {
        return None;
    }
    static READ: Mutex<BTreeMap<String, Option<Arc<Schema>>>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = read.get(type_name) {
        return known.clone();
    }
    let schema = catalogue()
        .get(type_name)
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .map(|compiled| Arc::new(Schema(compiled)));
    read.insert(type_name.to_owned(), schema.clone());
    schema
}

/// The names that Fn::GetAtt takes of a type, `*` standing for an index.
pub fn attributes(type_name: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Table {
        #[serde(borrow)]
        getatt_attributes: HashMap<&'static str, &'static RawValue>,
    }
    static TABLE: OnceLock<HashMap<&'static str, &'static RawValue>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        serde_json::from_slice::<Table>(&GETATT_ATTRIBUTES_BYTES)
            .map(|table| table.getatt_attributes)
            .unwrap_or_default()
    });
    table
        .get(type_name)
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

impl Schema {
    /// The properties that identify a resource, as dotted paths.
    pub fn primary_identifier(&self) -> &[String] {
        &self.0.primary_identifier
    }

    /// The properties that only the service sets, as dotted paths.
    pub fn read_only(&self) -> &[String] {
        &self.0.read_only_properties
    }

    /// The properties that are never read back, as dotted paths.
    pub fn write_only(&self) -> &[String] {
        &self.0.write_only_properties
    }

    /// The JSON type of a property that a dotted path names: `string`, `array` and so on.
    pub fn type_of(&self, path: &str) -> Option<&str> {
        let mut at: Option<&PropSchema> = None;
        for name in path.split('.') {
            let properties = at.map_or(&self.0.properties, |schema| &schema.properties);
            at = Some(self.followed(properties.get(name)?));
        }
        match at?.prop_type.as_ref()? {
            PropType::Single(name) => Some(name),
            PropType::Multi(names) => names.first().map(String::as_str),
        }
    }

    /// Whether a change at this dotted path replaces the resource. List indexes stand as `*` or
    /// numbers.
    pub fn replacement(&self, path: &str) -> Replacement {
        let within = |listed: &String| covers(listed, path) || covers(path, listed);
        if self.0.create_only_properties.iter().any(within) {
            Replacement::Always
        } else if self.0.conditional_create_only_properties.iter().any(within) {
            Replacement::Conditionally
        } else {
            Replacement::Never
        }
    }

    /// What the service says of properties that it would not take, in its own words. Whatever is not
    /// certain is let through: a wrong refusal is worse than a missed one.
    pub fn validate(&self, properties: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let Some(given) = properties.as_object() else {
            return vec!["#: expected type: JSONObject, found: String".to_owned()];
        };
        for name in &self.0.required {
            if !given.contains_key(name) {
                found.push(format!("#: required key [{name}] not found"));
            }
        }
        for (name, value) in given {
            match self.0.properties.get(name) {
                Some(schema) => self.check(schema, value, &format!("#/{name}"), 0, &mut found),
                None if self.0.additional_properties == Some(false) => {
                    found.push(format!("#: extraneous key [{name}] is not permitted"));
                }
                None => {}
            }
            if self.0.read_only_properties.contains(name) {
                found.push(format!("#: extraneous key [{name}] is not permitted"));
            }
        }
        found
    }

    fn followed<'a>(&'a self, schema: &'a PropSchema) -> &'a PropSchema {
        let named = schema
            .ref_name
            .as_ref()
            .and_then(|name| self.0.definitions.get(name));
        named.unwrap_or(schema)
    }

    fn check(
        &self,
        schema: &PropSchema,
        value: &Value,
        at: &str,
        depth: usize,
        found: &mut Vec<String>,
    ) {
        let schema = self.followed(schema);
        if depth > DEEPEST || is_unknown(value) {
            return;
        }
        if let Some(PropType::Single(wanted)) = &schema.prop_type
            && let Some(have) = mismatch(wanted, value)
        {
            found.push(format!(
                "{at}: expected type: {}, found: {have}",
                java_name(wanted)
            ));
            return;
        }
        match value {
            Value::Object(given) => self.object(schema, given, at, depth, found),
            Value::Array(items) => self.array(schema, items, at, depth, found),
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                scalar(schema, value, at, found);
            }
        }
    }

    fn object(
        &self,
        schema: &PropSchema,
        given: &serde_json::Map<String, Value>,
        at: &str,
        depth: usize,
        found: &mut Vec<String>,
    ) {
        for name in schema
            .required
            .iter()
            .filter(|name| !given.contains_key(*name))
        {
            found.push(format!("{at}: required key [{name}] not found"));
        }
        let open = !schema.pattern_properties.is_empty()
            || !schema.one_of.is_empty()
            || !schema.any_of.is_empty()
            || !schema.all_of.is_empty();
        for (name, value) in given {
            match schema.properties.get(name) {
                Some(inner) => {
                    self.check(inner, value, &format!("{at}/{name}"), depth + 1, found);
                }
                None if schema.additional_properties == Some(false) && !open => {
                    found.push(format!("{at}: extraneous key [{name}] is not permitted"));
                }
                None => {}
            }
        }
    }

    fn array(
        &self,
        schema: &PropSchema,
        items: &[Value],
        at: &str,
        depth: usize,
        found: &mut Vec<String>,
    ) {
        let count = items.len() as u64;
        if let Some(least) = schema.min_items.filter(|least| count < *least) {
            found.push(format!(
                "{at}: expected minimum item count: {least}, found: {count}"
            ));
        }
        if let Some(most) = schema.max_items.filter(|most| count > *most) {
            found.push(format!(
                "{at}: expected maximum item count: {most}, found: {count}"
            ));
        }
        if let Some(inner) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                self.check(inner, item, &format!("{at}/{index}"), depth + 1, found);
            }
        }
    }
}

/// What is only known once a change set is executed fits everywhere.
fn is_unknown(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.contains("{{changeSet:KNOWN_AFTER_APPLY}}"))
}

/// Whether `path` is `listed` or lies below it, `*` matching any index.
fn covers(listed: &str, path: &str) -> bool {
    let mut path = path.split('.');
    listed.split('.').all(|wanted| {
        path.next().is_some_and(|part| {
            part == wanted || (wanted == "*" && part.bytes().all(|b| b.is_ascii_digit()))
        })
    })
}

/// The kind of a value that cannot stand for the wanted type. Scalars are converted by the service.
fn mismatch(wanted: &str, value: &Value) -> Option<&'static str> {
    match (wanted, value) {
        ("object", Value::Array(_)) => Some("JSONArray"),
        // A policy may be given as its JSON text.
        ("array", Value::Object(_)) => Some("JSONObject"),
        ("string" | "integer" | "number" | "boolean", Value::Array(_)) => Some("JSONArray"),
        ("string" | "integer" | "number" | "boolean", Value::Object(_)) => Some("JSONObject"),
        ("integer" | "number", Value::String(text)) if text.trim().parse::<f64>().is_err() => {
            Some("String")
        }
        ("boolean", Value::String(text)) if !is_boolean(text) => Some("String"),
        _ => None,
    }
}

fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

fn java_name(wanted: &str) -> &'static str {
    match wanted {
        "object" => "JSONObject",
        "array" => "JSONArray",
        "integer" => "Integer",
        "number" => "Number",
        "boolean" => "Boolean",
        _ => "String",
    }
}

fn scalar(schema: &PropSchema, value: &Value, at: &str, found: &mut Vec<String>) {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // A secret is read when the resource is made.
    if text.contains("{{resolve:") {
        return;
    }
    let is = |allowed: &Value| match allowed {
        Value::String(allowed) => *allowed == text,
        Value::Number(number) => number.to_string() == text,
        other => *other == *value,
    };
    if !schema.enum_values.is_empty() && !schema.enum_values.iter().any(is) {
        found.push(format!("{at}: {text} is not a valid enum value"));
    }
    if let Ok(number) = text.parse::<f64>() {
        if let Some(least) = schema.minimum.filter(|least| number < *least) {
            found.push(format!("{at}: {text} is not greater or equal to {least}"));
        }
        if let Some(most) = schema.maximum.filter(|most| number > *most) {
            found.push(format!("{at}: {text} is not less or equal to {most}"));
        }
    }
    let length = text.chars().count() as u64;
    if let Some(least) = schema.min_length.filter(|least| length < *least) {
        found.push(format!(
            "{at}: expected minLength: {least}, actual: {length}"
        ));
    }
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        found.push(format!(
            "{at}: expected maxLength: {most}, actual: {length}"
        ));
    }
    // Patterns are Java's; those that Rust reads otherwise or not at all are let through.
    if let Some(pattern) = &schema.pattern
        && regexes::matches(pattern, &text) == Some(false)
    {
        found.push(format!(
            "{at}: failed validation constraint for keyword [pattern]"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_schema_can_be_read() {
        let custom = "AWS::CloudFormation::CustomResource";
        for name in catalogue().keys().filter(|name| **name != custom) {
            assert!(schema(name).is_some(), "{name}");
        }
        assert!(is_known("AWS::EC2::VPC") && !is_known("AWS::EC2::Nope"));
    }

    #[test]
    fn refusals_have_the_services_words() {
        let vpc = schema("AWS::EC2::VPC").unwrap();
        assert_eq!(
            vpc.validate(&json!({"CidrBlock": "10.0.0.0/16"})),
            Vec::<String>::new()
        );
        assert_eq!(
            vpc.validate(&json!({"Cidr": 1, "InstanceTenancy": "own"})),
            [
                "#: extraneous key [Cidr] is not permitted",
                "#/InstanceTenancy: own is not a valid enum value"
            ]
        );
        let workgroup = schema("AWS::RedshiftServerless::Workgroup").unwrap();
        assert_eq!(
            workgroup.validate(&json!({})),
            ["#: required key [WorkgroupName] not found"]
        );
    }

    #[test]
    fn create_only_properties_replace() {
        let bucket = schema("AWS::S3::Bucket").unwrap();
        assert_eq!(bucket.replacement("BucketName"), Replacement::Always);
        assert_eq!(bucket.replacement("Tags.0.Value"), Replacement::Never);
    }

    #[test]
    fn attributes_come_with_their_type() {
        assert!(attributes("AWS::Lambda::Function").contains(&"Arn".to_owned()));
        let workgroup = schema("AWS::RedshiftServerless::Workgroup").unwrap();
        assert_eq!(workgroup.type_of("BaseCapacity"), Some("integer"));
        assert_eq!(workgroup.primary_identifier(), ["WorkgroupName"]);
    }
}
