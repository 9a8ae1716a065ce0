use super::*;

#[test]
fn a_name_is_taken_by_whoever_has_it() {
    let account = Account::new()
        .other("AWS::DynamoDB::Table", "t", json!({"TableName": "t"}))
        .other(
            "AWS::ApiGateway::Stage",
            "prod",
            json!({"RestApiId": "a", "StageName": "prod"}),
        )
        .kept("AWS::S3::Bucket", "b", json!({"BucketName": "b"}))
        .kept("AWS::Logs::LogGroup", "/g", json!({"LogGroupName": "/g"}));
    let taken = account.create("AWS::DynamoDB::Table", json!({"TableName": "t"}));
    assert_eq!(taken, some(&format!("t already exists in stack {OTHER}")));
    assert_eq!(
        account.create("AWS::DynamoDB::Table", json!({"TableName": "u"})),
        None
    );
    assert_eq!(account.create("AWS::DynamoDB::Table", json!({})), None);
    let bucket = account.create("AWS::S3::Bucket", json!({"BucketName": "b"}));
    assert_eq!(bucket, some("b already exists"));
    let folder = account.directory.path().join("s3/uploads");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("bucket.json"), "{}").unwrap();
    let bucket = account.create("AWS::S3::Bucket", json!({"BucketName": "uploads"}));
    assert_eq!(bucket, some("uploads already exists"));
    assert_eq!(
        account.create("AWS::Logs::LogGroup", json!({"LogGroupName": "/g"})),
        some("Resource of type 'AWS::Logs::LogGroup' with identifier '/g' already exists.")
    );
    // Names within a parent repeat under another.
    let stage = |api: &str| {
        account.create(
            "AWS::ApiGateway::Stage",
            json!({"RestApiId": api, "StageName": "prod"}),
        )
    };
    assert_eq!(stage("b"), None);
    assert!(
        stage("a")
            .unwrap()
            .starts_with("a|prod already exists in stack")
    );
}

#[test]
fn services_have_words_of_their_own_for_names() {
    let group = |vpc: &str| json!({"GroupName": "web", "VpcId": vpc, "GroupDescription": "g"});
    let acl = |scope: &str| json!({"Name": "acl", "Scope": scope});
    let route = json!({"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0"});
    let policy = json!({"ManagedPolicyName": "p"});
    let account = Account::new()
        .other("AWS::EC2::SecurityGroup", "sg-1", group("vpc-1"))
        .other("AWS::WAFv2::WebACL", "acl|1|REGIONAL", acl("REGIONAL"))
        .other(
            "AWS::Cognito::UserPoolDomain",
            "loans",
            json!({"UserPoolId": "p1", "Domain": "loans"}),
        )
        .other("AWS::EC2::Route", "r", route.clone())
        .other("AWS::ApiGateway::RestApi", "api", json!({"Name": "loans"}))
        .kept("AWS::S3::BucketPolicy", "b", json!({"Bucket": "b"}))
        .kept("AWS::IAM::ManagedPolicy", "arn:p", policy.clone());
    assert_eq!(
        account.create("AWS::EC2::SecurityGroup", group("vpc-1")),
        some("The security group 'web' already exists for VPC 'vpc-1'")
    );
    assert_eq!(
        account.create("AWS::EC2::SecurityGroup", group("vpc-2")),
        None
    );
    let duplicate = account
        .create("AWS::WAFv2::WebACL", acl("REGIONAL"))
        .unwrap();
    assert!(
        duplicate.ends_with("is a duplicate of an existing one."),
        "{duplicate}"
    );
    assert_eq!(
        account.create("AWS::WAFv2::WebACL", acl("CLOUDFRONT")),
        None
    );
    assert_eq!(
        account.create(
            "AWS::Cognito::UserPoolDomain",
            json!({"UserPoolId": "p2", "Domain": "loans"})
        ),
        some("Domain already associated with another user pool.")
    );
    assert_eq!(
        account.create("AWS::EC2::Route", route),
        some("The route identified by 0.0.0.0/0 already exists.")
    );
    assert_eq!(
        account.create("AWS::S3::BucketPolicy", json!({"Bucket": "b"})),
        some("The bucket policy already exists on bucket b.")
    );
    assert_eq!(
        account.create("AWS::IAM::ManagedPolicy", policy),
        some("A policy called p already exists. Duplicate names are not allowed.")
    );
    assert_eq!(
        account.create("AWS::ApiGateway::RestApi", json!({"Name": "loans"})),
        None
    );
}

#[test]
fn a_queue_that_no_stack_has_may_be_taken_over_as_it_is() {
    let queue = |delay: u32| json!({"QueueName": "q", "DelaySeconds": delay});
    let kept = Account::new().kept("AWS::SQS::Queue", "https://sqs/q", queue(5));
    assert_eq!(
        kept.create("AWS::SQS::Queue", queue(6)),
        some(
            "A queue already exists with the same name and a different value for attribute DelaySeconds"
        )
    );
    assert_eq!(kept.create("AWS::SQS::Queue", queue(5)), None);
    assert_eq!(
        kept.create(
            "AWS::SQS::Queue",
            json!({"QueueName": "q", "VisibilityTimeout": 30})
        ),
        None
    );
    let owned = Account::new().other("AWS::SQS::Queue", "https://sqs/q", queue(5));
    assert_eq!(
        owned.create("AWS::SQS::Queue", queue(5)),
        some(&format!("https://sqs/q already exists in stack {OTHER}"))
    );
}

#[test]
fn what_has_a_name_cannot_be_replaced_under_it() {
    let group = json!({"GroupName": "web", "VpcId": "vpc-1"});
    let account = Account::new()
        .own("AWS::DynamoDB::Table", "t", json!({"TableName": "t"}))
        .own("AWS::EC2::SecurityGroup", "sg-1", group.clone());
    let replace = |name: &str, kind: &str, properties: Value| {
        let wanted = Resource {
            logical_id: name.to_owned(),
            ..resource(kind, "", properties)
        };
        account
            .ask(|world, stack| refuse_create(world, stack, &wanted))
            .unwrap()
    };
    let told = replace("t", "AWS::DynamoDB::Table", json!({"TableName": "t"}));
    assert_eq!(
        told,
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. \
         Rename t and update the stack again."
    );
    let told = replace("sg-1", "AWS::EC2::SecurityGroup", group);
    assert!(told.contains("Rename web and update"), "{told}");
    // Under another logical id, it is made before the old one goes.
    let told = replace("u", "AWS::DynamoDB::Table", json!({"TableName": "t"}));
    assert_eq!(told, format!("t already exists in stack {OWN}"));
}

#[test]
fn what_exists_is_known_before_a_deployment() {
    let account = Account::new()
        .other("AWS::DynamoDB::Table", "t", json!({"TableName": "t"}))
        .kept("AWS::S3::Bucket", "b", json!({"BucketName": "b"}));
    let existing = |kind: &str, properties: Value| existing(&account.state, kind, &properties);
    assert_eq!(
        existing("AWS::DynamoDB::Table", json!({"TableName": "t"})),
        some("t")
    );
    assert_eq!(
        existing("AWS::S3::Bucket", json!({"BucketName": "b"})),
        some("b")
    );
    assert_eq!(
        existing("AWS::S3::Bucket", json!({"BucketName": "c"})),
        None
    );
    assert_eq!(existing("AWS::S3::Bucket", json!({})), None);
}

#[test]
fn quotas_are_those_of_a_new_account() {
    let edge = json!({});
    let regional = json!({"EndpointConfiguration": {"Types": ["REGIONAL"]}});
    let rules = json!({"GroupId": "sg-1"});
    for (kind, most, properties, told) in [
        (
            "AWS::EC2::VPC",
            5,
            json!({}),
            "The maximum number of VPCs has been reached.",
        ),
        (
            "AWS::EC2::EIP",
            5,
            json!({}),
            "The maximum number of addresses has been reached.",
        ),
        (
            "AWS::EC2::InternetGateway",
            5,
            json!({}),
            "The maximum number of internet gateways has been reached.",
        ),
        (
            "AWS::EC2::SecurityGroupIngress",
            60,
            rules.clone(),
            "The maximum number of rules per security group has been reached.",
        ),
        (
            "AWS::EC2::SecurityGroupEgress",
            60,
            rules,
            "The maximum number of rules per security group has been reached.",
        ),
        (
            "AWS::IAM::Role",
            1000,
            json!({}),
            "Cannot exceed quota for RolesPerAccount: 1000",
        ),
        (
            "AWS::ApiGateway::RestApi",
            600,
            regional,
            "Maximum number of regional and private APIs for this account has been reached.",
        ),
        (
            "AWS::ApiGateway::RestApi",
            120,
            edge,
            "Maximum number of edge-optimized APIs for this account has been reached.",
        ),
        (
            "AWS::Cognito::UserPool",
            1000,
            json!({}),
            "Maximum number of user pools for this account has been reached.",
        ),
        (
            "AWS::RedshiftServerless::Namespace",
            25,
            json!({}),
            "The quota of 25 namespaces for this account has been exceeded.",
        ),
        (
            "AWS::RedshiftServerless::Workgroup",
            25,
            json!({}),
            "The quota of 25 workgroups for this account has been exceeded.",
        ),
        (
            "AWS::WAFv2::WebACL",
            100,
            json!({"Scope": "REGIONAL"}),
            "AWS WAF couldn\u{2019}t perform the operation because you exceeded your resource limit.",
        ),
    ] {
        let mut account = Account::new();
        for at in 1..most {
            account = account.other(kind, &format!("r{at}"), properties.clone());
        }
        assert_eq!(account.create(kind, properties.clone()), None, "{kind}");
        // What is kept counts as well.
        account = account.kept(kind, "last", properties.clone());
        assert_eq!(account.create(kind, properties), some(told), "{kind}");
    }
}

#[test]
fn nat_gateways_count_in_their_zone_and_rules_in_their_group() {
    let mut account = Account::new()
        .other(
            "AWS::EC2::Subnet",
            "subnet-a",
            json!({"AvailabilityZone": "eu-west-1a"}),
        )
        .other(
            "AWS::EC2::Subnet",
            "subnet-b",
            json!({"AvailabilityZone": "eu-west-1b"}),
        );
    for at in 0..5 {
        account = account.other(
            "AWS::EC2::NatGateway",
            &format!("nat-{at}"),
            json!({"SubnetId": "subnet-a"}),
        );
    }
    let nat = |subnet: &str| account.create("AWS::EC2::NatGateway", json!({"SubnetId": subnet}));
    assert_eq!(nat("subnet-b"), None);
    assert_eq!(
        nat("subnet-a"),
        some("Performing this operation would exceed the limit of 5 NAT gateways")
    );

    let lists = |count: usize| json!({"SecurityGroupIngress": vec![json!({}); count]});
    let group = Account::new().other("AWS::EC2::SecurityGroup", "sg-1", lists(59));
    let rule = json!({"GroupId": "sg-1"});
    assert_eq!(
        group.create("AWS::EC2::SecurityGroupIngress", rule.clone()),
        None
    );
    let group = group.other("AWS::EC2::SecurityGroupIngress", "sgr-1", rule.clone());
    let told = some("The maximum number of rules per security group has been reached.");
    assert_eq!(
        group.create("AWS::EC2::SecurityGroupIngress", rule.clone()),
        told
    );
    assert_eq!(group.create("AWS::EC2::SecurityGroupEgress", rule), None);
    assert_eq!(group.create("AWS::EC2::SecurityGroup", lists(61)), told);
    assert_eq!(group.create("AWS::EC2::SecurityGroup", lists(60)), None);
    assert_eq!(
        group.update("AWS::EC2::SecurityGroup", lists(1), lists(61)),
        told
    );
}
