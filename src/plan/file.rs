//! A plan as a file: what was reviewed, so that exactly that is executed, or refused with what has moved
//! since. What is masked in the steps is compared by digests of what it stands for.

use super::{Action, Current, Known, Plan, Step};
use crate::manifest::{Stack, Value as Given};
use crate::project::Project;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The format's version.
pub const VERSION: u64 = 3;

/// A plan, and everything that it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The format's version.
    pub version: u64,
    /// A digest of all the rest. It tells a file that was edited; who wants to can make another one.
    pub seal: String,
    /// What the digests of values begin with, another in each file.
    pub salt: String,
    /// The project.
    pub project: String,
    /// The environment of the manifest, if one was named.
    pub environment: Option<String>,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The service role over the manifest's, if one was named.
    pub role_arn: Option<String>,
    /// Whether in EXPRESS mode.
    pub express: bool,
    /// The stacks, in the order of the plan.
    pub stacks: Vec<String>,
    /// What would be sent for each of them, and done.
    pub digests: BTreeMap<String, Digests>,
    /// Change sets that will be executed (ARNs), of each stack that is updated with values that are all
    /// known; null where CloudFormation saw nothing to change.
    pub change_sets: BTreeMap<String, Option<String>>,
    /// The steps, as `--json` prints them.
    pub steps: Vec<Value>,
}

/// Digests (SHA-256) of what a run depends on for one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    /// Of the rendered template.
    pub template: String,
    /// Of each thing that is sent beside it, and of what the stack waits for.
    pub asked: BTreeMap<String, String>,
    /// Of the step, with the values that the file masks and without places in our files.
    pub step: String,
}

/// What a plan was made of.
#[derive(Debug)]
pub struct Made<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment of the manifest, if one was named.
    pub environment: Option<&'a str>,
    /// The account.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
    /// The service role over the manifest's, if one was named.
    pub role_arn: Option<&'a str>,
    /// Whether in EXPRESS mode.
    pub express: bool,
    /// What is deployed.
    pub current: &'a BTreeMap<String, Current>,
}

impl Made<'_> {
    /// The plan as a file, without change sets.
    pub fn file(&self, plan: &Plan, salt: &str) -> PlanFile {
        let shown = plan.shown();
        let with_sets = plan.steps.iter().filter(|step| has_change_set(step));
        PlanFile {
            version: VERSION,
            seal: String::new(),
            salt: salt.to_owned(),
            project: self.project.manifest.project.clone(),
            environment: self.environment.map(str::to_owned),
            account: self.account.to_owned(),
            region: self.region.to_owned(),
            role_arn: self.role_arn.map(str::to_owned),
            express: self.express,
            stacks: plan.steps.iter().map(|step| step.stack.clone()).collect(),
            digests: plan
                .steps
                .iter()
                .map(|step| (step.stack.clone(), self.digests(step, salt)))
                .collect(),
            change_sets: with_sets.map(|step| (step.stack.clone(), None)).collect(),
            steps: shown
                .steps
                .iter()
                .map(|step| serde_json::to_value(step).unwrap_or_default())
                .collect(),
        }
    }

    fn digests(&self, step: &Step, salt: &str) -> Digests {
        let ready = self.project.prepared.get(&step.stack);
        let template = ready.map(|ready| digest(&ready.rendered.text));
        let stack = self.project.stack(&step.stack);
        let asked = stack.map(|stack| self.asked(stack, step, salt));
        let step = serde_json::to_value(without_places(step)).unwrap_or_default();
        Digests {
            template: template.unwrap_or_default(),
            asked: asked.unwrap_or_default(),
            step: salted(salt, "step", &step),
        }
    }

    /// Everything that a create or an update sends beside the template, and what is waited for.
    fn asked(&self, stack: &Stack, step: &Step, salt: &str) -> BTreeMap<String, String> {
        let mut after: Vec<&String> = stack.after.iter().map(|(name, _)| name).collect();
        after.sort();
        let parts = [
            ("capabilities", json!(stack.capabilities)),
            ("tags", json!(stack.tags)),
            ("notification topics", json!(stack.notification_topics)),
            ("service role", json!(stack.role_arn)),
            ("stack policy", json!(stack.stack_policy)),
            (
                "termination protection",
                json!(stack.termination_protection),
            ),
            ("timeout_minutes", json!(stack.timeout_minutes)),
            ("after", json!(after)),
        ];
        let parts = parts.map(|(name, value)| (name.to_owned(), value));
        let parameters = stack.parameters.iter().map(|given| {
            let value = match &given.value {
                Given::Literal(text) => json!(text),
                Given::Output { stack, output } => {
                    let known = matches!(step.parameters.get(&given.name), Some(Known::Value(_)));
                    let now = self.current.get(stack).filter(|_| known);
                    json!([
                        stack,
                        output,
                        now.and_then(|now| now.stack.outputs.get(output))
                    ])
                }
            };
            (format!("parameter {}", given.name), value)
        });
        let all = parts.into_iter().chain(parameters);
        all.map(|(name, value)| {
            let digest = salted(salt, &name, &value);
            (name, digest)
        })
        .collect()
    }
}

/// Whether a change set is made of a step before it is executed: its values are all known.
fn has_change_set(step: &Step) -> bool {
    let known = |value: &Known| matches!(value, Known::Value(_));
    step.action == Action::Update && step.parameters.values().all(known)
}

/// A line that is put into one of our files moves places, and nothing else.
fn without_places(step: &Step) -> Step {
    let mut step = step.clone();
    step.outside.iter_mut().for_each(|one| one.place = None);
    step.widens.iter_mut().for_each(|one| one.place = None);
    if let Some(diff) = &mut step.diff {
        diff.locate(|_| None);
    }
    for resource in step.effects.iter_mut().flat_map(|one| &mut one.resources) {
        resource.place = None;
        resource.changes.iter_mut().for_each(|one| one.place = None);
    }
    step
}

impl PlanFile {
    /// The file's text, sealed.
    #[must_use]
    pub fn write(&self) -> String {
        let mut file = self.clone();
        file.seal = String::new();
        // A number is read back as it is written, which need not be the one that was there.
        let text = serde_json::to_string(&file).unwrap_or_default();
        let read: Value = serde_json::from_str(&text).unwrap_or_default();
        file.seal = digest(&read.to_string());
        serde_json::to_string_pretty(&file).unwrap_or_default()
    }

    /// What has moved between this plan and the same one made now; nothing if it can be executed.
    pub fn moved(&self, now: &Self) -> Vec<String> {
        let mut moved = Vec::new();
        let mut compare = |what: &str, before: &str, after: &str| {
            if before != after {
                moved.push(format!("the {what} was {before} and is {after}"));
            }
        };
        let named = |environment: &Option<String>| environment.clone().unwrap_or("none".to_owned());
        compare("project", &self.project, &now.project);
        compare(
            "environment",
            &named(&self.environment),
            &named(&now.environment),
        );
        compare("account", &self.account, &now.account);
        compare("region", &self.region, &now.region);
        if self.stacks != now.stacks {
            moved.push("the stacks, or what depends on what, have changed".to_owned());
        }
        for name in &self.stacks {
            moved.extend(self.stack_moved(now, name));
        }
        moved
    }

    /// What has moved of a stack.
    fn stack_moved(&self, now: &Self, name: &str) -> Option<String> {
        let (before, after) = (self.digests.get(name)?, now.digests.get(name)?);
        let mut found = Vec::new();
        if before.template != after.template {
            found.push("its template has changed".to_owned());
        }
        let names: BTreeSet<&String> = before.asked.keys().chain(after.asked.keys()).collect();
        let differs = |part: &&&String| before.asked.get(**part) != after.asked.get(**part);
        let parts: Vec<&str> = names
            .iter()
            .filter(differs)
            .map(|one| one.as_str())
            .collect();
        if !parts.is_empty() {
            found.push(format!("not as it was reviewed: {}", parts.join(", ")));
        }
        let state = |file: &Self| {
            let step = file.steps.iter().find(|step| step["stack"] == name);
            step.map(|step| [step["updated"].clone(), step["status"].clone()])
        };
        if state(self) != state(now) {
            found.push("the stack has changed".to_owned());
        }
        if found.is_empty() && before.step != after.step {
            found.push("what would be done has changed".to_owned());
        }
        let sets = |file: &Self| file.change_sets.contains_key(name);
        if found.is_empty() && sets(self) != sets(now) {
            found.push("it has no change set that was reviewed".to_owned());
        }
        (!found.is_empty()).then(|| format!("{name}: {}", found.join("; ")))
    }

    /// What no plan that was written can be: parts that do not belong together.
    fn check(&self) -> Result<(), String> {
        let header = [&self.salt, &self.project, &self.account, &self.region];
        let ids = self.change_sets.values().flatten();
        let named = self.environment.iter().chain(&self.role_arn);
        let texts = header.into_iter().chain(named);
        let mut texts = texts.chain(&self.stacks).chain(ids);
        if texts.any(|text| text.chars().any(char::is_control)) {
            return Err("it holds control characters".to_owned());
        }
        let steps: Vec<&str> = self
            .steps
            .iter()
            .filter_map(|step| step["stack"].as_str())
            .collect();
        let unique: BTreeSet<&String> = self.stacks.iter().collect();
        if self.stacks.is_empty() || unique.len() != self.stacks.len() {
            return Err("it has no stacks, or one twice".to_owned());
        }
        if steps != self.stacks || self.steps.len() != self.stacks.len() {
            return Err("its steps are not those of its stacks".to_owned());
        }
        if !self.digests.keys().eq(unique) {
            return Err("its digests are not those of its stacks".to_owned());
        }
        let known = |step: &Value| {
            let mut parameters = step["parameters"].as_object().into_iter().flatten();
            step["action"] == "update" && parameters.all(|(_, value)| value.get("value").is_some())
        };
        let updated = self.steps.iter().filter(|step| known(step));
        let updated: BTreeSet<&str> = updated.filter_map(|step| step["stack"].as_str()).collect();
        if !self.change_sets.keys().map(String::as_str).eq(updated) {
            return Err("its change sets are not those of the stacks that it updates".to_owned());
        }
        let mut seen = BTreeSet::new();
        for id in self.change_sets.values().flatten() {
            if !self.is_change_set(id) || !seen.insert(id) {
                return Err(format!("{id} is no change set of it"));
            }
        }
        Ok(())
    }

    /// Whether that is the ARN of a change set in the file's account. Whose it is CloudFormation alone can
    /// say; an emulator may stand in another region than it is asked for.
    fn is_change_set(&self, id: &str) -> bool {
        let parts: Vec<&str> = id.splitn(6, ':').collect();
        let [arn, _, service, _, account, resource] = parts.as_slice() else {
            return false;
        };
        [*arn, *service, *account] == ["arn", "cloudformation", self.account.as_str()]
            && resource.starts_with("changeSet/")
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// The digest of a value under its name. What many files hold is not seen to be the same.
fn salted(salt: &str, name: &str, value: &Value) -> String {
    digest(&json!([salt, name, value]).to_string())
}

/// Reads a plan file.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<PlanFile, String> {
    let mut value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    is_plan(&value)?;
    let seal = std::mem::replace(&mut value["seal"], String::new().into());
    if seal != digest(&value.to_string()) {
        return Err("it is not as infra plan wrote it".to_owned());
    }
    let mut file = parse(value)?;
    file.seal = seal.as_str().unwrap_or_default().to_owned();
    Ok(file)
}

fn is_plan(value: &Value) -> Result<(), String> {
    match value["version"].as_u64() {
        Some(VERSION) => Ok(()),
        Some(other) => Err(format!(
            "it has version {other}, and this infra reads {VERSION}"
        )),
        None => Err("it is no plan".to_owned()),
    }
}

/// Reads a plan file's document, whatever its seal.
///
/// # Errors
/// What is wrong with it.
pub fn parse(value: Value) -> Result<PlanFile, String> {
    is_plan(&value)?;
    let file: PlanFile = serde_json::from_value(value).map_err(|error| error.to_string())?;
    file.check()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> PlanFile {
        let digests = Digests {
            template: digest("x"),
            asked: BTreeMap::from([("parameter P".to_owned(), salted("s", "P", &json!("1")))]),
            step: digest("step"),
        };
        PlanFile {
            version: VERSION,
            seal: String::new(),
            salt: "s".to_owned(),
            project: "p".to_owned(),
            environment: None,
            account: "1".to_owned(),
            region: "r".to_owned(),
            role_arn: None,
            express: false,
            stacks: vec!["A".to_owned()],
            digests: BTreeMap::from([("A".to_owned(), digests)]),
            change_sets: BTreeMap::from([(
                "A".to_owned(),
                Some("arn:aws:cloudformation:r:1:changeSet/infra-plan-1/2".to_owned()),
            )]),
            steps: vec![
                json!({"stack": "A", "status": "CREATE_COMPLETE", "updated": "1",
                "action": "update", "parameters": {"P": {"value": "****"}}, "x": 0.1}),
            ],
        }
    }

    #[test]
    fn what_moved_is_named() {
        let mut later = file();
        assert!(file().moved(&later).is_empty());
        later.region = "q".to_owned();
        later.steps[0]["updated"] = "2".into();
        assert_eq!(
            file().moved(&later),
            ["the region was r and is q", "A: the stack has changed"]
        );
        later = file();
        let digests = later.digests.get_mut("A").unwrap();
        digests.template = digest("y");
        digests.asked.clear();
        digests.step = digest("other");
        assert_eq!(
            file().moved(&later),
            ["A: its template has changed; not as it was reviewed: parameter P"]
        );
        later = file();
        later.digests.get_mut("A").unwrap().step = digest("other");
        assert_eq!(file().moved(&later), ["A: what would be done has changed"]);
        later = file();
        later.change_sets.clear();
        assert_eq!(
            later.moved(&file()),
            ["A: it has no change set that was reviewed"]
        );
    }

    #[test]
    fn a_file_is_read_back_and_nothing_else_is() {
        let text = file().write();
        let back = read(&text).unwrap();
        assert_eq!(
            PlanFile {
                seal: String::new(),
                ..back
            },
            file()
        );
        assert!(read("{}").is_err() && read("x").is_err());
        let older = text.replace("\"version\": 3", "\"version\": 1");
        assert!(read(&older).unwrap_err().contains("version 1"));
        let edited = text.replace("CREATE_COMPLETE", "UPDATE_COMPLETE");
        assert_eq!(
            read(&edited).unwrap_err(),
            "it is not as infra plan wrote it"
        );
        // Spaces are no edit.
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(read(&value.to_string()).is_ok());
    }

    /// Every edit that somebody sealed again, and what is said of it.
    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        type Edit = fn(&mut PlanFile);
        let edits: [(Edit, &str); 9] = [
            (|file| file.steps.clear(), "its steps are not"),
            (
                |file| file.steps[0]["stack"] = "B".into(),
                "its steps are not",
            ),
            (|file| file.stacks.clear(), "it has no stacks"),
            (|file| file.digests.clear(), "its digests are not"),
            (|file| file.change_sets.clear(), "its change sets are not"),
            (
                |file| {
                    file.change_sets.insert("B".to_owned(), None);
                },
                "its change sets are not",
            ),
            (
                |file| file.steps[0]["action"] = "nothing".into(),
                "its change sets are not",
            ),
            (
                |file| file.account = "2".to_owned(),
                "is no change set of it",
            ),
            (
                |file| file.project = "\u{1b}[2J".to_owned(),
                "it holds control characters",
            ),
        ];
        for (edit, why) in edits {
            let mut file = file();
            edit(&mut file);
            let said = read(&file.write()).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
