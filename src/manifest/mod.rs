//! stacks.toml: what is deployed, and with what. Pure; every mistake has a file, a line and a column,
//! and all of them are found in one run.

mod check;
mod reader;
mod shape;
mod stack;

pub use check::{ParameterFacts, TemplateFacts, check_against_templates};
pub use shape::json_schema;

use crate::graph::Graph;
use reader::{Entries, Reader};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A mistake, where it stands, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, one sentence.
    pub message: String,
    /// The file.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What to do.
    pub hint: Option<String>,
}

/// A place in the manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// The manifest with one environment laid over it.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its own path.
    pub path: PathBuf,
    /// The project's name.
    pub project: String,
    /// The region, if one is written.
    pub region: Option<String>,
    /// The account that the credentials must be of, if one is written.
    pub account: Option<String>,
    /// The bucket for bodies over 51,200 bytes, if one is written.
    pub template_bucket: Option<String>,
    /// The stacks, in the order of the file.
    pub stacks: Vec<Stack>,
}

/// One stack of the manifest.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The name in the manifest.
    pub name: String,
    /// The name in CloudFormation: with the environment's prefix.
    pub deployed_name: String,
    /// Where it stands.
    pub at: Place,
    /// The template's path.
    pub template: PathBuf,
    /// What is given to the template.
    pub parameters: Vec<Given>,
    /// Parameters that are given in a way that cannot be read: told of once, and not missing.
    pub unread: Vec<String>,
    /// What the rendering sees.
    pub settings: serde_json::Value,
    /// Tags, the project's among them.
    pub tags: BTreeMap<String, String>,
    /// Stacks that come first although no value flows.
    pub after: Vec<(String, Place)>,
    /// Termination protection; unwritten leaves it as it is.
    pub termination_protection: Option<bool>,
    /// The stack policy's text.
    pub stack_policy: Option<String>,
    /// Capabilities that are acknowledged.
    pub capabilities: Vec<String>,
    /// Topics that are told of events.
    pub notification_topics: Vec<String>,
    /// The service role.
    pub role_arn: Option<String>,
    /// After how many minutes a create fails.
    pub timeout_minutes: Option<i32>,
}

/// A parameter that is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Where its name stands.
    pub at: Place,
    /// Where its value stands.
    pub value_at: Place,
}

/// A parameter's value. Environment variables and files are read by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text; lists are joined by commas.
    Literal(String),
    /// Another stack's output.
    Output {
        /// The stack.
        stack: String,
        /// The output.
        output: String,
    },
}

/// What could be read, and what is wrong.
#[derive(Debug)]
pub struct Loaded {
    /// The manifest, as far as it could be read.
    pub manifest: Manifest,
    /// Every mistake. With one of them in it, the manifest is not to be used.
    pub problems: Vec<Problem>,
}

impl Manifest {
    /// What depends on what: an output that is read makes an edge, and so does `after`. Only edges
    /// between stacks that there are.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        for stack in &self.stacks {
            graph.add_node(&stack.name);
        }
        for stack in &self.stacks {
            for (needed, _) in stack.needs() {
                if self.stacks.iter().any(|other| other.name == needed) {
                    graph.add_edge(&stack.name, needed);
                }
            }
        }
        graph
    }
}

impl Stack {
    /// The stacks that it names, and where.
    fn needs(&self) -> Vec<(&str, Place)> {
        let outputs = self
            .parameters
            .iter()
            .filter_map(|given| match &given.value {
                Value::Output { stack, .. } => Some((stack.as_str(), given.value_at)),
                Value::Literal(_) => None,
            });
        outputs
            .chain(self.after.iter().map(|(name, at)| (name.as_str(), *at)))
            .collect()
    }
}

const MANIFEST_KEYS: &[&str] = &[
    "project",
    "region",
    "template_bucket",
    "tags",
    "stacks",
    "environments",
];
const ENVIRONMENT_KEYS: &[&str] = &["region", "prefix", "account", "tags", "stacks"];

/// Reads a manifest and lays `environment` over it. `variable` looks environment variables up.
pub fn load(
    path: &Path,
    text: &str,
    environment: Option<&str>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Loaded {
    let mut reader = Reader::new(path, text, variable);
    let root = reader.parse(text);
    let readable = reader.problems.is_empty();
    let root = Entries::of(&root);
    reader.unknown_keys(&root, MANIFEST_KEYS, "the manifest");
    let mut manifest = Manifest {
        path: path.to_owned(),
        project: reader.required_text(&root, "project"),
        region: reader.text(&root, "region"),
        account: None,
        template_bucket: reader.text(&root, "template_bucket"),
        stacks: vec![],
    };
    if !manifest.project.is_empty() && !stack::is_name(&manifest.project) {
        reader.problem_at_value(
            &root,
            "project",
            "a project's name is letters, digits and hyphens",
        );
    }
    let tags = reader.tags(&root);
    if let Some(stacks) = reader.table(&root, "stacks") {
        for entry in stacks.iter() {
            manifest
                .stacks
                .extend(stack::read(&mut reader, entry, &tags));
        }
    }
    if manifest.stacks.is_empty() && readable {
        reader.problem(
            Place { line: 1, column: 1 },
            "the manifest has no stacks",
            None,
        );
    }
    environments(&mut reader, &root, environment, &mut manifest);
    check::names(&mut reader, &manifest);
    let mut problems = reader.problems;
    sort(&mut problems);
    Loaded { manifest, problems }
}

/// By place, so that they read from the top.
pub fn sort(problems: &mut [Problem]) {
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
}

/// Every environment is checked; the chosen one is laid over the manifest.
fn environments(
    reader: &mut Reader<'_>,
    root: &Entries<'_>,
    chosen: Option<&str>,
    manifest: &mut Manifest,
) {
    let table = reader.table(root, "environments").unwrap_or_default();
    for entry in table.iter() {
        let Some(overlay) = reader.entries(entry, "an environment") else {
            continue;
        };
        if chosen == Some(entry.name) {
            lay_over(reader, &overlay, manifest);
        } else {
            // Read for its mistakes only: variables of another environment need not be set.
            let lookup = reader.ignore_variables(true);
            lay_over(reader, &overlay, &mut manifest.clone());
            reader.ignore_variables(lookup);
        }
    }
    if let Some(chosen) = chosen
        && !table.iter().any(|entry| entry.name == chosen)
    {
        let names: Vec<&str> = table.iter().map(|entry| entry.name).collect();
        let at = reader.place_of(root, "environments");
        reader.unknown(
            at,
            &format!("there is no environment {chosen}"),
            chosen,
            &names,
        );
    }
}

fn lay_over(reader: &mut Reader<'_>, overlay: &Entries<'_>, manifest: &mut Manifest) {
    reader.unknown_keys(overlay, ENVIRONMENT_KEYS, "an environment");
    if let Some(region) = reader.text(overlay, "region") {
        manifest.region = Some(region);
    }
    if let Some(account) = reader.text(overlay, "account") {
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            reader.problem_at_value(overlay, "account", "an account id is 12 digits");
        }
        manifest.account = Some(account);
    }
    let prefix = reader.text(overlay, "prefix").unwrap_or_default();
    let tags = reader.tags(overlay);
    for stack in &mut manifest.stacks {
        stack.deployed_name = format!("{prefix}{}", stack.name);
        stack.tags.extend(tags.clone());
        if !stack::is_name(&stack.deployed_name) {
            let message = format!("{} is no name for a stack", stack.deployed_name);
            reader.problem_at_value(overlay, "prefix", &message);
        }
    }
    let Some(stacks) = reader.table(overlay, "stacks") else {
        return;
    };
    for entry in stacks.iter() {
        let Some(changes) = reader.entries(entry, "a stack") else {
            continue;
        };
        match manifest
            .stacks
            .iter_mut()
            .find(|stack| stack.name == entry.name)
        {
            Some(stack) => stack::lay_over(reader, &changes, stack),
            None => {
                let names: Vec<&str> = manifest.stacks.iter().map(|s| s.name.as_str()).collect();
                let message = format!("there is no stack {}", entry.name);
                reader.unknown(reader.place(entry.key_at), &message, entry.name, &names);
            }
        }
    }
}

#[cfg(test)]
mod tests;
