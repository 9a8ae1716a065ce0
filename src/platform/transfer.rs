//! A file into the data bucket: in parts, each with a checksum that S3 holds it to, under a name that its
//! content gives.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use crate::cloud::{Cloud, refusal};
use crate::error::{Error, Result};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use sha2::{Digest, Sha256};
use std::path::Path;
use tokio::io::AsyncReadExt;

/// A part, at the least: S3 takes none below 5 MiB but the last.
const PART: u64 = 8 * 1024 * 1024;
/// Parts of an upload, at the most.
const PARTS: u64 = 10_000;

/// Where a file goes, and what it was when it was checked.
#[derive(Debug)]
pub struct Upload<'a> {
    /// The file.
    pub path: &'a Path,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub digest: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
}

impl Upload<'_> {
    /// Uploads the file, telling after each part how many bytes are there; false if it was there already.
    ///
    /// # Errors
    /// What S3 refuses, and a file that is no longer what it was.
    pub async fn run(&self, cloud: &Cloud, told: impl Fn(u64)) -> Result<bool> {
        let client = cloud.storage();
        if self.is_there(&client).await? {
            return Ok(false);
        }
        let created = client
            .create_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .content_type("text/csv")
            .metadata("sha256", self.digest)
            .send()
            .await
            .map_err(|error| refusal("CreateMultipartUpload", error))?;
        let id = created
            .upload_id
            .ok_or_else(|| Error::aws("CreateMultipartUpload: S3 named no upload."))?;
        let done = match self.parts(&client, &id, told).await {
            Ok(parts) => self.complete(&client, &id, parts).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            let abort = client.abort_multipart_upload().bucket(self.bucket);
            let _ = abort.key(self.key).upload_id(&id).send().await;
        }
        done.map(|()| true)
    }

    async fn is_there(&self, client: &Client) -> Result<bool> {
        let head = client.head_object().bucket(self.bucket).key(self.key);
        match head.send().await {
            Ok(head) => {
                let length = head.content_length.unwrap_or_default();
                Ok(u64::try_from(length) == Ok(self.bytes))
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found()) =>
            {
                Ok(false)
            }
            Err(error) => {
                Err(refusal("HeadObject", error)
                    .hint(format!("the data bucket is {}", self.bucket)))
            }
        }
    }

    async fn parts(
        &self,
        client: &Client,
        id: &str,
        told: impl Fn(u64),
    ) -> Result<Vec<CompletedPart>> {
        let unreadable = |error: std::io::Error| Error::file(self.path, "read the data", &error);
        let mut file = tokio::fs::File::open(self.path).await.map_err(unreadable)?;
        let size = PART.max(self.bytes.div_ceil(PARTS));
        let (mut parts, mut digest, mut sent) = (Vec::new(), Sha256::new(), 0_u64);
        for number in 1.. {
            let mut part = Vec::new();
            (&mut file)
                .take(size)
                .read_to_end(&mut part)
                .await
                .map_err(unreadable)?;
            if part.is_empty() && number > 1 {
                break;
            }
            digest.update(&part);
            sent += part.len() as u64;
            let uploaded = client
                .upload_part()
                .bucket(self.bucket)
                .key(self.key)
                .upload_id(id)
                .part_number(number)
                .checksum_algorithm(ChecksumAlgorithm::Sha256)
                .body(ByteStream::from(part))
                .send()
                .await
                .map_err(|error| refusal("UploadPart", error))?;
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(uploaded.e_tag)
                    .set_checksum_sha256(uploaded.checksum_sha256)
                    .build(),
            );
            told(sent);
        }
        match hex::encode(digest.finalize()) == self.digest {
            true => Ok(parts),
            false => Err(Error::asked(format!(
                "{} was changed while it was read.",
                self.path.display()
            ))
            .hint("run the same command again once it is written")),
        }
    }

    async fn complete(&self, client: &Client, id: &str, parts: Vec<CompletedPart>) -> Result<()> {
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        client
            .complete_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .upload_id(id)
            .multipart_upload(parts)
            .send()
            .await
            .map_err(|error| refusal("CompleteMultipartUpload", error))?;
        Ok(())
    }
}
