//! S3: buckets that requests created and those that stacks hold, and their objects, kept as files.
//! What a client of CloudFormation does with templates and assets is here; what only a data lake
//! needs is refused.

mod address;
mod buckets;
mod chunks;
mod files;
mod listing;
mod objects;
mod settings;
mod uploads;

use super::{Answer, Request};
use crate::local::core::Core;
use crate::local::query::Query;
use crate::local::refusal::Refusal;
use crate::local::{ids, xml};
use buckets::Bucket;
use serde_json::Value;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

// One request at a time: a condition on what is there holds until what it allows is written.
static TURN: Mutex<()> = Mutex::new(());

type Answered = Result<Answer, Refusal>;

/// A request with what it is about.
struct Call<'a> {
    core: &'a Core,
    request: &'a Request<'a>,
    query: Query,
    bucket: String,
    key: String,
}

impl Call<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    /// The body, whatever it was sent in.
    fn body(&self) -> Result<Vec<u8>, Refusal> {
        if !self.request.chunked {
            return Ok(self.request.body.to_vec());
        }
        chunks::joined(self.request.body).ok_or_else(|| {
            Refusal::new(
                400,
                "IncompleteBody",
                "The request body terminated unexpectedly",
            )
        })
    }

    /// The body as XML.
    fn document(&self) -> Result<xml::Node, Refusal> {
        let body = self.body()?;
        let text = std::str::from_utf8(&body).ok();
        text.and_then(xml::read).ok_or_else(malformed)
    }
}

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Answer {
    let host = request.header("host").unwrap_or_default();
    let (bucket, key) = address::of_request(host, request.path);
    let query = Query::parse(request.query);
    let call = Call {
        core,
        request,
        query,
        bucket,
        key,
    };
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let answered = route(&call).unwrap_or_else(|no| refused(&call, &no));
    drop(turn);
    let request = ids::uuid().replace('-', "")[..16].to_uppercase();
    answered.with("x-amz-request-id", request)
}

fn route(call: &Call<'_>) -> Answered {
    let method = call.request.method;
    if call.bucket.is_empty() {
        return match method {
            "GET" => buckets::list(call),
            _ => Err(not_allowed()),
        };
    }
    if !address::is_bucket_name(&call.bucket) {
        return Err(Refusal::new(
            400,
            "InvalidBucketName",
            "The specified bucket is not valid.",
        ));
    }
    if call.key.is_empty() {
        return of_bucket(call, method);
    }
    let bucket = Bucket::open(call.core, &call.bucket)?;
    let tagging = call.query.has("tagging");
    let upload = call.query.has("uploadId");
    match method {
        "POST" if call.query.has("uploads") => uploads::create(call, &bucket),
        "POST" if upload => uploads::complete(call, &bucket),
        "PUT" if upload => uploads::put_part(call, &bucket),
        "GET" if upload => uploads::list_parts(call, &bucket),
        "DELETE" if upload => uploads::abort(call, &bucket),
        "GET" if tagging => objects::get_tags(call, &bucket),
        "PUT" if tagging => objects::put_tags(call, &bucket),
        "DELETE" if tagging => objects::delete_tags(call, &bucket),
        _ if is_beyond(call) => Err(not_implemented()),
        "GET" | "HEAD" => objects::get(call, &bucket),
        "PUT" if call.header("x-amz-copy-source").is_some() => objects::copy(call, &bucket),
        "PUT" => objects::put(call, &bucket),
        "DELETE" => objects::delete(call, &bucket),
        _ => Err(not_allowed()),
    }
}

fn of_bucket(call: &Call<'_>, method: &str) -> Answered {
    let setting = settings::asked(&call.query);
    if method == "PUT" && setting.is_none() && !is_beyond(call) {
        return buckets::create(call);
    }
    let bucket = Bucket::open(call.core, &call.bucket)?;
    match (method, setting) {
        ("GET", Some(setting)) => settings::get(setting, &bucket),
        ("PUT", Some(setting)) => settings::put(setting, call, bucket),
        ("DELETE", Some(setting)) => settings::delete(setting, bucket),
        ("GET", _) if call.query.has("location") => Ok(buckets::location(&bucket)),
        ("GET", _) if call.query.has("versions") => listing::versions(call, &bucket),
        ("POST", _) if call.query.has("delete") => objects::delete_many(call, &bucket),
        _ if is_beyond(call) => Err(not_implemented()),
        ("HEAD", _) => Ok(buckets::head(&bucket)),
        ("GET", _) => listing::objects(call, &bucket),
        ("DELETE", _) => buckets::delete(bucket),
        _ => Err(not_allowed()),
    }
}

/// Whether the request asks for a part of a bucket or an object that is not here.
fn is_beyond(call: &Call<'_>) -> bool {
    const PARTS: &[&str] = &[
        "abac",
        "acl",
        "analytics",
        "annotation",
        "attributes",
        "intelligent-tiering",
        "inventory",
        "legal-hold",
        "metadataConfiguration",
        "metadataTable",
        "metrics",
        "policyStatus",
        "renameObject",
        "restore",
        "retention",
        "select",
        "session",
        "torrent",
        "uploads",
    ];
    PARTS.iter().any(|part| call.query.has(part))
}

/// The body of the object that a template's URL names.
pub fn read_url(directory: &Path, url: &str) -> Option<String> {
    let (bucket, key) = address::of_url(url)?;
    let folder = buckets::folder(directory, &bucket);
    let head = files::current(&folder, &key)?;
    String::from_utf8(files::body(&folder, &head).ok()?).ok()
}

/// The objects whose keys begin so, by key.
///
/// # Errors
/// When the bucket is not there.
pub fn read_all(
    core: &Core,
    bucket: &str,
    prefix: &str,
) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    let folder = opened(core, bucket)?.folder;
    let mut keys: Vec<String> = files::all(&folder)
        .into_iter()
        .map(|head| head.key)
        .collect();
    keys.dedup();
    keys.retain(|key| key.starts_with(prefix));
    let mut found = Vec::new();
    for key in keys {
        if let Some(head) = files::current(&folder, &key) {
            found.push((key, files::body(&folder, &head)?));
        }
    }
    Ok(found)
}

/// That a bucket is there.
///
/// # Errors
/// When it is not.
pub fn is_there(core: &Core, bucket: &str) -> Result<(), Refusal> {
    opened(core, bucket).map(drop)
}

fn opened(core: &Core, bucket: &str) -> Result<Bucket, Refusal> {
    match address::is_bucket_name(bucket) {
        true => Bucket::open(core, bucket),
        false => {
            let message = "The specified bucket is not valid.";
            Err(Refusal::new(400, "InvalidBucketName", message))
        }
    }
}

fn document(name: &str, value: &Value) -> Answer {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut content = String::new();
    xml::flat(&mut content, name, value);
    let open = format!("<{name}");
    text.push_str(&content.replacen(&open, &format!("{open} xmlns=\"{NAMESPACE}\""), 1));
    Answer::new(200, "application/xml", text.into_bytes())
}

fn empty(status: u16) -> Answer {
    Answer::new(status, "application/xml", Vec::new())
}

/// Whether anything lies in the bucket.
pub fn has_objects(directory: &Path, bucket: &str) -> bool {
    address::is_bucket_name(bucket) && !files::all(&buckets::folder(directory, bucket)).is_empty()
}

/// Whether a request created the bucket, and no stack.
pub fn is_requested(directory: &Path, bucket: &str) -> bool {
    address::is_bucket_name(bucket) && buckets::is_requested(directory, bucket)
}

/// A refusal that is about no bucket.
pub fn refusal(no: &Refusal) -> Answer {
    let mut text = String::new();
    let error = serde_json::json!({ "Code": no.code, "Message": no.message });
    xml::flat(&mut text, "Error", &error);
    Answer::new(no.status, "application/xml", text.into_bytes())
}

fn refused(call: &Call<'_>, no: &Refusal) -> Answer {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let error = serde_json::json!({
        "Code": no.code,
        "Message": no.message,
        "BucketName": call.bucket,
        "Key": Some(&call.key).filter(|key| !key.is_empty()),
    });
    xml::flat(&mut text, "Error", &error);
    Answer::new(no.status, "application/xml", text.into_bytes())
}

fn malformed() -> Refusal {
    Refusal::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

fn not_allowed() -> Refusal {
    Refusal::new(
        405,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
    )
}

fn not_implemented() -> Refusal {
    Refusal::new(
        501,
        "NotImplemented",
        "A header you provided implies functionality that is not implemented.",
    )
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::new(500, "InternalError", error.to_string())
    }
}
