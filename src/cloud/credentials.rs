//! The credentials of a profile that is named.

use aws_config::Region;
use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// Who names a profile means its account, whatever keys stand in the environment: the AWS CLI's order, which is
/// not that of the SDK's chain.
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-authentication.html#cli-chap-authentication-precedence>
pub(super) async fn of_profile(
    profile: &str,
    region: Option<Region>,
    http: SharedHttpClient,
) -> CredentialsProviderChain {
    let region = match region {
        Some(region) => Some(region),
        None => {
            let chain = DefaultRegionChain::builder().profile_name(profile);
            chain.build().region().await
        }
    };
    let config = ProviderConfig::default()
        .with_http_client(http)
        .with_region(region);
    let own = ProfileFileCredentialsProvider::builder().configure(&config);
    let ecs = EcsCredentialsProvider::builder().configure(&config);
    let imds = ImdsCredentialsProvider::builder().configure(&config);
    CredentialsProviderChain::first_try("Profile", own.profile_name(profile).build())
        .or_else("EcsContainer", ecs.build())
        .or_else("Ec2InstanceMetadata", imds.build())
}
