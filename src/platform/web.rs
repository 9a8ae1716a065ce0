//! Plain HTTP requests: to the API, and to the hosted sign-in. No redirect is followed, and no more is
//! read than an answer of theirs can have.

use crate::error::{Error, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::time::Duration;

/// API Gateway answers 10 MB at the most; a prediction and a token are much smaller.
const MOST: usize = 1024 * 1024;

/// A client.
#[derive(Debug, Clone)]
pub struct Web {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    patience: Duration,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The URL as people know it.
    pub url: String,
    /// What is connected to in its place: the embedded services, or what plays AWS.
    pub instead: Option<String>,
}

impl Address {
    /// A URL of AWS, or what the endpoint has in its place. A URL that is none of AWS's is itself.
    pub fn new(url: &str, endpoint: Option<&str>) -> Self {
        let host = url.split("://").nth(1).unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        let own = [".amazonaws.com", ".amazonaws.com.cn"];
        let instead = endpoint.filter(|_| own.iter().any(|suffix| host.ends_with(suffix)));
        Self {
            url: url.to_owned(),
            instead: instead.map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
        }
    }

    /// The same, and a path beneath it.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        Self {
            url: format!("{}{path}", self.url.trim_end_matches('/')),
            instead: self.instead.clone(),
        }
    }

    /// What is connected to, and the host that is asked for there.
    fn target(&self) -> Result<(Uri, Option<String>)> {
        let bad = || Error::asked(format!("{} is no URL to send to.", self.url));
        let uri: Uri = self.url.parse().map_err(|_| bad())?;
        let host = uri.host().ok_or_else(bad)?;
        let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match (uri.scheme_str(), &self.instead) {
            (Some("https"), None) => Ok((uri, None)),
            (Some("http"), None) if loopback => Ok((uri, None)),
            (Some("https"), Some(base)) => {
                let path = uri.path_and_query().map_or("/", |path| path.as_str());
                let there = format!("{base}{path}")
                    .parse()
                    .map_err(|_| Error::asked(format!("{base} is no endpoint to send to.")))?;
                Ok((there, Some(host.to_owned())))
            }
            _ => Err(Error::asked(format!("{} is not https.", self.url))
                .hint("what goes there would be read on its way")),
        }
    }
}

impl Web {
    /// A client that waits so long for an answer.
    ///
    /// # Errors
    /// When the system has no certificates to trust.
    pub fn new(patience: Duration) -> Result<Self> {
        let no = |error: &dyn std::fmt::Display| {
            Error::asked("the certificates that this system trusts cannot be read.").because(error)
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| no(&error))?
            .with_native_roots()
            .map_err(|error| no(&error))?
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, patience })
    }

    /// Reads.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, to: &Address, verb: &str) -> Result<Reply> {
        self.send(Method::GET, to, &[], Vec::new(), verb).await
    }

    /// Sends a form.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn form(&self, to: &Address, fields: &[(&str, &str)], verb: &str) -> Result<Reply> {
        let body = form(fields).into_bytes();
        let headers = [(CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())];
        self.send(Method::POST, to, &headers, body, verb).await
    }

    /// Sends; `verb` says what for, should it fail.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        &self,
        method: Method,
        to: &Address,
        headers: &[(HeaderName, String)],
        body: Vec<u8>,
        verb: &str,
    ) -> Result<Reply> {
        let (uri, host) = to.target()?;
        // A web ACL with AWS's common rules keeps out who does not say what it is.
        let agent = (
            USER_AGENT,
            concat!("infra/", env!("CARGO_PKG_VERSION")).to_owned(),
        );
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let host = host.map(|host| (HOST, host));
        for (name, value) in headers.iter().chain(&host).chain([&agent]) {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Error::asked(format!("{verb}: a header cannot hold that value.")))?;
            request.headers_mut().insert(name, value);
        }
        let unreached = |error: &dyn std::error::Error| {
            let mut ours = Error::aws(format!("{verb}: {} could not be reached.", to.url))
                .because(crate::cloud::chain(error));
            ours.passing = Some(crate::error::Passing::Network);
            ours
        };
        let work = async {
            let reply = self
                .client
                .request(request)
                .await
                .map_err(|e| unreached(&e))?;
            let (head, body) = reply.into_parts();
            let body = Limited::new(body, MOST).collect().await;
            let body = body.map_err(|error| unreached(error.as_ref()))?.to_bytes();
            Ok(Reply {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.to_vec(),
            })
        };
        tokio::time::timeout(self.patience, work)
            .await
            .unwrap_or_else(|_| {
                let seconds = self.patience.as_secs();
                let mut ours = Error::aws(format!("{verb}: no answer within {seconds} s."));
                ours.passing = Some(crate::error::Passing::Network);
                Err(ours)
            })
    }
}

/// Fields as a form or a query has them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).finish()
}

/// The fields of a form or a query. What is not escaped as it should be stays as it is.
pub fn fields(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_form_is_read_as_it_was_written(name in "\\PC{1,20}", value in "\\PC{0,40}") {
            let written = form(&[(&name, &value)]);
            prop_assert_eq!(fields(&written), vec![(name, value)]);
        }

        #[test]
        fn any_text_is_read(text in "\\PC{0,60}") {
            fields(&text);
        }
    }

    #[test]
    fn what_is_secret_goes_by_https_or_stays_on_this_machine() {
        let code = |url: &str, endpoint| {
            let target = Address::new(url, endpoint).target();
            target
                .map(|(uri, host)| (uri.to_string(), host))
                .map_err(|e| e.kind.exit_code())
        };
        assert_eq!(code("http://api.example.com/x", None), Err(2));
        assert_eq!(code("ftp://localhost/x", None), Err(2));
        assert_eq!(code("nonsense", None), Err(2));
        let plain = |url: &str| Ok((url.to_owned(), None));
        assert_eq!(
            code("http://127.0.0.1:1/x", None),
            plain("http://127.0.0.1:1/x")
        );
        assert_eq!(
            code(
                "https://a.execute-api.eu-west-1.amazonaws.com/prod",
                Some("http://127.0.0.1:9/")
            ),
            Ok((
                "http://127.0.0.1:9/prod".to_owned(),
                Some("a.execute-api.eu-west-1.amazonaws.com".to_owned())
            ))
        );
        // Somebody else's host is not what the endpoint plays.
        assert_eq!(
            code(
                "https://amazonaws.com.example/x",
                Some("http://127.0.0.1:9")
            ),
            plain("https://amazonaws.com.example/x")
        );
    }
}
