//! Names that are taken.

use super::words::{No, no};
use super::{Call, Held};
use crate::local::formation::evaluate::same;
use crate::local::model::State;
use crate::local::services::s3;
use crate::template::schema::{self, Schema};
use serde_json::{Value, json};
use std::sync::Arc;

/// What must be unique though it is not, or not alone, what identifies the type.
struct Unique {
    kind: &'static str,
    properties: &'static [&'static str],
    service: &'static str,
    status: u16,
    /// `{0}` is the first property's value, and so on.
    words: &'static str,
}

const fn unique(
    kind: &'static str,
    properties: &'static [&'static str],
    (service, status): (&'static str, u16),
    words: &'static str,
) -> Unique {
    Unique {
        kind,
        properties,
        service,
        status,
        words,
    }
}

const BUCKET: &str = "AWS::S3::Bucket";

const WAF: &str = "AWS WAF couldn’t perform the operation because some resource in your request is a \
                   duplicate of an existing one.";

const UNIQUE: &[Unique] = &[
    // https://docs.aws.amazon.com/apigateway/latest/api/API_PutMethod.html
    unique(
        "AWS::ApiGateway::Method",
        &["RestApiId", "ResourceId", "HttpMethod"],
        ("ApiGateway", 409),
        "Method already exists for this resource",
    ),
    // https://docs.aws.amazon.com/apigateway/latest/api/API_CreateResource.html
    unique(
        "AWS::ApiGateway::Resource",
        &["RestApiId", "ParentId", "PathPart"],
        ("ApiGateway", 409),
        "Another resource with the same parent already has this name: {2}",
    ),
    // https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html
    unique(
        "AWS::Cognito::UserPoolDomain",
        &["Domain"],
        ("CognitoIdentityProvider", 400),
        "Domain already associated with another user pool.",
    ),
    // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html
    unique(
        "AWS::EC2::Route",
        &["RouteTableId", "DestinationCidrBlock"],
        ("Ec2", 400),
        "The route identified by {1} already exists.",
    ),
    // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    unique(
        "AWS::EC2::SecurityGroup",
        &["GroupName", "VpcId"],
        ("Ec2", 400),
        "The security group '{0}' already exists for VPC '{1}'",
    ),
    // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
    unique(
        "AWS::IAM::ManagedPolicy",
        &["ManagedPolicyName"],
        ("Iam", 409),
        "A policy called {0} already exists. Duplicate names are not allowed.",
    ),
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html
    unique(
        "AWS::S3::BucketPolicy",
        &["Bucket"],
        ("", 0),
        "The bucket policy already exists on bucket {0}.",
    ),
    // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    unique(
        "AWS::SecretsManager::Secret",
        &["Name"],
        ("SecretsManager", 400),
        "The operation failed because the secret {0} already exists.",
    ),
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    unique("AWS::SQS::Queue", &["QueueName"], ("", 0), ""),
    // https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
    unique("AWS::SNS::Topic", &["TopicName"], ("", 0), ""),
    // https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
    unique(
        "AWS::StepFunctions::StateMachine",
        &["StateMachineName"],
        ("", 0),
        "",
    ),
    // https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html
    unique("AWS::WAFv2::IPSet", &["Name", "Scope"], ("Wafv2", 400), WAF),
    unique(
        "AWS::WAFv2::RegexPatternSet",
        &["Name", "Scope"],
        ("Wafv2", 400),
        WAF,
    ),
    unique(
        "AWS::WAFv2::RuleGroup",
        &["Name", "Scope"],
        ("Wafv2", 400),
        WAF,
    ),
    unique(
        "AWS::WAFv2::WebACL",
        &["Name", "Scope"],
        ("Wafv2", 400),
        WAF,
    ),
];

/// What identifies the resource that these properties ask for, if there is one already, kept ones
/// included.
pub fn existing(state: &State, kind: &str, properties: &Value) -> Option<String> {
    let identity = Identity::of(kind)?;
    let given = identity.values(properties)?;
    let owned = state.stacks.iter().flat_map(|stack| {
        let exists = stack.status != "DELETE_COMPLETE";
        stack.resources.values().filter(move |_| exists)
    });
    let mut all = owned.chain(&state.account.kept);
    let is_there = all.any(|held| {
        held.kind == kind
            && !held.physical_id.is_empty()
            && !held.is_gone()
            && identity.values(&held.properties).as_ref() == Some(&given)
    });
    is_there.then(|| given.join("|"))
}

/// The properties that identify resources of a type, where all of them are given by whoever asks for one.
struct Identity(Arc<Schema>);

impl Identity {
    fn of(kind: &str) -> Option<Self> {
        if kind.starts_with("AWS::CloudFormation::") {
            return None;
        }
        let schema = schema::schema(kind)?;
        let paths = schema.primary_identifier();
        let given =
            !paths.is_empty() && !paths.iter().any(|path| schema.read_only().contains(path));
        given.then(|| Self(schema))
    }

    /// Their values, where the properties have all of them.
    fn values<'a>(&self, properties: &'a Value) -> Option<Vec<&'a str>> {
        let value = |path: &String| {
            let mut parts = path.split('.');
            parts
                .try_fold(properties, |at, part| at.get(part))?
                .as_str()
        };
        self.0.primary_identifier().iter().map(value).collect()
    }
}

/// Why the resource cannot have its name.
pub(super) fn taken(call: &Call<'_>) -> Option<No> {
    let kind = call.wanted.kind.as_str();
    let row = UNIQUE.iter().find(|row| row.kind == kind);
    if let Some(row) = row {
        let values: Option<Vec<&str>> = row
            .properties
            .iter()
            .map(|name| Some(call.text(name)).filter(|value| !value.is_empty()))
            .collect();
        let values = values?;
        let holder = call.others(kind).find(|held| {
            let own = &held.resource.properties;
            row.properties
                .iter()
                .zip(&values)
                .all(|(name, value)| own[*name] == **value)
        })?;
        return refusal(call, &holder, row, &values);
    }
    let identity = Identity::of(kind)?;
    let given = identity.values(&call.wanted.properties)?;
    // Whoever's it is: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    if kind == BUCKET && s3::is_requested(call.world.directory, &given.join("|")) {
        return Some(exists(&given.join("|")));
    }
    let holder = call
        .others(kind)
        .find(|held| identity.values(&held.resource.properties).as_ref() == Some(&given))?;
    let name = given.join("|");
    Some(match holder.stack {
        _ if is_replaced(call, &holder) => custom_named(&name),
        Some(owner) => in_stack(&name, &owner.id),
        None if kind == BUCKET => exists(&name),
        None => generic(kind, &name),
    })
}

fn refusal(call: &Call<'_>, holder: &Held<'_>, row: &Unique, values: &[&str]) -> Option<No> {
    let name = &holder.resource.physical_id;
    if is_replaced(call, holder) {
        return Some(custom_named(values.first().unwrap_or(&name.as_str())));
    }
    if row.words.is_empty() {
        return match holder.stack {
            Some(owner) => Some(in_stack(name, &owner.id)),
            None if row.kind == "AWS::SQS::Queue" => other_queue(call, holder),
            None => Some(generic(row.kind, name)),
        };
    }
    let words = values
        .iter()
        .enumerate()
        .fold(row.words.to_owned(), |words, (at, value)| {
            words.replace(&format!("{{{at}}}"), value)
        });
    Some(match row.service {
        "" => No::Own(words),
        service => no(service, words).with(row.status, "AlreadyExists"),
    })
}

/// Whether the resource is to take the place of the one that has the name.
fn is_replaced(call: &Call<'_>, holder: &Held<'_>) -> bool {
    call.is_own(holder) && holder.resource.logical_id == call.wanted.logical_id
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
fn custom_named(name: &str) -> No {
    No::Own(format!(
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. \
         Rename {name} and update the stack again."
    ))
}

fn in_stack(name: &str, stack: &str) -> No {
    No::Own(format!("{name} already exists in stack {stack}"))
}

fn exists(name: &str) -> No {
    No::Own(format!("{name} already exists"))
}

fn generic(kind: &str, name: &str) -> No {
    No::Handler(
        "AlreadyExists",
        format!("Resource of type '{kind}' with identifier '{name}' already exists."),
    )
}

/// A queue that no stack has may be taken over, if it is set as is asked.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
fn other_queue(call: &Call<'_>, holder: &Held<'_>) -> Option<No> {
    let defaults = [
        ("VisibilityTimeout", json!(30)),
        ("DelaySeconds", json!(0)),
        ("MessageRetentionPeriod", json!(345_600)),
        ("ReceiveMessageWaitTimeSeconds", json!(0)),
        ("MaximumMessageSize", json!(1_048_576)),
        ("KmsMasterKeyId", Value::Null),
        ("RedrivePolicy", Value::Null),
    ];
    let (asked, has) = (call.properties(), holder.resource.actual());
    let (name, _) = defaults.iter().find(|(name, default)| {
        asked
            .get(name)
            .is_some_and(|wanted| !same(wanted, has.get(name).unwrap_or(default)))
    })?;
    let words = format!(
        "A queue already exists with the same name and a different value for attribute {name}"
    );
    Some(no("Sqs", words).with(400, "AlreadyExists"))
}
