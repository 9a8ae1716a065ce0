//! A diff is empty exactly when a deploy does nothing: changes by chance, both asked of the binary.

use crate::edits::{alone, cases, mutate, shipped};
use crate::sandbox::{Dice, Sandbox};
use serde_json::{Map, Value, json};

const DEPLOY: [&str; 8] = [
    "deploy",
    "--all",
    "--local",
    "--yes",
    "--allow-delete",
    "all",
    "--allow-replace",
    "all",
];

/// What is asked of the one stack beside its template.
#[derive(Clone, Default)]
struct Settings {
    manifest: String,
    tags: Map<String, Value>,
    protection: Option<bool>,
    policy: Option<String>,
    topics: Vec<String>,
}

impl Settings {
    fn write(&self, sandbox: &Sandbox, template: &Value) {
        let tags: Vec<String> = self
            .tags
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let mut text = format!("{}tags = {{ {} }}\n", self.manifest, tags.join(", "));
        if let Some(protection) = self.protection {
            text += &format!("termination_protection = {protection}\n");
        }
        if let Some(policy) = &self.policy {
            sandbox.write("policy.json", policy);
            text += "stack_policy = \"policy.json\"\n";
        }
        text += &format!("notification_topics = {:?}\n", self.topics);
        sandbox.write("stacks.toml", &text);
        sandbox.write("t.json", &template.to_string());
    }

    /// Changes something beside the template; sometimes to what it was.
    fn change(&mut self, dice: &mut Dice) -> String {
        match dice.of(6) {
            0 => {
                let names = ["a", "b", "c"];
                self.tags
                    .insert(names[dice.of(3)].to_owned(), json!(["x", "y"][dice.of(2)]));
                "a tag is set".to_owned()
            }
            1 => {
                self.tags.shift_remove(["a", "b", "c"][dice.of(3)]);
                "a tag goes".to_owned()
            }
            2 => {
                self.protection = [None, Some(true), Some(false)][dice.of(3)];
                "protection".to_owned()
            }
            3 => {
                let action = ["Update:*", "Update:Modify"][dice.of(2)];
                let space = ["", " ", "\n  "][dice.of(3)];
                self.policy = Some(format!(
                    "{{{space}\"Statement\":[{{\"Effect\":\"Allow\",{space}\"Action\":\"{action}\",\"Principal\":\"*\",\"Resource\":\"*\"}}]}}"
                ));
                "policy".to_owned()
            }
            4 => {
                let all =
                    ["one", "two"].map(|name| format!("arn:aws:sns:eu-west-1:123456789012:{name}"));
                self.topics = match dice.of(4) {
                    0 => vec![],
                    1 => vec![all[0].clone()],
                    2 => vec![all[0].clone(), all[1].clone()],
                    _ => vec![all[1].clone(), all[0].clone()],
                };
                "topics".to_owned()
            }
            _ => self.parameter(dice),
        }
    }

    /// Gives a parameter that is a plain name another value.
    fn parameter(&mut self, dice: &mut Dice) -> String {
        let (before, after) = [
            ("some-name\"", "some-names\""),
            ("some-names\"", "some-name\""),
        ][dice.of(2)];
        self.manifest = self.manifest.replace(before, after);
        "a parameter".to_owned()
    }
}

/// Writes the same in other words.
fn respell(template: &mut Value, dice: &mut Dice) -> String {
    match dice.of(4) {
        0 => {
            *template = backwards(template);
            "keys backwards"
        }
        1 => {
            *template = other_scalars(template, dice.of(2) == 0);
            "numbers and texts"
        }
        2 => {
            let lists: Vec<String> = template["Parameters"]
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, of)| of["Type"].as_str().unwrap().contains("List"))
                .map(|(name, _)| name.clone())
                .collect();
            *template = other_calls(template, &lists);
            "calls"
        }
        _ => {
            for (_, entry) in template["Resources"].as_object_mut().unwrap() {
                if let Some(Value::String(one)) = entry.get("DependsOn").cloned() {
                    entry["DependsOn"] = json!([one]);
                }
            }
            "needs"
        }
    }
    .to_owned()
}

fn backwards(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let each = fields.iter().rev();
            Value::Object(
                each.map(|(name, one)| (name.clone(), backwards(one)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(backwards).collect(),
        one => one.clone(),
    }
}

/// Numbers and switches of properties as texts, or texts as numbers.
fn other_scalars(value: &Value, texts: bool) -> Value {
    let mut value = value.clone();
    for (_, entry) in value["Resources"].as_object_mut().unwrap() {
        if let Some(properties) = entry.get_mut("Properties") {
            *properties = scalars(properties, texts);
        }
    }
    value
}

fn scalars(value: &Value, texts: bool) -> Value {
    match value {
        Value::Object(fields) => {
            let each = fields.iter();
            Value::Object(
                each.map(|(name, one)| (name.clone(), scalars(one, texts)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(|one| scalars(one, texts)).collect(),
        Value::Number(number) if texts => json!(number.to_string()),
        Value::Bool(one) if texts => json!(one.to_string()),
        Value::String(text) if !texts => match text.parse::<i64>() {
            Ok(number) if number.to_string() == *text => json!(number),
            _ => value.clone(),
        },
        one => one.clone(),
    }
}

/// References as substitutions, but for those of lists.
fn other_calls(value: &Value, lists: &[String]) -> Value {
    let call = |name: &str| {
        value
            .as_object()
            .filter(|fields| fields.len() == 1)?
            .get(name)
    };
    let is_text = |name: &&str| *name != "AWS::NoValue" && !lists.iter().any(|list| list == name);
    if let Some(name) = call("Ref").and_then(Value::as_str).filter(is_text) {
        return json!({ "Fn::Sub": format!("${{{name}}}") });
    }
    if let Some([resource, attribute]) = call("Fn::GetAtt")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        let (resource, attribute) = (
            resource.as_str().unwrap(),
            attribute.as_str().unwrap_or("Arn"),
        );
        // Others may be lists.
        if !attribute.ends_with("Arn") && !attribute.ends_with("Id") {
            return value.clone();
        }
        return json!({ "Fn::Sub": format!("${{{resource}.{attribute}}}") });
    }
    match value {
        Value::Object(fields) => {
            let each = fields.iter();
            Value::Object(
                each.map(|(name, one)| (name.clone(), other_calls(one, lists)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(|one| other_calls(one, lists)).collect(),
        one => one.clone(),
    }
}

/// Changes a section that is not the resources.
fn elsewhere(template: &mut Value, dice: &mut Dice) -> String {
    let word = ["x", "y"][dice.of(2)];
    match dice.of(5) {
        0 => template["Outputs"]["More"] = json!({ "Value": word }),
        1 => {
            let outputs = template["Outputs"].as_object_mut();
            outputs.map(|all| all.shift_remove("More"));
        }
        2 => template["Description"] = json!(word),
        3 => template["Conditions"]["Tried"] = json!({ "Fn::Equals": [word, "x"] }),
        _ => template["Mappings"]["Tried"] = json!({ "a": { "b": word } }),
    }
    "elsewhere".to_owned()
}

#[test]
fn a_diff_is_empty_exactly_when_a_deploy_does_nothing() {
    let rounds = cases("INFRA_IDLE_CASES", 8);
    let mut dice = Dice(cases("INFRA_IDLE_SEED", 31) as u64);
    let (mut idle, mut busy, mut refused) = (0, 0, 0);
    for (stack, mut template) in shipped() {
        let sandbox = alone(&template);
        let mut settings = Settings {
            manifest: sandbox.read("stacks.toml"),
            ..Settings::default()
        };
        settings.write(&sandbox, &template);
        sandbox.run(&DEPLOY).code(0);
        for _ in 0..rounds {
            let before = (template.clone(), settings.clone());
            let edits: Vec<String> = (0..=dice.of(2))
                .map(|_| match dice.of(6) {
                    0 => mutate(&mut template, &mut dice),
                    1 => elsewhere(&mut template, &mut dice),
                    2 | 3 => respell(&mut template, &mut dice),
                    _ => settings.change(&mut dice),
                })
                .collect();
            settings.write(&sandbox, &template);
            let diff = sandbox.run(&["diff", "--local", "--exit-code"]);
            let deploy = sandbox.run(&DEPLOY);
            let said = format!("{stack} {edits:?}\n{}{}{}", diff.out, diff.err, deploy.err);
            if diff.code == 2 {
                // The manifest and the template do not fit: nobody does anything.
                assert_eq!(deploy.code, 2, "{said}");
            } else {
                let nothing =
                    deploy.code == 0 && deploy.err.contains(" 0 of them changes; no changes");
                assert_eq!(diff.code == 0, nothing, "{said}");
            }
            if deploy.code == 0 {
                sandbox.run(&["diff", "--local", "--exit-code"]).code(0);
                *(if diff.code == 0 { &mut idle } else { &mut busy }) += 1;
            } else {
                refused += 1;
                (template, settings) = before;
                // What failed was rolled back, but for tags, which are the stack's own.
                settings.write(&sandbox, &template);
                sandbox.run(&DEPLOY).code(0);
            }
        }
    }
    println!(
        "{idle} that come to nothing, {busy} that change something, {refused} that are refused"
    );
    assert!(
        idle > rounds / 2 && busy > rounds / 2,
        "{idle}, {busy}, {refused}"
    );
}
