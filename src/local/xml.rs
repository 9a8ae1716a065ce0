//! Answers as XML: a JSON value is the tree, since the Query protocol's XML has no attributes.

use serde_json::Value;

/// Writes `value` inside the element `name`. Null is left out; an array's items are `member`s.
pub fn element(out: &mut String, name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    out.push('<');
    out.push_str(name);
    out.push('>');
    content(out, value);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn content(out: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => items.iter().for_each(|item| element(out, "member", item)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, item)| element(out, name, item)),
    }
}

/// Appends `text` with what XML cannot hold as it is escaped, or dropped where it cannot be.
pub fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(letter),
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
}

/// The whole answer to `action`.
pub fn answer(action: &str, namespace: &str, result: &Value, request: &str) -> String {
    let mut out = format!("<{action}Response xmlns=\"{namespace}\">");
    // An empty result is an empty element: clients look for it.
    let empty = Value::Object(serde_json::Map::new());
    let result = if result.is_null() { &empty } else { result };
    element(&mut out, &format!("{action}Result"), result);
    element(
        &mut out,
        "ResponseMetadata",
        &serde_json::json!({ "RequestId": request }),
    );
    out.push_str("</");
    out.push_str(action);
    out.push_str("Response>");
    out
}

/// The whole answer to a request that is refused.
pub fn refusal(namespace: &str, kind: &str, code: &str, message: &str, request: &str) -> String {
    let mut out = format!("<ErrorResponse xmlns=\"{namespace}\">");
    let error = serde_json::json!({ "Type": kind, "Code": code, "Message": message });
    element(&mut out, "Error", &error);
    element(&mut out, "RequestId", &Value::String(request.to_owned()));
    out.push_str("</ErrorResponse>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_members_and_null_is_left_out() {
        let mut out = String::new();
        element(
            &mut out,
            "A",
            &json!({"B": ["x<", "y&"], "C": null, "D": true, "E": 3}),
        );
        assert_eq!(
            out,
            "<A><B><member>x&lt;</member><member>y&amp;</member></B><D>true</D><E>3</E></A>"
        );
    }
}
