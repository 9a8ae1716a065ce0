//! SimulatePrincipalPolicy: what a role of the stacks may, and the caller, who may everything.

use super::policies::{attached, inline, managed};
use super::verdict::{Asked, Context, Verdict, judge};
use super::{missing, page};
use crate::local::life::policies::read;
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::services::holdings::{Held, Holdings};
use crate::local::services::sts;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What decides: the policies, each with what it is called, and the boundary that none exceeds.
struct Source<'a> {
    policies: Vec<(String, Cow<'a, Value>)>,
    boundary: Option<Cow<'a, Value>>,
}

/// SimulatePrincipalPolicy.
pub(super) fn simulate(view: &Holdings<'_>, query: &Query) -> Result<Value, Refusal> {
    let mut source = source(view, query.required("PolicySourceArn")?)?;
    for (at, text) in query.list("PolicyInputList").into_iter().enumerate() {
        let document = serde_json::from_str(&text)
            .map_err(|_| Refusal::new(400, "InvalidInput", "Syntax errors in policy."))?;
        let name = format!("PolicyInputList.{}", at + 1);
        source.policies.push((name, Cow::Owned(document)));
    }
    let actions = query.list("ActionNames");
    if actions.is_empty() {
        query.required("ActionNames")?;
    }
    if let Some(wrong) = actions.iter().find(|action| !action.contains(':')) {
        let words = format!("Invalid action: {wrong}");
        return Err(Refusal::new(400, "InvalidInput", words));
    }
    let mut resources = query.list("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let context = context(query);
    let pairs = actions
        .iter()
        .flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    let results = pairs.map(|(action, resource)| {
        let asked = Asked {
            action,
            resource,
            context: &context,
        };
        result(&source, &asked)
    });
    let results: Vec<Value> = results.collect();
    page("EvaluationResults", &results, query)
}

fn source<'a>(view: &Holdings<'a>, arn: &str) -> Result<Source<'a>, Refusal> {
    let unclear = || {
        let words =
            format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.");
        Refusal::new(400, "InvalidInput", words)
    };
    let entity = arn
        .strip_prefix(&format!("arn:{}:iam::", view.place.partition()))
        .and_then(|rest| rest.split_once(':'));
    let (account, entity) = entity.ok_or_else(unclear)?;
    let (kind, path) = entity.split_once('/').ok_or_else(unclear)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let own = account == view.place.account;
    match kind {
        "role" => {
            let role = view.find("AWS::IAM::Role", name).filter(|_| own);
            let role =
                role.ok_or_else(|| missing(format!("The role with name {name} cannot be found.")))?;
            Ok(of_role(view, role))
        }
        "user" if own && name == sts::CALLER => Ok(of_caller(view)),
        "user" => Err(missing(format!(
            "The user with name {name} cannot be found."
        ))),
        _ => Err(unclear()),
    }
}

/// Whoever calls may everything: nothing here asks who it is.
fn of_caller<'a>(view: &Holdings<'a>) -> Source<'a> {
    const ALL: &str = "AdministratorAccess";
    let arn = format!("arn:{}:iam::aws:policy/{ALL}", view.place.partition());
    let document = managed(view, &arn).map(|document| (ALL.to_owned(), Cow::Borrowed(document)));
    Source {
        policies: document.into_iter().collect(),
        boundary: None,
    }
}

fn of_role<'a>(view: &Holdings<'a>, role: Held<'a>) -> Source<'a> {
    let own = inline(view, role).into_iter();
    let own = own.map(|policy| {
        (
            format!("role_{}_{}", role.id(), policy.name),
            policy.document,
        )
    });
    let managed_ones = attached(view, role).into_iter();
    let managed_ones = managed_ones.filter_map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        Some((name, managed(view, &arn)?))
    });
    let policies = own
        .chain(managed_ones)
        .filter_map(|(name, document)| Some((name, read(document)?)))
        .collect();
    let boundary = role.text("PermissionsBoundary");
    Source {
        policies,
        boundary: managed(view, boundary).and_then(read),
    }
}

fn context(query: &Query) -> Context {
    let rows = query.rows("ContextEntries").into_iter();
    rows.filter_map(|row| {
        let key = row.get("ContextKeyName")?.to_lowercase();
        let values = (1..).map_while(|n| row.get(&format!("ContextKeyValues.member.{n}")));
        Some((key, values.cloned().collect()))
    })
    .collect()
}

fn result(source: &Source<'_>, asked: &Asked<'_>) -> Value {
    let mut missing = BTreeSet::new();
    let judged = source.policies.iter();
    let judged: Vec<(&String, Verdict)> = judged
        .map(|(name, document)| (name, judge(document, asked, &mut missing)))
        .collect();
    let verdicts = judged.iter().map(|(_, verdict)| *verdict);
    let mut verdict = verdicts.fold(Verdict::Implicit, Ord::max);
    let within = source
        .boundary
        .as_ref()
        .map(|boundary| judge(boundary, asked, &mut missing));
    verdict = match (verdict, within) {
        (_, Some(Verdict::Explicit)) => Verdict::Explicit,
        (Verdict::Allowed, Some(Verdict::Implicit)) => Verdict::Implicit,
        (verdict, _) => verdict,
    };
    let matched = judged
        .iter()
        .filter(|(_, one)| *one == verdict && verdict != Verdict::Implicit);
    let matched: Vec<Value> = matched
        .map(|(name, _)| json!({ "SourcePolicyId": name, "SourcePolicyType": "IAM Policy" }))
        .collect();
    let boundary =
        within.map(|within| json!({ "AllowedByPermissionsBoundary": within == Verdict::Allowed }));
    json!({
        "EvalActionName": asked.action,
        "EvalResourceName": asked.resource,
        "EvalDecision": verdict.name(),
        "MatchedStatements": matched,
        "MissingContextValues": missing,
        "PermissionsBoundaryDecisionDetail": boundary,
    })
}
