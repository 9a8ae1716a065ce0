//! What the embedded CloudFormation promises, as its API shows it.

use crate::api::Api;
use crate::sandbox::Sandbox;
use serde_json::{Value, json};

const QUEUE: &str = "Parameters:\n  Delay:\n    Type: Number\n    Default: 5\n\
    Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      DelaySeconds: !Ref Delay\n\
    Outputs:\n  Url:\n    Value: !Ref Queue\n";
const TOPIC: &str = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    DeletionPolicy: Retain\n    Properties:\n      TopicName: news\n      DisplayName: News\n";

fn delay(value: &str) -> [(&str, &str); 2] {
    [
        ("Parameters.member.1.ParameterKey", "Delay"),
        ("Parameters.member.1.ParameterValue", value),
    ]
}

#[test]
fn a_change_set_tells_each_property_with_its_values_and_cause() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    api.create("S", QUEUE, &[]);
    let set = api.change_set("S", QUEUE, &delay("9"));
    for (name, value) in [
        ("Status", "CREATE_COMPLETE"),
        ("Replacement", "False"),
        ("Path", "/Properties/DelaySeconds"),
        ("BeforeValue", "5"),
        ("AfterValue", "9"),
        ("ChangeSource", "ParameterReference"),
        ("CausingEntity", "Delay"),
    ] {
        assert_eq!(set.field(name), value, "{name}: {}", set.text);
    }
    let id = set.field("ChangeSetId");
    let short = api
        .call("DescribeChangeSet", &[("ChangeSetName", &id)])
        .good();
    assert_eq!(short.field("BeforeValue"), "");
    api.call("DeleteChangeSet", &[("ChangeSetName", &id)])
        .good();
    let same = api.change_set("S", QUEUE, &[]);
    assert_eq!(same.field("Status"), "FAILED");
    assert!(
        same.field("StatusReason")
            .contains("didn't contain changes"),
        "{}",
        same.text
    );
}

#[test]
fn a_validation_stops_what_would_fail_and_says_why() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    api.create("S", TOPIC, &[]);
    let wrong = QUEUE.replace("DelaySeconds", "Delay");
    let set = api.change_set("New", &wrong, &[("ChangeSetType", "CREATE")]);
    assert_eq!(set.field("Status"), "FAILED");
    assert!(
        set.field("StatusReason")
            .contains("AWS::EarlyValidation::PropertyValidation"),
        "{}",
        set.text
    );
    let events = api
        .call(
            "DescribeEvents",
            &[("ChangeSetName", &set.field("ChangeSetId"))],
        )
        .good();
    assert_eq!(
        events.field("ValidationStatusReason"),
        "Unsupported property [Delay]"
    );
    assert_eq!(
        events.field("ValidationPath"),
        "/Resources/Queue/Properties"
    );
    // A create stops as well, before it makes anything.
    let id = api.create("Direct", &wrong, &[]);
    assert_eq!(api.settled(&id), "ROLLBACK_COMPLETE");
    assert!(api.events(&id).iter().all(|event| event.name == "Direct"));
    // A name that is taken is found early, too.
    let taken = "Resources:\n  Table:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: t\n      BillingMode: PAY_PER_REQUEST\n      KeySchema: [{AttributeName: a, KeyType: HASH}]\n      AttributeDefinitions: [{AttributeName: a, AttributeType: S}]\n";
    api.create("First", taken, &[]);
    let set = api.change_set("Second", taken, &[("ChangeSetType", "CREATE")]);
    let events = api
        .call(
            "DescribeEvents",
            &[("ChangeSetName", &set.field("ChangeSetId"))],
        )
        .good();
    assert_eq!(
        events.field("ValidationStatusReason"),
        "Resource of type 'AWS::DynamoDB::Table' with identifier 't' already exists."
    );
}

#[test]
fn drift_is_detected_shown_and_reverted() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    api.create("S", QUEUE, &[]);
    let status = || {
        let id = api
            .call("DetectStackDrift", &[("StackName", "S")])
            .good()
            .field("StackDriftDetectionId");
        loop {
            let now = api
                .call(
                    "DescribeStackDriftDetectionStatus",
                    &[("StackDriftDetectionId", &id)],
                )
                .good();
            if now.field("DetectionStatus") == "DETECTION_COMPLETE" {
                return now.field("StackDriftStatus");
            }
        }
    };
    assert_eq!(status(), "IN_SYNC");
    let edit = [
        ("StackName", "S"),
        ("LogicalResourceId", "Queue"),
        ("Edits.member.1.Set", "DelaySeconds"),
        ("Edits.member.1.Value", "60"),
    ];
    api.call("EditResource", &edit).good();
    assert_eq!(status(), "DRIFTED");
    let drifts = api
        .call("DescribeStackResourceDrifts", &[("StackName", "S")])
        .good();
    for (name, value) in [
        ("StackResourceDriftStatus", "MODIFIED"),
        ("PropertyPath", "/DelaySeconds"),
        ("ExpectedValue", "5"),
        ("ActualValue", "60"),
        ("DifferenceType", "NOT_EQUAL"),
    ] {
        assert_eq!(drifts.field(name), value, "{}", drifts.text);
    }
    let set = api.change_set("S", QUEUE, &[("DeploymentMode", "REVERT_DRIFT")]);
    assert_eq!(
        (set.field("BeforeValue"), set.field("AfterValue")),
        ("60".to_owned(), "5".to_owned())
    );
    api.call(
        "ExecuteChangeSet",
        &[("ChangeSetName", &set.field("ChangeSetId"))],
    )
    .good();
    assert_eq!(api.settled("S"), "UPDATE_COMPLETE");
    assert_eq!(status(), "IN_SYNC");
}

#[test]
fn what_is_retained_keeps_its_name_and_can_be_imported() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let id = api.create("S", TOPIC, &[]);
    let arn = api
        .call("DescribeStackResources", &[("StackName", "S")])
        .good()
        .field("PhysicalResourceId");
    api.call("DeleteStack", &[("StackName", "S")]).good();
    assert_eq!(api.settled(&id), "DELETE_COMPLETE");
    let import = [
        ("ChangeSetType", "IMPORT"),
        ("ResourcesToImport.member.1.ResourceType", "AWS::SNS::Topic"),
        ("ResourcesToImport.member.1.LogicalResourceId", "Topic"),
        (
            "ResourcesToImport.member.1.ResourceIdentifier.entry.1.key",
            "TopicArn",
        ),
        (
            "ResourcesToImport.member.1.ResourceIdentifier.entry.1.value",
            &arn,
        ),
    ];
    let changed = TOPIC.replace("News", "Other");
    let set = api.change_set("Again", &changed, &import);
    assert_eq!(
        (set.field("Action"), set.field("Status")),
        ("Import".to_owned(), "CREATE_COMPLETE".to_owned()),
        "{}",
        set.text
    );
    api.call(
        "ExecuteChangeSet",
        &[("ChangeSetName", &set.field("ChangeSetId"))],
    )
    .good();
    assert_eq!(api.settled("Again"), "IMPORT_COMPLETE");
    assert_eq!(
        api.call("DescribeStackResources", &[("StackName", "Again")])
            .good()
            .field("PhysicalResourceId"),
        arn
    );
    // It was set otherwise than the template says: that is drift.
    let drift = api
        .call(
            "DetectStackResourceDrift",
            &[("StackName", "Again"), ("LogicalResourceId", "Topic")],
        )
        .good();
    assert_eq!(drift.field("ActualValue"), "News");
    let again = api.begin(
        "CreateChangeSet",
        "Third",
        TOPIC,
        &[&[("ChangeSetName", "x")], &import[..]].concat(),
    );
    assert_eq!(
        again.refusal(),
        format!("Resource of type 'AWS::SNS::Topic' with identifier '{arn}' was not found.")
    );
}

#[test]
fn a_stack_policy_is_enforced() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let policy = r#"{"Statement":[{"Effect":"Deny","Action":"Update:Modify","Principal":"*","Resource":"LogicalResourceId/Queue"},{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}"#;
    api.create("S", QUEUE, &[("StackPolicyBody", policy)]);
    api.begin("UpdateStack", "S", QUEUE, &delay("9")).good();
    assert_eq!(api.settled("S"), "UPDATE_ROLLBACK_COMPLETE");
    let denied = "Action denied by stack policy: Statement [#1] does not allow [Update:Modify] for resource [LogicalResourceId/Queue]";
    assert!(
        api.events("S")
            .iter()
            .any(|event| event.name == "Queue" && event.reason == denied)
    );
    let allow =
        r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}"#;
    let once = [&delay("9")[..], &[("StackPolicyDuringUpdateBody", allow)]].concat();
    api.begin("UpdateStack", "S", QUEUE, &once).good();
    assert_eq!(api.settled("S"), "UPDATE_COMPLETE");
}

#[test]
fn nested_stacks_are_created_updated_rolled_back_and_deleted() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let url = api.put("templates", "queue.yaml", QUEUE);
    let parent = |delay: &str, more: &str| {
        format!(
            "Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      \
             TemplateURL: {url}\n      Parameters:\n        Delay: {delay}\n{more}\
             Outputs:\n  Url:\n    Value: !GetAtt Inner.Outputs.Url\n"
        )
    };
    let id = api.create("Outer", &parent("1", ""), &[]);
    assert_eq!(api.settled(&id), "CREATE_COMPLETE");
    let url_of = |stack: &str| {
        api.call("DescribeStacks", &[("StackName", stack)])
            .good()
            .field("OutputValue")
    };
    let inner = api
        .call("DescribeStackResources", &[("StackName", "Outer")])
        .good()
        .field("PhysicalResourceId");
    assert_eq!(url_of("Outer"), url_of(&inner));
    let delay_of = || {
        api.call("DescribeStacks", &[("StackName", &inner)])
            .good()
            .field("ParameterValue")
    };
    api.begin("UpdateStack", "Outer", &parent("2", ""), &[])
        .good();
    assert_eq!(
        (api.settled("Outer"), api.settled(&inner), delay_of()),
        (
            "UPDATE_COMPLETE".into(),
            "UPDATE_COMPLETE".into(),
            "2".into()
        )
    );
    // What fails beside it brings it back, too.
    let bad = "  Api:\n    Type: AWS::ApiGateway::RestApi\n    DependsOn: Inner\n    Properties:\n      Name: x\n  Bad:\n    Type: AWS::SNS::Topic\n    Properties:\n      FifoTopic: !GetAtt Api.RootResourceId\n";
    api.begin("UpdateStack", "Outer", &parent("3", bad), &[])
        .good();
    assert_eq!(
        (api.settled("Outer"), delay_of()),
        ("UPDATE_ROLLBACK_COMPLETE".into(), "2".into()),
        "{:#?}",
        api.events("Outer")
    );
    assert_eq!(api.settled(&inner), "UPDATE_ROLLBACK_COMPLETE");
    // The service lets a nested stack be updated by itself, too.
    let alone = QUEUE.replace("Default: 5", "Default: 7");
    api.begin("UpdateStack", &inner, &alone, &delay("8")).good();
    assert_eq!(
        (api.settled(&inner), delay_of()),
        ("UPDATE_COMPLETE".into(), "8".into())
    );
    api.call("DeleteStack", &[("StackName", "Outer")]).good();
    assert_eq!(
        (api.settled(&id), api.settled(&inner)),
        ("DELETE_COMPLETE".into(), "DELETE_COMPLETE".into())
    );
}

#[test]
fn a_nested_failure_is_the_parents() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let bad = QUEUE.replace("Outputs:", "  Bad:\n    Type: AWS::SNS::Topic\n    Properties:\n      FifoTopic: !GetAtt Queue.Arn\nOutputs:");
    let url = api.put("templates", "bad.yaml", &bad);
    let parent = format!(
        "Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {url}\n"
    );
    let id = api.create("Outer", &parent, &[]);
    assert_eq!(api.settled(&id), "ROLLBACK_COMPLETE");
    let events = api.events(&id);
    let failed = events
        .iter()
        .find(|event| event.name == "Inner" && event.status == "CREATE_FAILED")
        .unwrap();
    assert!(
        failed.reason.starts_with("Embedded stack arn:")
            && failed
                .reason
                .contains("The following resource(s) failed to create: [Bad]"),
        "{failed:?}"
    );
    assert!(
        events
            .iter()
            .any(|event| event.name == "Inner" && event.status == "DELETE_COMPLETE")
    );
}

#[test]
fn transforms_need_a_look_or_a_capability() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let template = "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::Topics:\n    - Name\n    - [a, b]\n    - Topic${Name}:\n        Type: AWS::SNS::Topic\n        Properties:\n          DisplayName: !Ref Name\n";
    let refused = api.begin("CreateStack", "S", template, &[]);
    assert_eq!(
        refused.refusal(),
        "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"
    );
    let id = api.create(
        "S",
        template,
        &[("Capabilities.member.1", "CAPABILITY_AUTO_EXPAND")],
    );
    assert_eq!(api.settled(&id), "CREATE_COMPLETE");
    let names = api
        .call("ListStackResources", &[("StackName", "S")])
        .good()
        .fields("LogicalResourceId");
    assert_eq!(names, ["Topica", "Topicb"]);
    let processed = api
        .call(
            "GetTemplate",
            &[("StackName", "S"), ("TemplateStage", "Processed")],
        )
        .good();
    assert!(processed.text.contains("Topica") && !processed.text.contains("ForEach"));
}

#[test]
fn stored_parameters_are_read() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    api.create("Store", "Resources:\n  Name:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Name: /app/delay\n      Type: String\n      Value: '7'\n", &[]);
    let reads = QUEUE.replace(
        "Type: Number\n    Default: 5",
        "Type: AWS::SSM::Parameter::Value<String>\n    Default: /app/delay",
    );
    api.create("S", &reads, &[]);
    let stack = api.call("DescribeStacks", &[("StackName", "S")]).good();
    assert_eq!(
        (stack.field("ParameterValue"), stack.field("ResolvedValue")),
        ("/app/delay".to_owned(), "7".to_owned())
    );
    let missing = reads.replace("/app/delay", "/app/nope");
    assert_eq!(
        api.begin("CreateStack", "T", &missing, &[]).refusal(),
        "Unable to fetch parameters [/app/nope] from parameter store for this account."
    );
}

#[test]
fn a_repeated_request_is_the_same_request() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let token = [("ClientRequestToken", "once")];
    let first = api
        .begin("CreateStack", "S", QUEUE, &token)
        .good()
        .field("StackId");
    assert_eq!(
        api.begin("CreateStack", "S", QUEUE, &token)
            .good()
            .field("StackId"),
        first
    );
    assert_eq!(
        api.begin("CreateStack", "S", QUEUE, &[]).refusal(),
        "Stack [S] already exists"
    );
}

#[test]
fn what_is_not_to_be_shown_is_not_shown() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let template = "Parameters:\n  Secret:\n    Type: String\n    NoEcho: true\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !Ref Secret\n";
    let with = |value: &'static str| {
        [
            ("Parameters.member.1.ParameterKey", "Secret"),
            ("Parameters.member.1.ParameterValue", value),
        ]
    };
    api.create("S", template, &with("hunter-2-hunter"));
    let set = api.change_set("S", template, &with("swordfish-99"));
    assert_eq!(set.field("AfterValue"), "****");
    for text in [
        set.text,
        api.call("DescribeStacks", &[]).good().text,
        api.call("DescribeStackEvents", &[("StackName", "S")])
            .good()
            .text,
    ] {
        assert!(
            !text.contains("swordfish") && !text.contains("hunter-2"),
            "{text}"
        );
    }
}

#[test]
fn an_export_in_use_is_kept() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let exports = QUEUE.replace(
        "Value: !Ref Queue",
        "Value: !Ref Queue\n    Export: {Name: queue-url}",
    );
    api.create("A", &exports, &[]);
    api.create("B", "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !ImportValue queue-url\n", &[]);
    assert_eq!(
        api.call("ListImports", &[("ExportName", "queue-url")])
            .good()
            .field("member"),
        "B"
    );
    api.call("DeleteStack", &[("StackName", "A")]).good();
    assert_eq!(api.settled("A"), "CREATE_COMPLETE");
    let reason = api
        .call("DescribeStacks", &[("StackName", "A")])
        .good()
        .field("StackStatusReason");
    assert_eq!(
        reason,
        "Delete canceled. Cannot delete export queue-url as it is in use by B"
    );
}

#[test]
fn what_is_still_in_use_is_not_deleted() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let network = "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n    Properties: {CidrBlock: 10.0.0.0/16}\n  Group:\n    Type: AWS::EC2::SecurityGroup\n    Properties: {GroupDescription: g, VpcId: !Ref Vpc}\nOutputs:\n  Group:\n    Value: !Ref Group\n    Export: {Name: group}\n  Id:\n    Value: !Ref Group\n";
    let network = network.replace("\n    Export: {Name: group}", "");
    let id = api.create("Net", &network, &[]);
    let stack = api.call("DescribeStacks", &[("StackName", "Net")]).good();
    let group = stack.field("OutputValue");
    let user = format!(
        "Resources:\n  Other:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      GroupDescription: o\n      SecurityGroupIngress: [{{IpProtocol: tcp, FromPort: 1, ToPort: 1, SourceSecurityGroupId: {group}}}]\n"
    );
    let user = api.create("User", &user, &[]);
    api.call("DeleteStack", &[("StackName", "Net")]).good();
    assert_eq!(api.settled(&id), "DELETE_FAILED");
    let words = format!("resource {group} has a dependent object");
    assert!(
        api.events(&id)
            .iter()
            .any(|event| event.reason.contains(&words))
    );
    api.call("DeleteStack", &[("StackName", "User")]).good();
    api.settled(&user);
    api.call("DeleteStack", &[("StackName", "Net")]).good();
    assert_eq!(api.settled(&id), "DELETE_COMPLETE");
}

#[test]
fn a_bucket_that_is_not_empty_is_not_deleted() {
    let sandbox = Sandbox::empty();
    let api = Api::of(&sandbox);
    let bucket = "Resources:\n  Data:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: data-of-life}\n";
    let id = api.create("S", bucket, &[]);
    api.put("data-of-life", "row.csv", "1,2");
    api.call("DeleteStack", &[("StackName", "S")]).good();
    assert_eq!(api.settled(&id), "DELETE_FAILED");
    let events = api.events(&id);
    let told = |event: &crate::api::Event| {
        event
            .reason
            .contains("The bucket you tried to delete is not empty")
    };
    assert!(events.iter().any(told), "{events:#?}");
}

/// What a queue's delay really is.
fn live_delay(api: &Api, queue: &str) -> String {
    let asked = json!({ "TypeName": "AWS::SQS::Queue", "Identifier": queue });
    let told = api.json("cloudcontrolapi", "CloudApiService.GetResource", &asked);
    let properties = told["ResourceDescription"]["Properties"].as_str().unwrap();
    let properties: Value = serde_json::from_str(properties).unwrap();
    properties["DelaySeconds"].to_string()
}

/// The physical id of a resource.
fn physical_id(api: &Api, stack: &str, name: &str) -> String {
    let asked = [("StackName", stack), ("LogicalResourceId", name)];
    let told = api.call("DescribeStackResources", &asked).good();
    told.field("PhysicalResourceId")
}

/// Asks for an update, and answers the status that the stack comes to.
fn update(api: &Api, stack: &str, template: &str, more: &[(&str, &str)]) -> String {
    api.begin("UpdateStack", stack, template, more).good();
    api.settled(stack)
}

#[test]
fn an_update_that_was_kept_as_it_failed_is_tried_again() {
    let sandbox = Sandbox::empty();
    let api = Api::with(&sandbox, &["--fault", "Queue:update:fail:no,times=5"]);
    let keep = |value| [&delay(value)[..], &[("DisableRollback", "true")]].concat();
    api.create("S", QUEUE, &delay("1"));
    let queue = physical_id(&api, "S", "Queue");
    for _ in 0..2 {
        assert_eq!(update(&api, "S", QUEUE, &keep("2")), "UPDATE_FAILED");
        assert_eq!(live_delay(&api, &queue), "1");
    }
    // What was asked for first is tried as well.
    assert_eq!(update(&api, "S", QUEUE, &keep("1")), "UPDATE_FAILED");
    assert_eq!(update(&api, "S", QUEUE, &keep("3")), "UPDATE_FAILED");
    api.call("RollbackStack", &[("StackName", "S")]).good();
    assert_eq!(api.settled("S"), "UPDATE_ROLLBACK_COMPLETE");
    let stack = api.call("DescribeStacks", &[("StackName", "S")]).good();
    assert_eq!(
        (stack.field("ParameterValue"), live_delay(&api, &queue)),
        ("1".to_owned(), "1".to_owned())
    );
    assert_eq!(update(&api, "S", QUEUE, &keep("2")), "UPDATE_FAILED");
    assert_eq!(update(&api, "S", QUEUE, &keep("2")), "UPDATE_COMPLETE");
    assert_eq!(live_delay(&api, &queue), "2");
}

#[test]
fn a_nested_update_that_was_kept_as_it_failed_is_tried_again() {
    let sandbox = Sandbox::empty();
    let faults = [
        "Queue:update:fail:no,times=2",
        "Last:create:fail:no,times=2",
    ];
    let api = Api::with(&sandbox, &["--fault", faults[0], "--fault", faults[1]]);
    let url = api.put("templates", "queue.yaml", QUEUE);
    let parent = |delay: &str, more: &str| {
        format!(
            "Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      \
             TemplateURL: {url}\n      Parameters:\n        Delay: {delay}\n{more}"
        )
    };
    let keep = [("DisableRollback", "true")];
    api.create("Outer", &parent("1", ""), &[]);
    let inner = physical_id(&api, "Outer", "Inner");
    let queue = physical_id(&api, &inner, "Queue");
    for _ in 0..2 {
        assert_eq!(
            update(&api, "Outer", &parent("2", ""), &keep),
            "UPDATE_FAILED"
        );
        assert_eq!(api.settled(&inner), "UPDATE_FAILED");
        assert_eq!(live_delay(&api, &queue), "1");
    }
    assert_eq!(
        update(&api, "Outer", &parent("2", ""), &keep),
        "UPDATE_COMPLETE"
    );
    assert_eq!(live_delay(&api, &queue), "2");
    // A nested stack that waits for its parent is gone on with, too, and comes back all the way.
    let last = "  Last:\n    Type: AWS::SNS::Topic\n    DependsOn: Inner\n";
    assert_eq!(
        update(&api, "Outer", &parent("3", last), &keep),
        "UPDATE_FAILED"
    );
    assert_eq!(live_delay(&api, &queue), "3");
    assert_eq!(
        update(&api, "Outer", &parent("4", last), &keep),
        "UPDATE_FAILED"
    );
    assert_eq!(live_delay(&api, &queue), "4");
    api.call("RollbackStack", &[("StackName", "Outer")]).good();
    assert_eq!(api.settled("Outer"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(api.settled(&inner), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(live_delay(&api, &queue), "2");
}

#[test]
fn what_was_replaced_before_an_update_failed_is_deleted_in_the_end() {
    let sandbox = Sandbox::empty();
    let api = Api::with(&sandbox, &["--fault", "Last:create:fail:no,times=1"]);
    let template = |name: &str, more: &str| {
        format!(
            "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: {name}\n{more}"
        )
    };
    let last = "  Last:\n    Type: AWS::SNS::Topic\n    DependsOn: Queue\n";
    let keep = [("DisableRollback", "true")];
    api.create("S", &template("one", ""), &[]);
    let old = physical_id(&api, "S", "Queue");
    assert_eq!(
        update(&api, "S", &template("two", last), &keep),
        "UPDATE_FAILED"
    );
    assert_eq!(
        update(&api, "S", &template("two", last), &keep),
        "UPDATE_COMPLETE"
    );
    let events = api.events("S");
    let gone =
        |event: &&crate::api::Event| event.physical == old && event.status == "DELETE_COMPLETE";
    assert_eq!(events.iter().filter(gone).count(), 1, "{events:#?}");
}

#[test]
fn a_rollback_skips_what_it_could_not_bring_back_and_nothing_else() {
    let sandbox = Sandbox::empty();
    let faults = ["Queue:rollback:fail:no", "Bad:create:fail:no"];
    let api = Api::with(&sandbox, &["--fault", faults[0], "--fault", faults[1]]);
    let url = api.put("templates", "queue.yaml", QUEUE);
    let parent = |delay: &str, more: &str| {
        format!(
            "Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      \
             TemplateURL: {url}\n      Parameters:\n        Delay: {delay}\n{more}"
        )
    };
    let bad = "  Bad:\n    Type: AWS::SNS::Topic\n    DependsOn: Inner\n";
    let fail = |stack: &str| {
        api.create(stack, &parent("1", ""), &[]);
        let status = update(&api, stack, &parent("2", bad), &[]);
        assert_eq!(status, "UPDATE_ROLLBACK_FAILED");
        physical_id(&api, stack, "Inner")
    };
    let go_on = |stack: &str, more: &[(&str, &str)]| {
        let fields = [&[("StackName", stack)], more].concat();
        api.call("ContinueUpdateRollback", &fields)
    };
    let skip = |stack: &str, path: &str| go_on(stack, &[("ResourcesToSkip.member.1", path)]);

    let inner = fail("Outer");
    let child = inner.split('/').nth(1).unwrap();
    for (path, why) in [
        (
            "Bad",
            "it is not in UPDATE_FAILED state because a rollback failed",
        ),
        ("Nope", "it does not exist in stack Outer"),
        (
            "Inner",
            "its embedded stack is not in DELETE_IN_PROGRESS, DELETE_COMPLETE or DELETE_FAILED \
             state; the resources of a nested stack are named as NestedStackName.ResourceLogicalID",
        ),
        ("Inner.Queue", "the stack has no nested stack of that name"),
        (
            &format!("{child}.Nope"),
            &format!("it does not exist in stack {child}"),
        ),
    ] {
        let words = format!("Resource {path} cannot be skipped: {why}");
        assert_eq!(skip("Outer", path).refusal(), words);
    }
    let path = format!("{child}.Queue");
    let both = [
        ("ForceRollback", "true"),
        ("ResourcesToSkip.member.1", path.as_str()),
    ];
    assert_eq!(
        go_on("Outer", &both).refusal(),
        "You cannot specify both ForceRollback and ResourcesToSkip."
    );
    go_on("Outer", &[]).good();
    assert_eq!(api.settled("Outer"), "UPDATE_ROLLBACK_FAILED");
    skip("Outer", &path).good();
    assert_eq!(api.settled("Outer"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(api.settled(&inner), "UPDATE_ROLLBACK_COMPLETE");
    // The queue is left as it is, which is not what its stack says.
    assert_eq!(live_delay(&api, &physical_id(&api, &inner, "Queue")), "2");
    let looked = [
        ("StackName", inner.as_str()),
        ("LogicalResourceId", "Queue"),
    ];
    let drift = api.call("DetectStackResourceDrift", &looked).good();
    assert_eq!(drift.field("StackResourceDriftStatus"), "MODIFIED");

    // All of it, without a name.
    let inner = fail("Forced");
    go_on("Forced", &[("ForceRollback", "true")]).good();
    assert_eq!(api.settled("Forced"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(live_delay(&api, &physical_id(&api, &inner, "Queue")), "2");

    // A nested stack that somebody deleted is skipped itself.
    let inner = fail("Robbed");
    api.call("DeleteStack", &[("StackName", &inner)]).good();
    assert_eq!(api.settled(&inner), "DELETE_COMPLETE");
    go_on("Robbed", &[]).good();
    assert_eq!(api.settled("Robbed"), "UPDATE_ROLLBACK_FAILED");
    skip("Robbed", "Inner").good();
    assert_eq!(api.settled("Robbed"), "UPDATE_ROLLBACK_COMPLETE");
}

#[test]
fn an_update_says_that_something_could_not_be_deleted() {
    let sandbox = Sandbox::empty();
    let api = Api::with(&sandbox, &["--fault", "Old:delete:fail:stuck"]);
    let old = "  Old:\n    Type: AWS::SNS::Topic\n";
    let template = |more: &str| format!("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n{more}");
    api.create("S", &template(old), &[]);
    assert_eq!(update(&api, "S", &template(""), &[]), "UPDATE_COMPLETE");
    let words = "Update successful. One or more resources could not be deleted.";
    let stack = api.call("DescribeStacks", &[("StackName", "S")]).good();
    assert_eq!(stack.field("StackStatusReason"), words);
    let last = api.events("S").pop().unwrap();
    assert_eq!(
        (last.status.as_str(), last.reason.as_str()),
        ("UPDATE_COMPLETE", words)
    );
    let held = api.call("ListStackResources", &[("StackName", "S")]).good();
    assert_eq!(held.fields("LogicalResourceId"), ["Queue"]);
    // The next one has nothing to say.
    let more = "  More:\n    Type: AWS::SNS::Topic\n";
    assert_eq!(update(&api, "S", &template(more), &[]), "UPDATE_COMPLETE");
    let stack = api.call("DescribeStacks", &[("StackName", "S")]).good();
    assert_eq!(stack.field("StackStatusReason"), "");
}
