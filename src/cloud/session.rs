//! One SDK configuration, its clients, and a count of every call.

use super::credentials::of_profile;
use super::rate::{Rate, Timed, Turns};
use crate::error::{Error, Result};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_cloudformation::config::ProvideCredentials;
use aws_sdk_cloudformation::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_cloudformation::config::{
    ConfigBag, Credentials, Intercept, RuntimeComponents, SharedHttpClient,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::Instant;

/// Where the SDK is pointed.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The region, if one is named.
    pub region: Option<String>,
    /// The profile, if one is named.
    pub profile: Option<String>,
    /// The embedded CloudFormation's address; then the credentials are of no account.
    pub endpoint: Option<String>,
    /// Whether the credentials stand in the environment, and cannot become fresh in this process.
    pub fixed: bool,
    /// How long one attempt of a call may take, once it is sent.
    pub patience: Duration,
    /// Where each attempt of a call is written.
    pub log: Option<PathBuf>,
}

/// How many attempts went over the wire.
#[derive(Debug, Default)]
pub struct Calls {
    attempts: AtomicU64,
    mutations: AtomicU64,
    log: Option<File>,
}

impl Calls {
    fn open(log: Option<&Path>) -> Result<Self> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).open(path);
            file.map_err(|error| Error::file(path, "write the calls", &error))
        };
        Ok(Self {
            log: log.map(open).transpose()?,
            ..Self::default()
        })
    }

    fn add(&self, operation: Option<&Metadata>) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        if !operation.is_some_and(|operation| reads(operation.name())) {
            self.mutations.fetch_add(1, Ordering::Relaxed);
        }
        if let (Some(mut log), Some(operation)) = (self.log.as_ref(), operation) {
            // One write a line: what is appended at once is not mixed. A full disk ends no deploy.
            let line = format!("{} {}\n", operation.service(), operation.name());
            let _ = log.write_all(line.as_bytes());
        }
    }

    /// Attempts so far, retries counted.
    pub fn count(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Those that ask for a change.
    pub fn mutations(&self) -> u64 {
        self.mutations.load(Ordering::Relaxed)
    }
}

/// What the names of operations begin with that ask for no change.
const READING: [&str; 13] = [
    "AssumeRole",
    "BatchGet",
    "Check",
    "Decode",
    "Describe",
    "Detect",
    "Estimate",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Simulate",
    "Validate",
];

fn reads(operation: &str) -> bool {
    READING.iter().any(|verb| operation.starts_with(verb))
}

/// Counts attempts.
#[derive(Debug)]
pub(super) struct Observer {
    calls: Arc<Calls>,
}

impl Intercept for Observer {
    fn name(&self) -> &'static str {
        "Observer"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> std::result::Result<(), aws_sdk_cloudformation::error::BoxError> {
        self.calls.add(bag.load::<Metadata>());
        Ok(())
    }
}

/// A session with CloudFormation in one region.
#[derive(Debug, Clone)]
pub struct Cloud {
    connection: Connection,
    clients: Arc<RwLock<Clients>>,
    /// When the chain was last read again.
    refreshed: Arc<tokio::sync::Mutex<Option<Instant>>>,
    rate: Arc<Rate>,
    /// The region that everything happens in.
    pub region: String,
    /// Attempts over the wire.
    pub calls: Arc<Calls>,
}

/// What is made anew when credentials are.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    pub(super) formation: aws_sdk_cloudformation::Client,
    config: SdkConfig,
}

impl Cloud {
    /// Reads the SDK's default chain and points the clients. Makes no call of CloudFormation.
    ///
    /// # Errors
    /// When neither flags, environment, profile nor manifest name a region, or calls cannot be written.
    pub async fn connect(connection: &Connection) -> Result<Self> {
        let config = configuration(connection, https()).await;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            Error::asked("no AWS region is named.")
                .hint("give --region, set AWS_REGION, or write region = \"...\" in the manifest")
        })?;
        let calls = Arc::new(Calls::open(connection.log.as_deref())?);
        let rate = Arc::<Rate>::default();
        let clients = clients(config, connection.patience, &calls, &rate);
        Ok(Self {
            connection: connection.clone(),
            clients: Arc::new(RwLock::new(clients)),
            refreshed: Arc::default(),
            rate,
            region,
            calls,
        })
    }

    /// Reads the SDK's default chain again: profiles and tokens on disk may be fresh by now. All that wait for
    /// them ask for it, and once a second is enough.
    pub async fn refresh(&self) {
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.is_some_and(|at| at.elapsed() < REFRESHED) {
            return;
        }
        let config = configuration(&self.connection, https()).await;
        let fresh = clients(config, self.connection.patience, &self.calls, &self.rate);
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        *refreshed = Some(Instant::now());
    }

    /// What all services are asked at in place of AWS, if anything is.
    pub fn endpoint(&self) -> Option<String> {
        self.config().endpoint_url().map(str::to_owned)
    }

    /// When the credentials end, if they say so: seconds since 1970.
    pub async fn expiry(&self) -> Option<u64> {
        let provider = self.config().credentials_provider()?;
        let credentials = provider.provide_credentials().await.ok()?;
        let since = credentials.expiry()?.duration_since(UNIX_EPOCH).ok()?;
        Some(since.as_secs())
    }

    /// Whether the credentials cannot become fresh while the process runs.
    pub fn is_fixed(&self) -> bool {
        self.connection.fixed
    }

    pub(super) fn formation(&self) -> aws_sdk_cloudformation::Client {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.formation.clone()
    }

    /// What counts the calls of a client.
    pub(super) fn observer(&self) -> Observer {
        Observer {
            calls: self.calls.clone(),
        }
    }

    pub(super) fn config(&self) -> SdkConfig {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.config.clone()
    }
}

/// For so long what was read of the chain is taken to be fresh.
const REFRESHED: Duration = Duration::from_secs(1);

fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

pub(super) async fn configuration(connection: &Connection, http: SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(8)
                .with_initial_backoff(Duration::from_millis(200)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .operation_attempt_timeout(connection.patience)
                .build(),
        );
    if let Some(region) = &connection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &connection.profile {
        let region = connection.region.clone().map(Region::new);
        let credentials = of_profile(profile, region, http).await;
        loader = loader
            .profile_name(profile)
            .credentials_provider(credentials);
    }
    if let Some(endpoint) = &connection.endpoint {
        let nobody = Credentials::new("embedded", "embedded", None, None, "embedded");
        loader = loader.endpoint_url(endpoint).credentials_provider(nobody);
    }
    loader.load().await
}

pub(super) fn clients(
    config: SdkConfig,
    patience: Duration,
    calls: &Arc<Calls>,
    rate: &Arc<Rate>,
) -> Clients {
    // No quota of retries ends a run: what ends a call is its own count of attempts.
    let partition = RetryPartition::custom("infra")
        .token_bucket(TokenBucket::unlimited())
        .build();
    let mut builder = aws_sdk_cloudformation::config::Builder::from(&config)
        .interceptor(Observer {
            calls: calls.clone(),
        })
        .endpoint_resolver(Turns::new(rate.clone()))
        .retry_partition(partition);
    // The SDK's own clock runs while an attempt waits for its turn.
    if let Some(timeouts) = config.timeout_config() {
        let timeouts = timeouts.to_builder().disable_operation_attempt_timeout();
        builder = builder.timeout_config(timeouts.build());
    }
    if let Some(inner) = config.http_client() {
        builder = builder.http_client(Timed {
            inner,
            rate: rate.clone(),
            patience,
        });
    }
    let formation = aws_sdk_cloudformation::Client::from_conf(builder.build());
    Clients { formation, config }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_reads_is_no_change() {
        let reading = [
            "AssumeRole",
            "AssumeRoleWithWebIdentity",
            "BatchGetProjects",
            "CheckCapacity",
            "DecodeAuthorizationMessage",
            "DescribeStacks",
            "DetectStackDrift",
            "EstimateTemplateCost",
            "GetTemplate",
            "GetCallerIdentity",
            "HeadBucket",
            "ListStacks",
            "SimulatePrincipalPolicy",
            "ValidateTemplate",
        ];
        let changing = [
            "BatchExecuteStatement",
            "CancelUpdateStack",
            "ContinueUpdateRollback",
            "CreateChangeSet",
            "CreateStack",
            "DeleteStack",
            "ExecuteChangeSet",
            "PutObject",
            "RollbackStack",
            "SetStackPolicy",
            "UpdateTerminationProtection",
        ];
        assert_eq!(reading.map(reads), [true; 14]);
        assert_eq!(changing.map(reads), [false; 11]);
    }
}
