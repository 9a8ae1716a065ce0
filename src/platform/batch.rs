//! A table of requests in, the same table with predictions out. What has been answered is kept at once,
//! so that a batch that stopped goes on where it was.

use super::predict::Api;
use super::request::Schema;
use super::rows::{self, Row};
use crate::error::{Error, Result};
use serde_json::Value;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The column that predictions are in.
const ANSWER: &str = "effective";
/// Problems that are told; a table that is wrong altogether has many more.
const TOLD: usize = 20;

/// A table of requests, all of them within the bounds.
#[derive(Debug)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    requests: Vec<Value>,
}

/// How a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Rows in all.
    pub rows: usize,
    /// Rows that had been answered before.
    pub before: usize,
    /// Rows that were answered now.
    pub now: usize,
}

impl Table {
    /// Reads the table and checks every row. Columns that are no fields are carried along.
    ///
    /// # Errors
    /// Every row that is not within the bounds, by its line.
    pub fn read(path: &Path, schema: &Schema) -> Result<Self> {
        let text = std::fs::read(path).map_err(|error| Error::file(path, "read", &error))?;
        let wrong = |why: &str| {
            Error::asked(format!("{}:1: {why}.", path.display())).hint("nothing was sent")
        };
        let mut all = rows::read(&text).into_iter();
        let header = all.next().ok_or_else(|| wrong("it is empty"))?;
        let header = match header.fault {
            Some(why) => return Err(wrong(why)),
            None => header.fields,
        };
        let columns = columns(&header, schema).map_err(|why| wrong(&why))?;
        let (mut rows, mut requests) = (Vec::new(), Vec::new());
        let (mut problems, mut count) = (Vec::new(), 0);
        for Row {
            fields,
            line,
            fault,
            ..
        } in all
        {
            let named = columns
                .iter()
                .filter_map(|(name, at)| Some((name.as_str(), fields.get(*at)?.as_str())));
            let request = schema.request(named);
            let mut found = schema.problems(&request);
            if let Some(why) = fault {
                found = vec![why.to_owned()];
            } else if fields.len() != header.len() {
                found = vec![format!(
                    "it has {} fields, the header {}",
                    fields.len(),
                    header.len()
                )];
            }
            if !found.is_empty() {
                count += 1;
                if problems.len() < TOLD {
                    problems.push(format!("{}:{line}: {}.", path.display(), found.join("; ")));
                }
            }
            rows.push(fields);
            requests.push(request);
        }
        if count > 0 {
            let mut error = Error::asked(problems.remove(0));
            error.messages.extend(problems);
            return Err(error.hint(match count {
                1 => "one row is not within the bounds; nothing was sent".to_owned(),
                _ => format!("{count} rows are not within the bounds; nothing was sent"),
            }));
        }
        Ok(Self {
            header,
            rows,
            requests,
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn answered_header(&self) -> Vec<String> {
        let mut header = self.header.clone();
        header.push(ANSWER.to_owned());
        header
    }
}

/// Where each field is.
fn columns(
    header: &[String],
    schema: &Schema,
) -> std::result::Result<Vec<(String, usize)>, String> {
    if header.iter().any(|name| name == ANSWER) {
        return Err(format!("it has a column {ANSWER} already"));
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for field in &schema.fields {
        let mut at = header
            .iter()
            .enumerate()
            .filter(|(_, name)| name.as_str() == field.name);
        match (at.next(), at.next()) {
            (Some((at, _)), None) => found.push((field.name.clone(), at)),
            (Some(_), Some(_)) => return Err(format!("it has two columns {}", field.name)),
            (None, _) => missing.push(field.name.as_str()),
        }
    }
    match missing.as_slice() {
        [] => Ok(found),
        missing => Err(format!("it has no column {}", missing.join(", "))),
    }
}

/// The file that answers go to, and how many rows of the table it holds already.
#[derive(Debug)]
pub struct Out {
    file: File,
    /// Rows that it holds.
    pub before: usize,
}

impl Out {
    /// Opens the file. Answers of the same table are kept; what a run left of half a row is cut off.
    ///
    /// # Errors
    /// When the file is not of this table, or cannot be written.
    pub fn open(path: &Path, table: &Table) -> Result<Self> {
        let bad = |error: std::io::Error| Error::file(path, "write", &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(bad)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(bad)?;
        let other = || {
            Error::asked(format!(
                "{} holds something else than this table's answers.",
                path.display()
            ))
            .hint("name another file, or remove this one")
        };
        let (before, end) = kept(&text, table).ok_or_else(other)?;
        file.set_len(end).map_err(bad)?;
        file.seek(SeekFrom::End(0)).map_err(bad)?;
        let mut out = Self { file, before };
        if end == 0 {
            out.push(&table.answered_header()).map_err(bad)?;
        }
        Ok(out)
    }

    /// Adds a row, in one write.
    fn push(&mut self, row: &[String]) -> std::io::Result<()> {
        let line = rows::write(row.iter().map(String::as_str));
        self.file.write_all(line.as_bytes())
    }
}

/// How many of the table's rows a file's text answers, and where the last whole one of them ends. None
/// where it is of something else.
fn kept(text: &[u8], table: &Table) -> Option<(usize, u64)> {
    let header = table.answered_header();
    let whole = rows::write(header.iter().map(String::as_str));
    // Half of a header is nothing to keep, if it is ours.
    if text.len() < whole.len() {
        return whole.as_bytes().starts_with(text).then_some((0, 0));
    }
    let mut all = rows::read(text).into_iter();
    let first = all.next()?;
    (first.fields == header).then_some(())?;
    let (mut count, mut end) = (0, first.end);
    for row in all {
        // The last row may be half a row: only a line's end says that it is whole.
        if !row.whole {
            break;
        }
        let asked = table.rows.get(count)?;
        let (answer, rest) = row.fields.split_last()?;
        (rest == asked.as_slice() && matches!(answer.as_str(), "true" | "false")).then_some(())?;
        count += 1;
        end = row.end;
    }
    Some((count, u64::try_from(end).ok()?))
}

/// Asks for all rows that have no answer yet, so many at once, and keeps the answers in the table's
/// order. `told` hears of every one.
///
/// # Errors
/// The first row that the API does not answer; what comes before it is kept.
pub async fn run(
    api: &Arc<Api>,
    table: Table,
    mut out: Out,
    at_once: usize,
    mut told: impl FnMut(Count),
) -> Result<Count> {
    let mut count = Count {
        rows: table.len(),
        before: out.before,
        now: 0,
    };
    let Table { rows, requests, .. } = table;
    let mut waiting = requests.into_iter().zip(rows).enumerate().skip(out.before);
    let mut asked: VecDeque<(usize, Vec<String>, JoinHandle<Result<bool>>)> = VecDeque::new();
    loop {
        while asked.len() < at_once
            && let Some((at, (request, row))) = waiting.next()
        {
            let api = api.clone();
            let work = async move { api.ask(&request).await.map(|answer| answer.effective) };
            asked.push_back((at, row, tokio::spawn(work)));
        }
        let Some((at, mut row, work)) = asked.pop_front() else {
            return Ok(count);
        };
        let answer = work
            .await
            .unwrap_or_else(|error| Err(Error::aws(format!("internal error: {error}"))));
        let effective = match answer {
            Ok(effective) => effective,
            Err(error) => {
                asked.into_iter().for_each(|(.., work)| work.abort());
                let done = count.before + count.now;
                return Err(error
                    .because(format!(
                        "row {} of {}; {done} are answered and kept",
                        at + 1,
                        count.rows
                    ))
                    .hint("run the same command again: it goes on there"));
            }
        };
        row.push(effective.to_string());
        out.push(&row)
            .map_err(|error| Error::asked(format!("an answer cannot be written: {error}.")))?;
        count.now += 1;
        told(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let record = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<String>>();
        Table {
            header: record("id|note"),
            rows: vec![record("1|a,\"b\"\nc"), record("2|d")],
            requests: vec![],
        }
    }

    #[test]
    fn a_file_that_stops_anywhere_is_gone_on_with() {
        let table = table();
        let whole = "id,note,effective\n1,\"a,\"\"b\"\"\nc\",true\n2,d,false\n";
        let ends: Vec<u64> = vec![0, 18, 37, 47];
        assert_eq!(whole.len(), 47);
        for cut in 0..=whole.len() {
            let (count, end) = kept(&whole.as_bytes()[..cut], &table).unwrap();
            let expected = ends.iter().rposition(|end| *end <= cut as u64).unwrap();
            assert_eq!(
                (count, end),
                (expected.saturating_sub(1), ends[expected]),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        for other in [
            "my notes\n",
            "id,note\n1,x\n",
            "id,note,effective\n7,d,true\n",
            "id,note,effective\n1,\"a,\"\"b\"\"\nc\",maybe\n",
            "id,note,effective\n1,\"a,\"\"b\"\"\nc\",true\n2,d,false\n3,e,true\n",
            "identity",
        ] {
            assert_eq!(kept(other.as_bytes(), &table()), None, "{other}");
        }
    }
}
