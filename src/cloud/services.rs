//! The other services' clients, for what is read before and after a deploy.

use super::session::Cloud;
use aws_config::retry::RetryConfig;
use std::time::Duration;

/// Attempts of a read: it is to answer within seconds, and what it cannot tell is said to be unknown.
const ATTEMPTS: u32 = 3;

macro_rules! services {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident,)*) => {
        impl Cloud {
            $(
                $(#[$doc])*
                pub(crate) fn $name(&self) -> $sdk::Client {
                    let builder = $sdk::config::Builder::from(&self.config())
                        .interceptor(self.observer())
                        .retry_config(
                            RetryConfig::standard()
                                .with_max_attempts(ATTEMPTS)
                                .with_initial_backoff(Duration::from_millis(100)),
                        );
                    $sdk::Client::from_conf(builder.build())
                }
            )*
        }
    };
}

services! {
    /// API Gateway.
    apigateway: aws_sdk_apigateway,
    /// Cloud Control, which reads a resource of any type.
    cloudcontrol: aws_sdk_cloudcontrol,
    /// Cognito user pools.
    cognito: aws_sdk_cognitoidentityprovider,
    /// EC2.
    ec2: aws_sdk_ec2,
    /// IAM.
    iam: aws_sdk_iam,
    /// Lambda.
    lambda: aws_sdk_lambda,
    /// The Redshift Data API.
    redshift_data: aws_sdk_redshiftdata,
    /// Redshift Serverless.
    redshift: aws_sdk_redshiftserverless,
    /// Service Quotas.
    quotas: aws_sdk_servicequotas,
    /// STS.
    sts: aws_sdk_sts,
    /// AWS WAF.
    waf: aws_sdk_wafv2,
}
