//! HTTP on loopback: which service a request is for, and the answer's bytes.

use super::core::{Core, Options};
use super::faults::{self, Deed, Rule, When};
use super::formation::operations;
use super::query::Query;
use super::refusal::Refusal;
use super::services::{self, Answer, ec2, iam, s3, sts};
use super::store::StartError;
use super::{ids, xml};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

const FORMATION: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const TOKENS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// The most bytes of a request. S3 takes ten times as many in one; a loopback need not.
const MOST: usize = 512 << 20;

/// What the targets of Cognito's operations begin with.
const USERS: &str = "AWSCognitoIdentityProviderService.";

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
    core.listens_at(format!("http://{address}"));
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
    let mut scope = Scope::read(&head.headers);
    let host = text(&head.headers, "host").unwrap_or_default();
    if services::stage::is_for(host, head.uri.path()) {
        scope.service = services::STAGES;
    } else if scope.service.is_empty() && services::users::hosted::is_for(host, head.uri.path()) {
        scope.service = services::SIGN_INS;
    } else if scope.service.is_empty()
        && text(&head.headers, "x-amz-target").is_some_and(|target| target.starts_with(USERS))
    {
        // What users do themselves is not signed.
        scope.service = "cognito-idp";
    }
    let body = match read(body).await {
        Ok(body) => body,
        Err(refusal) => {
            let target = text(&head.headers, "x-amz-target").unwrap_or_default();
            let form =
                text(&head.headers, "content-type").is_some_and(|kind| kind.starts_with(FORM));
            return Ok(response(refused(&refusal, form, scope.service, target)));
        }
    };
    let request = services::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        region: scope.region,
        target: text(&head.headers, "x-amz-target")
            .and_then(|target| target.rsplit('.').next())
            .unwrap_or_default(),
        chunked: head.headers.contains_key("x-amz-decoded-content-length"),
        body: &body,
    };
    let form = head.method == Method::POST
        && request.path == "/"
        && !matches!(scope.service, "s3" | services::STAGES | services::SIGN_INS)
        && request.target.is_empty()
        && body.windows(7).any(|word| word == b"Action=");
    let query = form.then(|| Query::parse(&String::from_utf8_lossy(&body)));
    let action = match &query {
        Some(query) => query.text("Action").unwrap_or_default(),
        None if request.target.is_empty() => request.method,
        None => request.target,
    };
    let fault = core.faults.of_call(scope.service, action);
    if let Some(refusal) = before(fault).await? {
        let service = scope.service;
        return Ok(response(refused(&refusal, form, service, request.target)));
    }
    let answer = match &query {
        Some(query) => {
            let session = request.header("x-amz-security-token");
            call(core, scope.service, action, query, session).await
        }
        None => services::answer(core, scope.service, &request).await,
    };
    after(fault)?;
    if fault.is_some_and(|fault| fault.deed == Deed::Garbage) {
        let nonsense = b"<html><body>Bad gateway</body>".to_vec();
        return Ok(response(Answer::new(200, "text/html", nonsense)));
    }
    Ok(response(answer))
}

/// Reads a body, unless it is longer than any that a service takes here.
async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    let too_long = || {
        let message = format!("The request has more than {} MiB.", MOST >> 20);
        Refusal::new(413, "RequestEntityTooLarge", message)
    };
    if body.size_hint().lower() > MOST as u64 {
        return Err(too_long());
    }
    match Limited::new(body, MOST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
        Err(error) => Err(Refusal::new(400, "IncompleteBody", error.to_string())),
    }
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
fn refused(refusal: &Refusal, form: bool, service: &str, target: &str) -> Answer {
    if form && service == "ec2" {
        return ec2::refusal(refusal);
    }
    if services::is_rest(service) {
        return services::rest::told(Err(refusal.clone()));
    }
    if !form && !target.is_empty() {
        return Answer::json(Err(refusal.clone()));
    }
    if !form {
        return s3::refusal(refusal);
    }
    let (side, code, message) = (refusal.side(), &refusal.code, &refusal.message);
    let text = xml::refusal(FORMATION, side, code, message, &ids::uuid());
    Answer::new(refusal.status, "text/xml", text.into_bytes())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What a signature is for: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`. Nothing in a
/// signature is checked: there is nobody to keep out of a loopback.
#[derive(Debug, Default, PartialEq)]
struct Scope<'a> {
    region: &'a str,
    service: &'a str,
}

impl<'a> Scope<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let signature = text(headers, AUTHORIZATION.as_str());
        let credential = signature.and_then(|text| text.split_once("Credential="));
        let Some((_, credential)) = credential else {
            return Self::default();
        };
        let scope = credential.split([',', ' ']).next().unwrap_or_default();
        let mut parts = scope.split('/').skip(2);
        Self {
            region: parts.next().unwrap_or_default(),
            service: parts.next().unwrap_or_default(),
        }
    }
}

async fn call(
    core: &Arc<Core>,
    service: &str,
    action: &str,
    query: &Query,
    session: Option<&str>,
) -> Answer {
    if service == "ec2" {
        return ec2::answer(core, action, query);
    }
    let (namespace, result) = match service {
        "iam" => (iam::NAMESPACE, iam::answer(core, action, query)),
        "sts" => (TOKENS, sts::answer(core, action, query, session)),
        // Who has a web identity only cannot sign.
        "" if query.text("Version") == Some("2011-06-15") => {
            (TOKENS, sts::answer(core, action, query, session))
        }
        "cloudformation" | "" => (FORMATION, operations::answer(core, action, query)),
        other => (FORMATION, Err(services::absent(other))),
    };
    let result = match result {
        Ok(value) if namespace == FORMATION && operations::changes_state(action) => {
            if core.options.time_scale == 0.0 {
                settled(core, query).await;
            }
            kept(core).await.map(|()| value)
        }
        other => other,
    };
    let request = ids::uuid();
    let item = match service {
        "iam" => iam::item(action),
        _ => "member",
    };
    let (status, text) = match result {
        Ok(value) => (200, xml::answer(action, namespace, &value, item, &request)),
        Err(no) => (
            no.status,
            xml::refusal(namespace, no.side(), &no.code, &no.message, &request),
        ),
    };
    Answer::new(status, "text/xml", text.into_bytes()).with("x-amzn-requestid", request)
}

/// Waits until the operation that the request began has ended, where nothing takes time: clients
/// that look at once and then every half minute are not kept waiting. What hangs is not waited for.
async fn settled(core: &Arc<Core>, query: &Query) {
    const MOST: Duration = Duration::from_secs(1);
    let (stack, set) = (query.text("StackName"), query.text("ChangeSetName"));
    let busy = || {
        let state = core.store.state();
        let found = match stack {
            Some(name) => state.find(name),
            None => state
                .stacks
                .iter()
                .find(|stack| set.is_some() && stack.change_set_id.as_deref() == set),
        };
        found.is_some_and(crate::local::model::Stack::busy)
    };
    let ended = async {
        while busy() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let _ = tokio::time::timeout(MOST, ended).await;
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

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_refuses_in_the_words_of_the_service() {
        let refusal = Refusal::new(400, "Throttling", "Rate exceeded");
        let told = |form, service, target| {
            String::from_utf8(refused(&refusal, form, service, target).body).unwrap()
        };
        let error = "<Code>Throttling</Code><Message>Rate exceeded</Message>";
        let of_ec2 = format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>");
        assert!(told(true, "ec2", "").starts_with(&of_ec2));
        assert!(told(true, "iam", "").contains(&format!("<Type>Sender</Type>{error}")));
        assert!(told(false, "servicequotas", "GetServiceQuota").starts_with("{\"__type\""));
    }

    #[test]
    fn a_request_is_for_the_service_that_it_is_signed_for() {
        let mut headers = HeaderMap::new();
        assert_eq!(Scope::read(&headers), Scope::default());
        let signature = "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/ssm/aws4_request, \
                         SignedHeaders=host, Signature=0";
        headers.insert(AUTHORIZATION, HeaderValue::from_static(signature));
        let scope = Scope::read(&headers);
        assert_eq!((scope.region, scope.service), ("eu-west-1", "ssm"));
    }
}
