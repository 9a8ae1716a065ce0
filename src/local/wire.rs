//! HTTP on loopback: which service a request is for, and the answer's bytes.

use super::core::{Core, Options};
use super::faults::{self, Deed, Rule, When};
use super::formation::operations;
use super::query::Query;
use super::refusal::Refusal;
use super::services::{self, s3, sts};
use super::store::StartError;
use super::{ids, xml};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

const FORMATION: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const TOKENS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A running server.
#[derive(Debug)]
pub struct Server {
    endpoint: String,
    core: Arc<Core>,
}

impl Server {
    /// Its URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Stops it and writes its state. Operations under way go on when it is started again.
    pub async fn shutdown(self) {
        self.core.stop().await;
        let _ = self.core.save().await;
    }
}

/// Starts a server on 127.0.0.1.
///
/// # Errors
/// When the state cannot be read or is held by another process, or the port is taken.
pub async fn start(options: Options) -> Result<Server, StartError> {
    let port = options.port;
    let core = Core::open(options)?;
    let refused = |reason| StartError::Listen { port, reason };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    core.resume();
    core.spawn(core.clone().keep_saved());
    core.spawn(accept(core.clone(), listener));
    Ok(Server {
        endpoint: format!("http://{address}"),
        core,
    })
}

async fn accept(core: Arc<Core>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => core.spawn(converse(core.clone(), stream)),
            // Out of descriptors, most likely: some will be free again.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

async fn converse(core: Arc<Core>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let core = core.clone();
        async move { answer(&core, request).await }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    core: &Arc<Core>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(body) = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
    else {
        return Ok(response(400, "text/plain", Vec::new()));
    };
    let service = signed_for(&head.headers);
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let request = services::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        target: header("x-amz-target")
            .and_then(|target| target.rsplit('.').next())
            .unwrap_or_default(),
        chunked: head.headers.contains_key("x-amz-decoded-content-length"),
        body: &body,
    };
    let form = head.method == Method::POST
        && request.path == "/"
        && body.windows(7).any(|word| word == b"Action=");
    let query = form.then(|| Query::parse(&String::from_utf8_lossy(&body)));
    let action = match &query {
        Some(query) => query.text("Action").unwrap_or_default(),
        None if request.target.is_empty() => request.method,
        None => request.target,
    };
    let fault = core.faults.of_call(service, action);
    if let Some(refusal) = before(fault).await? {
        return Ok(refused(&refusal, form, request.target));
    }
    let answer = match &query {
        Some(query) => call(core, service, action, query).await,
        None => {
            let answer = services::answer(core, service, &request);
            response(answer.status, answer.content_type, answer.body)
        }
    };
    after(fault)?;
    if fault.is_some_and(|fault| fault.deed == Deed::Garbage) {
        let nonsense = b"<html><body>Bad gateway</body>".to_vec();
        return Ok(response(200, "text/html", nonsense));
    }
    Ok(answer)
}

/// A connection that is cut instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut, as a fault asks")]
struct Cut;

/// What a fault does before the call has any effect: it refuses it, or cuts it off.
async fn before(fault: Option<&Rule>) -> Result<Option<Refusal>, Cut> {
    let Some(fault) = fault else { return Ok(None) };
    let given = |code: &str, message: &str| {
        (
            fault.code.clone().unwrap_or_else(|| code.to_owned()),
            fault.message.clone().unwrap_or_else(|| message.to_owned()),
        )
    };
    let (status, (code, message)) = match fault.deed {
        Deed::Throttle | Deed::Limit => (400, given("Throttling", "Rate exceeded")),
        Deed::Error => (500, given("InternalFailure", "Internal failure")),
        Deed::Expired => (
            403,
            given(
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
        ),
        Deed::Reset => return Err(Cut),
        Deed::Hang => std::future::pending().await,
        Deed::Kill if fault.when == When::Before => faults::die(),
        Deed::Slow => {
            tokio::time::sleep(fault.delay()).await;
            return Ok(None);
        }
        _ => return Ok(None),
    };
    let status = fault.status.unwrap_or(status);
    Ok(Some(Refusal::new(status, &code, message)))
}

/// What a fault does once the call has taken effect.
fn after(fault: Option<&Rule>) -> Result<(), Cut> {
    match fault.map(|fault| fault.deed) {
        Some(Deed::Lost) => Err(Cut),
        Some(Deed::Kill) => faults::die(),
        _ => Ok(()),
    }
}

/// A refusal in the form that the service speaks.
fn refused(refusal: &Refusal, form: bool, target: &str) -> Response<Full<Bytes>> {
    if form {
        let (side, code, message) = (refusal.side(), &refusal.code, &refusal.message);
        let text = xml::refusal(FORMATION, side, code, message, &ids::uuid());
        return response(refusal.status, "text/xml", text.into_bytes());
    }
    let answer = match target {
        "" => s3::refused(refusal.status, &refusal.code, &refusal.message),
        _ => services::Answer::json(Err(refusal.clone())),
    };
    response(answer.status, answer.content_type, answer.body)
}

/// The service in a signature's scope: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`. Nothing in
/// a signature is checked: there is nobody to keep out of a loopback.
fn signed_for(headers: &HeaderMap) -> &str {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once("Credential="))
        .and_then(|(_, scope)| scope.split([',', ' ']).next()?.split('/').nth(3))
        .unwrap_or_default()
}

async fn call(
    core: &Arc<Core>,
    service: &str,
    action: &str,
    query: &Query,
) -> Response<Full<Bytes>> {
    let tokens = service == "sts" || query.text("Version") == Some("2011-06-15");
    let (namespace, result) = if tokens {
        (TOKENS, sts::answer(core, action, query))
    } else {
        (FORMATION, operations::answer(core, action, query))
    };
    let result = match result {
        Ok(value) if operations::changes_state(action) => kept(core).await.map(|()| value),
        other => other,
    };
    let request = ids::uuid();
    let (status, text) = match result {
        Ok(value) => (200, xml::answer(action, namespace, &value, &request)),
        Err(no) => (
            no.status,
            xml::refusal(namespace, no.side(), &no.code, &no.message, &request),
        ),
    };
    response(status, "text/xml", text.into_bytes())
}

// What was answered is on disk first.
async fn kept(core: &Arc<Core>) -> Result<(), Refusal> {
    core.save().await.map_err(|error| {
        Refusal::new(
            500,
            "InternalFailure",
            format!("the state cannot be written: {error}"),
        )
    })
}

fn response(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
