//! Templates under AWS's own rules, the ones of cloudformation-validate, and under CloudFormation Guard;
//! offline, with the places of our own files.

mod sarif;
mod suppress;

pub use sarif::sarif;

use crate::project::Prepared;
use cel_engine::CelEngine;
use rules::Severity;
use schema_validator::SchemaValidator;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use suppress::Suppressions;
use validation_engine::{
    EngineConfig, ExternalRuleSource, ValidateConfig, validate_bytes_with_path,
};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A deploy with it fails, or breaks a rule that is to be held.
    Error,
    /// It works, and hardly as it is meant.
    Warning,
}

/// Something that a rule does not like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stack, as the manifest names it.
    pub stack: String,
    /// The rule.
    pub rule: String,
    /// How bad it is.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// The resource's logical id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Where within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The file, ours and not the rendered one.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, as the rendered line has it.
    pub column: usize,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Where the rule is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why it is suppressed, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
}

/// A file of Guard rules.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Its name, as findings say it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The rules, ready to be applied. Loading them takes a moment, applying them little.
pub struct Linter {
    engine: CelEngine,
    schemas: SchemaValidator,
}

impl Linter {
    /// AWS's rules and those of the files.
    ///
    /// # Errors
    /// Guard rules that cannot be read: which, and why.
    pub fn new(guards: Vec<Guard>) -> Result<Self, String> {
        let guards = guards.into_iter().map(|guard| ExternalRuleSource {
            name: guard.name,
            content: guard.text,
        });
        let schemas = SchemaValidator::default();
        let config = EngineConfig::new().with_guard_rules(guards);
        let engine = CelEngine::new_with_schema_validator(config, &schemas)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Self { engine, schemas })
    }

    /// What the rules say of a stack's template, in the order of the file. What is suppressed says why.
    ///
    /// # Errors
    /// When the rules cannot be applied at all.
    pub fn lint(&self, stack: &str, ready: &Prepared) -> Result<Vec<Finding>, String> {
        let config = ValidateConfig {
            severity_level: Severity::Warn,
            ..ValidateConfig::default()
        };
        let text = ready.rendered.text.as_bytes();
        let report =
            validate_bytes_with_path(&self.engine, &self.schemas, text, config, stack.to_owned())
                .map_err(|error| error.to_string())?;
        let mut suppressions = Suppressions::read(stack, ready);
        let mut found: Vec<Finding> = Vec::new();
        for one in report.diagnostics {
            let level = match one.severity {
                Severity::Fatal | Severity::Error => Level::Error,
                Severity::Warn => Level::Warning,
                Severity::Info | Severity::Debug => continue,
            };
            let resource = one.resource_logical_id().map(str::to_owned);
            let at = one
                .location
                .map(|span| (span.start_line as usize, span.start_column as usize));
            let (file, line, column) = place(ready, at.unwrap_or((1, 1)));
            found.push(Finding {
                stack: stack.to_owned(),
                suppressed: suppressions.reason(&one.rule_id, resource.as_deref()),
                rule: one.rule_id,
                level,
                message: one.message,
                resource,
                path: one.property_path,
                file,
                line,
                column,
                fix: one.suggested_fix,
                url: one.documentation_url,
            });
        }
        found.extend(suppressions.finish());
        found.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.rule).cmp(&(&b.file, b.line, b.column, &b.rule))
        });
        // A template that is rendered in a loop has the same finding once a turn.
        found.dedup_by(|a, b| a == b);
        Ok(found)
    }
}

/// A place of the rendered text in our own file.
fn place(ready: &Prepared, (line, column): (usize, usize)) -> (PathBuf, usize, usize) {
    match ready.rendered.source_line(line) {
        Some(source) => (source.file, source.line, column),
        None => (PathBuf::new(), line, column),
    }
}

impl Finding {
    /// The finding as one line.
    pub fn line(&self) -> String {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let of = self
            .resource
            .as_ref()
            .map(|name| format!(" {name}:"))
            .unwrap_or_default();
        let fix = self
            .fix
            .as_ref()
            .map(|fix| format!("\n  hint: {fix}"))
            .unwrap_or_default();
        format!(
            "{}:{}:{}: {level} {}:{of} {}{fix}",
            self.file.display(),
            self.line,
            self.column,
            self.rule,
            self.message
        )
    }
}
