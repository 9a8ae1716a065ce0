//! Every form of output, whole, as files in `snapshots/`. INFRA_SNAPSHOTS=write writes them anew, to be looked
//! at as a change like any other.

use crate::sandbox::{Sandbox, ran, root};
use regex::Regex;
use serde_json::Value;

/// The text without what is another in every run: times, and ids that a service draws.
fn settled(text: &str) -> String {
    let rules = [
        (r"\b\d+ (s|min)\b", "<time>"),
        (r#""(seconds|First|Second)": \d+"#, "\"$1\": 0"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<when>"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "<uuid>",
        ),
        (r"-[0-9a-f]{17}\b", "-<id>"),
        (r"-[A-Z0-9]{12,13}\b", "-<ID>"),
        ("\u{1b}", "<ESC>"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, with)| {
        let found = Regex::new(pattern).unwrap();
        found.replace_all(&text, *with).into_owned()
    })
}

/// Whether the output is what the file holds.
#[track_caller]
fn holds(name: &str, text: &str) {
    let path = root().join("tests/it/snapshots").join(name);
    let text = settled(text);
    if std::env::var("INFRA_SNAPSHOTS").is_ok_and(|mode| mode == "write") {
        std::fs::write(&path, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, wanted, "{name}; INFRA_SNAPSHOTS=write writes it anew");
}

/// A run's code and both of its streams, with so many columns.
fn shown(sandbox: &Sandbox, arguments: &[&str], columns: &str) -> String {
    let mut command = sandbox.command(arguments);
    let ran = ran(command.env("COLUMNS", columns).output().unwrap());
    format!(
        "$ infra {}\n{}{}[{}]\n",
        arguments.join(" "),
        ran.out,
        ran.err,
        ran.code
    )
}

/// JSON in lines.
fn pretty(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let ran = sandbox.run(arguments);
    let value: Value = serde_json::from_str(&ran.out).unwrap();
    format!("{value:#}\n")
}

/// Two stacks that are deployed and then asked to be something else in every way that there is.
fn changed() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("stacks.toml", MANIFEST);
    sandbox.write("first.yaml", FIRST);
    sandbox.write("second.yaml", SECOND);
    sandbox.write("policy.json", POLICY);
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    for (before, after) in [
        ("swordfish", "monkfish"),
        ("Size = 3", "Size = 4"),
        (
            "team = \"red\", old = \"1\"",
            "team = \"blue\", new = \"2\"",
        ),
        ("protection = true", "protection = false"),
        (":one\"", ":two\""),
    ] {
        sandbox.edit("stacks.toml", before, after);
    }
    sandbox.edit("policy.json", "\"Update:*\"", "\"Update:Modify\"");
    for (before, after) in [
        ("hidden-default-1", "hidden-default-2"),
        ("plain-secret-1", "plain-secret-2"),
        ("!Equals [!Ref Size, 4]", "!Equals [!Ref Size, '4']"),
        ("b: one", "b: two"),
        ("y = 2", "y = 22"),
        ("{Key: a, Value: 1}, ", ""),
        (
            "{Key: c, Value: 3}",
            "{Key: c, Value: 4}, {Key: d, Value: 5}",
        ),
        ("'s3:GetObject'", "'s3:*'"),
        ("QueueName: one", "QueueName: two"),
        (
            "  Store:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n",
            "",
        ),
        (
            "Old: {Value: x}",
            "New: {Value: !Ref Maybe, Condition: Big}",
        ),
        ("Engine: postgres", "Engine: mysql"),
        ("10.0.0.0/8", "0.0.0.0/0"),
    ] {
        sandbox.edit("first.yaml", before, after);
    }
    sandbox
}

const MANIFEST: &str = r#"project = "changed"
region = "eu-west-1"
[stacks.First]
template = "first.yaml"
capabilities = ["CAPABILITY_IAM"]
termination_protection = true
stack_policy = "policy.json"
tags = { team = "red", old = "1" }
notification_topics = ["arn:aws:sns:eu-west-1:123456789012:one"]
parameters.Password = "swordfish"
parameters.Size = 3
[stacks.Second]
template = "second.yaml"
parameters.Url = { output = "First.Url" }
parameters.Kept = { output = "First.Kept" }
"#;

const POLICY: &str = r#"{"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}
"#;

const FIRST: &str = r#"Parameters:
  Password: {Type: String, NoEcho: true}
  Other: {Type: String, NoEcho: true, Default: hidden-default-1}
  Size: {Type: Number}
Conditions:
  Big: !Equals [!Ref Size, 4]
Mappings:
  M: {a: {b: one}}
Resources:
  Db:
    Type: AWS::RDS::DBInstance
    UpdateReplacePolicy: Snapshot
    Properties:
      Engine: postgres
      DBInstanceClass: db.t3.micro
      AllocatedStorage: !Ref Size
      MasterUsername: root
      MasterUserPassword: !Ref Password
  Plain:
    Type: AWS::RDS::DBInstance
    Properties:
      Engine: mysql
      DBInstanceClass: db.t3.micro
      AllocatedStorage: 5
      MasterUsername: root
      MasterUserPassword: plain-secret-1
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Tags: [{Key: a, Value: 1}, {Key: b, Value: 2}, {Key: c, Value: 3}]
      Code:
        ZipFile: |
          import os
          def handler(event, context):
              x = 1
              y = 2
              return x + y
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Action: 'sts:AssumeRole', Principal: {Service: lambda.amazonaws.com}}]
      Policies:
        - PolicyName: p
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - {Effect: Allow, Action: ['s3:GetObject'], Resource: 'arn:aws:s3:::a/*'}
              - {Effect: Allow, Action: ['sqs:SendMessage'], Resource: '*'}
  Store:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
  Maybe:
    Type: AWS::SNS::Topic
    Condition: Big
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: !Ref Other
      SecurityGroupEgress: [{IpProtocol: '-1', CidrIp: 10.0.0.0/8}]
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 10.0.0.0/8}]
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: one}
Outputs:
  Url: {Value: !Ref Queue}
  Kept: {Value: !GetAtt Role.Arn}
  Old: {Value: x}
"#;

const SECOND: &str = r#"Parameters:
  Url: {Type: String}
  Kept: {Type: String}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !Select [4, !Split ['/', !Ref Url]], DisplayName: !Ref Url}
"#;

#[test]
fn a_diff_at_every_width_and_in_colour() {
    let sandbox = changed();
    let diff = ["diff", "--local"];
    for columns in ["40", "80", "200"] {
        holds(
            &format!("diff-{columns}.txt"),
            &shown(&sandbox, &diff, columns),
        );
    }
    let colour = ["diff", "--local", "--color", "always"];
    holds("diff-colour.txt", &shown(&sandbox, &colour, "80"));
}

#[test]
fn a_diff_in_every_form() {
    let sandbox = changed();
    holds(
        "diff.json",
        &pretty(&sandbox, &["diff", "--local", "--json"]),
    );
    let markdown = shown(&sandbox, &["diff", "--local", "--markdown"], "80");
    holds("diff.md", &markdown);
    let fails = [
        "diff",
        "--local",
        "--quiet",
        "--markdown",
        "--fail-on",
        "widening,replacement,data",
    ];
    let ran = sandbox.run(&fails).code(1);
    holds("fail-on.txt", &ran.err);
}

#[test]
fn a_change_set_and_drift_in_every_form() {
    let sandbox = changed();
    for what in [
        ["Db", "--set", "AllocatedStorage=9"].as_slice(),
        &["Plain", "--set", "MasterUserPassword=plain-secret-3"],
        &["Queue", "--delete"],
    ] {
        let drift = ["local", "drift", "First"];
        sandbox.run(&[&drift, what].concat()).code(0);
    }
    for (name, arguments) in [
        ("change-set.txt", &["diff", "--local", "--change-set"][..]),
        (
            "revert-drift.txt",
            &["diff", "First", "--local", "--change-set", "--revert-drift"],
        ),
        ("diff-drift.txt", &["diff", "First", "--local", "--drift"]),
        ("drift.txt", &["drift", "--local"]),
        (
            "drift-colour.txt",
            &["drift", "--local", "--color", "always"],
        ),
    ] {
        holds(name, &shown(&sandbox, arguments, "80"));
    }
    holds(
        "drift.json",
        &pretty(&sandbox, &["drift", "--local", "--json"]),
    );
}

#[test]
fn a_plan_of_all_five_on_an_empty_account() {
    let sandbox = Sandbox::shipped();
    let plan = ["plan", "--all", "--local"];
    holds("plan-empty.txt", &shown(&sandbox, &plan, "100"));
    let markdown = shown(&sandbox, &["diff", "--local", "--markdown"], "100");
    holds("plan-empty.md", &markdown);
}

#[test]
fn nothing_to_do_in_every_form() {
    let sandbox = Sandbox::pair();
    sandbox
        .run(&["deploy", "--all", "--local", "--yes"])
        .code(0);
    let mut all = shown(&sandbox, &["diff", "--local", "--exit-code"], "80");
    all += &shown(&sandbox, &["diff", "--local", "--markdown"], "80");
    all += &shown(&sandbox, &["drift", "--local"], "80");
    all += &shown(&sandbox, &["deploy", "--all", "--local", "--dry-run"], "80");
    holds("nothing.txt", &all);
}

#[test]
fn lint_in_every_form() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"lint\"\nregion = \"eu-west-1\"\n[stacks.One]\ntemplate = \"one.yaml\"\n",
    );
    sandbox.write("one.yaml", LINTED);
    sandbox.write("rules.guard", GUARD);
    let mut text = shown(&sandbox, &["lint"], "80");
    text += &shown(&sandbox, &["lint", "--guard", "rules.guard"], "80");
    text += &shown(&sandbox, &["lint", "--strict", "--color", "always"], "40");
    holds("lint.txt", &text);
    let guarded = |form| pretty(&sandbox, &["lint", "--guard", "rules.guard", form]);
    holds("lint.json", &guarded("--json"));
    holds("lint.sarif", &guarded("--sarif"));
}

const LINTED: &str = r#"Metadata:
  infra:
    suppress:
      - rule: W2001
        reason: The next release reads it.
      - rule: E9999
        reason: never
Parameters:
  Unused: {Type: String, Default: x}
Resources:
#% for n in [1, 2]
  Queue<% n %>:
    Type: AWS::SQS::Queue
    Properties:
      DelaySeconds: 901
#% endfor
  Loose:
    Type: AWS::SNS::Topic
    Metadata:
      infra:
        suppress: [{rule: topics_are_named}]
"#;

const GUARD: &str = r#"let topics = Resources.*[ Type == 'AWS::SNS::Topic' ]
rule topics_are_named when %topics !empty {
    %topics.Properties.TopicName exists <<a topic has a name>>
}
"#;

/// What a plan is as JSON is what its schema says.
#[test]
fn a_plan_is_as_its_schema_says() {
    let schema = Sandbox::empty().run(&["schema", "plan"]).code(0).out;
    let shipped = std::fs::read_to_string(root().join("docs/plan.schema.json")).unwrap();
    assert_eq!(
        schema, shipped,
        "cargo infra schema plan > docs/plan.schema.json"
    );
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let check = |sandbox: &Sandbox, arguments: &[&str]| {
        let plan: Value = serde_json::from_str(&sandbox.run(arguments).out).unwrap();
        assert_eq!(unfit(&schema, &schema, &plan, "$"), None, "{arguments:?}");
    };
    let sandbox = changed();
    sandbox
        .run(&["local", "drift", "First", "Queue", "--delete"])
        .code(0);
    check(&sandbox, &["diff", "--local", "--json"]);
    check(
        &sandbox,
        &["diff", "--local", "--json", "--change-set", "--drift"],
    );
    check(&Sandbox::shipped(), &["plan", "--all", "--local", "--json"]);
    let wrong = serde_json::json!({"version": 1, "steps": [{"stack": 1}]});
    assert!(unfit(&schema, &schema, &wrong, "$").is_some());
}

/// Where a value is not what a schema asks, as far as our schemas ask anything. What they do not name is unfit.
fn unfit(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if schema == &Value::Bool(true) {
        return None;
    }
    if let Some(name) = schema["$ref"].as_str() {
        let named = &root["$defs"][name.strip_prefix("#/$defs/").unwrap()];
        if let Some(wrong) = unfit(root, named, value, at) {
            return Some(wrong);
        }
    }
    for key in ["anyOf", "oneOf"] {
        let each = schema[key].as_array();
        let tried = each.map(|all| {
            let tried = all.iter().map(|one| {
                let mut whole = one.clone();
                // What stands beside the choice holds for each of them.
                if let (Some(own), Some(more)) = (
                    whole["properties"].as_object_mut(),
                    schema["properties"].as_object(),
                ) {
                    own.extend(more.clone());
                }
                unfit(root, &whole, value, at)
            });
            tried.collect::<Vec<_>>()
        });
        if let Some(tried) = tried
            && tried.iter().all(Option::is_some)
        {
            return tried.into_iter().flatten().next();
        }
        if each.is_some() {
            return None;
        }
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        Value::Null => vec![],
        one => vec![one.clone()],
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let listed = schema["enum"]
        .as_array()
        .is_none_or(|all| all.contains(value));
    let constant = schema.get("const").is_none_or(|one| one == value);
    if !(kinds.is_empty() || kinds.contains(&kind.into())) || !listed || !constant {
        return Some(format!("{at} is {kind}: {value}"));
    }
    if let Value::Array(items) = value
        && let Some(of) = schema.get("items")
    {
        let mut each = items.iter().enumerate();
        return each.find_map(|(index, item)| unfit(root, of, item, &format!("{at}[{index}]")));
    }
    let fields = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten();
    let mut required = required.filter_map(Value::as_str);
    if let Some(name) = required.find(|name| !fields.contains_key(*name)) {
        return Some(format!("{at} lacks {name}"));
    }
    let (named, more) = (&schema["properties"], schema.get("additionalProperties"));
    fields.iter().find_map(|(name, field)| {
        let at = format!("{at}.{name}");
        match named.get(name).or(more) {
            Some(of) => unfit(root, of, field, &at),
            None if named.is_object() => Some(format!("{at} is not in the schema")),
            None => None,
        }
    })
}
