//! What IAM must allow: the lists beside the commands, held against the sources and against runs.

use crate::sandbox::{Sandbox, root, unlisted};
use infra::commands::ASKS;
use infra::permissions::Asks;
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What stands in no call of ours: AWS asks for it along with one.
const ALONG: [&str; 4] = [
    "CloudFormation TagResource",
    "CloudFormation UntagResource",
    "IAM PassRole",
    "S3 GetObject",
];

#[test]
fn the_page_is_what_the_command_prints() {
    let path = root().join("docs/permissions.md");
    let printed = Sandbox::empty()
        .run(&["permissions", "--markdown"])
        .code(0)
        .out;
    if std::env::var("INFRA_WRITE_DOCS").is_ok() {
        std::fs::write(&path, &printed).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(
        page == printed,
        "INFRA_WRITE_DOCS=1 cargo check-all the_page_is writes it"
    );
}

/// The rows of a policy: what it allows, and where.
fn check(policy: &str) -> BTreeMap<String, BTreeSet<String>> {
    let policy: Value = serde_json::from_str(policy).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let fields =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(fields(&policy), ["Version", "Statement"]);
    let (action, arn) = (
        Regex::new("^[a-z0-9-]+:[A-Za-z]+$").unwrap(),
        Regex::new("^arn:aws:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}|ACCOUNT)?:[^ ]+$").unwrap(),
    );
    let sid = Regex::new("^[A-Za-z0-9]+$").unwrap();
    let (mut sids, mut allowed) = (BTreeSet::new(), BTreeMap::new());
    for statement in policy["Statement"].as_array().unwrap() {
        let mut own = fields(statement);
        own.retain(|field| field != "Condition");
        assert_eq!(own, ["Sid", "Effect", "Action", "Resource"]);
        assert_eq!(statement["Effect"], "Allow");
        let name = statement["Sid"].as_str().unwrap();
        assert!(sid.is_match(name) && sids.insert(name.to_owned()), "{name}");
        let list = |field: &str| -> Vec<String> {
            let list: Vec<String> = serde_json::from_value(statement[field].clone()).unwrap();
            assert!(!list.is_empty() && list.is_sorted(), "{statement}");
            assert_eq!(
                list.iter().collect::<BTreeSet<_>>().len(),
                list.len(),
                "{statement}"
            );
            list
        };
        let (actions, resources) = (list("Action"), list("Resource"));
        assert!(
            actions.iter().all(|one| action.is_match(one)),
            "{actions:?}"
        );
        let named = |one: &String| arn.is_match(one);
        assert!(
            resources == ["*"] || resources.iter().all(named),
            "{resources:?}"
        );
        for one in actions {
            let on: &mut BTreeSet<String> = allowed.entry(one).or_default();
            for resource in &resources {
                assert!(
                    on.insert(resource.clone()),
                    "{statement} allows something twice"
                );
            }
        }
    }
    allowed
}

#[test]
fn every_policy_can_be_pasted() {
    let sandbox = Sandbox::shipped();
    let print = |arguments: &[&str]| {
        let ran = sandbox.run(&[&["permissions"], arguments].concat()).code(0);
        (ran.out, ran.err)
    };
    let mut of_any = BTreeSet::new();
    for asks in ASKS {
        let (out, err) = print(&[asks.command]);
        if asks.needs().next().is_none() {
            assert_eq!((out.as_str(), err.trim()), ("", "nothing is needed."));
            continue;
        }
        assert!(err.contains("--account NUMBER"), "{err}");
        let large = err.contains("a managed policy holds");
        assert_eq!(large, asks.command == "up", "{err}");
        for (action, resources) in check(&out) {
            of_any.extend(
                resources
                    .into_iter()
                    .map(|resource| (action.clone(), resource)),
            );
        }
    }
    let (all, err) = print(&["--account", "123456789012"]);
    // All of them together may be more than one policy holds; then it is said.
    let length = all.chars().filter(|c| !c.is_whitespace()).count();
    assert_eq!(
        err.contains("make one of each command"),
        length > 6144,
        "{err}"
    );
    let whole: BTreeSet<(String, String)> = check(&all.replace("123456789012", "ACCOUNT"))
        .into_iter()
        .flat_map(|(action, on)| on.into_iter().map(move |one| (action.clone(), one)))
        .collect();
    assert_eq!(whole, of_any, "one policy for all is what each has");
}

#[test]
fn a_policy_is_of_the_project() {
    let sandbox = Sandbox::pair();
    sandbox.edit(
        "stacks.toml",
        "[stacks.First]",
        "[environments.prod]\naccount = \"123456789012\"\nregion = \"cn-north-1\"\nprefix = \"prod-\"\n\n\
         [stacks.First]",
    );
    let printed = |arguments: &[&str]| {
        let ran = sandbox.run(&[&["permissions"], arguments].concat()).code(0);
        ran.out
    };
    let status: Value = serde_json::from_str(&printed(&["status", "--env", "prod"])).unwrap();
    assert_eq!(
        status["Statement"],
        serde_json::json!([{
            "Sid": "Always",
            "Effect": "Allow",
            "Action": ["cloudformation:DescribeStacks", "cloudformation:GetTemplate"],
            "Resource": [
                "arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/prod-First/*",
                "arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/prod-Second/*",
            ],
        }])
    );
    let plain = printed(&["deploy"]);
    for absent in [
        "s3:",
        "PassRole",
        "StackPolicy",
        "TagResource",
        "Protection",
    ] {
        assert!(!plain.contains(absent), "{absent}");
    }
    let role = "arn:aws:iam::123456789012:role/Deployer";
    let allowed = check(&printed(&["destroy", "--role-arn", role]));
    assert_eq!(allowed["iam:PassRole"], BTreeSet::from([role.to_owned()]));
    sandbox.edit(
        "stacks.toml",
        "project =",
        "template_bucket = \"bodies\"\ntags = { team = \"x\" }\nproject =",
    );
    sandbox.edit(
        "first.yaml",
        "Resources:\n",
        &format!(
            "Resources:\n  Bucket:\n    Type: AWS::S3::Bucket\n    Metadata: {}\n\
             \x20   Properties:\n      BucketName: named\n  Inner:\n\
             \x20   Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: https://x\n",
            "x".repeat(60_000)
        ),
    );
    let allowed = check(&printed(&["deploy"]));
    let only = |text: &str| BTreeSet::from([text.to_owned()]);
    assert_eq!(allowed["s3:PutObject"], only("arn:aws:s3:::bodies/infra/*"));
    assert_eq!(allowed["s3:ListBucket"], only("arn:aws:s3:::named"));
    assert!(!allowed.contains_key("s3:CreateBucket"));
    assert!(allowed.contains_key("cloudformation:TagResource"));
    let events = &allowed["cloudformation:DescribeStackEvents"];
    assert!(
        events.iter().any(|arn| arn.ends_with(":stack/First-*/*")),
        "{events:?}"
    );
}

/// Each command's policy, and a project whose template holds all of them.
fn templates() -> (serde_json::Map<String, Value>, Sandbox) {
    let shipped = Sandbox::shipped();
    let mut policies = serde_json::Map::new();
    for asks in ASKS.iter().filter(|asks| asks.needs().next().is_some()) {
        let printed = shipped
            .run(&["permissions", asks.command, "--account", "123456789012"])
            .code(0);
        let policy = serde_json::from_str(&printed.out).unwrap();
        policies.insert(asks.command.to_owned(), policy);
    }
    let sandbox = Sandbox::empty();
    sandbox.write(
        "stacks.toml",
        "project = \"p\"\n\n[stacks.P]\ntemplate = \"p.json\"\n",
    );
    (policies, sandbox)
}

fn write(sandbox: &Sandbox, policies: &serde_json::Map<String, Value>) {
    let resource = |policy: &Value| {
        serde_json::json!({
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": { "PolicyDocument": policy },
        })
    };
    let resources: serde_json::Map<String, Value> = policies
        .iter()
        .map(|(name, policy)| (name.clone(), resource(policy)))
        .collect();
    let template = serde_json::json!({ "Resources": resources });
    sandbox.write("p.json", &template.to_string());
}

#[test]
fn the_policies_have_the_grammar_of_iam() {
    let (mut policies, sandbox) = templates();
    write(&sandbox, &policies);
    sandbox.run(&["lint", "--strict"]).code(0);
    // The rules would find something.
    policies["deploy"]["Statement"][0]["Effect"] = "Permit".into();
    write(&sandbox, &policies);
    let found = sandbox.run(&["lint"]).code(1);
    assert!(
        found.out.contains("'Permit' is not one of"),
        "{}",
        found.out
    );
}

#[test]
#[ignore = "needs cfn-lint: .ci/run installs it"]
fn iam_has_the_actions_of_the_policies() {
    let tools = std::env::var("FOREIGN_TOOLS").expect("FOREIGN_TOOLS names the directory");
    let (mut policies, sandbox) = templates();
    let lint = || {
        let mut lint = std::process::Command::new(format!("{tools}/cfn-lint"));
        let output = lint.arg(sandbox.path().join("p.json")).output().unwrap();
        crate::sandbox::ran(output)
    };
    write(&sandbox, &policies);
    lint().code(0);
    policies["deploy"]["Statement"][0]["Action"][0] = "cloudformation:DescribeStax".into();
    write(&sandbox, &policies);
    let found = lint();
    assert!(found.out.contains("W3037"), "{found:?}");
}

/// What gets a client of an SDK, and which.
fn accessors(text: &str) -> Vec<(String, String)> {
    let pattern = r"fn (\w+)\(&self\) -> aws_sdk_(\w+)::Client|(?m)^    (\w+): aws_sdk_(\w+),";
    let found = Regex::new(pattern).unwrap();
    let texts = found.captures_iter(text).map(|at| {
        let group = |number: usize, other: usize| {
            let text = at.get(number).or_else(|| at.get(other)).unwrap();
            text.as_str().to_owned()
        };
        (group(1, 3), group(2, 4))
    });
    texts.collect()
}

/// The operations that a text calls, as `ec2 describe_vpcs`, and what is not understood in it.
fn scan(text: &str, accessors: &[(String, String)]) -> (BTreeSet<String>, Vec<String>) {
    let (mut calls, mut unseen) = (BTreeSet::new(), Vec::new());
    let mut variables = Vec::new();
    for (name, sdk) in accessors {
        let got = Regex::new(&format!(r"\.\s*{name}\(\)(?:\s*\.\s*(\w+)\()?")).unwrap();
        let bound = Regex::new(&format!(
            r"let\s+(?:mut\s+)?(\w+)\s*=\s*[\w\s.]+\.\s*{name}\(\)\s*;"
        ))
        .unwrap();
        let direct = got.captures_iter(text).filter_map(|at| at.get(1));
        calls.extend(direct.map(|operation| format!("{sdk} {}", operation.as_str())));
        let bare = got
            .captures_iter(text)
            .filter(|at| at.get(1).is_none())
            .count();
        let names: Vec<String> = bound
            .captures_iter(text)
            .map(|at| at[1].to_owned())
            .collect();
        if bare != names.len() {
            unseen.push(format!(
                "{name}() gives a client to something that is not seen"
            ));
        }
        variables.extend(names.into_iter().map(|name| (name, sdk.clone())));
    }
    let given = Regex::new(r"(\w+): &aws_sdk_(\w+)::Client").unwrap();
    variables.extend(
        given
            .captures_iter(text)
            .map(|at| (at[1].to_owned(), at[2].to_owned())),
    );
    for (variable, sdk) in variables {
        let used = Regex::new(&format!(r"\b{variable}\s*\.\s*(\w+)\(\)")).unwrap();
        let used = used.captures_iter(text).map(|at| at[1].to_owned());
        let used: Vec<String> = used.filter(|name| name != "clone").collect();
        if used.is_empty() {
            unseen.push(format!("nothing is called on {variable}"));
        }
        calls.extend(
            used.into_iter()
                .map(|operation| format!("{sdk} {operation}")),
        );
    }
    (calls, unseen)
}

/// Every source that may hold a client, without comments and tests.
fn sources() -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut rooms = vec!["src/cloud", "src/checks", "src/platform"]
        .into_iter()
        .map(|room| root().join(room))
        .filter(|room| room.exists())
        .collect::<Vec<_>>();
    while let Some(room) = rooms.pop() {
        for entry in std::fs::read_dir(room).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rooms.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap();
            let lines = product
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let lines: Vec<&str> = lines.collect();
            texts.insert(path.display().to_string(), lines.join("\n"));
        }
    }
    texts
}

/// `CloudFormation DescribeStacks` and `cloudformation describe_stacks`, as one.
fn plain(operation: &str) -> String {
    let (service, name) = operation.rsplit_once(' ').unwrap();
    let service = service.replace(' ', "");
    format!("{service} {}", name.replace('_', "")).to_lowercase()
}

#[test]
fn what_the_sources_call_is_listed() {
    let texts = sources();
    let whole: Vec<&str> = texts.values().map(String::as_str).collect();
    let accessors = accessors(&whole.join("\n"));
    assert!(accessors.len() >= 12, "{accessors:?}");
    let mut called = BTreeSet::new();
    let made = Regex::new(r"aws_sdk_\w+::Client::|\$sdk::Client::").unwrap();
    for (path, text) in &texts {
        let (calls, unseen) = scan(text, &accessors);
        assert!(unseen.is_empty(), "{path}: {unseen:?}");
        called.extend(calls.iter().map(|call| plain(call)));
        // A client comes from an accessor, and so with the observer of calls.
        let makes = made.find_iter(text).count();
        let file = path.rsplit('/').next().unwrap();
        let may = ["session.rs", "services.rs", "upload.rs"].contains(&file);
        assert!(makes == usize::from(may), "{path} makes {makes} clients");
        assert!(
            makes == 0 || text.contains("interceptor("),
            "{path}: nobody observes"
        );
    }
    assert!(called.len() >= 40, "{called:?}");
    let needs = ASKS
        .iter()
        .flat_map(Asks::needs)
        .flat_map(|need| need.operations);
    let listed: BTreeSet<String> = needs
        .filter(|operation| !ALONG.contains(operation))
        .map(|operation| plain(operation))
        .collect();
    let missing: Vec<&String> = called.difference(&listed).collect();
    assert!(missing.is_empty(), "called, and on no list: {missing:?}");
    let stale: Vec<&String> = listed.difference(&called).collect();
    assert!(stale.is_empty(), "on a list, and never called: {stale:?}");
}

#[test]
fn the_scan_sees_calls() {
    let pair = |name: &str, sdk: &str| (name.to_owned(), sdk.to_owned());
    let made = "impl Cloud {\n    pub(crate) fn storage(&self) -> aws_sdk_s3::Client {\n    }\n}\n\
                services! {\n    ec2: aws_sdk_ec2,\n}\n";
    let accessors = accessors(made);
    assert_eq!(accessors, [pair("storage", "s3"), pair("ec2", "ec2")]);
    let text = "cloud\n.ec2()\n.describe_vpcs()\n.send(); let s3 = self\n    .storage();\n\
                s3.put_object(); s3\n.clone(); one(&s3); fn two(iam: &aws_sdk_iam::Client) { iam.get_role() }";
    let (calls, unseen) = scan(text, &accessors);
    let expected = ["ec2 describe_vpcs", "iam get_role", "s3 put_object"];
    assert_eq!(
        calls.iter().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
    assert!(unseen.is_empty(), "{unseen:?}");
    for hidden in [
        "go(cloud.ec2())",
        "let all = (cloud.ec2(), 1);",
        "let ec2 = cloud.ec2();",
    ] {
        assert_eq!(scan(hidden, &accessors).1.len(), 1, "{hidden}");
    }
}

#[test]
fn what_commands_call_is_on_their_lists() {
    let sandbox = Sandbox::pair();
    let (_server, endpoint) = sandbox.serve();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "x")
            .env("AWS_SECRET_ACCESS_KEY", "x")
            .env_remove("INFRA_NO_PREFLIGHT");
        crate::sandbox::ran(command.output().unwrap())
    };
    run(&["deploy", "--all", "--yes"]).code(0);
    for file in [
        "templates/platform.json",
        "templates/request.schema.json",
        "data/raw_data.csv",
    ] {
        let (from, to) = (root().join(file), sandbox.path().join(file));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
    sandbox.edit(
        "stacks.toml",
        "parameters.Delay = 5",
        "parameters.Delay = 6",
    );
    run(&["plan", "--all", "--out", "plan.json"]).code(0);
    run(&["diff", "--change-set", "--drift"]).code(0);
    run(&["preflight"]);
    run(&["deploy", "--plan", "plan.json", "--yes"]).code(0);
    for arguments in [
        &["drift"][..],
        &["status"],
        &["outputs"],
        &["verify"],
        &["events", "First"],
        &["rollback", "First"],
        &["continue", "First"],
        &["data", "check"],
        &["model", "status"],
        &["user", "list"],
        &["login", "--username", "x", "--password-stdin"],
        &["token"],
        &["logout"],
        &["predict", "-"],
        &["destroy", "--all", "--yes", "--allow-delete", "all"],
    ] {
        run(arguments);
    }
    // Every sandbox checks at its end that nothing else was called.
    let mut called = sandbox.called();
    // Of up, which the platform alone has all for, the sandboxes of tests/it/up.rs.
    let calling = |asks: &&Asks| asks.needs().next().is_some() && asks.command != "up";
    for asks in ASKS.iter().filter(calling) {
        assert!(
            !called[asks.command].is_empty(),
            "{} called nothing",
            asks.command
        );
    }
    for (command, call) in [
        ("deploy", "CloudFormation CreateStack"),
        ("deploy", "CloudFormation ExecuteChangeSet"),
        ("deploy", "STS GetCallerIdentity"),
        ("plan", "CloudFormation CreateChangeSet"),
        ("diff", "CloudFormation DetectStackDrift"),
        ("destroy", "CloudFormation DeleteStack"),
    ] {
        assert!(
            called[command].contains(call),
            "{command}: {:?}",
            called[command]
        );
    }
    called
        .get_mut("status")
        .unwrap()
        .insert("CloudFormation DeleteStack".to_owned());
    assert_eq!(
        unlisted(&called),
        ["infra status called CloudFormation DeleteStack"]
    );
}

#[test]
fn calls_that_cannot_be_written_stop_a_run() {
    let ran = Sandbox::pair().run(&["status", "--local", "--log-calls", "none/calls"]);
    let said = ran.code(2).err;
    assert!(
        said.contains("none/calls") && said.contains("write the calls"),
        "{said}"
    );
}
