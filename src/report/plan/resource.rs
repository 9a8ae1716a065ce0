//! What becomes of a resource, property by property, as text.

use super::Line;
use crate::plan::diff::{inner, shown};
use crate::plan::effects::{Cause, Certainty, Fate, PropertyEffect, ResourceEffect};
use crate::plan::readable::readable;
use crate::template::scalar_text;
use serde_json::Value;

pub(super) fn of_resource(effect: &ResourceEffect, width: usize) -> Vec<Line> {
    let title = format!("{} ({})", effect.name, effect.kind);
    let perhaps = if effect.conditional {
        ", if its condition asks for that"
    } else {
        ""
    };
    let (sign, words) = match (effect.action, effect.replacement, effect.kept.as_deref()) {
        (Fate::Add, ..) => ("+", perhaps.to_owned()),
        (Fate::Remove, _, Some(policy)) => (
            "-",
            format!(": leaves the stack and stays (DeletionPolicy: {policy}){perhaps}"),
        ),
        (Fate::Remove, ..) => ("-", perhaps.to_owned()),
        (Fate::Modify, Certainty::Yes, _) => ("-/+", ": replaced".to_owned()),
        (Fate::Modify, Certainty::Perhaps, _) => ("~", ": may be replaced".to_owned()),
        (Fate::Modify, Certainty::No, _) => ("~", String::new()),
    };
    let mut lines = vec![Line {
        place: effect.place.clone(),
        ..Line::new(2, sign, format!("{title}{words}"))
    }];
    let changes = effect.changes.iter();
    match effect.action {
        Fate::Add => lines.extend(changes.filter_map(|change| given(change, width))),
        Fate::Modify => lines.extend(changes.flat_map(|change| of_property(change, width))),
        Fate::Remove => {}
    }
    lines
}

const DEPTH: usize = 3;

/// What a property of a new resource is given.
fn given(change: &PropertyEffect, width: usize) -> Option<Line> {
    let room = width.saturating_sub(2 * DEPTH + 4);
    let text = one_line(label(change), change.after.as_ref()?, room);
    Some(Line {
        place: change.place.clone(),
        ..Line::new(DEPTH, "+", text)
    })
}

/// As much of a value as fits on its line. The rest stands in our file.
pub(super) fn one_line(label: &str, value: &Value, width: usize) -> String {
    let value = readable(value);
    let text = scalar_text(&value).unwrap_or_else(|| value.to_string());
    let room = width.saturating_sub(label.chars().count());
    if !text.contains('\n') && text.chars().count() <= room {
        return format!("{label}: {text}");
    }
    let first = text.lines().next().unwrap_or_default();
    let cut: String = first.chars().take(room.saturating_sub(3)).collect();
    format!("{label}: {}...", cut.trim_end())
}

fn label(change: &PropertyEffect) -> &str {
    let path = change.path.as_str();
    path.strip_prefix("Properties.").unwrap_or(path)
}

fn of_property(change: &PropertyEffect, width: usize) -> Vec<Line> {
    let label = label(change);
    let mut notes: Vec<String> = Vec::new();
    match change.replaces {
        Certainty::Yes => notes.push("replaces".to_owned()),
        Certainty::Perhaps => notes.push("may replace".to_owned()),
        Certainty::No => {}
    }
    let because: Vec<String> = change.because.iter().map(cause).collect();
    if !because.is_empty() {
        notes.push(format!("because of {}", because.join(", ")));
    }
    let notes = match notes.is_empty() {
        true => String::new(),
        false => format!(" ({})", notes.join(" ")),
    };
    let side = |value: &Option<Value>| value.as_ref().map(|value| shown(&readable(value)));
    let (before, after) = (side(&change.before), side(&change.after));
    let carried = before.is_some() && before == after && !change.because.is_empty();
    if carried || (before.is_none() && after.is_none()) {
        let what = match (change.moves, &after) {
            (_, None) => String::new(),
            (Certainty::Yes, Some(new)) => format!(": another {new}"),
            (_, Some(new)) => format!(": perhaps another {new}"),
        };
        return vec![Line {
            place: change.place.clone(),
            ..Line::new(DEPTH, "~", format!("{label}{what}{notes}"))
        }];
    }
    let mut lines = difference(DEPTH, label, [before, after], &notes, width);
    if let Some(first) = lines.first_mut() {
        first.place.clone_from(&change.place);
    }
    lines
}

/// Two sides of a value under its label: on one line if that fits, else as the lines that differ.
pub(super) fn difference(
    depth: usize,
    label: &str,
    sides: [Option<String>; 2],
    notes: &str,
    width: usize,
) -> Vec<Line> {
    let room = width.saturating_sub(2 * depth + 2);
    let short = |text: &str| {
        let columns = text.chars().count() + label.chars().count() + notes.chars().count();
        !text.contains('\n') && columns + 2 <= room
    };
    let whole = match &sides {
        [Some(old), Some(new)] => ("~", format!("{old} -> {new}")),
        [None, Some(new)] => ("+", new.clone()),
        [Some(old), None] => ("-", old.clone()),
        [None, None] => return vec![],
    };
    let (sign, text) = whole;
    if short(&text) {
        return vec![Line::new(depth, sign, format!("{label}: {text}{notes}"))];
    }
    let [old, new] = sides.map(Option::unwrap_or_default);
    let mut found = Vec::new();
    inner(1, &old, &new, &mut found);
    let found = found.into_iter().map(|line| Line::of(depth, line));
    std::iter::once(Line::new(depth, sign, format!("{label}:{notes}")))
        .chain(found)
        .collect()
}

pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Parameter(name) => format!("parameter {name}"),
        Cause::Resource(name) => name.clone(),
        Cause::Output(name) => name.clone(),
    }
}
