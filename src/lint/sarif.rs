//! Findings as SARIF, which code scanning reads.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use super::{Finding, Level};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The findings as one SARIF log.
pub fn sarif(findings: &[Finding]) -> Value {
    let mut rules: BTreeMap<&str, Value> = BTreeMap::new();
    for finding in findings {
        let rule = rules
            .entry(&finding.rule)
            .or_insert_with(|| json!({ "id": finding.rule }));
        if let Some(url) = &finding.url {
            rule["helpUri"] = json!(url);
        }
    }
    let places: BTreeMap<&str, usize> =
        rules.keys().enumerate().map(|(at, id)| (*id, at)).collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| result(finding, places.get(finding.rule.as_str()).copied()))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "infra",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            "results": results,
        }],
    })
}

fn result(finding: &Finding, rule: Option<usize>) -> Value {
    let uri = finding.file.display().to_string().replace('\\', "/");
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": rule.unwrap_or_default(),
        "level": match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
        },
        "message": { "text": finding.message },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri },
                "region": { "startLine": finding.line.max(1), "startColumn": finding.column.max(1) },
            },
            "logicalLocations": [{
                "fullyQualifiedName": match &finding.resource {
                    Some(resource) => format!("{}.{resource}", finding.stack),
                    None => finding.stack.clone(),
                },
            }],
        }],
    });
    if let Some(reason) = &finding.suppressed {
        result["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
    }
    result
}
