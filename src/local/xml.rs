//! Answers as XML: a JSON value is the tree, since neither the Query protocol's XML nor that of S3
//! has attributes that matter. Requests of S3 are read into a tree of their own.

use serde_json::Value;
use xmlparser::{ElementEnd, Token, Tokenizer};

/// Writes `value` inside the element `name`. Null is left out; an array's items are `member`s.
pub fn element(out: &mut String, name: &str, value: &Value) {
    element_of(out, name, value, "member");
}

/// The same where an array's items are called otherwise.
pub fn element_of(out: &mut String, name: &str, value: &Value, item: &str) {
    if value.is_null() {
        return;
    }
    out.push('<');
    out.push_str(name);
    out.push('>');
    content(out, value, item);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn content(out: &mut String, value: &Value, item: &str) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => items
            .iter()
            .for_each(|inner| element_of(out, item, inner, item)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, inner)| element_of(out, name, inner, item)),
    }
}

/// The same for S3: an array is its items one after the other, each in the element `name`.
pub fn flat(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| flat(out, name, item)),
        Value::Object(fields) => {
            out.push_str(&format!("<{name}>"));
            fields.iter().for_each(|(name, item)| flat(out, name, item));
            out.push_str(&format!("</{name}>"));
        }
        scalar => element(out, name, scalar),
    }
}

/// An element that was read.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Node {
    /// Its name, without a namespace's prefix.
    pub name: String,
    /// The text in it.
    pub text: String,
    /// The elements in it.
    pub nodes: Vec<Node>,
}

impl Node {
    /// The elements of that name in it.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.nodes.iter().filter(move |node| node.name == name)
    }

    /// The text of the first element of that name in it.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        let found = self.nodes.iter().find(|node| node.name == name)?;
        Some(&found.text)
    }
}

/// Reads a document; nothing if it is not one.
pub fn read(text: &str) -> Option<Node> {
    // The document itself is the first; each open element stands in the one before.
    let mut open = vec![Node::default()];
    for token in Tokenizer::from(text) {
        match token.ok()? {
            Token::ElementStart { local, .. } => open.push(Node {
                name: local.to_string(),
                ..Node::default()
            }),
            Token::ElementEnd { end, .. } if end != ElementEnd::Open => {
                let node = open.pop()?;
                if matches!(end, ElementEnd::Close(_, name) if name.as_str() != node.name) {
                    return None;
                }
                open.last_mut()?.nodes.push(node);
            }
            Token::Text { text } => open.last_mut()?.text.push_str(&unescaped(text.as_str())),
            Token::Cdata { text, .. } => open.last_mut()?.text.push_str(text.as_str()),
            _ => {}
        }
    }
    let mut document = open.pop().filter(|_| open.is_empty())?;
    document.nodes.pop()
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';').unwrap_or(("", part));
        let numbered = |digits: &str, radix| {
            let number = u32::from_str_radix(digits, radix).ok()?;
            char::from_u32(number)
        };
        let letter = match (name, name.strip_prefix("#x"), name.strip_prefix('#')) {
            ("amp", ..) => Some('&'),
            ("lt", ..) => Some('<'),
            ("gt", ..) => Some('>'),
            ("quot", ..) => Some('"'),
            ("apos", ..) => Some('\''),
            (_, Some(digits), _) => numbered(digits, 16),
            (_, _, Some(digits)) => numbered(digits, 10),
            _ => None,
        };
        match letter {
            Some(letter) => out.push(letter),
            None => out.push_str(&format!("&{name};")),
        }
        out.push_str(rest);
    }
    out
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

/// The whole answer to `action`; `item` is what the items of its lists are called.
pub fn answer(action: &str, namespace: &str, result: &Value, item: &str, request: &str) -> String {
    let mut out = format!("<{action}Response xmlns=\"{namespace}\">");
    // An empty result is an empty element: clients look for it.
    let empty = Value::Object(serde_json::Map::new());
    let result = if result.is_null() { &empty } else { result };
    element_of(&mut out, &format!("{action}Result"), result, item);
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
    fn what_is_written_flat_is_read() {
        let mut out = String::from("<?xml version=\"1.0\"?>\n<!-- a -->");
        let tree = json!({"Key": ["a&b", "\r<\u{e9}"], "Quiet": true, "None": null, "Empty": {}});
        flat(&mut out, "Delete", &tree);
        let read = read(&out).unwrap();
        let keys: Vec<&str> = read.all("Key").map(|key| key.text.as_str()).collect();
        assert_eq!(keys, ["a&b", "\r<\u{e9}"]);
        assert_eq!(read.text_of("Quiet"), Some("true"));
        assert_eq!((read.name.as_str(), read.nodes.len()), ("Delete", 4));
        assert_eq!(super::read("<A><B></A></B>"), None);
        assert_eq!(super::read("<A><B></B>"), None);
        assert_eq!(super::read("no"), None);
        let plain =
            super::read("<n:A xmlns:n='x'>&#65;&#x42;&apos;&none;<![CDATA[&]]></n:A>").unwrap();
        assert_eq!(plain.text, "AB'&none;&");
    }

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
