//! What the other services refuse when CloudFormation's handlers call them, and what makes them slow.
//!
//! Tables of rules over the stored state: nothing here waits, writes or asks anybody. What no stack
//! made is not known here, and is taken to be as it should be.

mod cognito;
mod dependents;
mod firewall;
mod functions;
mod gateway;
pub mod limits;
mod names;
pub mod network;
mod patience;
pub mod policies;
mod quotas;
mod redshift;
mod roles;
mod words;

pub use self::cognito::STANDARD as STANDARD_ATTRIBUTES;
pub use self::dependents::is_full;
pub use self::firewall::needed as capacity_units;
pub use self::functions::CONCURRENCY;
pub use self::names::existing;
pub use self::patience::{Wait, on_create, on_delete};

use self::words::No;
use super::formation::evaluate::Place;
use super::model::{Resource, Stack, State};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The account that a handler works in.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// What is remembered.
    pub state: &'a State,
    /// Where the stack is.
    pub place: &'a Place,
    /// Where the objects of buckets are.
    pub directory: &'a Path,
    /// The day, as `2026-01-31`.
    pub today: &'a str,
}

/// A call of a handler.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    world: &'a World<'a>,
    /// The stack that the resource belongs to.
    stack: &'a Stack,
    /// The resource: as it is to be or, on delete, as it is.
    wanted: &'a Resource,
    /// The resource before an update.
    old: Option<&'a Resource>,
}

type Rule = fn(&Call<'_>) -> Option<No>;

/// Rules by resource type; a type that ends in `::` stands for all that begin so.
type Rules = [(&'static str, Rule)];

const CREATE: &Rules = &[
    ("AWS::", names::taken),
    ("AWS::", quotas::reached),
    ("AWS::ApiGateway::Deployment", gateway::without_methods),
    ("AWS::ApiGateway::Stage", gateway::without_log_role),
    ("AWS::Cognito::UserPool", cognito::attributes),
    ("AWS::Cognito::UserPoolDomain", cognito::domain),
    ("AWS::EC2::Route", network::route),
    ("AWS::EC2::Subnet", network::subnet),
    ("AWS::EC2::VPC", network::block),
    ("AWS::IAM::", policies::documents),
    ("AWS::IAM::ManagedPolicy", roles::too_many_on_others),
    ("AWS::IAM::Role", roles::too_many),
    ("AWS::KMS::Key", policies::lockout),
    ("AWS::Lambda::Function", functions::runtime_on_create),
    ("AWS::Lambda::Function", functions::settings),
    ("AWS::RedshiftServerless::Namespace", redshift::namespace),
    (
        "AWS::RedshiftServerless::Workgroup",
        redshift::one_a_namespace,
    ),
    ("AWS::RedshiftServerless::Workgroup", redshift::workgroup),
    ("AWS::WAFv2::", firewall::capacity),
    ("AWS::WAFv2::WebACLAssociation", firewall::association),
];

const UPDATE: &Rules = &[
    ("AWS::ApiGateway::Stage", gateway::without_log_role),
    ("AWS::Cognito::UserPool", cognito::changed_attributes),
    ("AWS::EC2::SecurityGroup", quotas::rules),
    ("AWS::IAM::", policies::documents),
    ("AWS::IAM::ManagedPolicy", roles::too_many_on_others),
    ("AWS::IAM::Role", roles::too_many),
    ("AWS::KMS::Key", policies::lockout),
    ("AWS::Lambda::Function", functions::runtime_on_update),
    ("AWS::Lambda::Function", functions::settings),
    ("AWS::RedshiftServerless::Namespace", redshift::namespace),
    ("AWS::RedshiftServerless::Workgroup", redshift::workgroup),
    ("AWS::WAFv2::", firewall::capacity),
];

const DELETE: &Rules = &[
    ("AWS::", dependents::used),
    ("AWS::Cognito::UserPool", cognito::protected),
    ("AWS::EC2::SecurityGroup", dependents::group),
    ("AWS::EC2::Subnet", dependents::subnet),
    ("AWS::EC2::VPCGatewayAttachment", dependents::attachment),
    ("AWS::IAM::Role", roles::attached),
    ("AWS::S3::Bucket", dependents::bucket),
    ("AWS::WAFv2::WebACL", firewall::associated),
];

/// Why the resource cannot be created, as its event says it.
pub fn refuse_create(world: &World<'_>, stack: &Stack, wanted: &Resource) -> Option<String> {
    let call = Call {
        world,
        stack,
        wanted,
        old: None,
    };
    first(CREATE, &call)
}

/// Why the resource cannot be brought from what it was to what is wanted.
pub fn refuse_update(
    world: &World<'_>,
    stack: &Stack,
    old: &Resource,
    wanted: &Resource,
) -> Option<String> {
    let call = Call {
        world,
        stack,
        wanted,
        old: Some(old),
    };
    first(UPDATE, &call)
}

/// Why the resource cannot be deleted.
pub fn refuse_delete(world: &World<'_>, stack: &Stack, resource: &Resource) -> Option<String> {
    if resource.is_gone() {
        return None;
    }
    let call = Call {
        world,
        stack,
        wanted: resource,
        old: None,
    };
    first(DELETE, &call)
}

fn first(rules: &Rules, call: &Call<'_>) -> Option<String> {
    let kind = call.wanted.kind.as_str();
    let of_kind = rules
        .iter()
        .filter(|(name, _)| kind == *name || (name.ends_with("::") && kind.starts_with(name)));
    of_kind
        .filter_map(|(_, rule)| rule(call))
        .next()
        .map(No::told)
}

/// A resource that exists, and its stack if it has one.
#[derive(Debug, Clone, Copy)]
struct Held<'a> {
    stack: Option<&'a Stack>,
    resource: &'a Resource,
}

impl Held<'_> {
    /// A property as text; empty where it has none.
    fn text(&self, name: &str) -> &str {
        text(self.resource.actual(), name)
    }

    fn holds(&self, name: &str, value: &str) -> bool {
        holds(&self.resource.actual()[name], value)
    }
}

impl<'a> World<'a> {
    /// Everything that exists: of stacks, left over by an update under way, kept by a policy.
    fn everything(&self) -> impl Iterator<Item = Held<'a>> + use<'a> {
        let all = self.state.existing();
        all.map(|(stack, resource)| Held { stack, resource })
    }

    /// Everything of a type that exists.
    fn all<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = Held<'a>> + use<'a, 'b> {
        self.everything()
            .filter(move |held| held.resource.kind == kind)
    }

    /// Whether a text is an attribute that only stands in for one that is not known here.
    fn is_invented(&self, text: &str) -> bool {
        let mut all = self.everything();
        all.any(|held| {
            let rest = text.strip_prefix(&held.resource.physical_id);
            rest.is_some_and(|rest| rest.starts_with('.'))
        })
    }

    /// The resource of that type and physical id.
    fn find(&self, kind: &str, physical_id: &str) -> Option<Held<'a>> {
        self.all(kind)
            .find(|held| held.resource.physical_id == physical_id)
    }
}

impl<'a> Call<'a> {
    /// What is asked of the resource, or how it is.
    fn properties(&self) -> &'a Value {
        self.wanted.actual()
    }

    /// A property as text; empty where there is none.
    fn text(&self, name: &str) -> &'a str {
        text(self.wanted.actual(), name)
    }

    /// Everything of a type that exists, but for the resource itself.
    fn others(&self, kind: &str) -> impl Iterator<Item = Held<'a>> + use<'a, '_> {
        let kind = kind.to_owned();
        self.world.everything().filter(move |held| {
            held.resource.kind == kind
                && (held.resource.kind != self.wanted.kind
                    || held.resource.physical_id != self.wanted.physical_id)
        })
    }

    /// Whether it belongs to the same stack.
    fn is_own(&self, held: &Held<'_>) -> bool {
        held.stack.is_some_and(|stack| stack.id == self.stack.id)
    }

    /// Whether it is certain to be there before the resource is made: it was there before the
    /// operation, or the resource depends on it. Without either, who comes first is chance.
    fn comes_first(&self, held: &Held<'_>) -> bool {
        if !self.is_own(held) {
            return true;
        }
        let name = &held.resource.logical_id;
        let before = self.stack.operation.before.as_ref();
        before.is_some_and(|before| before.resources.contains_key(name))
            || self.ancestors().contains(name.as_str())
    }

    fn ancestors(&self) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = self.wanted.depends_on.iter().map(String::as_str).collect();
        while let Some(name) = open.pop() {
            if found.insert(name)
                && let Some(resource) = self.stack.resources.get(name)
            {
                open.extend(resource.depends_on.iter().map(String::as_str));
            }
        }
        found
    }
}

/// A property as text; empty where there is none.
pub fn text<'a>(properties: &'a Value, name: &str) -> &'a str {
    properties[name].as_str().unwrap_or_default()
}

/// A property as a number, which may stand as text.
pub fn number(properties: &Value, name: &str) -> Option<f64> {
    match &properties[name] {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

/// A property as a flag, which may stand as text.
pub fn flag(properties: &Value, name: &str) -> bool {
    match &properties[name] {
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        other => other.as_bool().unwrap_or_default(),
    }
}

/// Whether a value is that text, or a list with it.
pub fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
