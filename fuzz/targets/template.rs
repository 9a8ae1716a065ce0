//! No template panics: not when it is read, rendered or resolved. What is read is read back the same.
#![no_main]

use infra::plan::effects::effects;
use infra::plan::resolve::{Place, Scope, parameters};
use infra::template::{Template, render, yaml};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    let _ = render::render(Path::new("none/t.yaml"), text, &serde_json::json!({"n": 3}));
    let Ok(node) = yaml::parse(text) else {
        return;
    };
    let value = node.to_json();
    let written = value.to_string();
    let again = yaml::parse(&written).map(|node| node.to_json());
    assert_eq!(again.as_ref(), Ok(&value), "{written}");
    if let Ok(template) = Template::parse(text) {
        let given = parameters(&template.body, |_| None);
        let scope = Scope::new(&template.body, given, Place::default());
        let _ = effects(None, &scope, false);
    }
});
