//! What of a plan is dangerous: what holds data and goes, what is allowed that was not.

use super::Line;
use crate::plan::Plan;
use crate::plan::effects::{Certainty, Fate};

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
            let stays = matches!(one.kept.as_deref(), Some("Retain" | "RetainExceptOnCreate"));
            let what = match (one.action, perhaps) {
                (Fate::Remove, false) if stays => "leaves the stack",
                (Fate::Remove, true) if stays => "may leave the stack",
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
                Some(kept) if one.action == Fate::Remove => {
                    format!("it is kept ({policy}: {kept})")
                }
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
