//! Templates are YAML with a restrained, strict template engine for what CloudFormation cannot say.
//!
//! `<% expression %>` and `#% statement` lines leave `{{resolve:...}}`, `${...}` and short tags alone,
//! and a YAML editor reads the unrendered file. Every rendered line knows the line it came from:
//! before rendering, each source line is marked at its end with private-use characters, which ride
//! through loops and filters and are taken out again.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const MARK: char = '\u{F8FE}';
const END: char = '\u{F8FF}';

/// A line of one of our files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// The file.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
}

/// A rendered template: plain CloudFormation.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The text; the same bytes on every run and machine.
    pub text: String,
    files: Vec<PathBuf>,
    lines: Vec<Option<(usize, usize)>>,
}

impl Rendered {
    /// Where a line of the text (from 1) came from.
    pub fn source_line(&self, line: usize) -> Option<SourceLine> {
        let (file, line) = (*self.lines.get(line.checked_sub(1)?)?)?;
        Some(SourceLine {
            file: self.files.get(file)?.clone(),
            line,
        })
    }
}

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// What is wrong.
    pub message: String,
    /// The template.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

/// A setting as expressions see it. Not through serde: with `arbitrary_precision`, which a crate beside us
/// turns on for serde_json, a number would come out as a map.
fn expression(setting: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match setting {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(broken)) => Value::from(broken),
            (None, None) => Value::from(number.to_string()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(expression).collect(),
        Json::Object(fields) => {
            let each = fields.iter();
            Value::from_pairs(each.map(|(name, one)| (name.clone(), expression(one))))
        }
    }
}

/// Renders the template that stands in `path`; `settings` is what its expressions see.
///
/// # Errors
/// Syntax, a name that is not defined, a file that cannot be read or is outside of the template's
/// directory.
pub fn render(
    path: &Path,
    source: &str,
    settings: &serde_json::Value,
) -> Result<Rendered, RenderError> {
    let files = Arc::new(Files::beside(path));
    let marked = mark(source, 0, true).map_err(|line| RenderError {
        message: "the characters U+F8FE and U+F8FF may not stand in a template".to_owned(),
        file: path.to_owned(),
        line,
        column: 1,
    })?;
    let text = environment(&files)
        .and_then(|environment| {
            let settings = expression(settings);
            environment.render_named_str("template", &marked, context! { settings })
        })
        .map_err(|error| explain(path, &marked, &error))?;
    Ok(unmark(&text, files.names()))
}

fn environment(files: &Arc<Files>) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .variable_delimiters("<%", "%>")
            .block_delimiters("<%%", "%%>")
            .comment_delimiters("<%#", "#%>")
            .line_statement_prefix("#%")
            .keep_trailing_newline(true)
            .build()?,
    );
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let source = files.clone();
    environment.add_function("file", move |name: String| source.marked_text(&name));
    let source = files.clone();
    environment.add_function("json", move |name: String| -> Result<Value, Error> {
        let text = source.text(&name)?.1;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| refuse(format!("{name}: {error}")))?;
        Ok(expression(&value))
    });
    environment.add_filter("digest", |text: String, digits: usize| {
        digest(&text, digits)
    });
    // The engine's own escapes < and > for HTML, which is not what a template is.
    environment.add_filter("tojson", |value: Value| -> Result<String, Error> {
        let value = serde_json::to_string(&value).map_err(|error| refuse(error.to_string()))?;
        Ok(strip(&value))
    });
    Ok(environment)
}

fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// The first digits of the text's SHA-256, upper case: fit for a logical id.
fn digest(text: &str, digits: usize) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(strip(text).as_bytes()) {
        let _ = write!(hex, "{byte:02X}");
    }
    hex.truncate(digits);
    hex
}

/// The files that a template may read: those in its directory and below.
struct Files {
    directory: PathBuf,
    names: Mutex<Vec<PathBuf>>,
}

impl Files {
    fn beside(path: &Path) -> Self {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Self {
            directory,
            names: Mutex::new(vec![path.to_owned()]),
        }
    }

    fn names(&self) -> Vec<PathBuf> {
        self.names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn text(&self, name: &str) -> Result<(PathBuf, String), Error> {
        let path = self.directory.join(name);
        let cannot =
            |error: std::io::Error| refuse(format!("cannot read {}: {error}", path.display()));
        let inside = self.directory.canonicalize().map_err(cannot)?;
        if !path.canonicalize().map_err(cannot)?.starts_with(inside) {
            return Err(refuse(format!(
                "{name} is outside of the template's directory"
            )));
        }
        let text = std::fs::read_to_string(&path).map_err(cannot)?;
        Ok((path, text))
    }

    fn marked_text(&self, name: &str) -> Result<String, Error> {
        let (path, text) = self.text(name)?;
        let index = {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.push(path);
            names.len() - 1
        };
        mark(&text, index, false).map_err(|line| {
            refuse(format!(
                "{name}:{line}: U+F8FE and U+F8FF may not stand here"
            ))
        })
    }
}

/// Marks each line's end with its file and number. Statement lines and lines within an expression
/// that spans lines stay as they are: there is no text at their end.
fn mark(source: &str, file: usize, template: bool) -> Result<String, usize> {
    let mut marked = String::with_capacity(source.len() * 2);
    let mut within = false;
    for (index, line) in source.split_inclusive('\n').enumerate() {
        if line.contains([MARK, END]) {
            return Err(index + 1);
        }
        let content = line.trim_end_matches(['\n', '\r']);
        if template {
            within = opens(content, within);
        }
        let statement = template && content.trim_start().starts_with("#%");
        marked.push_str(content);
        if !within && !statement {
            let _ = write!(marked, "{MARK}{file}:{}{END}", index + 1);
        }
        if line.ends_with('\n') {
            marked.push('\n');
        }
    }
    Ok(marked)
}

/// Whether an expression is open at the end of the line.
fn opens(line: &str, within: bool) -> bool {
    match (line.rfind("<%"), line.rfind("%>")) {
        (Some(start), Some(end)) => start > end,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => within,
    }
}

/// The text without marks.
fn strip(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut marked = false;
    for c in text.chars() {
        match c {
            MARK => marked = true,
            END => marked = false,
            c if !marked => clean.push(c),
            _ => {}
        }
    }
    clean
}

fn unmark(text: &str, files: Vec<PathBuf>) -> Rendered {
    let first_mark = |line: &str| {
        let (_, rest) = line.split_once(MARK)?;
        let (file, number) = rest.split_once(END)?.0.split_once(':')?;
        Some((file.parse().ok()?, number.parse().ok()?))
    };
    Rendered {
        text: strip(text),
        lines: text.lines().map(first_mark).collect(),
        files,
    }
}

fn explain(path: &Path, marked: &str, error: &Error) -> RenderError {
    let mut message = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    // The engine does not say which name is not defined; the place says it.
    let named = error.range().and_then(|range| marked.get(range));
    if let (ErrorKind::UndefinedError, Some(named)) = (error.kind(), named) {
        message = format!("{} is not defined", strip(named));
    }
    let column = error.range().map_or(1, |range| {
        let before = marked.get(..range.start).unwrap_or_default();
        before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1
    });
    RenderError {
        message,
        file: path.to_owned(),
        line: error.line().unwrap_or(1),
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(source: &str) -> Rendered {
        render(
            Path::new("t.yaml"),
            source,
            &json!({"zones": 2, "list": ["a<b"]}),
        )
        .unwrap()
    }

    #[test]
    fn statements_vanish_and_lines_keep_their_source() {
        let source =
            "a:\n#% for i in range(settings.zones)\n  Subnet<% i %>: !Ref V\n#% endfor\nz: 1\n";
        let rendered = rendered(source);
        assert_eq!(
            rendered.text,
            "a:\n  Subnet0: !Ref V\n  Subnet1: !Ref V\nz: 1\n"
        );
        let line = |n| rendered.source_line(n).unwrap().line;
        assert_eq!((line(1), line(2), line(3), line(4)), (1, 3, 3, 5));
    }

    #[test]
    fn cloudformation_syntax_is_left_alone() {
        let text = "a: '{{resolve:ssm:x}}'\nb: !Sub '${AWS::Region}'\nc: {d: [1]}\n";
        assert_eq!(rendered(text).text, text);
    }

    #[test]
    fn a_captured_text_has_one_digest_wherever_it_stands() {
        let source = "#% set text\nx: 1\n#% endset\n<% text %><% text | digest(6) %>\n";
        let moved = format!("\n\n{source}");
        let last = |r: Rendered| r.text.lines().last().unwrap().to_owned();
        let digest = last(rendered(source));
        assert_eq!(digest.len(), 6);
        assert_eq!(digest, last(rendered(&moved)));
    }

    #[test]
    fn json_is_not_escaped_for_html() {
        assert_eq!(rendered("<% settings.list | tojson %>").text, "[\"a<b\"]");
    }

    #[test]
    fn numbers_are_numbers() {
        let directory = tempfile::tempdir().unwrap();
        let text = r#"{"z":18,"a":[0.05,-1e3,true,null]}"#;
        std::fs::write(directory.path().join("n.json"), text).unwrap();
        let path = directory.path().join("t.yaml");
        let source = "<% json('n.json') | tojson %> <% json('n.json').z + settings.zones %>";
        let found = render(&path, source, &json!({"zones": 2})).unwrap();
        assert_eq!(found.text, r#"{"z":18,"a":[0.05,-1000.0,true,null]} 20"#);
    }

    #[test]
    fn an_undefined_name_has_its_place() {
        let error = render(Path::new("t.yaml"), "a: 1\nb: <% nope %>\n", &json!({})).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.line),
            ("nope is not defined", 2)
        );
    }

    #[test]
    fn files_come_from_the_directory_only() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("templates");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(directory.path().join("secret"), "no").unwrap();
        std::fs::write(inner.join("code.py"), "one\ntwo\n").unwrap();
        let at = inner.join("t.yaml");
        let good = render(
            &at,
            "a: |\n  <% file('code.py') | indent(2) %>\n",
            &json!({}),
        )
        .unwrap();
        assert_eq!(good.text, "a: |\n  one\n  two\n");
        assert_eq!(good.source_line(3).unwrap().file, inner.join("code.py"));
        let bad = render(&at, "<% file('../secret') %>", &json!({})).unwrap_err();
        assert!(bad.message.contains("outside"), "{}", bad.message);
    }
}
