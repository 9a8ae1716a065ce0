//! Uploads in parts: kept beside the objects until they are completed.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use super::buckets::Bucket;
use super::files::{self, Head};
use super::objects::{head_of, may_write, part, quoted, source, written};
use super::{Answered, Call, document, empty, malformed};
use crate::local::ids;
use crate::local::refusal::Refusal;
use crate::local::store::write_atomically;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The least that every part but the last has.
const LEAST: usize = 5 * 1024 * 1024;

/// CreateMultipartUpload.
pub fn create(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let id = ids::uuid().replace('-', "");
    let head = head_of(call, bucket)?;
    let file = bucket.folder.join("uploads").join(&id).join("head.json");
    write_atomically(
        &file,
        &serde_json::to_vec(&head).map_err(std::io::Error::from)?,
    )?;
    let answer = json!({ "Bucket": call.bucket, "Key": call.key, "UploadId": id });
    Ok(document("InitiateMultipartUploadResult", &answer))
}

/// The upload that the request names: its folder, and what it will be.
fn find(call: &Call<'_>, bucket: &Bucket) -> Result<(PathBuf, Head), Refusal> {
    let missing = || {
        Refusal::new(
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may \
             have been aborted or completed.",
        )
    };
    let id = call.query.text("uploadId").unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(missing());
    }
    let folder = bucket.folder.join("uploads").join(id);
    let text = std::fs::read(folder.join("head.json")).map_err(|_| missing())?;
    let head: Head = serde_json::from_slice(&text).map_err(|_| missing())?;
    if head.key == call.key {
        Ok((folder, head))
    } else {
        Err(missing())
    }
}

fn file(number: u16) -> String {
    format!("{number:05}.part")
}

/// UploadPart and UploadPartCopy.
pub fn put_part(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let (folder, _) = find(call, bucket)?;
    let number = call.query.text("partNumber").and_then(|n| n.parse().ok());
    let number: u16 = number.filter(|n| (1..=10_000).contains(n)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        Refusal::new(400, "InvalidArgument", message)
    })?;
    if call.header("x-amz-copy-source").is_none() {
        let body = call.body()?;
        write_atomically(&folder.join(file(number)), &body)?;
        return Ok(empty(200).with("etag", quoted(&files::digest(&body))));
    }
    let (_, whole) = source(call)?;
    let range = call.header("x-amz-copy-source-range").unwrap_or_default();
    let body = part(range, &whole)?.map_or(&whole[..], |(_, _, part)| part);
    write_atomically(&folder.join(file(number)), body)?;
    let answer = json!({ "ETag": quoted(&files::digest(body)), "LastModified": ids::now() });
    Ok(document("CopyPartResult", &answer))
}

/// ListParts.
pub fn list_parts(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let (folder, _) = find(call, bucket)?;
    let mut numbers: Vec<u16> = std::fs::read_dir(&folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".part")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let mut parts: Vec<Value> = Vec::new();
    for number in numbers {
        let body = std::fs::read(folder.join(file(number)))?;
        let etag = quoted(&files::digest(&body));
        parts.push(json!({ "PartNumber": number, "ETag": etag, "Size": body.len() }));
    }
    let answer = json!({
        "Bucket": call.bucket,
        "Key": call.key,
        "UploadId": call.query.text("uploadId"),
        "MaxParts": 10_000,
        "IsTruncated": false,
        "Part": parts,
    });
    Ok(document("ListPartsResult", &answer))
}

/// CompleteMultipartUpload.
pub fn complete(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let (folder, mut head) = find(call, bucket)?;
    may_write(call, bucket)?;
    let asked = call.document()?;
    let (mut body, mut digests, mut last) = (Vec::new(), Vec::new(), 0);
    let mut short = false;
    for part in asked.all("Part") {
        let number = part.text_of("PartNumber").and_then(|n| n.parse().ok());
        let number: u16 = number.ok_or_else(malformed)?;
        if number <= last {
            let message = "The list of parts was not in ascending order. The parts list must be \
                           specified in order by part number.";
            return Err(Refusal::new(400, "InvalidPartOrder", message));
        }
        if short {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            return Err(Refusal::new(400, "EntityTooSmall", message));
        }
        last = number;
        let content = std::fs::read(folder.join(file(number))).map_err(|_| invalid())?;
        let digest = files::digest(&content);
        let stated = part.text_of("ETag").unwrap_or_default();
        if stated.trim_matches('"') != digest {
            return Err(invalid());
        }
        short = content.len() < LEAST;
        body.extend_from_slice(&content);
        digests.push(digest);
    }
    if digests.is_empty() {
        return Err(malformed());
    }
    head.etag = joint(&digests);
    let head = files::add(&bucket.folder, head, &body)?;
    std::fs::remove_dir_all(&folder)?;
    let answer = json!({
        "Location": format!("/{}/{}", call.bucket, call.key),
        "Bucket": call.bucket,
        "Key": call.key,
        "ETag": quoted(&head.etag),
    });
    let answer = document("CompleteMultipartUploadResult", &answer);
    Ok(written(answer, &head, bucket))
}

fn invalid() -> Refusal {
    Refusal::new(
        400,
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.",
    )
}

/// The digest of the parts' digests, and how many they are.
fn joint(digests: &[String]) -> String {
    let bytes = digests.iter().filter_map(|digest| hex::decode(digest).ok());
    let bytes = bytes.collect::<Vec<_>>().concat();
    format!("{}-{}", files::digest(&bytes), digests.len())
}

/// AbortMultipartUpload.
pub fn abort(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let (folder, _) = find(call, bucket)?;
    std::fs::remove_dir_all(folder)?;
    Ok(empty(204))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_joint_digest_is_of_the_digests() {
        // What Python says of md5(md5(a) + md5(b)).
        let digests = [files::digest(b"a"), files::digest(b"b")];
        assert_eq!(joint(&digests), "96e024ba2074fe77e8e965ba43a704be-2");
    }
}
