//! Objects as files: a folder a key, a file a version. A line of JSON comes first, then the body, so
//! that both are written as one.

use crate::local::ids;
use crate::local::store::write_atomically;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The version of what is written while versions are not kept.
pub const NULL: &str = "null";

/// What is known of a version of an object, beside its body.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// The key.
    pub key: String,
    /// The version's id.
    pub version: String,
    /// Counts the versions of a key: the highest is the latest.
    pub order: u64,
    /// When it was written.
    pub modified: String,
    /// The digest of the body, without quotes.
    pub etag: String,
    /// The length of the body.
    pub size: usize,
    /// Whether it says that the object was deleted.
    pub deleted: bool,
    /// The headers that it was put with and is got with.
    pub headers: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Hexadecimal digits of the MD5 digest.
pub fn digest(body: &[u8]) -> String {
    hex::encode(Md5::digest(body))
}

fn objects(bucket: &Path) -> PathBuf {
    bucket.join("objects")
}

// A key can be longer than a file's name.
fn folder(bucket: &Path, key: &str) -> PathBuf {
    objects(bucket).join(ids::stable(key))
}

fn file(bucket: &Path, head: &Head) -> PathBuf {
    folder(bucket, &head.key).join(format!("{:016x}", head.order))
}

/// All versions of a key, the latest first.
pub fn versions(bucket: &Path, key: &str) -> Vec<Head> {
    in_folder(&folder(bucket, key))
}

/// The latest version, unless that says that the object was deleted.
pub fn current(bucket: &Path, key: &str) -> Option<Head> {
    let latest = versions(bucket, key).into_iter().next()?;
    (!latest.deleted).then_some(latest)
}

/// All versions of all keys, by key, the latest first.
pub fn all(bucket: &Path) -> Vec<Head> {
    let keys = std::fs::read_dir(objects(bucket)).into_iter().flatten();
    let mut found: Vec<Vec<Head>> = keys
        .filter_map(|entry| Some(in_folder(&entry.ok()?.path())))
        .collect();
    let key = |versions: &Vec<Head>| versions.first().map(|head| head.key.clone());
    found.sort_by_key(key);
    found.into_iter().flatten().collect()
}

fn in_folder(folder: &Path) -> Vec<Head> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut heads: Vec<Head> = entries
        .filter_map(|entry| read_head(&entry.ok()?.path()))
        .collect();
    heads.sort_by_key(|head| std::cmp::Reverse(head.order));
    heads
}

// A file that was being written when the process ended has no such line.
fn read_head(path: &Path) -> Option<Head> {
    let mut line = String::new();
    let mut file = BufReader::new(std::fs::File::open(path).ok()?);
    file.read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

/// The body of a version.
pub fn body(bucket: &Path, head: &Head) -> io::Result<Vec<u8>> {
    let mut content = std::fs::read(file(bucket, head))?;
    let start = content.iter().position(|byte| *byte == b'\n');
    Ok(content.split_off(start.map_or(0, |at| at + 1)))
}

/// Writes a new version; the one that has the same id is gone then.
pub fn add(bucket: &Path, mut head: Head, body: &[u8]) -> io::Result<Head> {
    let before = versions(bucket, &head.key);
    head.order = before.first().map_or(1, |latest| latest.order + 1);
    head.modified = ids::now();
    head.size = body.len();
    write(bucket, &head, body)?;
    for old in before.iter().filter(|old| old.version == head.version) {
        remove(bucket, old)?;
    }
    Ok(head)
}

/// Writes a version that is there once more.
pub fn write(bucket: &Path, head: &Head, body: &[u8]) -> io::Result<()> {
    let mut content = serde_json::to_vec(head)?;
    content.push(b'\n');
    content.extend_from_slice(body);
    write_atomically(&file(bucket, head), &content)
}

/// Removes a version.
pub fn remove(bucket: &Path, head: &Head) -> io::Result<()> {
    std::fs::remove_file(file(bucket, head))?;
    // Only an empty folder goes.
    let _ = std::fs::remove_dir(folder(bucket, &head.key));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(bucket: &Path, key: &str, version: &str, body: &str) -> Head {
        let head = Head {
            key: key.to_owned(),
            version: version.to_owned(),
            ..Head::default()
        };
        add(bucket, head, body.as_bytes()).unwrap()
    }

    #[test]
    fn the_latest_version_is_the_current_one() {
        let directory = tempfile::tempdir().unwrap();
        let bucket = directory.path();
        let first = put(bucket, "a\nb", "1", "one\n");
        let second = put(bucket, "a\nb", "2", "two\nlines");
        assert_eq!(current(bucket, "a\nb"), Some(second.clone()));
        assert_eq!(body(bucket, &second).unwrap(), b"two\nlines");
        remove(bucket, &second).unwrap();
        assert_eq!(current(bucket, "a\nb"), Some(first));
        assert_eq!(current(bucket, "other"), None);
    }

    #[test]
    fn what_has_no_versions_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), "b", NULL, "one");
        let second = put(directory.path(), "b", NULL, "two");
        let long = put(directory.path(), &"a".repeat(1000), NULL, "");
        assert_eq!(all(directory.path()), [long, second]);
    }
}
