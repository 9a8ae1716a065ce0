//! What others say of the same changes: the AWS CDK, which predicts as we do, and moto, which makes change sets
//! of its own. Where they say something else, a rule says why.

use crate::edits::{alone, by_others, cases, mutate, shipped};
use crate::foreign::{moto, pointed};
use crate::sandbox::{Dice, Sandbox, root};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

/// Answers by resource.
type Answers = BTreeMap<String, String>;

/// Our own answer to a change: the resources of the plan's first step.
fn effects(plan: &Value) -> Vec<Value> {
    let effects = &plan["steps"][0]["effects"]["resources"];
    effects.as_array().cloned().unwrap_or_default()
}

/// In the words of the AWS CDK.
fn impact(one: &Value) -> &'static str {
    match (one["action"].as_str(), one["replacement"].as_str()) {
        (Some("add"), _) => "WILL_CREATE",
        (Some("remove"), _)
            if one["kept"]
                .as_str()
                .is_some_and(|kept| kept.starts_with("Retain")) =>
        {
            "WILL_ORPHAN"
        }
        (Some("remove"), _) => "WILL_DESTROY",
        (_, Some("yes")) => "WILL_REPLACE",
        (_, Some("perhaps")) => "MAY_REPLACE",
        _ => "WILL_UPDATE",
    }
}

/// In the words of a change set that tells of no replacement.
fn action(one: &Value) -> &'static str {
    match one["action"].as_str() {
        Some("add") => "Add",
        Some("remove") => "Remove",
        _ => "Modify",
    }
}

/// Whether all that differs in a resource is that what it reads is replaced, or a parameter's value.
fn reads_alone(one: &Value) -> bool {
    let mut changes = one["changes"].as_array().into_iter().flatten();
    one["action"] == "modify"
        && changes.all(|change| !change["because"].as_array().unwrap().is_empty())
}

/// A change, and what we say of it.
struct Edit {
    name: String,
    /// The template after it.
    template: Value,
    /// Its effects on resources.
    ours: Vec<Value>,
}

/// How many resources are said the same of, and where not, and no rule explains it.
#[derive(Default)]
struct Compared {
    changes: usize,
    alike: usize,
    explained: BTreeMap<&'static str, usize>,
    unlike: Vec<String>,
}

impl Compared {
    fn add(
        &mut self,
        edit: &Edit,
        theirs: &Answers,
        word: fn(&Value) -> &'static str,
        why: fn(&Value, &Value, &str) -> Option<&'static str>,
    ) {
        self.changes += 1;
        let ours = &edit.ours;
        let of = |name: &str| ours.iter().find(|one| one["name"] == name);
        let names = ours.iter().map(|one| one["name"].as_str().unwrap());
        let names: BTreeSet<&str> = names.chain(theirs.keys().map(String::as_str)).collect();
        for name in names {
            let our = of(name).map_or("nothing", word);
            let their = theirs.get(name).map_or("nothing", String::as_str);
            let one = of(name).unwrap_or(&Value::Null);
            if our == their {
                self.alike += 1;
            } else if let Some(why) = why(one, &edit.template["Resources"][name], their) {
                *self.explained.entry(why).or_default() += 1;
            } else {
                self.unlike.push(format!(
                    "{}: {name}: ours {our}, theirs {their}: {one}",
                    edit.name
                ));
            }
        }
    }

    /// The figures, where nothing is left unexplained.
    fn check(&self) -> String {
        assert_eq!(
            self.unlike,
            Vec::<String>::new(),
            "{}",
            self.unlike.join("\n")
        );
        assert!(
            self.alike > self.changes / 2,
            "{} of {}",
            self.alike,
            self.changes
        );
        format!(
            "{} changes, {} resources alike, {:?}",
            self.changes, self.alike, self.explained
        )
    }
}

/// Deploys a template that is alone, by the embedded CloudFormation or by the one that `run` reaches; edits
/// it as often as asked, and hands each edit with the plan to `each`.
fn edited(
    template: &Value,
    dice: &mut Dice,
    count: usize,
    run: &dyn Fn(&Sandbox, &[&str]) -> crate::sandbox::Ran,
    each: &mut dyn FnMut(String, &Value, &Value),
) -> bool {
    let sandbox = alone(template);
    if run(&sandbox, &["deploy", "--all", "--yes"]).code != 0 {
        return false;
    }
    for _ in 0..count {
        let mut edited = template.clone();
        let edits: Vec<String> = (0..=dice.of(3))
            .map(|_| mutate(&mut edited, dice))
            .collect();
        sandbox.write("t.json", &edited.to_string());
        let ran = run(&sandbox, &["diff", "--json"]);
        // What is refused, nobody says anything of.
        if ran.code == 0 {
            let plan: Value = serde_json::from_str(&ran.out).unwrap();
            each(format!("{edits:?}"), &edited, &plan);
        }
    }
    true
}

/// The AWS CDK predicts the same, from the same two templates.
#[test]
#[ignore = "needs the CDK's library and the templates: .ci/run installs them"]
fn the_cdk_predicts_the_same() {
    let local =
        |sandbox: &Sandbox, arguments: &[&str]| sandbox.run(&[arguments, &["--local"]].concat());
    let mut dice = Dice(23);
    let (mut asked, mut ours) = (String::new(), Vec::new());
    let own = shipped()
        .into_iter()
        .map(|(name, template)| (name.to_owned(), template));
    let count = cases("INFRA_DIFF_CASES", 12);
    let all = own.map(|one| (one, count));
    let others = by_others(cases("INFRA_DIFF_STRIDE", 8));
    for ((name, template), count) in all.chain(others.into_iter().map(|one| (one, 3))) {
        edited(
            &template,
            &mut dice,
            count,
            &local,
            &mut |edit, after, plan| {
                // It knows no parameters.
                if edit.contains("default of") {
                    return;
                }
                let pair = json!({"before": template, "after": after});
                asked.push_str(&format!("{pair}\n"));
                ours.push(Edit {
                    name: format!("{name} {edit}"),
                    template: after.clone(),
                    ours: effects(plan),
                });
            },
        );
    }
    let mut compared = Compared::default();
    for (edit, theirs) in ours.iter().zip(cdk(asked)) {
        compared.add(edit, &theirs, impact, unlike_cdk);
    }
    assert_eq!(compared.changes, ours.len());
    println!("the AWS CDK: {}", compared.check());
}

/// Has the CDK's library compare pairs of templates, a line each.
fn cdk(asked: String) -> Vec<Answers> {
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
    let each = answers.lines();
    each.map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Whether a resource may be replaced for sure changes of properties that are conditionally create-only.
fn depends(one: &Value) -> bool {
    let schema = infra::template::schema::schema(one["type"].as_str().unwrap_or_default());
    let conditional = |change: &Value| {
        let path = infra::plan::diff::parts(change["path"].as_str().unwrap());
        let path = path.get(1..).unwrap_or_default().join(".");
        let replacement = schema.as_ref().map(|schema| schema.replacement(&path));
        replacement == Some(infra::template::schema::Replacement::Conditionally)
    };
    let mut changes = one["changes"].as_array().into_iter().flatten();
    one["replacement"] == "perhaps"
        && changes.any(|change| change["moves"] == "yes" && conditional(change))
}

/// Why the CDK says something else.
fn unlike_cdk(ours: &Value, entry: &Value, theirs: &str) -> Option<&'static str> {
    let kind = entry["Type"].as_str().unwrap_or_default();
    match theirs {
        "nothing" if reads_alone(ours) => Some("it carries on replacements alone"),
        "WILL_REPLACE" if depends(ours) => Some("AWS's schema says that it depends"),
        "NO_CHANGE" if infra::template::schema::schema(kind).is_none() => {
            Some("it does not know the type")
        }
        _ if entry.get("Condition").is_some() => Some("it asks no conditions"),
        _ => None,
    }
}

/// Moto's change sets name the same resources. They say nothing of replacements.
#[test]
#[ignore = "needs moto and the templates: .ci/run installs them"]
fn moto_changes_the_same() {
    let (_moto, endpoint) = moto();
    let there = |sandbox: &Sandbox, arguments: &[&str]| {
        let asks = arguments[0] == "diff";
        let more: &[&str] = if asks {
            &["--change-set"]
        } else {
            &["--no-lint"]
        };
        pointed(sandbox, &endpoint, &[arguments, more].concat())
    };
    let mut dice = Dice(29);
    let mut compared = Compared::default();
    let own = shipped()
        .into_iter()
        .map(|(name, template)| (name.to_owned(), template));
    let count = cases("INFRA_DIFF_CASES", 12);
    let all = own.map(|one| (one, count));
    let others = by_others(10 * cases("INFRA_DIFF_STRIDE", 8));
    let mut lived = 0;
    for ((name, template), count) in all.chain(others.into_iter().map(|one| (one, 3))) {
        // Moto takes a resource without properties for one that differs.
        let mut template = template;
        for (_, entry) in template["Resources"].as_object_mut().unwrap() {
            if entry["Properties"].is_null() {
                entry["Properties"] = json!({});
            }
        }
        let took = edited(
            &template,
            &mut dice,
            count,
            &there,
            &mut |edit, after, plan| {
                let told = plan["steps"][0]["change_set"]["changes"]
                    .as_array()
                    .cloned();
                let text = |of: &Value| of.as_str().unwrap().to_owned();
                let theirs = told.into_iter().flatten();
                let theirs = theirs.map(|one| (text(&one["resource"]), text(&one["action"])));
                let edit = Edit {
                    name: format!("{name} {edit}"),
                    template: after.clone(),
                    ours: effects(plan),
                };
                compared.add(&edit, &theirs.collect(), action, unlike_moto);
            },
        );
        lived += usize::from(took);
        let sandbox = Sandbox::empty();
        sandbox.write(
            "stacks.toml",
            "project = \"alone\"\nregion = \"eu-west-1\"\n[stacks.Alone]\ntemplate = \"t.json\"\n",
        );
        sandbox.write(
            "t.json",
            "{\"Resources\": {\"T\": {\"Type\": \"AWS::SNS::Topic\"}}}",
        );
        pointed(
            &sandbox,
            &endpoint,
            &["destroy", "--all", "--yes", "--allow-delete", "all"],
        );
    }
    println!("moto, {lived} templates: {}", compared.check());
}

/// Why moto says something else.
fn unlike_moto(ours: &Value, _: &Value, theirs: &str) -> Option<&'static str> {
    match theirs {
        "nothing" if reads_alone(ours) => Some("it follows no reference"),
        _ => None,
    }
}
