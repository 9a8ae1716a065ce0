//! Broken tables, before `infra data load` and before `infra predict --batch`: every bad row by its line and
//! its reason, nothing sent, nothing stored.

use crate::platform::{HANDLER, Platform, REQUEST};
use crate::sandbox::Sandbox;
use crate::warehouse::deployed;
use serde_json::Value;

/// A table in bytes: a header, and good rows between the bad ones.
struct Broken {
    what: &'static str,
    bytes: Vec<u8>,
    /// What is told, each in its line.
    told: Vec<&'static str>,
}

/// Writes the table, runs the command over it, and holds what it says. Answers all that it said.
fn refused(sandbox: &Sandbox, run: &dyn Fn() -> crate::sandbox::Ran, one: &Broken) -> String {
    std::fs::write(sandbox.path().join("t.csv"), &one.bytes).unwrap();
    let ran = run().code(2);
    for words in &one.told {
        assert!(
            ran.err.contains(words),
            "{}: {words} in {}",
            one.what,
            ran.err
        );
    }
    assert!(ran.err.contains("nothing was sent"), "{}", ran.err);
    let unfit = |c: char| c.is_control() && c != '\n';
    assert!(!ran.err.contains(unfit), "{}: {:?}", one.what, ran.err);
    assert!(ran.err.len() < 8000, "{}: {}", one.what, ran.err.len());
    ran.err
}

fn lines(all: &[&[u8]]) -> Vec<u8> {
    all.iter()
        .flat_map(|line| [line, &b"\n"[..]].concat())
        .collect()
}

/// Bad tables of a good header and rows, each with a place in the second row that `from` names.
fn broken(header: &str, rows: [&str; 2], from: &str) -> Vec<Broken> {
    let [first, second] = rows;
    let (head, good) = (header.as_bytes(), first.as_bytes());
    let with = |to: &[u8]| {
        let (before, after) = second.split_once(from).unwrap();
        let bad = [before.as_bytes(), to, after.as_bytes()].concat();
        lines(&[head, good, &bad, good])
    };
    let of = |what, bytes, told| Broken { what, bytes, told };
    let mut columns: Vec<&str> = header.split(',').collect();
    let cut = columns.iter().position(|name| *name == "income").unwrap();
    columns.remove(cut);
    let without = columns.join(",");
    vec![
        of("NUL", with(b"Ma\0le"), vec!["t.csv:3: "]),
        of("an escape", with(b"\x1b[2JMale"), vec!["t.csv:3: "]),
        of(
            "SQL",
            with(b"'); DROP TABLE raw_data; --"),
            vec!["t.csv:3: gender is \"'); DROP"],
        ),
        of("one field more", with(b"Male,Male"), vec!["t.csv:3: "]),
        of(
            "one field less",
            with(b"Male").replacen(",Single", "", 2),
            vec!["t.csv:3: "],
        ),
        of(
            "another type",
            with(b"[1]"),
            vec!["t.csv:3: gender is \"[1]\""],
        ),
        of(
            "no UTF-8",
            with(b"M\xff\xfele"),
            vec!["t.csv:3: ", "not UTF-8"],
        ),
        of(
            "a missing column",
            lines(&[without.as_bytes(), good]),
            vec!["t.csv:1: ", "income"],
        ),
        of(
            "a column twice",
            lines(&[format!("{header},age").as_bytes(), good]),
            vec!["t.csv:1: ", "age"],
        ),
        of("nothing", Vec::new(), vec!["t.csv:1: ", "empty"]),
        of("no header", lines(&[good, good]), vec!["t.csv:1: "]),
    ]
}

/// Replaces the n-th occurrence in bytes.
trait Replaced {
    fn replacen(self, from: &str, to: &str, nth: usize) -> Vec<u8>;
}

impl Replaced for Vec<u8> {
    fn replacen(self, from: &str, to: &str, nth: usize) -> Vec<u8> {
        let text = String::from_utf8(self).unwrap();
        let (at, _) = text.match_indices(from).nth(nth - 1).unwrap();
        format!("{}{to}{}", &text[..at], &text[at + from.len()..]).into_bytes()
    }
}

#[test]
fn a_broken_file_is_not_loaded() {
    let sandbox = deployed();
    let shipped = sandbox.read("data/raw_data.csv");
    let header = shipped.lines().next().unwrap();
    let good: Vec<&str> = shipped
        .lines()
        .filter(|line| line.contains(",Male,") && line.contains(",Single,"))
        .take(2)
        .collect();
    let load = || sandbox.run(&["data", "load", "t.csv", "--local"]);
    let mut cases = broken(header, [good[0], good[1]], "Male");
    let join = |all: &[&str]| lines(&all.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
    cases.push(Broken {
        what: "an open quote",
        bytes: join(&[header, &good[0].replace("Male", "\"Male"), good[1]]),
        told: vec!["t.csv:2: a quote is not closed in its line."],
    });
    cases.push(Broken {
        what: "a long line",
        bytes: join(&[
            header,
            &good[0].replace("Male", &"x".repeat(5000)),
            good[1],
            "x",
        ]),
        told: vec!["t.csv:2: the line is longer than 4096 bytes.", "t.csv:4: "],
    });
    cases.push(Broken {
        what: "an unknown column",
        bytes: join(&[&format!("{header},shoe_size"), good[0]]),
        told: vec!["t.csv:1: the header names \"shoe_size\", which is no column."],
    });
    cases.push(Broken {
        what: "a customer twice",
        bytes: join(&[header, good[0], good[1], good[0]]),
        told: vec!["t.csv:4: customer_id "],
    });
    cases.push(Broken {
        what: "a header alone",
        bytes: join(&[header]),
        told: vec!["t.csv:1: there is no row behind the header."],
    });
    for one in &cases {
        refused(&sandbox, &load, one);
    }
    for kept in ["s3", "warehouse"] {
        let path = sandbox.path().join(".infra/local").join(kept);
        assert!(!path.exists(), "something was kept in {kept}");
    }
    // What editors write is fit: a mark at the start, and two bytes at every line's end.
    let marked = format!("\u{feff}{header}\r\n{}\r\n{}\r\n", good[0], good[1]);
    sandbox.write("t.csv", &marked);
    assert_eq!(
        load().code(0).out,
        "public.raw_data: 2 rows loaded; it holds 2.\n"
    );
}

#[test]
fn a_broken_table_is_not_asked_about() {
    let platform = Platform::with(Some(HANDLER));
    platform.sign_in();
    let request: Value = serde_json::from_str(REQUEST).unwrap();
    let fields = request.as_object().unwrap();
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let values: Vec<String> = fields.values().map(text).collect();
    let (header, good) = (names.join(","), values.join(","));
    let batch = || platform.run(&["predict", "--batch", "t.csv", "out.csv"]);
    let mut cases = broken(&header, [&good, &good], "Male");
    let join = |all: &[&str]| lines(&all.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
    let open = good.replace("Male", "\"Male");
    cases.push(Broken {
        what: "an open quote",
        bytes: join(&[&header, &good, &open, &good, &good]),
        told: vec!["t.csv:3: a quote is not closed."],
    });
    cases.push(Broken {
        what: "several bad rows",
        bytes: join(&[
            &header,
            &good.replace("Male", "Mole"),
            &good,
            &good.replace("Single", "Double"),
        ]),
        told: vec![
            "t.csv:2: gender is \"Mole\"",
            "t.csv:4: marital_status is \"Double\"",
            "2 rows are",
        ],
    });
    for one in &cases {
        refused(&platform.sandbox, &batch, one);
        assert!(
            !platform.sandbox.path().join("out.csv").exists(),
            "{}",
            one.what
        );
    }
    // The function was never asked.
    assert!(!platform.sandbox.path().join(".infra/local/logs").exists());

    // No rows are all of them answered.
    platform.sandbox.write("t.csv", &format!("{header}\n"));
    let none = batch().code(0);
    assert!(
        none.err
            .ends_with("0 of 0 rows were answered, into out.csv.\n"),
        "{}",
        none.err
    );
    std::fs::remove_file(platform.sandbox.path().join("out.csv")).unwrap();
    let marked = format!("\u{feff}{header},note\r\n{good},\"a, \"\"b\"\"\"\r\n\r\n{good},\r\n");
    platform.sandbox.write("t.csv", &marked);
    batch().code(0);
    let answered = platform.sandbox.read("out.csv");
    let lines: Vec<&str> = answered.lines().collect();
    assert_eq!(lines[0], format!("{header},note,effective"));
    assert_eq!(lines[1], format!("{good},\"a, \"\"b\"\"\",false"));
    assert_eq!(lines[2], format!("{good},,false"));
    assert_eq!(lines.len(), 3);
}
