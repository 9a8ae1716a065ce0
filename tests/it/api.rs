//! The embedded service as its API shows it: requests of the Query protocol, sent as they are.

use crate::sandbox::{Sandbox, Served};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A running server, and its address.
pub struct Api {
    _server: Served,
    address: String,
}

/// An answer: the status, and the XML.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    /// The first element of that name.
    pub fn field(&self, name: &str) -> String {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let found = self
            .text
            .split_once(&open)
            .and_then(|(_, rest)| rest.split_once(&close));
        found.map(|(value, _)| value.to_owned()).unwrap_or_default()
    }

    /// All elements of that name.
    pub fn fields(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.text.split(&open).skip(1);
        parts
            .map(|part| part.split(&close).next().unwrap().to_owned())
            .collect()
    }

    /// The same, having checked that it is no refusal.
    pub fn good(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text);
        self
    }

    /// The message of a refusal.
    pub fn refusal(&self) -> String {
        assert_eq!(self.status, 400, "{}", self.text);
        self.field("Message")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
    }
}

impl Api {
    /// Serves in the sandbox.
    pub fn of(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, &[])
    }

    /// The same, with more arguments.
    pub fn with(sandbox: &Sandbox, more: &[&str]) -> Self {
        let (server, endpoint) = sandbox.serve_with(more);
        let address = endpoint.strip_prefix("http://").unwrap().to_owned();
        Self {
            _server: server,
            address,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Calls an action.
    pub fn call(&self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![format!("Action={action}"), "Version=2010-05-15".to_owned()];
        for (name, value) in fields {
            pairs.push(format!("{name}={}", escaped(value)));
        }
        self.send("POST", "/", &pairs.join("&"))
    }

    /// Puts an object into a bucket, which is made; its URL.
    pub fn put(&self, bucket: &str, key: &str, body: &str) -> String {
        self.send("PUT", &format!("/{bucket}"), "").good();
        self.send("PUT", &format!("/{bucket}/{key}"), body).good();
        format!("http://{}/{bucket}/{key}", self.address)
    }

    /// Calls an operation of a service that speaks JSON.
    pub fn json(&self, service: &str, target: &str, asked: &Value) -> Value {
        let headers = format!(
            "authorization: AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/{service}/aws4_request\r\n\
             x-amz-target: {target}\r\n"
        );
        let answer = self.request("POST", "/", &headers, &asked.to_string());
        serde_json::from_str(&answer.text).unwrap()
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.request(method, path, "", body)
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            text: body.to_owned(),
        }
    }

    /// Waits until nothing is in progress, and answers the stack's status.
    pub fn settled(&self, stack: &str) -> String {
        for _ in 0..2000 {
            let status = self
                .call("DescribeStacks", &[("StackName", stack)])
                .good()
                .field("StackStatus");
            if !status.ends_with("_IN_PROGRESS") || status == "REVIEW_IN_PROGRESS" {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{stack} does not come to rest");
    }

    /// Creates a stack and waits for it.
    pub fn create(&self, stack: &str, template: &str, more: &[(&str, &str)]) -> String {
        let id = self
            .begin("CreateStack", stack, template, more)
            .good()
            .field("StackId");
        self.settled(&id);
        id
    }

    /// Calls an action that takes a template.
    pub fn begin(
        &self,
        action: &str,
        stack: &str,
        template: &str,
        more: &[(&str, &str)],
    ) -> Answer {
        let mut fields = vec![("StackName", stack), ("TemplateBody", template)];
        fields.extend_from_slice(more);
        self.call(action, &fields)
    }

    /// Makes a change set, and answers its description with its values.
    pub fn change_set(&self, stack: &str, template: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("ChangeSetName", "set")];
        fields.extend_from_slice(more);
        let id = self
            .begin("CreateChangeSet", stack, template, &fields)
            .good()
            .field("Id");
        let asked = [
            ("ChangeSetName", id.as_str()),
            ("IncludePropertyValues", "true"),
        ];
        self.call("DescribeChangeSet", &asked).good()
    }

    /// The events of a stack, oldest first.
    pub fn events(&self, stack: &str) -> Vec<Event> {
        let (mut events, mut token) = (Vec::new(), String::new());
        loop {
            let mut fields = vec![("StackName", stack)];
            if !token.is_empty() {
                fields.push(("NextToken", &token));
            }
            let page = self.call("DescribeStackEvents", &fields).good();
            events.extend(page.fields("member").into_iter().map(|text| {
                let one = Answer { status: 200, text };
                Event {
                    name: one.field("LogicalResourceId"),
                    physical: one.field("PhysicalResourceId"),
                    status: one.field("ResourceStatus"),
                    reason: one.field("ResourceStatusReason"),
                }
            }));
            token = page.field("NextToken");
            if token.is_empty() {
                break;
            }
        }
        events.reverse();
        events
    }
}

/// What an event says.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub physical: String,
    pub status: String,
    pub reason: String,
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
