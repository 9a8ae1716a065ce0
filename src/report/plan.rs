//! A plan as text: what is done to each stack and each resource, what may be lost, what is allowed
//! that was not, and one sentence that sums it up.

use crate::cloud::Drifted;
use crate::plan::diff::{DiffLine, inner, shown};
use crate::plan::effects::{Cause, Certainty, Fate, PropertyEffect, ResourceEffect};
use crate::plan::resolve::readable;
use crate::plan::{Action, Known, Plan, Step};
use crate::ui::{Tone, Ui};
use serde_json::Value;
use std::fmt::Write;

/// One line, without its indentation and colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How deep it stands, from 1.
    pub depth: usize,
    /// `+`, `-`, `~`, `-/+`, `!`; nothing for a heading.
    pub sign: &'static str,
    /// What it says.
    pub text: String,
    /// Where that stands in our files.
    pub place: Option<String>,
}

impl Line {
    fn new(depth: usize, sign: &'static str, text: String) -> Self {
        Self {
            depth,
            sign,
            text,
            place: None,
        }
    }

    fn of(depth: usize, line: DiffLine) -> Self {
        let sign = match line.sign {
            '+' => "+",
            '-' => "-",
            '~' => "~",
            _ => "",
        };
        Self::new(depth + line.depth, sign, line.text)
    }

    fn tone(&self) -> Option<Tone> {
        match self.sign {
            "+" => Some(Tone::Good),
            "-" | "-/+" | "!" => Some(Tone::Bad),
            "~" => Some(Tone::Careful),
            _ => None,
        }
    }
}

/// A plan as text.
pub fn text(ui: &Ui, plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let (tone, words) = action(plan, step);
        let _ = writeln!(text, "{}: {}", step.stack, ui.paint(tone, &words));
        write(ui, &of_step(plan, step, ui.width()), &mut text);
    }
    for (title, lines) in [("Data", data(plan)), ("Allows more", widens(plan))] {
        if !lines.is_empty() {
            let _ = writeln!(text, "{title}:");
            write(ui, &lines, &mut text);
        }
    }
    text + &summary(plan)
}

fn write(ui: &Ui, lines: &[Line], text: &mut String) {
    for line in lines {
        let space = if line.sign.is_empty() { "" } else { " " };
        let words = format!("{}{space}{}", line.sign, line.text);
        let words = line
            .tone()
            .map_or(words.clone(), |tone| ui.paint(tone, &words));
        let place = line
            .place
            .as_ref()
            .map(|place| ui.paint(Tone::Faint, &format!("  {place}")));
        let _ = writeln!(
            text,
            "{}{words}{}",
            "  ".repeat(line.depth),
            place.unwrap_or_default()
        );
    }
}

/// What is done to a stack, and what to think of it.
pub fn action(plan: &Plan, step: &Step) -> (Tone, String) {
    match &step.action {
        Action::Nothing => (Tone::Faint, "no change".to_owned()),
        Action::Create => (Tone::Good, "create".to_owned()),
        Action::Update => (Tone::Careful, "update".to_owned()),
        Action::UpdateIfMoved => {
            let moves = step.parameters.values().map(|value| match value {
                Known::Later { stack, output } => moves(plan, stack, output),
                Known::Value(_) => Certainty::No,
            });
            match moves.max() {
                Some(Certainty::Yes) => (
                    Tone::Careful,
                    "update: an output that it reads changes".to_owned(),
                ),
                Some(Certainty::Perhaps) => (
                    Tone::Careful,
                    "update if an output that it reads has changed".to_owned(),
                ),
                _ => (
                    Tone::Faint,
                    "no change: what it reads stays as it is".to_owned(),
                ),
            }
        }
        Action::Recreate => (
            Tone::Careful,
            format!(
                "delete and create: it is in {}, nothing in it ever worked",
                step.status
            ),
        ),
        Action::Recover => (
            Tone::Careful,
            format!("recover from {}, then update", step.status),
        ),
        Action::Adopt => (
            Tone::Careful,
            format!("follow {}, then decide again", step.status),
        ),
        Action::Delete => (Tone::Bad, "delete".to_owned()),
        Action::FollowThenDelete => (Tone::Bad, format!("follow {}, then delete", step.status)),
        Action::RollBack => (Tone::Careful, "roll back".to_owned()),
        Action::ContinueRollback(skipped) if skipped.is_empty() => {
            (Tone::Careful, "go on with its rollback".to_owned())
        }
        Action::ContinueRollback(skipped) => (
            Tone::Careful,
            format!("go on with its rollback without {}", skipped.join(", ")),
        ),
        Action::Refuse(why) => (Tone::Bad, format!("refused: {why}")),
    }
}

/// What differs in a stack, within that many columns.
pub fn of_step(plan: &Plan, step: &Step, width: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = step
        .why
        .iter()
        .map(|why| Line::new(1, "~", why.clone()))
        .collect();
    for (name, value) in &step.parameters {
        if let Known::Later { stack, output } = value {
            let words = expectation(plan, stack, output);
            lines.push(Line::new(1, "~", format!("parameter {name}: {words}")));
        }
    }
    let sections = step.diff.iter().flat_map(|diff| &diff.sections);
    let (resources, others): (Vec<_>, Vec<_>) = sections.partition(|one| one.name == "Resources");
    for section in others {
        lines.extend(section.render().into_iter().map(|line| Line::of(1, line)));
    }
    let effects = step.effects.iter().flat_map(|effects| &effects.resources);
    let mut inside: Vec<Line> = effects.flat_map(|one| of_resource(one, width)).collect();
    let named = |name: &str| {
        step.effects
            .iter()
            .any(|all| all.resources.iter().any(|one| one.name == name))
    };
    // What is written anew and means no change: DependsOn, a name in place of its value.
    for entry in resources.into_iter().flat_map(|section| &section.entries) {
        if !named(&entry.name) {
            inside.extend(entry.render().into_iter().map(|line| Line::of(1, line)));
        }
    }
    if !inside.is_empty() {
        lines.push(Line::new(1, "", "Resources".to_owned()));
        lines.append(&mut inside);
    }
    if step
        .effects
        .as_ref()
        .is_some_and(|effects| effects.expanded)
    {
        let words =
            "AWS expands the template's Transform first: --change-set asks what comes of it";
        lines.push(Line::new(1, "", words.to_owned()));
    }
    lines.extend(outputs(plan, step));
    lines.extend(told(step));
    lines.extend(live(step.drift.as_deref().unwrap_or_default(), Some(step)));
    lines
}

/// What CloudFormation says, where it was asked.
fn told(step: &Step) -> Vec<Line> {
    let Some(told) = &step.change_set else {
        return vec![];
    };
    if told.disagreements.is_empty() {
        let count = told.changes.len();
        let what = if count == 1 { "resource" } else { "resources" };
        let words = format!("CloudFormation's change set says the same of {count} {what}");
        return vec![Line::new(1, "", words)];
    }
    let title = Line::new(
        1,
        "",
        "CloudFormation's change set says otherwise".to_owned(),
    );
    let mut lines = vec![title];
    for one in &told.disagreements {
        let words = format!(
            "{}: {}; predicted: {}",
            one.resource, one.told, one.predicted
        );
        lines.push(Line::new(2, "!", words));
        let change = told
            .changes
            .iter()
            .find(|change| change.resource == one.resource);
        for detail in change.into_iter().flat_map(|change| &change.details) {
            let (before, after) = (side(&detail.before), side(&detail.after));
            lines.push(Line::new(
                3,
                "~",
                format!("{}: {before} -> {after}", detail.path),
            ));
        }
    }
    lines
}

fn side(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("nothing")
}

/// What is live and not as the stack asks; and what the step will ask, where that is another thing.
fn live(drift: &[Drifted], step: Option<&Step>) -> Vec<Line> {
    if drift.is_empty() {
        return vec![];
    }
    let effects = step.and_then(|step| step.effects.as_ref());
    let will = |resource: &str, path: &str| {
        let all = effects?.resources.iter();
        let mut changes = all
            .filter(|one| one.name == resource)
            .flat_map(|one| &one.changes);
        let wanted = format!("Properties.{path}");
        let change = changes.find(|one| one.path.replace('[', ".").replace(']', "") == wanted)?;
        Some(format!(
            "; will be asked: {}",
            shown(&readable(change.after.as_ref()?))
        ))
    };
    let mut lines = vec![Line::new(
        1,
        "",
        "Live, and not as the stack asks".to_owned(),
    )];
    for one in drift {
        let title = format!("{} ({})", one.resource, one.resource_type);
        if one.deleted {
            lines.push(Line::new(
                2,
                "!",
                format!("{title}: {} is gone", one.physical_id),
            ));
            continue;
        }
        lines.push(Line::new(2, "!", title));
        for difference in &one.differences {
            let path = difference.path.trim_start_matches('/').replace('/', ".");
            let (asked, is) = (side(&difference.expected), side(&difference.actual));
            let will = will(&one.resource, &path).unwrap_or_default();
            lines.push(Line::new(
                3,
                "~",
                format!("{path}: asked: {asked}; is: {is}{will}"),
            ));
        }
    }
    lines
}

/// A stack's drift as text.
pub fn drift(ui: &Ui, stack: &str, drift: &[Drifted]) -> String {
    let words = match drift.is_empty() {
        true => ui.paint(Tone::Good, "as asked"),
        false => ui.paint(Tone::Bad, "drifted"),
    };
    let mut text = format!("{stack}: {words}\n");
    write(ui, &live(drift, None), &mut text);
    text
}

/// Whether nothing will be done to a stack, or nothing as far as can be seen.
fn is_idle(plan: &Plan, step: &Step) -> bool {
    let stays = |value: &Known| match value {
        Known::Later { stack, output } => moves(plan, stack, output) == Certainty::No,
        Known::Value(_) => true,
    };
    step.action == Action::Nothing
        || (step.action == Action::UpdateIfMoved && step.parameters.values().all(stays))
}

/// Whether another stack's output will be another.
fn moves(plan: &Plan, stack: &str, output: &str) -> Certainty {
    let effects = plan.step(stack).and_then(|step| step.effects.as_ref());
    let effect = effects.and_then(|effects| effects.outputs.get(output));
    effect.map_or(Certainty::Perhaps, |effect| effect.moves)
}

fn expectation(plan: &Plan, stack: &str, output: &str) -> String {
    let step = plan.step(stack);
    let effects = step.and_then(|step| step.effects.as_ref());
    let effect = effects.and_then(|effects| effects.outputs.get(output));
    let new = step.is_some_and(|step| step.action == Action::Create);
    let what = match effect.map(|effect| (effect.moves, &effect.value)) {
        Some((Certainty::No, _)) => return format!("as it is ({stack}.{output})"),
        Some((_, Some(value))) => return format!("{value}, after {stack} ({output})"),
        Some((Certainty::Yes, None)) if !new => "a new value, known",
        Some((Certainty::Perhaps, None)) => "perhaps a new value, known",
        Some((Certainty::Yes, None)) | None => "known",
    };
    format!("{what} after {stack} ({output})")
}

/// The outputs that others read and that move.
fn outputs(plan: &Plan, step: &Step) -> Vec<Line> {
    if step.action == Action::Create {
        return vec![];
    }
    let read = |name: &str| {
        plan.steps.iter().any(|other| {
            other.parameters.values().any(|value| {
                matches!(value, Known::Later { stack, output } if *stack == step.stack && output == name)
            })
        })
    };
    let effects = step.effects.iter().flat_map(|effects| &effects.outputs);
    let moving = effects.filter(|(name, one)| one.moves > Certainty::No && read(name));
    let mut lines: Vec<Line> = moving
        .map(|(name, one)| {
            let certain = if one.moves == Certainty::Yes {
                "a new value"
            } else {
                "perhaps a new value"
            };
            let because: Vec<String> = one.because.iter().map(cause).collect();
            let because = match because.is_empty() {
                true => String::new(),
                false => format!(", because of {}", because.join(", ")),
            };
            let value = one.value.as_deref().unwrap_or(certain);
            Line::new(2, "~", format!("{name}: {value}{because}"))
        })
        .collect();
    if !lines.is_empty() {
        lines.insert(0, Line::new(1, "", "Outputs that others read".to_owned()));
    }
    lines
}

fn of_resource(effect: &ResourceEffect, width: usize) -> Vec<Line> {
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
    if effect.action == Fate::Modify {
        lines.extend(
            effect
                .changes
                .iter()
                .flat_map(|change| of_property(change, width)),
        );
    }
    lines
}

fn of_property(change: &PropertyEffect, width: usize) -> Vec<Line> {
    const DEPTH: usize = 3;
    let label = change
        .path
        .strip_prefix("Properties.")
        .unwrap_or(&change.path);
    let mut notes: Vec<String> = Vec::new();
    match change.replaces {
        Certainty::Yes => notes.push("replaces".to_owned()),
        Certainty::Perhaps => notes.push("may replace".to_owned()),
        Certainty::No => {}
    }
    let carried = change.before.is_some() && change.before == change.after;
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
    let short = |text: &str| !text.contains('\n') && text.chars().count() + label.len() < width;
    let title = |sign, text: String| Line {
        place: change.place.clone(),
        ..Line::new(DEPTH, sign, text)
    };
    match (before, after) {
        (None, None) => vec![title("~", format!("{label}{notes}"))],
        (Some(_), Some(new)) if carried => {
            let what = if change.moves == Certainty::Yes {
                "another"
            } else {
                "perhaps another"
            };
            vec![title("~", format!("{label}: {what} {new}{notes}"))]
        }
        (Some(old), Some(new)) if short(&format!("{old} -> {new}{notes}")) => {
            vec![title("~", format!("{label}: {old} -> {new}{notes}"))]
        }
        (None, Some(one)) if short(&one) => vec![title("+", format!("{label}: {one}{notes}"))],
        (Some(one), None) if short(&one) => vec![title("-", format!("{label}: {one}{notes}"))],
        (old, new) => {
            let sign = match (&old, &new) {
                (None, _) => "+",
                (_, None) => "-",
                _ => "~",
            };
            let mut found = Vec::new();
            inner(
                1,
                &old.unwrap_or_default(),
                &new.unwrap_or_default(),
                &mut found,
            );
            let found = found.into_iter().map(|line| Line::of(DEPTH, line));
            std::iter::once(title(sign, format!("{label}:{notes}")))
                .chain(found)
                .collect()
        }
    }
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Parameter(name) => format!("parameter {name}"),
        Cause::Resource(name) => name.clone(),
        Cause::Output(name) => name.clone(),
    }
}

/// What holds data and goes or is replaced, and what keeps it.
pub fn data(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    for step in &plan.steps {
        let Some(effects) = &step.effects else {
            let gone = step.loses.iter();
            lines.extend(gone.map(|(name, kind)| {
                Line::new(
                    1,
                    "!",
                    format!("{} {name} ({kind}) is deleted, and its data", step.stack),
                )
            }));
            continue;
        };
        for one in effects.resources.iter().filter(|one| one.holds_data) {
            let perhaps = one.conditional || one.replacement == Certainty::Perhaps;
            let what = match (one.action, perhaps) {
                (Fate::Remove, false) => "is deleted",
                (Fate::Remove, true) => "may be deleted",
                (Fate::Modify, _) if one.replacement == Certainty::No => continue,
                (Fate::Modify, false) => "is replaced by an empty one",
                (Fate::Modify, true) => "may be replaced by an empty one",
                (Fate::Add, _) => continue,
            };
            let policy = match one.action {
                Fate::Remove => "DeletionPolicy",
                _ => "UpdateReplacePolicy",
            };
            let kept = match one.kept.as_deref() {
                Some("Snapshot") => format!("a snapshot is kept ({policy}: Snapshot)"),
                Some(kept) => {
                    format!("the old one is kept ({policy}: {kept}), outside of the stack")
                }
                None => format!("nothing keeps its data ({policy} does not)"),
            };
            let words = format!("{} {} ({}) {what}: {kept}", step.stack, one.name, one.kind);
            lines.push(Line {
                place: one.place.clone(),
                ..Line::new(1, "!", words)
            });
        }
    }
    lines
}

/// What is allowed that was not before.
pub fn widens(plan: &Plan) -> Vec<Line> {
    let each = plan
        .steps
        .iter()
        .flat_map(|step| step.widens.iter().map(move |one| (step, one)));
    each.map(|(step, one)| Line {
        place: one.place.clone(),
        ..Line::new(
            1,
            "!",
            format!("{} {}: {}", step.stack, one.resource, one.what),
        )
    })
    .collect()
}

/// The plan in one or two sentences.
pub fn summary(plan: &Plan) -> String {
    let (idle, busy): (Vec<&Step>, Vec<&Step>) =
        plan.steps.iter().partition(|step| is_idle(plan, step));
    let count =
        |wanted: &dyn Fn(&Action) -> bool| busy.iter().filter(|step| wanted(&step.action)).count();
    let mut text = format!(
        "Plan: {} to create, {} to update, {} to delete, {} unchanged.\n",
        count(&|a| matches!(a, Action::Create | Action::Recreate)),
        count(&|a| matches!(
            a,
            Action::Update
                | Action::UpdateIfMoved
                | Action::Recover
                | Action::Adopt
                | Action::RollBack
                | Action::ContinueRollback(_)
        )),
        count(&|a| matches!(a, Action::Delete | Action::FollowThenDelete)),
        idle.len(),
    );
    let resources = |wanted: &dyn Fn(&ResourceEffect) -> bool| -> usize {
        let effects = plan.steps.iter().filter_map(|step| step.effects.as_ref());
        effects.map(|effects| effects.count(wanted)).sum()
    };
    let modified = |certainty| {
        resources(&move |one| one.action == Fate::Modify && one.replacement == certainty)
    };
    let counts = [
        (resources(&|one| one.action == Fate::Add), "to add"),
        (modified(Certainty::No), "to change in place"),
        (modified(Certainty::Yes), "to replace"),
        (modified(Certainty::Perhaps), "to replace perhaps"),
        (resources(&|one| one.action == Fate::Remove), "to remove"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !counts.is_empty() {
        let _ = write!(text, "Resources: {}", counts.join(", "));
        text.push_str(
            match plan.times.as_ref() {
                Some(times) => format!("; about {}, an estimate.\n", duration(times.seconds)),
                None => ".\n".to_owned(),
            }
            .as_str(),
        );
    }
    text
}

/// Seconds as a person says them.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..=90 => format!("{seconds} s"),
        _ => format!("{} min", (seconds + 30) / 60),
    }
}
