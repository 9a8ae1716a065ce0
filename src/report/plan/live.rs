//! What is live and not as it was asked, as text.

use super::{Line, write};
use crate::cloud::Drifted;
use crate::plan::Step;
use crate::plan::diff::{parts, shown};
use crate::plan::readable::readable;
use crate::ui::{Tone, Ui};

/// What is live and not as the stack asks; and what the step will ask, where that is another thing.
pub(super) fn live(drift: &[Drifted], step: Option<&Step>) -> Vec<Line> {
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
        let change = changes.find(|one| parts(&one.path).join(".") == wanted)?;
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
            let (asked, is) = (
                super::side(&difference.expected),
                super::side(&difference.actual),
            );
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
