//! What attacks look like. AWS publishes what its rules are for and an example of each, not how they
//! find it: these are approximations that catch the classic probes and let ordinary requests pass.

use super::visit::without_comments;
use crate::local::query::decode;
use regex::Regex;
use std::sync::LazyLock;

type Patterns = LazyLock<Vec<Regex>>;

fn compiled(all: &[&str]) -> Vec<Regex> {
    let each = all.iter().map(|text| format!("(?is){text}"));
    each.filter_map(|text| Regex::new(&text).ok()).collect()
}

const SQL: &[&str] = &[
    // A quote is closed, and a condition follows.
    r#"['"`]\s*\)*\s*\b(or|and)\b.{0,60}?(=|<|>|\blike\b|\bis\b|\bin\b)"#,
    r#"\b(or|and)\s+['"]?(\d+)['"]?\s*=\s*['"]?\d+"#,
    r"\bunion\b\s+((all|distinct)\s+)?select\b",
    r"[;']\s*(drop|truncate|alter|create)\s+(table|database|schema|user|role)\b",
    r"[;']\s*(delete\s+from|insert\s+into|update\s+\w+\s+set|exec(ute)?\s|shutdown)\b",
    r"\b(sleep|benchmark|pg_sleep|load_file|extractvalue|updatexml|xp_cmdshell)\s*\(",
    r"\bwaitfor\s+delay\b",
    // A quote is closed, and the rest of the statement is a comment.
    r#"\w['"]\s*\)*\s*(--|#|;\s*--)"#,
    r"\bselect\b.{1,80}\bfrom\b\s+(information_schema|pg_catalog|sysobjects|mysql\.)",
];

const SCRIPTS: &[&str] = &[
    r"<\s*/?\s*(script|iframe|object|embed|applet|meta|base)\b",
    r#"<[^>]{0,200}[\s/"']on[a-z]{3,20}\s*="#,
    r"\b(javascript|vbscript)\s*:",
    r"data:\s*text/html",
    r"<\s*svg\b",
];

const TRAVERSALS: &[&str] = &[
    r"(\.\.[/\\]){2}",
    r"\.\.[/\\](etc|proc|windows|winnt|var)[/\\]",
    r"[/\\]etc[/\\](passwd|shadow|group|hosts)\b",
    r"[/\\]proc[/\\]self\b",
    r"\b(boot|win)\.ini\b",
];

const REMOTE_FILES: &[&str] = &[r"\b(https?|ftps?|file)://\d{1,3}(\.\d{1,3}){3}\b"];

const METADATA: &[&str] = &[
    r"\b169\.254\.(169\.254|170\.2)\b",
    r"\b(2852039166|0xa9fea9fe)\b",
    r"\bfd00:ec2::254\b",
    r"/latest/(meta-data|user-data|dynamic)\b",
];

const LOOKUPS: &[&str] = &[r"\$\{.{0,40}j.{0,12}n.{0,12}d.{0,12}i.{0,12}:"];

const DESERIALIZATION: &[&str] = &[
    r"\bjava\.lang\.(runtime|processbuilder)\b",
    r"\brO0AB[A-Za-z0-9+/]",
    r"\bclass\.module\.classloader\b",
];

const EXTENSIONS: &[&str] = &[r"\.(bak|backup|conf|config|dat|db|ini|log|mdb|old|sql)\b($|[?#/])"];

const BOTS: &[&str] =
    &[r"\b(acunetix|dirbuster|gobuster|masscan|nessus|nikto|nmap|sqlmap|w3af|wpscan)\b"];

static OF_SQL: Patterns = LazyLock::new(|| compiled(SQL));
static OF_SCRIPTS: Patterns = LazyLock::new(|| compiled(SCRIPTS));
static OF_TRAVERSALS: Patterns = LazyLock::new(|| compiled(TRAVERSALS));
static OF_REMOTE_FILES: Patterns = LazyLock::new(|| compiled(REMOTE_FILES));
static OF_METADATA: Patterns = LazyLock::new(|| compiled(METADATA));
static OF_LOOKUPS: Patterns = LazyLock::new(|| compiled(LOOKUPS));
static OF_DESERIALIZATION: Patterns = LazyLock::new(|| compiled(DESERIALIZATION));
static OF_EXTENSIONS: Patterns = LazyLock::new(|| compiled(EXTENSIONS));
static OF_BOTS: Patterns = LazyLock::new(|| compiled(BOTS));

/// Whether one of them is in the text, as it is or unescaped once or twice.
fn any(patterns: &Patterns, text: &str) -> bool {
    let once = decode(text, true);
    let twice = decode(&once, true);
    let readings = [text, &once, &twice];
    let mut all = patterns.iter();
    all.any(|pattern| readings.iter().any(|text| pattern.is_match(text)))
}

/// SQL in place of a value.
pub fn is_sql(text: &str) -> bool {
    any(&OF_SQL, text) || (text.contains("/*") && any(&OF_SQL, &without_comments(text)))
}

/// A script in place of a text.
pub fn is_script(text: &str) -> bool {
    any(&OF_SCRIPTS, text)
}

/// A path that leads out of where it should stay.
pub fn is_traversal(text: &str) -> bool {
    any(&OF_TRAVERSALS, text)
}

/// A file of another machine, by its address.
pub fn is_remote_file(text: &str) -> bool {
    any(&OF_REMOTE_FILES, text)
}

/// The metadata of the machine that answers.
pub fn is_metadata(text: &str) -> bool {
    any(&OF_METADATA, text)
}

/// A lookup that Log4j would follow.
pub fn is_lookup(text: &str) -> bool {
    any(&OF_LOOKUPS, text)
}

/// An object that Java would make.
pub fn is_deserialization(text: &str) -> bool {
    any(&OF_DESERIALIZATION, text)
}

/// A file that nobody should ask for.
pub fn is_restricted(text: &str) -> bool {
    any(&OF_EXTENSIONS, text)
}

/// A scanner that says its name.
pub fn is_bot(text: &str) -> bool {
    any(&OF_BOTS, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        for all in [
            SQL,
            SCRIPTS,
            TRAVERSALS,
            REMOTE_FILES,
            METADATA,
            LOOKUPS,
            DESERIALIZATION,
            EXTENSIONS,
            BOTS,
        ] {
            assert_eq!(compiled(all).len(), all.len());
        }
    }

    #[test]
    fn classic_probes_are_seen() {
        for probe in [
            "' OR 1=1--",
            "1 OR 1=1",
            "admin'--",
            "x' UNION/**/SELECT password FROM users",
            "%27%20or%20%27a%27%3D%27a",
            "1; DROP TABLE raw_data",
            "1 AND SLEEP(5)",
        ] {
            assert!(is_sql(probe), "{probe}");
        }
        for probe in [
            "<script>alert(1)</script>",
            "%3Cscript%3E",
            "<img src=x onerror=alert(1)>",
        ] {
            assert!(is_script(probe), "{probe}");
        }
        for probe in [
            "../../etc/passwd",
            "..%2f..%2fetc%2fpasswd",
            "%252e%252e%252f%252e%252e%252f",
        ] {
            assert!(is_traversal(probe), "{probe}");
        }
        assert!(is_metadata("http://169.254.169.254/latest/meta-data/"));
        assert!(is_remote_file("http://203.0.113.7/shell.txt"));
        assert!(is_lookup("${jndi:ldap://x}") && is_lookup("${${lower:j}ndi:ldap://x}"));
        assert!(is_deserialization(
            "(java.lang.Runtime).getRuntime().exec(\"id\")"
        ));
        assert!(is_restricted("/app.log") && is_restricted("web.ini"));
        assert!(is_bot("sqlmap/1.8") && is_bot("Mozilla/5.0 Nessus"));
    }

    #[test]
    fn ordinary_texts_pass() {
        for text in [
            "O'Brien and sons",
            "Self-employed",
            "rock & roll, or jazz",
            "Payment Reminder",
            "a < b and b > c",
            "drop me a line; thanks",
            "https://example.com/a/../b",
            "${amount} of injury: none",
            "/loan/catalog",
            "It's 5 o'clock",
            "select one from the list",
        ] {
            assert!(!is_sql(text), "sql: {text}");
            assert!(!is_script(text), "script: {text}");
            assert!(!is_traversal(text), "traversal: {text}");
            assert!(!is_remote_file(text) && !is_metadata(text), "{text}");
            assert!(!is_deserialization(text) && !is_restricted(text), "{text}");
            assert!(!is_bot(text), "bot: {text}");
        }
    }
}
