//! EC2, read: what the stacks hold of networks.
//!
//! An action describes a set; what is in it, and what it can be asked by, stands in `sets.rs`.

mod groups;
mod interfaces;
mod networks;
mod routes;
mod sets;
mod shape;
mod zones;

use self::sets::{Id, SETS, Set};
use super::{Answer, changes};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::pattern::matches;
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::services::holdings::Holdings;
use crate::local::xml;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// How many a page may show, and shows where nothing is said.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>
const PAGE: std::ops::RangeInclusive<usize> = 5..=1000;

/// Answers a request of EC2's Query protocol.
pub fn answer(core: &Core, action: &str, query: &Query) -> Answer {
    match answered(core, action, query) {
        Ok(fields) => written(action, &fields),
        Err(no) => refusal(&no),
    }
}

fn written(action: &str, fields: &Map<String, Value>) -> Answer {
    let request = ids::uuid();
    let mut out = format!("<{action}Response xmlns=\"{NAMESPACE}\">");
    xml::element(&mut out, "requestId", &json!(request));
    for (name, value) in fields {
        xml::element_of(&mut out, name, value, "item");
    }
    out.push_str(&format!("</{action}Response>"));
    Answer::new(200, "text/xml;charset=UTF-8", out.into_bytes()).with("x-amzn-requestid", request)
}

/// A refusal as EC2 writes it.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
pub fn refusal(no: &Refusal) -> Answer {
    let request = ids::uuid();
    let mut out = String::new();
    let error = json!({ "Code": no.code, "Message": no.message });
    let tree = json!({ "Errors": { "Error": error }, "RequestID": request });
    xml::element(&mut out, "Response", &tree);
    Answer::new(no.status, "text/xml;charset=UTF-8", out.into_bytes())
        .with("x-amzn-requestid", request)
}

fn answered(core: &Core, action: &str, query: &Query) -> Result<Map<String, Value>, Refusal> {
    let set = SETS.iter().find(|set| set.action == action);
    if set.is_none() && action != "DescribeVpcAttribute" {
        return Err(
            if action.starts_with("Describe") || action.starts_with("Get") {
                let words = format!("The action {action} is not valid for this web service.");
                Refusal::new(400, "InvalidAction", words)
            } else {
                changes("EC2", action)
            },
        );
    }
    if query.flag("DryRun") == Some(true) {
        let words = "Request would have succeeded, but DryRun flag is set.";
        return Err(Refusal::new(412, "DryRunOperation", words));
    }
    let state = core.store.state();
    let view = Holdings::new(core, &state);
    match set {
        Some(set) => described(&view, set, query),
        None => networks::attribute(&view, query),
    }
}

fn described(view: &Holdings<'_>, set: &Set, query: &Query) -> Result<Map<String, Value>, Refusal> {
    let mut items = (set.items)(view);
    for id in set.ids {
        items = chosen(items, id, &listed(query, id.asked))?;
    }
    let filters = filters(query);
    for (name, values) in &filters {
        let paths = set.paths(name)?;
        items.retain(|item| fits(item, &paths, values));
    }
    let (items, next) = page(items, set, query)?;
    let mut fields = Map::new();
    fields.insert(set.element.to_owned(), Value::Array(items));
    fields.insert("nextToken".to_owned(), json!(next));
    Ok(fields)
}

/// The items that are asked for, in their order; all where none is.
fn chosen(items: Vec<Value>, id: &Id, wanted: &[String]) -> Result<Vec<Value>, Refusal> {
    if wanted.is_empty() {
        return Ok(items);
    }
    let is = |item: &Value, wanted: &String| item[id.element] == wanted.as_str();
    if let Some(missing) = wanted
        .iter()
        .find(|wanted| !items.iter().any(|item| is(item, wanted)))
    {
        return Err(Refusal::new(400, id.code, id.words.replace("{}", missing)));
    }
    let all = items.into_iter();
    Ok(all
        .filter(|item| wanted.iter().any(|wanted| is(item, wanted)))
        .collect())
}

/// The texts `name.1`, `name.2` and so on.
fn listed(query: &Query, name: &str) -> Vec<String> {
    (1..)
        .map_while(|n| query.owned(&format!("{name}.{n}")))
        .collect()
}

/// The filters of a request, each with its values.
fn filters(query: &Query) -> Vec<(String, Vec<String>)> {
    (1..)
        .map_while(|n| {
            let name = query.owned(&format!("Filter.{n}.Name"))?;
            Some((name, listed(query, &format!("Filter.{n}.Value"))))
        })
        .collect()
}

/// Whether one of the values stands at one of the paths.
fn fits(item: &Value, paths: &[Vec<String>], values: &[String]) -> bool {
    let mut found = Vec::new();
    for path in paths {
        collect(item, path, &mut found);
    }
    let mut pairs = values
        .iter()
        .flat_map(|value| found.iter().map(move |text| (value, text)));
    pairs.any(|(value, text)| matches(value, text))
}

/// The texts at a path. In tags, which are a list of keys and values, a key is a step of it.
fn collect(value: &Value, path: &[String], found: &mut Vec<String>) {
    match (value, path) {
        (Value::Array(items), [key, rest @ ..]) if items.iter().any(|item| item["key"] == *key) => {
            let own = items.iter().filter(|item| item["key"] == *key);
            own.for_each(|item| collect(&item["value"], rest, found));
        }
        (Value::Array(items), _) => items.iter().for_each(|item| collect(item, path, found)),
        (Value::Object(_), [step, rest @ ..]) => collect(&value[step.as_str()], rest, found),
        (Value::String(text), []) => found.push(text.clone()),
        (Value::Number(_) | Value::Bool(_), []) => found.push(value.to_string()),
        _ => {}
    }
}

fn page(
    items: Vec<Value>,
    set: &Set,
    query: &Query,
) -> Result<(Vec<Value>, Option<String>), Refusal> {
    let invalid = |name: &str, value: &str, words: &str| {
        let words = format!("Value ( {value} ) for parameter {name} is invalid. {words}");
        Refusal::new(400, "InvalidParameterValue", words)
    };
    let start = match query.text("NextToken") {
        None => 0,
        Some(token) => token
            .parse::<usize>()
            .map_err(|_| invalid("NextToken", token, "Token is not valid."))?,
    };
    let size = match query.text("MaxResults") {
        None => *PAGE.end(),
        Some(text) => {
            let first = set.ids.first();
            if let Some(id) = first.filter(|id| query.has(&format!("{}.1", id.asked))) {
                let words = format!(
                    "The parameter {}s cannot be used with the parameter maxResults",
                    id.element
                );
                return Err(Refusal::new(400, "InvalidParameterCombination", words));
            }
            let words = "Expecting a value between 5 and 1000.";
            let size = text.parse().ok().filter(|size| PAGE.contains(size));
            size.ok_or_else(|| invalid("maxResults", text, words))?
        }
    };
    let mut rest = items.into_iter().skip(start);
    let shown: Vec<Value> = rest.by_ref().take(size).collect();
    let next = rest.next().map(|_| start.saturating_add(size).to_string());
    Ok((shown, next))
}

#[cfg(test)]
mod tests;
