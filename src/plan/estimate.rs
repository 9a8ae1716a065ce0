//! How long a plan takes: from what the resources of earlier runs took and, where there were none, from
//! what their types typically take. An estimate, and said as one.

use super::effects::{Certainty, Effects, Fate};
use super::{Action, Plan};
use crate::project::Project;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How long a create typically takes, in seconds, for what takes longer than most. Replacements and
/// deletions take about as long.
pub const SECONDS: &[(&str, f64)] = &[
    ("AWS::ApiGateway::", 2.0),
    ("AWS::CloudFront::Distribution", 240.0),
    ("AWS::Cognito::", 4.0),
    ("AWS::EC2::FlowLog", 5.0),
    ("AWS::EC2::InternetGateway", 16.0),
    ("AWS::EC2::NatGateway", 100.0),
    ("AWS::EC2::VPC", 13.0),
    ("AWS::EKS::Cluster", 540.0),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", 150.0),
    ("AWS::IAM::", 17.0),
    ("AWS::Lambda::Function", 8.0),
    ("AWS::OpenSearchService::Domain", 900.0),
    ("AWS::RDS::", 400.0),
    ("AWS::Redshift::Cluster", 300.0),
    ("AWS::RedshiftServerless::Namespace", 60.0),
    ("AWS::RedshiftServerless::Workgroup", 180.0),
    ("AWS::S3::Bucket", 23.0),
    ("AWS::WAFv2::", 10.0),
];

/// What a stack's operation takes beside its resources, in seconds: the change set, the validations and
/// the turns of the service itself.
const OPERATION: f64 = 5.0;

/// What the resources of a type took in earlier runs, in seconds.
pub type History = BTreeMap<String, f64>;

/// What a plan takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Times {
    /// Along the critical path, in seconds.
    pub seconds: u64,
    /// The stacks on that path, in order.
    pub path: Vec<String>,
    /// Each stack that something is done to, in seconds.
    pub stacks: BTreeMap<String, u64>,
    /// Whether earlier runs tell of all the types, and not typical times.
    pub measured: bool,
}

/// What a resource of the type typically takes, in seconds.
pub fn of_type(kind: &str) -> f64 {
    SECONDS
        .iter()
        .find(|(start, _)| kind.starts_with(start))
        .map_or(4.0, |(_, seconds)| *seconds)
}

/// What the plan takes; nothing where nothing is done.
pub fn times(project: &Project, plan: &Plan, history: &History) -> Option<Times> {
    let mut ends: BTreeMap<&str, (f64, Option<String>)> = BTreeMap::new();
    let mut stacks = BTreeMap::new();
    let mut measured = true;
    for step in plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Nothing)
    {
        let needs = project.graph.dependencies_of(&step.stack);
        let last = needs
            .iter()
            .filter_map(|name| Some((ends.get(name.as_str())?.0, name)))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let (start, behind) = last.map_or((0.0, None), |(at, name)| (at, Some(name.clone())));
        let time = match (project.prepared.get(&step.stack), &step.effects) {
            (Some(ready), Some(effects)) => {
                let (time, known) = of_stack(&ready.template.body, effects, history);
                measured &= known;
                time
            }
            // What runs already, or goes.
            _ => OPERATION,
        };
        stacks.insert(step.stack.clone(), whole(time));
        ends.insert(&step.stack, (start + time, behind));
    }
    let (mut at, (seconds, _)) = ends.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0))?;
    let mut path = vec![(*at).to_owned()];
    while let Some((_, Some(behind))) = ends.get(*at) {
        path.push(behind.clone());
        let (name, _) = ends.get_key_value(behind.as_str())?;
        at = name;
    }
    path.reverse();
    Some(Times {
        seconds: whole(*seconds),
        path,
        stacks,
        measured,
    })
}

/// A sum of small positive numbers.
fn whole(seconds: f64) -> u64 {
    seconds.round() as u64
}

/// What a stack takes along its longest line of resources, and whether earlier runs tell of all of it.
fn of_stack(body: &serde_json::Value, effects: &Effects, history: &History) -> (f64, bool) {
    let mut measured = true;
    let mut own: BTreeMap<&str, f64> = BTreeMap::new();
    for one in &effects.resources {
        let time = history.get(&one.kind).copied();
        measured &= time.is_some();
        let time = time.unwrap_or_else(|| of_type(&one.kind));
        // What is changed in place takes the least.
        let in_place = one.action == Fate::Modify && one.replacement == Certainty::No;
        own.insert(&one.name, if in_place { time.min(4.0) } else { time });
    }
    if own.is_empty() {
        return (0.0, true);
    }
    let mut lengths = BTreeMap::new();
    let longest = own
        .keys()
        .map(|name| length(body, &own, name, &mut lengths, &mut BTreeSet::new()))
        .fold(0.0, f64::max);
    (longest + OPERATION, measured)
}

fn length<'a>(
    body: &'a serde_json::Value,
    own: &BTreeMap<&str, f64>,
    name: &'a str,
    lengths: &mut BTreeMap<&'a str, f64>,
    open: &mut BTreeSet<&'a str>,
) -> f64 {
    if let Some(known) = lengths.get(name) {
        return *known;
    }
    // A circle is the service's to refuse.
    if !open.insert(name) {
        return 0.0;
    }
    let mut longest: f64 = 0.0;
    for need in super::effects::needs(&body["Resources"][name]) {
        if let Some((need, _)) = body["Resources"]
            .as_object()
            .and_then(|all| all.get_key_value(&need))
        {
            longest = longest.max(length(body, own, need, lengths, open));
        }
    }
    open.remove(name);
    let whole = longest + own.get(name).copied().unwrap_or_default();
    lengths.insert(name, whole);
    whole
}

#[cfg(test)]
mod tests {
    use super::super::effects::effects;
    use super::super::resolve::{Place, Scope};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_slow_ones_are_slow() {
        assert!(of_type("AWS::RedshiftServerless::Workgroup") > of_type("AWS::SQS::Queue"));
    }

    #[test]
    fn a_stack_takes_as_long_as_its_longest_line() {
        let body = json!({"Resources": {
            "A": {"Type": "AWS::S3::Bucket"},
            "B": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": {"Fn::Sub": "${A.Arn}"}}},
            "C": {"Type": "AWS::S3::Bucket", "DependsOn": ["B"]},
            "D": {"Type": "AWS::SNS::Topic"},
        }});
        let scope = Scope::new(&body, BTreeMap::new(), Place::default());
        let effects = effects(None, &scope, false);
        let typical = of_stack(&body, &effects, &History::new());
        assert_eq!(typical, (23.0 + 17.0 + 23.0 + OPERATION, false));
        let history = ["AWS::S3::Bucket", "AWS::IAM::Role", "AWS::SNS::Topic"];
        let history = history
            .map(|kind| (kind.to_owned(), 1.0))
            .into_iter()
            .collect();
        assert_eq!(of_stack(&body, &effects, &history), (3.0 + OPERATION, true));
    }
}
