//! Before and after a deploy: what would fail, and whether what stands works. Reads only.
//!
//! A check reads what its services say, all at once, and judges that apart from the reading. What could
//! not be read is told as unknown, never taken for good.

pub mod preflight;
pub mod verify;

use crate::error::Error;
use crate::plan::wanted::Wanted;
use serde::Serialize;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It could not be told.
    Unknown,
    /// It may go wrong.
    Warning,
    /// It is wrong, or will go wrong.
    Failed,
}

impl Level {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub check: &'static str,
    /// How it came out.
    pub level: Level,
    /// The stack that it concerns, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The resource's logical id, where it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Where that stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What was found, without a full stop.
    pub says: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How many of them are wrong, or will go wrong.
pub fn failures(found: &[Finding]) -> usize {
    let wrong = found.iter().filter(|one| one.level == Level::Failed);
    wrong.count()
}

impl Finding {
    fn new(check: &'static str, level: Level, says: impl Into<String>) -> Self {
        Self {
            check,
            level,
            stack: None,
            resource: None,
            place: None,
            says: says.into(),
            hint: None,
        }
    }

    /// It is as it should be.
    pub fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, says)
    }

    /// It may go wrong.
    pub fn warning(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Level::Warning, says)
    }

    /// It is wrong, or will go wrong.
    pub fn failed(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Level::Failed, says)
    }

    /// It could not be read, and why.
    pub fn unknown(check: &'static str, error: &Error) -> Self {
        let mut says = error.messages.join(" ");
        for cause in &error.causes {
            says.push_str(&format!(" ({cause})"));
        }
        Self::new(check, Level::Unknown, says.trim_end_matches('.'))
    }

    /// The same about a resource that a plan makes.
    #[must_use]
    pub fn about(self, wanted: &Wanted) -> Self {
        self.at(&wanted.stack, &wanted.name, wanted.place.clone())
    }

    /// The same about a resource of a stack, at a place in our files.
    #[must_use]
    pub fn at(mut self, stack: &str, resource: &str, place: Option<String>) -> Self {
        self.stack = Some(stack.to_owned());
        self.resource = Some(resource.to_owned());
        self.place = place;
        self
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
