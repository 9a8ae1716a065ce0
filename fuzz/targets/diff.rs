//! Two templates, parted by a line of dashes: nothing panics, a template does not differ from itself, and
//! two differ whichever stands first.
#![no_main]

use infra::plan::diff::diff;
use infra::plan::effects::effects;
use infra::plan::resolve::{Place, Scope, parameters};
use infra::template::yaml;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (before, after) = text.split_once("\n-----\n").unwrap_or((text, ""));
    let (Ok(before), Ok(after)) = (yaml::parse(before), yaml::parse(after)) else {
        return;
    };
    let (before, after) = (before.to_json(), after.to_json());
    assert!(diff(&before, &before).is_empty());
    let found = diff(&before, &after);
    assert_eq!(found.is_empty(), diff(&after, &before).is_empty());
    let _ = found.render();
    let scope = |body| Scope::new(body, parameters(body, |_| None), Place::default());
    let same = effects(Some(&scope(&before)), &scope(&before), false);
    assert!(same.resources.iter().all(|one| one.conditional), "{:?}", same.resources);
    let _ = effects(Some(&scope(&before)), &scope(&after), true);
});
