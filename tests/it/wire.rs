//! What the service was seen to answer to requests that it refuses, word for word: recorded against
//! AWS by LocalStack's tests (tests/aws/services/cloudformation in its repository).

use crate::api::{Answer, Api};
use crate::sandbox::Sandbox;

const TOPIC: &str = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n";

fn said(answer: &Answer) -> String {
    let plain = answer.text.replace("&quot;", "\"").replace("&apos;", "'");
    let answer = Answer {
        status: answer.status,
        text: plain,
    };
    format!("{}: {}", answer.field("Code"), answer.field("Message"))
}

#[test]
fn what_is_not_there_is_missed_in_each_actions_own_words() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let id = api.create("S", TOPIC, &[]);
    let set = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/none/1";
    for (action, fields, words) in [
        (
            "DescribeStacks",
            &[("StackName", "none")][..],
            "ValidationError: Stack with id none does not exist",
        ),
        (
            "DescribeStackEvents",
            &[("StackName", "none")],
            "ValidationError: Stack [none] does not exist",
        ),
        (
            "DescribeStackResource",
            &[("StackName", "none"), ("LogicalResourceId", "A")],
            "ValidationError: Stack 'none' does not exist",
        ),
        (
            "DescribeStackResource",
            &[("StackName", "S"), ("LogicalResourceId", "A")],
            "ValidationError: Resource A does not exist for stack S",
        ),
        (
            "DescribeStackResources",
            &[("PhysicalResourceId", "none")],
            "ValidationError: Stack for none does not exist",
        ),
        (
            "GetTemplate",
            &[("StackName", "none")],
            "ValidationError: Stack with id none does not exist",
        ),
        (
            "GetTemplate",
            &[("ChangeSetName", "none")],
            "ValidationError: StackName is a required parameter.",
        ),
        (
            "GetTemplate",
            &[],
            "ValidationError: StackName is required if ChangeSetName is not specified.",
        ),
        (
            "DescribeChangeSet",
            &[("StackName", "none"), ("ChangeSetName", "set")],
            "ValidationError: Stack [none] does not exist",
        ),
        (
            "DescribeChangeSet",
            &[("StackName", "S"), ("ChangeSetName", "set")],
            "ChangeSetNotFound: ChangeSet [set] does not exist",
        ),
        (
            "DescribeChangeSet",
            &[("ChangeSetName", set)],
            "ChangeSetNotFound: ChangeSet [arn:aws:cloudformation:us-east-1:123456789012:changeSet/none/1] does not exist",
        ),
        (
            "DeleteChangeSet",
            &[("ChangeSetName", "set")],
            "ValidationError: StackName must be specified if ChangeSetName is not specified as an ARN.",
        ),
        (
            "DeleteChangeSet",
            &[("StackName", "none"), ("ChangeSetName", "set")],
            "ValidationError: Stack [none] does not exist",
        ),
        (
            "UpdateStack",
            &[("StackName", "S")],
            "ValidationError: Either Template URL or Template Body must be specified.",
        ),
        (
            "UpdateStack",
            &[("StackName", "S"), ("UsePreviousTemplate", "true")],
            "ValidationError: No updates are to be performed.",
        ),
        (
            "CreateStack",
            &[("StackName", "S"), ("TemplateBody", TOPIC)],
            "AlreadyExistsException: Stack [S] already exists",
        ),
        (
            "CreateStack",
            &[("StackName", "U"), ("TemplateURL", "nowhere/template.yaml")],
            "ValidationError: TemplateURL must be a supported URL.",
        ),
        (
            "CreateStack",
            &[
                ("StackName", "U"),
                ("TemplateURL", "s3://bucket/template.yaml"),
            ],
            "ValidationError: S3 error: Domain name specified in bucket is not a valid S3 domain",
        ),
        (
            "CreateStack",
            &[
                ("StackName", "U"),
                ("TemplateBody", TOPIC),
                ("OnFailure", "NOTHING"),
            ],
            "ValidationError: 1 validation error detected: Value 'NOTHING' at 'onFailure' failed to satisfy constraint: Member must satisfy enum value set: [DO_NOTHING, ROLLBACK, DELETE]",
        ),
        (
            "CreateChangeSet",
            &[
                ("StackName", "none"),
                ("ChangeSetName", "set"),
                ("TemplateBody", TOPIC),
            ],
            "ValidationError: Stack [none] does not exist",
        ),
        (
            "CreateChangeSet",
            &[
                ("StackName", "S"),
                ("ChangeSetName", "set"),
                ("ChangeSetType", "CREATE"),
                ("TemplateBody", TOPIC),
            ],
            "ValidationError: Stack [S] already exists and cannot be created again with the changeSet [set].",
        ),
        (
            "CreateStack",
            &[
                ("StackName", "U"),
                ("TemplateBody", TOPIC),
                ("ResourceTypes.member.1", "AWS::EC2::*"),
            ],
            "ValidationError: Resource type AWS::SNS::Topic is not allowed by parameter ResourceTypes [AWS::EC2::*]",
        ),
        (
            "UpdateStack",
            &[
                ("StackName", "S"),
                ("UsePreviousTemplate", "true"),
                (
                    "RollbackConfiguration.RollbackTriggers.member.1.Type",
                    "AWS::SNS::Topic",
                ),
                (
                    "RollbackConfiguration.RollbackTriggers.member.1.Arn",
                    "arn:aws:sns:us-east-1:123456789012:x",
                ),
            ],
            "ValidationError: Rollback Trigger Type not supported",
        ),
        (
            "SetStackPolicy",
            &[
                ("StackName", "S"),
                ("StackPolicyBody", "{}"),
                ("StackPolicyURL", "https://s3.amazonaws.com/b/k"),
            ],
            "ValidationError: You cannot specify both StackPolicyURL and StackPolicyBody",
        ),
        (
            "SetStackPolicy",
            &[("StackName", "S"), ("StackPolicyBody", "no policy")],
            "ValidationError: Error validating stack policy: Invalid stack policy",
        ),
    ] {
        let answer = api.call(action, fields);
        assert_eq!(said(&answer), words, "{action} {fields:?}");
    }
    api.call("DeleteStack", &[("StackName", "S")]).good();
    assert_eq!(api.settled(&id), "DELETE_COMPLETE");
    let gone = api.begin("UpdateStack", &id, TOPIC, &[]);
    assert_eq!(
        said(&gone),
        format!("ValidationError: Stack:{id} is in DELETE_COMPLETE state and can not be updated.")
    );
}

#[test]
fn templates_are_refused_word_for_word() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    for (template, words) in [
        (
            r#"{"Resources": }"#,
            "Template format error: JSON not well-formed. (line 1, column 16)",
        ),
        (
            "{}",
            "Template format error: At least one Resources member must be defined.",
        ),
        ("nothing", "Template format error: unsupported structure."),
        (
            "Resources:\n  A: []\n",
            "Template format error: Any Resources member must be an object.",
        ),
        (
            "Resources:\n  A:\n    Properties: {}\n",
            "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
        ),
        (
            "Resources:\n  AWS::NoValue:\n    Type: AWS::SNS::Topic\n",
            "Template format error: Resource name AWS::NoValue is non alphanumeric.",
        ),
        (
            "Conditions:\n  No: !Equals [a, b]\nResources:\n  A:\n    Type: AWS::SNS::Topic\n    Condition: No\n  B:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !Ref A\n",
            "Template format error: Unresolved resource dependencies [A] in the Resources block of the template",
        ),
        (
            "Conditions:\n  No: !Equals [a, b]\nResources:\n  A:\n    Type: AWS::SNS::Topic\n    Condition: No\n  B:\n    Type: AWS::SNS::Topic\nOutputs:\n  O:\n    Value: !Ref A\n",
            "Unresolved resource dependencies [A] in the Outputs block of the template",
        ),
        (
            "Mappings:\n  M:\n    A:\n      B: c\nResources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !FindInMap [M, C, B]\n",
            "Template error: Unable to get mapping for M::C::B",
        ),
        (
            "Transform:\n  Name: !Ref A\nResources:\n  T:\n    Type: AWS::SNS::Topic\n",
            "Key Name of transform definition must be a string.",
        ),
    ] {
        let answer = api.begin("CreateStack", "S", template, &[]);
        assert_eq!(answer.refusal(), words, "{template}");
    }
    let large = format!("{TOPIC}# {}", "x".repeat(51_200));
    let answer = api.begin("CreateStack", "S", &large, &[]).refusal();
    assert!(
        answer.ends_with(
            "at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200"
        ),
        "{}",
        &answer[answer.len() - 200..]
    );
}

#[test]
fn a_transform_that_fails_fails_what_it_is_for() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let template = format!("Transform: MyMacro\n{TOPIC}");
    assert_eq!(
        api.begin("CreateStack", "S", &template, &[]).refusal(),
        "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"
    );
    let words = "No transform named 123456789012::MyMacro found.";
    let acknowledged = [("Capabilities.member.1", "CAPABILITY_AUTO_EXPAND")];
    let id = api.create("S", &template, &acknowledged);
    assert_eq!(api.settled(&id), "ROLLBACK_COMPLETE");
    let reasons: Vec<String> = api.events(&id).into_iter().map(|one| one.reason).collect();
    assert!(
        reasons.contains(&format!("{words} Rollback requested by user.")),
        "{reasons:?}"
    );
    let set = api.change_set("New", &template, &[("ChangeSetType", "CREATE")]);
    assert_eq!(
        (set.field("Status"), set.field("StatusReason")),
        ("FAILED".into(), words.into())
    );
}

#[test]
fn templates_are_summed_up() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let template = "Transform: AWS::LanguageExtensions\nDescription: d\nParameters:\n  P:\n    Type: String\n    AllowedValues: [a, b]\n    Description: p\nMetadata: {A: b}\nResources:\n  Q:\n    Type: AWS::SSM::Parameter\n    Properties: {Type: String, Value: !Ref P}\n";
    let asked = [("TemplateBody", template)];
    let summary = api.call("GetTemplateSummary", &asked).good();
    for part in [
        "<ParameterType>String</ParameterType>",
        "<ParameterConstraints><AllowedValues><member>a</member><member>b</member></AllowedValues></ParameterConstraints>",
        "<DeclaredTransforms><member>AWS::LanguageExtensions</member></DeclaredTransforms>",
        "<ResourceIdentifierSummaries><member><ResourceType>AWS::SSM::Parameter</ResourceType><LogicalResourceIds><member>Q</member></LogicalResourceIds><ResourceIdentifiers><member>Name</member></ResourceIdentifiers></member></ResourceIdentifierSummaries>",
        "<Metadata>{&quot;A&quot;:&quot;b&quot;}</Metadata>",
    ] {
        assert!(summary.text.contains(part), "{part}: {}", summary.text);
    }
    assert!(!summary.text.contains("<Capabilities>"), "{}", summary.text);
    let valid = api.call("ValidateTemplate", &asked).good();
    assert_eq!(
        valid.field("Parameters"),
        "<member><ParameterKey>P</ParameterKey><NoEcho>false</NoEcho><Description>p</Description></member>"
    );
    assert!(!valid.text.contains("ResourceTypes"), "{}", valid.text);
    let cost = api.call("EstimateTemplateCost", &asked).good();
    assert!(cost.field("Url").starts_with("https://"), "{}", cost.text);
}

#[test]
fn a_stack_under_review_can_be_created_and_makes_its_change_sets_obsolete() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let set = api.change_set("S", TOPIC, &[("ChangeSetType", "CREATE")]);
    let id = api.create("S", TOPIC, &[]);
    assert_eq!(id, set.field("StackId"));
    assert_eq!(api.settled(&id), "CREATE_COMPLETE");
    let by_id = set.field("ChangeSetId");
    let asked = [("ChangeSetName", by_id.as_str())];
    let now = api.call("DescribeChangeSet", &asked).good();
    assert_eq!(now.field("ExecutionStatus"), "OBSOLETE");
    assert_eq!(
        said(&api.call("ExecuteChangeSet", &asked)),
        format!(
            "InvalidChangeSetStatus: ChangeSet [{by_id}] cannot be executed in its current execution status of [OBSOLETE]"
        )
    );
    // What was executed is still told of, though it is on no list.
    let topic = TOPIC.replace("Topic\n", "Topic\n    Properties: {DisplayName: x}\n");
    let set = api.change_set("S", &topic, &[("ChangeSetName", "next")]);
    let by_id = set.field("ChangeSetId");
    let asked = [("ChangeSetName", by_id.as_str())];
    api.call("ExecuteChangeSet", &asked).good();
    assert_eq!(api.settled("S"), "UPDATE_COMPLETE");
    let now = api.call("DescribeChangeSet", &asked).good();
    assert_eq!(now.field("ExecutionStatus"), "EXECUTE_COMPLETE");
    let list = api.call("ListChangeSets", &[("StackName", "S")]).good();
    assert_eq!(list.fields("ChangeSetName"), Vec::<String>::new());
}
