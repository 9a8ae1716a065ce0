//! HTTP on loopback: which service a request is for, and the answer's bytes.

use super::core::{Core, Options};
use super::query::Query;
use super::refusal::Refusal;
use super::store::StartError;
use super::{ids, objects, operations, xml};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
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
        async move { Ok::<_, Infallible>(answer(&core, request).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(core: &Arc<Core>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
    else {
        return response(400, Vec::new());
    };
    let text = String::from_utf8_lossy(&body);
    if head.method == Method::POST && head.uri.path() == "/" && text.contains("Action=") {
        return call(core, &Query::parse(&text)).await;
    }
    let request = objects::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        chunked: head.headers.contains_key("x-amz-decoded-content-length"),
        body: &body,
    };
    let answer = objects::answer(core.store.directory(), &request);
    response(answer.status, answer.body)
}

async fn call(core: &Arc<Core>, query: &Query) -> Response<Full<Bytes>> {
    let action = query.text("Action").unwrap_or_default();
    let tokens = query.text("Version") == Some("2011-06-15");
    let namespace = if tokens { TOKENS } else { FORMATION };
    let result = if tokens {
        identity(core, action)
    } else {
        operations::answer(core, action, query)
    };
    let result = match result {
        Ok(value) if operations::changes_state(action) => kept(core).await.map(|()| value),
        other => other,
    };
    let request = ids::uuid();
    match result {
        Ok(value) => response(
            200,
            xml::answer(action, namespace, &value, &request).into_bytes(),
        ),
        Err(no) => {
            let text = xml::refusal(namespace, no.side(), &no.code, &no.message, &request);
            response(no.status, text.into_bytes())
        }
    }
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

fn identity(core: &Core, action: &str) -> Result<Value, Refusal> {
    if action != "GetCallerIdentity" {
        return Err(operations::unknown(action));
    }
    let account = &core.options.account;
    Ok(json!({
        "Arn": format!("arn:aws:iam::{account}:user/embedded"),
        "UserId": "AIDAEMBEDDED",
        "Account": account,
    }))
}

fn response(status: u16, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("text/xml"),
    );
    response
}
