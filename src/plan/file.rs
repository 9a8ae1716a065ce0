//! A plan as a file: what was reviewed, so that exactly that is executed, or refused with what has moved
//! since.

use super::Plan;
use crate::project::Project;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The format's version.
pub const VERSION: u64 = 1;

/// A plan, and everything that it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The format's version.
    pub version: u64,
    /// The project.
    pub project: String,
    /// The environment of the manifest, if one was named.
    pub environment: Option<String>,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The stacks, in the order of the plan.
    pub stacks: Vec<String>,
    /// Digests of the rendered templates, by stack (SHA-256).
    pub templates: BTreeMap<String, String>,
    /// Change sets that will be executed, by stack (ARNs).
    pub change_sets: BTreeMap<String, String>,
    /// The steps, as `--json` prints them.
    pub steps: Vec<Value>,
}

impl PlanFile {
    /// The plan as a file, without change sets.
    pub fn new(
        project: &Project,
        environment: Option<&str>,
        account: &str,
        region: &str,
        plan: &Plan,
    ) -> Self {
        let stacks: Vec<String> = plan.steps.iter().map(|step| step.stack.clone()).collect();
        let templates = stacks.iter().filter_map(|name| {
            let ready = project.prepared.get(name)?;
            Some((name.clone(), digest(&ready.rendered.text)))
        });
        Self {
            version: VERSION,
            project: project.manifest.project.clone(),
            environment: environment.map(str::to_owned),
            account: account.to_owned(),
            region: region.to_owned(),
            templates: templates.collect(),
            change_sets: BTreeMap::new(),
            steps: plan
                .shown()
                .steps
                .iter()
                .map(|step| serde_json::to_value(step).unwrap_or_default())
                .collect(),
            stacks,
        }
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
        for (before, after) in self.steps.iter().zip(&now.steps) {
            let name = before["stack"].as_str().unwrap_or_default();
            if self.templates.get(name) != now.templates.get(name) {
                moved.push(format!("{name}: its template has changed"));
            } else if before["updated"] != after["updated"] || before["status"] != after["status"] {
                moved.push(format!("{name}: the stack has changed"));
            } else if before != after {
                moved.push(format!("{name}: what would be done has changed"));
            }
        }
        if self.stacks != now.stacks {
            moved.push("the stacks, or what depends on what, have changed".to_owned());
        }
        moved
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Reads a plan file.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<PlanFile, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value["version"].as_u64() {
        Some(VERSION) => serde_json::from_value(value).map_err(|error| error.to_string()),
        Some(other) => Err(format!(
            "it has version {other}, and this infra reads {VERSION}"
        )),
        None => Err("it is no plan".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> PlanFile {
        PlanFile {
            version: VERSION,
            project: "p".to_owned(),
            environment: None,
            account: "1".to_owned(),
            region: "r".to_owned(),
            stacks: vec!["A".to_owned()],
            templates: BTreeMap::from([("A".to_owned(), digest("x"))]),
            change_sets: BTreeMap::new(),
            steps: vec![
                serde_json::json!({"stack": "A", "status": "CREATE_COMPLETE", "updated": "1"}),
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
        later.templates.insert("A".to_owned(), digest("y"));
        assert_eq!(file().moved(&later), ["A: its template has changed"]);
    }

    #[test]
    fn a_file_is_read_back_and_nothing_else_is() {
        let text = serde_json::to_string(&file()).unwrap();
        assert_eq!(read(&text).unwrap(), file());
        assert!(read("{}").is_err() && read("x").is_err());
        assert!(
            read(&text.replace("\"version\":1", "\"version\":2"))
                .unwrap_err()
                .contains("version 2")
        );
        assert!(read(&text.replace("\"region\"", "\"rigion\"")).is_err());
    }
}
