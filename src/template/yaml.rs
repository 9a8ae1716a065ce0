//! YAML (and so JSON) as CloudFormation reads it, with the place of every node.
//!
//! Short tags (`!Ref`) become their long form. Dates and yes/no stay strings; so does a number with
//! a leading zero, which may be an account id.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How deep nodes may nest. CloudFormation itself stops well before.
const DEEPEST: usize = 100;
/// How many nodes aliases may add up to: a few lines of aliases can stand for billions of nodes.
const MOST_ALIASED: usize = 50_000;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: Position,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Where it begins.
    pub at: Position,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping; no two keys are equal.
    Map(Vec<(Key, Node)>),
}

/// A key and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it begins.
    pub at: Position,
}

impl Node {
    /// The value of a mapping's key.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.as_map()?
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, value)| value)
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Kind::String(text) = &self.kind {
            Some(text)
        } else {
            None
        }
    }

    /// The entries, if it is a mapping.
    pub fn as_map(&self) -> Option<&[(Key, Node)]> {
        if let Kind::Map(entries) = &self.kind {
            Some(entries)
        } else {
            None
        }
    }

    /// The same value without places. Order is kept.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(value) => (*value).into(),
            Kind::Integer(value) => (*value).into(),
            Kind::Float(value) => (*value).into(),
            Kind::String(text) => text.as_str().into(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.name.clone(), value.to_json()))
                .collect(),
        }
    }

    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Map(entries) => entries.iter().map(|(_, value)| value.size()).sum(),
            Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::String(_) => 0,
        }
    }
}

/// Reads one document.
///
/// # Errors
/// The first mistake: syntax, a duplicate key, an unknown tag, a merge key, several documents,
/// nesting or aliases without end.
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        aliased: 0,
    };
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => {
                return Ok(Node {
                    kind: Kind::Null,
                    at: position(&span.start),
                });
            }
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            first => {
                let node = reader.node(first, span, 0)?;
                reader.end()?;
                return Ok(node);
            }
        }
    }
}

fn position(marker: &Marker) -> Position {
    Position {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

fn error(at: Position, message: impl Into<String>) -> SyntaxError {
    SyntaxError {
        message: message.into(),
        at,
    }
}

type Input<'a> = saphyr_parser::StrInput<'a>;

struct Reader<'a> {
    parser: Parser<'a, Input<'a>>,
    anchors: BTreeMap<usize, Node>,
    aliased: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), SyntaxError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(scan)) => Err(error(position(scan.marker()), scan.info())),
            None => Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))),
        }
    }

    fn end(&mut self) -> Result<(), SyntaxError> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(_) => {
                    return Err(error(
                        position(&span.start),
                        "a second document begins here",
                    ));
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, SyntaxError> {
        let at = position(&span.start);
        if depth > DEEPEST {
            return Err(error(at, format!("nested more than {DEEPEST} levels deep")));
        }
        let (kind, anchor, tag) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_string(tag.as_deref());
                let kind = if plain {
                    plain_scalar(text)
                } else {
                    Kind::String(text.into_owned())
                };
                (kind, anchor, tag)
            }
            Event::SequenceStart(anchor, tag) => (Kind::List(self.list(depth)?), anchor, tag),
            Event::MappingStart(anchor, tag) => (Kind::Map(self.map(depth)?), anchor, tag),
            _ => return Err(error(at, "a value is missing here")),
        };
        let node = match tag {
            Some(tag) if !tag.is_yaml_core_schema() => long_form(&tag, kind, at)?,
            _ => Node { kind, at },
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<Node, SyntaxError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(error(at, "this alias stands within what it names"));
        };
        self.aliased += node.size();
        if self.aliased > MOST_ALIASED {
            return Err(error(
                at,
                "the aliases stand for more nodes than a template can hold",
            ));
        }
        Ok(Node {
            kind: node.kind.clone(),
            at,
        })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, SyntaxError> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(items);
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, SyntaxError> {
        let (mut entries, mut names) = (Vec::new(), BTreeSet::new());
        loop {
            let (event, span) = self.next()?;
            let at = position(&span.start);
            let name = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(text, style, ..) => {
                    if text == "<<" && style == ScalarStyle::Plain {
                        return Err(error(at, "CloudFormation does not read merge keys (<<)"));
                    }
                    text.into_owned()
                }
                _ => return Err(error(at, "a key must be text")),
            };
            if !names.insert(name.clone()) {
                return Err(error(
                    at,
                    format!("the key {name} stands here a second time"),
                ));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push((Key { name, at }, value));
        }
    }
}

fn is_string(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str")
}

fn plain_scalar(text: Cow<'_, str>) -> Kind {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if numeric && !leading_zero {
        if let Ok(value) = text.parse::<i64>() {
            return Kind::Integer(value);
        }
        // A digit string too long for a number stays what was written.
        if digits.contains(['.', 'e', 'E'])
            && let Ok(value) = text.parse::<f64>()
            && value.is_finite()
        {
            return Kind::Float(value);
        }
    }
    Kind::String(text.into_owned())
}

/// `!Ref x` as `{Ref: x}`, `!GetAtt a.b` as `{Fn::GetAtt: [a, b]}`.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>
fn long_form(tag: &Tag, kind: Kind, at: Position) -> Result<Node, SyntaxError> {
    let name = match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("!", short @ ("Ref" | "Condition")) => short.to_owned(),
        (
            "!",
            short @ ("And" | "Base64" | "Cidr" | "Equals" | "FindInMap" | "GetAZs" | "GetAtt"
            | "GetStackOutput" | "If" | "ImportValue" | "Join" | "Length" | "Not" | "Or"
            | "Select" | "Split" | "Sub" | "ToJsonString" | "Transform" | "ValueOf"
            | "EachMemberIn" | "EachMemberEquals" | "Contains" | "RefAll" | "ValueOfAll"),
        ) => format!("Fn::{short}"),
        (handle, suffix) => {
            return Err(error(at, format!("the tag {handle}{suffix} is not known")));
        }
    };
    let value = match kind {
        Kind::String(path) if name == "Fn::GetAtt" => {
            let (resource, attribute) = path
                .split_once('.')
                .ok_or_else(|| error(at, "!GetAtt wants RESOURCE.ATTRIBUTE"))?;
            let part = |text: &str| Node {
                kind: Kind::String(text.to_owned()),
                at,
            };
            Kind::List(vec![part(resource), part(attribute)])
        }
        other => other,
    };
    Ok(Node {
        kind: Kind::Map(vec![(Key { name, at }, Node { kind: value, at })]),
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn json(text: &str) -> serde_json::Value {
        parse(text).unwrap().to_json()
    }

    #[test]
    fn short_tags_become_long() {
        assert_eq!(json("a: !Ref B"), json!({"a": {"Ref": "B"}}));
        assert_eq!(
            json("a: !GetAtt B.C.D"),
            json!({"a": {"Fn::GetAtt": ["B", "C.D"]}})
        );
        assert_eq!(
            json("a: !Join ['', [!Ref B, x]]"),
            json!({"a": {"Fn::Join": ["", [{"Ref": "B"}, "x"]]}})
        );
    }

    #[test]
    fn scalars_stay_what_cloudformation_reads() {
        assert_eq!(
            json("[1, 012, 2010-09-09, yes, 'no', 0.5, true, 1.2.3, 99999999999999999999]"),
            json!([
                1,
                "012",
                "2010-09-09",
                "yes",
                "no",
                0.5,
                true,
                "1.2.3",
                "99999999999999999999"
            ])
        );
    }

    #[test]
    fn json_is_read_as_well() {
        assert_eq!(
            json("{\"a\": [1, {\"b\": null}]}"),
            json!({"a": [1, {"b": null}]})
        );
    }

    #[test]
    fn mistakes_have_a_place() {
        let at = |text: &str| parse(text).map_err(|e| (e.at.line, e.at.column));
        assert_eq!(at("a: 1\nb: 2\na: 3\n"), Err((3, 1)));
        assert_eq!(at("a: 1\nb: !Nope 2\n").unwrap_err().0, 2);
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
        assert!(parse(&"[".repeat(500)).is_err());
    }

    #[test]
    fn aliases_are_bounded() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..9 {
            let many = vec![format!("*a{}", n - 1); 10].join(",");
            bomb.push_str(&format!("a{n}: &a{n} [{many}]\n"));
        }
        assert!(parse(&bomb).unwrap_err().message.contains("aliases"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~\n]{0,200}") {
            let _ = parse(&text);
        }
    }
}
