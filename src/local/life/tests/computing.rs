use super::*;

const WORKGROUP: &str = "AWS::RedshiftServerless::Workgroup";

fn subnets(zones: [&str; 3]) -> Account {
    let mut account = Account::new();
    for (at, zone) in zones.iter().enumerate() {
        let subnet = json!({"AvailabilityZone": zone, "CidrBlock": format!("10.0.{at}.0/28")});
        account = account.other("AWS::EC2::Subnet", &format!("subnet-{at}"), subnet);
    }
    account
}

#[test]
fn a_workgroup_spans_three_zones() {
    let told = some(
        "You must have at least three subnets, and they must span across three Availability Zones.",
    );
    let all = json!({"SubnetIds": ["subnet-0", "subnet-1", "subnet-2"], "BaseCapacity": 8});
    let two = json!({"SubnetIds": ["subnet-0", "subnet-1"]});
    let spread = subnets(["a", "b", "c"]);
    assert_eq!(spread.create(WORKGROUP, all.clone()), None);
    assert_eq!(spread.create(WORKGROUP, two.clone()), told);
    assert_eq!(spread.update(WORKGROUP, all.clone(), two), told);
    let mut narrow = subnets(["a", "b", "b"]);
    assert_eq!(narrow.create(WORKGROUP, all.clone()), told);
    narrow.place.region = "us-west-1".to_owned();
    assert_eq!(narrow.create(WORKGROUP, all.clone()), None);
    // What is not known is let through; without a list the default VPC's are taken.
    assert_eq!(Account::new().create(WORKGROUP, all.clone()), None);
    assert_eq!(Account::new().create(WORKGROUP, json!({})), None);
    let mut routed = all;
    routed["EnhancedVpcRouting"] = json!("true");
    assert_eq!(spread.create(WORKGROUP, routed.clone()), None);
    routed["BaseCapacity"] = json!(32);
    assert_eq!(
        spread.create(WORKGROUP, routed),
        some("Insufficient free IP addresses found in subnets")
    );
}

#[test]
fn capacity_comes_in_steps() {
    let create = |properties: Value| Account::new().create(WORKGROUP, properties);
    for base in [4, 8, 16, 128, 512, 544, 1024] {
        assert_eq!(create(json!({"BaseCapacity": base})), None, "{base}");
    }
    for base in [0, 5, 12, 513, 520, 1056] {
        let told = create(json!({"BaseCapacity": base})).unwrap();
        assert!(
            told.starts_with(&format!("The base capacity {base} is not valid.")),
            "{told}"
        );
    }
    assert_eq!(
        create(json!({"BaseCapacity": "8", "MaxCapacity": "8"})),
        None
    );
    let told = create(json!({"BaseCapacity": 16, "MaxCapacity": 8})).unwrap();
    assert_eq!(
        told,
        "The max capacity 8 is not valid. It must not be less than the base capacity 16."
    );
    assert!(
        create(json!({"MaxCapacity": 64}))
            .unwrap()
            .ends_with("base capacity 128.")
    );
}

#[test]
fn a_namespace_has_one_workgroup_and_goes_after_it() {
    let account = Account::new().other(WORKGROUP, "wg", json!({"NamespaceName": "ns"}));
    assert_eq!(
        account.create(WORKGROUP, json!({"NamespaceName": "ns"})),
        some("Namespace ns is already associated with workgroup wg.")
    );
    assert_eq!(
        account.create(WORKGROUP, json!({"NamespaceName": "other"})),
        None
    );
    assert_eq!(
        account.update(WORKGROUP, json!({}), json!({"NamespaceName": "ns"})),
        None
    );
    let namespace = "AWS::RedshiftServerless::Namespace";
    assert_eq!(
        account.delete(namespace, "ns", json!({})),
        some("Namespace ns can't be deleted because workgroup wg is associated with it.")
    );
    assert_eq!(account.delete(namespace, "other", json!({})), None);
}

#[test]
fn an_administrator_s_password_is_strong() {
    let create =
        |properties: Value| Account::new().create("AWS::RedshiftServerless::Namespace", properties);
    assert_eq!(create(json!({"AdminUserPassword": "Correct8"})), None);
    assert_eq!(
        create(json!({"AdminUserPassword": "{{resolve:secretsmanager:s}}"})),
        None
    );
    for weak in [
        "Short1",
        "nouppercase1",
        "NOLOWERCASE1",
        "NoNumbers",
        "Has/Slash1",
        "Has Space1",
    ] {
        assert!(
            create(json!({"AdminUserPassword": weak})).is_some(),
            "{weak}"
        );
    }
    let both = json!({"AdminUserPassword": "Correct8", "ManageAdminPassword": true});
    assert_eq!(
        create(both),
        some("You can't use adminUserPassword if manageAdminPassword is true.")
    );
}

#[test]
fn a_function_stays_within_lambda_s_bounds() {
    let account = Account::new().other(
        "AWS::Lambda::Function",
        "f",
        json!({"ReservedConcurrentExecutions": 800}),
    );
    let create = |properties: Value| account.create("AWS::Lambda::Function", properties);
    assert_eq!(
        create(json!({"MemorySize": 10240, "Timeout": 900, "Runtime": "python3.14"})),
        None
    );
    assert_eq!(
        create(json!({"MemorySize": 10241})),
        some(
            "1 validation error detected: Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240"
        )
    );
    assert!(
        create(json!({"MemorySize": "64"}))
            .unwrap()
            .ends_with("greater than or equal to 128")
    );
    assert!(
        create(json!({"Timeout": 901}))
            .unwrap()
            .contains("at 'timeout'")
    );
    assert_eq!(create(json!({"ReservedConcurrentExecutions": 100})), None);
    assert_eq!(
        create(json!({"ReservedConcurrentExecutions": 101})),
        some(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
        )
    );
    let variables = |value: Value| json!({"Environment": {"Variables": value}});
    assert!(
        create(variables(json!({"AWS_REGION": "x"})))
            .unwrap()
            .ends_with("Reserved keys used in this request: AWS_REGION")
    );
    assert!(
        create(variables(json!({"A": "x".repeat(4096)})))
            .unwrap()
            .ends_with("exceeded the 4KB limit.")
    );
    assert_eq!(create(variables(json!({"A": "x".repeat(4000)}))), None);
}

#[test]
fn a_runtime_that_has_ended_takes_no_function() {
    let account = Account::new();
    let old = json!({"Runtime": "nodejs14.x"});
    let told = account
        .create("AWS::Lambda::Function", old.clone())
        .unwrap();
    assert!(
        told.starts_with("The runtime parameter of nodejs14.x is no longer supported"),
        "{told}"
    );
    assert_eq!(
        account.update("AWS::Lambda::Function", json!({}), old),
        None
    );
    assert!(
        account
            .update(
                "AWS::Lambda::Function",
                json!({}),
                json!({"Runtime": "python2.7"})
            )
            .is_some()
    );
}

#[test]
fn a_deployment_has_methods_that_lead_somewhere() {
    let deploy = |account: &Account, after: &[&str]| {
        let wanted = Resource {
            depends_on: after.iter().map(|name| (*name).to_owned()).collect(),
            ..resource(
                "AWS::ApiGateway::Deployment",
                "",
                json!({"RestApiId": "api"}),
            )
        };
        account
            .ask(|world, stack| refuse_create(world, stack, &wanted))
            .map(words)
    };
    let api = |properties: Value| Account::new().own("AWS::ApiGateway::RestApi", "api", properties);
    let method = |integration: Value| json!({"RestApiId": "api", "Integration": integration});
    let none = some("The REST API doesn't contain any methods");
    assert_eq!(deploy(&api(json!({})), &[]), none);
    assert_eq!(deploy(&api(json!({"Body": {}})), &[]), None);
    let full = api(json!({})).own(
        "AWS::ApiGateway::Method",
        "m",
        method(json!({"Type": "MOCK"})),
    );
    // Without a dependency it is chance whether the method is there in time.
    assert_eq!(deploy(&full, &[]), none);
    assert_eq!(deploy(&full, &["m"]), None);
    let bare = api(json!({})).own("AWS::ApiGateway::Method", "m", json!({"RestApiId": "api"}));
    assert_eq!(
        deploy(&bare, &["m"]),
        some("No integration defined for method")
    );
    let staged = full.other(
        "AWS::ApiGateway::Stage",
        "prod",
        json!({"DeploymentId": "d"}),
    );
    assert_eq!(
        staged.delete("AWS::ApiGateway::Deployment", "d", json!({})),
        some("Active stages pointing to this deployment must be moved or deleted")
    );
}

#[test]
fn a_stage_that_logs_needs_the_account_s_role() {
    let told = some("CloudWatch Logs role ARN must be set in account settings to enable logging");
    let level = |level: &str| json!({"MethodSettings": [{"LoggingLevel": level}]});
    let access =
        json!({"AccessLogSetting": {"DestinationArn": "arn:aws:logs:eu-west-1:1:log-group:g"}});
    let none = Account::new();
    let set = Account::new().kept(
        "AWS::ApiGateway::Account",
        "a",
        json!({"CloudWatchRoleArn": "arn:r"}),
    );
    for properties in [level("ERROR"), level("INFO"), access] {
        assert_eq!(
            none.create("AWS::ApiGateway::Stage", properties.clone()),
            told
        );
        assert_eq!(
            none.update("AWS::ApiGateway::Stage", json!({}), properties.clone()),
            told
        );
        assert_eq!(set.create("AWS::ApiGateway::Stage", properties), None);
    }
    assert_eq!(none.create("AWS::ApiGateway::Stage", level("OFF")), None);
    assert_eq!(none.create("AWS::ApiGateway::Stage", json!({})), None);
}

#[test]
fn a_firewall_has_so_much_capacity() {
    let account = Account::new();
    let rules = |statements: Vec<Value>| {
        let rules: Vec<Value> = statements
            .into_iter()
            .map(|one| json!({"Statement": one}))
            .collect();
        json!({"Name": "n", "Scope": "REGIONAL", "Rules": rules})
    };
    let group = |name: &str| json!({"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": format!("AWSManagedRules{name}")}});
    let common = group("CommonRuleSet");
    let told =
        some("AWS WAF couldn’t perform the operation because you exceeded your resource limit.");
    let with = |more: Value| {
        let mut all = vec![common.clone(); 7];
        all.push(more);
        account.create("AWS::WAFv2::WebACL", rules(all))
    };
    // 4,900 units and 100 more are just enough.
    assert_eq!(with(group("AdminProtectionRuleSet")), None);
    assert_eq!(with(group("SQLiRuleSet")), told);
    let contains = json!({"ByteMatchStatement": {"PositionalConstraint": "CONTAINS", "TextTransformations": [{"Type": "NONE"}, {"Type": "LOWERCASE"}]}});
    let declared = |capacity: u32, statement: &Value| {
        let mut group = rules(vec![statement.clone()]);
        group["Capacity"] = json!(capacity);
        account.create("AWS::WAFv2::RuleGroup", group)
    };
    for (statement, units) in [
        (contains.clone(), 20),
        (json!({"NotStatement": {"Statement": contains}}), 20),
        (
            json!({"OrStatement": {"Statements": [{"GeoMatchStatement": {}}, {"XssMatchStatement": {}}]}}),
            41,
        ),
        (
            json!({"RateBasedStatement": {"Limit": 100, "ScopeDownStatement": {"IPSetReferenceStatement": {}}}}),
            3,
        ),
    ] {
        assert_eq!(declared(units, &statement), None, "{statement}");
        assert_eq!(declared(units - 1, &statement), told, "{statement}");
    }
}

#[test]
fn a_firewall_guards_what_is_there() {
    let stage = |name: &str| format!("arn:aws:apigateway:eu-west-1::/restapis/api/stages/{name}");
    let acl = |id: &str| format!("arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/acl/{id}");
    let account = Account::new()
        .own("AWS::WAFv2::WebACL", "acl|1|REGIONAL", json!({}))
        .other(
            "AWS::ApiGateway::Stage",
            "prod",
            json!({"RestApiId": "api", "StageName": "prod"}),
        );
    let associate = |resource: String, acl: String| {
        account.create(
            "AWS::WAFv2::WebACLAssociation",
            json!({"ResourceArn": resource, "WebACLArn": acl}),
        )
    };
    let told = some("AWS WAF couldn’t perform the operation because your resource doesn’t exist.");
    assert_eq!(associate(stage("prod"), acl("1")), None);
    assert_eq!(associate(stage("test"), acl("1")), told);
    assert_eq!(associate(stage("prod"), acl("2")), told);
    assert_eq!(
        associate(
            "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/a/1".to_owned(),
            acl("1")
        ),
        None
    );
    let used = account.other(
        "AWS::WAFv2::WebACLAssociation",
        "x",
        json!({"WebACLArn": acl("1")}),
    );
    assert!(
        used.delete("AWS::WAFv2::WebACL", "acl|1|REGIONAL", json!({}))
            .is_some()
    );
    assert_eq!(
        used.delete("AWS::WAFv2::WebACL", "acl|2|REGIONAL", json!({})),
        None
    );
}

#[test]
fn a_bucket_goes_empty() {
    let account = Account::new();
    let delete = |properties: Value| account.delete("AWS::S3::Bucket", "bucket", properties);
    assert_eq!(delete(json!({})), None);
    let folder = account.directory.path().join("s3/bucket/objects/key");
    std::fs::create_dir_all(&folder).unwrap();
    assert_eq!(delete(json!({})), None);
    std::fs::write(folder.join("1"), "{}\nbody").unwrap();
    assert_eq!(
        delete(json!({})),
        some("The bucket you tried to delete is not empty")
    );
    assert_eq!(
        delete(json!({"VersioningConfiguration": {"Status": "Enabled"}})),
        some(
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        )
    );
}

#[test]
fn logs_are_kept_for_so_many_days_as_the_schema_lists() {
    let groups = crate::template::schema::schema("AWS::Logs::LogGroup").unwrap();
    assert!(groups.validate(&json!({"RetentionInDays": 7})).is_empty());
    assert_eq!(
        groups.validate(&json!({"RetentionInDays": 8})),
        ["#/RetentionInDays: 8 is not a valid enum value"]
    );
}
