use super::*;
use proptest::prelude::*;

fn load_in(directory: &Path, text: &str, environment: Option<&str>) -> Loaded {
    std::fs::write(directory.join("t.yaml"), "").unwrap();
    load(&directory.join("stacks.toml"), text, environment, &|name| {
        (name == "SET").then(|| "from the environment".to_owned())
    })
}

fn messages(text: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let problems = load_in(directory.path(), text, None).problems;
    problems
        .iter()
        .map(|p| format!("{}:{} {}", p.line, p.column, p.message))
        .collect()
}

const GOOD: &str = r#"
project = "p"
region = "eu-west-1"
[tags]
team = "a"
[stacks.One]
template = "t.yaml"
[stacks.One.settings]
zones = 3
[stacks.Two]
template = "t.yaml"
[stacks.Two.parameters]
Text = "x"
Number = 3
List = ["a", 2]
Vpc = { output = "One.VpcId" }
Set = { env = "SET" }
Unset = { env = "UNSET", default = "d" }
[environments.prod]
region = "us-east-1"
prefix = "prod-"
[environments.prod.stacks.Two.parameters]
Number = 4
"#;

#[test]
fn values_of_all_kinds_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let loaded = load_in(directory.path(), GOOD, Some("prod"));
    assert_eq!(loaded.problems, []);
    let two = &loaded.manifest.stacks[1];
    let value = |name: &str| {
        &two.parameters
            .iter()
            .find(|p| p.name == name)
            .unwrap()
            .value
    };
    let literal = |text: &str| Value::Literal(text.to_owned());
    assert_eq!(value("List"), &literal("a,2"));
    assert_eq!(value("Number"), &literal("4"));
    assert_eq!(value("Set"), &literal("from the environment"));
    assert_eq!(value("Unset"), &literal("d"));
    assert_eq!(two.deployed_name, "prod-Two");
    assert_eq!(loaded.manifest.region.as_deref(), Some("us-east-1"));
    assert_eq!(loaded.manifest.graph().dependencies_of("Two"), ["One"]);
}

#[test]
fn mistakes_are_all_found_with_their_places() {
    let found = messages(
        "project = 3\nregoin = \"x\"\n[stacks.A]\ntemplate = \"nope.yaml\"\nafter = [\"B\"]\n\
         [stacks.B]\ntemplate = \"t.yaml\"\nafter = [\"A\", \"C\"]\ntimeout_minutes = 0\n\
         [stacks.B.parameters]\nX = { env = \"UNSET\" }\n",
    );
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let [project, key, template, circle, unknown, timeout, variable] = found[..] else {
        panic!("{found:#?}")
    };
    assert_eq!(project, "1:11 project must be a string, not integer");
    assert_eq!(key, "2:1 the manifest has no key regoin");
    assert!(template.starts_with("4:12 the template"), "{template}");
    assert_eq!(
        circle,
        "5:10 the stacks need each other in a circle: A -> B -> A"
    );
    assert_eq!(unknown, "8:15 there is no stack C");
    assert_eq!(
        timeout,
        "9:19 timeout_minutes must be a whole number from 1, not 0"
    );
    assert_eq!(variable, "11:13 the environment variable UNSET is not set");
}

#[test]
fn an_unknown_environment_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let problem = &load_in(directory.path(), GOOD, Some("prd")).problems[0];
    assert_eq!(problem.message, "there is no environment prd");
    assert_eq!(problem.hint.as_deref(), Some("did you mean prod?"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ -~\n]{0,300}") {
        let _ = load(Path::new("stacks.toml"), &text, None, &|_| None);
    }
}
