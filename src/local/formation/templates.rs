//! Answers about templates.

use super::describe::{named, unless_empty};
use super::evaluate::section;
use super::reviews::change_set_named;
use super::source;
use super::{check, structure, transform};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::services::s3;
use crate::template::{Template, body, schema};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Answer = Result<Value, Refusal>;

/// How large a template in a bucket may be.
const STORED_LIMIT: usize = 1_000_000;

/// The template's text: given with the request, or in a bucket.
///
/// # Errors
/// A text that is too long, or not there.
pub fn body(core: &Core, query: &Query) -> Result<Option<String>, Refusal> {
    if let Some(text) = query.text("TemplateBody") {
        if text.len() > body::INLINE_LIMIT {
            return Err(Refusal::validation(format!(
                "1 validation error detected: Value '{text}' at 'templateBody' failed to satisfy \
                 constraint: Member must have length less than or equal to {}",
                body::INLINE_LIMIT
            )));
        }
        return Ok(Some(text.to_owned()));
    }
    let Some(url) = query.text("TemplateURL") else {
        return Ok(None);
    };
    let text = stored(core, url)?;
    if text.len() > STORED_LIMIT {
        return Err(Refusal::validation(format!(
            "Template may not exceed {STORED_LIMIT} bytes in size."
        )));
    }
    Ok(Some(text))
}

fn stored(core: &Core, url: &str) -> Result<String, Refusal> {
    if !url.contains("://") {
        return Err(Refusal::validation("TemplateURL must be a supported URL."));
    }
    if let Some(rest) = url.strip_prefix("s3://") {
        let bucket = rest.split('/').next().unwrap_or_default();
        return Err(Refusal::validation(format!(
            "S3 error: Domain name specified in {bucket} is not a valid S3 domain"
        )));
    }
    s3::read_url(core.store.directory(), url)
        .ok_or_else(|| Refusal::validation("S3 error: The specified key does not exist."))
}

/// GetTemplate.
pub fn template(core: &Core, query: &Query) -> Answer {
    let state = core.store.state();
    let refused = |words: &str| Err(Refusal::validation(words));
    let goal = match (query.text("ChangeSetName"), query.text("StackName")) {
        (None, None) => return refused("StackName is required if ChangeSetName is not specified."),
        (Some(name), None) if !name.starts_with("arn:") => {
            return refused("StackName is a required parameter.");
        }
        (Some(name), _) => &change_set_named(&state, query, name)?.1.goal,
        (None, _) => &named(&state, query)?.goal,
    };
    let body = match query.text("TemplateStage") {
        Some("Processed") => goal.text(),
        _ => &goal.body,
    };
    // A stack in review has none, only its change sets do.
    let body = Some(body).filter(|body| !body.is_empty());
    Ok(json!({ "TemplateBody": body, "StagesAvailable": ["Original", "Processed"] }))
}

/// The template that a request is about: one that it gives, or a stack's.
fn asked(core: &Core, query: &Query) -> Result<String, Refusal> {
    if let Some(text) = body(core, query)? {
        return Ok(text);
    }
    if query.text("StackName").is_none() {
        return Err(Refusal::validation(
            "Either Template URL or Template Body must be specified.",
        ));
    }
    let state = core.store.state();
    let stack = named(&state, query)?;
    if stack.status == "REVIEW_IN_PROGRESS" {
        return Err(Refusal::validation(
            "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.",
        ));
    }
    Ok(stack.goal.body.clone())
}

fn read(text: &str) -> Result<Value, Refusal> {
    let template = source::parse(text)?;
    // What transforms make of it is not known here.
    transform::check(&template)?;
    if !transform::is_transformed(&template) {
        check::validate(&template)?;
    }
    Ok(template)
}

/// GetTemplateSummary.
pub fn summary(core: &Core, query: &Query) -> Answer {
    let text = asked(core, query)?;
    let template = read(&text)?;
    let types: BTreeSet<&str> = section(&template, "Resources")
        .filter_map(|(_, entry)| entry["Type"].as_str())
        .collect();
    let parameters = declared(&text, &template, |shown, rule, kind, allowed| {
        shown["ParameterType"] = json!(kind);
        shown["Description"] = rule["Description"].clone();
        shown["ParameterConstraints"] = match allowed {
            [] => json!({}),
            values => json!({ "AllowedValues": values }),
        };
    });
    let mut shown = common(&template);
    shown["Parameters"] = json!(parameters);
    shown["ResourceTypes"] = json!(types);
    shown["ResourceIdentifierSummaries"] = json!(identifiers(&template));
    shown["Version"] = template["AWSTemplateFormatVersion"].clone();
    shown["Metadata"] = json!(template.get("Metadata").map(Value::to_string));
    Ok(shown)
}

/// ValidateTemplate.
pub fn validate(core: &Core, query: &Query) -> Answer {
    let given = body(core, query)?.ok_or_else(|| {
        Refusal::validation("Either Template URL or Template Body must be specified.")
    });
    let text = given?;
    let template = read(&text)?;
    let parameters = declared(&text, &template, |shown, rule, _, _| {
        shown["Description"] = rule["Description"].clone();
    });
    let mut shown = common(&template);
    shown["Parameters"] = json!(parameters);
    Ok(shown)
}

/// EstimateTemplateCost, which answers where a calculator would be.
pub fn estimate_cost(core: &Core, query: &Query) -> Answer {
    let given = body(core, query)?.ok_or_else(|| {
        Refusal::validation("Either Template URL or Template Body must be specified.")
    });
    let template = read(&given?)?;
    structure::check(&template)?;
    let key = ids::uuid();
    Ok(json!({
        "Url": format!("https://calculator.s3.amazonaws.com/calc5.html?key=cloudformation/{key}")
    }))
}

fn declared(
    text: &str,
    template: &Value,
    more: impl Fn(&mut Value, &Value, &str, &[String]),
) -> Vec<Value> {
    let declared = Template::parse(text).map(|template| template.parameters);
    let each = declared.unwrap_or_default().into_iter();
    each.map(|parameter| {
        let mut shown = json!({
            "ParameterKey": parameter.name,
            "DefaultValue": parameter.default,
            "NoEcho": parameter.no_echo,
        });
        let rule = &template["Parameters"][&parameter.name];
        more(
            &mut shown,
            rule,
            &parameter.type_name,
            &parameter.allowed_values,
        );
        shown
    })
    .collect()
}

fn common(template: &Value) -> Value {
    let needed = capability(template);
    let types: BTreeSet<&str> = section(template, "Resources")
        .filter_map(|(_, entry)| entry["Type"].as_str())
        .collect();
    let why = needed.map(|_| {
        let iam: Vec<&str> = types
            .into_iter()
            .filter(|kind| kind.starts_with("AWS::IAM::"))
            .collect();
        format!(
            "The following resource(s) require capabilities: [{}]",
            iam.join(", ")
        )
    });
    let transforms = transform::names(&template["Transform"]);
    json!({
        "Description": template["Description"],
        "Capabilities": needed.map(|one| vec![one]),
        "CapabilitiesReason": why,
        "DeclaredTransforms": unless_empty(transforms.into_iter().map(|one| json!(one)).collect()),
    })
}

/// What identifies the resources of each type when they are imported.
fn identifiers(template: &Value) -> Vec<Value> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, entry) in section(template, "Resources") {
        if let Some(kind) = entry["Type"].as_str() {
            names.entry(kind).or_default().push(name);
        }
    }
    let shown = names.into_iter().filter_map(|(kind, names)| {
        let schema = schema::schema(kind)?;
        Some(json!({
            "ResourceType": kind,
            "LogicalResourceIds": names,
            "ResourceIdentifiers": schema.primary_identifier(),
        }))
    });
    shown.collect()
}

/// The capability that the template needs: IAM entities, and such with names of their own.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
pub fn capability(template: &Value) -> Option<&'static str> {
    const ENTITIES: &[(&str, &str)] = &[
        ("AWS::IAM::AccessKey", ""),
        ("AWS::IAM::Group", "GroupName"),
        ("AWS::IAM::InstanceProfile", "InstanceProfileName"),
        ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
        ("AWS::IAM::Policy", ""),
        ("AWS::IAM::Role", "RoleName"),
        ("AWS::IAM::User", "UserName"),
        ("AWS::IAM::UserToGroupAddition", ""),
    ];
    let mut needed = None;
    for (_, entry) in section(template, "Resources") {
        let Some((_, name)) = ENTITIES.iter().find(|(kind, _)| entry["Type"] == *kind) else {
            continue;
        };
        if !name.is_empty() && entry["Properties"].get(name).is_some() {
            return Some("CAPABILITY_NAMED_IAM");
        }
        needed = Some("CAPABILITY_IAM");
    }
    needed
}
