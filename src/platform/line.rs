//! A line of CSV, as strictly as COPY reads it: fields are plain, or quoted as a whole with quotes in
//! them doubled.

use std::borrow::Cow;

/// The fields of a line without its end.
///
/// # Errors
/// Where it is broken.
pub fn split(line: &str) -> Result<Vec<Cow<'_, str>>, &'static str> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(inside) => quoted(inside)?,
            None => plain(rest)?,
        };
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

type Field<'a> = (Cow<'a, str>, Option<&'a str>);

fn plain(rest: &str) -> Result<Field<'_>, &'static str> {
    let (field, after) = match rest.split_once(',') {
        Some((field, after)) => (field, Some(after)),
        None => (rest, None),
    };
    match field.contains('"') {
        true => Err("a quote stands within a field that is not quoted"),
        false => Ok((Cow::Borrowed(field), after)),
    }
}

fn quoted(inside: &str) -> Result<Field<'_>, &'static str> {
    let (mut field, mut rest) = (String::new(), inside);
    loop {
        let (part, after) = rest
            .split_once('"')
            .ok_or("a quote is not closed in its line")?;
        field.push_str(part);
        if let Some(after) = after.strip_prefix('"') {
            field.push('"');
            rest = after;
        } else if after.is_empty() {
            return Ok((Cow::Owned(field), None));
        } else if let Some(after) = after.strip_prefix(',') {
            return Ok((Cow::Owned(field), Some(after)));
        } else {
            return Err("something stands between a closing quote and the comma");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn broken_lines_are_refused() {
        assert_eq!(
            split("a,,\"b,\"\"c\""),
            Ok(vec!["a".into(), "".into(), "b,\"c".into()])
        );
        assert_eq!(split(""), Ok(vec!["".into()]));
        assert_eq!(split("\"\""), Ok(vec!["".into()]));
        for line in ["\"a", "a\"b", "\"a\"b,c", "\"a\"\"", "a,\"", "\"\"\""] {
            assert!(split(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(fields in proptest::collection::vec("[^\r\n]{0,9}", 1..6)) {
            let quoted: Vec<String> = fields
                .iter()
                .map(|field| format!("\"{}\"", field.replace('"', "\"\"")))
                .collect();
            let line = quoted.join(",");
            prop_assert_eq!(split(&line).unwrap(), fields);
        }

        #[test]
        fn no_line_is_too_much(line in "\\PC{0,64}") {
            let _ = split(&line);
        }
    }
}
