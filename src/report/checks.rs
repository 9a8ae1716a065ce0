//! What checks found, as words and as JSON.

use crate::checks::{Finding, Level};
use crate::ui::{Tone, Ui};
use serde_json::json;

/// A line a finding, those that went wrong last, where they are seen; what to do stands below.
pub fn text(ui: &Ui, found: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = found.iter().collect();
    sorted.sort_by_key(|one| one.level);
    let width = found
        .iter()
        .map(|one| one.check.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for one in sorted {
        let word = ui.paint(tone(one.level), &format!("{:7}", one.level.word()));
        let place = about(one).map(|about| format!("  {}", ui.paint(Tone::Faint, &about)));
        text.push_str(&format!(
            "{word}  {:width$}  {}{}\n",
            one.check,
            one.says,
            place.unwrap_or_default()
        ));
        if let Some(hint) = &one.hint {
            text.push_str(&format!("{:9}{:width$}  hint: {hint}\n", "", ""));
        }
    }
    text
}

fn about(one: &Finding) -> Option<String> {
    let stack = one.stack.as_ref()?;
    let resource = one.resource.as_ref().map(|name| format!(".{name}"));
    let place = one.place.as_ref().map(|place| format!(" {place}"));
    Some(format!(
        "{stack}{}{}",
        resource.unwrap_or_default(),
        place.unwrap_or_default()
    ))
}

/// One document.
pub fn json(found: &[Finding]) -> String {
    json!({ "version": 1, "findings": found }).to_string()
}

fn tone(level: Level) -> Tone {
    match level {
        Level::Ok => Tone::Good,
        Level::Unknown | Level::Warning => Tone::Careful,
        Level::Failed => Tone::Bad,
    }
}
