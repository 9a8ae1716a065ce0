//! The only reader of the environment, the terminal, the clock and the working directory.

use crate::cli::{Global, MANIFEST};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Everything of the world that a run depends on, read once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The manifest's path.
    pub manifest: PathBuf,
    /// The environment of the manifest, if one is named.
    pub environment: Option<String>,
    /// The region that flags or the environment name.
    pub region: Option<String>,
    /// The AWS profile, if one is named.
    pub profile: Option<String>,
    /// Deploy to the embedded CloudFormation.
    pub local: bool,
    /// What typical durations are multiplied by in the embedded CloudFormation.
    pub time_scale: f64,
    /// What is to go wrong in the embedded CloudFormation, a rule each.
    pub faults: Vec<String>,
    /// A file of such rules.
    pub fault_file: Option<PathBuf>,
    /// Where each call of AWS is written.
    pub log_calls: Option<PathBuf>,
    /// One JSON document, or an object a line.
    pub json: bool,
    /// Ask nothing.
    pub yes: bool,
    /// Say only what went wrong.
    pub quiet: bool,
    /// Whether a person can be asked: both standard input and standard error are terminals.
    pub interactive: bool,
    /// Whether standard error is a terminal.
    pub terminal: bool,
    /// How many columns the terminal has.
    pub width: usize,
    /// Whether standard error shows colours.
    pub color: bool,
    /// Whether the credentials stand in the environment.
    pub fixed_credentials: bool,
    /// How long one attempt of a call may take.
    pub patience: Duration,
    /// Identifies this run: tokens and change-set names derive from it.
    pub run: String,
}

/// The flags of this command line that say which stacks are meant, each with a space before it.
static MEANT: OnceLock<String> = OnceLock::new();

/// A command to run next, as it is printed: with the flags that say which stacks are meant, as they were given to
/// this one. What the environment and the manifest say holds for the next one as well.
pub fn command(words: &str) -> String {
    let flags = MEANT.get().map(String::as_str).unwrap_or_default();
    format!("infra {words}{flags}")
}

fn meant(global: &Global) -> String {
    let manifest = global.manifest.display().to_string();
    let named = [
        ("--manifest", Some(manifest).filter(|path| path != MANIFEST)),
        ("--env", global.env.clone()),
        ("--region", global.region.clone()),
        ("--profile", global.profile.clone()),
    ];
    let named = named
        .into_iter()
        .filter_map(|(flag, value)| Some(format!(" {flag} {}", quoted(&value?))));
    let local = global.local.then(|| " --local".to_owned());
    named.chain(local).collect()
}

/// A word as a shell takes it for itself.
pub fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// An environment variable's value; unset and not Unicode are both nothing.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The program that runs.
///
/// # Errors
/// When the system does not tell.
pub fn program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// Seconds since 1970, as a label. Nothing is decided by it.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A moment of that many milliseconds since 1970, as RFC 3339 writes it, in UTC.
pub fn moment(millis: u64) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or_default();
    let format = &time::format_description::well_known::Rfc3339;
    let at = time::OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.and_then(|at| at.format(format).ok()).unwrap_or_default()
}

/// Milliseconds since 1970, as a label.
pub fn now_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

impl Settings {
    /// Where the records of runs are kept: beside the manifest.
    pub fn runs(&self) -> PathBuf {
        let beside = self
            .manifest
            .parent()
            .map(PathBuf::from)
            .unwrap_or_default();
        beside.join(".infra").join("runs")
    }

    /// Where the tokens of who has signed in are kept: beside the manifest.
    pub fn sign_ins(&self) -> PathBuf {
        let beside = self.manifest.parent().map(PathBuf::from);
        beside.unwrap_or_default().join(".infra").join("sign-in")
    }

    /// Flags over environment over defaults.
    pub fn read(global: &Global) -> Self {
        // A process has one command line.
        let _ = MEANT.set(meant(global));
        let terminal = std::io::stderr().is_terminal();
        let color = match global.color {
            crate::cli::Color::Always => true,
            crate::cli::Color::Never => false,
            crate::cli::Color::Auto => terminal && variable("NO_COLOR").is_none(),
        };
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos());
        Self {
            manifest: global.manifest.clone(),
            environment: global.env.clone(),
            region: global
                .region
                .clone()
                .or_else(|| variable("AWS_REGION"))
                .or_else(|| variable("AWS_DEFAULT_REGION")),
            profile: global.profile.clone(),
            local: global.local,
            time_scale: variable("INFRA_LOCAL_TIME_SCALE")
                .and_then(|scale| scale.parse().ok())
                .filter(|scale: &f64| scale.is_finite() && *scale >= 0.0)
                .unwrap_or(0.01),
            faults: global.fault.clone(),
            fault_file: global.fault_file.clone(),
            log_calls: global.log_calls.clone(),
            json: global.json,
            yes: global.yes,
            quiet: global.quiet,
            interactive: terminal && std::io::stdin().is_terminal(),
            terminal,
            width: variable("COLUMNS")
                .and_then(|columns| columns.parse().ok())
                .unwrap_or(80),
            color,
            fixed_credentials: global.profile.is_none() && variable("AWS_ACCESS_KEY_ID").is_some(),
            patience: Duration::from_secs(
                variable("INFRA_CALL_TIMEOUT")
                    .and_then(|seconds| seconds.parse().ok())
                    .filter(|seconds| (1..=600).contains(seconds))
                    .unwrap_or(30),
            ),
            run: format!("{nanos:x}-{:x}", std::process::id()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;

    fn meant_by(flags: &[&str]) -> String {
        let all = [&["infra", "list"], flags].concat();
        meant(&Cli::parse_from(all).global)
    }

    #[test]
    fn the_next_command_means_the_same_stacks() {
        assert_eq!(meant_by(&["--yes", "--quiet"]), "");
        assert_eq!(
            meant_by(&["--local", "--env", "prod"]),
            " --env prod --local"
        );
        let flags = ["--manifest", "my stacks/it's.toml", "--region=eu-west-1"];
        assert_eq!(
            meant_by(&flags),
            r" --manifest 'my stacks/it'\''s.toml' --region eu-west-1"
        );
        assert_eq!(meant_by(&["--profile", "a$b"]), " --profile 'a$b'");
    }
}
