//! A plan as text: what is done to each stack and each resource, what may be lost, what is allowed
//! that was not, and one sentence that sums it up.

mod danger;
mod live;
mod resource;
mod stack;
mod time;
mod told;

pub use danger::{data, widens};
pub use live::drift;
pub use stack::of_step;
pub use time::{duration, times};

use crate::plan::diff::DiffLine;
use crate::plan::effects::{Certainty, Fate, ResourceEffect};
use crate::plan::shown::Shown;
use crate::plan::{Action, Known, Plan, Step};
use crate::ui::{Tone, Ui};
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
        Self {
            place: line.place,
            ..Self::new(depth + line.depth, sign, line.text)
        }
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
pub fn text(ui: &Ui, plan: &Shown) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let (tone, words) = action(plan, step);
        let _ = writeln!(text, "{}: {}", step.stack, ui.paint(tone, &words));
        write(ui, &of_step(plan, step, ui.width()), &mut text);
    }
    for (title, lines) in below(plan) {
        let _ = writeln!(text, "{title}:");
        write(ui, &lines, &mut text);
    }
    text + &summary(plan)
}

/// What stands below the stacks, each part under its title; parts that say nothing are left out.
pub fn below(plan: &Plan) -> Vec<(&'static str, Vec<Line>)> {
    let parts = [
        ("Data", data(plan)),
        ("Allows more", widens(plan)),
        ("Time, an estimate", times(plan)),
    ];
    let said = parts.into_iter().filter(|(_, lines)| !lines.is_empty());
    said.collect()
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

fn side(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("nothing")
}
