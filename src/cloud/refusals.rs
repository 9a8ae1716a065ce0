//! What AWS refuses, as our errors.

use crate::error::{Error, Passing};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use std::iter::successors;

/// An SDK error as ours: the service's own code and words, or why it could not be reached.
pub(crate) fn refusal<E>(verb: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let passing = passing(&error);
    let code = error.code().map(str::to_owned);
    let Some(code) = code else {
        let mut ours = unexplained(verb, &error, passing);
        ours.passing = passing;
        return ours;
    };
    let message = error.message().unwrap_or("no message").to_owned();
    let mut ours = Error::aws(format!("{verb}: {message}")).because(&code);
    ours.hints.extend(hint(&code).map(str::to_owned));
    ours.code = Some(code);
    ours.passing = passing;
    ours
}

/// A call that no service gave a reason for.
fn unexplained<E>(verb: &str, error: &SdkError<E, HttpResponse>, passing: Option<Passing>) -> Error
where
    E: std::error::Error + 'static,
{
    if let Some(answer) = error.raw_response() {
        let status = answer.status().as_u16();
        return Error::aws(format!(
            "{verb}: the service answered HTTP {status} and gave no reason."
        ))
        .hint("run the same command again: what is done is not repeated");
    }
    if passing == Some(Passing::Expired) {
        return Error::aws(format!("{verb}: there are no valid credentials."))
            .because(chain(error))
            .hint(
                "refresh them (aws sso login, or whatever made them); aws sts get-caller-identity says \
                 whose they are",
            );
    }
    Error::aws(format!("{verb}: AWS could not be reached."))
        .because(chain(error))
        .hint("check the network, the region and the credentials (aws sts get-caller-identity)")
}

/// What has to pass before the same call may succeed, if that is all.
fn passing<E>(error: &SdkError<E, HttpResponse>) -> Option<Passing>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    match error.code() {
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => Some(Passing::Expired),
        Some(code) if throttles(code) => Some(Passing::Service),
        _ if status.is_some_and(|status| status >= 500) => Some(Passing::Service),
        Some(_) => None,
        // An answer that is none: something between us and the service made it.
        None if status.is_some() => Some(Passing::Service),
        None => match error {
            SdkError::TimeoutError(_) => Some(Passing::Network),
            SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
                Some(Passing::Network)
            }
            SdkError::DispatchFailure(_) => wanting(error),
            SdkError::ResponseError(_) => Some(Passing::Service),
            _ => None,
        },
    }
}

/// What has to pass where a connection was cut, or a call was never sent because whoever gives credentials gave
/// none: the session that they come from has ended, or whom they are asked of cannot be reached.
fn wanting(error: &(dyn std::error::Error + 'static)) -> Option<Passing> {
    let causes = || successors(Some(error), |error| error.source());
    let timed_out = |cause: &(dyn std::error::Error + 'static)| {
        // Errors that have no public type, or one for each operation.
        let text = cause.to_string();
        text.starts_with("identity resolver timed out") || text == "request has timed out"
    };
    let unreachable = |cause: &(dyn std::error::Error + 'static)| {
        let asked = cause.downcast_ref::<ConnectorError>();
        let provider = cause.downcast_ref::<CredentialsError>();
        let cut = cause.downcast_ref::<hyper::Error>();
        asked.is_some_and(|error| error.is_io() || error.is_timeout())
            || cut.is_some_and(|error| error.is_incomplete_message() || error.is_closed())
            || matches!(provider, Some(CredentialsError::ProviderTimedOut(_)))
            || timed_out(cause)
    };
    if causes().any(unreachable) {
        Some(Passing::Network)
    } else {
        let lacking = causes().any(|cause| cause.is::<CredentialsError>());
        lacking.then_some(Passing::Expired)
    }
}

/// Codes by which a service refuses a call for its rate. CloudFormation's `LimitExceeded` is about what there
/// may be: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>
pub(super) fn throttles(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "TooManyRequests"
            | "TooManyRequestsException"
    )
}

fn hint(code: &str) -> Option<&'static str> {
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Some(
            "the credentials have expired: refresh them (aws sso login, or whatever made them) and run the same command",
        ),
        "AccessDenied" | "AccessDeniedException" => {
            Some("infra permissions COMMAND prints the policy that a command needs")
        }
        "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException" => {
            Some("the credentials are not valid for this account or region")
        }
        "InsufficientCapabilitiesException" => {
            Some("add the capability to the stack's `capabilities` in the manifest")
        }
        _ => None,
    }
}

/// An error and what led to it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Whether the service says that the thing is not there.
pub(super) fn absent<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    match error.code() {
        Some("ValidationError") => error
            .message()
            .is_some_and(|m| m.contains("does not exist")),
        Some("ChangeSetNotFound" | "ChangeSetNotFoundException") => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::provider::{ProvideCredentials, future};
    use aws_sdk_cloudformation::config::{BehaviorVersion, Region};
    use aws_sdk_cloudformation::operation::list_stacks::ListStacksError;
    use aws_sdk_sts::operation::assume_role::AssumeRoleError;
    use std::time::Duration;

    type Listing = SdkError<ListStacksError, HttpResponse>;
    type Assuming = SdkError<AssumeRoleError, HttpResponse>;

    /// A call that was never sent, as the SDK says so.
    fn unsent(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let failure = ConnectorError::other(why.into(), None);
        refusal("ListStacks", Listing::dispatch_failure(failure))
    }

    #[test]
    fn a_want_of_credentials_passes_when_they_are_fresh() {
        let ended = "the SSO token has expired and cannot be refreshed";
        let error = unsent(CredentialsError::provider_error(ended));
        assert_eq!(error.passing, Some(Passing::Expired));
        assert_eq!(
            error.messages,
            ["ListStacks: there are no valid credentials."]
        );
        assert!(
            error.causes.iter().any(|cause| cause.ends_with(ended)),
            "{error}"
        );
        assert!(
            error
                .hints
                .iter()
                .any(|hint| hint.contains("aws sso login")),
            "{error}"
        );
        let none = unsent(CredentialsError::not_loaded_no_source());
        assert_eq!(none.passing, Some(Passing::Expired));
        assert_eq!(unsent("no endpoint").passing, None);
    }

    /// Somebody who is asked for credentials and says nothing.
    #[derive(Debug)]
    struct Silent;

    impl ProvideCredentials for Silent {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_that_nobody_gives_pass_with_the_network() {
        let config = aws_sdk_cloudformation::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Silent);
        let client = aws_sdk_cloudformation::Client::from_conf(config.build());
        let error = client.list_stacks().send().await.err();
        let error = error.map(|error| refusal("ListStacks", error));
        let passing = error.as_ref().and_then(|error| error.passing);
        assert_eq!(passing, Some(Passing::Network), "{error:?}");
    }

    #[test]
    fn credentials_that_cannot_be_asked_for_pass_with_the_network() {
        let down = ConnectorError::io("connection refused".into());
        let hung = ConnectorError::timeout("connect".into());
        for why in [
            CredentialsError::provider_error(Assuming::dispatch_failure(down)),
            CredentialsError::provider_error(Assuming::dispatch_failure(hung)),
            CredentialsError::provider_error(Assuming::timeout_error("30 s")),
            CredentialsError::provider_timed_out(Duration::from_secs(5)),
        ] {
            let error = unsent(why);
            assert_eq!(error.passing, Some(Passing::Network), "{error}");
            assert_eq!(error.messages, ["ListStacks: AWS could not be reached."]);
        }
    }
}
