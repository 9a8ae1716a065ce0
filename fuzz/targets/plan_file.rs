//! No plan file panics, and one that is read is written and read back the same.
#![no_main]

use infra::plan::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(plan) = file::read(text) {
        let written = serde_json::to_string(&plan).expect("a plan file is JSON");
        assert_eq!(file::read(&written), Ok(plan.clone()));
        assert_eq!(plan.moved(&plan), Vec::<String>::new());
    }
});
