//! Properties in the types that their schema gives them: a template's parameters are text, whatever
//! they stand for.

use super::{DEEPEST, Schema};
use data_source::compiled_schema::{PropSchema, PropType};
use serde_json::{Map, Number, Value};

/// How a property is called elsewhere.
pub type Naming = fn(&str) -> String;

impl Schema {
    /// The properties with numbers and booleans where the schema has them, and the names of
    /// properties, but not the keys of maps, as `naming` has them.
    pub fn shaped(&self, properties: &Value, naming: Naming) -> Value {
        let fields = properties.as_object().into_iter().flatten();
        let shaped: Map<String, Value> = fields
            .map(|(name, value)| match self.0.properties.get(name) {
                Some(schema) => (naming(name), self.shape(schema, value, naming, 0)),
                None => (naming(name), value.clone()),
            })
            .collect();
        Value::Object(shaped)
    }

    fn shape(&self, schema: &PropSchema, value: &Value, naming: Naming, depth: usize) -> Value {
        let schema = self.followed(schema);
        if depth > DEEPEST {
            return value.clone();
        }
        match value {
            Value::Object(fields) => {
                let shaped = fields.iter().map(|(name, value)| {
                    let of_map = || schema.pattern_properties.values().next();
                    match (schema.properties.get(name), of_map()) {
                        (Some(inner), _) => {
                            (naming(name), self.shape(inner, value, naming, depth + 1))
                        }
                        (None, Some(inner)) => {
                            (name.clone(), self.shape(inner, value, naming, depth + 1))
                        }
                        (None, None) => (name.clone(), value.clone()),
                    }
                });
                Value::Object(shaped.collect())
            }
            Value::Array(items) => {
                let shape = |item: &Value| match &schema.items {
                    Some(inner) => self.shape(inner, item, naming, depth + 1),
                    None => item.clone(),
                };
                Value::Array(items.iter().map(shape).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                scalar(schema, value)
            }
        }
    }
}

fn scalar(schema: &PropSchema, value: &Value) -> Value {
    let wanted = match &schema.prop_type {
        Some(PropType::Single(name)) => name.as_str(),
        // The others are what CloudFormation takes for it: of an environment's variables, anything.
        Some(PropType::Multi(names)) if names.first().is_some_and(|name| name == "string") => {
            "string"
        }
        _ => return value.clone(),
    };
    let converted = match (wanted, value) {
        ("integer", Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        ("number", Value::String(text)) => {
            let whole = text.trim().parse::<i64>().ok().map(Value::from);
            let real = || text.trim().parse().ok().and_then(Number::from_f64);
            whole.or_else(|| real().map(Value::Number))
        }
        ("boolean", Value::String(text)) if text.eq_ignore_ascii_case("true") => Some(true.into()),
        ("boolean", Value::String(text)) if text.eq_ignore_ascii_case("false") => {
            Some(false.into())
        }
        ("string", Value::Bool(_) | Value::Number(_)) => Some(Value::String(value.to_string())),
        _ => None,
    };
    converted.unwrap_or_else(|| value.clone())
}

#[cfg(test)]
mod tests {
    use crate::template::schema::schema;
    use serde_json::json;

    #[test]
    fn text_becomes_what_the_schema_says_and_maps_keep_their_keys() {
        let camel = |name: &str| name[..1].to_lowercase() + &name[1..];
        let stage = schema("AWS::ApiGateway::Stage").unwrap();
        let given = json!({
            "TracingEnabled": "true",
            "Variables": {"Key": "Value"},
            "MethodSettings": [{"ThrottlingRateLimit": "2.5", "ThrottlingBurstLimit": "40"}],
        });
        assert_eq!(
            stage.shaped(&given, camel),
            json!({
                "tracingEnabled": true,
                "variables": {"Key": "Value"},
                "methodSettings": [{"throttlingRateLimit": 2.5, "throttlingBurstLimit": 40}],
            })
        );
        let workgroup = schema("AWS::RedshiftServerless::Workgroup").unwrap();
        let given =
            json!({"ConfigParameters": [{"ParameterKey": "require_ssl", "ParameterValue": true}]});
        assert_eq!(
            workgroup.shaped(&given, camel),
            json!({"configParameters": [{"parameterKey": "require_ssl", "parameterValue": "true"}]})
        );
        let function = schema("AWS::Lambda::Function").unwrap();
        assert_eq!(
            function.shaped(&json!({"Environment": {"Variables": {"Key": 1}}}), camel),
            json!({"environment": {"variables": {"Key": "1"}}})
        );
    }
}
