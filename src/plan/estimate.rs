//! How long a plan takes, from what resource types typically take. An estimate, and said as one.

use super::{Action, Plan};
use crate::project::Project;
use std::collections::BTreeMap;

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

/// What a resource of the type typically takes, in seconds.
pub fn of_type(kind: &str) -> f64 {
    SECONDS
        .iter()
        .find(|(start, _)| kind.starts_with(start))
        .map_or(4.0, |(_, seconds)| *seconds)
}

/// What the plan takes along its critical path, in seconds. A stack takes as long as its slowest
/// resources one after the other would, three of them, since resources rarely stand in a longer line.
pub fn seconds(project: &Project, plan: &Plan) -> u64 {
    let mut ends: BTreeMap<&str, f64> = BTreeMap::new();
    for step in &plan.steps {
        let needs = project.graph.dependencies_of(&step.stack);
        let start = needs.iter().filter_map(|name| ends.get(name.as_str()));
        let start = start.copied().fold(0.0, f64::max);
        ends.insert(
            &step.stack,
            start + of_stack(project, &step.stack, &step.action),
        );
    }
    // A finite sum of small positive numbers.
    ends.values().copied().fold(0.0, f64::max).round() as u64
}

fn of_stack(project: &Project, stack: &str, action: &Action) -> f64 {
    let Some(ready) = project
        .prepared
        .get(stack)
        .filter(|_| *action != Action::Nothing)
    else {
        return 0.0;
    };
    let resources = ready.template.body["Resources"].as_object();
    let mut each: Vec<f64> = resources
        .into_iter()
        .flatten()
        .map(|(_, entry)| of_type(entry["Type"].as_str().unwrap_or_default()))
        .collect();
    each.sort_by(|a, b| b.total_cmp(a));
    each.into_iter().take(3).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_ones_are_slow() {
        assert!(of_type("AWS::RedshiftServerless::Workgroup") > of_type("AWS::SQS::Queue"));
    }
}
