//! IAM, read: the roles of the stacks, and what they may.

mod policies;
mod simulation;
mod verdict;

use self::policies::inline;
use super::changes;
use crate::local::core::Core;
use crate::local::ids;
use crate::local::life::limits;
use crate::local::query::{Query, encode};
use crate::local::refusal::Refusal;
use crate::local::services::holdings::{Held, Holdings};
use crate::local::services::pages::Paging;
use serde_json::{Value, json};

/// The namespace of its answers.
pub const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

type Read = fn(&Holdings<'_>, &Query) -> Result<Value, Refusal>;

const READS: &[(&str, Read)] = &[
    ("GetAccountSummary", summary),
    ("GetRole", role),
    ("GetRolePolicy", role_policy),
    ("ListAttachedRolePolicies", attached_policies),
    ("ListRolePolicies", role_policies),
    ("ListRoles", roles),
    ("SimulatePrincipalPolicy", simulation::simulate),
];

/// Answers a request of the Query protocol.
pub fn answer(core: &Core, action: &str, query: &Query) -> Result<Value, Refusal> {
    let Some((_, read)) = READS.iter().find(|(name, _)| *name == action) else {
        let reads = ["Get", "List", "Simulate", "Generate"];
        return Err(if reads.iter().any(|verb| action.starts_with(verb)) {
            let words = format!("Could not find operation {action} for version 2010-05-08");
            Refusal::new(400, "InvalidAction", words)
        } else {
            changes("IAM", action)
        });
    };
    let state = core.store.state();
    read(&Holdings::new(core, &state), query)
}

/// What the items of a list are called in an action's answer.
pub fn item(action: &str) -> &'static str {
    if action == "GetAccountSummary" {
        "entry"
    } else {
        "member"
    }
}

fn missing(words: String) -> Refusal {
    Refusal::new(404, "NoSuchEntity", words)
}

fn named<'a>(view: &Holdings<'a>, name: &str) -> Result<Held<'a>, Refusal> {
    view.find("AWS::IAM::Role", name)
        .ok_or_else(|| missing(format!("The role with name {name} cannot be found.")))
}

fn role(view: &Holdings<'_>, query: &Query) -> Result<Value, Refusal> {
    let held = named(view, query.required("RoleName")?)?;
    let mut role = shown(view, held);
    let tags = held.tags().into_iter();
    role["Tags"] = tags
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect();
    let boundary = held.text("PermissionsBoundary");
    if !boundary.is_empty() {
        role["PermissionsBoundary"] = json!({
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": boundary,
        });
    }
    role["RoleLastUsed"] = json!({});
    Ok(json!({ "Role": role }))
}

fn shown(view: &Holdings<'_>, held: Held<'_>) -> Value {
    let properties = held.properties();
    let path = path(held);
    let arn = view.attribute(held, "Arn");
    // The path is part of an ARN: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    let arn = arn.replacen(":role/", &format!(":role{path}"), 1);
    let id = ids::stable(held.id())[..17].to_uppercase();
    json!({
        "Path": path,
        "RoleName": held.id(),
        "RoleId": format!("AROA{id}"),
        "Arn": arn,
        "CreateDate": held.created(),
        "AssumeRolePolicyDocument": document(&properties["AssumeRolePolicyDocument"]),
        "Description": properties["Description"],
        "MaxSessionDuration": properties["MaxSessionDuration"].as_u64().unwrap_or(3600),
    })
}

fn path<'a>(held: Held<'a>) -> &'a str {
    match held.text("Path") {
        "" => "/",
        path => path,
    }
}

/// A document as IAM answers it, with percent encoding.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>
fn document(document: &Value) -> String {
    let text = match document {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    encode(&text).replace('/', "%2F")
}

fn roles(view: &Holdings<'_>, query: &Query) -> Result<Value, Refusal> {
    let prefix = query.text("PathPrefix").unwrap_or("/");
    let mut all = view.all("AWS::IAM::Role");
    all.retain(|held| path(*held).starts_with(prefix));
    let all: Vec<Value> = all.iter().map(|held| shown(view, *held)).collect();
    page("Roles", &all, query)
}

fn role_policies(view: &Holdings<'_>, query: &Query) -> Result<Value, Refusal> {
    let held = named(view, query.required("RoleName")?)?;
    let names = inline(view, held).into_iter();
    let names: Vec<Value> = names.map(|policy| json!(policy.name)).collect();
    page("PolicyNames", &names, query)
}

fn role_policy(view: &Holdings<'_>, query: &Query) -> Result<Value, Refusal> {
    let (role, name) = (query.required("RoleName")?, query.required("PolicyName")?);
    let held = named(view, role)?;
    let mut all = inline(view, held).into_iter();
    let found = all.find(|policy| policy.name == name);
    let found = found
        .ok_or_else(|| missing(format!("The role policy with name {name} cannot be found.")))?;
    Ok(json!({
        "RoleName": role,
        "PolicyName": name,
        "PolicyDocument": document(found.document),
    }))
}

fn attached_policies(view: &Holdings<'_>, query: &Query) -> Result<Value, Refusal> {
    let held = named(view, query.required("RoleName")?)?;
    let prefix = query.text("PathPrefix").unwrap_or("/");
    let attached = policies::attached(view, held).into_iter();
    // What stands between `:policy` and the name is the path.
    let attached = attached.filter(|arn| {
        let path = arn.split_once(":policy").map_or("/", |(_, path)| path);
        path.starts_with(prefix)
    });
    let attached = attached.map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or_default();
        json!({ "PolicyName": name, "PolicyArn": arn })
    });
    let attached: Vec<Value> = attached.collect();
    page("AttachedPolicies", &attached, query)
}

/// What the account holds, and may hold.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>
fn summary(view: &Holdings<'_>, _: &Query) -> Result<Value, Refusal> {
    let count = |kind: &str| view.all(kind).len();
    let rows = [
        ("AccountMFAEnabled", 1),
        ("AttachedPoliciesPerRoleQuota", limits::ROLE_POLICIES.most),
        ("Groups", count("AWS::IAM::Group")),
        ("GroupsQuota", 300),
        ("InstanceProfiles", count("AWS::IAM::InstanceProfile")),
        ("InstanceProfilesQuota", 1000),
        ("Policies", count("AWS::IAM::ManagedPolicy")),
        ("PoliciesQuota", 1500),
        ("Roles", count("AWS::IAM::Role")),
        ("RolesQuota", limits::ROLES.most),
        ("Users", count("AWS::IAM::User")),
        ("UsersQuota", 5000),
    ];
    let rows = rows.into_iter();
    let rows: Vec<Value> = rows
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    Ok(json!({ "SummaryMap": rows }))
}

/// A page of a list, as IAM cuts it.
fn page(list: &'static str, items: &[Value], query: &Query) -> Result<Value, Refusal> {
    let paging = Paging {
        list,
        next: "Marker",
        usual: 100,
        most: 1000,
    };
    let limit = query.text("MaxItems").and_then(|text| text.parse().ok());
    let page = paging.page(items, query.text("Marker"), limit);
    let mut page = page.ok_or_else(|| Refusal::validation("Invalid Marker."))?;
    page["IsTruncated"] = json!(page.get("Marker").is_some());
    Ok(page)
}
