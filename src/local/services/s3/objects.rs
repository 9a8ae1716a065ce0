//! Objects: put, got, copied, deleted, tagged.

use super::buckets::{Bucket, Versioning};
use super::files::{self, Head, NULL};
use super::{Answer, Answered, Call, document, empty, malformed};
use crate::local::ids;
use crate::local::query::{Query, decode};
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Headers that an object is put with and told with.
const KEPT: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];

/// A head for what the request puts.
pub fn head_of(call: &Call<'_>, bucket: &Bucket) -> Result<Head, Refusal> {
    let tags = call.header("x-amz-tagging").unwrap_or_default();
    Ok(Head {
        key: call.key.clone(),
        version: fresh_version(bucket),
        headers: headers(call),
        tags: checked(Query::parse(tags).into_iter().collect())?,
        ..Head::default()
    })
}

fn headers(call: &Call<'_>) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = call
        .request
        .headers
        .iter()
        .filter(|(name, _)| {
            KEPT.contains(&name.as_str()) || name.as_str().starts_with("x-amz-meta-")
        })
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    // How the body came is not how it is.
    if let Some(encodings) = headers.remove("content-encoding") {
        let own = encodings.split(',').map(str::trim);
        let own: Vec<&str> = own.filter(|one| *one != "aws-chunked").collect();
        if !own.is_empty() {
            headers.insert("content-encoding".to_owned(), own.join(","));
        }
    }
    let mut otherwise = |name: &str, value: &str| {
        let entry = headers.entry(name.to_owned());
        entry.or_insert_with(|| value.to_owned());
    };
    otherwise("content-type", "binary/octet-stream");
    otherwise("x-amz-server-side-encryption", "AES256");
    headers
}

/// At most ten tags, with keys and values of bounded length.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>
fn checked(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refusal> {
    if tags.len() > 10 {
        let message = "Object tags cannot be greater than 10";
        return Err(Refusal::new(400, "BadRequest", message));
    }
    let long = |text: &String, most| text.chars().count() > most;
    if tags.keys().any(|key| key.is_empty() || long(key, 128)) {
        let message = "The TagKey you have provided is invalid";
        return Err(Refusal::new(400, "InvalidTag", message));
    }
    if tags.values().any(|value| long(value, 256)) {
        let message = "The TagValue you have provided is invalid";
        return Err(Refusal::new(400, "InvalidTag", message));
    }
    Ok(tags)
}

fn fresh_version(bucket: &Bucket) -> String {
    match bucket.versioning() {
        Versioning::Enabled => ids::uuid().replace('-', ""),
        Versioning::Off | Versioning::Suspended => NULL.to_owned(),
    }
}

/// PutObject.
pub fn put(call: &Call<'_>, bucket: &Bucket) -> Answered {
    may_write(call, bucket)?;
    let body = call.body()?;
    let mut head = head_of(call, bucket)?;
    head.etag = files::digest(&body);
    let head = files::add(&bucket.folder, head, &body)?;
    Ok(written(empty(200), &head, bucket).with("etag", quoted(&head.etag)))
}

/// Adds what every answer to a write tells.
pub fn written(answer: Answer, head: &Head, bucket: &Bucket) -> Answer {
    let mut answer = answer;
    for (name, value) in &head.headers {
        if name.starts_with("x-amz-server-side-encryption") {
            answer = answer.with(name, value.clone());
        }
    }
    versioned(answer, head, bucket)
}

fn versioned(answer: Answer, head: &Head, bucket: &Bucket) -> Answer {
    if bucket.versioning() == Versioning::Off {
        return answer;
    }
    answer.with("x-amz-version-id", head.version.clone())
}

/// An ETag as it is told.
pub fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn names(list: &str, etag: &str) -> bool {
    let mut names = list.split(',').map(|name| name.trim().trim_matches('"'));
    names.any(|name| name == "*" || name == etag)
}

/// A write on a condition.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
pub fn may_write(call: &Call<'_>, bucket: &Bucket) -> Result<(), Refusal> {
    let there = files::current(&bucket.folder, &call.key);
    let matching = |list: &str| there.as_ref().is_some_and(|head| names(list, &head.etag));
    if call.header("if-none-match").is_some_and(matching) {
        return Err(failed_condition());
    }
    match call.header("if-match") {
        Some(_) if there.is_none() => Err(missing()),
        Some(list) if !matching(list) => Err(failed_condition()),
        _ => Ok(()),
    }
}

fn failed_condition() -> Refusal {
    Refusal::new(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
}

fn missing() -> Refusal {
    Refusal::new(404, "NoSuchKey", "The specified key does not exist.")
}

/// The version of the key that is asked for; without one, the current.
fn find(bucket: &Bucket, key: &str, version: Option<&str>) -> Result<Head, Refusal> {
    let Some(version) = version else {
        return files::current(&bucket.folder, key).ok_or_else(missing);
    };
    let found = files::versions(&bucket.folder, key)
        .into_iter()
        .find(|head| head.version == version)
        .ok_or_else(|| {
            Refusal::new(
                404,
                "NoSuchVersion",
                "The specified version does not exist.",
            )
        })?;
    if found.deleted {
        return Err(super::not_allowed());
    }
    Ok(found)
}

/// GetObject and HeadObject.
pub fn get(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let head = find(bucket, &call.key, call.query.text("versionId"))?;
    if call
        .header("if-match")
        .is_some_and(|list| !names(list, &head.etag))
    {
        return Err(failed_condition());
    }
    if call
        .header("if-none-match")
        .is_some_and(|list| names(list, &head.etag))
    {
        return Ok(empty(304).with("etag", quoted(&head.etag)));
    }
    let body = files::body(&bucket.folder, &head)?;
    let content_type = head.headers.get("content-type");
    let content_type = content_type.map_or("binary/octet-stream", String::as_str);
    let range = call.header("range").unwrap_or_default();
    let answer = match part(range, &body)? {
        Some((first, end, part)) => {
            let told = format!("bytes {first}-{}/{}", end - 1, body.len());
            Answer::new(206, content_type, part.to_vec()).with("content-range", told)
        }
        None => Answer::new(200, content_type, body),
    };
    Ok(described(answer, &head, bucket))
}

fn described(answer: Answer, head: &Head, bucket: &Bucket) -> Answer {
    let mut answer = answer
        .with("etag", quoted(&head.etag))
        .with("last-modified", ids::http_date(&head.modified))
        .with("accept-ranges", "bytes".to_owned());
    for (name, value) in head
        .headers
        .iter()
        .filter(|(name, _)| *name != "content-type")
    {
        answer = answer.with(name, value.clone());
    }
    if !head.tags.is_empty() {
        answer = answer.with("x-amz-tagging-count", head.tags.len().to_string());
    }
    versioned(answer, head, bucket)
}

/// A range of bytes: from one to another, or so many at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Range {
    From(usize, Option<usize>),
    Last(usize),
}

/// What a Range header asks for. One that cannot be read, or asks for several, asks for nothing.
fn ranged(header: &str) -> Option<Range> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    Some(match (first, last) {
        ("", last) => Range::Last(last.parse().ok()?),
        (first, "") => Range::From(first.parse().ok()?, None),
        (first, last) => Range::From(first.parse().ok()?, Some(last.parse().ok()?)),
    })
}

impl Range {
    /// The first byte and the one after the last, of so many.
    fn within(self, size: usize) -> Option<(usize, usize)> {
        let (first, end) = match self {
            Self::Last(count) => (size.saturating_sub(count), size),
            Self::From(first, last) => {
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                (first, end)
            }
        };
        (first < end).then_some((first, end))
    }
}

/// What the request copies: its head and its body.
pub fn source(call: &Call<'_>) -> Result<(Head, Vec<u8>), Refusal> {
    let source = call.header("x-amz-copy-source").unwrap_or_default();
    let (path, version) = source
        .split_once("?versionId=")
        .map_or((source, None), |(path, version)| (path, Some(version)));
    let path = decode(path.trim_start_matches('/'), false);
    let (from, key) = path.split_once('/').ok_or_else(|| {
        let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
        Refusal::new(400, "InvalidArgument", message)
    })?;
    let from = Bucket::open(call.core, from)?;
    let source = find(&from, key, version)?;
    let body = files::body(&from.folder, &source)?;
    Ok((source, body))
}

/// A part of a body: where it begins and ends, and its bytes.
pub type Part<'a> = (usize, usize, &'a [u8]);

/// The part of a body that a header asks for: its first byte, the one after its last, and itself.
pub fn part<'a>(header: &str, body: &'a [u8]) -> Result<Option<Part<'a>>, Refusal> {
    let Some(range) = ranged(header) else {
        return Ok(None);
    };
    let unfit = || {
        let message = "The requested range is not satisfiable";
        Refusal::new(416, "InvalidRange", message)
    };
    let (first, end) = range.within(body.len()).ok_or_else(unfit)?;
    Ok(body.get(first..end).map(|part| (first, end, part)))
}

/// CopyObject.
pub fn copy(call: &Call<'_>, bucket: &Bucket) -> Answered {
    may_write(call, bucket)?;
    let (source, body) = source(call)?;
    let mut head = head_of(call, bucket)?;
    if call.header("x-amz-metadata-directive") != Some("REPLACE") {
        head.headers.clone_from(&source.headers);
    }
    if call.header("x-amz-tagging-directive") != Some("REPLACE") {
        head.tags.clone_from(&source.tags);
    }
    head.etag = files::digest(&body);
    let head = files::add(&bucket.folder, head, &body)?;
    let result = json!({ "ETag": quoted(&head.etag), "LastModified": head.modified });
    Ok(written(
        document("CopyObjectResult", &result),
        &head,
        bucket,
    ))
}

/// What a deletion did: the version that is gone or was made, and whether that is a delete marker.
struct Deleted {
    version: Option<String>,
    marker: bool,
}

/// With a version that one goes; without, where versions are kept, a delete marker is put on top.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html>
fn remove(bucket: &Bucket, key: &str, version: Option<&str>) -> std::io::Result<Deleted> {
    let versions = files::versions(&bucket.folder, key);
    let kept = bucket.versioning();
    let wanted = match (version, kept) {
        (Some(version), _) => version,
        (None, Versioning::Off) => NULL,
        (None, Versioning::Enabled | Versioning::Suspended) => {
            let marker = Head {
                key: key.to_owned(),
                version: fresh_version(bucket),
                deleted: true,
                ..Head::default()
            };
            let marker = files::add(&bucket.folder, marker, b"")?;
            return Ok(Deleted {
                version: Some(marker.version),
                marker: true,
            });
        }
    };
    let mut deleted = Deleted {
        version: version.map(str::to_owned),
        marker: false,
    };
    for head in versions.iter().filter(|head| head.version == wanted) {
        files::remove(&bucket.folder, head)?;
        deleted.marker = head.deleted;
    }
    Ok(deleted)
}

/// DeleteObject. What is not there is deleted all the same.
pub fn delete(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let deleted = remove(bucket, &call.key, call.query.text("versionId"))?;
    let mut answer = empty(204);
    if let Some(version) = deleted.version {
        answer = answer.with("x-amz-version-id", version);
    }
    if deleted.marker {
        answer = answer.with("x-amz-delete-marker", "true".to_owned());
    }
    Ok(answer)
}

/// DeleteObjects.
pub fn delete_many(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let asked = call.document()?;
    let quiet = asked.text_of("Quiet") == Some("true");
    let mut rows = Vec::new();
    for object in asked.all("Object") {
        let key = object.text_of("Key").ok_or_else(malformed)?;
        let version = object.text_of("VersionId");
        let deleted = remove(bucket, key, version)?;
        let made = deleted.marker && version.is_none();
        rows.push(json!({
            "Key": key,
            "VersionId": version,
            "DeleteMarker": deleted.marker.then_some(true),
            "DeleteMarkerVersionId": deleted.version.filter(|_| made),
        }));
    }
    let rows = if quiet { Vec::new() } else { rows };
    Ok(document("DeleteResult", &json!({ "Deleted": rows })))
}

/// GetObjectTagging.
pub fn get_tags(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let head = find(bucket, &call.key, call.query.text("versionId"))?;
    let tag = |(key, value): (&String, &String)| json!({ "Key": key, "Value": value });
    let tags: Vec<Value> = head.tags.iter().map(tag).collect();
    let answer = document("Tagging", &json!({ "TagSet": { "Tag": tags } }));
    Ok(versioned(answer, &head, bucket))
}

/// PutObjectTagging.
pub fn put_tags(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let asked = call.document()?;
    let set = asked.all("TagSet").next().ok_or_else(malformed)?;
    let tag = |tag: &crate::local::xml::Node| {
        let value = tag.text_of("Value").ok_or_else(malformed)?;
        Ok((
            tag.text_of("Key").ok_or_else(malformed)?.to_owned(),
            value.to_owned(),
        ))
    };
    let tags: Result<BTreeMap<String, String>, Refusal> = set.all("Tag").map(tag).collect();
    retag(call, bucket, checked(tags?)?, 200)
}

/// DeleteObjectTagging.
pub fn delete_tags(call: &Call<'_>, bucket: &Bucket) -> Answered {
    retag(call, bucket, BTreeMap::new(), 204)
}

fn retag(
    call: &Call<'_>,
    bucket: &Bucket,
    tags: BTreeMap<String, String>,
    status: u16,
) -> Answered {
    let mut head = find(bucket, &call.key, call.query.text("versionId"))?;
    let body = files::body(&bucket.folder, &head)?;
    head.tags = tags;
    files::write(&bucket.folder, &head, &body)?;
    Ok(versioned(empty(status), &head, bucket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_within_the_body() {
        let of = |header: &str| ranged(header).map(|range| range.within(10));
        assert_eq!(of("bytes=0-3"), Some(Some((0, 4))));
        assert_eq!(of("bytes=8-99"), Some(Some((8, 10))));
        assert_eq!(of("bytes=4-"), Some(Some((4, 10))));
        assert_eq!(of("bytes=-4"), Some(Some((6, 10))));
        assert_eq!(of("bytes=10-"), Some(None));
        assert_eq!(of("bytes=0-1,3-4"), None);
    }

    #[test]
    fn tags_are_bounded() {
        let tags = |count: usize| (0..count).map(|n| (n.to_string(), String::new())).collect();
        assert!(checked(tags(10)).is_ok());
        assert_eq!(checked(tags(11)).unwrap_err().code, "BadRequest");
        let long = BTreeMap::from([("k".repeat(129), String::new())]);
        assert_eq!(checked(long).unwrap_err().code, "InvalidTag");
    }
}
