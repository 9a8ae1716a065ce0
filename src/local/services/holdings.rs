//! What the account holds, as the other services tell it: the resources of the stacks and those that
//! a policy kept, as they are and not as a template has them.

use crate::local::core::Core;
use crate::local::formation::evaluate::{Place, partition};
use crate::local::formation::values;
use crate::local::life::holds;
use crate::local::model::{Event, Resource, Stack, State};
use crate::template::schema::{self, Naming};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Everything that an account holds.
#[derive(Debug)]
pub struct Holdings<'a> {
    /// What is remembered.
    pub state: &'a State,
    /// The account and the region.
    pub place: Place,
}

/// A resource that exists.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// The stack that it belongs to; none where a policy kept it.
    pub stack: Option<&'a Stack>,
    /// The resource.
    pub resource: &'a Resource,
}

/// What is being done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is made.
    Making,
    /// It is changed.
    Changing,
    /// It is deleted.
    Removing,
    /// Nothing is.
    Settled,
}

impl<'a> Holdings<'a> {
    /// What the state says.
    pub fn new(core: &Core, state: &'a State) -> Self {
        Self {
            state,
            place: core.place(),
        }
    }

    /// All that there is of a type, by their ids.
    pub fn all(&self, kind: &str) -> Vec<Held<'a>> {
        let existing = self.state.existing();
        let mut all: Vec<Held<'a>> = existing
            .filter(|(_, resource)| resource.kind == kind)
            .map(|(stack, resource)| Held { stack, resource })
            .collect();
        all.sort_by_key(|held| held.id());
        all
    }

    /// The resource of that type and physical id.
    pub fn find(&self, kind: &str, id: &str) -> Option<Held<'a>> {
        self.all(kind).into_iter().find(|held| held.id() == id)
    }

    /// An attribute of a resource as text.
    pub fn attribute(&self, held: Held<'_>, name: &str) -> String {
        let value = values::attribute(held.resource, name, &self.place);
        match value {
            Ok(Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(_) => String::new(),
        }
    }

    /// Whether something that was here is not any more: what never was here is not known, and taken to
    /// be as it should be.
    pub fn is_lost(&self, id: &str) -> bool {
        let mut living = self.state.existing();
        if living.any(|(_, resource)| resource.physical_id == id) {
            return false;
        }
        self.state.stacks.iter().any(|stack| {
            let held = stack.resources.values().map(|held| &held.physical_id);
            let told = stack.events.iter().map(|event| &event.physical_id);
            held.chain(told).any(|known| known == id)
        })
    }

    /// An ARN of the account and region.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        let Place {
            region, account, ..
        } = &self.place;
        format!(
            "arn:{}:{service}:{region}:{account}:{rest}",
            partition(region)
        )
    }
}

impl<'a> Held<'a> {
    /// Its physical id.
    pub fn id(self) -> &'a str {
        &self.resource.physical_id
    }

    /// Its properties as they are.
    pub fn properties(self) -> &'a Value {
        self.resource.actual()
    }

    /// Whether a property is that text, or a list with it.
    pub fn holds(self, name: &str, value: &str) -> bool {
        holds(self.property(name), value)
    }

    /// A property as it is.
    pub fn property(self, name: &str) -> &'a Value {
        &self.resource.actual()[name]
    }

    /// A property as text; empty where there is none.
    pub fn text(self, name: &str) -> &'a str {
        self.property(name).as_str().unwrap_or_default()
    }

    /// What is being done with it.
    pub fn progress(self) -> Progress {
        match self.resource.status.as_str() {
            "CREATE_IN_PROGRESS" => Progress::Making,
            "UPDATE_IN_PROGRESS" => Progress::Changing,
            "DELETE_IN_PROGRESS" => Progress::Removing,
            _ => Progress::Settled,
        }
    }

    /// When it was made.
    pub fn created(self) -> &'a str {
        let first = self.events().next().map(|event| event.time.as_str());
        first.unwrap_or(&self.resource.updated)
    }

    /// When it was last changed.
    pub fn modified(self) -> &'a str {
        &self.resource.updated
    }

    /// Whether it was there before its stack, or is no stack's.
    pub fn is_imported(self) -> bool {
        let first = self.events().next();
        first.is_none_or(|event| event.status.starts_with("IMPORT_"))
    }

    /// The events of it, oldest first.
    fn events(self) -> impl Iterator<Item = &'a Event> {
        let id = self.id();
        let name = self.resource.logical_id.as_str();
        let all = self.stack.into_iter().flat_map(|stack| &stack.events);
        all.filter(move |event| event.logical_id == name && event.physical_id == id)
    }

    /// Its tags: its own, the stack's and those that CloudFormation sets.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html>
    pub fn tags(self) -> BTreeMap<String, String> {
        let given = match self.property("Tags") {
            Value::Object(map) => of_map(map),
            other => of_list(other),
        };
        let Some(stack) = self.stack else {
            return given;
        };
        let mut tags = stack.goal.tags.clone();
        tags.extend(given);
        let own = [
            ("stack-name", &stack.name),
            ("stack-id", &stack.id),
            ("logical-id", &self.resource.logical_id),
        ];
        tags.extend(own.map(|(key, value)| (format!("aws:cloudformation:{key}"), value.clone())));
        tags
    }
}

fn of_map(map: &Map<String, Value>) -> BTreeMap<String, String> {
    let pairs = map
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    pairs.collect()
}

fn of_list(list: &Value) -> BTreeMap<String, String> {
    let tags = list.as_array().into_iter().flatten();
    let pairs = tags.filter_map(|tag| {
        let (key, value) = (tag["Key"].as_str()?, tag["Value"].as_str()?);
        Some((key.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

/// How an answer is made of a resource's properties. A property that the table does not name is not
/// in the answer.
#[derive(Debug)]
pub struct Shape {
    /// The type whose schema says what is a number, a boolean or a map.
    pub kind: &'static str,
    /// How the service writes names.
    pub naming: Naming,
    /// Properties that it has, by the names that CloudFormation has for them.
    pub properties: &'static [&'static str],
    /// Those of them that it calls otherwise: its name after CloudFormation's.
    pub renamed: &'static [(&'static str, &'static str)],
}

impl Shape {
    /// The answer's fields, in the order of the table.
    pub fn of(&self, properties: &Value) -> Map<String, Value> {
        let shaped = match schema::schema(self.kind) {
            Some(schema) => schema.shaped(properties, self.naming),
            None => properties.clone(),
        };
        let told = self.properties.iter().filter_map(|property| {
            let name = (self.naming)(property);
            let value = shaped.get(&name).filter(|value| !value.is_null())?;
            let renamed = self.renamed.iter().find(|(own, _)| own == property);
            let name = renamed.map_or(name, |(_, other)| (*other).to_owned());
            Some((name, value.clone()))
        });
        told.collect()
    }

    /// The same, over what the service sets where nothing is given, and with what it knows of itself.
    /// What is null is left out.
    pub fn with(&self, defaults: &Value, properties: &Value, more: &Value) -> Value {
        let mut fields = Map::new();
        let told = self.of(properties);
        for (name, value) in [defaults, &Value::Object(told), more]
            .into_iter()
            .filter_map(Value::as_object)
            .flatten()
        {
            if !value.is_null() {
                fields.insert(name.clone(), value.clone());
            }
        }
        Value::Object(fields)
    }
}

/// Names as CloudFormation writes them.
pub fn as_is(name: &str) -> String {
    name.to_owned()
}

/// Names that begin with a small letter.
pub fn camel(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shape_takes_what_its_table_names() {
        let shape = Shape {
            kind: "AWS::RedshiftServerless::Workgroup",
            naming: camel,
            properties: &["WorkgroupName", "BaseCapacity"],
            renamed: &[("WorkgroupName", "name")],
        };
        let given = json!({"BaseCapacity": "8", "WorkgroupName": "w", "Port": 5439});
        let told = shape.with(
            &json!({"baseCapacity": 128, "port": 5439}),
            &given,
            &json!({"status": "AVAILABLE", "none": null}),
        );
        assert_eq!(
            told,
            json!({"baseCapacity": 8, "port": 5439, "name": "w", "status": "AVAILABLE"})
        );
    }
}
