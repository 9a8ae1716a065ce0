//! One SDK configuration, its clients, and a count of every call.

use crate::error::{Error, Result};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_cloudformation::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_cloudformation::config::{ConfigBag, Credentials, Intercept, RuntimeComponents};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where the SDK is pointed.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The region, if one is named.
    pub region: Option<String>,
    /// The profile, if one is named.
    pub profile: Option<String>,
    /// The embedded CloudFormation's address; then the credentials are of no account.
    pub endpoint: Option<String>,
}

/// How many attempts went over the wire.
#[derive(Debug, Default)]
pub struct Calls {
    attempts: AtomicU64,
    mutations: AtomicU64,
}

impl Calls {
    /// Attempts so far, retries counted.
    pub fn count(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Those that ask for a change.
    pub fn mutations(&self) -> u64 {
        self.mutations.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Counter(Arc<Calls>);

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> std::result::Result<(), aws_sdk_cloudformation::error::BoxError> {
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
        let reads = bag.load::<Metadata>().is_some_and(|operation| {
            ["Describe", "Get", "List"]
                .iter()
                .any(|verb| operation.name().starts_with(verb))
        });
        if !reads {
            self.0.mutations.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A session with CloudFormation in one region.
#[derive(Debug, Clone)]
pub struct Cloud {
    pub(super) formation: aws_sdk_cloudformation::Client,
    pub(super) config: aws_config::SdkConfig,
    /// The region that everything happens in.
    pub region: String,
    /// Attempts over the wire.
    pub calls: Arc<Calls>,
}

impl Cloud {
    /// Reads the SDK's default chain and points the clients. Makes no call of CloudFormation.
    ///
    /// # Errors
    /// When neither flags, environment, profile nor manifest name a region.
    pub async fn connect(connection: &Connection) -> Result<Self> {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(8))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(5))
                    .operation_attempt_timeout(Duration::from_secs(30))
                    .build(),
            );
        if let Some(region) = &connection.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &connection.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &connection.endpoint {
            let nobody = Credentials::new("embedded", "embedded", None, None, "embedded");
            loader = loader.endpoint_url(endpoint).credentials_provider(nobody);
        }
        let config = loader.load().await;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            Error::asked("no AWS region is named.")
                .hint("give --region, set AWS_REGION, or write region = \"...\" in the manifest")
        })?;
        let calls = Arc::new(Calls::default());
        let formation = aws_sdk_cloudformation::Client::from_conf(
            aws_sdk_cloudformation::config::Builder::from(&config)
                .interceptor(Counter(calls.clone()))
                .build(),
        );
        Ok(Self {
            formation,
            config,
            region,
            calls,
        })
    }
}
