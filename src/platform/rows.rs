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
    /// Why it cannot be read as it is meant, if so.
    pub fault: Option<&'static str>,
}

/// Reads rows, the broken ones too; empty lines are none.
pub fn read(text: &[u8]) -> Vec<Row> {
    let mut reader = Reader::new();
    let (mut rows, mut at, mut line) = (Vec::new(), 0, 1);
    let (mut output, mut ends) = (vec![0; text.len().min(4096) + 1], vec![0; 64]);
    let (mut written, mut ended, mut begun) = (0, 0, 0);
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
                let fields = texts(&output[..written], &ends[..ended]);
                // A quote that nothing closes has taken all of the lines behind it.
                let quotes = text[begun..at].iter().filter(|byte| **byte == b'"').count();
                let fault = match &fields {
                    _ if quotes % 2 == 1 => Some("a quote is not closed"),
                    None => Some("it is not UTF-8"),
                    Some(_) => None,
                };
                rows.push(Row {
                    fields: fields.unwrap_or_default(),
                    line,
                    end: at,
                    whole,
                    fault,
                });
                (written, ended, begun) = (0, 0, at);
                line = reader.line();
            }
            ReadRecordResult::End => return rows,
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
            let found = read(text.as_bytes());
            prop_assert_eq!(found.last().map(|row| row.end), Some(text.len()));
            let found: Vec<Vec<String>> = found.into_iter().map(|row| row.fields).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes);
        }
    }

    #[test]
    fn broken_rows_say_why() {
        let fault = |text: &[u8]| read(text).last().unwrap().fault;
        assert_eq!(fault(b"a\n\"b\"\"c\"\n"), None);
        for open in ["a\n\"b\nc\n", "a\nb\"c\n", "a\n\"b\"\"\n", "\""] {
            assert_eq!(
                fault(open.as_bytes()),
                Some("a quote is not closed"),
                "{open}"
            );
        }
        let rows = read(b"a\n\xff\nb\n");
        let faults: Vec<_> = rows.iter().map(|row| row.fault).collect();
        assert_eq!(faults, [None, Some("it is not UTF-8"), None]);
    }

    #[test]
    fn rows_know_their_lines() {
        let rows = read(b"a,b\r\n\"x\ny\",1\n\n2,3");
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
