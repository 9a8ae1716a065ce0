//! AWS WAF at work: a web ACL judges a visit.

mod managed;
mod patterns;
mod rates;
mod statements;
mod visit;

pub use self::rates::Rates;
pub use self::visit::Visit;

use self::statements::{arn, holds};
use super::holdings::{Held, Holdings, Shape, as_is};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What rules that matched have said of a visit.
pub type Labels = BTreeSet<String>;

/// What becomes of a visit.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It may pass.
    Pass,
    /// It may not, and this is what it is answered.
    Stop(Stop),
}

/// How a visit is stopped.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stop {
    /// The rule that stopped it; empty where no rule did.
    pub rule: String,
    /// The status; none where what is guarded says how it refuses.
    pub status: Option<u16>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The content type and the body.
    pub body: Option<(String, String)>,
}

/// A visit before a web ACL.
pub struct Trial<'a> {
    holdings: &'a Holdings<'a>,
    /// What is counted.
    rates: &'a Rates,
    visit: &'a Visit<'a>,
    /// The web ACL's id.
    acl: &'a str,
    /// Bodies of answers, by their keys.
    bodies: Value,
}

const RULES: Shape = Shape {
    kind: "AWS::WAFv2::WebACL",
    naming: as_is,
    properties: &["Rules", "DefaultAction", "CustomResponseBodies"],
    renamed: &[],
};

/// What a web ACL makes of a visit.
pub fn judge(holdings: &Holdings<'_>, rates: &Rates, acl: Held<'_>, visit: &Visit<'_>) -> Verdict {
    let told = Value::Object(RULES.of(acl.resource.actual()));
    let trial = Trial {
        holdings,
        rates,
        visit,
        acl: acl.id(),
        bodies: told["CustomResponseBodies"].clone(),
    };
    let mut labels = Labels::new();
    let mut rules = by_priority(&told["Rules"]).into_iter();
    let ended = rules.find_map(|rule| trial.outcome(rule, &mut labels));
    ended.unwrap_or_else(|| trial.verdict(&told["DefaultAction"], ""))
}

fn by_priority(rules: &Value) -> Vec<&Value> {
    let mut all: Vec<&Value> = rules.as_array().into_iter().flatten().collect();
    all.sort_by_key(|rule| rule["Priority"].as_i64());
    all
}

impl Trial<'_> {
    /// The properties of a set or a group that an ARN names.
    fn set(&self, kind: &str, arn: &str) -> Option<&Value> {
        let all = self.holdings.all(kind).into_iter();
        let mut named = all.filter(|held| self.holdings.attribute(*held, "Arn") == arn);
        named.next().map(|held| held.resource.actual())
    }

    fn outcome(&self, rule: &Value, labels: &mut Labels) -> Option<Verdict> {
        let name = rule["Name"].as_str().unwrap_or_default();
        let statement = &rule["Statement"];
        for kind in ["ManagedRuleGroupStatement", "RuleGroupReferenceStatement"] {
            let inner = &statement[kind];
            if inner.is_null() {
                continue;
            }
            let down = &inner["ScopeDownStatement"];
            if !down.is_null() && !holds(self, labels, name, down) {
                return None;
            }
            let ending = if kind == "ManagedRuleGroupStatement" {
                self.managed(inner, labels)
            } else {
                self.own_group(inner, labels)
            };
            // The group's own word counts, unless all that it says is only counted.
            return ending
                .filter(|_| rule["OverrideAction"].get("Count").is_none())
                .map(|verdict| within(name, verdict));
        }
        if !holds(self, labels, name, statement) {
            return None;
        }
        let own = rule["RuleLabels"].as_array().into_iter().flatten();
        labels.extend(own.filter_map(|label| label["Name"].as_str().map(str::to_owned)));
        ends(&rule["Action"]).then(|| self.verdict(&rule["Action"], name))
    }

    fn managed(&self, inner: &Value, labels: &mut Labels) -> Option<Verdict> {
        let name = inner["Name"]
            .as_str()
            .filter(|_| inner["VendorName"] == "AWS");
        let group = name.and_then(managed::group)?;
        for (rule, label, matches) in group.rules {
            if !matches(self.visit) {
                continue;
            }
            labels.insert(format!("{}{label}", group.label));
            let action = overridden(inner, rule, &json!({ "Block": {} }));
            if ends(&action) {
                return Some(self.verdict(&action, rule));
            }
        }
        None
    }

    fn own_group(&self, inner: &Value, labels: &mut Labels) -> Option<Verdict> {
        let group = self.set("AWS::WAFv2::RuleGroup", arn(inner))?;
        // Rules of groups are those of web ACLs.
        let told = Value::Object(RULES.of(group));
        let trial = Trial {
            bodies: told["CustomResponseBodies"].clone(),
            ..*self
        };
        for rule in by_priority(&told["Rules"]) {
            let name = rule["Name"].as_str().unwrap_or_default();
            let action = overridden(inner, name, &rule["Action"]);
            let mut rule = rule.clone();
            rule["Action"] = action;
            let ended = trial.outcome(&rule, labels);
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    /// <https://docs.aws.amazon.com/waf/latest/developerguide/waf-custom-request-response.html>
    fn verdict(&self, action: &Value, rule: &str) -> Verdict {
        let waits = |status: u16, action: &str| {
            let headers = vec![("x-amzn-waf-action".to_owned(), action.to_owned())];
            Verdict::Stop(Stop {
                rule: rule.to_owned(),
                status: Some(status),
                headers,
                body: None,
            })
        };
        if action.get("Captcha").is_some() {
            return waits(405, "captcha");
        }
        if action.get("Challenge").is_some() {
            return waits(202, "challenge");
        }
        let Some(block) = action.get("Block") else {
            return Verdict::Pass;
        };
        let custom = &block["CustomResponse"];
        let headers = custom["ResponseHeaders"].as_array().into_iter().flatten();
        let headers = headers.filter_map(|header| {
            let (name, value) = (header["Name"].as_str()?, header["Value"].as_str()?);
            Some((name.to_owned(), value.to_owned()))
        });
        let body = custom["CustomResponseBodyKey"].as_str().map(|key| {
            let body = &self.bodies[key];
            let kind = match body["ContentType"].as_str() {
                Some("APPLICATION_JSON") => "application/json",
                Some("TEXT_HTML") => "text/html",
                _ => "text/plain",
            };
            let content = body["Content"].as_str().unwrap_or_default();
            (kind.to_owned(), content.to_owned())
        });
        let status = custom["ResponseCode"].as_u64();
        Verdict::Stop(Stop {
            rule: rule.to_owned(),
            status: status.and_then(|status| u16::try_from(status).ok()),
            headers: headers.collect(),
            body,
        })
    }
}

/// A verdict of a rule of a group, by the rule that uses the group.
fn within(name: &str, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Pass => Verdict::Pass,
        Verdict::Stop(stop) => Verdict::Stop(Stop {
            rule: format!("{name}/{}", stop.rule),
            ..stop
        }),
    }
}

/// What becomes of a rule of a group where the group is used.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-rule-group-override-options.html>
fn overridden(inner: &Value, rule: &str, own: &Value) -> Value {
    let named = |list: &str| {
        let mut list = inner[list].as_array().into_iter().flatten();
        list.rfind(|one| one["Name"] == rule)
    };
    if let Some(over) = named("RuleActionOverrides") {
        return over["ActionToUse"].clone();
    }
    if named("ExcludedRules").is_some() {
        return json!({ "Count": {} });
    }
    own.clone()
}

/// Whether an action ends the trial: all but counting do.
fn ends(action: &Value) -> bool {
    action.is_object() && action.get("Count").is_none()
}

#[cfg(test)]
mod tests;
