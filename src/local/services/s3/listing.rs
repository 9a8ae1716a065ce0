//! Listings: the objects of a bucket, or their versions, a page at a time.

use super::buckets::Bucket;
use super::files::{self, Head};
use super::{Answered, Call, document};
use crate::local::query::encode;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

/// How many keys stand in one answer, unless fewer are asked for.
const PAGE: usize = 1000;

/// What of the keys is asked for.
#[derive(Debug, Default)]
struct Asked {
    prefix: String,
    delimiter: String,
    most: usize,
    escape: bool,
}

impl Asked {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let text = |name: &str| call.query.owned(name).unwrap_or_default();
        let wrong = |_| {
            let message = "Provided max-keys not an integer or within integer range";
            Refusal::new(400, "InvalidArgument", message)
        };
        let most = match call.query.text("max-keys") {
            Some(text) => text.parse::<u32>().map_err(wrong)? as usize,
            None => PAGE,
        };
        Ok(Self {
            prefix: text("prefix"),
            delimiter: text("delimiter"),
            most: most.min(PAGE),
            escape: call.query.text("encoding-type") == Some("url"),
        })
    }

    /// A key as it is told; XML cannot hold all of them.
    fn told(&self, key: &str) -> String {
        if self.escape {
            encode(key)
        } else {
            key.to_owned()
        }
    }

    fn told_if_any(&self, text: &str) -> Option<String> {
        (!text.is_empty()).then(|| self.told(text))
    }

    /// What the key counts as: itself, or all that it begins with up to the delimiter.
    fn common<'a>(&self, key: &'a str) -> Option<&'a str> {
        let rest = key.strip_prefix(self.prefix.as_str())?;
        if self.delimiter.is_empty() {
            return None;
        }
        let end = rest.find(&self.delimiter)? + self.delimiter.len() + self.prefix.len();
        key.get(..end)
    }

    fn head(&self, bucket: &str) -> Value {
        json!({
            "Name": bucket,
            "Prefix": self.told(&self.prefix),
            "Delimiter": self.told_if_any(&self.delimiter),
            "MaxKeys": self.most,
            "EncodingType": self.escape.then_some("url"),
        })
    }
}

/// A page: what is in it, the common prefixes, and the last of both if more follows.
#[derive(Debug, Default)]
struct Page {
    heads: Vec<Head>,
    prefixes: Vec<String>,
    next: Option<Next>,
}

/// After which key, and which version of it, the next page begins.
#[derive(Debug, Clone, PartialEq)]
struct Next {
    key: String,
    version: Option<String>,
}

/// Cuts a page from what was sorted; `after` is a key or a common prefix that was told before.
fn cut(heads: Vec<Head>, asked: &Asked, after: &str) -> Page {
    let mut page = Page::default();
    let mut last = None;
    let passed = |key: &str| {
        let within = !asked.delimiter.is_empty() && after.ends_with(asked.delimiter.as_str());
        !after.is_empty() && (key <= after || (within && key.starts_with(after)))
    };
    for head in heads {
        if !head.key.starts_with(&asked.prefix) || passed(&head.key) {
            continue;
        }
        let common = asked.common(&head.key);
        if common.is_some() && common == page.prefixes.last().map(String::as_str) {
            continue;
        }
        if page.heads.len() + page.prefixes.len() == asked.most {
            page.next = last;
            return page;
        }
        if let Some(common) = common {
            page.prefixes.push(common.to_owned());
            last = Some(Next {
                key: common.to_owned(),
                version: None,
            });
        } else {
            last = Some(Next {
                key: head.key.clone(),
                version: Some(head.version.clone()),
            });
            page.heads.push(head);
        }
    }
    page
}

/// ListObjectsV2 and the older ListObjects.
pub fn objects(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let asked = Asked::read(call)?;
    let second = call.query.text("list-type") == Some("2");
    let text = |name: &str| call.query.owned(name).unwrap_or_default();
    let (token, start, marker) = (
        text("continuation-token"),
        text("start-after"),
        text("marker"),
    );
    let after = match (second, token.is_empty()) {
        (false, _) => marker.clone(),
        (true, true) => start.clone(),
        (true, false) => crate::local::query::decode(&token, false),
    };
    let page = cut(current(bucket), &asked, &after);
    let contents: Vec<Value> = page
        .heads
        .iter()
        .map(|head| summary(head, &asked))
        .collect();
    let mut answer = asked.head(&call.bucket);
    let more = json!({
        "IsTruncated": page.next.is_some(),
        "Contents": contents,
        "CommonPrefixes": prefixes(&page, &asked),
    });
    let next = page.next.map(|next| next.key);
    let own = if second {
        json!({
            "KeyCount": page.heads.len() + page.prefixes.len(),
            "ContinuationToken": call.query.text("continuation-token"),
            "StartAfter": asked.told_if_any(&start),
            "NextContinuationToken": next.map(|key| encode(&key)),
        })
    } else {
        // Only with a delimiter: without one it is the last key.
        let next = next.filter(|_| !asked.delimiter.is_empty());
        json!({ "Marker": asked.told(&marker), "NextMarker": next.map(|key| asked.told(&key)) })
    };
    extend(&mut answer, more);
    extend(&mut answer, own);
    Ok(document("ListBucketResult", &answer))
}

fn current(bucket: &Bucket) -> Vec<Head> {
    let mut heads = files::all(&bucket.folder);
    heads.dedup_by(|later, first| later.key == first.key);
    heads.retain(|head| !head.deleted);
    heads
}

fn summary(head: &Head, asked: &Asked) -> Value {
    json!({
        "Key": asked.told(&head.key),
        "LastModified": head.modified,
        "ETag": format!("\"{}\"", head.etag),
        "Size": head.size,
        "StorageClass": head.headers.get("x-amz-storage-class").map_or("STANDARD", String::as_str),
    })
}

fn prefixes(page: &Page, asked: &Asked) -> Vec<Value> {
    let told = |prefix: &String| json!({ "Prefix": asked.told(prefix) });
    page.prefixes.iter().map(told).collect()
}

fn extend(answer: &mut Value, more: Value) {
    if let (Value::Object(answer), Value::Object(more)) = (answer, more) {
        answer.extend(more);
    }
}

/// ListObjectVersions.
pub fn versions(call: &Call<'_>, bucket: &Bucket) -> Answered {
    let asked = Asked::read(call)?;
    let marker = call.query.owned("key-marker").unwrap_or_default();
    let mut heads = files::all(&bucket.folder);
    let latest: Vec<(String, u64)> = {
        let mut firsts = heads.clone();
        firsts.dedup_by(|later, first| later.key == first.key);
        firsts
            .into_iter()
            .map(|head| (head.key, head.order))
            .collect()
    };
    let mut after = marker.clone();
    // The rest of a key's versions comes after the one that was told last.
    if let Some(version) = call.query.text("version-id-marker") {
        let told = heads
            .iter()
            .position(|head| head.key == marker && head.version == version);
        heads.drain(..told.map_or(0, |at| at + 1));
        if heads.first().is_some_and(|head| head.key == marker) {
            after.clear();
        }
    }
    let page = cut(heads, &asked, &after);
    let is_latest = |head: &Head| latest.contains(&(head.key.clone(), head.order));
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for head in &page.heads {
        let mut row = json!({ "VersionId": head.version, "IsLatest": is_latest(head) });
        if head.deleted {
            extend(
                &mut row,
                json!({ "Key": asked.told(&head.key), "LastModified": head.modified }),
            );
            markers.push(row);
        } else {
            extend(&mut row, summary(head, &asked));
            versions.push(row);
        }
    }
    let mut answer = asked.head(&call.bucket);
    let next = page.next.as_ref();
    let more = json!({
        "KeyMarker": asked.told(&marker),
        "VersionIdMarker": call.query.text("version-id-marker").unwrap_or_default(),
        "IsTruncated": next.is_some(),
        "NextKeyMarker": next.map(|next| asked.told(&next.key)),
        "NextVersionIdMarker": next.and_then(|next| next.version.clone()),
        "Version": versions,
        "DeleteMarker": markers,
        "CommonPrefixes": prefixes(&page, &asked),
    });
    extend(&mut answer, more);
    Ok(document("ListVersionsResult", &answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(keys: &[&str]) -> Vec<Head> {
        let head = |key: &&str| Head {
            key: (*key).to_owned(),
            ..Head::default()
        };
        keys.iter().map(head).collect()
    }

    /// All pages, one after the other.
    fn pages(keys: &[&str], asked: &Asked) -> Vec<Vec<String>> {
        let (mut told, mut after) = (Vec::new(), String::new());
        loop {
            let page = cut(heads(keys), asked, &after);
            let mut names: Vec<String> = page.heads.iter().map(|head| head.key.clone()).collect();
            names.extend(page.prefixes);
            told.push(names);
            match page.next {
                Some(next) => after = next.key,
                None => return told,
            }
        }
    }

    #[test]
    fn pages_hold_each_key_once() {
        let keys = ["a", "b/1", "b/2", "b0", "c/1", "d"];
        let mut asked = Asked {
            most: 2,
            ..Asked::default()
        };
        assert_eq!(
            pages(&keys, &asked),
            [["a", "b/1"], ["b/2", "b0"], ["c/1", "d"]]
        );
        asked.delimiter = "/".to_owned();
        assert_eq!(
            pages(&keys, &asked),
            [vec!["a", "b/"], vec!["b0", "c/"], vec!["d"]]
        );
        asked.prefix = "b/".to_owned();
        assert_eq!(pages(&keys, &asked), [["b/1", "b/2"]]);
        asked.prefix = "none".to_owned();
        assert_eq!(pages(&keys, &asked), [Vec::<String>::new()]);
    }
}
