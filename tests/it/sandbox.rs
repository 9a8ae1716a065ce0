//! A directory with a project of its own, and the binary run in it.

use infra::commands::ASKS;
use infra::permissions::Asks;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    /// One of so many, from 0.
    pub fn of(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

/// Destroys all that there is, data too.
pub const DESTROY: [&str; 6] = [
    "destroy",
    "--all",
    "--local",
    "--yes",
    "--allow-delete",
    "all",
];

/// A project in a directory of its own.
pub struct Sandbox {
    directory: TempDir,
    /// What each run of the binary called, a file a run.
    calls: TempDir,
}

/// What a run of the binary gave.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The same, having checked the exit code.
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(self.code, wanted, "out:\n{}\nerr:\n{}", self.out, self.err);
        self
    }
}

/// The project's own root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Sandbox {
    /// An empty project.
    pub fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            calls: tempfile::tempdir().unwrap(),
        }
    }

    /// The shipped project.
    pub fn shipped() -> Self {
        let sandbox = Self::empty();
        for directory in ["data", "templates"] {
            copy_all(&root().join(directory), &sandbox.path().join(directory));
        }
        std::fs::copy(
            root().join("stacks.toml"),
            sandbox.path().join("stacks.toml"),
        )
        .unwrap();
        sandbox
    }

    /// Two stacks: a queue's name goes from one to the other. `delay` is a parameter of the first.
    pub fn pair() -> Self {
        let sandbox = Self::empty();
        sandbox.write(
            "stacks.toml",
            "project = \"pair\"\nregion = \"eu-west-1\"\n\n\
             [stacks.First]\ntemplate = \"first.yaml\"\nparameters.Delay = 5\nparameters.Name = \"one\"\n\n\
             [stacks.Second]\ntemplate = \"second.yaml\"\n\
             parameters.Upstream = { output = \"First.QueueName\" }\n",
        );
        sandbox.write(
            "first.yaml",
            "Parameters:\n  Delay:\n    Type: Number\n  Name:\n    Type: String\n\
             Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n\
             \x20     QueueName: !Ref Name\n      DelaySeconds: !Ref Delay\n\
             Outputs:\n  QueueName:\n    Value: !GetAtt Queue.QueueName\n",
        );
        sandbox.write(
            "second.yaml",
            "Parameters:\n  Upstream:\n    Type: String\n\
             Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n\
             \x20     DisplayName: !Ref Upstream\n",
        );
        sandbox
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// What the embedded CloudFormation has written of its stacks.
    pub fn stored(&self) -> String {
        let stacks = self.path().join(".infra/local/stacks");
        let files = std::fs::read_dir(stacks).into_iter().flatten().flatten();
        files
            .filter_map(|file| std::fs::read_to_string(file.path()).ok())
            .collect()
    }

    /// The same project and state in another directory.
    pub fn copy(&self) -> Self {
        let copy = Self::empty();
        copy_all(self.path(), copy.path());
        copy
    }

    /// Every stack with its status and resources, and how many operations were asked of it. What is
    /// random in it is left out.
    pub fn summary(&self) -> Vec<String> {
        let stacks = self.path().join(".infra/local/stacks");
        let files = std::fs::read_dir(stacks).into_iter().flatten().flatten();
        let mut lines: Vec<String> = files
            .map(|file| {
                let text = std::fs::read_to_string(file.path()).unwrap();
                let stack: serde_json::Value = serde_json::from_str(&text).unwrap();
                let events = stack["events"].as_array().unwrap();
                let asked = events
                    .iter()
                    .filter(|event| event["reason"] == "User Initiated");
                let resources: Vec<String> = stack["resources"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, held)| format!("{name}={}", held["status"]))
                    .collect();
                format!(
                    "{} {} asked {} {resources:?}",
                    stack["name"],
                    stack["status"],
                    asked.count()
                )
            })
            .collect();
        lines.sort();
        lines
    }

    /// Replaces text in a file; it must be there.
    pub fn edit(&self, name: &str, before: &str, after: &str) {
        let text = self.read(name);
        assert!(
            text.contains(before),
            "{name} does not hold {before}:\n{text}"
        );
        self.write(name, &text.replacen(before, after, 1));
    }

    /// The binary with these arguments, in an environment with nothing of AWS in it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infra"));
        command
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars() {
            if name.starts_with("AWS_") || name.starts_with("INFRA_") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.path())
            .env("INFRA_LOG_CALLS", self.next_log(arguments))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("INFRA_LOCAL_TIME_SCALE", "0.0005")
            // Loading the rules takes longer than most tests.
            .env("INFRA_NO_LINT", "true")
            // Tests of their own say what it finds.
            .env("INFRA_NO_PREFLIGHT", "true");
        command
    }

    /// Where the run writes its calls: a file that is named by the command.
    fn next_log(&self, arguments: &[&str]) -> PathBuf {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let is_command = |word: &&&str| ASKS.iter().any(|asks| asks.command == **word);
        let command = arguments.iter().find(is_command).copied().unwrap_or("none");
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        self.calls.path().join(format!("{command}.{run}"))
    }

    /// What each command has called so far, as `CloudFormation DescribeStacks`.
    pub fn called(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut called: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for file in std::fs::read_dir(self.calls.path()).unwrap().flatten() {
            let name = file.file_name().into_string().unwrap();
            let command = name.split('.').next().unwrap().to_owned();
            let text = std::fs::read_to_string(file.path()).unwrap();
            let calls = called.entry(command).or_default();
            calls.extend(text.lines().map(str::to_owned));
        }
        called
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    /// Starts `infra local serve`, and answers it with its address.
    pub fn serve(&self) -> (Served, String) {
        self.serve_with(&[])
    }

    /// The same, with more arguments.
    pub fn serve_with(&self, more: &[&str]) -> (Served, String) {
        self.serve_as("0.0005", more)
    }

    /// The same, at a time scale.
    pub fn serve_at(&self, scale: &str) -> (Served, String) {
        self.serve_as(scale, &[])
    }

    /// The same, with both.
    pub fn serve_as(&self, scale: &str, more: &[&str]) -> (Served, String) {
        use std::io::{BufRead, BufReader};
        let mut child = self
            .command(&[&["local", "serve", "--port", "0"], more].concat())
            .env("INFRA_LOCAL_TIME_SCALE", scale)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let endpoint = line
            .trim()
            .strip_prefix("export AWS_ENDPOINT_URL=")
            .unwrap()
            .to_owned();
        (Served(child), endpoint)
    }
}

/// What commands called that their lists lack.
pub fn unlisted(called: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (command, calls) in called {
        let asks = ASKS.iter().filter(|asks| asks.command == command);
        let needs = asks.flat_map(Asks::needs);
        let listed: BTreeSet<&str> = needs.flat_map(|need| need.operations).copied().collect();
        let unlisted = calls.iter().filter(|call| !listed.contains(call.as_str()));
        found.extend(unlisted.map(|call| format!("infra {command} called {call}")));
    }
    found
}

impl Drop for Sandbox {
    /// Whatever the test is about: a command calls nothing that its list lacks.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let none: [String; 0] = [];
            assert_eq!(unlisted(&self.called()), none);
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copy = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &copy);
        } else {
            std::fs::copy(entry.path(), copy).unwrap();
        }
    }
}

/// A server that ends with the test.
pub struct Served(Child);

impl Served {
    /// The process.
    pub fn child(&self) -> &Child {
        &self.0
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
