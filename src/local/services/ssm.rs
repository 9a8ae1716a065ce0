//! The parameter store: parameters that stacks made, and those that were put beside them.

use super::{Request, asked, unknown};
use crate::local::core::Core;
use crate::local::formation::dynamic;
use crate::local::formation::evaluate::partition;
use crate::local::ids;
use crate::local::model::{Event, Parameter, Resource, Stack, State};
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const KIND: &str = "AWS::SSM::Parameter";

/// The parameter of that name, which may be its ARN or end in a version.
pub fn find(state: &State, name: &str) -> Option<Parameter> {
    let name = name.split_once(":parameter").map_or(name, |(_, name)| name);
    let (name, version) = match name.split_once(':') {
        Some((name, version)) => (name, version.parse::<u64>().ok()),
        None => (name, None),
    };
    let found = all(state).remove(name).or_else(|| public(name))?;
    match version {
        Some(version) if version != found.version => {
            let at = usize::try_from(version).ok()?.checked_sub(1)?;
            let value = found.earlier.get(at)?.clone();
            Some(Parameter {
                value,
                version,
                ..found
            })
        }
        _ => Some(found),
    }
}

/// What AWS itself publishes: an image's id for the name of every image.
fn public(name: &str) -> Option<Parameter> {
    let image = name.starts_with("/aws/service/ami-") || name.starts_with("/aws/service/ecs/");
    image.then(|| Parameter {
        kind: "String".to_owned(),
        value: format!("ami-0{}", &ids::stable(name)[..16]),
        version: 1,
        modified: "2026-01-01T00:00:00.000Z".to_owned(),
        earlier: vec![],
    })
}

fn all(state: &State) -> BTreeMap<String, Parameter> {
    let mut all = state.account.parameters.clone();
    let kept = state.account.kept.iter().filter(|held| held.kind == KIND);
    let owned = state
        .resources(KIND)
        .map(|(stack, held)| (Some(stack), held));
    let every = kept.map(|held| (None, held)).chain(owned);
    for (stack, held) in every.filter(|(_, held)| !held.is_gone()) {
        let own = of_stack(state, stack, held);
        // Who wrote last is right.
        let put = all.remove(&held.physical_id);
        let now = match put {
            Some(put) if put.modified > own.modified => put,
            Some(put) => over(put, own),
            None => own,
        };
        all.insert(held.physical_id.clone(), now);
    }
    all
}

fn of_stack(state: &State, stack: Option<&Stack>, held: &Resource) -> Parameter {
    let properties = held.actual();
    let text = |name: &str| properties[name].as_str().unwrap_or_default();
    // A secret that it was given is its value now.
    let shown = dynamic::revealed(state, json!(text("Value"))).unwrap_or_default();
    let mut earlier = stack.map(|stack| told(stack, held)).unwrap_or_default();
    // The last one told is the present one.
    earlier.pop();
    Parameter {
        kind: text("Type").to_owned(),
        value: shown.as_str().unwrap_or(text("Value")).to_owned(),
        version: earlier.len() as u64 + 1,
        modified: held.updated.clone(),
        earlier,
    }
}

/// The values that a parameter had, by its stack's events.
fn told(stack: &Stack, held: &Resource) -> Vec<String> {
    let is = |event: &&Event| {
        event.logical_id == held.logical_id
            && event.physical_id == held.physical_id
            && matches!(event.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE")
    };
    let values = stack.events.iter().filter(is).filter_map(|event| {
        let properties: Value = serde_json::from_str(event.properties.as_deref()?).ok()?;
        properties["Value"].as_str().map(str::to_owned)
    });
    values.collect()
}

/// A parameter with a new value over its old one.
fn over(before: Parameter, now: Parameter) -> Parameter {
    let mut earlier = before.earlier;
    earlier.push(before.value);
    Parameter {
        version: before.version + 1,
        earlier,
        ..now
    }
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
            Ok(json!({ "Parameter": shown(core, name, &found, &asked) }))
        }
        "GetParameters" => {
            let state = core.store.state();
            let (mut found, mut invalid) = (Vec::new(), Vec::new());
            for name in names() {
                match find(&state, &name) {
                    Some(parameter) => found.push(shown(core, &name, &parameter, &asked)),
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
                .map(|(name, parameter)| shown(core, name, parameter, &asked))
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
            let gone = remove(&mut state, name);
            state.account.changed = true;
            core.touch();
            if gone {
                Ok(Value::Null)
            } else {
                Err(missing(name))
            }
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
    let now = Parameter {
        kind: asked["Type"].as_str().unwrap_or(kind).to_owned(),
        value: asked["Value"].as_str().unwrap_or_default().to_owned(),
        version: 1,
        modified: ids::now(),
        earlier: vec![],
    };
    let parameter = match before {
        Some(before) => over(before, now),
        None => now,
    };
    let version = parameter.version;
    state.account.parameters.insert(name.to_owned(), parameter);
    state.account.changed = true;
    core.touch();
    Ok(json!({ "Version": version, "Tier": "Standard" }))
}

/// Whether there was such a parameter; a stack's is deleted behind CloudFormation's back.
fn remove(state: &mut State, name: &str) -> bool {
    let mut gone = state.account.parameters.remove(name).is_some();
    for stack in state.stacks.iter_mut() {
        let held = stack.resources.values_mut();
        for held in held.filter(|held| held.kind == KIND && held.physical_id == name) {
            gone |= !held.is_gone();
            held.live = Some(Value::Null);
            stack.changed = true;
        }
    }
    gone
}

fn missing(name: &str) -> Refusal {
    Refusal::new(
        400,
        "ParameterNotFound",
        format!("Parameter {name} not found."),
    )
}

fn shown(core: &Core, name: &str, parameter: &Parameter, asked: &Value) -> Value {
    let secret = parameter.kind == "SecureString" && asked["WithDecryption"] != true;
    let value = match secret {
        true => format!("AQICAH{}", ids::stable(&parameter.value)),
        false => parameter.value.clone(),
    };
    let (region, account) = (&core.options.region, &core.options.account);
    let slash = if name.starts_with('/') { "" } else { "/" };
    json!({
        "Name": name,
        "Type": parameter.kind,
        "Value": value,
        "Version": parameter.version,
        "LastModifiedDate": ids::seconds(&parameter.modified),
        "ARN": format!(
            "arn:{}:ssm:{region}:{account}:parameter{slash}{name}", partition(region)
        ),
        "DataType": "text",
    })
}
