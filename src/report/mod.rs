//! Sinks: events and plans as words.

pub mod checks;
pub mod markdown;
pub mod plan;
pub mod progress;
pub mod record;

use crate::event::Event;
use crate::ui::{Tone, Ui};

/// What to do about resources that a stack let go of and could not delete.
const LEFT: &str = "it is there still, and may cost: when what holds it is gone, delete it by its physical id with its \
    own service, or import it into a stack";

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
        Event::StackLeft { stack, left } => {
            let lines: String = left.iter().map(|one| format!("\n  {one}")).collect();
            let words = "could not be deleted, and no stack has it any more";
            format!(
                "{stack}: {}:{lines}\n  hint: {LEFT}",
                ui.paint(Tone::Careful, words)
            )
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

/// A count with its word: `1 row`, `2 rows`.
pub fn count(number: u64, word: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {word}{s}")
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
