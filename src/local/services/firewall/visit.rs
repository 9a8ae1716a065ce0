//! A request as a firewall looks at it: its parts, and what is done to them before they are looked at.

use crate::local::query::decode;
use serde_json::Value;
use std::net::IpAddr;

/// How much of a body is looked at in front of an API.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html>
const INSPECTED: usize = 16 * 1024;

/// A request from outside.
#[derive(Debug, Clone)]
pub struct Visit<'a> {
    /// GET, POST and so on.
    pub method: &'a str,
    /// The path, still escaped.
    pub path: &'a str,
    /// What stands after the question mark, still escaped.
    pub query: &'a str,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: &'a [u8],
    /// Whom it comes from.
    pub source: IpAddr,
    /// When, in seconds since 1970.
    pub second: u64,
}

impl Visit<'_> {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        let found = all.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// The arguments of the query, unescaped.
    pub fn arguments(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The cookies.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let all = self.header("cookie").unwrap_or_default().split(';');
        let pairs = all.filter_map(|pair| pair.trim().split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// As much of the body as is looked at.
    pub fn inspected(&self) -> String {
        let body = self.body.get(..INSPECTED).unwrap_or(self.body);
        String::from_utf8_lossy(body).into_owned()
    }

    /// What a statement looks at; nothing if that is not there.
    /// <https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-fields-list.html>
    pub fn parts(&self, field: &Value) -> Vec<String> {
        let Some((kind, how)) = field.as_object().and_then(|fields| fields.iter().next()) else {
            return Vec::new();
        };
        let named = |pairs: Vec<(String, String)>| {
            let wanted = how["Name"].as_str().unwrap_or_default();
            let own = pairs.into_iter();
            let own = own.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            own.map(|(_, value)| value).collect()
        };
        match kind.as_str() {
            "SingleHeader" => named(self.headers.clone()),
            "SingleQueryArgument" => named(self.arguments()),
            "AllQueryArguments" => values(&self.arguments(), &Value::Null),
            "UriPath" => vec![self.path.to_owned()],
            "QueryString" => vec![self.query.to_owned()],
            "Body" => vec![self.inspected()],
            "Method" => vec![self.method.to_owned()],
            "Headers" => values(&self.headers, how),
            "Cookies" => values(&self.cookies(), how),
            "JsonBody" => match serde_json::from_slice(self.body) {
                Ok(document) => texts(&document),
                Err(_) => vec![self.inspected()],
            },
            _ => Vec::new(),
        }
    }
}

/// Keys and values of those pairs that the pattern takes.
fn values(pairs: &[(String, String)], how: &Value) -> Vec<String> {
    let listed = |name: &str, list: &str| {
        let list = how["MatchPattern"][list].as_array();
        list.map(|list| {
            let mut names = list.iter().filter_map(Value::as_str);
            names.any(|own| own.eq_ignore_ascii_case(name))
        })
    };
    let taken = pairs.iter().filter(|(name, _)| {
        let included = listed(name, "IncludedHeaders").or(listed(name, "IncludedCookies"));
        let excluded = listed(name, "ExcludedHeaders").or(listed(name, "ExcludedCookies"));
        included.unwrap_or(true) && !excluded.unwrap_or(false)
    });
    let scope = how["MatchScope"].as_str().unwrap_or("VALUE");
    taken
        .flat_map(|(name, value)| match scope {
            "KEY" => vec![name.clone()],
            "ALL" => vec![name.clone(), value.clone()],
            _ => vec![value.clone()],
        })
        .collect()
}

/// All keys and scalars of a JSON document.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let each = fields.iter();
            each.flat_map(|(name, value)| {
                let mut all = vec![name.clone()];
                all.extend(texts(value));
                all
            })
            .collect()
        }
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Null => Vec::new(),
        other => vec![other.to_string()],
    }
}

/// A part after its transformations, in the order of their priorities. Those that are not here
/// leave it as it is.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-transformation.html>
pub fn transformed(text: String, transformations: &Value) -> String {
    let mut all: Vec<&Value> = transformations.as_array().into_iter().flatten().collect();
    all.sort_by_key(|one| one["Priority"].as_i64());
    let names = all.into_iter().filter_map(|one| one["Type"].as_str());
    names.fold(text, transform)
}

fn transform(text: String, name: &str) -> String {
    match name {
        "LOWERCASE" => text.to_lowercase(),
        "URL_DECODE" | "URL_DECODE_UNI" => decode(&text, true),
        "COMPRESS_WHITE_SPACE" => text.split_whitespace().collect::<Vec<_>>().join(" "),
        "HTML_ENTITY_DECODE" => unescaped(&text),
        "NORMALIZE_PATH" => normalized(&text),
        "NORMALIZE_PATH_WIN" => normalized(&text.replace('\\', "/")),
        "REMOVE_NULLS" => text.replace('\0', ""),
        "REPLACE_NULLS" => text.replace('\0', " "),
        "REPLACE_COMMENTS" => without_comments(&text),
        "CMD_LINE" => {
            let plain = text.replace(['\\', '"', '\'', '^'], "");
            let spaced = plain.replace([',', ';'], " ");
            transform(spaced, "COMPRESS_WHITE_SPACE").to_lowercase()
        }
        _ => text,
    }
}

fn unescaped(text: &str) -> String {
    let named = [
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    named.iter().fold(text.to_owned(), |text, (entity, plain)| {
        text.replace(entity, plain)
    })
}

fn normalized(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// C's comments as a space each.
pub fn without_comments(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        out.push(' ');
        rest = after.split_once("*/").map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn transformations_follow_their_priorities() {
        let both = json!([
            {"Priority": 1, "Type": "LOWERCASE"},
            {"Priority": 0, "Type": "URL_DECODE"},
        ]);
        assert_eq!(transformed("%41+B".to_owned(), &both), "a b");
        let one = |name: &str, text: &str| transform(text.to_owned(), name);
        assert_eq!(one("NORMALIZE_PATH", "/a/./b/../../c"), "/c");
        assert_eq!(
            one("REPLACE_COMMENTS", "union/**/select /* x"),
            "union select  "
        );
        assert_eq!(one("HTML_ENTITY_DECODE", "&lt;script&gt;"), "<script>");
        assert_eq!(one("CMD_LINE", "\"C:\\A\",  b"), "c:a b");
        assert_eq!(one("NONE", " A "), " A ");
    }

    #[test]
    fn a_field_is_found_where_it_is() {
        let visit = Visit {
            method: "POST",
            path: "/prod/loan",
            query: "q=%27x&r=2",
            headers: vec![
                ("cookie".to_owned(), "a=1; b=2".to_owned()),
                ("x-team".to_owned(), "trade".to_owned()),
            ],
            body: br#"{"a": ["x", 1]}"#,
            source: [127, 0, 0, 1].into(),
            second: 0,
        };
        let parts = |field: Value| visit.parts(&field);
        assert_eq!(parts(json!({"SingleQueryArgument": {"Name": "Q"}})), ["'x"]);
        assert_eq!(parts(json!({"AllQueryArguments": {}})), ["'x", "2"]);
        assert_eq!(
            parts(json!({"SingleHeader": {"Name": "X-Team"}})),
            ["trade"]
        );
        assert_eq!(parts(json!({"JsonBody": {}})), ["a", "x", "1"]);
        let some =
            json!({"Cookies": {"MatchPattern": {"IncludedCookies": ["b"]}, "MatchScope": "ALL"}});
        assert_eq!(parts(some), ["b", "2"]);
        assert_eq!(parts(json!({"UriPath": {}})), ["/prod/loan"]);
    }
}
