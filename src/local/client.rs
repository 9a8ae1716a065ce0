//! A client of the embedded CloudFormation's own actions, which no SDK knows.

use super::query::encode;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Calls an action at an endpoint that `infra local serve` printed.
///
/// # Errors
/// What the service refuses, or why it cannot be reached, as text.
pub async fn call(endpoint: &str, fields: &[(String, String)]) -> Result<String, String> {
    let uri: Uri = endpoint
        .parse()
        .map_err(|_| format!("{endpoint} is no URL"))?;
    let authority = uri
        .authority()
        .ok_or_else(|| format!("{endpoint} is no URL"))?;
    let address = (authority.host(), authority.port_u16().unwrap_or(80));
    let unreachable =
        |error: &dyn std::fmt::Display| format!("{endpoint} cannot be reached: {error}");
    let stream = TcpStream::connect(address)
        .await
        .map_err(|e| unreachable(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| unreachable(&e))?;
    tokio::spawn(connection);
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let request = Request::post("/")
        .header("host", authority.as_str())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(pairs.join("&"))))
        .map_err(|error| error.to_string())?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|e| unreachable(&e))?;
    let status = answer.status();
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(|e| unreachable(&e))?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    if status.is_success() {
        return Ok(text);
    }
    let message = text
        .split_once("<Message>")
        .and_then(|(_, rest)| rest.split_once("</Message>"));
    Err(message.map_or_else(
        || format!("{endpoint} answered HTTP {status}"),
        |(words, _)| words.to_owned(),
    ))
}
