//! What a REST API consists of: now, or as a deployment copied it.

use super::super::holdings::{Held, Holdings};
use crate::local::model::Event;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The types that belong to an API and that a deployment copies.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-deploy-api.html>
const COPIED: &[&str] = &[
    "Authorizer",
    "GatewayResponse",
    "Method",
    "Model",
    "RequestValidator",
    "Resource",
];

/// A resource, a method and so on.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// The last part of its type.
    pub kind: &'a str,
    /// Its physical id.
    pub id: &'a str,
    /// Its properties.
    pub properties: Cow<'a, Value>,
}

impl Part<'_> {
    /// A property as text; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.properties[name].as_str().unwrap_or_default()
    }

    /// A property as a boolean, which may stand as text.
    pub fn flag(&self, name: &str) -> bool {
        let value = &self.properties[name];
        *value == true || *value == "true"
    }
}

/// A REST API with its parts.
#[derive(Debug)]
pub struct Api<'a> {
    /// The API itself.
    pub held: Held<'a>,
    /// The id of the resource `/`.
    pub root: String,
    parts: Vec<Part<'a>>,
}

impl<'a> Api<'a> {
    /// The API as it is.
    pub fn now(holdings: &Holdings<'a>, id: &str) -> Option<Self> {
        let held = holdings.find("AWS::ApiGateway::RestApi", id)?;
        Some(Self {
            held,
            root: holdings.attribute(held, "RootResourceId"),
            parts: existing(holdings, id).map(|(_, part)| part).collect(),
        })
    }

    /// The API as the deployment copied it: the events tell what there was. Where nobody kept them,
    /// it is as it is.
    pub fn deployed(holdings: &Holdings<'a>, id: &str, deployment: Held<'a>) -> Option<Self> {
        let mut api = Self::now(holdings, id)?;
        if let Some(parts) = copied(holdings, id, deployment) {
            api.parts = parts;
        }
        Some(api)
    }

    /// All parts of a kind.
    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Part<'a>> {
        self.parts.iter().filter(move |part| part.kind == kind)
    }

    /// The part of that kind and id.
    pub fn find(&self, kind: &str, id: &str) -> Option<&Part<'a>> {
        self.all(kind).find(|part| part.id == id)
    }

    /// The methods of a resource.
    pub fn methods(&self, resource: &str) -> impl Iterator<Item = &Part<'a>> {
        self.all("Method")
            .filter(move |part| part.text("ResourceId") == resource)
    }

    /// The path of a resource; nothing if its parents are not there.
    pub fn path(&self, resource: &str) -> Option<String> {
        let (mut at, mut names) = (resource, Vec::new());
        while at != self.root {
            let part = self.find("Resource", at)?;
            names.push(part.text("PathPart"));
            at = part.text("ParentId");
            // A circle has no path.
            if names.len() > 64 {
                return None;
            }
        }
        names.reverse();
        Some(format!("/{}", names.join("/")))
    }

    /// Every resource, the root first, with its path.
    pub fn resources(&self) -> Vec<(&str, String)> {
        let root = std::iter::once(self.root.as_str());
        let all = root.chain(self.all("Resource").map(|part| part.id));
        all.filter_map(|id| Some((id, self.path(id)?))).collect()
    }
}

fn kind_of(kind: &str) -> Option<&str> {
    let kind = kind.strip_prefix("AWS::ApiGateway::")?;
    COPIED.contains(&kind).then_some(kind)
}

fn existing<'a>(
    holdings: &Holdings<'a>,
    api: &str,
) -> impl Iterator<Item = (Held<'a>, Part<'a>)> + use<'a> {
    let api = api.to_owned();
    let all = holdings.state.existing();
    all.filter_map(move |(stack, resource)| {
        let kind = kind_of(&resource.kind)?;
        let held = Held { stack, resource };
        let part = Part {
            kind,
            id: held.id(),
            properties: Cow::Borrowed(resource.actual()),
        };
        (held.text("RestApiId") == api).then_some((held, part))
    })
}

/// What there was when the deployment was made.
fn copied<'a>(holdings: &Holdings<'a>, api: &str, deployment: Held<'a>) -> Option<Vec<Part<'a>>> {
    let own = deployment.stack?;
    let is_first = |event: &Event| {
        event.logical_id == deployment.resource.logical_id && event.physical_id == deployment.id()
    };
    let moment = own.events.iter().position(is_first)?;
    let time = own.events.get(moment)?.time.as_str();
    // The last that became of each, by stack, logical id and physical id.
    let mut last: BTreeMap<(&str, &str, &str), &Event> = BTreeMap::new();
    for stack in holdings.state.stacks.iter() {
        let is_before = |(at, event): &(usize, &Event)| {
            if stack.id == own.id {
                *at < moment
            } else {
                event.time.as_str() <= time
            }
        };
        let before = stack.events.iter().enumerate().filter(is_before);
        for (_, event) in before.filter(|(_, event)| event.status.ends_with("_COMPLETE")) {
            if kind_of(&event.kind).is_some() {
                let key = (
                    stack.id.as_str(),
                    event.logical_id.as_str(),
                    event.physical_id.as_str(),
                );
                last.insert(key, event);
            }
        }
    }
    let told = last.into_values().filter_map(|event| {
        let properties: Value = serde_json::from_str(event.properties.as_deref()?).ok()?;
        let is_own = properties["RestApiId"] == api && event.status != "DELETE_COMPLETE";
        is_own.then_some(Part {
            kind: kind_of(&event.kind)?,
            id: &event.physical_id,
            properties: Cow::Owned(properties),
        })
    });
    // What no event tells of was there before the stack took it over, or its stack is gone.
    let untold = existing(holdings, api)
        .filter(|(held, _)| held.is_imported())
        .map(|(_, part)| part);
    Some(told.chain(untold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::formation::evaluate::Place;
    use crate::local::model::{Resource, Stack, State};
    use serde_json::json;

    fn resource(name: &str, kind: &str, id: &str, properties: Value) -> Resource {
        Resource {
            logical_id: name.to_owned(),
            physical_id: id.to_owned(),
            kind: format!("AWS::ApiGateway::{kind}"),
            properties,
            ..Resource::default()
        }
    }

    fn event(status: &str, of: &Resource) -> Event {
        Event {
            logical_id: of.logical_id.clone(),
            physical_id: of.physical_id.clone(),
            kind: of.kind.clone(),
            status: status.to_owned(),
            properties: Some(of.properties.to_string()),
            ..Event::default()
        }
    }

    #[test]
    fn a_deployment_holds_what_there_was() {
        let api = resource("Api", "RestApi", "api", json!({}));
        let root = {
            let state = State::default();
            let holdings = Holdings {
                state: &state,
                place: Place::default(),
            };
            let held = Held {
                stack: None,
                resource: &api,
            };
            holdings.attribute(held, "RootResourceId")
        };
        let loan = json!({"RestApiId": "api", "ParentId": root, "PathPart": "loan"});
        let loan = resource("Loan", "Resource", "r1", loan);
        let guarded = json!({"RestApiId": "api", "ResourceId": "r1", "HttpMethod": "POST",
                             "AuthorizationType": "AWS_IAM"});
        let method = resource("Post", "Method", "POST", guarded.clone());
        let mut open = method.clone();
        open.properties["AuthorizationType"] = json!("NONE");
        let late = json!({"RestApiId": "api", "ParentId": "r1", "PathPart": "{id}"});
        let late = resource("Late", "Resource", "r2", late);
        let deployment = resource("Deployed", "Deployment", "d1", json!({"RestApiId": "api"}));
        let events = vec![
            event("CREATE_COMPLETE", &loan),
            event("CREATE_IN_PROGRESS", &method),
            event("CREATE_COMPLETE", &method),
            event("CREATE_IN_PROGRESS", &deployment),
            event("UPDATE_COMPLETE", &open),
            event("CREATE_COMPLETE", &late),
        ];
        let all = [api, loan, open, late, deployment];
        let stack = Stack {
            id: "s".to_owned(),
            resources: all.map(|one| (one.logical_id.clone(), one)).into(),
            events,
            ..Stack::default()
        };
        let state = State {
            stacks: std::iter::once(stack).collect(),
            ..State::default()
        };
        let holdings = Holdings {
            state: &state,
            place: Place::default(),
        };
        let now = Api::now(&holdings, "api").unwrap();
        assert_eq!(now.path("r2").as_deref(), Some("/loan/{id}"));
        let mut methods = now.methods("r1");
        assert_eq!(methods.next().unwrap().text("AuthorizationType"), "NONE");
        let deployment = holdings.find("AWS::ApiGateway::Deployment", "d1").unwrap();
        let then = Api::deployed(&holdings, "api", deployment).unwrap();
        let paths: Vec<String> = then.resources().into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, ["/", "/loan"]);
        assert_eq!(*then.methods("r1").next().unwrap().properties, guarded);
    }
}
