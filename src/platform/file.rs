//! A file of rows, read once from end to end in little memory, and held to the schema.

use super::line::split;
use super::names::Platform;
use super::seen::Seen;
use super::table::{Column, Value};
use super::totals::{ROWS, Totals};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead};

/// No line of fit rows comes near it.
const LONGEST: usize = 4096;

/// What a fit file holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// Its columns in its own order.
    pub columns: Vec<String>,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub digest: String,
    /// What its rows come to.
    pub totals: Totals,
    /// How many lines are not fit.
    pub faults: u64,
}

/// Reads a file. Each line that is not fit is told by its number and why; the header is line 1.
///
/// # Errors
/// When the file cannot be read.
pub fn read(
    platform: &Platform,
    file: &mut impl BufRead,
    mut told: impl FnMut(u64, &str),
) -> io::Result<Contents> {
    let mut lines = Lines::new(file);
    let mut contents = Contents::default();
    let mut fault = |contents: &mut Contents, number: u64, why: &str| {
        contents.faults += 1;
        told(number, why);
    };
    let columns = match lines.next()? {
        None => Err("the file is empty: a header with the columns' names is needed".to_owned()),
        Some(line) => line.and_then(|line| header(platform, &line)),
    };
    match columns {
        Err(why) => fault(&mut contents, 1, &why),
        Ok(columns) => {
            contents.columns = columns.iter().map(Column::quoted).collect();
            let mut seen = Seen::default();
            while let Some(line) = lines.next()? {
                match line.and_then(|line| row(&columns, &line, &mut seen)) {
                    Ok(row) => contents.totals.add(platform, &row),
                    Err(why) => fault(&mut contents, lines.number, &why),
                }
            }
        }
    }
    if contents.faults == 0 && contents.totals.get(ROWS) == 0.0 {
        fault(&mut contents, 1, "there is no row behind the header");
    }
    contents.bytes = lines.bytes;
    contents.digest = hex::encode(lines.digest.finalize());
    Ok(contents)
}

/// The columns in the file's order.
fn header(platform: &Platform, line: &str) -> Result<Vec<Column>, String> {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let mut left = Column::all(platform);
    let mut columns = Vec::new();
    for name in split(line)? {
        let at = left.iter().position(|column| column.name() == name);
        let at = at.ok_or_else(|| match columns.iter().any(|c: &Column| c.name() == name) {
            true => format!("the header names {name} twice"),
            false => format!("the header names {}, which is no column", shown(&name)),
        })?;
        columns.push(left.remove(at));
    }
    match left.as_slice() {
        [] => Ok(columns),
        missing => {
            let missing: Vec<&str> = missing.iter().map(Column::name).collect();
            Err(format!("the header lacks {}", missing.join(", ")))
        }
    }
}

/// The values of a row, or all that is wrong with it.
fn row(columns: &[Column], line: &str, seen: &mut Seen) -> Result<Vec<Value>, String> {
    if line.is_empty() {
        return Err("the line is empty".to_owned());
    }
    let fields = split(line)?;
    if fields.len() != columns.len() {
        let (found, wanted) = (fields.len(), columns.len());
        return Err(format!("there are {found} fields instead of {wanted}"));
    }
    let (mut values, mut wrong) = (Vec::with_capacity(columns.len()), Vec::new());
    for (column, field) in columns.iter().zip(&fields) {
        match column.read(field) {
            Some(Value::Key(key)) if !seen.add(key) => {
                wrong.push(format!(
                    "customer_id {key} stands in an earlier line as well"
                ));
            }
            Some(value) => values.push(value),
            None => wrong.push(format!(
                "{} is {} and must be {}",
                column.name(),
                shown(field),
                column.bounds()
            )),
        }
    }
    match wrong.is_empty() {
        true => Ok(values),
        false => Err(wrong.join("; ")),
    }
}

/// A value of somebody else's, fit for a terminal.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let start: String = text.chars().take(MOST).collect();
    let more = if start.len() < text.len() { "..." } else { "" };
    format!("{start:?}{more}")
}

/// Lines of bounded length, counted and digested as they pass.
struct Lines<'a, R> {
    file: &'a mut R,
    number: u64,
    bytes: u64,
    digest: Sha256,
}

impl<'a, R: BufRead> Lines<'a, R> {
    fn new(file: &'a mut R) -> Self {
        Self {
            file,
            number: 0,
            bytes: 0,
            digest: Sha256::new(),
        }
    }

    /// The next line without its end, or why it is none.
    fn next(&mut self) -> io::Result<Option<Result<String, String>>> {
        let (mut line, mut length, mut ended) = (Vec::new(), 0_usize, false);
        while !ended {
            let chunk = match self.file.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |at| at + 1);
            let part = chunk.get(..taken).unwrap_or_default();
            self.digest.update(part);
            let room = LONGEST.saturating_add(2).saturating_sub(line.len());
            line.extend(part.iter().take(room));
            length += taken;
            ended = end.is_some();
            self.file.consume(taken);
        }
        if length == 0 {
            return Ok(None);
        }
        self.bytes += length as u64;
        self.number += 1;
        while line
            .last()
            .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
        {
            line.pop();
        }
        if line.len() > LONGEST {
            return Ok(Some(Err(format!(
                "the line is longer than {LONGEST} bytes"
            ))));
        }
        Ok(Some(match String::from_utf8(line) {
            Ok(line) if line.contains(char::is_control) => {
                Err("the line holds a control character".to_owned())
            }
            Ok(line) => Ok(line),
            Err(_) => Err("the line is not UTF-8".to_owned()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::names::tests::shipped;
    use proptest::prelude::*;

    const HEADER: &str = "customer_id,age,gender,income,loan_type,loan_amount,interest_rate,loan_term,loan_interest_rate,\
        credit_score,employment_status,marital_status,remediation_strategy,missed_payments,missed_payments_duration,successful,timestamp";
    const ROW: &str = ",38,Male,41820,Home,221750,0.1,58,10,424,Unemployed,Single,Forbearance,9,10,true,2023-01-30";

    fn faults(text: &[u8]) -> (Contents, Vec<String>) {
        let mut told = Vec::new();
        let read = read(&shipped(), &mut &*text, |line, why| {
            told.push(format!("{line}: {why}"))
        });
        (read.unwrap(), told)
    }

    #[test]
    fn a_fit_file_is_counted() {
        let text = format!("\u{feff}{HEADER}\r\n1{ROW}\r\n2{ROW}");
        let (contents, told) = faults(text.as_bytes());
        assert_eq!(told, [""; 0]);
        assert_eq!(contents.totals.get(ROWS), 2.0);
        assert_eq!(contents.bytes, text.len() as u64);
        assert_eq!(contents.digest, hex::encode(Sha256::digest(&text)));
        assert_eq!(contents.columns.last().unwrap(), "\"timestamp\"");
    }

    #[test]
    fn every_bad_line_is_told_with_its_reason() {
        let injection = ROW.replace("Male", "'; DROP TABLE public.raw_data; --");
        let control = ROW.replace("Male", "Ma\u{1b}[2Jle");
        let huge = "9".repeat(1_000_000);
        let text = format!(
            "{HEADER}\n1{ROW}\n1{ROW}\n2{injection}\n\n3,38\n{huge}\n4{control}\n\"5{ROW}\nx{}\n",
            ROW.replace("38", "17").replace("true", "maybe")
        );
        let (contents, told) = faults(text.as_bytes());
        assert_eq!(
            told,
            [
                "3: customer_id 1 stands in an earlier line as well",
                "4: gender is \"'; DROP TABLE public.raw_data; --\" and must be one of Male, Female",
                "5: the line is empty",
                "6: there are 2 fields instead of 17",
                "7: the line is longer than 4096 bytes",
                "8: the line holds a control character",
                "9: a quote is not closed in its line",
                "10: customer_id is \"x\" and must be a whole number from 1; age is \"17\" and must be a whole number \
                 from 18 to 65; successful is \"maybe\" and must be true or false",
            ]
        );
        assert_eq!((contents.faults, contents.totals.get(ROWS)), (8, 1.0));
    }

    #[test]
    fn a_header_that_is_none_stops_there() {
        assert_eq!(
            faults(b"").1,
            ["1: the file is empty: a header with the columns' names is needed"]
        );
        assert_eq!(
            faults(b"a,b\n1,2\n").1,
            ["1: the header names \"a\", which is no column"]
        );
        let lacking = HEADER.replace(",age", "");
        assert_eq!(faults(lacking.as_bytes()).1, ["1: the header lacks age"]);
        assert_eq!(faults(b"\xff\xfe\n").1, ["1: the line is not UTF-8"]);
        assert_eq!(
            faults(HEADER.as_bytes()).1,
            ["1: there is no row behind the header"]
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (contents, told) = faults(&[HEADER.as_bytes(), b"\n", &bytes].concat());
            prop_assert_eq!(contents.faults as usize, told.len());
        }
    }
}
