//! The embedded CloudFormation under load: 200 stacks at once, then requests over many keep-alive
//! connections, and the memory before and after an hour's worth of polling. Prints figures, and asserts
//! nothing about them: `cargo bench --bench service`.

#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const STACKS: usize = 200;
const CONNECTIONS: usize = 200;
/// What a follower of one operation asks in an hour, at two calls every three seconds.
const HOUR: usize = 2400;

const TEMPLATE: &str = "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      \
    AssumeRolePolicyDocument: {Statement: {Effect: Allow, Action: 'sts:AssumeRole', Principal: '*'}}\n  Queue:\n    Type: AWS::SQS::Queue\n  \
    Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !GetAtt Queue.QueueName\n  \
    Log:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      RetentionInDays: 7\n\
    Outputs:\n  Url:\n    Value: !Ref Queue\n";

struct Server {
    child: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().ok()?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_infra"))
            .args(["local", "serve", "--port", "0"])
            .current_dir(directory.path())
            .env("INFRA_LOCAL_TIME_SCALE", "0.01")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?)
            .read_line(&mut line)
            .ok()?;
        let address = line.trim().rsplit('/').next()?.to_owned();
        Some(Self {
            child,
            address,
            _directory: directory,
        })
    }

    fn connect(&self) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            reader: BufReader::new(stream),
        })
    }

    /// Resident memory in MiB, where the system tells.
    fn memory(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
        kib.unwrap_or_default() / 1024.0
    }
}

struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    fn call(&mut self, body: &str) -> std::io::Result<Vec<u8>> {
        let request = format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.reader.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.reader.read_exact(&mut answer)?;
        Ok(answer)
    }
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn count(haystack: &[u8], needle: &str) -> usize {
    haystack
        .windows(needle.len())
        .filter(|part| *part == needle.as_bytes())
        .count()
}

/// All stacks begun, and followed until all are complete.
fn create(server: &Server) -> std::io::Result<(Duration, Duration)> {
    let begun = Instant::now();
    let template = escaped(TEMPLATE);
    let mut connection = server.connect()?;
    for number in 0..STACKS {
        let body = format!(
            "Action=CreateStack&Version=2010-05-15&StackName=S{number}&TemplateBody={template}\
             &Capabilities.member.1=CAPABILITY_IAM"
        );
        connection.call(&body)?;
    }
    let asked = begun.elapsed();
    let list = "Action=ListStacks&Version=2010-05-15&StackStatusFilter.member.1=CREATE_IN_PROGRESS";
    while count(&connection.call(list)?, "<StackStatus>") > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((asked, begun.elapsed()))
}

/// So many requests of one kind over all connections; how many there were in a second.
fn load(server: &Server, requests: usize, body: impl Fn(usize) -> String + Sync) -> f64 {
    let (left, begun) = (AtomicUsize::new(requests), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let Ok(mut connection) = server.connect() else {
                    return;
                };
                loop {
                    let next = left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
                    let Ok(number) = next else { return };
                    if connection.call(&body(number)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    requests as f64 / begun.elapsed().as_secs_f64()
}

fn main() -> std::io::Result<()> {
    let server =
        Server::start().ok_or_else(|| std::io::Error::other("the server does not start"))?;
    let empty = server.memory();
    let (asked, done) = create(&server)?;
    let full = server.memory();
    let one = |action: &'static str| {
        move |number: usize| {
            format!(
                "Action={action}&Version=2010-05-15&StackName=S{}",
                number % STACKS
            )
        }
    };
    let rates = [
        (
            "DescribeStacks, one",
            load(&server, 20_000, one("DescribeStacks")),
        ),
        (
            "DescribeStackEvents",
            load(&server, 20_000, one("DescribeStackEvents")),
        ),
        (
            "ListStacks",
            load(&server, 5_000, |_| {
                "Action=ListStacks&Version=2010-05-15".to_owned()
            }),
        ),
    ];
    let before = server.memory();
    load(&server, HOUR * 10, one("DescribeStackEvents"));
    let after = server.memory();
    println!("{STACKS} stacks asked for in {asked:.2?}, complete after {done:.2?}");
    for (name, rate) in rates {
        println!("{name}: {rate:.0} requests a second over {CONNECTIONS} connections");
    }
    println!("memory: {empty:.1} MiB empty, {full:.1} MiB with the stacks");
    println!("memory over ten hours' worth of polling: {before:.1} -> {after:.1} MiB");
    Ok(())
}
