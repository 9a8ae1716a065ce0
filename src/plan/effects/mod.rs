//! What a change does to each resource and output, predicted without a question to the account: in
//! place, replaced, or perhaps replaced; because of which property; and what that moves in turn.

mod order;
mod work;

use super::data;
use super::resolve::{Place, Scope};
use order::{entries, in_order};
pub(super) use order::{needs, resources};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use work::Work;

/// How certain something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It will not be.
    No,
    /// It depends on what is not known yet, or on what the service decides.
    Perhaps,
    /// It will be.
    Yes,
}

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is created.
    Add,
    /// It is changed, in place or by a new one.
    Modify,
    /// It goes from the stack.
    Remove,
}

/// One resource's part of a change.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ResourceEffect {
    /// The logical id.
    pub name: String,
    /// The type: the new one, where it changes.
    #[serde(rename = "type")]
    pub kind: String,
    /// What becomes of it.
    pub action: Fate,
    /// Whether a condition that is not decided yet may have it otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub conditional: bool,
    /// Whether a new one takes its place.
    pub replacement: Certainty,
    /// Where it stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What differs.
    pub changes: Vec<PropertyEffect>,
    /// Whether it holds data.
    pub holds_data: bool,
    /// The policy that keeps the old one when it goes: Retain or Snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// What DescribeChangeSet will say of its replacement. The service does not look as far ahead: what
    /// reads a resource that is replaced is "Conditional" there.
    #[serde(skip)]
    pub told: Certainty,
}

/// One property's part of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PropertyEffect {
    /// The path, from the resource on: `Properties.Tags[0].Value`, `DeletionPolicy`.
    pub path: String,
    /// What stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What will stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether it will differ.
    pub moves: Certainty,
    /// Whether that replaces the resource.
    pub replaces: Certainty,
    /// What it reads that moves: parameters, resources of the stack, outputs of others.
    pub because: Vec<Cause>,
    /// Where it stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Something that a property reads and that moves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A parameter of the stack.
    Parameter(String),
    /// A resource of the stack.
    Resource(String),
    /// An output of another stack.
    Output(String),
}

/// What an output will be.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OutputEffect {
    /// Whether it will differ; an output that comes or goes does.
    pub moves: Certainty,
    /// Its value, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it will be, with calls for what is not known; nothing where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// What it reads that moves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Cause>,
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Effects {
    /// The resources that it concerns, in the order of the template.
    pub resources: Vec<ResourceEffect>,
    /// The outputs that the stack will have.
    pub outputs: BTreeMap<String, OutputEffect>,
    /// Whether AWS expands the template by macros first, so that only a change set tells all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expanded: bool,
}

impl Effects {
    /// How many resources are concerned in that way.
    pub fn count(&self, wanted: impl Fn(&ResourceEffect) -> bool) -> usize {
        self.resources.iter().filter(|one| wanted(one)).count()
    }
}

/// What leads from one template to another. Without one before, all is new. `retagged`: the stack's tags
/// differ, and each resource that takes tags gets them.
pub fn effects(before: Option<&Scope<'_>>, after: &Scope<'_>, retagged: bool) -> Effects {
    let nothing = Value::Null;
    let empty = Scope::new(&nothing, BTreeMap::new(), Place::default());
    let was_there = before.is_some();
    let before = before.unwrap_or(&empty);
    let mut work = Work {
        before,
        after,
        retagged,
        moved: BTreeMap::new(),
    };
    let mut found: BTreeMap<&String, ResourceEffect> = BTreeMap::new();
    for (name, properties) in in_order(after) {
        if let Some(effect) = work.resource(name, &properties) {
            found.insert(name, effect);
        }
    }
    let mut resources: Vec<ResourceEffect> = entries(after, "Resources")
        .filter_map(|(name, _)| found.remove(name))
        .collect();
    for (name, entry) in entries(before, "Resources") {
        let gone = after.body["Resources"]
            .get(name)
            .map(|new| after.exists(new));
        match gone {
            None => resources.extend(removed(before, name, entry, false)),
            Some(Some(false)) => resources.extend(removed(before, name, entry, false)),
            Some(None) if entry.get("Condition").is_some() || was_there => {
                let known = resources.iter().any(|one| one.name == *name);
                let decided = before.conditions() == after.conditions();
                if !known && !decided {
                    resources.extend(removed(before, name, entry, true));
                }
            }
            Some(_) => {}
        }
    }
    let outputs = work.outputs();
    Effects {
        resources,
        outputs,
        expanded: after.body.get("Transform").is_some(),
    }
}

fn kept(entry: &Value, policy: &str) -> Option<String> {
    let policy = entry[policy].as_str()?;
    matches!(policy, "Retain" | "Snapshot" | "RetainExceptOnCreate").then(|| policy.to_owned())
}

fn removed(
    before: &Scope<'_>,
    name: &str,
    entry: &Value,
    conditional: bool,
) -> Option<ResourceEffect> {
    if before.exists(entry) == Some(false) {
        return None;
    }
    let kind = entry["Type"].as_str().unwrap_or_default().to_owned();
    Some(ResourceEffect {
        name: name.to_owned(),
        holds_data: data::holds_data(&kind),
        kind,
        action: Fate::Remove,
        conditional: conditional || before.exists(entry).is_none(),
        replacement: Certainty::No,
        told: Certainty::No,
        place: None,
        changes: vec![],
        kept: kept(entry, "DeletionPolicy"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::resolve::LATER;
    use super::*;
    use serde_json::json;

    fn run(before: &Value, after: &Value, values: [Value; 2]) -> Effects {
        let scope = |body, value| {
            let parameters = BTreeMap::from([("P".to_owned(), value)]);
            Scope::new(body, parameters, Place::default())
        };
        let [old, new] = values;
        effects(Some(&scope(before, old)), &scope(after, new), false)
    }

    fn network(cidr: Value) -> Value {
        json!({
            "Resources": {
                "Rule": {"Type": "AWS::EC2::SecurityGroup", "Properties": {
                    "GroupDescription": "x", "VpcId": {"Ref": "Vpc"}}},
                "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": cidr}},
                "Reader": {"Type": "AWS::SNS::Topic", "Properties": {
                    "DisplayName": {"Fn::Sub": "${Rule.GroupId} ${P}"}}},
                "Other": {"Type": "AWS::SNS::Topic"},
            },
            "Outputs": {"Vpc": {"Value": {"Ref": "Vpc"}}, "Topic": {"Value": {"Ref": "Other"}},
                "Name": {"Value": {"Ref": "P"}}},
        })
    }

    fn lines(found: &Effects) -> Vec<String> {
        let each = found.resources.iter();
        each.map(|one| {
            let paths: Vec<&str> = one.changes.iter().map(|c| c.path.as_str()).collect();
            format!(
                "{} {:?} {:?} {:?} {paths:?}",
                one.name, one.action, one.replacement, one.told
            )
        })
        .collect()
    }

    #[test]
    fn a_replacement_replaces_what_reads_it() {
        let found = run(
            &network(json!("10.0.0.0/16")),
            &network(json!({"Ref": "P"})),
            [json!("x"), json!("10.1.0.0/16")],
        );
        assert_eq!(
            lines(&found),
            [
                r#"Rule Modify Yes Perhaps ["Properties.VpcId"]"#,
                r#"Vpc Modify Yes Yes ["Properties.CidrBlock"]"#,
                r#"Reader Modify No No ["Properties.DisplayName"]"#,
            ]
        );
        let moves: Vec<_> = found.outputs.values().map(|one| one.moves).collect();
        assert_eq!(moves, [Certainty::Yes, Certainty::No, Certainty::Yes]);
        assert_eq!(found.outputs["Name"].value.as_deref(), Some("10.1.0.0/16"));
    }

    #[test]
    fn what_may_move_may_replace() {
        let same = network(json!({"Ref": "P"}));
        for (certain, wanted) in [(true, Certainty::Yes), (false, Certainty::Perhaps)] {
            let later = json!({ LATER: ["Base", "Cidr", certain] });
            let found = run(&same, &same, [json!("10.0.0.0/16"), later]);
            assert_eq!(found.resources[0].replacement, wanted);
            let vpc = &found.resources[1];
            assert_eq!(vpc.replacement, wanted);
            assert_eq!(
                vpc.changes[0].because,
                [Cause::Output("Base.Cidr".to_owned())]
            );
        }
    }

    #[test]
    fn what_means_the_same_has_no_effect() {
        let before = json!({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {
            "DisplayName": {"Fn::Sub": "${P}-x"}, "FifoTopic": "false"}}}});
        let after = json!({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {
            "DisplayName": {"Fn::Join": ["-", [{"Ref": "P"}, "x"]]}, "FifoTopic": false}}}});
        let found = run(&before, &after, [json!("a"), json!("a")]);
        assert_eq!(found.resources, []);
    }

    #[test]
    fn what_goes_says_what_keeps_it() {
        let before = json!({"Resources": {
            "B": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
            "T": {"Type": "AWS::SNS::Topic"}}});
        let after = json!({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Metadata": {"a": 1}}}});
        let found = run(&before, &after, [json!("a"), json!("a")]);
        assert_eq!(
            lines(&found),
            [r#"T Modify No No ["Metadata"]"#, "B Remove No No []"]
        );
        let gone = &found.resources[1];
        assert!(gone.holds_data && gone.kept.as_deref() == Some("Retain"));
    }
}
