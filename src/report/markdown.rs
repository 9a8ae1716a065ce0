//! A plan as Markdown, for a comment on a pull request.

use super::plan::{Line, action, below, of_step, summary};
use crate::plan::Action;
use crate::plan::shown::Shown;
use std::fmt::Write;

/// Columns of a comment's code block.
const WIDTH: usize = 120;

/// The whole plan: a sentence, what is dangerous, then a block for each stack that is not left alone.
pub fn text(plan: &Shown) -> String {
    let mut text = String::from("### Stacks\n\n");
    for sentence in summary(plan).lines() {
        let _ = writeln!(text, "{sentence}  ");
    }
    for (title, lines) in below(plan) {
        let _ = writeln!(text, "\n**{title}**\n");
        for line in lines {
            let place = line
                .place
                .map(|place| format!(" ({place})"))
                .unwrap_or_default();
            let _ = writeln!(text, "- {}{place}", escaped(&line.text));
        }
    }
    for step in plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Nothing)
    {
        let (_, words) = action(plan, step);
        let lines = of_step(plan, step, WIDTH);
        let _ = writeln!(
            text,
            "\n<details><summary><b>{}</b>: {}</summary>\n",
            html(&step.stack),
            html(&words)
        );
        if !lines.is_empty() {
            let block: Vec<String> = lines.iter().map(in_block).collect();
            let fence = fence(&block);
            let _ = writeln!(text, "{fence}diff\n{}\n{fence}\n", block.join("\n"));
        }
        text.push_str("</details>\n");
    }
    text
}

/// A line with its sign in the first column, where a diff has it.
fn in_block(line: &Line) -> String {
    let sign = match line.sign {
        "-/+" => "!",
        "~" => "!",
        "" => " ",
        sign => sign,
    };
    let more = if line.sign == "-/+" { "-/+ " } else { "" };
    let place = line
        .place
        .as_ref()
        .map(|place| format!("  # {place}"))
        .unwrap_or_default();
    format!(
        "{sign} {}{more}{}{place}",
        "  ".repeat(line.depth - 1),
        line.text
    )
}

/// More backticks than any line has in a row.
fn fence(block: &[String]) -> String {
    let longest = block
        .iter()
        .flat_map(|line| line.split(|c| c != '`'))
        .map(str::len)
        .max();
    "`".repeat(longest.unwrap_or_default().max(2) + 1)
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Text that Markdown takes for text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in html(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        assert_eq!(
            escaped("allows s3:* on <a>_b_"),
            "allows s3:\\* on &lt;a&gt;\\_b\\_"
        );
        assert_eq!(fence(&["a ``` b".to_owned()]), "````");
        assert_eq!(fence(&["a".to_owned()]), "```");
    }
}
