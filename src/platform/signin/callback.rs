//! Where the browser is led back to: one path on loopback, for as long as the sign-in takes. Only the
//! request that carries this sign-in's state ends it; whatever else comes is refused and forgotten.

use super::browser::tame;
use crate::error::{Error, Result};
use crate::platform::web::fields;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use ring::digest;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the browser must bring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Callback<'a> {
    /// What the sign-in was begun with.
    pub state: &'a str,
    /// Who must say that it is from them, if somebody says so at all (RFC 9207).
    pub issuer: &'a str,
}

/// A listener on loopback.
pub(super) struct Listener {
    sockets: Vec<TcpListener>,
    path: String,
}

impl Listener {
    /// Listens where the callback's URL says.
    pub(super) async fn bind(callback: &str) -> Result<Self> {
        let bad = || {
            Error::asked(format!("{callback} is no callback to listen on."))
                .hint("it is http://localhost:PORT/PATH, and one of the app client's CallbackURLs")
        };
        let uri: Uri = callback.parse().map_err(|_| bad())?;
        let loopback = matches!(uri.host(), Some("localhost" | "127.0.0.1"));
        let (true, Some("http"), Some(port)) = (loopback, uri.scheme_str(), uri.port_u16()) else {
            return Err(bad());
        };
        let taken = |error: std::io::Error| {
            Error::asked(format!("port {port} cannot be listened on: {error}."))
                .hint("another infra login may be waiting there; end it, or name another of the app client's callbacks with --callback")
        };
        let mut sockets = vec![
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .await
                .map_err(taken)?,
        ];
        // Browsers take localhost for either; a machine without IPv6 has one only.
        sockets.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok());
        Ok(Self {
            sockets,
            path: uri.path().to_owned(),
        })
    }

    /// The code that the browser brings.
    pub(super) async fn code(&self, expected: &Callback<'_>) -> Result<String> {
        let (told, mut hears) = mpsc::channel(1);
        let judge = Arc::new(Judge {
            path: self.path.clone(),
            state: expected.state.to_owned(),
            issuer: expected.issuer.to_owned(),
            told,
        });
        loop {
            tokio::select! {
                Some(outcome) = hears.recv() => return outcome,
                stream = accept(&self.sockets) => {
                    if let Some(stream) = stream {
                        tokio::spawn(converse(judge.clone(), stream));
                    }
                }
            }
        }
    }
}

async fn accept(sockets: &[TcpListener]) -> Option<TcpStream> {
    let first = sockets.first()?.accept();
    let accepted = match sockets.get(1) {
        Some(second) => tokio::select! { one = first => one, one = second.accept() => one },
        None => first.await,
    };
    accepted.ok().map(|(stream, _)| stream)
}

struct Judge {
    path: String,
    state: String,
    issuer: String,
    told: mpsc::Sender<Result<String>>,
}

async fn converse(judge: Arc<Judge>, stream: TcpStream) {
    let service = service_fn(move |request| {
        let answer = judge.answer(&request);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Judge {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != self.path {
            return page(StatusCode::NOT_FOUND, "There is nothing here.");
        }
        if request.method() != Method::GET {
            return page(
                StatusCode::METHOD_NOT_ALLOWED,
                "There is nothing to send here.",
            );
        }
        match self.judge(request.uri().query().unwrap_or_default()) {
            None => page(
                StatusCode::BAD_REQUEST,
                "This does not belong to the sign-in that is waited for. Nothing was done.",
            ),
            Some(outcome) => {
                let said = match &outcome {
                    Ok(_) => (
                        StatusCode::OK,
                        "You are back: infra has the rest. Close this window.",
                    ),
                    Err(_) => (StatusCode::OK, "The sign-in was refused: infra says why."),
                };
                // Who comes second brings nothing new.
                let _ = self.told.try_send(outcome);
                page(said.0, said.1)
            }
        }
    }

    /// What a query means: nothing where it is not of this sign-in.
    fn judge(&self, query: &str) -> Option<Result<String>> {
        let mut given: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in fields(query) {
            // A name twice is nobody's honest answer.
            if given.insert(name, value).is_some() {
                return None;
            }
        }
        let text = |name: &str| given.get(name).map(String::as_str);
        let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
        // Hashes: how long the comparison takes tells nothing.
        if hash(text("state")?).as_ref() != hash(&self.state).as_ref() {
            return None;
        }
        if text("iss").is_some_and(|issuer| issuer != self.issuer) {
            return Some(Err(Error::aws(
                "somebody else than the user pool answered the sign-in.",
            )
            .hint("nothing was kept: sign in again")));
        }
        if let Some(error) = text("error") {
            let why = text("error_description").unwrap_or_default();
            let refused = Error::aws(format!("the sign-in was refused: {}.", tame(error)));
            return Some(Err(match tame(why) {
                why if why.is_empty() => refused,
                why => refused.because(why),
            }));
        }
        text("code")
            .filter(|code| !code.is_empty())
            .map(|code| Ok(code.to_owned()))
    }
}

fn page(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>infra</title><p>{text}</p></html>"
    );
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ];
    for (name, value) in headers {
        let value = hyper::header::HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(query: &str) -> Option<std::result::Result<String, String>> {
        let judge = Judge {
            path: "/callback".to_owned(),
            state: "right".to_owned(),
            issuer: "https://pool".to_owned(),
            told: mpsc::channel(1).0,
        };
        let outcome = judge.judge(query)?;
        Some(outcome.map_err(|error| error.messages.join(" ")))
    }

    #[test]
    fn only_this_sign_ins_answer_counts() {
        assert_eq!(judged("code=c&state=right"), Some(Ok("c".to_owned())));
        assert_eq!(
            judged("code=c&state=right&iss=https%3A%2F%2Fpool"),
            Some(Ok("c".to_owned()))
        );
        for forged in [
            "",
            "code=c",
            "code=c&state=wrong",
            "code=c&state=",
            "state=right",
            "code=&state=right",
            "code=a&code=b&state=right",
            "error=access_denied&state=wrong",
        ] {
            assert_eq!(judged(forged), None, "{forged}");
        }
        let mixed = judged("code=c&state=right&iss=https%3A%2F%2Fother").unwrap();
        assert!(mixed.unwrap_err().starts_with("somebody else"));
    }

    #[test]
    fn a_refusals_words_are_tamed() {
        let said = judged("error=access%1b%5B31m_denied&state=right")
            .unwrap()
            .unwrap_err();
        assert_eq!(said, "the sign-in was refused: access[31m_denied.");
    }
}
