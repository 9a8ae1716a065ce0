//! Plain HTTP, sent as it is: what a browser, an app or an attacker sends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    /// The first header of that name; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut all = self.headers.iter();
        all.find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request to `http://HOST:PORT/...`.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let mut stream = TcpStream::connect(address.replace("localhost", "127.0.0.1")).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let own = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !own {
        head += &format!("Host: {address}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    // Who refuses early does not read all of it.
    let _ = stream.write_all(body.as_bytes());
    let bytes = message(&mut stream);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{text}"));
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines.filter_map(|line| line.split_once(':'));
    Answer {
        status,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        text: body.to_owned(),
    }
}

/// All of a request or an answer: as long as it says that it is, or up to the end.
fn message(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .split("content-length:")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        // A request that does not say has no body.
        let ended = match length {
            Some(length) => length.trim().parse() == Ok(body.len()),
            None => !head.starts_with("http/"),
        };
        if ended {
            break;
        }
    }
    bytes
}

/// Reads.
pub fn get(url: &str) -> Answer {
    send("GET", url, &[], "")
}

/// Sends a form.
pub fn form(url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    send("POST", url, &[&[kind], headers].concat(), body)
}

/// A free port.
pub fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub line: String,
    pub head: String,
    pub body: String,
    pub at: Instant,
}

/// A server of the test's own, in the place of somebody else's.
pub struct Playing {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Playing {
    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// What a server says: a status, headers as they stand on the wire, and a body.
pub fn says(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

/// Answers each request by what came before it and itself, the newest; an empty answer cuts the connection.
pub fn play(answer: impl Fn(&[Asked]) -> String + Send + 'static) -> Playing {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let own = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let bytes = message(&mut stream);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let said = {
                let mut all = own.lock().unwrap();
                all.push(Asked {
                    line: head.lines().next().unwrap_or_default().to_owned(),
                    head: head.to_owned(),
                    body: body.to_owned(),
                    at: Instant::now(),
                });
                answer(&all)
            };
            let _ = stream.write_all(said.as_bytes());
        }
    });
    Playing { url, asked }
}
