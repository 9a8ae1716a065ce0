//! What a resource's template asks, beside what is live of it.

use super::Context;
use super::asked::Asked;
use crate::checks::Finding;
use crate::error::Error;
use crate::plan::resolve::{call, is_plain};
use crate::settings::command;
use crate::template::scalar_text;
use serde_json::{Value, json};

/// One resource under one check.
pub(super) struct Comparison<'a> {
    context: &'a Context<'a>,
    asked: &'a Asked,
    check: &'static str,
    found: Vec<Finding>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(context: &'a Context<'a>, check: &'static str, asked: &'a Asked) -> Self {
        Self {
            context,
            asked,
            check,
            found: Vec::new(),
        }
    }

    /// What the resource asks.
    pub(super) fn asked(&self) -> &'a Asked {
        self.asked
    }

    /// What came of it; where nothing is wrong, that, in those words.
    pub(super) fn end(mut self, says: impl Into<String>) -> Vec<Finding> {
        if self.found.is_empty() {
            self.add(Finding::ok(self.check, says), &[]);
        }
        self.found
    }

    /// Something is wrong that a property asks for; what brings it back is the hint.
    pub(super) fn wrong(&mut self, property: &str, says: impl Into<String>) {
        let hint = self.restored();
        self.wrong_but(property, says, hint);
    }

    /// The same with what else is to be done.
    pub(super) fn wrong_but(
        &mut self,
        property: &str,
        says: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let path: Vec<&str> = property
            .split('.')
            .filter(|step| !step.is_empty())
            .collect();
        self.add(Finding::failed(self.check, says).hint(hint), &path);
    }

    /// Something that may be wrong.
    pub(super) fn careful(&mut self, says: impl Into<String>, hint: impl Into<String>) {
        self.add(Finding::warning(self.check, says).hint(hint), &[]);
    }

    /// It could not be read, or it is gone.
    pub(super) fn unread(mut self, error: &Error) -> Vec<Finding> {
        if is_missing(error) {
            return self.gone();
        }
        self.add(Finding::unknown(self.check, error), &[]);
        self.found
    }

    /// It is not there any more.
    pub(super) fn gone(mut self) -> Vec<Finding> {
        let says = format!("{} is gone", self.asked.id);
        self.wrong("", says);
        self.found
    }

    /// The status is that.
    pub(super) fn status(&mut self, live: Option<&str>, good: &str) {
        let live = live.unwrap_or("nothing");
        if live != good {
            let says = format!("{} is {live}, not {good}", self.asked.id);
            self.wrong_but(
                "",
                says,
                format!(
                    "if it is still changing, wait: {}",
                    command("verify --watch")
                ),
            );
        }
    }

    /// What the property asks is live. Where it asks nothing, or what cannot be told, anything is right.
    pub(super) fn same(&mut self, property: &str, live: &Value) {
        if let Some(asked) = self.asked.at(property) {
            self.compare(property, &asked.clone(), live);
        }
    }

    /// The same where the service has a value of its own if nothing is asked.
    pub(super) fn same_or(&mut self, property: &str, usual: Value, live: &Value) {
        let asked = self.asked.at(property).cloned().unwrap_or(usual);
        self.compare(property, &asked, live);
    }

    /// The same of something that is asked at a property, and told in words of its own.
    pub(super) fn same_named(&mut self, property: &str, label: &str, asked: &Value, live: &Value) {
        for one in differences("", asked, live) {
            let path = one.path.trim_start_matches('.');
            let of = if path.is_empty() {
                String::new()
            } else {
                format!(": {path}")
            };
            let (live, asked) = (shown(&one.live), shown(&one.asked));
            self.wrong(
                property,
                format!("{label}{of} is {live}, its stack asks {asked}"),
            );
        }
    }

    /// The same of values that are not to be shown.
    pub(super) fn same_unseen(&mut self, property: &str, live: &Value) {
        let Some(asked) = self.asked.at(property) else {
            return;
        };
        for one in differences(property, asked, live) {
            self.wrong(&one.path, format!("{} is not as deployed", one.path));
        }
    }

    fn compare(&mut self, property: &str, asked: &Value, live: &Value) {
        for one in differences(property, asked, live) {
            let says = format!(
                "{} is {}, its stack asks {}",
                one.path,
                shown(&one.live),
                shown(&one.asked)
            );
            self.wrong(&one.path, says);
        }
    }

    fn add(&mut self, finding: Finding, property: &[&str]) {
        let (project, asked) = (self.context.project, self.asked);
        let place = project.locate(&asked.stack, &asked.name, property);
        let place = place.or_else(|| asked.place.clone());
        self.found
            .push(finding.at(&asked.stack, &asked.name, place));
    }

    fn restored(&self) -> String {
        restored(&self.asked.stack)
    }
}

/// How what is live is brought back to what a stack asks.
pub(super) fn restored(stack: &str) -> String {
    let stack = stack.split('.').next().unwrap_or(stack);
    let shows = command(&format!("diff {stack} --change-set --revert-drift"));
    format!("{shows} shows what would bring it back")
}

/// Whether a service says that the thing is not there.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(
        error.code.as_deref(),
        Some("ResourceNotFoundException" | "NotFoundException" | "WAFNonexistentItemException")
    )
}

/// Where something is not as asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    pub(super) path: String,
    asked: Value,
    live: Value,
}

/// Where what is live does not hold what is asked. Lists of plain values are the same in any order;
/// what is live besides an object's asked members is not looked at.
pub(super) fn differences(path: &str, asked: &Value, live: &Value) -> Vec<Difference> {
    if call(asked).is_some() {
        return vec![];
    }
    let differs = || {
        vec![Difference {
            path: path.to_owned(),
            asked: asked.clone(),
            live: live.clone(),
        }]
    };
    match (asked, live) {
        (Value::Object(fields), _) => fields
            .iter()
            .flat_map(|(name, one)| differences(&format!("{path}.{name}"), one, &live[name]))
            .collect(),
        (Value::Array(items), _) if items.iter().any(|one| one.is_object() && is_plain(one)) => {
            let live = live.as_array().map(Vec::as_slice).unwrap_or_default();
            if live.len() != items.len() {
                return differs();
            }
            let pairs = items.iter().zip(live).enumerate();
            pairs
                .flat_map(|(at, (one, live))| differences(&format!("{path}.{at}"), one, live))
                .collect()
        }
        (Value::Array(items), _) => {
            let (known, live) = (texts(asked), texts(live));
            let missing = known.iter().any(|one| !live.contains(one));
            let more = known.len() == items.len() && live.len() != known.len();
            if missing || more { differs() } else { vec![] }
        }
        _ if alike(asked, live) => vec![],
        _ => differs(),
    }
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut texts: Vec<String> = items.iter().filter_map(scalar_text).collect();
    texts.sort();
    texts.dedup();
    texts
}

/// Whether two plain values are one, whether written as text or not.
fn alike(asked: &Value, live: &Value) -> bool {
    let (Some(one), Some(other)) = (scalar_text(asked), scalar_text(live)) else {
        return asked.is_null() && live.is_null();
    };
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let numbers = number(&one).zip(number(&other));
    one == other || numbers.is_some_and(|(one, other)| one == other)
}

fn shown(value: &Value) -> String {
    /// As much of a text as tells it apart.
    const LONGEST: usize = 120;
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) if text.chars().count() > LONGEST => {
            let start: String = text.chars().take(LONGEST).collect();
            format!("{start}...")
        }
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "nothing".to_owned(),
        Value::Array(items) if items.iter().all(|one| !one.is_object()) => {
            let items = items.iter().map(shown);
            items.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A list as a value.
pub(super) fn listed<T: AsRef<str>>(items: &[T]) -> Value {
    items.iter().map(|one| json!(one.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(asked: &Value, live: &Value) -> Vec<String> {
        let found = differences("P", asked, live).into_iter();
        found.map(|one| one.path).collect()
    }

    #[test]
    fn spelling_and_order_are_no_difference() {
        let asked = json!({"a": "true", "b": [2, "1"], "c": "20", "d": {"Ref": "Unknown"}});
        let live = json!({"a": true, "b": ["1", "2"], "c": 20.0, "d": "whatever", "e": "more"});
        assert!(paths(&asked, &live).is_empty());
    }

    #[test]
    fn what_is_missing_changed_or_too_much_is_named() {
        let asked = json!({"a": {"b": 1}, "c": ["x"], "d": [{"e": 1}], "f": [{"Ref": "R"}, "y"]});
        assert_eq!(
            paths(
                &asked,
                &json!({"a": {"b": 2}, "c": ["x", "z"], "d": [{"e": 2}], "f": []})
            ),
            ["P.a.b", "P.c", "P.d.0.e", "P.f"]
        );
        assert_eq!(paths(&asked, &Value::Null), ["P.a.b", "P.c", "P.d", "P.f"]);
        assert!(
            paths(
                &json!({"f": [{"Ref": "R"}, "y"]}),
                &json!({"f": ["q", "y"]})
            )
            .is_empty()
        );
    }
}
