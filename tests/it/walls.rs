//! What may never be, held over the sources: docs/architecture.md says why.

use crate::sandbox::root;
use std::path::{Path, PathBuf};

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Files outside of `allowed` that hold one of the words.
fn breaches(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let (mut files, source) = (Vec::new(), root().join("src"));
    sources(&source, &mut files);
    assert!(files.len() > 40, "the sources were not found");
    files
        .iter()
        .map(|path| path.strip_prefix(&source).unwrap().display().to_string())
        .filter(|name| !allowed.iter().any(|allowed| name.starts_with(allowed)))
        .filter(|name| {
            let text = std::fs::read_to_string(source.join(name)).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap_or_default();
            product
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| words.iter().any(|word| line.contains(word)))
        })
        .collect()
}

#[test]
fn the_walls_stand() {
    let none: [String; 0] = [];
    assert_eq!(
        breaches(
            &["aws_sdk_", "aws_config", "aws_smithy"],
            &["cloud/", "checks/", "platform/"]
        ),
        none
    );
    assert_eq!(
        breaches(
            &["std::io::stdout", "std::io::stderr", "println!"],
            &["ui.rs", "settings.rs"]
        ),
        none
    );
    assert_eq!(
        breaches(&["std::env::", "SystemTime::now"], &["settings.rs"]),
        none
    );
    assert_eq!(breaches(&["now_utc"], &["local/ids.rs"]), none);
    assert_eq!(
        breaches(
            &["crate::local", "local::start", "local::Options"],
            &["commands/", "local/"]
        ),
        none
    );
    let pure = [
        "checks/",
        "cloud/",
        "commands/",
        "execute/",
        "local/",
        "platform/",
        "signals.rs",
    ];
    assert_eq!(breaches(&["tokio"], &pure), none);
}

#[test]
fn the_page_names_every_room() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for directory in [
        "src",
        "src/local",
        "src/local/formation",
        "src/local/life",
        "src/local/services",
        "src/local/services/ec2",
        "src/local/services/iam",
        "src/local/services/firewall",
        "src/local/services/gateway",
        "src/local/services/lambda",
        "src/local/services/s3",
        "src/local/services/stage",
        "src/local/services/redshift_data",
        "src/platform",
        "src/local/services/users",
        "src/local/services/users/hosted",
        "src/platform",
        "src/platform/signin",
    ] {
        for entry in std::fs::read_dir(root().join(directory)).unwrap() {
            let entry = entry.unwrap();
            let mut name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                name.push('/');
            }
            assert!(
                name == "mod.rs" || page.contains(&format!("`{name}`")),
                "{directory}/{name}"
            );
        }
    }
}
