//! A process that runs one function's code, one event after the other, as an environment of Lambda's
//! does: what the code sets up outside of its handler stays for the next event.

use super::work::{Code, Failed};
use crate::local::ids;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const RUNTIME: &str = include_str!("python/runtime.py");
const STAND_INS: [(&str, &str); 4] = [
    ("boto3.py", include_str!("python/stand_ins/boto3.py")),
    (
        "botocore/__init__.py",
        include_str!("python/stand_ins/botocore/__init__.py"),
    ),
    (
        "botocore/config.py",
        include_str!("python/stand_ins/botocore/config.py"),
    ),
    (
        "botocore/exceptions.py",
        include_str!("python/stand_ins/botocore/exceptions.py"),
    ),
];
/// The most that a function may answer.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LONGEST: usize = 6 * 1024 * 1024;

/// A running process.
#[derive(Debug)]
pub(super) struct Worker {
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    // The code's files go with the process.
    _files: TempDir,
}

impl Worker {
    /// Starts a process for that code. Its log is added to the file.
    pub(super) fn start(code: &Code, search_path: &str, log: &Path) -> Result<Self, Failed> {
        let trouble =
            |error: std::io::Error| Failed::runtime("Runtime.StartError", &error.to_string());
        let files = lay_out(code).map_err(trouble)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let log = options.open(log).map_err(trouble)?;
        let mut command = Command::new("python3");
        command
            // Nothing of this process's environment is the function's.
            .env_clear()
            .env("PATH", search_path)
            .envs(&code.environment)
            .arg("-B")
            .arg(files.path().join("runtime.py"))
            .arg(files.path().join("task"))
            .arg(files.path().join("stand_ins"))
            .current_dir(files.path().join("task"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            let why = format!("python3 does not start, which runs the code: {error}");
            Failed::runtime("Runtime.StartError", &why)
        })?;
        let missing = || Failed::runtime("Runtime.StartError", "python3 has no pipes");
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Ok(Self {
            _child: child,
            input: input.ok_or_else(missing)?,
            output: BufReader::new(output.ok_or_else(missing)?),
            _files: files,
        })
    }

    /// Has the code answer an event within that time.
    pub(super) async fn answer(
        &mut self,
        event: &Value,
        (request, arn): (&str, &str),
        patience: Duration,
    ) -> Result<String, Failed> {
        let deadline = ids::seconds(&ids::after(patience)) * 1000.0;
        let asked = json!({ "event": event, "request": request, "arn": arn, "deadline": deadline });
        let work = async {
            let gone = |_| {
                Failed::runtime(
                    "Runtime.ExitError",
                    "Runtime exited without providing a reason",
                )
            };
            self.input
                .write_all(format!("{asked}\n").as_bytes())
                .await
                .map_err(gone)?;
            let mut line = String::new();
            self.output.read_line(&mut line).await.map_err(gone)?;
            read(&line)
        };
        match tokio::time::timeout(patience, work).await {
            Ok(answered) => answered,
            Err(_) => {
                let seconds = patience.as_secs_f64();
                let said = format!(
                    "{} {request} Task timed out after {seconds:.2} seconds",
                    ids::now()
                );
                Err(Failed::runtime("Sandbox.Timedout", &said))
            }
        }
    }
}

fn read(line: &str) -> Result<String, Failed> {
    let mut done: Value = serde_json::from_str(line).map_err(|_| {
        Failed::runtime(
            "Runtime.ExitError",
            "Runtime exited without providing a reason",
        )
    })?;
    match done["answer"].take() {
        Value::String(answer) if answer.len() <= LONGEST => Ok(answer),
        Value::String(answer) => Err(Failed::runtime(
            "Function.ResponseSizeTooLarge",
            &format!(
                "Response payload size ({}) exceeded maximum allowed payload size ({LONGEST} bytes).",
                answer.len()
            ),
        )),
        _ => Err(Failed {
            told: done["failed"].take(),
            ended: false,
        }),
    }
}

/// The files of a process: the runtime, what stands in, and the code under its handler's name.
fn lay_out(code: &Code) -> std::io::Result<TempDir> {
    let files = TempDir::new()?;
    std::fs::write(files.path().join("runtime.py"), RUNTIME)?;
    for (name, text) in STAND_INS {
        let path = files.path().join("stand_ins").join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(files.path()))?;
        std::fs::write(path, text)?;
    }
    let task = files.path().join("task");
    std::fs::create_dir_all(&task)?;
    // CloudFormation names inline code so, whatever the handler is called.
    std::fs::write(task.join("index.py"), &code.text)?;
    Ok(files)
}
