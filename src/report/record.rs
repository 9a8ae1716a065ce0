//! The run record: what happened in a run, as JSON lines in a file that only its owner reads. Losing it
//! loses nothing but history.

use crate::event::Event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The format's version; a reader refuses what is newer.
const VERSION: u64 = 1;
/// How many runs are kept.
const KEPT: usize = 50;

/// The first line of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// The format's version.
    pub version: u64,
    /// The run.
    pub run: String,
    /// The command's name.
    pub command: String,
    /// The project.
    pub project: String,
    /// The environment of the manifest, if one was named.
    pub environment: Option<String>,
    /// The region.
    pub region: String,
    /// When it began: milliseconds since 1970.
    pub started: u64,
    /// Whether it was a rehearsal in the embedded CloudFormation.
    #[serde(default)]
    pub local: bool,
}

impl Header {
    /// A header of this version.
    pub fn new(run: &str, command: &str, project: &str, region: &str, started: u64) -> Self {
        Self {
            version: VERSION,
            run: run.to_owned(),
            command: command.to_owned(),
            project: project.to_owned(),
            environment: None,
            region: region.to_owned(),
            started,
            local: false,
        }
    }
}

/// A record that is being written.
#[derive(Debug)]
pub struct Record {
    file: Mutex<File>,
    clock: fn() -> u64,
}

impl Record {
    /// Begins a record in the directory, and removes the oldest beyond those that are kept.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn begin(directory: &Path, header: &Header, clock: fn() -> u64) -> io::Result<Self> {
        private_directory(directory)?;
        let path = directory.join(format!("{}.jsonl", header.run));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let record = Self {
            file: Mutex::new(options.open(path)?),
            clock,
        };
        record.write(&serde_json::to_value(header)?)?;
        prune(directory);
        Ok(record)
    }

    /// Adds an event. What cannot be written is lost, and only history with it.
    pub fn add(&self, event: &Event) {
        if let Ok(Value::Object(mut fields)) = serde_json::to_value(event) {
            fields.insert("at".to_owned(), json!((self.clock)()));
            let _ = self.write(&Value::Object(fields));
        }
    }

    /// Adds the last line.
    pub fn end(&self, outcomes: &Value) {
        let last = json!({ "event": "run_ended", "at": (self.clock)(), "outcomes": outcomes });
        let _ = self.write(&last);
    }

    fn write(&self, value: &Value) -> io::Result<()> {
        let line = format!("{value}\n");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
    }
}

fn private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// The runs in a directory, oldest first. A run's name begins with its time.
pub fn runs(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    paths.sort();
    paths
}

fn prune(directory: &Path) {
    let runs = runs(directory);
    let surplus = runs.len().saturating_sub(KEPT);
    for path in runs.into_iter().take(surplus) {
        let _ = std::fs::remove_file(path);
    }
}

/// A record that was read.
#[derive(Debug)]
pub struct Run {
    /// Its first line.
    pub header: Header,
    /// All other lines.
    pub lines: Vec<Value>,
}

/// Reads a record. A last line that is torn was being written when the process ended, and is left out.
///
/// # Errors
/// What is wrong with it, and in which line.
pub fn read(path: &Path) -> Result<Run, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().unwrap_or_default())
        .map_err(|error| format!("line 1 is no header of a run: {error}"))?;
    if header.version > VERSION {
        return Err(format!(
            "it has version {}, and this infra reads up to {VERSION}",
            header.version
        ));
    }
    let mut read = Vec::new();
    let whole = text.ends_with('\n');
    let rest: Vec<&str> = lines.collect();
    for (at, line) in rest.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(value) => read.push(value),
            Err(_) if at + 1 == rest.len() && !whole => {}
            Err(error) => return Err(format!("line {}: {error}", at + 2)),
        }
    }
    Ok(Run {
        header,
        lines: read,
    })
}

/// How long resources took in the runs of a directory, by type, in seconds: the median. Rehearsals tell
/// of rehearsals alone.
pub fn history(directory: &Path, local: bool) -> BTreeMap<String, f64> {
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let runs = runs(directory)
        .into_iter()
        .filter_map(|path| read(&path).ok());
    for run in runs.filter(|run| run.header.local == local) {
        let mut begun: BTreeMap<(String, String), u64> = BTreeMap::new();
        for line in &run.lines {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let (status, key) = (text("status"), (text("stack"), text("resource")));
            let Some(at) = line["at"].as_u64().filter(|_| line["event"] == "resource") else {
                continue;
            };
            if status.ends_with("_IN_PROGRESS") {
                begun.entry(key).or_insert(at);
            } else if let Some(start) = begun.remove(&key)
                && matches!(status.as_str(), "CREATE_COMPLETE" | "DELETE_COMPLETE")
            {
                let seconds = at.saturating_sub(start) as f64 / 1000.0;
                times
                    .entry(text("resource_type"))
                    .or_default()
                    .push(seconds);
            }
        }
    }
    let median = |mut list: Vec<f64>| {
        list.sort_by(f64::total_cmp);
        list.get(list.len() / 2).copied().unwrap_or_default()
    };
    times
        .into_iter()
        .map(|(kind, list)| (kind, median(list)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_torn_line_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let header = Header::new("1-2", "deploy", "p", "eu-west-1", 5);
        let record = Record::begin(directory.path(), &header, || 7).unwrap();
        record.add(&Event::StackUnchanged {
            stack: "A".to_owned(),
        });
        record.end(&json!({"A": "unchanged"}));
        let path = directory.path().join("1-2.jsonl");
        let run = read(&path).unwrap();
        assert_eq!((run.header.run.as_str(), run.lines.len()), ("1-2", 2));
        assert_eq!(run.lines[0]["at"], 7);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 4]).unwrap();
        assert_eq!(read(&path).unwrap().lines.len(), 1);
        std::fs::write(&path, text.replace("{\"event\"", "{\"event")).unwrap();
        assert!(read(&path).unwrap_err().starts_with("line 2: "));
        std::fs::write(&path, text.replace("\"version\":1", "\"version\":9")).unwrap();
        assert!(read(&path).unwrap_err().contains("it has version 9"));
    }

    #[test]
    fn earlier_runs_tell_how_long_types_take() {
        let directory = tempfile::tempdir().unwrap();
        let mut header = Header::new("1-2", "deploy", "p", "eu-west-1", 5);
        header.local = true;
        let record = Record::begin(directory.path(), &header, || 0).unwrap();
        for (status, at) in [
            ("CREATE_IN_PROGRESS", 1000),
            ("CREATE_IN_PROGRESS", 2000),
            ("CREATE_COMPLETE", 4500),
        ] {
            let line = json!({"event": "resource", "stack": "S", "resource": "R", "resource_type": "T",
                "status": status, "at": at});
            record.write(&line).unwrap();
        }
        let wanted = BTreeMap::from([("T".to_owned(), 3.5)]);
        assert_eq!(history(directory.path(), true), wanted);
        assert_eq!(history(directory.path(), false), BTreeMap::new());
    }

    #[test]
    fn only_the_newest_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..KEPT + 3 {
            let header = Header::new(&format!("{number:04}"), "deploy", "p", "r", 0);
            Record::begin(directory.path(), &header, || 0).unwrap();
        }
        let left = runs(directory.path());
        assert_eq!(left.len(), KEPT);
        assert!(left[0].ends_with("0003.jsonl"));
    }
}
