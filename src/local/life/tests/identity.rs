use super::*;

fn trust(service: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    ]})
}

#[test]
fn policies_are_read_wherever_they_stand() {
    let account = Account::new();
    let bad = json!({"Statement": [{"Effect": "Allow", "Action": "s3:*"}]});
    let told = some("Policy statement must contain resources.");
    let role = |policy: &Value| json!({"AssumeRolePolicyDocument": trust("ec2.amazonaws.com"), "Policies": [{"PolicyName": "p", "PolicyDocument": policy}]});
    assert_eq!(account.create("AWS::IAM::Role", role(&bad)), told);
    for kind in [
        "ManagedPolicy",
        "Policy",
        "RolePolicy",
        "UserPolicy",
        "GroupPolicy",
    ] {
        let kind = format!("AWS::IAM::{kind}");
        let properties = json!({"PolicyName": "p", "RoleName": "r", "PolicyDocument": bad});
        assert_eq!(account.create(&kind, properties.clone()), told, "{kind}");
        assert_eq!(account.update(&kind, json!({}), properties), told, "{kind}");
    }
    let good = json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
    assert_eq!(account.create("AWS::IAM::Role", role(&good)), None);
    let bucket = account.own("AWS::S3::Bucket", "b", json!({}));
    let of = |text: &str| json!({"PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": text}}});
    assert_eq!(
        bucket.create("AWS::IAM::Policy", of("b")),
        some("Resource b must be in ARN format or \"*\".")
    );
    assert_eq!(bucket.create("AWS::IAM::Policy", of("b.Some")), None);
}

#[test]
fn a_role_has_ten_managed_policies() {
    let role = |count: usize| json!({"ManagedPolicyArns": vec!["arn"; count]});
    let account = Account::new().other("AWS::IAM::Role", "r", role(9));
    let told = some("Cannot exceed quota for PoliciesPerRole: 10");
    assert_eq!(account.create("AWS::IAM::Role", role(10)), None);
    assert_eq!(account.create("AWS::IAM::Role", role(11)), told);
    assert_eq!(account.update("AWS::IAM::Role", role(1), role(11)), told);
    let policy = json!({"Roles": ["r"]});
    assert_eq!(
        account.create("AWS::IAM::ManagedPolicy", policy.clone()),
        None
    );
    let account = account.other("AWS::IAM::ManagedPolicy", "arn:p", policy.clone());
    assert_eq!(account.create("AWS::IAM::ManagedPolicy", policy), told);
}

#[test]
fn a_role_goes_after_what_others_attached_to_it() {
    for (kind, properties, told) in [
        (
            "AWS::IAM::InstanceProfile",
            json!({"Roles": ["r"]}),
            "Cannot delete entity, must remove roles from instance profile first.",
        ),
        (
            "AWS::IAM::ManagedPolicy",
            json!({"Roles": ["r"]}),
            "Cannot delete entity, must detach all policies first.",
        ),
        (
            "AWS::IAM::Policy",
            json!({"Roles": ["r"]}),
            "Cannot delete entity, must delete policies first.",
        ),
        (
            "AWS::IAM::RolePolicy",
            json!({"RoleName": "r"}),
            "Cannot delete entity, must delete policies first.",
        ),
    ] {
        let others = Account::new().other(kind, "x", properties.clone());
        assert_eq!(others.delete("AWS::IAM::Role", "r", json!({})), some(told));
        assert_eq!(others.delete("AWS::IAM::Role", "s", json!({})), None);
        let own = Account::new().own(kind, "x", properties);
        assert_eq!(own.delete("AWS::IAM::Role", "r", json!({})), None);
    }
}

#[test]
fn a_key_stays_in_somebody_s_hands() {
    let account = Account::new();
    let key = |principal: Value, action: &str| json!({"KeyPolicy": {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}]}});
    let root = json!({"AWS": "arn:aws:iam::123456789012:root"});
    let told =
        some("The new key policy will not allow you to update the key policy in the future.");
    for (properties, refused) in [
        (json!({}), false),
        (key(root.clone(), "kms:*"), false),
        (key(json!({"AWS": ["123456789012"]}), "kms:Put*"), false),
        (
            key(
                json!({"AWS": "arn:aws:iam::123456789012:role/admin"}),
                "kms:*",
            ),
            false,
        ),
        (key(root.clone(), "kms:Decrypt"), true),
        (
            key(json!({"AWS": "arn:aws:iam::999999999999:root"}), "kms:*"),
            true,
        ),
        (key(json!({"Service": "logs.amazonaws.com"}), "kms:*"), true),
    ] {
        let answer = if refused { told.clone() } else { None };
        assert_eq!(
            account.create("AWS::KMS::Key", properties.clone()),
            answer,
            "{properties}"
        );
        assert_eq!(
            account.update("AWS::KMS::Key", json!({}), properties),
            answer
        );
    }
    let mut bypassed = key(root, "kms:Decrypt");
    bypassed["BypassPolicyLockoutSafetyCheck"] = json!(true);
    assert_eq!(account.create("AWS::KMS::Key", bypassed), None);
}

#[test]
fn a_function_s_role_trusts_lambda() {
    let role = |service: &str| json!({"AssumeRolePolicyDocument": trust(service)});
    let account = Account::new()
        .own("AWS::IAM::Role", "good", role("lambda.amazonaws.com"))
        .own("AWS::IAM::Role", "bad", role("ec2.amazonaws.com"));
    let function = |role: &str| json!({"Role": format!("arn:aws:iam::123456789012:role/{role}")});
    let told = some("The role defined for the function cannot be assumed by Lambda.");
    assert_eq!(
        account.create("AWS::Lambda::Function", function("good")),
        None
    );
    assert_eq!(
        account.create("AWS::Lambda::Function", function("unknown")),
        None
    );
    assert_eq!(
        account.create("AWS::Lambda::Function", function("bad")),
        told
    );
    assert_eq!(
        account.update("AWS::Lambda::Function", function("good"), function("bad")),
        told
    );
}

#[test]
fn a_new_role_takes_a_moment_to_be_known() {
    let mut account = Account::new().own("AWS::IAM::Role", "r", json!({}));
    let stack = account.state.find_mut(OWN).unwrap();
    stack.resources.get_mut("r").unwrap().updated = "2026-11-24T10:00:00.000Z".to_owned();
    let arn = "arn:aws:iam::123456789012:role/service/r";
    let wait =
        |kind: &str, properties: Value| on_create(&account.state, &resource(kind, "", properties));
    let expected = Some(Wait {
        since: "2026-11-24T10:00:00.000Z".to_owned(),
        seconds: 10.0,
    });
    assert_eq!(
        wait("AWS::Lambda::Function", json!({"Role": arn})),
        expected
    );
    assert_eq!(
        wait(
            "AWS::RedshiftServerless::Namespace",
            json!({"DefaultIamRoleArn": arn})
        ),
        expected
    );
    assert_eq!(
        wait(
            "AWS::Lambda::Function",
            json!({"Role": "arn:aws:iam::1:role/s"})
        ),
        None
    );
    assert_eq!(wait("AWS::SNS::Topic", json!({"Role": arn})), None);
}

#[test]
fn a_user_pool_keeps_its_attributes() {
    let account = Account::new();
    let pool = |attributes: Value| json!({"Schema": attributes});
    let email = json!({"Name": "email", "Required": true});
    let custom = json!({"Name": "custom:team", "AttributeDataType": "String"});
    let before = pool(json!([email]));
    let update = |after: Value| account.update("AWS::Cognito::UserPool", before.clone(), after);
    assert_eq!(update(pool(json!([email, custom]))), None);
    assert_eq!(
        update(pool(json!([{"Name": "email", "Required": "true"}]))),
        None
    );
    let told = some("Existing schema attributes cannot be modified or deleted.");
    assert_eq!(update(pool(json!([]))), told);
    assert_eq!(
        update(pool(json!([{"Name": "email", "Required": false}]))),
        told
    );
    assert_eq!(
        update(pool(json!([email, {"Name": "nickname"}]))),
        some(
            "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."
        )
    );
    let required = pool(json!([email, {"Name": "team", "Required": true}]));
    let told = some("Required custom attributes are not supported currently.");
    assert_eq!(update(required.clone()), told);
    assert_eq!(account.create("AWS::Cognito::UserPool", required), told);
    let mut by_mail = before.clone();
    by_mail["UsernameAttributes"] = json!(["email"]);
    assert_eq!(
        update(by_mail),
        some("Updates are not allowed for property - UsernameAttributes.")
    );
}

#[test]
fn a_user_pool_is_protected_and_has_one_domain() {
    let account = Account::new().other(
        "AWS::Cognito::UserPoolDomain",
        "loans",
        json!({"UserPoolId": "p", "Domain": "loans"}),
    );
    let domain = |properties: Value| account.create("AWS::Cognito::UserPoolDomain", properties);
    for (name, word) in [
        ("my-aws-app", "aws"),
        ("amazonia", "amazon"),
        ("cognito", "cognito"),
    ] {
        let told = some(&format!("Domain cannot contain reserved word: {word}"));
        assert_eq!(domain(json!({"UserPoolId": "q", "Domain": name})), told);
    }
    let own = json!({"UserPoolId": "p", "Domain": "aws.example.com", "CustomDomainConfig": {"CertificateArn": "a"}});
    assert_eq!(domain(own), None);
    assert_eq!(
        domain(json!({"UserPoolId": "p", "Domain": "second"})),
        some("User pool already has a domain configured.")
    );
    assert_eq!(
        account.delete("AWS::Cognito::UserPool", "p", json!({})),
        some(
            "User pool cannot be deleted. It has a domain configured that should be deleted first."
        )
    );
    let told = account.delete(
        "AWS::Cognito::UserPool",
        "q",
        json!({"DeletionProtection": "ACTIVE"}),
    );
    assert!(
        told.unwrap()
            .starts_with("The user pool cannot be deleted because deletion protection")
    );
    assert_eq!(
        account.delete(
            "AWS::Cognito::UserPool",
            "q",
            json!({"DeletionProtection": "INACTIVE"})
        ),
        None
    );
}
