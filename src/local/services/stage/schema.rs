//! A body under a model: JSON Schema, draft 4, in the words of the validator that API Gateway uses.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html>

use crate::regexes;
use serde_json::{Map, Value};

/// How far references are followed.
const DEEPEST: usize = 64;

/// How many characters of a value are repeated.
const LONGEST: usize = 256;

/// How many faults are told.
const MOST: usize = 32;

/// A model's schema, and how it finds other models.
pub struct Schema<'a> {
    /// The schema itself, which references into it begin at.
    root: &'a Value,
    others: &'a dyn Fn(&str) -> Option<Value>,
}

impl<'a> Schema<'a> {
    /// A schema; `others` finds the schema of a model by its name.
    pub fn new(root: &'a Value, others: &'a dyn Fn(&str) -> Option<Value>) -> Self {
        Self { root, others }
    }

    /// What is wrong with the value.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.check(self.root, value, 0, &mut found);
        found.truncate(MOST);
        found
    }

    fn check(&self, schema: &Value, value: &Value, depth: usize, found: &mut Vec<String>) {
        if depth > DEEPEST {
            return;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            return self.referred(reference, value, depth, found);
        }
        let Some(schema) = schema.as_object() else {
            return;
        };
        if let Some(words) = mismatch(schema, value) {
            // Only what its type has is asked of a value.
            found.push(words);
            return;
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.iter().any(|one| same(one, value))
        {
            let allowed = Value::from(allowed.clone());
            found.push(format!(
                "instance value ({}) not found in enum (possible values: {allowed})",
                cut(&value.to_string())
            ));
        }
        match value {
            Value::Object(fields) => self.object(schema, fields, depth, found),
            Value::Array(items) => self.array(schema, items, depth, found),
            Value::String(text) => string(schema, text, found),
            Value::Number(_) => number(schema, value, found),
            Value::Bool(_) | Value::Null => {}
        }
        self.combined(schema, value, depth, found);
    }

    /// `#/definitions/Name`, or the URL of another model, which ends in its name.
    fn referred(&self, reference: &str, value: &Value, depth: usize, found: &mut Vec<String>) {
        if let Some(pointer) = reference.strip_prefix('#') {
            if let Some(schema) = self.root.pointer(pointer) {
                self.check(schema, value, depth + 1, found);
            }
            return;
        }
        let name = reference.rsplit('/').next().unwrap_or_default();
        if let Some(schema) = (self.others)(name) {
            let other = Schema {
                root: &schema,
                others: self.others,
            };
            other.check(&schema, value, depth + 1, found);
        }
    }

    fn fits(&self, schema: &Value, value: &Value, depth: usize) -> bool {
        let mut found = Vec::new();
        self.check(schema, value, depth + 1, &mut found);
        found.is_empty()
    }

    fn object(
        &self,
        schema: &Map<String, Value>,
        fields: &Map<String, Value>,
        depth: usize,
        found: &mut Vec<String>,
    ) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let required = schema.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(text);
        let mut missing: Vec<String> = required.filter(|name| !fields.contains_key(name)).collect();
        if !missing.is_empty() {
            missing.sort();
            let missing = Value::from(missing);
            found.push(format!(
                "object has missing required properties ({missing})"
            ));
        }
        let count = fields.len() as u64;
        if let Some(most) = limit(schema, "maxProperties").filter(|most| count > *most) {
            found.push(format!(
                "object has too many properties (found {count} but schema requires at most {most})"
            ));
        }
        if let Some(least) = limit(schema, "minProperties").filter(|least| count < *least) {
            found.push(format!(
                "object has too few properties (found {count} but schema requires at least {least})"
            ));
        }
        let mut unknown = Vec::new();
        for (name, value) in fields {
            let own = schema.get("properties").and_then(|all| all.get(name));
            let patterns = schema.get("patternProperties").and_then(Value::as_object);
            let by_pattern: Vec<&Value> = patterns
                .into_iter()
                .flatten()
                .filter(|(pattern, _)| regexes::matches(pattern, name) == Some(true))
                .map(|(_, inner)| inner)
                .collect();
            for inner in own.into_iter().chain(by_pattern.iter().copied()) {
                self.check(inner, value, depth + 1, found);
            }
            if own.is_some() || !by_pattern.is_empty() {
                continue;
            }
            match schema.get("additionalProperties") {
                Some(Value::Bool(false)) => unknown.push(name.clone()),
                Some(inner @ Value::Object(_)) => self.check(inner, value, depth + 1, found),
                _ => {}
            }
        }
        if !unknown.is_empty() {
            unknown.sort();
            let unknown = cut(&Value::from(unknown).to_string());
            found.push(format!(
                "object instance has properties which are not allowed by the schema: {unknown}"
            ));
        }
    }

    fn array(
        &self,
        schema: &Map<String, Value>,
        items: &[Value],
        depth: usize,
        found: &mut Vec<String>,
    ) {
        let count = items.len() as u64;
        if let Some(most) = limit(schema, "maxItems").filter(|most| count > *most) {
            found.push(format!(
                "array is too long: must have at most {most} elements but instance has {count} \
                 elements"
            ));
        }
        if let Some(least) = limit(schema, "minItems").filter(|least| count < *least) {
            found.push(format!(
                "array is too short: must have at least {least} elements but instance has {count} \
                 elements"
            ));
        }
        let twice = |at: usize| items.iter().take(at).any(|one| same(one, &items[at]));
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) && (0..items.len()).any(twice) {
            found.push("array must not contain duplicate elements".to_owned());
        }
        match schema.get("items") {
            Some(Value::Array(each)) => {
                for (inner, item) in each.iter().zip(items) {
                    self.check(inner, item, depth + 1, found);
                }
            }
            Some(inner) => {
                for item in items {
                    self.check(inner, item, depth + 1, found);
                }
            }
            None => {}
        }
    }

    fn combined(
        &self,
        schema: &Map<String, Value>,
        value: &Value,
        depth: usize,
        found: &mut Vec<String>,
    ) {
        let matching = |name: &str| {
            let all = schema.get(name)?.as_array()?;
            let fit = all.iter().filter(|one| self.fits(one, value, depth));
            Some((fit.count(), all.len()))
        };
        if let Some((fit, all)) = matching("allOf").filter(|(fit, all)| fit < all) {
            found.push(format!(
                "instance failed to match all required schemas (matched only {fit} out of {all})"
            ));
        }
        if let Some((_, all)) = matching("anyOf").filter(|(fit, _)| *fit == 0) {
            found.push(format!(
                "instance failed to match at least one required schema among {all}"
            ));
        }
        if let Some((fit, all)) = matching("oneOf").filter(|(fit, _)| *fit != 1) {
            found.push(format!(
                "instance failed to match exactly one schema (matched {fit} out of {all})"
            ));
        }
        if let Some(not) = schema.get("not").filter(|not| self.fits(not, value, depth)) {
            found.push(format!(
                "instance matched a schema which it should not have ({not})"
            ));
        }
    }
}

/// As much of what was sent as an answer repeats: it may be megabytes.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn limit(schema: &Map<String, Value>, name: &str) -> Option<u64> {
    schema.get(name)?.as_u64()
}

/// Numbers are the same whatever they are written like.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn mismatch(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let mut allowed: Vec<&str> = match schema.get("type")? {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let have = type_of(value);
    let whole = || value.as_f64().is_some_and(|number| number.fract() == 0.0);
    let fits = allowed.iter().any(|one| {
        *one == have
            || (*one == "number" && have == "integer")
            || (*one == "integer" && have == "number" && whole())
    });
    if fits {
        return None;
    }
    allowed.sort_unstable();
    let allowed = Value::from(allowed);
    Some(format!(
        "instance type ({have}) does not match any allowed primitive type (allowed: {allowed})"
    ))
}

fn string(schema: &Map<String, Value>, text: &str, found: &mut Vec<String>) {
    let length = text.chars().count() as u64;
    let shown = cut(text);
    if let Some(most) = limit(schema, "maxLength").filter(|most| length > *most) {
        found.push(format!(
            "string \"{shown}\" is too long (length: {length}, maximum allowed: {most})"
        ));
    }
    if let Some(least) = limit(schema, "minLength").filter(|least| length < *least) {
        found.push(format!(
            "string \"{shown}\" is too short (length: {length}, required minimum: {least})"
        ));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && regexes::matches(pattern, text) == Some(false)
    {
        found.push(format!(
            "ECMA 262 regex \"{pattern}\" does not match input string \"{shown}\""
        ));
    }
}

fn number(schema: &Map<String, Value>, value: &Value, found: &mut Vec<String>) {
    let Some(number) = value.as_f64() else { return };
    let bound = |name: &str| schema.get(name).filter(|bound| bound.is_number());
    let strict = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let at = |bound: &Value| bound.as_f64().unwrap_or_default();
    if let Some(most) = bound("maximum") {
        if number > at(most) {
            found.push(format!(
                "numeric value is greater than the required maximum (maximum: {most}, found: {value})"
            ));
        } else if strict("exclusiveMaximum") && number == at(most) {
            found.push(format!(
                "numeric value is not strictly lower than the required maximum {most}"
            ));
        }
    }
    if let Some(least) = bound("minimum") {
        if number < at(least) {
            found.push(format!(
                "numeric value is lower than the required minimum (minimum: {least}, found: {value})"
            ));
        } else if strict("exclusiveMinimum") && number == at(least) {
            found.push(format!(
                "numeric value is not strictly greater than the required minimum {least}"
            ));
        }
    }
    if let Some(step) = bound("multipleOf") {
        let times = number / at(step);
        if (times - times.round()).abs() > 1e-9 {
            found.push(format!(
                "remainder of division is not zero ({value} / {step})"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(schema: &Value, value: &Value) -> Vec<String> {
        let others =
            |name: &str| (name == "Age").then(|| json!({"type": "integer", "minimum": 18}));
        Schema::new(schema, &others).faults(value)
    }

    #[test]
    fn the_shipped_schema_says_what_is_wrong() {
        let schema = include_str!("../../../../templates/request.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let good = json!({
            "age": 38, "gender": "Male", "income": 41820, "loan_type": "Home",
            "loan_amount": 221750, "interest_rate": 0.1, "loan_term": 58, "loan_interest_rate": 10,
            "credit_score": 424, "employment_status": "Unemployed", "marital_status": "Single",
            "remediation_strategy": "Forbearance", "missed_payments": 9,
            "missed_payments_duration": 10,
        });
        assert_eq!(faults(&schema, &good), Vec::<String>::new());
        let mut bad = good;
        bad["age"] = json!(17);
        bad["income"] = json!("much");
        bad["gender"] = json!("M");
        bad.as_object_mut().unwrap().remove("loan_term");
        assert_eq!(
            faults(&schema, &bad),
            [
                "object has missing required properties ([\"loan_term\"])",
                "numeric value is lower than the required minimum (minimum: 18, found: 17)",
                "instance value (\"M\") not found in enum (possible values: [\"Male\",\"Female\"])",
                "instance type (string) does not match any allowed primitive type (allowed: \
                 [\"integer\"])",
            ]
        );
    }

    #[test]
    fn no_more_is_repeated_than_anybody_reads() {
        let long = "\u{e9}".repeat(1_000_000);
        let short = "\u{e9}".repeat(LONGEST - 1);
        assert_eq!(
            faults(&json!({"enum": [1]}), &json!(long)),
            [format!(
                "instance value (\"{short}...) not found in enum (possible values: [1])"
            )]
        );
        let all = faults(&json!({"pattern": "^$", "maxLength": 1}), &json!(long));
        let object = faults(&json!({"additionalProperties": false}), &json!({ long: 1 }));
        let each = all.iter().chain(&object);
        assert_eq!(each.filter(|fault| fault.len() < 1000).count(), 3);
        let many = faults(
            &json!({"items": {"type": "string"}}),
            &json!(vec![1; 100_000]),
        );
        assert_eq!(many.len(), MOST);
    }

    #[test]
    fn other_models_definitions_and_combinations_count() {
        let schema = json!({
            "definitions": {"Code": {"type": "string", "pattern": "^[A-Z]+$", "maxLength": 2}},
            "type": "object", "additionalProperties": false,
            "properties": {
                "age": {"$ref": "https://apigateway.amazonaws.com/restapis/x/models/Age"},
                "code": {"$ref": "#/definitions/Code"},
                "sizes": {"type": "array", "uniqueItems": true, "items": {"type": ["number", "null"]}},
                "either": {"oneOf": [{"type": "string"}, {"minLength": 3}]},
                "step": {"multipleOf": 0.5, "exclusiveMaximum": true, "maximum": 2},
            },
        });
        assert_eq!(
            faults(
                &schema,
                &json!({"age": 18, "code": "AB", "sizes": [1, null], "step": 1.5})
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            faults(
                &schema,
                &json!({"age": 7, "code": "abc", "sizes": [1, 1.0], "either": "abc", "step": 2, "x": 1})
            ),
            [
                "numeric value is lower than the required minimum (minimum: 18, found: 7)",
                "string \"abc\" is too long (length: 3, maximum allowed: 2)",
                "ECMA 262 regex \"^[A-Z]+$\" does not match input string \"abc\"",
                "array must not contain duplicate elements",
                "instance failed to match exactly one schema (matched 2 out of 2)",
                "numeric value is not strictly lower than the required maximum 2",
                "object instance has properties which are not allowed by the schema: [\"x\"]",
            ]
        );
    }
}
