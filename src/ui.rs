//! The two streams and the one question. The only file that prints.

use crate::error::{Error, Result};
use crate::settings::Settings;
use std::io::{BufRead, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Owner of every byte that leaves the process.
#[derive(Debug, Clone)]
pub struct Ui {
    quiet: bool,
    color: bool,
    interactive: bool,
    terminal: bool,
    width: usize,
}

/// What stands in the terminal's last line, below all talk.
#[derive(Debug)]
struct Bottom {
    /// Whether there is something that the next talk replaces.
    shown: bool,
    /// A question that waits for its answer there.
    question: Option<String>,
}

impl Bottom {
    const EMPTY: Self = Self {
        shown: false,
        question: None,
    };
}

/// A process has one terminal, and so one of these.
static BOTTOM: Mutex<Bottom> = Mutex::new(Bottom::EMPTY);

fn bottom() -> MutexGuard<'static, Bottom> {
    BOTTOM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes talk on standard error, and what stands below it from then on; an open question stays there.
fn say(talk: &str, below: &str) {
    let mut bottom = bottom();
    let below = bottom.question.as_deref().unwrap_or(below);
    // To the line's start, and clear it.
    let clear = if bottom.shown { "\r\u{1b}[2K" } else { "" };
    let (out, shown) = (format!("{clear}{talk}{below}"), !below.is_empty());
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(out.as_bytes());
    let _ = err.flush();
    bottom.shown = shown;
}

fn settle() {
    bottom().question = None;
    say("", "");
}

/// Says why the process ends, whatever it was about to say.
pub fn last_words(text: &str) {
    settle();
    say(&format!("{text}\n"), "");
}

/// What a piece of text means; the terminal decides how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something new or done.
    Good,
    /// Something gone or failed.
    Bad,
    /// Something changed, or a warning.
    Careful,
    /// Of little weight.
    Faint,
}

impl Ui {
    /// A user interface as the settings ask for it.
    pub fn new(settings: &Settings) -> Self {
        Self {
            quiet: settings.quiet,
            color: settings.color,
            interactive: settings.interactive,
            terminal: settings.terminal,
            width: settings.width,
        }
    }

    /// The command's product, on standard output. A closed pipe is no error: the reader has enough.
    pub fn product(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.is_empty() && !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// A piece of a long product; false once nobody reads it.
    pub fn stream(&self, piece: &str) -> bool {
        let mut out = std::io::stdout().lock();
        out.write_all(piece.as_bytes())
            .and_then(|()| out.flush())
            .is_ok()
    }

    /// Talk about the work, on standard error.
    pub fn status(&self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Talk about the work, and below it a line that the next talk replaces. Only a terminal shows
    /// that line.
    pub fn progress(&self, text: Option<&str>, below: &str) {
        if !self.quiet {
            self.insist(text, below);
        }
    }

    /// The same of what must be said even when quiet.
    pub fn insist(&self, text: Option<&str>, below: &str) {
        let below = if self.quiet { "" } else { below };
        if !self.terminal {
            if let Some(text) = text {
                self.complain(text);
            }
            return;
        }
        let talk = text.map(|text| format!("{text}\n")).unwrap_or_default();
        // A long line is cut, since a wrapped one would stay.
        let below = below.chars().take(self.width.saturating_sub(1));
        say(&talk, &below.collect::<String>());
    }

    /// What must be said even when quiet, on standard error.
    pub fn complain(&self, text: &str) {
        say(&format!("{text}\n"), "");
    }

    /// The work is over: nothing stands below the talk any more, and no answer is waited for.
    pub fn settle(&self) {
        settle();
    }

    /// `text` in the colour of its meaning, if there is colour.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Careful => "33",
            Tone::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// How many columns there are to write in.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Asks for `expected` to be typed. Without a terminal nothing is asked, and the answer is an
    /// error that names the flag to give instead.
    pub fn ask(&self, question: &str, expected: &[&str], instead: &str) -> Result<bool> {
        if !self.interactive {
            return Err(Error::asked(
                "this needs a confirmation, and there is no terminal to ask.",
            )
            .hint(instead));
        }
        bottom().question = Some(format!("{question} "));
        say("", "");
        let mut line = String::new();
        // Nothing is locked meanwhile: what happens until somebody answers is told.
        let read = std::io::stdin().lock().read_line(&mut line);
        // Who answered has left the line.
        *bottom() = Bottom::EMPTY;
        read.map_err(|error| Error::asked(format!("cannot read the answer: {error}.")))?;
        Ok(expected.contains(&line.trim()))
    }

    /// Asks for something that is not shown while it is typed.
    pub fn secret(&self, question: &str, instead: &str) -> Result<String> {
        if !self.interactive {
            let error = Error::asked("this needs a password, and there is no terminal to ask.");
            return Err(error.hint(instead));
        }
        rpassword::prompt_password(format!("{question} "))
            .map_err(|error| Error::asked(format!("cannot read the answer: {error}.")))
    }

    /// All of standard input, if it is not longer than that.
    pub fn input(&self, most: u64) -> Result<String> {
        let mut text = String::new();
        let read = std::io::stdin()
            .lock()
            .take(most + 1)
            .read_to_string(&mut text);
        read.map_err(|error| Error::asked(format!("cannot read standard input: {error}.")))?;
        if text.len() as u64 > most {
            return Err(Error::asked(format!(
                "standard input is longer than {most} bytes."
            )));
        }
        Ok(text)
    }
}
