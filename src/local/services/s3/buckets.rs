//! Buckets: those that requests created, and those that stacks hold.

use super::super::holdings::Held;
use super::{Answer, Answered, Call, document, empty, files, malformed};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::model::State;
use crate::local::refusal::Refusal;
use crate::local::store::write_atomically;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is on disk of a bucket beside its objects.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// When it was created.
    created: String,
    /// The stack that holds it; nothing if a request created it.
    owner: Option<String>,
    /// Whether a request deleted what the stack believes to hold.
    gone: bool,
    /// Its settings as they were sent, by their name in the query.
    settings: BTreeMap<String, String>,
}

/// What a stack says of its bucket.
#[derive(Debug, Clone, Default)]
pub struct Made {
    stack: String,
    created: String,
    /// The properties.
    pub properties: Value,
    /// Its tags, those of the stack included.
    pub tags: BTreeMap<String, String>,
    /// Its policy.
    pub policy: Option<Value>,
}

/// A bucket that is there.
#[derive(Debug)]
pub struct Bucket {
    /// Where its objects are.
    pub folder: PathBuf,
    /// The region.
    pub region: String,
    /// What the stack says that holds it.
    pub made: Option<Made>,
    kept: Kept,
}

/// Whether a bucket keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// It never did.
    Off,
    /// It does.
    Enabled,
    /// It did.
    Suspended,
}

/// Where a bucket's objects are.
pub fn folder(directory: &Path, name: &str) -> PathBuf {
    directory.join("s3").join(name)
}

impl Bucket {
    /// The bucket of that name.
    pub fn open(core: &Core, name: &str) -> Result<Self, Refusal> {
        let missing = || {
            let message = "The specified bucket does not exist";
            Refusal::new(404, "NoSuchBucket", message)
        };
        let folder = folder(core.store.directory(), name);
        let made = made(&core.store.state(), name);
        let mut kept = read(&folder);
        if let Some(made) = &made {
            kept = Some(taken_over(&folder, kept, made)?);
        } else {
            // The stack that held it is gone, and the bucket with it.
            kept = kept.filter(|kept| kept.owner.is_none());
        }
        let kept = kept.filter(|kept| !kept.gone).ok_or_else(missing)?;
        Ok(Self {
            folder,
            region: core.options.region.clone(),
            made,
            kept,
        })
    }

    /// A setting as it was sent.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.kept.settings.get(name).map(String::as_str)
    }

    /// Keeps a setting, or forgets it.
    pub fn set(&mut self, name: &str, value: Option<String>) -> std::io::Result<()> {
        match value {
            Some(value) => self.kept.settings.insert(name.to_owned(), value),
            None => self.kept.settings.remove(name),
        };
        write(&self.folder, &self.kept)
    }

    /// Whether it keeps versions.
    pub fn versioning(&self) -> Versioning {
        let stated = match self.setting("versioning") {
            Some(text) => crate::local::xml::read(text)
                .and_then(|node| node.text_of("Status").map(str::to_owned)),
            None => self
                .made
                .as_ref()
                .and_then(|made| made.properties["VersioningConfiguration"]["Status"].as_str())
                .map(str::to_owned),
        };
        match stated.as_deref() {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => Versioning::Off,
        }
    }
}

/// What is on disk of a bucket that a stack holds: what another stack left there is gone.
fn taken_over(folder: &Path, kept: Option<Kept>, made: &Made) -> std::io::Result<Kept> {
    if let Some(kept) = kept {
        if kept.owner.as_ref() == Some(&made.stack) {
            return Ok(kept);
        }
        if kept.owner.is_some() {
            std::fs::remove_dir_all(folder)?;
        }
    }
    let kept = Kept {
        created: made.created.clone(),
        owner: Some(made.stack.clone()),
        ..Kept::default()
    };
    write(folder, &kept)?;
    Ok(kept)
}

fn made(state: &State, name: &str) -> Option<Made> {
    let (stack, bucket) = state
        .resources("AWS::S3::Bucket")
        .find(|(_, bucket)| bucket.physical_id == name)?;
    let policy = state
        .resources("AWS::S3::BucketPolicy")
        .find(|(_, policy)| policy.properties["Bucket"] == name)
        .map(|(_, policy)| policy.properties["PolicyDocument"].clone());
    Some(Made {
        stack: stack.id.clone(),
        created: bucket.updated.clone(),
        properties: bucket.properties.clone(),
        tags: Held {
            stack: Some(stack),
            resource: bucket,
        }
        .tags(),
        policy,
    })
}

fn read(folder: &Path) -> Option<Kept> {
    let text = std::fs::read(folder.join("bucket.json")).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether a request created the bucket, and no stack.
pub fn is_requested(directory: &Path, name: &str) -> bool {
    read(&folder(directory, name)).is_some_and(|kept| kept.owner.is_none() && !kept.gone)
}

fn write(folder: &Path, kept: &Kept) -> std::io::Result<()> {
    write_atomically(&folder.join("bucket.json"), &serde_json::to_vec(kept)?)
}

/// CreateBucket.
pub fn create(call: &Call<'_>) -> Answered {
    // A client that signs for another region than this one has its bucket all the same.
    let region = match call.request.region {
        "" => call.core.options.region.as_str(),
        signed => signed,
    };
    let body = call.body()?;
    let wanted = match std::str::from_utf8(&body).map_err(|_| malformed())? {
        text if text.trim().is_empty() => None,
        text => crate::local::xml::read(text)
            .ok_or_else(malformed)?
            .text_of("LocationConstraint")
            .map(str::to_owned),
    };
    let fits = match wanted.as_deref() {
        None => region == "us-east-1",
        Some(wanted) => wanted == region && region != "us-east-1",
    };
    if !fits {
        let wanted = wanted.as_deref().unwrap_or("unspecified");
        return Err(Refusal::new(
            400,
            "IllegalLocationConstraintException",
            format!(
                "The {wanted} location constraint is incompatible for the region specific \
                 endpoint this request was sent to."
            ),
        ));
    }
    if Bucket::open(call.core, &call.bucket).is_ok() {
        if region == "us-east-1" {
            return Ok(located(&call.bucket));
        }
        return Err(Refusal::new(
            409,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        ));
    }
    let folder = folder(call.core.store.directory(), &call.bucket);
    let held = made(&call.core.store.state(), &call.bucket);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let kept = Kept {
        created: ids::now(),
        owner: held.map(|made| made.stack),
        ..Kept::default()
    };
    write(&folder, &kept)?;
    Ok(located(&call.bucket))
}

fn located(bucket: &str) -> Answer {
    empty(200).with("location", format!("/{bucket}"))
}

/// DeleteBucket.
pub fn delete(bucket: Bucket) -> Answered {
    if !files::all(&bucket.folder).is_empty() {
        return Err(Refusal::new(
            409,
            "BucketNotEmpty",
            "The bucket you tried to delete is not empty",
        ));
    }
    std::fs::remove_dir_all(&bucket.folder)?;
    if bucket.made.is_some() {
        let kept = Kept {
            gone: true,
            settings: BTreeMap::new(),
            ..bucket.kept
        };
        write(&bucket.folder, &kept)?;
    }
    Ok(empty(204))
}

/// HeadBucket.
pub fn head(bucket: &Bucket) -> Answer {
    empty(200).with("x-amz-bucket-region", bucket.region.clone())
}

/// GetBucketLocation, in which us-east-1 has no name.
pub fn location(bucket: &Bucket) -> Answer {
    match bucket.region.as_str() {
        "us-east-1" => document("LocationConstraint", &json!({})),
        region => document("LocationConstraint", &json!(region)),
    }
}

/// ListBuckets.
pub fn list(call: &Call<'_>) -> Answered {
    let directory = call.core.store.directory().join("s3");
    let on_disk = std::fs::read_dir(directory).into_iter().flatten();
    let mut names: BTreeSet<String> = on_disk
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    {
        let state = call.core.store.state();
        let held = state.resources("AWS::S3::Bucket");
        names.extend(held.map(|(_, bucket)| bucket.physical_id.clone()));
    }
    let buckets: Vec<Value> = names
        .iter()
        .filter_map(|name| {
            let bucket = Bucket::open(call.core, name).ok()?;
            Some(json!({ "Name": name, "CreationDate": bucket.kept.created }))
        })
        .collect();
    let account = &call.core.options.account;
    Ok(document(
        "ListAllMyBucketsResult",
        &json!({ "Owner": { "ID": ids::stable(account) }, "Buckets": { "Bucket": buckets } }),
    ))
}
