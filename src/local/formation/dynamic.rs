//! Dynamic references, `{{resolve:service:key}}`: values that other services hold. Those to plain
//! parameters are read when an operation is asked for, and again with every operation; those to
//! secrets stay as they are written, and are read by the service that is given them.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>

use super::engine::Program;
use super::evaluate::{Scope, section};
use crate::local::ids;
use crate::local::model::State;
use crate::local::refusal::Refusal;
use crate::local::services::{secrets, ssm};
use serde_json::Value;
use std::collections::BTreeMap;

const OPEN: &str = "{{resolve:";
const MOST: usize = 60;

/// The properties that take a secure parameter.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html>
const SECURE: &[(&str, &str)] = &[
    ("AWS::DirectoryService::MicrosoftAD", "Password"),
    ("AWS::DirectoryService::SimpleAD", "Password"),
    ("AWS::ElastiCache::ReplicationGroup", "AuthToken"),
    ("AWS::IAM::User", "LoginProfile/Password"),
    (
        "AWS::KinesisFirehose::DeliveryStream",
        "RedshiftDestinationConfiguration/Password",
    ),
    ("AWS::OpsWorks::App", "AppSource/Password"),
    ("AWS::OpsWorks::Stack", "CustomCookbooksSource/Password"),
    ("AWS::OpsWorks::Stack", "RdsDbInstances"),
    ("AWS::RDS::DBCluster", "MasterUserPassword"),
    ("AWS::RDS::DBInstance", "MasterUserPassword"),
    ("AWS::Redshift::Cluster", "MasterUserPassword"),
];

/// A reference, read.
#[derive(Debug, PartialEq, Eq)]
enum Reference<'a> {
    /// A parameter of the parameter store, with its version if one is named.
    Stored { key: &'a str, secure: bool },
    /// A secret, or a value in it.
    Secret(Secret<'a>),
    /// Of a service that is none: it stays text.
    Other,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Secret<'a> {
    id: &'a str,
    json_key: Option<&'a str>,
    stage: Option<&'a str>,
    version: Option<&'a str>,
}

/// What an operation's references to plain parameters stand for, each by its text, and what stops
/// the operation once it has begun.
#[derive(Debug, Default)]
pub struct Found {
    /// Values by references.
    pub values: BTreeMap<String, String>,
    /// What is known to be wrong, and is told only then.
    pub late: Option<String>,
}

/// The references in a text, each with its braces; not those with a part that is not known yet.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(OPEN).filter_map(|(start, _)| {
        let rest = &text[start..];
        let whole = rest.find("}}").map(|end| &rest[..end + 2])?;
        (!whole[2..].contains("{{")).then_some(whole)
    })
}

fn read(whole: &str) -> Result<Reference<'_>, String> {
    let inner = whole
        .strip_prefix(OPEN)
        .and_then(|rest| rest.strip_suffix("}}"));
    let Some((service, key)) = inner.and_then(|inner| inner.split_once(':')) else {
        return Ok(Reference::Other);
    };
    match service {
        "ssm" | "ssm-secure" => stored(key, service == "ssm-secure").ok_or_else(|| {
            format!("Incorrect format is used in the following SSM reference: [{whole}]")
        }),
        "secretsmanager" => secret(key).map(Reference::Secret).ok_or_else(|| {
            format!(
                "Incorrect format is used in the following Secrets Manager reference: [{whole}]"
            )
        }),
        _ => Ok(Reference::Other),
    }
}

/// A name, and a version that is a number: labels are not taken.
fn stored(key: &str, secure: bool) -> Option<Reference<'_>> {
    let path = key
        .split_once(":parameter")
        .filter(|_| key.starts_with("arn:"));
    let (name, version) = split_version(path.map_or(key, |(_, name)| name));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    let good = !name.is_empty() && name.bytes().all(plain);
    let numbered = version.is_none_or(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    (good && numbered).then_some(Reference::Stored { key, secure })
}

fn split_version(key: &str) -> (&str, Option<&str>) {
    match key.split_once(':') {
        Some((name, version)) => (name, Some(version).filter(|text| !text.is_empty())),
        None => (key, None),
    }
}

fn is_versioned(key: &str) -> bool {
    let last = key.rsplit(':').next().unwrap_or_default();
    key.contains(':') && !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// `secret-id:SecretString:json-key:version-stage:version-id`, of which an ARN has seven parts itself.
fn secret(key: &str) -> Option<Secret<'_>> {
    let own = if key.starts_with("arn:") { 7 } else { 1 };
    let ends = key.match_indices(':').map(|(at, _)| at);
    let end = ends.chain([key.len()]).nth(own - 1)?;
    let mut rest = key[end..].split(':').skip(1);
    let mut next = || rest.next().filter(|text| !text.is_empty());
    let kind = next();
    let secret = Secret {
        id: &key[..end],
        json_key: next(),
        stage: next(),
        version: next(),
    };
    let good = !secret.id.is_empty() && kind.is_none_or(|kind| kind == "SecretString");
    (good && rest.next().is_none()).then_some(secret)
}

/// Reads what a parameter's value refers to: only what has a version may stand there.
///
/// # Errors
/// The service's words.
pub fn of_parameter(state: &State, name: &str, value: &str) -> Result<Option<String>, Refusal> {
    let mut read_any = false;
    let mut out = value.to_owned();
    for whole in references(value) {
        let Reference::Stored { key, secure: false } = read(whole).map_err(Refusal::validation)?
        else {
            continue;
        };
        if !is_versioned(key) {
            return Err(Refusal::validation(format!(
                "Template error: parameter {name} should not contain ssm versionless resolver"
            )));
        }
        out = out.replace(whole, &plain(state, key).map_err(Refusal::validation)?);
        read_any = true;
    }
    Ok(read_any.then_some(out))
}

/// Looks up what the resources' properties refer to, as far as that is known before any is made.
///
/// # Errors
/// The service's words for references that it does not take.
pub(super) fn look_up(
    state: &State,
    program: &Program,
    scope: &Scope<'_>,
) -> Result<Found, Refusal> {
    let (mut found, mut count) = (Found::default(), 0);
    let (mut unsupported, mut late) = (Vec::new(), Vec::new());
    let resources = section(&program.template, "Resources");
    for (_, entry) in resources.filter(|(name, _)| program.needs.contains_key(*name)) {
        let kind = entry["Type"].as_str().unwrap_or_default();
        let written = &entry["Properties"];
        // What cannot be evaluated fails elsewhere.
        let resolved = scope.resolve(written).ok().flatten();
        let mut texts = Vec::new();
        collect(resolved.as_ref().unwrap_or(written), "", &mut texts);
        for (path, text) in texts {
            for whole in references(text) {
                count += 1;
                let (key, secure) = match read(whole).map_err(Refusal::validation)? {
                    Reference::Stored { key, secure } => (key, secure),
                    Reference::Secret(_) | Reference::Other => continue,
                };
                let versioned = is_versioned(key);
                if secure {
                    if !SECURE.contains(&(kind, path.as_str())) {
                        let place = format!("{kind}/Properties/{path}");
                        if versioned {
                            &mut unsupported
                        } else {
                            &mut late
                        }
                        .push(place);
                    }
                    continue;
                }
                match plain(state, key) {
                    Ok(value) => {
                        found.values.insert(whole.to_owned(), value);
                    }
                    Err(text) if versioned => return Err(Refusal::validation(text)),
                    Err(text) => found.late = Some(text),
                }
            }
        }
    }
    if count > MOST {
        return Err(Refusal::validation(format!(
            "Template format error: Number of dynamic references, {count}, is greater than maximum \
             allowed, {MOST}"
        )));
    }
    if !unsupported.is_empty() {
        return Err(Refusal::validation(not_supported(&unsupported)));
    }
    // Without a version it is told only once the operation has begun.
    if !late.is_empty() {
        found.late = Some(not_supported(&late));
    }
    Ok(found)
}

fn not_supported(places: &[String]) -> String {
    format!(
        "SSM Secure reference is not supported in: [{}]",
        places.join(",")
    )
}

/// All texts with references, each with the property that it stands in; a list counts as one place.
fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) if text.contains(OPEN) => found.push((path.to_owned(), text)),
        Value::Array(items) => {
            let mut inner = Vec::new();
            items.iter().for_each(|item| collect(item, "", &mut inner));
            found.extend(inner.into_iter().map(|(_, text)| (path.to_owned(), text)));
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let slash = if path.is_empty() { "" } else { "/" };
                collect(field, &format!("{path}{slash}{name}"), found);
            }
        }
        _ => {}
    }
}

/// The value of a parameter that is no secret.
fn plain(state: &State, key: &str) -> Result<String, String> {
    let found = ssm::find(state, key).ok_or_else(|| {
        format!("Unable to fetch parameters [{key}] from parameter store for this account.")
    })?;
    if found.kind == "SecureString" {
        let (name, _) = split_version(key);
        return Err(format!(
            "Non-secure ssm prefix was used for secure parameter {name}"
        ));
    }
    Ok(found.value)
}

/// The value with what its references to plain parameters stand for. What was not known before, being
/// made of what other resources give, is read now.
///
/// # Errors
/// The service's words.
pub fn applied(
    value: Value,
    known: &BTreeMap<String, String>,
    state: Option<&State>,
) -> Result<Value, String> {
    replaced(value, &|whole| {
        if let Some(value) = known.get(whole) {
            return Ok(Some(value.clone()));
        }
        match (read(whole), state) {
            (Ok(Reference::Stored { key, secure: false }), Some(state)) => {
                plain(state, key).map(Some)
            }
            (Err(text), Some(_)) => Err(text),
            _ => Ok(None),
        }
    })
}

/// The value as the service sees it that is given it: with what is secret.
///
/// # Errors
/// The service's words.
pub fn revealed(state: &State, value: Value) -> Result<Value, String> {
    replaced(value, &|whole| match read(whole)? {
        Reference::Secret(secret) => value_of(state, &secret).map(Some),
        Reference::Stored { key, .. } => Ok(ssm::find(state, key).map(|found| found.value)),
        Reference::Other => Ok(None),
    })
}

/// Why the service cannot be given what a resource's properties refer to.
pub fn unreadable(state: &State, kind: &str, properties: &Value) -> Option<String> {
    // Custom resources are given the references themselves.
    if kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource" {
        return None;
    }
    let mut texts = Vec::new();
    collect(properties, "", &mut texts);
    let all = texts.iter().flat_map(|(_, text)| references(text));
    all.filter_map(|whole| match read(whole) {
        Ok(Reference::Secret(secret)) => value_of(state, &secret).err(),
        Ok(Reference::Stored { key, secure: true }) if ssm::find(state, key).is_none() => Some(
            format!("Unable to fetch parameters [{key}] from parameter store for this account."),
        ),
        Ok(_) => None,
        Err(text) => Some(text),
    })
    .next()
}

fn value_of(state: &State, secret: &Secret<'_>) -> Result<String, String> {
    let text = secrets::value(state, secret.id, secret.stage, secret.version).map_err(|no| {
        format!(
            "{} (Service: AWSSecretsManager; Status Code: {}; Error Code: {}; Request ID: {}; \
             Proxy: null)",
            no.message,
            no.status,
            no.code,
            ids::uuid()
        )
    })?;
    let Some(key) = secret.json_key else {
        return Ok(text);
    };
    let fields: Value = serde_json::from_str(&text)
        .ok()
        .filter(Value::is_object)
        .ok_or("Could not parse SecretString JSON")?;
    match &fields[key] {
        Value::Null => {
            Err("Could not find a value associated with JSONKey in SecretString".to_owned())
        }
        Value::String(text) => Ok(text.clone()),
        other => Ok(other.to_string()),
    }
}

type Stands<'a> = &'a dyn Fn(&str) -> Result<Option<String>, String>;

fn replaced(value: Value, stands: Stands<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) if text.contains(OPEN) => {
            let mut out = text.clone();
            for whole in references(&text) {
                if let Some(value) = stands(whole)? {
                    out = out.replace(whole, &value);
                }
            }
            Value::String(out)
        }
        Value::Array(items) => {
            let items = items.into_iter().map(|item| replaced(item, stands));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields
                .into_iter()
                .map(|(name, field)| Ok((name, replaced(field, stands)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::model::Parameter;
    use serde_json::json;

    fn state() -> State {
        let mut state = State::default();
        let parameter = |kind: &str, value: &str| Parameter {
            kind: kind.to_owned(),
            value: value.to_owned(),
            version: 1,
            ..Parameter::default()
        };
        let parameters = &mut state.account.parameters;
        parameters.insert("/a".to_owned(), parameter("String", "one"));
        parameters.insert("/list".to_owned(), parameter("StringList", "a,b, c"));
        parameters.insert("/s".to_owned(), parameter("SecureString", "hidden"));
        state
    }

    #[test]
    fn references_are_read() {
        let of = |text: &'static str| read(text).unwrap();
        assert_eq!(
            of("{{resolve:ssm:/a/b:3}}"),
            Reference::Stored {
                key: "/a/b:3",
                secure: false
            }
        );
        assert_eq!(
            of("{{resolve:secretsmanager:my/secret}}"),
            Reference::Secret(Secret {
                id: "my/secret",
                ..Secret::default()
            })
        );
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdEf";
        let text = format!("{{{{resolve:secretsmanager:{arn}:SecretString:key::v}}}}");
        assert_eq!(
            read(&text).unwrap(),
            Reference::Secret(Secret {
                id: arn,
                json_key: Some("key"),
                stage: None,
                version: Some("v")
            })
        );
        assert_eq!(of("{{resolve:other:x}}"), Reference::Other);
        assert_eq!(
            read("{{resolve:ssm:/a:prod}}").unwrap_err(),
            "Incorrect format is used in the following SSM reference: [{{resolve:ssm:/a:prod}}]"
        );
        assert!(read("{{resolve:secretsmanager:s:SecretBinary}}").is_err());
        let two: Vec<&str> = references("x{{resolve:ssm:/a}}y{{resolve:ssm:/b:1}}").collect();
        assert_eq!(two, ["{{resolve:ssm:/a}}", "{{resolve:ssm:/b:1}}"]);
    }

    #[test]
    fn plain_parameters_take_their_references_place() {
        let state = state();
        let value = json!({"A": "<{{resolve:ssm:/a:1}}|{{resolve:ssm:/list}}>", "B": [1]});
        assert_eq!(
            applied(value, &BTreeMap::new(), Some(&state)),
            Ok(json!({"A": "<one|a,b, c>", "B": [1]}))
        );
        let of = |text: &str| applied(json!(text), &BTreeMap::new(), Some(&state)).unwrap_err();
        assert_eq!(
            of("{{resolve:ssm:/a:9}}"),
            "Unable to fetch parameters [/a:9] from parameter store for this account."
        );
        assert_eq!(
            of("{{resolve:ssm:/s:1}}"),
            "Non-secure ssm prefix was used for secure parameter /s"
        );
        let versionless = of_parameter(&state, "P", "{{resolve:ssm:/a}}").unwrap_err();
        assert_eq!(
            versionless.message,
            "Template error: parameter P should not contain ssm versionless resolver"
        );
        assert_eq!(
            of_parameter(&state, "P", "{{resolve:ssm:/a:1}}!"),
            Ok(Some("one!".to_owned()))
        );
    }
}
