//! Secrets Manager: secrets that stacks made, and those that were put beside them.

mod generate;
mod held;

use super::{Request, unknown};
use crate::local::core::Core;
use crate::local::formation::evaluate::partition;
use crate::local::ids;
use crate::local::model::{self, SecretVersion, State};
use crate::local::refusal::Refusal;
use held::Secret;
use serde_json::{Value, json};
use std::time::Duration;

pub use held::{KIND, value};

const PAGE: usize = 100;

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Result<Value, Refusal> {
    let asked: Value = serde_json::from_slice(request.body)
        .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))?;
    let mut state = core.store.state();
    let answer = match request.target {
        "GetSecretValue" => get(&state, &asked),
        "DescribeSecret" => describe(&state, &asked),
        "ListSecrets" => Ok(list(&state, &asked)),
        "ListSecretVersionIds" => versions(&state, &asked),
        "GetRandomPassword" => random(&asked),
        "CreateSecret" => create(core, &mut state, &asked),
        "PutSecretValue" => put(&mut state, &asked),
        "UpdateSecret" => update(&mut state, &asked),
        "DeleteSecret" => delete(&mut state, &asked),
        "RestoreSecret" => restore(&mut state, &asked),
        other => Err(unknown(other)),
    }?;
    let reads = ["Get", "Describe", "List"];
    if !reads.iter().any(|verb| request.target.starts_with(verb)) {
        state.account.changed = true;
        core.touch();
    }
    Ok(answer)
}

fn text<'a>(asked: &'a Value, name: &str) -> Option<&'a str> {
    asked[name].as_str()
}

fn named(state: &State, asked: &Value) -> Result<Secret, Refusal> {
    held::find(state, text(asked, "SecretId").unwrap_or_default())
}

fn refused(code: &str, words: impl Into<String>) -> Refusal {
    Refusal::new(400, code, words)
}

fn get(state: &State, asked: &Value) -> Result<Value, Refusal> {
    let secret = named(state, asked)?;
    let found = secret.version(text(asked, "VersionStage"), text(asked, "VersionId"))?;
    let mut shown = json!({
        "ARN": secret.arn,
        "Name": secret.told.name,
        "VersionId": found.id,
        "VersionStages": found.stages,
        "CreatedDate": ids::seconds(&found.created),
    });
    for (name, value) in [
        ("SecretString", &found.text),
        ("SecretBinary", &found.binary),
    ] {
        if let Some(value) = value {
            shown[name] = json!(value);
        }
    }
    Ok(shown)
}

fn describe(state: &State, asked: &Value) -> Result<Value, Refusal> {
    let secret = named(state, asked)?;
    let mut shown = entry(&secret);
    shown["VersionIdsToStages"] = stages(&secret);
    Ok(shown)
}

fn stages(secret: &Secret) -> Value {
    let labelled = secret
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty());
    labelled
        .map(|version| (version.id.clone(), json!(version.stages)))
        .collect()
}

fn entry(secret: &Secret) -> Value {
    let tags: Vec<Value> = secret
        .told
        .tags
        .iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect();
    let mut shown = json!({
        "ARN": secret.arn,
        "Name": secret.told.name,
        "Tags": tags,
        "CreatedDate": ids::seconds(&secret.told.created),
        "LastChangedDate": ids::seconds(&secret.changed),
    });
    for (name, value) in [
        ("Description", &secret.told.description),
        ("KmsKeyId", &secret.told.key),
    ] {
        if let Some(value) = value {
            shown[name] = json!(value);
        }
    }
    if let Some(moment) = &secret.told.deleted {
        shown["DeletedDate"] = json!(ids::seconds(moment));
    }
    shown
}

/// ListSecrets: a page of those that fit the filters, by name.
fn list(state: &State, asked: &Value) -> Value {
    let filters = asked["Filters"].as_array().cloned().unwrap_or_default();
    let fits = |secret: &Secret| {
        filters.iter().all(|filter| {
            let values = filter["Values"].as_array().into_iter().flatten();
            let mut values = values.filter_map(Value::as_str);
            match filter["Key"].as_str() {
                Some("name") => values.any(|value| secret.told.name.starts_with(value)),
                Some("description") => values.any(|value| {
                    let own = secret.told.description.as_deref();
                    own.is_some_and(|own| own.starts_with(value))
                }),
                Some("tag-key") => values.any(|value| secret.told.tags.contains_key(value)),
                Some("tag-value") => {
                    values.any(|value| secret.told.tags.values().any(|own| own == value))
                }
                _ => true,
            }
        })
    };
    let planned = asked["IncludePlannedDeletion"] == true;
    let mut all = held::all(state);
    all.retain(|secret| fits(secret) && (planned || secret.told.deleted.is_none()));
    all.sort_by(|a, b| a.told.name.cmp(&b.told.name));
    let start: usize = text(asked, "NextToken")
        .and_then(|at| at.parse().ok())
        .unwrap_or(0);
    let size = asked["MaxResults"]
        .as_u64()
        .map_or(PAGE, |most| most as usize)
        .clamp(1, PAGE);
    let more = all.len() > start.saturating_add(size);
    let shown: Vec<Value> = all
        .iter()
        .skip(start)
        .take(size)
        .map(|secret| {
            let mut shown = entry(secret);
            shown["SecretVersionsToStages"] = stages(secret);
            shown
        })
        .collect();
    let mut page = json!({ "SecretList": shown });
    if more {
        page["NextToken"] = json!((start + size).to_string());
    }
    page
}

fn versions(state: &State, asked: &Value) -> Result<Value, Refusal> {
    let secret = named(state, asked)?;
    let all = asked["IncludeDeprecated"] == true;
    let shown: Vec<Value> = secret
        .versions
        .iter()
        .filter(|version| all || !version.stages.is_empty())
        .map(|version| {
            json!({
                "VersionId": version.id,
                "VersionStages": version.stages,
                "CreatedDate": ids::seconds(&version.created),
            })
        })
        .collect();
    Ok(json!({ "ARN": secret.arn, "Name": secret.told.name, "Versions": shown }))
}

fn random(asked: &Value) -> Result<Value, Refusal> {
    let made = generate::password(asked, &ids::uuid());
    let made = made.map_err(|words| refused("InvalidParameterException", words))?;
    Ok(json!({ "RandomPassword": made }))
}

/// What a request puts into a secret, if it puts anything.
fn given(asked: &Value) -> Option<SecretVersion> {
    let (string, binary) = (text(asked, "SecretString"), text(asked, "SecretBinary"));
    (string.is_some() || binary.is_some()).then(|| SecretVersion {
        id: text(asked, "ClientRequestToken").map_or_else(ids::uuid, str::to_owned),
        text: string.map(str::to_owned),
        binary: binary.map(str::to_owned),
        stages: vec![],
        created: ids::now(),
    })
}

fn create(core: &Core, state: &mut State, asked: &Value) -> Result<Value, Refusal> {
    let name = text(asked, "Name").unwrap_or_default();
    let version = given(asked);
    if let Some(known) = held::all(state)
        .into_iter()
        .find(|known| known.told.name == name)
    {
        let token = version.as_ref().map(|version| &version.id);
        // The same request again, after its answer was lost.
        if token.is_some() && known.versions.first().map(|first| &first.id) == token {
            return Ok(json!({ "ARN": known.arn, "Name": name, "VersionId": token }));
        }
        return Err(if known.told.deleted.is_some() {
            refused(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            )
        } else {
            refused(
                "ResourceExistsException",
                format!("The operation failed because the secret {name} already exists."),
            )
        });
    }
    let (region, account) = (&core.options.region, &core.options.account);
    let arn = format!(
        "arn:{}:secretsmanager:{region}:{account}:secret:{name}-{}",
        partition(region),
        &ids::uuid()[..6]
    );
    let tags = asked["Tags"].as_array().into_iter().flatten();
    let tags = tags.filter_map(|tag| {
        Some((
            tag["Key"].as_str()?.to_owned(),
            tag["Value"].as_str()?.to_owned(),
        ))
    });
    let mut shown = json!({ "ARN": arn, "Name": name });
    if let Some(version) = &version {
        shown["VersionId"] = json!(version.id);
    }
    let secret = model::Secret {
        name: name.to_owned(),
        description: text(asked, "Description").map(str::to_owned),
        key: text(asked, "KmsKeyId").map(str::to_owned),
        tags: tags.collect(),
        created: ids::now(),
        versions: version.into_iter().collect(),
        ..model::Secret::default()
    };
    state.account.secrets.insert(arn, secret);
    Ok(shown)
}

/// What requests made of the secret, or put into the one that a stack made.
fn own<'a>(state: &'a mut State, secret: &Secret) -> &'a mut model::Secret {
    let own = state.account.secrets.entry(secret.arn.clone()).or_default();
    if secret.of_stack {
        let put: Vec<&String> = own.versions.iter().map(|version| &version.id).collect();
        let of_stack = secret
            .versions
            .iter()
            .find(|version| !put.contains(&&version.id));
        let over = of_stack
            .map(|version| version.id.clone())
            .unwrap_or_default();
        // What was put before the stack put something else is not kept.
        if own.over.as_ref() != Some(&over) {
            own.versions.clear();
        }
        own.over = Some(over);
    }
    own
}

fn put(state: &mut State, asked: &Value) -> Result<Value, Refusal> {
    let secret = named(state, asked)?;
    let Some(mut version) = given(asked) else {
        return Err(refused(
            "InvalidRequestException",
            "You must provide either SecretString or SecretBinary.",
        ));
    };
    if secret.told.deleted.is_some() {
        secret.version(None, None)?;
    }
    let stages = asked["VersionStages"].as_array().into_iter().flatten();
    version.stages = stages
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    // The current one is known by its place.
    version.stages.retain(|stage| stage != "AWSCURRENT");
    let shown = json!({
        "ARN": secret.arn,
        "Name": secret.told.name,
        "VersionId": version.id,
        "VersionStages": match version.stages.is_empty() {
            true => vec!["AWSCURRENT".to_owned()],
            false => version.stages.clone(),
        },
    });
    if let Some(known) = secret.versions.iter().find(|known| known.id == version.id) {
        if known.text == version.text && known.binary == version.binary {
            return Ok(shown);
        }
        return Err(refused(
            "ResourceExistsException",
            "You can't modify an existing version, you can only create a new version.",
        ));
    }
    own(state, &secret).versions.push(version);
    Ok(shown)
}

fn update(state: &mut State, asked: &Value) -> Result<Value, Refusal> {
    let secret = named(state, asked)?;
    if given(asked).is_some() {
        put(state, asked)?;
    }
    let own = own(state, &secret);
    if let Some(words) = text(asked, "Description") {
        own.description = Some(words.to_owned());
    }
    if let Some(key) = text(asked, "KmsKeyId") {
        own.key = Some(key.to_owned());
    }
    Ok(json!({ "ARN": secret.arn, "Name": secret.told.name }))
}

fn delete(state: &mut State, asked: &Value) -> Result<Value, Refusal> {
    let secret = named(state, asked)?;
    let at_once = asked["ForceDeleteWithoutRecovery"] == true;
    let days = asked["RecoveryWindowInDays"].as_u64().unwrap_or(30);
    let wait = if at_once {
        0
    } else {
        days.saturating_mul(86_400)
    };
    let moment = ids::after(Duration::from_secs(wait));
    if secret.of_stack {
        gone(state, &secret.arn);
    } else if at_once {
        state.account.secrets.remove(&secret.arn);
    } else {
        own(state, &secret).deleted = Some(moment.clone());
    }
    Ok(json!({
        "ARN": secret.arn,
        "Name": secret.told.name,
        "DeletionDate": ids::seconds(&moment),
    }))
}

/// A stack's secret, deleted behind CloudFormation's back.
fn gone(state: &mut State, arn: &str) {
    state.account.secrets.remove(arn);
    state.account.kept.retain(|held| held.physical_id != arn);
    for stack in state.stacks.iter_mut() {
        let held = stack.resources.values_mut();
        for held in held.filter(|held| held.kind == KIND && held.physical_id == arn) {
            held.live = Some(Value::Null);
            stack.changed = true;
        }
    }
}

fn restore(state: &mut State, asked: &Value) -> Result<Value, Refusal> {
    let secret = named(state, asked)?;
    if !secret.of_stack {
        own(state, &secret).deleted = None;
    }
    Ok(json!({ "ARN": secret.arn, "Name": secret.told.name }))
}
