//! Values as a person reads them: what is not known yet stands as `${Name}`.

use super::resolve::{LATER, PARAMETER, attribute_of, call};
use crate::template::scalar_text;
use serde_json::Value;

/// A resolved value with what is not known as text: `${Vpc}`, `${Key.Arn}`, `${Stack.Output}`,
/// `${Select(0, GetAZs(us-east-1))}`. A call that has maps in it stays as it is, to be read as JSON.
#[must_use]
pub fn readable(value: &Value) -> Value {
    if let Some(text) = joined(value) {
        return text.into();
    }
    if call(value).is_some()
        && let Some(spelled) = spelled(value)
    {
        return format!("${{{spelled}}}").into();
    }
    match value {
        Value::Array(items) => items.iter().map(readable).collect(),
        Value::Object(fields) => {
            let each = fields
                .iter()
                .map(|(name, one)| (name.clone(), readable(one)));
            Value::Object(each.collect())
        }
        plain => plain.clone(),
    }
}

/// Texts and calls one after the other, as one text.
fn joined(value: &Value) -> Option<String> {
    let ("Fn::Join", of) = call(value)? else {
        return None;
    };
    let pieces = of[1].as_array().filter(|_| of[0] == "")?;
    let texts: Option<Vec<String>> = pieces
        .iter()
        .map(|piece| scalar_text(&readable(piece)))
        .collect();
    Some(texts?.concat())
}

/// A value within `${}`; nothing where there are maps in it.
fn spelled(value: &Value) -> Option<String> {
    let list = |items: &[Value]| {
        let texts: Option<Vec<String>> = items.iter().map(spelled).collect();
        Some(texts?.join(", "))
    };
    match (call(value), value) {
        (Some(("Ref" | PARAMETER, name)), _) => Some(name.as_str()?.to_owned()),
        (Some(("Fn::GetAtt", of)), _) => {
            let (resource, attribute) = attribute_of(of)?;
            Some(format!("{resource}.{attribute}"))
        }
        (Some((LATER, of)), _) => Some(format!("{}.{}", of[0].as_str()?, of[1].as_str()?)),
        (Some((name, argument)), _) => {
            let name = name.strip_prefix("Fn::").unwrap_or(name);
            let arguments = match argument {
                Value::Array(items) => list(items)?,
                one => spelled(one)?,
            };
            Some(format!("{name}({arguments})"))
        }
        (None, Value::Array(items)) => Some(format!("[{}]", list(items)?)),
        (None, Value::Object(_)) => None,
        (None, plain) => scalar_text(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_is_named() {
        for (value, wanted) in [
            (json!({"Ref": "Vpc"}), json!("${Vpc}")),
            (json!({"Fn::GetAtt": ["Key", "Arn"]}), json!("${Key.Arn}")),
            (
                json!({LATER: ["Base", "VpcId", true]}),
                json!("${Base.VpcId}"),
            ),
            (
                json!({"Fn::Join": ["", ["a-", {"Ref": "Free"}, {LATER: ["Base", "VpcId", true]}]]}),
                json!("a-${Free}${Base.VpcId}"),
            ),
            (
                json!({"Fn::Select": [0, {"Fn::GetAZs": "us-east-1"}]}),
                json!("${Select(0, GetAZs(us-east-1))}"),
            ),
            (
                json!({"Fn::If": ["C", {"A": {"Ref": "B"}}, "x"]}),
                json!({"Fn::If": ["C", {"A": "${B}"}, "x"]}),
            ),
            (json!([1, {"a": true}]), json!([1, {"a": true}])),
        ] {
            assert_eq!(readable(&value), wanted);
        }
    }
}
