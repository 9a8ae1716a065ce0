//! One error type: a kind, what is wrong, where, why, and what to do. The kind alone decides the
//! exit code.

use crate::event::Failure;
use std::fmt;

/// What an error means for the process, and so its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The stacks are not as asked: a failed deploy, or differences with `diff --exit-code`.
    Stacks,
    /// Asked wrongly: arguments, manifest or template.
    Asked,
    /// AWS refused, or could not be reached.
    Aws,
    /// Interrupted by the user.
    Interrupted,
}

impl Kind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Stacks => 1,
            Self::Asked => 2,
            Self::Aws => 3,
            Self::Interrupted => 130,
        }
    }
}

/// An error as the user reads it.
#[derive(Debug, Clone)]
pub struct Error {
    /// What it means for the process.
    pub kind: Kind,
    /// What is wrong, one sentence. Several problems found in one run are several messages.
    pub messages: Vec<String>,
    /// What led to it, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// The error code that AWS answered with, where it did.
    pub code: Option<String>,
    /// What has to pass before the same call may succeed, where that is all that is wrong.
    pub passing: Option<Passing>,
    /// The failure of a stack in its parts, where that is what is wrong.
    pub failure: Option<Box<Failure>>,
}

/// What is wrong for a while, and with no call in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// The service cannot be reached.
    Network,
    /// The service is overloaded, or fails.
    Service,
    /// The credentials have expired.
    Expired,
}

impl Error {
    /// An error of `kind` with one message.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            messages: vec![message.into()],
            causes: vec![],
            hints: vec![],
            code: None,
            passing: None,
            failure: None,
        }
    }

    /// The user asked for something that cannot be done.
    pub fn asked(message: impl Into<String>) -> Self {
        Self::new(Kind::Asked, message)
    }

    /// AWS refused, or could not be reached.
    pub fn aws(message: impl Into<String>) -> Self {
        Self::new(Kind::Aws, message)
    }

    /// The stacks are not as asked.
    pub fn stacks(message: impl Into<String>) -> Self {
        Self::new(Kind::Stacks, message)
    }

    /// The same error with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same error with one more cause.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// The words without what stands for the kind.
    pub fn told(&self) -> String {
        let mut told = self.messages.join("\n");
        for cause in &self.causes {
            told.push_str("\n  ");
            told.push_str(cause);
        }
        for hint in &self.hints {
            told.push_str("\n  hint: ");
            told.push_str(hint);
        }
        told
    }

    /// A file that could not be read or written.
    pub fn file(path: &std::path::Path, verb: &str, error: &std::io::Error) -> Self {
        Self::asked(format!("cannot {verb} {}: {error}.", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, message) in self.messages.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "error: {message}")?;
        }
        for cause in &self.causes {
            write!(f, "\n  because: {cause}")?;
        }
        for hint in &self.hints {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The result of everything that a user can see fail.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_one_order() {
        let error = Error::asked("no.").because("why").hint("do this");
        assert_eq!(
            error.to_string(),
            "error: no.\n  because: why\n  hint: do this"
        );
        assert_eq!(error.kind.exit_code(), 2);
    }
}
