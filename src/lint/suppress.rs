//! Findings that somebody has looked at: `Metadata: infra: suppress:` of a template or of a resource holds
//! rules, each with its reason.

use super::{Finding, Level, place};
use crate::project::Prepared;
use serde_json::Value;

/// The rule of what is wrong with a suppression itself.
const RULE: &str = "INFRA-SUPPRESS";

/// A rule that is suppressed somewhere.
#[derive(Debug)]
struct Suppression {
    rule: String,
    reason: String,
    /// The resource that it is for; without one, for the whole template.
    resource: Option<String>,
    used: bool,
}

/// A template's suppressions.
#[derive(Debug)]
pub(super) struct Suppressions<'a> {
    stack: &'a str,
    ready: &'a Prepared,
    all: Vec<Suppression>,
    wrong: Vec<Finding>,
}

impl<'a> Suppressions<'a> {
    /// Those of a template. One without a rule or a reason is a finding itself.
    pub(super) fn read(stack: &'a str, ready: &'a Prepared) -> Self {
        let mut read = Self {
            stack,
            ready,
            all: vec![],
            wrong: vec![],
        };
        let body = &ready.template.body;
        read.list(&body["Metadata"], None);
        for (name, entry) in body["Resources"].as_object().into_iter().flatten() {
            read.list(&entry["Metadata"], Some(name));
        }
        read
    }

    fn list(&mut self, metadata: &Value, resource: Option<&String>) {
        let list = &metadata["infra"]["suppress"];
        let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
        for one in list.as_array().into_iter().flatten() {
            let (rule, reason) = (text(&one["rule"]), text(&one["reason"]));
            if rule.is_empty() || reason.is_empty() {
                let message = "a suppression has a rule and a reason, both as text";
                let finding = self.finding(Level::Error, message.to_owned(), resource.cloned());
                self.wrong.push(finding);
                continue;
            }
            self.all.push(Suppression {
                rule,
                reason,
                resource: resource.cloned(),
                used: false,
            });
        }
        if !list.is_null() && !list.is_array() {
            let message = "suppress is a list of rules with reasons".to_owned();
            let finding = self.finding(Level::Error, message, resource.cloned());
            self.wrong.push(finding);
        }
    }

    /// Why a rule's finding is suppressed, if it is.
    pub(super) fn reason(&mut self, rule: &str, resource: Option<&str>) -> Option<String> {
        let fits = |one: &&mut Suppression| {
            one.rule == rule && (one.resource.is_none() || one.resource.as_deref() == resource)
        };
        let found = self.all.iter_mut().find(fits)?;
        found.used = true;
        Some(found.reason.clone())
    }

    /// What is wrong with the suppressions: those that are not well formed, and those of no use.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        let unused: Vec<_> = self.all.iter().filter(|one| !one.used).collect();
        let unused = unused.into_iter().map(|one| {
            let message = format!("{} is suppressed, and finds nothing", one.rule);
            self.finding(Level::Warning, message, one.resource.clone())
        });
        let unused: Vec<Finding> = unused.collect();
        self.wrong.extend(unused);
        self.wrong
    }

    fn finding(&self, level: Level, message: String, resource: Option<String>) -> Finding {
        let path: Vec<&str> = match &resource {
            Some(name) => vec!["Resources", name, "Metadata"],
            None => vec!["Metadata"],
        };
        let at = self.ready.template.position_of(&path);
        let (file, line, column) = place(self.ready, at.map_or((1, 1), |at| (at.line, at.column)));
        Finding {
            stack: self.stack.to_owned(),
            rule: RULE.to_owned(),
            level,
            message,
            resource,
            path: None,
            file,
            line,
            column,
            fix: None,
            url: None,
            suppressed: None,
        }
    }
}
