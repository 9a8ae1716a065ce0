//! As much of S3 as template bodies need: buckets and objects, path style, kept as files.

use super::{Answer, Request};
use crate::local::query::{decode, encode};
use crate::local::store::write_atomically;
use std::path::{Path, PathBuf};

/// Answers a request from the files under `directory`.
pub fn answer(directory: &Path, request: &Request<'_>) -> Answer {
    let path = request.path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let (bucket, key) = (decode(bucket, false), decode(key, false));
    if !is_bucket_name(&bucket) {
        return refused(
            400,
            "InvalidBucketName",
            "The specified bucket is not valid.",
        );
    }
    let folder = directory.join("s3").join(&bucket);
    match (request.method, key.is_empty()) {
        ("PUT", true) => put_bucket(&folder, request.query),
        _ if !folder.is_dir() => {
            refused(404, "NoSuchBucket", "The specified bucket does not exist")
        }
        ("HEAD" | "GET", true) => plain(200, Vec::new()),
        ("PUT", false) => put_object(&file_of(&folder, &key), request),
        ("HEAD" | "GET", false) => get_object(&file_of(&folder, &key)),
        ("DELETE", false) => {
            let _ = std::fs::remove_file(file_of(&folder, &key));
            plain(204, Vec::new())
        }
        _ => refused(501, "NotImplemented", "The embedded S3 does not do that."),
    }
}

/// The body of the object that a template's URL names.
pub fn read_url(directory: &Path, url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let path = path.split('?').next().unwrap_or(path);
    let (bucket, key) = match host.split_once(".s3") {
        _ if url.starts_with("s3://") => (host, path),
        Some((bucket, _)) => (bucket, path),
        None => path.split_once('/')?,
    };
    let (bucket, key) = (decode(bucket, false), decode(key, false));
    if !is_bucket_name(&bucket) {
        return None;
    }
    std::fs::read_to_string(file_of(&directory.join("s3").join(bucket), &key)).ok()
}

/// Whether anything lies in the bucket.
pub fn has_objects(directory: &Path, bucket: &str) -> bool {
    let folder = directory.join("s3").join(bucket);
    is_bucket_name(bucket)
        && std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn is_bucket_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && !name.contains("..")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
}

// One flat folder a bucket: whatever is not plain in a key is escaped, slashes first of all.
fn file_of(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("o-{}", encode(key)))
}

fn put_bucket(folder: &Path, query: &str) -> Answer {
    let configures = !query.is_empty() && !query.starts_with("x-id=");
    if configures {
        return plain(200, Vec::new());
    }
    match std::fs::create_dir_all(folder) {
        Ok(()) => plain(200, Vec::new()),
        Err(error) => refused(500, "InternalError", &error.to_string()),
    }
}

fn put_object(file: &Path, request: &Request<'_>) -> Answer {
    let body = if request.chunked {
        unchunk(request.body)
    } else {
        request.body.to_vec()
    };
    match write_atomically(file, &body) {
        Ok(()) => plain(200, Vec::new()),
        Err(error) => refused(500, "InternalError", &error.to_string()),
    }
}

fn get_object(file: &Path) -> Answer {
    match std::fs::read(file) {
        Ok(body) => plain(200, body),
        Err(_) => refused(404, "NoSuchKey", "The specified key does not exist."),
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let header = String::from_utf8_lossy(&rest[..end]);
        let size = header.split(';').next().unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        let Some(chunk) = rest.get(end + 2..(end + 2).saturating_add(size)) else {
            break;
        };
        if size == 0 {
            break;
        }
        out.extend_from_slice(chunk);
        rest = rest.get(end + 2 + size + 2..).unwrap_or_default();
    }
    out
}

fn plain(status: u16, body: Vec<u8>) -> Answer {
    Answer {
        status,
        content_type: "application/xml",
        body,
    }
}

/// A refusal in S3's form.
pub fn refused(status: u16, code: &str, message: &str) -> Answer {
    let mut body = String::from("<Error><Code>");
    crate::local::xml::escape(&mut body, code);
    body.push_str("</Code><Message>");
    crate::local::xml::escape(&mut body, message);
    body.push_str("</Message></Error>");
    plain(status, body.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_back_by_either_kind_of_url() {
        let directory = tempfile::tempdir().unwrap();
        let ask = |method, path, body: &[u8], chunked| {
            answer(
                directory.path(),
                &Request {
                    method,
                    path,
                    query: "",
                    target: "",
                    chunked,
                    body,
                },
            )
        };
        assert_eq!(ask("PUT", "/bucket/a/b.json", b"x", false).status, 404);
        assert_eq!(ask("PUT", "/bucket", b"", false).status, 200);
        assert_eq!(
            ask("PUT", "/bucket/a/b.json", b"2\r\nhi\r\n0\r\n\r\n", true).status,
            200
        );
        for url in [
            "http://127.0.0.1:1/bucket/a/b.json",
            "https://bucket.s3.eu.com/a/b.json",
        ] {
            assert_eq!(read_url(directory.path(), url).as_deref(), Some("hi"));
        }
        assert_eq!(ask("GET", "/../etc/passwd", b"", false).status, 400);
    }
}
