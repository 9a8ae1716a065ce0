//! Our prediction is the change set's answer, for edits all over templates.

use crate::sandbox::{Sandbox, root};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

/// A project that has this template alone.
fn alone(template: &Value) -> Sandbox {
    let sandbox = Sandbox::empty();
    let declared = template["Parameters"].as_object().into_iter().flatten();
    let mut manifest =
        "project = \"alone\"\nregion = \"eu-west-1\"\n[stacks.Alone]\ntemplate = \"t.json\"\n\
                        capabilities = [\"CAPABILITY_NAMED_IAM\"]\n"
            .to_owned();
    for (name, of) in declared.filter(|(_, of)| of.get("Default").is_none()) {
        let kind = of["Type"].as_str().unwrap();
        let value = match (name.as_str(), kind) {
            ("FunctionArn", _) => "arn:aws:lambda:eu-west-1:123456789012:function:f",
            ("StageArn", _) => "arn:aws:apigateway:eu-west-1::/restapis/abc/stages/prod",
            ("SecurityGroupId", _) => "sg-0123456789abcdef0",
            (_, "AWS::EC2::VPC::Id") => "vpc-0123456789abcdef0",
            (_, "AWS::EC2::Image::Id") => "ami-0123456789abcdef0",
            (_, "AWS::EC2::AvailabilityZone::Name") => "eu-west-1a",
            (_, "Number") => "1",
            _ if kind.contains("SecurityGroup") => "sg-0123456789abcdef0",
            _ if kind.contains("Subnet") => {
                "subnet-0123456789abcdef0,subnet-1123456789abcdef0,subnet-2123456789abcdef0"
            }
            _ => of["AllowedValues"][0].as_str().unwrap_or("some-name"),
        };
        manifest.push_str(&format!("parameters.{name} = \"{value}\"\n"));
    }
    sandbox.write("stacks.toml", &manifest);
    sandbox.write("t.json", &template.to_string());
    sandbox
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn of(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

/// Changes one thing somewhere in the resources.
fn mutate(template: &mut Value, dice: &mut Dice) -> String {
    let resources = template["Resources"].as_object_mut().unwrap();
    let names: Vec<String> = resources.keys().cloned().collect();
    let name = names[dice.of(names.len())].clone();
    match dice.of(8) {
        0 => {
            resources.insert("Added".to_owned(), json!({"Type": "AWS::SNS::Topic"}));
            return "Added".to_owned();
        }
        1 => {
            resources[&name]["DeletionPolicy"] = json!(["Retain", "Delete"][dice.of(2)]);
            return format!("{name}.DeletionPolicy");
        }
        2 => {
            resources[&name]["Metadata"] = json!({"note": dice.of(100)});
            return format!("{name}.Metadata");
        }
        _ => {}
    }
    let mut path = name.clone();
    let mut at = &mut resources[&name]["Properties"];
    // Down to a value, by chance.
    loop {
        let steps: Vec<String> = match at {
            Value::Object(fields) => fields.keys().cloned().collect(),
            Value::Array(items) => (0..items.len()).map(|index| index.to_string()).collect(),
            _ => vec![],
        };
        // What is called stays called.
        let steps: Vec<String> = match steps
            .iter()
            .any(|step| step == "Ref" || step.starts_with("Fn::"))
        {
            true => return path,
            false => steps,
        };
        if steps.is_empty() {
            break;
        }
        let step = &steps[dice.of(steps.len())];
        path = format!("{path}.{step}");
        at = match at {
            Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
            other => &mut other[step.as_str()],
        };
    }
    *at = match at {
        Value::String(text) => json!(format!("{text}x")),
        Value::Number(number) => json!(number.as_i64().unwrap_or_default() + 1),
        Value::Bool(value) => json!(!*value),
        _ => json!("x"),
    };
    path
}

/// The impact, in the words of the AWS CDK, that each resource of a plan's first step has.
fn impacts(plan: &Value) -> BTreeMap<String, String> {
    let effects = plan["steps"][0]["effects"]["resources"].as_array();
    let impact = |one: &Value| match (one["action"].as_str(), one["replacement"].as_str()) {
        (Some("add"), _) => "WILL_CREATE",
        (Some("remove"), _) if one["kept"].is_string() => "WILL_ORPHAN",
        (Some("remove"), _) => "WILL_DESTROY",
        (_, Some("yes")) => "WILL_REPLACE",
        (_, Some("perhaps")) => "MAY_REPLACE",
        _ => "WILL_UPDATE",
    };
    let each = effects.into_iter().flatten();
    each.map(|one| {
        (
            one["name"].as_str().unwrap().to_owned(),
            impact(one).to_owned(),
        )
    })
    .collect()
}

/// The AWS CDK predicts the same, from the same two templates.
#[test]
#[ignore = "needs the CDK's library: .ci/run installs it"]
fn the_cdk_predicts_the_same() {
    let cases = cases("INFRA_DIFF_CASES", 12);
    let mut dice = Dice(23);
    let (mut asked, mut ours) = (String::new(), Vec::new());
    for (stack, template) in shipped() {
        let sandbox = alone(&template);
        sandbox
            .run(&["deploy", "--all", "--local", "--yes"])
            .code(0);
        for _ in 0..cases {
            let mut edited = template.clone();
            let edits: Vec<String> = (0..=dice.of(3))
                .map(|_| mutate(&mut edited, &mut dice))
                .collect();
            sandbox.write("t.json", &edited.to_string());
            let ran = sandbox.run(&["diff", "--local", "--json"]).code(0);
            let plan: Value = serde_json::from_str(&ran.out).unwrap();
            asked.push_str(&format!(
                "{}\n",
                json!({"before": template, "after": edited})
            ));
            ours.push((
                format!("{stack} {edits:?}"),
                impacts(&plan),
                template.clone(),
            ));
        }
    }
    let tools = std::env::var("FOREIGN_TOOLS").expect("FOREIGN_TOOLS names the directory");
    let mut child = Command::new("node")
        .arg(root().join("tests/clients/impact.js"))
        .env("NODE_PATH", format!("{tools}/../node/node_modules"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(asked.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<BTreeMap<String, String>> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), ours.len());
    let (mut unlike, mut alike) = (Vec::new(), 0);
    for ((edits, ours, template), theirs) in ours.iter().zip(&answers) {
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for name in names {
            let none = "NO_CHANGE".to_owned();
            let (our, their) = (
                ours.get(name).unwrap_or(&none),
                theirs.get(name).unwrap_or(&none),
            );
            let kind = template["Resources"][name]["Type"]
                .as_str()
                .unwrap_or_default();
            if our == their {
                alike += 1;
            } else if !explained(kind, our, their) {
                unlike.push(format!(
                    "{edits}: {name} ({kind}): ours {our}, theirs {their}"
                ));
            }
        }
    }
    assert!(
        unlike.is_empty() && alike > ours.len() / 2,
        "{alike} alike\n{}",
        unlike.join("\n")
    );
}

/// Where the CDK's library is known to say something else, and why.
fn explained(_kind: &str, _our: &str, _their: &str) -> bool {
    false
}

/// The shipped templates, rendered, without what reaches into another stack.
fn shipped() -> Vec<(&'static str, Value)> {
    let shipped = Sandbox::shipped();
    let stacks = [
        "BaseInfraStack",
        "RedshiftServerlessStack",
        "LambdaStack",
        "ApiAndCognitoStack",
        "WAFStack",
    ];
    let each = stacks.into_iter();
    each.map(|stack| {
        let text = shipped.run(&["synth", stack]).code(0).out;
        let mut template = infra::template::yaml::parse(&text).unwrap().to_json();
        template["Resources"]
            .as_object_mut()
            .unwrap()
            .remove("WebAclAssociation");
        (stack, template)
    })
    .collect()
}

/// Has that many edits of a deployed template predicted, and asks the change set each time.
/// Answers how many were asked, and of which it says something else.
fn agree(
    sandbox: &Sandbox,
    original: &Value,
    dice: &mut Dice,
    cases: usize,
) -> (usize, Vec<String>) {
    let (mut asked, mut tried, mut unlike) = (0, 0, Vec::new());
    while asked < cases && tried < 20 * cases {
        tried += 1;
        let mut template = original.clone();
        let edits: Vec<String> = (0..=dice.of(3))
            .map(|_| mutate(&mut template, dice))
            .collect();
        sandbox.write("t.json", &template.to_string());
        let ran = sandbox.run(&["diff", "--local", "--change-set", "--json"]);
        if ran.code != 0 {
            // What no template may hold is refused by both.
            continue;
        }
        let plan: Value = serde_json::from_str(&ran.out).unwrap();
        let told = &plan["steps"][0]["change_set"];
        if told.is_null() {
            // The edit came to nothing.
            continue;
        }
        asked += 1;
        for one in told["disagreements"].as_array().unwrap() {
            let name = one["resource"].as_str().unwrap();
            let kind = &original["Resources"][name]["Type"];
            unlike.push(format!("{edits:?}: {one} {kind}"));
        }
    }
    (asked, unlike)
}

fn cases(variable: &str, otherwise: usize) -> usize {
    let given = std::env::var(variable).ok();
    given
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

#[test]
fn what_is_predicted_is_what_a_change_set_says() {
    let cases = cases("INFRA_DIFF_CASES", 6);
    let mut dice = Dice(7);
    for (stack, template) in shipped() {
        let sandbox = alone(&template);
        sandbox
            .run(&["deploy", "--all", "--local", "--yes"])
            .code(0);
        let none = Vec::<String>::new();
        assert_eq!(
            agree(&sandbox, &template, &mut dice, cases),
            (cases, none),
            "{stack}"
        );
    }
}

/// The same for templates that others wrote.
#[test]
#[ignore = "needs the templates: .ci/run fetches them"]
fn what_is_predicted_for_templates_by_others_is_what_a_change_set_says() {
    let tools = std::env::var("FOREIGN_TOOLS").expect("FOREIGN_TOOLS names the directory");
    let mut paths = Vec::new();
    let mut open = vec![std::path::PathBuf::from(format!("{tools}/../corpus"))];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let text = path.to_string_lossy();
            if path.is_dir() {
                open.push(path);
            } else if (text.contains("/good/") || text.contains("/cf/") || text.contains("output"))
                && (text.ends_with(".yaml")
                    || text.ends_with(".json")
                    || text.ends_with(".template"))
            {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let (mut dice, mut templates, mut asked) = (Dice(11), 0, 0);
    let mut unlike = Vec::new();
    for path in paths.iter().step_by(cases("INFRA_DIFF_STRIDE", 8)) {
        let name = path.to_string_lossy();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let Ok(template) = infra::template::yaml::parse(&text) else {
            continue;
        };
        let template = template.to_json();
        if !template["Resources"].is_object() || template.get("Transform").is_some() {
            continue;
        }
        let sandbox = alone(&template);
        if sandbox.run(&["deploy", "--all", "--local", "--yes"]).code != 0 {
            continue;
        }
        templates += 1;
        let (count, found) = agree(&sandbox, &template, &mut dice, 3);
        asked += count;
        unlike.extend(found.into_iter().map(|one| format!("{name} {one}")));
    }
    assert_eq!(unlike, Vec::<String>::new(), "{}", unlike.join("\n"));
    println!("{asked} edits of {templates} templates");
    assert!(
        templates > 5 && asked > templates,
        "{asked} edits of {templates} templates"
    );
}
