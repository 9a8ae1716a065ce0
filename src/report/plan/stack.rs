//! What differs in a stack, as text.

use super::live::live;
use super::resource::{cause, difference, of_resource, one_line};
use super::told::told;
use super::{Line, moves};
use crate::plan::effects::Certainty;
use crate::plan::outside::{Outside, Part};
use crate::plan::{Action, Known, Plan, Step};
use serde_json::Value;

/// What differs in a stack, within that many columns.
pub fn of_step(plan: &Plan, step: &Step, width: usize) -> Vec<Line> {
    let outside = step.outside.iter();
    let mut lines: Vec<Line> = outside.flat_map(|one| of_outside(one, width)).collect();
    let anew = matches!(step.action, Action::Create | Action::Recreate);
    for (name, value) in &step.parameters {
        if let Known::Later { stack, output } = value {
            let words = expectation(plan, stack, output);
            let sign = match moves(plan, stack, output) {
                Certainty::No => "",
                _ if anew => "+",
                _ => "~",
            };
            lines.push(Line::new(1, sign, format!("parameter {name}: {words}")));
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
    if matches!(step.action, Action::Nothing | Action::UpdateIfMoved)
        && !lines.is_empty()
        && step.diff.is_some()
    {
        let words = "CloudFormation takes that only with a change of something else";
        lines.push(Line::new(1, "", words.to_owned()));
    }
    lines.extend(outputs(plan, step, width));
    lines.extend(told(step));
    lines.extend(live(step.drift.as_deref().unwrap_or_default(), Some(step)));
    lines
}

/// What differs outside of the template.
fn of_outside(one: &Outside, width: usize) -> Vec<Line> {
    let what = match one.what {
        Part::Parameter => "parameter",
        Part::Tag => "tag",
        Part::TerminationProtection => "termination protection",
        Part::StackPolicy => "stack policy",
        Part::NotificationTopic => "notification topic",
        Part::ServiceRole => "service role",
    };
    let label = match &one.name {
        Some(name) => format!("{what} {name}"),
        None => what.to_owned(),
    };
    let pretty = |text: &String| match serde_json::from_str::<Value>(text) {
        Ok(policy) if one.what == Part::StackPolicy => format!("{policy:#}"),
        _ => text.clone(),
    };
    let sides = [&one.before, &one.after].map(|side| side.as_ref().map(pretty));
    let mut lines = difference(1, &label, sides, "", width);
    if let Some(first) = lines.first_mut() {
        first.place.clone_from(&one.place);
    }
    lines
}

/// What a parameter will be that reads another stack's output.
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
fn outputs(plan: &Plan, step: &Step, width: usize) -> Vec<Line> {
    if matches!(step.action, Action::Create | Action::Recreate) {
        return new_outputs(step, width);
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

/// The outputs of a stack that is new.
fn new_outputs(step: &Step, width: usize) -> Vec<Line> {
    let effects = step.effects.iter().flat_map(|effects| &effects.outputs);
    let lines = effects.filter_map(|(name, one)| {
        let text = one_line(name, one.after.as_ref()?, width.saturating_sub(2 * 2 + 4));
        Some(Line::new(2, "+", text))
    });
    let lines: Vec<Line> = lines.collect();
    let title = (!lines.is_empty()).then(|| Line::new(1, "", "Outputs".to_owned()));
    title.into_iter().chain(lines).collect()
}
