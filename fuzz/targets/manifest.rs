//! No manifest panics, and every problem has a place in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    let loaded = infra::manifest::load(Path::new("stacks.toml"), text, Some("prod"), &|_| None);
    let lines = text.lines().count().max(1) + 1;
    for problem in &loaded.problems {
        assert!((1..=lines).contains(&problem.line), "{problem:?}");
    }
    if loaded.problems.is_empty() {
        // A graph of what depends on what is made of it; circles are problems.
        let _ = loaded.manifest.graph().topological_order();
    }
});
