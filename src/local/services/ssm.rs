//! The parameter store: parameters that stacks made, and those that were put beside them.

use super::{Request, asked, unknown};
use crate::local::core::Core;
use crate::local::formation::evaluate::partition;
use crate::local::ids;
use crate::local::model::{Parameter, State};
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The parameter of that name, which may be its ARN or end in a version.
pub fn find(state: &State, name: &str) -> Option<Parameter> {
    let name = name.split_once(":parameter").map_or(name, |(_, name)| name);
    let (name, version) = match name.split_once(':') {
        Some((name, version)) => (name, version.parse::<u64>().ok()),
        None => (name, None),
    };
    let found = all(state).remove(name).or_else(|| public(name))?;
    (version.is_none_or(|version| version == found.version)).then_some(found)
}

/// What AWS itself publishes: an image's id for the name of every image.
fn public(name: &str) -> Option<Parameter> {
    let image = name.starts_with("/aws/service/ami-") || name.starts_with("/aws/service/ecs/");
    image.then(|| Parameter {
        kind: "String".to_owned(),
        value: format!("ami-0{}", &ids::stable(name)[..16]),
        version: 1,
        modified: "2026-01-01T00:00:00.000Z".to_owned(),
    })
}

fn all(state: &State) -> BTreeMap<String, Parameter> {
    let mut all = state.account.parameters.clone();
    for (_, held) in state.resources("AWS::SSM::Parameter") {
        let text = |name: &str| {
            held.properties[name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let parameter = Parameter {
            kind: text("Type"),
            value: text("Value"),
            version: 1,
            modified: held.updated.clone(),
        };
        all.insert(held.physical_id.clone(), parameter);
    }
    all
}

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Result<Value, Refusal> {
    let asked = asked(request)?;
    let names = || {
        let list = asked["Names"].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned)
    };
    let name = asked["Name"].as_str().unwrap_or_default();
    match request.target {
        "GetParameter" => {
            let found = find(&core.store.state(), name).ok_or_else(|| missing(name))?;
            Ok(json!({ "Parameter": shown(core, name, &found) }))
        }
        "GetParameters" => {
            let state = core.store.state();
            let (mut found, mut invalid) = (Vec::new(), Vec::new());
            for name in names() {
                match find(&state, &name) {
                    Some(parameter) => found.push(shown(core, &name, &parameter)),
                    None => invalid.push(name),
                }
            }
            Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
        }
        "GetParametersByPath" => {
            let path = asked["Path"]
                .as_str()
                .unwrap_or("/")
                .trim_end_matches('/')
                .to_owned();
            let deep = asked["Recursive"] == true;
            let found: Vec<Value> = all(&core.store.state())
                .iter()
                .filter(|(name, _)| {
                    let rest = name
                        .strip_prefix(&path)
                        .and_then(|rest| rest.strip_prefix('/'));
                    rest.is_some_and(|rest| deep || !rest.contains('/'))
                })
                .map(|(name, parameter)| shown(core, name, parameter))
                .collect();
            Ok(json!({ "Parameters": found }))
        }
        "DescribeParameters" => {
            let all = all(&core.store.state());
            let found: Vec<Value> = all
                .iter()
                .map(|(name, parameter)| {
                    json!({ "Name": name, "Type": parameter.kind, "Version": parameter.version })
                })
                .collect();
            Ok(json!({ "Parameters": found }))
        }
        "PutParameter" => put(core, name, &asked),
        "DeleteParameter" => {
            let mut state = core.store.state();
            let gone = state.account.parameters.remove(name);
            state.account.changed = true;
            gone.map(|_| Value::Null).ok_or_else(|| missing(name))
        }
        other => Err(unknown(other)),
    }
}

fn put(core: &Core, name: &str, asked: &Value) -> Result<Value, Refusal> {
    let mut state = core.store.state();
    let before = all(&state).remove(name);
    if before.is_some() && asked["Overwrite"] != true {
        return Err(Refusal::new(
            400,
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in \
             the request to true.",
        ));
    }
    let kind = before.as_ref().map_or("String", |before| &before.kind);
    let version = before.as_ref().map_or(1, |before| before.version + 1);
    let parameter = Parameter {
        kind: asked["Type"].as_str().unwrap_or(kind).to_owned(),
        value: asked["Value"].as_str().unwrap_or_default().to_owned(),
        version,
        modified: ids::now(),
    };
    state.account.parameters.insert(name.to_owned(), parameter);
    state.account.changed = true;
    core.touch();
    Ok(json!({ "Version": version, "Tier": "Standard" }))
}

fn missing(name: &str) -> Refusal {
    Refusal::new(
        400,
        "ParameterNotFound",
        format!("Parameter {name} not found."),
    )
}

fn shown(core: &Core, name: &str, parameter: &Parameter) -> Value {
    let (region, account) = (&core.options.region, &core.options.account);
    let slash = if name.starts_with('/') { "" } else { "/" };
    json!({
        "Name": name,
        "Type": parameter.kind,
        "Value": parameter.value,
        "Version": parameter.version,
        "LastModifiedDate": ids::seconds(&parameter.modified),
        "ARN": format!(
            "arn:{}:ssm:{region}:{account}:parameter{slash}{name}", partition(region)
        ),
        "DataType": "text",
    })
}
