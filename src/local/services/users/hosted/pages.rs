//! The pages' HTML.

use crate::local::services::Answer;

/// A page, and what is filled in already.
pub(super) enum Page<'a> {
    /// Address and password.
    Login(&'a str),
    /// Address, full name and password.
    SignUp(&'a str, &'a str),
    /// The code for that address.
    Confirm(&'a str),
    /// A password in place of one that was for once, in that session.
    NewPassword(&'a str),
}

const STYLE: &str = "body{font:16px system-ui;max-width:22em;margin:4em auto;padding:0 1em}\
                     label,input,button{display:block;width:100%;box-sizing:border-box}\
                     input,button{font:inherit;padding:.5em;margin:.25em 0 1em}\
                     [role=alert]{color:#a00}";

/// Text within HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )
}

fn answer(status: u16, html: String) -> Answer {
    // No form-action: browsers hold it against the way back to the app too.
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    Answer::new(status, "text/html; charset=utf-8", html.into_bytes())
        .with("cache-control", "no-store".to_owned())
        .with("content-security-policy", policy.to_owned())
        .with("referrer-policy", "no-referrer".to_owned())
        .with("x-content-type-options", "nosniff".to_owned())
        .with("x-frame-options", "DENY".to_owned())
}

/// A page that says what is wrong.
pub(super) fn problem(status: u16, words: &str) -> Answer {
    answer(
        status,
        whole(
            "That did not work",
            &format!("<p role=\"alert\">{}</p>", escape(words)),
        ),
    )
}

fn field(name: &str, label: &str, kind: &str, value: &str) -> String {
    let value = escape(value);
    let complete = match kind {
        "password" => "current-password",
        "email" => "username",
        _ => "on",
    };
    format!(
        "<label for=\"{name}\">{label}</label><input id=\"{name}\" name=\"{name}\" type=\"{kind}\" \
         value=\"{value}\" autocomplete=\"{complete}\" required>"
    )
}

/// A page with its form; what the app asked stays in the query.
pub(super) fn page(query: &str, token: &str, page: Page<'_>, problem: Option<&str>) -> Answer {
    let query = escape(query);
    let (title, path, fields, button, other) = match page {
        Page::Login(name) => (
            "Sign in",
            "login",
            field("username", "E-mail", "email", name) + &field("password", "Password", "password", ""),
            "Sign in",
            format!("<p><a href=\"signup?{query}\">Sign up</a></p>"),
        ),
        Page::SignUp(email, name) => (
            "Sign up",
            "signup",
            field("username", "E-mail", "email", email)
                + &field("name", "Full name", "text", name)
                + &field("password", "Password", "password", ""),
            "Sign up",
            format!("<p><a href=\"login?{query}\">Sign in</a></p>"),
        ),
        Page::Confirm(name) => (
            "Confirm your address",
            "confirm",
            format!("<input type=\"hidden\" name=\"username\" value=\"{}\">", escape(name))
                + &field("code", "Code", "text", ""),
            "Confirm",
            "<p>The embedded Cognito sends no mail: the code stands in outbox.txt, where its state is.</p>".to_owned(),
        ),
        Page::NewPassword(session) => (
            "Choose a password",
            "newPassword",
            format!("<input type=\"hidden\" name=\"session\" value=\"{}\">", escape(session))
                + &field("password", "New password", "password", ""),
            "Set the password",
            String::new(),
        ),
    };
    let alert = problem.map_or_else(String::new, |words| {
        format!("<p role=\"alert\">{}</p>", escape(words))
    });
    let body = format!(
        "{alert}<form method=\"post\" action=\"{path}?{query}\">\
         <input type=\"hidden\" name=\"_csrf\" value=\"{}\">{fields}\
         <button type=\"submit\">{button}</button></form>{other}",
        escape(token)
    );
    let status = if problem.is_some() { 400 } else { 200 };
    answer(status, whole(title, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_somebody_sends_becomes_html() {
        let hostile = "\"><script>alert('x')</script>";
        let pages = [
            Page::Login(hostile),
            Page::SignUp(hostile, hostile),
            Page::Confirm(hostile),
            Page::NewPassword(hostile),
        ];
        for one in pages {
            let answer = page(hostile, hostile, one, Some(hostile));
            let text = String::from_utf8(answer.body).unwrap();
            assert!(!text.contains("<script") && !text.contains("'x'"), "{text}");
        }
    }
}
