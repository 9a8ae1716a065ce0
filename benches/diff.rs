//! A diff of a template of 500 resources: reading both texts, comparing, and predicting what it does to every
//! resource. Prints figures, and asserts nothing about them: `cargo bench --bench diff`.

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use infra::plan::effects::effects;
use infra::plan::resolve::{Place, Scope, parameters};
use infra::plan::{diff, security};
use infra::template::yaml;
use std::fmt::Write;
use std::time::{Duration, Instant};

const RESOURCES: usize = 500;
const RUNS: usize = 15;

/// Resources that stand on each other, as real ones do. `changed`: every tenth differs, and the first, on which
/// a tenth of the others stand, is replaced.
fn template(changed: bool) -> String {
    let mut text =
        "Parameters:\n  Name:\n    Type: String\n    Default: x\nResources:\n".to_owned();
    for at in 0..RESOURCES {
        let value = if changed && at % 10 == 0 { "b" } else { "a" };
        let _ = match at % 5 {
            0 => writeln!(
                text,
                "  R{at}:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopicName: !Sub '${{Name}}-{at}-{value}'"
            ),
            1 => writeln!(
                text,
                "  R{at}:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Sub '${{R{}}}-{at}'",
                at - 1
            ),
            2 => writeln!(
                text,
                "  R{at}:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Statement:\n          - {{Effect: Allow, Action: 'sts:AssumeRole', Principal: {{Service: lambda.amazonaws.com}}}}\n      Policies:\n        - PolicyName: p\n          PolicyDocument:\n            Statement:\n              - {{Effect: Allow, Action: ['sqs:SendMessage', 'sqs:Get*'], Resource: !GetAtt R{}.Arn}}",
                at - 1
            ),
            3 => writeln!(
                text,
                "  R{at}:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Type: String\n      Value: !Join ['-', [!Ref R{}, {value}]]",
                at - 1
            ),
            _ => writeln!(
                text,
                "  R{at}:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      RetentionInDays: 7\n      Tags: [{{Key: a, Value: {value}}}, {{Key: b, Value: c}}]"
            ),
        };
    }
    text
}

fn once(before: &str, after: &str) -> Option<(usize, usize, Duration)> {
    let begun = Instant::now();
    let before = yaml::parse(before).ok()?.to_json();
    let after = yaml::parse(after).ok()?.to_json();
    let found = diff::diff(&before, &after);
    let scope = |body| Scope::new(body, parameters(body, |_| None), Place::default());
    let (before, after) = (scope(&before), scope(&after));
    let effects = effects(Some(&before), &after, false);
    let widened = security::widened(Some(&before), &after, &effects);
    let took = begun.elapsed();
    Some((
        effects.resources.len() + widened.len(),
        found.sections.len(),
        took,
    ))
}

fn main() {
    let (before, after) = (template(false), template(true));
    let mut times = Vec::new();
    let mut first = None;
    for _ in 0..RUNS {
        if let Some((effects, _, took)) = once(&before, &after) {
            first.get_or_insert((effects, took));
            times.push(took);
        }
    }
    times.sort();
    if let (Some((effects, first)), Some(middle)) = (first, times.get(times.len() / 2)) {
        println!(
            "{RESOURCES} resources, {effects} effects: first {:.1} ms with the schemas loaded, then {:.1} ms (the median of {RUNS})",
            first.as_secs_f64() * 1e3,
            middle.as_secs_f64() * 1e3
        );
    }
}
