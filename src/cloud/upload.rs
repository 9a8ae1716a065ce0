//! A body over 51,200 bytes goes through S3, named by its digest.

use super::refusals::chain;
use super::session::Cloud;
use crate::error::{Error, Result};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    ServerSideEncryption,
};
use sha2::{Digest, Sha256};

impl Cloud {
    /// S3.
    pub(crate) fn storage(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(
            aws_sdk_s3::config::Builder::from(&self.config())
                .force_path_style(self.config().endpoint_url().is_some())
                .interceptor(self.observer())
                .build(),
        )
    }

    /// The account that the credentials are of.
    pub async fn account(&self) -> Result<String> {
        self.sts()
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| super::refusals::refusal("GetCallerIdentity", error))?
            .account
            .ok_or_else(|| Error::aws("GetCallerIdentity: AWS named no account."))
    }

    /// Whether the bucket is there and ours to read.
    pub async fn has_bucket(&self, bucket: &str) -> bool {
        self.storage()
            .head_bucket()
            .bucket(bucket)
            .send()
            .await
            .is_ok()
    }

    /// Creates a private bucket for template bodies.
    ///
    /// # Errors
    /// When S3 refuses, the bucket's name being taken by another account among other reasons.
    pub async fn create_bucket(&self, bucket: &str) -> Result<()> {
        let storage = self.storage();
        let mut request = storage.create_bucket().bucket(bucket);
        // us-east-1 is the one region that may not be named:
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        if self.region != "us-east-1" {
            request = request.create_bucket_configuration(
                CreateBucketConfiguration::builder()
                    .location_constraint(BucketLocationConstraint::from(self.region.as_str()))
                    .build(),
            );
        }
        let refused = |error: &dyn std::error::Error| {
            Error::aws(format!("cannot create the bucket {bucket}.")).because(chain(error))
        };
        request.send().await.map_err(|error| refused(&error))?;
        storage
            .put_public_access_block()
            .bucket(bucket)
            .public_access_block_configuration(
                PublicAccessBlockConfiguration::builder()
                    .block_public_acls(true)
                    .block_public_policy(true)
                    .ignore_public_acls(true)
                    .restrict_public_buckets(true)
                    .build(),
            )
            .send()
            .await
            .map_err(|error| refused(&error))?;
        Ok(())
    }

    /// Puts a body into the bucket and answers its URL. The same body has the same name.
    pub async fn upload(&self, bucket: &str, body: &str) -> Result<String> {
        let digest = hex::encode(Sha256::digest(body));
        let key = format!("infra/{digest}.json");
        self.storage()
            .put_object()
            .bucket(bucket)
            .key(&key)
            .server_side_encryption(ServerSideEncryption::Aes256)
            .body(ByteStream::from(body.as_bytes().to_vec()))
            .send()
            .await
            .map_err(|error| {
                Error::aws(format!("cannot put the template into the bucket {bucket}."))
                    .because(chain(&error))
            })?;
        Ok(match self.config().endpoint_url() {
            Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{}.amazonaws.com/{key}", self.region),
        })
    }
}
