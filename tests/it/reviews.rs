//! Change sets of nested stacks: made, described, executed and deleted with the one at the top.

use crate::api::{Answer, Api};
use crate::sandbox::Sandbox;

const NESTS: (&str, &str) = ("IncludeNestedStacks", "true");

fn leaf(delay: u32) -> String {
    format!(
        "Parameters:\n  Name:\n    Type: String\nResources:\n  Queue:\n    Type: AWS::SQS::Queue\n    \
         Properties:\n      DelaySeconds: {delay}\n  Topic:\n    Type: AWS::SNS::Topic\n    \
         Properties:\n      DisplayName: !Ref Name\n"
    )
}

/// A stack with a nested one, which has one as well.
fn top(api: &Api, delay: u32) -> String {
    let leaf = api.put("templates", "leaf.yaml", &leaf(delay));
    let middle = format!(
        "Parameters:\n  Name:\n    Type: String\nResources:\n  Leaf:\n    \
         Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {leaf}\n      \
         Parameters:\n        Name: !Ref Name\n"
    );
    let middle = api.put("templates", "middle.yaml", &middle);
    format!(
        "Resources:\n  Own:\n    Type: AWS::SNS::Topic\n  Middle:\n    \
         Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {middle}\n      \
         Parameters:\n        Name: !GetAtt Own.TopicName\n"
    )
}

/// The description of the change set that one names for its only nested stack.
fn below(api: &Api, set: &Answer) -> Answer {
    let own = set.field("ChangeSetId");
    let nested = set.fields("ChangeSetId").into_iter().find(|id| {
        *id != own && {
            let above = [set.field("ParentChangeSetId"), set.field("RootChangeSetId")];
            !above.contains(id)
        }
    });
    let nested = nested.unwrap_or_else(|| panic!("no nested change set: {}", set.text));
    let asked = [
        ("ChangeSetName", nested.as_str()),
        ("IncludePropertyValues", "true"),
    ];
    api.call("DescribeChangeSet", &asked).good()
}

/// The id that the description is of, which stands after its changes.
fn id_of(api: &Api, set: &Answer) -> String {
    let listed = api
        .call("ListChangeSets", &[("StackName", &set.field("StackId"))])
        .good();
    listed.field("ChangeSetId")
}

fn stacks(api: &Api) -> Vec<String> {
    let all = api.call("DescribeStacks", &[]).good();
    let mut names = all.fields("StackStatus");
    names.sort();
    names
}

#[test]
fn a_hierarchy_is_reviewed_and_executed_from_its_root() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let set = api.change_set("Top", &top(&api, 1), &[("ChangeSetType", "CREATE"), NESTS]);
    let root = id_of(&api, &set);
    assert_eq!(set.field("IncludeNestedStacks"), "true");
    let middle = below(&api, &set);
    let leaf = below(&api, &middle);
    assert_eq!(stacks(&api), vec!["REVIEW_IN_PROGRESS"; 3]);
    for (nested, parent) in [(&middle, &root), (&leaf, &id_of(&api, &middle))] {
        assert_eq!(
            (
                nested.field("RootChangeSetId"),
                nested.field("ParentChangeSetId"),
                nested.field("ExecutionStatus"),
                nested.field("StatusReason"),
            ),
            (
                root.clone(),
                parent.clone(),
                "UNAVAILABLE".into(),
                "Only executable from the root change set.".into()
            )
        );
    }
    assert_eq!(leaf.fields("LogicalResourceId"), ["Queue", "Topic"]);
    // What its parent does not know yet it does not know either.
    assert!(leaf.text.contains("KNOWN_AFTER_APPLY"), "{}", leaf.text);
    let nested = id_of(&api, &leaf);
    for action in ["ExecuteChangeSet", "DeleteChangeSet"] {
        let refused = api.call(action, &[("ChangeSetName", &nested)]);
        assert_eq!(refused.field("Code"), "InvalidChangeSetStatus");
    }
    api.call("ExecuteChangeSet", &[("ChangeSetName", &root)])
        .good();
    assert_eq!(
        api.settled("Top"),
        "CREATE_COMPLETE",
        "{:#?}",
        api.events("Top")
    );
    assert_eq!(stacks(&api), vec!["CREATE_COMPLETE"; 3]);
    let asked = [("ChangeSetName", nested.as_str())];
    let done = api.call("DescribeChangeSet", &asked).good();
    assert_eq!(done.field("ExecutionStatus"), "EXECUTE_COMPLETE");

    let same = api.change_set("Top", &top(&api, 1), &[("ChangeSetName", "same"), NESTS]);
    assert_eq!(same.field("Status"), "FAILED");
    assert!(
        same.text.contains("didn't contain changes"),
        "{}",
        same.text
    );
    // What changes only at the bottom is seen from the top.
    let set = api.change_set("Top", &top(&api, 7), &[("ChangeSetName", "deep"), NESTS]);
    let leaf = below(&api, &below(&api, &set));
    assert_eq!(
        (leaf.field("BeforeValue"), leaf.field("AfterValue")),
        ("1".into(), "7".into())
    );
    assert_eq!(leaf.fields("LogicalResourceId"), ["Queue"]);
    let listed = api.call("ListChangeSets", &[("StackName", "Top")]).good();
    let deep = listed.fields("ChangeSetId").pop().unwrap();
    api.call("ExecuteChangeSet", &[("ChangeSetName", &deep)])
        .good();
    assert_eq!(api.settled("Top"), "UPDATE_COMPLETE");
}

#[test]
fn a_hierarchy_goes_with_its_root() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let create = [("ChangeSetType", "CREATE"), NESTS];
    let set = api.change_set("Top", &top(&api, 1), &create);
    let root = id_of(&api, &set);
    api.call("DeleteChangeSet", &[("ChangeSetName", &root)])
        .good();
    assert_eq!(stacks(&api), ["REVIEW_IN_PROGRESS"]);
    api.change_set("Top", &top(&api, 1), &create);
    assert_eq!(stacks(&api).len(), 3);
    api.call("DeleteStack", &[("StackName", "Top")]).good();
    while !stacks(&api).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn what_fails_below_fails_the_root() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let template = top(&api, 1);
    api.put(
        "templates",
        "leaf.yaml",
        &leaf(1).replace("DelaySeconds", "Delay"),
    );
    let set = api.change_set("Top", &template, &[("ChangeSetType", "CREATE"), NESTS]);
    let middle = below(&api, &set);
    let leaf = below(&api, &middle);
    for (failed, below) in [(&set, &middle), (&middle, &leaf)] {
        assert_eq!(
            (failed.field("Status"), failed.field("StatusReason")),
            (
                "FAILED".into(),
                format!(
                    "Nested change set {} was not successfully created: Currently in FAILED.",
                    id_of(&api, below)
                )
            )
        );
    }
    assert!(
        leaf.field("StatusReason").contains("PropertyValidation"),
        "{}",
        leaf.text
    );
    let events = api
        .call("DescribeEvents", &[("ChangeSetName", &id_of(&api, &leaf))])
        .good();
    assert_eq!(
        events.field("ValidationStatusReason"),
        "Unsupported property [Delay]"
    );
}
