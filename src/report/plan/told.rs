//! What CloudFormation's change set says, as text.

use super::{Line, side};
use crate::plan::Step;

/// What CloudFormation says, where it was asked.
pub(super) fn told(step: &Step) -> Vec<Line> {
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
