//! A difference as lines to read.

use super::{EntryChange, EntryDiff, PathChange, SectionDiff, TemplateDiff, scalar};
use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// A value that is wider than this is shown as lines of its own.
const WIDE: usize = 80;

/// One line of a difference made readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffLine {
    /// How deep it stands: 0 section, 1 entry, 2 path, 3 inside a long value.
    pub depth: usize,
    /// `+`, `-`, `~`; a space for headings and for the unchanged lines around a change.
    pub sign: char,
    /// The text, without sign and indentation.
    pub text: String,
    /// Where it stands in our files, as file:line.
    pub place: Option<String>,
}

impl TemplateDiff {
    /// The difference as lines to read, without colour and indentation.
    #[must_use]
    pub fn render(&self) -> Vec<DiffLine> {
        self.sections.iter().flat_map(SectionDiff::render).collect()
    }
}

impl SectionDiff {
    /// The section as lines to read, its name first.
    #[must_use]
    pub fn render(&self) -> Vec<DiffLine> {
        let title = line(0, ' ', self.name.clone());
        let entries = self.entries.iter().flat_map(EntryDiff::render);
        std::iter::once(title).chain(entries).collect()
    }
}

impl EntryDiff {
    /// The entry as lines to read.
    #[must_use]
    pub fn render(&self) -> Vec<DiffLine> {
        let mut lines = Vec::new();
        render_entry(self, &mut lines);
        if let Some(first) = lines.first_mut().filter(|first| first.place.is_none()) {
            first.place.clone_from(&self.place);
        }
        lines
    }
}

fn line(depth: usize, sign: char, text: String) -> DiffLine {
    DiffLine {
        depth,
        sign,
        text,
        place: None,
    }
}

fn render_entry(entry: &EntryDiff, lines: &mut Vec<DiffLine>) {
    let title = match &entry.resource_type {
        Some(kind) => format!("{} ({kind})", entry.name),
        None => entry.name.clone(),
    };
    match &entry.change {
        EntryChange::Added { .. } if entry.resource_type.is_some() => {
            lines.push(line(1, '+', title));
        }
        EntryChange::Removed { .. } if entry.resource_type.is_some() => {
            lines.push(line(1, '-', title));
        }
        EntryChange::Added { after } => render_change(1, &title, None, Some(after), lines),
        EntryChange::Removed { before } => render_change(1, &title, Some(before), None, lines),
        EntryChange::Changed { changes } => {
            if !title.is_empty() {
                lines.push(line(1, '~', title));
            }
            render_changes(changes, lines);
        }
        EntryChange::Retyped {
            before_type,
            changes,
        } => {
            let after = entry.resource_type.as_deref().unwrap_or_default();
            let title = format!("{}: {before_type} -> {after} (replaced)", entry.name);
            lines.push(line(1, '~', title));
            render_changes(changes, lines);
        }
    }
}

fn render_changes(changes: &[PathChange], lines: &mut Vec<DiffLine>) {
    for change in changes {
        let first = lines.len();
        render_change(
            2,
            &change.path,
            change.before.as_ref(),
            change.after.as_ref(),
            lines,
        );
        if let Some(line) = lines.get_mut(first) {
            line.place.clone_from(&change.place);
        }
    }
}

fn render_change(
    depth: usize,
    label: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    lines: &mut Vec<DiffLine>,
) {
    let sign = match (before, after) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    let (old, new) = (before.map(shown), after.map(shown));
    let short = |text: &&str| text.len() <= WIDE && !text.contains('\n');
    let labelled = |text: String| match label {
        "" => text,
        label => format!("{label}: {text}"),
    };
    match (old.as_deref(), new.as_deref()) {
        (Some(old), Some(new)) if short(&old) && short(&new) => {
            lines.push(line(depth, sign, labelled(format!("{old} -> {new}"))));
        }
        (Some(one), None) | (None, Some(one)) if short(&one) => {
            lines.push(line(depth, sign, labelled(one.to_owned())));
        }
        (old, new) => {
            if !label.is_empty() {
                lines.push(line(depth, sign, format!("{label}:")));
            }
            inner(
                depth + 1,
                old.unwrap_or_default(),
                new.unwrap_or_default(),
                lines,
            );
        }
    }
}

/// A scalar as it is, anything else as JSON: on one line if it fits, else on several.
pub fn shown(value: &Value) -> String {
    if let Some(text) = scalar(value) {
        return text.into_owned();
    }
    let compact = value.to_string();
    if compact.len() <= WIDE {
        compact
    } else {
        format!("{value:#}")
    }
}

/// The unified difference of two long values, its hunks parted by `...`.
pub fn inner(depth: usize, old: &str, new: &str, lines: &mut Vec<DiffLine>) {
    let texts = TextDiff::from_lines(old, new);
    for (index, hunk) in texts.grouped_ops(2).iter().enumerate() {
        if index > 0 {
            lines.push(line(depth, ' ', "...".to_owned()));
        }
        for change in hunk.iter().flat_map(|op| texts.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            lines.push(line(
                depth,
                sign,
                change.value().trim_end_matches(['\r', '\n']).to_owned(),
            ));
        }
    }
}
