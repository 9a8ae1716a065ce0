//! The secrets that there are: those that stacks made, as their properties say, and what requests made
//! or put beside that.

use super::generate;
use crate::local::formation::dynamic;
use crate::local::ids;
use crate::local::model::{self, Resource, SecretVersion, Stack, State};
use crate::local::refusal::Refusal;
use serde_json::Value;
use std::collections::BTreeMap;

/// The type of a secret.
pub const KIND: &str = "AWS::SecretsManager::Secret";

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// A secret as its service tells of it.
#[derive(Debug, Clone, Default)]
pub struct Secret {
    /// Its ARN.
    pub arn: String,
    /// What is told of it.
    pub told: model::Secret,
    /// When it was last changed.
    pub changed: String,
    /// Its versions, oldest first, each with its labels.
    pub versions: Vec<SecretVersion>,
    /// Whether a stack made it.
    pub of_stack: bool,
}

/// All secrets.
pub fn all(state: &State) -> Vec<Secret> {
    let owned = state
        .resources(KIND)
        .map(|(stack, held)| (Some(stack), held));
    let kept = state.account.kept.iter().filter(|held| held.kind == KIND);
    let mut found: Vec<Secret> = owned
        .chain(kept.map(|held| (None, held)))
        .filter(|(_, held)| !held.is_gone())
        .map(|(stack, held)| of_stack(state, stack, held))
        .collect();
    let own = state.account.secrets.iter();
    let own = own.filter(|(arn, _)| found.iter().all(|secret| &secret.arn != *arn));
    // What was put into a secret of a stack that is gone is gone with it.
    let own: Vec<Secret> = own
        .filter(|(_, told)| told.over.is_none())
        .map(|(arn, told)| of_request(arn, told))
        .collect();
    found.extend(own);
    found
}

/// The secret of that name or ARN, which may lack what stands behind the name.
///
/// # Errors
/// The service's words.
pub fn find(state: &State, id: &str) -> Result<Secret, Refusal> {
    let mut all = all(state).into_iter();
    let is = |secret: &Secret| {
        let whole = secret.arn == id || secret.told.name == id;
        whole
            || name_of(&secret.arn).is_some_and(|(front, _)| front == id && id.starts_with("arn:"))
    };
    all.find(is)
        .ok_or_else(|| missing("Secrets Manager can't find the specified secret.".to_owned()))
}

/// The text of a secret's version.
///
/// # Errors
/// The service's words where there is none.
pub fn value(
    state: &State,
    id: &str,
    stage: Option<&str>,
    version: Option<&str>,
) -> Result<String, Refusal> {
    let secret = find(state, id)?;
    let found = secret.version(stage, version)?;
    found.text.clone().ok_or_else(|| {
        Refusal::new(
            400,
            "InvalidRequestException",
            "The secret has no SecretString.",
        )
    })
}

impl Secret {
    /// The version of that label or id; the current one where none is named.
    ///
    /// # Errors
    /// The service's words.
    pub fn version(
        &self,
        stage: Option<&str>,
        version: Option<&str>,
    ) -> Result<&SecretVersion, Refusal> {
        if self.told.deleted.is_some() {
            return Err(Refusal::new(
                400,
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        let wanted = match version {
            Some(_) => stage,
            None => stage.or(Some(CURRENT)),
        };
        let is = |held: &&SecretVersion| {
            version.is_none_or(|id| held.id == id)
                && wanted.is_none_or(|stage| held.stages.iter().any(|own| own == stage))
        };
        self.versions.iter().find(is).ok_or_else(|| {
            let what = match (version, wanted) {
                (Some(id), _) => format!("VersionId: {id}"),
                (None, stage) => format!("staging label: {}", stage.unwrap_or_default()),
            };
            missing(format!(
                "Secrets Manager can't find the specified secret value for {what}"
            ))
        })
    }
}

fn missing(words: String) -> Refusal {
    Refusal::new(400, "ResourceNotFoundException", words)
}

/// The name in an ARN, with all before it, and what stands behind it.
fn name_of(arn: &str) -> Option<(&str, &str)> {
    arn.rsplit_once('-').filter(|(_, last)| last.len() == 6)
}

fn of_stack(state: &State, stack: Option<&Stack>, held: &Resource) -> Secret {
    let properties = held.actual();
    let text = |name: &str| properties[name].as_str().map(str::to_owned);
    let arn = held.physical_id.clone();
    let name = name_of(&arn).and_then(|(front, _)| front.rsplit_once(":secret:"));
    let name = name.map(|(_, name)| name.to_owned()).unwrap_or_default();
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    if let Some(stack) = stack {
        tags.extend(stack.goal.tags.clone());
        let own = [
            ("aws:cloudformation:stack-name", &stack.name),
            ("aws:cloudformation:logical-id", &held.logical_id),
            ("aws:cloudformation:stack-id", &stack.id),
        ];
        tags.extend(own.map(|(name, value)| (name.to_owned(), value.clone())));
    }
    for tag in properties["Tags"].as_array().into_iter().flatten() {
        if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
            tags.insert(key.to_owned(), value.to_owned());
        }
    }
    let own = content(state, &arn, properties).map(|text| SecretVersion {
        id: ids::stable_uuid(&format!("{arn}/{text}")),
        text: Some(text),
        created: held.updated.clone(),
        ..SecretVersion::default()
    });
    let put = state.account.secrets.get(&arn);
    let mut versions = put.map(|put| put.versions.clone()).unwrap_or_default();
    let over = put.and_then(|put| put.over.clone());
    if let Some(own) = own {
        // What the stack put is older than what was put over it, or else newer.
        let first = over.as_ref() == Some(&own.id);
        versions.insert(if first { 0 } else { versions.len() }, own);
    }
    let told = model::Secret {
        name,
        description: text("Description"),
        key: text("KmsKeyId"),
        tags,
        created: held.updated.clone(),
        over,
        ..model::Secret::default()
    };
    Secret {
        arn,
        told,
        changed: changed(&versions, &held.updated),
        versions: labelled(versions),
        of_stack: true,
    }
}

fn of_request(arn: &str, told: &model::Secret) -> Secret {
    Secret {
        arn: arn.to_owned(),
        changed: changed(&told.versions, &told.created),
        versions: labelled(told.versions.clone()),
        told: told.clone(),
        of_stack: false,
    }
}

fn changed(versions: &[SecretVersion], otherwise: &str) -> String {
    let last = versions.last().map(|version| version.created.clone());
    last.unwrap_or_else(|| otherwise.to_owned())
}

/// Gives the last two versions their labels, unless they were put with others.
fn labelled(mut versions: Vec<SecretVersion>) -> Vec<SecretVersion> {
    let mut labels = [CURRENT, PREVIOUS].into_iter();
    for version in versions.iter_mut().rev() {
        if version.stages.is_empty()
            && let Some(label) = labels.next()
        {
            version.stages.push(label.to_owned());
        }
    }
    versions
}

/// What a stack puts into its secret.
fn content(state: &State, arn: &str, properties: &Value) -> Option<String> {
    if let Some(text) = properties["SecretString"].as_str() {
        // A secret that is made of another; one that refers to itself holds the reference.
        let of_other = !text.contains(arn);
        let shown = of_other.then(|| dynamic::revealed(state, Value::String(text.to_owned())));
        let shown = shown.and_then(Result::ok);
        return Some(
            shown
                .and_then(|value| value.as_str().map(str::to_owned))
                .unwrap_or_else(|| text.to_owned()),
        );
    }
    let rules = properties.get("GenerateSecretString")?;
    generate::generated(rules, arn).ok()
}
