//! No plan file panics, and one that is read is written and read back the same, whoever sealed it.
#![no_main]

use infra::plan::file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = file::read(text);
    let Ok(document) = serde_json::from_str(text) else {
        return;
    };
    if let Ok(plan) = file::parse(document) {
        let read = file::read(&plan.write()).expect("a plan file that is written is read");
        assert_eq!(read.moved(&read), Vec::<String>::new());
    }
});
