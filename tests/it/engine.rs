//! The engine under random templates and random updates of them: every operation ends, its events
//! explain the state that it ends in, and a rollback restores the state before.

use crate::api::Api;
use crate::sandbox::Sandbox;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A resource of a random template.
#[derive(Debug, Clone)]
struct Piece {
    there: bool,
    kind: usize,
    /// A value that can be changed in place.
    text: u8,
    /// A name, which cannot; 0 is none.
    name: u8,
    /// Another resource that it reads, if that is there.
    reads: Option<usize>,
    conditional: bool,
    policy: u8,
}

/// A random template, and how it is asked for.
#[derive(Debug, Clone)]
struct Asked {
    pieces: Vec<Piece>,
    /// The condition's parameter.
    on: bool,
    tag: u8,
    /// A resource that fails when it is made, after this many others.
    bad: Option<usize>,
}

const KINDS: [(&str, &str, &str); 3] = [
    ("AWS::SNS::Topic", "DisplayName", "TopicName"),
    ("AWS::SSM::Parameter", "Value", "Name"),
    ("AWS::Events::EventBus", "Description", "Name"),
];

fn piece(index: usize) -> impl Strategy<Value = Piece> {
    let reads = prop::option::of(0..index.max(1));
    (
        any::<bool>(),
        0..3_usize,
        0..3_u8,
        0..3_u8,
        reads,
        prop::bool::weighted(0.3),
        0..4_u8,
    )
        .prop_map(
            move |(there, kind, text, name, reads, conditional, policy)| Piece {
                there: there || index == 0,
                kind,
                text,
                name,
                reads: reads.filter(|_| index > 0),
                conditional: conditional && index > 0,
                policy,
            },
        )
}

fn asked() -> impl Strategy<Value = Asked> {
    let pieces: Vec<_> = (0..6).map(piece).collect();
    (
        pieces,
        any::<bool>(),
        0..3_u8,
        prop::option::weighted(0.35, 0..6_usize),
    )
        .prop_map(|(pieces, on, tag, bad)| Asked {
            pieces,
            on,
            tag,
            bad,
        })
}

impl Asked {
    fn exists(&self, index: usize) -> bool {
        self.pieces[index].there && (self.on || !self.pieces[index].conditional)
    }

    fn template(&self, case: usize) -> String {
        let mut text = "Parameters:\n  On:\n    Type: String\nConditions:\n  IsOn: !Equals [!Ref On, 'yes']\nResources:\n".to_owned();
        for (index, piece) in self
            .pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.there)
        {
            let (kind, value, name) = KINDS[piece.kind];
            let _ = writeln!(text, "  R{index}:\n    Type: {kind}");
            if piece.conditional {
                text.push_str("    Condition: IsOn\n");
            }
            // What is retained keeps its name, and a named one could not be made again.
            if piece.policy == 1 && piece.name == 0 && piece.kind == 0 {
                text.push_str("    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n");
            }
            text.push_str("    Properties:\n");
            match piece.reads.filter(|other| self.exists(*other)) {
                Some(other) => {
                    let _ = writeln!(text, "      {value}: !Sub '${{R{other}}} {}'", piece.text);
                }
                None => {
                    let _ = writeln!(text, "      {value}: text {}", piece.text);
                }
            }
            if piece.name > 0 || piece.kind == 2 {
                let _ = writeln!(
                    text,
                    "      {name}: case{case}-{index}-{}-{}",
                    piece.kind, piece.name
                );
            }
            if piece.kind == 1 {
                text.push_str("      Type: String\n");
            }
        }
        if let Some(after) = self.bad {
            let after = (0..=after)
                .rev()
                .find(|index| self.exists(*index))
                .unwrap_or(0);
            // Its value is known only once the API is there, and then it is of the wrong type.
            let _ = writeln!(
                text,
                "  Api:\n    Type: AWS::ApiGateway::RestApi\n    DependsOn: R{after}\n    Properties:\n      Name: api\n  \
                 Bad:\n    Type: AWS::SNS::Topic\n    Properties:\n      FifoTopic: !GetAtt Api.RootResourceId"
            );
        }
        text.push_str("Outputs:\n  First:\n    Value: !Ref R0\n");
        text
    }
}

/// What a stack is, without its times and events.
#[derive(Debug, PartialEq, Eq)]
struct State {
    template: String,
    parameters: Vec<String>,
    tags: Vec<String>,
    outputs: Vec<String>,
    resources: BTreeMap<String, String>,
}

fn state(api: &Api, id: &str) -> State {
    let named = [("StackName", id)];
    let stack = api.call("DescribeStacks", &named).good();
    let listed = api.call("ListStackResources", &named).good();
    let names = listed.fields("LogicalResourceId").into_iter();
    State {
        template: api.call("GetTemplate", &named).good().field("TemplateBody"),
        parameters: stack.fields("ParameterValue"),
        tags: stack.fields("Value"),
        outputs: stack.fields("OutputValue"),
        resources: names.zip(listed.fields("PhysicalResourceId")).collect(),
    }
}

fn ask(api: &Api, action: &str, stack: &str, case: usize, asked: &Asked) -> crate::api::Answer {
    let on = if asked.on { "yes" } else { "no" };
    let tag = asked.tag.to_string();
    let fields = [
        ("Parameters.member.1.ParameterKey", "On"),
        ("Parameters.member.1.ParameterValue", on),
        ("Tags.member.1.Key", "tag"),
        ("Tags.member.1.Value", &tag),
    ];
    api.begin(action, stack, &asked.template(case), &fields)
}

/// The events say of each resource what the list of resources says.
fn explained(api: &Api, id: &str) -> Result<(), TestCaseError> {
    let named = [("StackName", id)];
    let events = api.events(id);
    let last: BTreeMap<(&str, &str), &str> = events
        .iter()
        .map(|event| {
            (
                (event.name.as_str(), event.physical.as_str()),
                event.status.as_str(),
            )
        })
        .collect();
    let listed = api.call("ListStackResources", &named).good();
    let physical = listed.fields("PhysicalResourceId");
    let held: BTreeMap<(&str, &str), String> = last
        .keys()
        .copied()
        .filter(|(_, id)| physical.iter().any(|held| held == id))
        .zip(std::iter::repeat(String::new()))
        .collect();
    let names = listed.fields("LogicalResourceId");
    let statuses = listed.fields("ResourceStatus");
    for ((name, physical), status) in names.iter().zip(&physical).zip(&statuses) {
        let told = last.get(&(name.as_str(), physical.as_str()));
        prop_assert_eq!(told, Some(&status.as_str()), "{}: {:#?}", name, events);
    }
    let stack = api.call("DescribeStacks", &named).good();
    let own = stack.field("StackName");
    for ((name, physical), status) in &last {
        // What never came to be has no physical id; it went with its CREATE_FAILED.
        let gone = status.starts_with("DELETE_") || physical.is_empty();
        let known = held.contains_key(&(*name, *physical)) || *name == own;
        prop_assert!(gone || known, "{}: {}: {:#?}", name, status, events);
    }
    let (ended, status) = (
        last.get(&(own.as_str(), id)).copied(),
        stack.field("StackStatus"),
    );
    prop_assert_eq!(ended, Some(status.as_str()));
    Ok(())
}

fn lived(api: &Api, case: usize, first: &Asked, updates: &[Asked]) -> Result<(), TestCaseError> {
    let name = format!("Case{case}");
    let id = ask(api, "CreateStack", &name, case, first)
        .good()
        .field("StackId");
    let ended = api.settled(&id);
    explained(api, &id)?;
    let good = if first.bad.is_some() {
        "ROLLBACK_COMPLETE"
    } else {
        "CREATE_COMPLETE"
    };
    prop_assert_eq!(&ended, good, "{:#?}", api.events(&id));
    if ended == "CREATE_COMPLETE" {
        for update in updates {
            let before = state(api, &id);
            let answer = ask(api, "UpdateStack", &name, case, update);
            if answer.status == 400 {
                prop_assert_eq!(answer.refusal(), "No updates are to be performed.");
                continue;
            }
            let ended = api.settled(&id);
            explained(api, &id)?;
            if update.bad.is_some() {
                prop_assert_eq!(&ended, "UPDATE_ROLLBACK_COMPLETE", "{:#?}", api.events(&id));
                prop_assert_eq!(state(api, &id), before, "{:#?}", api.events(&id));
            } else {
                prop_assert_eq!(&ended, "UPDATE_COMPLETE", "{:#?}", api.events(&id));
                let there = state(api, &id).resources.len();
                let wanted = (0..6).filter(|index| update.exists(*index)).count();
                prop_assert_eq!(there, wanted);
            }
        }
    }
    api.call("DeleteStack", &[("StackName", &name)]).good();
    prop_assert_eq!(api.settled(&id), "DELETE_COMPLETE");
    explained(api, &id)
}

#[test]
fn random_templates_end_in_a_state_that_the_events_explain() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let cases = std::env::var("INFRA_ENGINE_CASES")
        .ok()
        .and_then(|text| text.parse().ok());
    let mut runner = TestRunner::new(Config {
        cases: cases.unwrap_or(24),
        failure_persistence: None,
        max_shrink_iters: 40,
        ..Config::default()
    });
    let count = AtomicUsize::new(0);
    let strategy = (asked(), prop::collection::vec(asked(), 1..4));
    let result = runner.run(&strategy, |(first, updates)| {
        let case = count.fetch_add(1, Ordering::Relaxed);
        lived(&api, case, &first, &updates)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
