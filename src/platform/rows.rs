//! Comma-separated rows (RFC 4180), in memory.

use csv_core::{ReadRecordResult, Reader};

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its fields.
    pub fields: Vec<String>,
    /// The line that it begins in, from 1.
    pub line: u64,
    /// Where the next one begins.
    pub end: usize,
    /// Whether a line's end says that it is all there; else the text just stopped.
    pub whole: bool,
}

/// Reads rows; empty lines are none.
///
/// # Errors
/// The line that is no text.
pub fn read(text: &[u8]) -> Result<Vec<Row>, String> {
    let mut reader = Reader::new();
    let (mut rows, mut at, mut line) = (Vec::new(), 0, 1);
    let (mut output, mut ends) = (vec![0; text.len().min(4096) + 1], vec![0; 64]);
    let (mut written, mut ended) = (0, 0);
    loop {
        // The end of the text ends a row as well, which nothing is left to read for.
        let whole = at < text.len();
        let (result, read, out, fields) =
            reader.read_record(&text[at..], &mut output[written..], &mut ends[ended..]);
        at += read;
        written += out;
        ended += fields;
        match result {
            // All of the input is there: asked once more, it is the end.
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => output.resize(output.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
            ReadRecordResult::Record => {
                let fields = texts(&output[..written], &ends[..ended])
                    .ok_or_else(|| format!("line {line} is not UTF-8"))?;
                rows.push(Row {
                    fields,
                    line,
                    end: at,
                    whole,
                });
                (written, ended) = (0, 0);
                line = reader.line();
            }
            ReadRecordResult::End => return Ok(rows),
        }
    }
}

fn texts(output: &[u8], ends: &[usize]) -> Option<Vec<String>> {
    let mut from = 0;
    let field = |&end: &usize| {
        let text = std::str::from_utf8(&output[from..end]).ok()?;
        from = end;
        Some(text.to_owned())
    };
    ends.iter().map(field).collect()
}

/// A row as a file has it, with the line's end.
pub fn write<'a>(fields: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<String> = fields.map(quoted).collect();
    // A row of one empty field would be an empty line, and so none.
    if all == [""] {
        all = vec!["\"\"".to_owned()];
    }
    all.join(",") + "\n"
}

fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec("[a-z0-9 é☃,\"\r\n]{0,20}", 1..70), 1..5)) {
            let text: String = rows.iter().map(|row| write(row.iter().map(String::as_str))).collect();
            let found = read(text.as_bytes()).unwrap();
            prop_assert_eq!(found.last().map(|row| row.end), Some(text.len()));
            let found: Vec<Vec<String>> = found.into_iter().map(|row| row.fields).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn rows_know_their_lines() {
        let rows = read(b"a,b\r\n\"x\ny\",1\n\n2,3").unwrap();
        let lines: Vec<(u64, usize)> = rows
            .iter()
            .map(|row| (row.line, row.fields.len()))
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], (1, 2));
        assert_eq!(rows[1].fields, ["x\ny", "1"]);
        assert_eq!(rows[2].fields, ["2", "3"]);
    }
}
