//! What checks found, as words and as JSON.

use crate::checks::{Finding, Level};
use crate::secrets::Secrets;
use crate::ui::{Tone, Ui};
use serde_json::json;

/// What was found, as one JSON document or as words, without the values that are never shown.
pub fn shown(ui: &Ui, json: bool, secrets: &Secrets, found: &[Finding]) -> String {
    if json {
        let mut document = json!({ "version": 1, "findings": found });
        secrets.hide_in(&mut document);
        return document.to_string();
    }
    let mut text = text(ui, found);
    secrets.hide(&mut text);
    text
}

/// A line a finding, those that went wrong last, where they are seen; what to do stands below.
fn text(ui: &Ui, found: &[Finding]) -> String {
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

fn tone(level: Level) -> Tone {
    match level {
        Level::Ok => Tone::Good,
        Level::Unknown | Level::Warning => Tone::Careful,
        Level::Failed => Tone::Bad,
    }
}
