//! Templates to try changes on, and changes by chance that are the same in every run.

use crate::sandbox::{Dice, Sandbox};
use serde_json::{Value, json};

/// A project that has this template alone.
pub fn alone(template: &Value) -> Sandbox {
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

/// Changes one thing somewhere in the resources or the parameters.
pub fn mutate(template: &mut Value, dice: &mut Dice) -> String {
    if dice.of(8) == 0
        && let Some(changed) = other_default(template, dice)
    {
        return changed;
    }
    let resources = template["Resources"].as_object_mut().unwrap();
    let names: Vec<String> = resources.keys().cloned().collect();
    let name = names[dice.of(names.len())].clone();
    match dice.of(12) {
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
        3 => {
            let gone = resources.shift_remove(&name).unwrap();
            // What others still name must stay.
            if names.len() == 1 || template.to_string().contains(&name) {
                template["Resources"][&name] = gone;
                return String::new();
            }
            return format!("{name} goes");
        }
        4 => {
            let properties = resources[&name]["Properties"].as_object_mut();
            let gone = properties.and_then(|all| {
                let key = all.keys().nth(dice.of(all.len()))?.clone();
                all.shift_remove(&key).map(|_| key)
            });
            return format!("{name}.{} goes", gone.unwrap_or_default());
        }
        _ => {}
    }
    let given = resources[&name]["Properties"].as_object();
    if given.is_none_or(serde_json::Map::is_empty) {
        resources[&name]["Metadata"] = json!({"note": dice.of(100)});
        return format!("{name}.Metadata");
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

/// Gives a parameter another default, which is its value as nobody gives one.
fn other_default(template: &mut Value, dice: &mut Dice) -> Option<String> {
    let declared = template["Parameters"].as_object_mut()?;
    let free = |of: &Value| of.get("AllowedValues").is_none() && of.get("Default").is_some();
    let names: Vec<String> = declared
        .iter()
        .filter(|(_, of)| free(of))
        .map(|(name, _)| name.clone())
        .collect();
    let name = names.get(dice.of(names.len()))?;
    let default = &mut declared[name]["Default"];
    let text = infra::template::scalar_text(default)?;
    *default = match text.parse::<i64>() {
        Ok(number) => json!(number + 1),
        Err(_) => json!(format!("{text}x")),
    };
    Some(format!("default of {name}"))
}

/// The shipped templates, rendered, without what reaches into another stack.
pub fn shipped() -> Vec<(&'static str, Value)> {
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

/// Every so many of the templates that others wrote, with its path; those without macros.
pub fn by_others(stride: usize) -> Vec<(String, Value)> {
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
    let chosen = paths.iter().step_by(stride);
    chosen
        .filter_map(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            let template = infra::template::yaml::parse(&text).ok()?.to_json();
            let plain = template["Resources"].is_object() && template.get("Transform").is_none();
            plain.then(|| (path.to_string_lossy().into_owned(), template))
        })
        .collect()
}

/// How many cases the environment asks for.
pub fn cases(variable: &str, otherwise: usize) -> usize {
    let given = std::env::var(variable).ok();
    given
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}
