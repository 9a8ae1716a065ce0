//! Sinks: events and plans as words.

pub mod progress;
pub mod record;

use crate::event::Event;
use crate::plan::{Action, Known, Plan, Step};
use crate::ui::{Tone, Ui};
use std::fmt::Write;

/// An event as one line, or nothing where it is of no interest to a person.
pub fn line(ui: &Ui, event: &Event) -> Option<String> {
    // Every resource comes into CREATE_IN_PROGRESS twice: when it is asked for, and with its id.
    if matches!(event, Event::Resource { reason: Some(reason), .. } if reason == "Resource creation Initiated")
    {
        return None;
    }
    Some(match event {
        Event::StackStarted { stack, action } => format!("{stack}: {action} started"),
        Event::Resource {
            stack,
            resource,
            resource_type,
            status,
            reason,
            ..
        } => {
            let tone = tone(status);
            let reason = reason.as_deref().filter(|_| tone == Tone::Bad);
            let why = reason
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            format!(
                "{stack}: {} {resource} {resource_type}{why}",
                ui.paint(tone, status)
            )
        }
        Event::StackDone { stack, status } => {
            format!("{stack}: {}", ui.paint(Tone::Good, status))
        }
        Event::StackUnchanged { stack } => {
            format!("{stack}: {}", ui.paint(Tone::Faint, "nothing to do"))
        }
        Event::StackFailed { stack, cause, .. } => {
            format!("{stack}: {}: {cause}", ui.paint(Tone::Bad, "failed"))
        }
        Event::Waiting { why } => ui.paint(Tone::Careful, why),
        Event::Interrupted { meaning } => ui.paint(Tone::Careful, meaning),
        Event::StackSkipped { stack, because } => {
            format!(
                "{stack}: {} because of {because}",
                ui.paint(Tone::Careful, "skipped")
            )
        }
    })
}

/// An event as one JSON object.
pub fn json(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

fn tone(status: &str) -> Tone {
    if status.ends_with("_FAILED") || status.contains("ROLLBACK") {
        Tone::Bad
    } else if status.ends_with("_COMPLETE") {
        Tone::Good
    } else {
        Tone::Faint
    }
}

/// A plan as text.
pub fn plan(ui: &Ui, plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        self::step(ui, step, &mut text);
    }
    let count = |wanted: &dyn Fn(&Action) -> bool| {
        plan.steps
            .iter()
            .filter(|step| wanted(&step.action))
            .count()
    };
    let _ = writeln!(
        text,
        "Plan: {} to create, {} to update, {} to delete, {} unchanged.",
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
        count(&|a| *a == Action::Nothing),
    );
    text
}

fn step(ui: &Ui, step: &Step, text: &mut String) {
    let (tone, words) = match &step.action {
        Action::Nothing => (Tone::Faint, "no change".to_owned()),
        Action::Create => (Tone::Good, "create".to_owned()),
        Action::Update => (Tone::Careful, "update".to_owned()),
        Action::UpdateIfMoved => (
            Tone::Careful,
            "update if an output that it reads has changed".to_owned(),
        ),
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
    };
    let _ = writeln!(text, "{}: {}", step.stack, ui.paint(tone, &words));
    for why in &step.why {
        let _ = writeln!(text, "  ~ {why}");
    }
    for (name, value) in &step.parameters {
        if let Known::Later { stack, output } = value {
            let _ = writeln!(text, "  ~ parameter {name}: known after {stack} ({output})");
        }
    }
    for line in step.diff.iter().flat_map(|diff| diff.render()) {
        let indent = "  ".repeat(line.depth + 1);
        let tone = match line.sign {
            '+' => Tone::Good,
            '-' => Tone::Bad,
            _ => Tone::Careful,
        };
        let _ = writeln!(
            text,
            "{indent}{}",
            ui.paint(tone, &format!("{} {}", line.sign, line.text))
        );
    }
    let gone = step.loses.iter().map(|one| ("data is lost", one));
    let replaced = step.replaces.iter().map(|one| ("data is replaced", one));
    for (what, (resource, of)) in gone.chain(replaced) {
        let line = format!("! {what}: {resource} ({of})");
        let _ = writeln!(text, "  {}", ui.paint(Tone::Bad, &line));
    }
}

/// Rows under a header, columns as wide as they need to be.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain([header[column].len()])
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
