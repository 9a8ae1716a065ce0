//! Templates: rendered, read, and made fit to send. Pure.

pub mod body;
pub mod render;
pub mod runtimes;
pub mod schema;
pub mod yaml;

use serde_json::Value;
use yaml::{Node, Position, SyntaxError};

/// What a rendered template holds.
#[derive(Debug, Clone)]
pub struct Template {
    /// What it declares to be given.
    pub parameters: Vec<Parameter>,
    /// What it gives.
    pub outputs: Vec<Output>,
    /// The whole text as values, intrinsics in long form.
    pub body: Value,
    root: Node,
}

/// A declared parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type, as written.
    pub type_name: String,
    /// Its default, as text.
    pub default: Option<String>,
    /// The values that it may have; none written means any.
    pub allowed_values: Vec<String>,
    /// Whether its value is masked.
    pub no_echo: bool,
}

/// A declared output.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl Template {
    /// Reads a rendered template.
    ///
    /// # Errors
    /// A text that is not YAML or JSON, or sections that are not mappings.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let root = yaml::parse(text)?;
        let wrong = |node: &Node, message: &str| SyntaxError {
            message: message.to_owned(),
            at: node.at,
        };
        if root.as_map().is_none() {
            return Err(wrong(
                &root,
                "a template is a mapping with a Resources section",
            ));
        }
        for section in [
            "Parameters",
            "Resources",
            "Outputs",
            "Conditions",
            "Mappings",
        ] {
            if let Some(node) = root.get(section)
                && node.as_map().is_none()
            {
                return Err(wrong(node, &format!("{section} must be a mapping")));
            }
        }
        if root
            .get("Resources")
            .and_then(Node::as_map)
            .is_none_or(<[_]>::is_empty)
        {
            return Err(wrong(
                &root,
                "At least one Resources member must be defined",
            ));
        }
        let entries = |section: &str| root.get(section).and_then(Node::as_map).unwrap_or_default();
        let parameters = entries("Parameters")
            .iter()
            .map(|(k, v)| parameter(&k.name, v))
            .collect();
        let outputs = entries("Outputs")
            .iter()
            .map(|(key, node)| Output {
                name: key.name.clone(),
                value: node.get("Value").map(Node::to_json).unwrap_or_default(),
            })
            .collect();
        Ok(Self {
            parameters,
            outputs,
            body: root.to_json(),
            root,
        })
    }

    /// Where the key at the end of `path` stands in the rendered text, or the item of a list by its
    /// number from 0.
    pub fn position_of(&self, path: &[&str]) -> Option<Position> {
        let (mut node, mut at) = (&self.root, None);
        for name in path {
            (node, at) = match &node.kind {
                yaml::Kind::List(items) => {
                    let item = items.get(name.parse::<usize>().ok()?)?;
                    (item, Some(item.at))
                }
                _ => {
                    let entries = node.as_map()?;
                    let (key, value) = entries.iter().find(|(key, _)| key.name == *name)?;
                    (value, Some(key.at))
                }
            };
        }
        at
    }

    /// The same template as compact JSON.
    pub fn minified(&self) -> String {
        self.body.to_string()
    }
}

fn parameter(name: &str, node: &Node) -> Parameter {
    let text = |key: &str| {
        node.get(key)
            .and_then(|value| scalar_text(&value.to_json()))
    };
    Parameter {
        name: name.to_owned(),
        type_name: text("Type").unwrap_or_default(),
        default: text("Default"),
        allowed_values: node
            .get("AllowedValues")
            .and_then(|list| list.to_json().as_array().cloned())
            .unwrap_or_default()
            .iter()
            .filter_map(scalar_text)
            .collect(),
        no_echo: text("NoEcho").is_some_and(|value| value.eq_ignore_ascii_case("true")),
    }
}

/// A scalar as CloudFormation hands it on; lists and mappings are no scalars.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Parameters:\n  Size:\n    Type: Number\n    Default: 3\n    AllowedValues: [3, 5]\nResources:\n  Queue:\n    Type: AWS::SQS::Queue\nOutputs:\n  Url:\n    Value: !Ref Queue\n";

    #[test]
    fn declarations_are_read() {
        let template = Template::parse(TEXT).unwrap();
        let size = &template.parameters[0];
        assert_eq!(
            (size.name.as_str(), size.default.as_deref()),
            ("Size", Some("3"))
        );
        assert_eq!(size.allowed_values, ["3", "5"]);
        assert_eq!(template.outputs[0].name, "Url");
        assert_eq!(
            template.position_of(&["Resources", "Queue"]).unwrap().line,
            7
        );
    }

    #[test]
    fn items_of_lists_have_a_place() {
        let template =
            Template::parse("Resources:\n  A:\n    Type: T\n    Properties:\n      Tags:\n        - Key: x\n        - Key: y\n          Value: z\n")
                .unwrap();
        let path = ["Resources", "A", "Properties", "Tags", "1", "Value"];
        assert_eq!(template.position_of(&path).map(|at| at.line), Some(8));
        assert_eq!(template.position_of(&path[..5]).map(|at| at.line), Some(7));
        assert_eq!(template.position_of(&["Resources", "0"]), None);
    }

    #[test]
    fn a_template_without_resources_is_refused() {
        assert!(Template::parse("Resources: {}\n").is_err());
        assert!(Template::parse("Resources: []\n").is_err());
        assert!(Template::parse("just text").is_err());
    }
}
