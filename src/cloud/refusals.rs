//! What AWS refuses, as our errors.

use crate::error::{Error, Passing};
use aws_sdk_cloudformation::config::http::HttpResponse;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};

/// An SDK error as ours: the service's own code and words, or why it could not be reached.
pub(crate) fn refusal<E>(verb: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let passing = passing(&error);
    let code = error.code().map(str::to_owned);
    let Some(code) = code else {
        let mut ours = match error.raw_response() {
            Some(answer) => Error::aws(format!(
                "{verb}: the service answered HTTP {} and gave no reason.",
                answer.status().as_u16()
            ))
            .hint("run the same command again: what is done is not repeated"),
            None => Error::aws(format!("{verb}: AWS could not be reached."))
                .because(chain(&error))
                .hint(
                    "check the network, the region and the credentials (aws sts get-caller-identity)",
                ),
        };
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

/// What has to pass before the same call may succeed, if that is all.
fn passing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Passing> {
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    match error.code() {
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => Some(Passing::Expired),
        Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequests") => {
            Some(Passing::Service)
        }
        _ if status.is_some_and(|status| status >= 500) => Some(Passing::Service),
        Some(_) => None,
        // An answer that is none: something between us and the service made it.
        None if status.is_some() => Some(Passing::Service),
        None => match error {
            SdkError::TimeoutError(_) => Some(Passing::Network),
            // What is neither is a want of credentials, most of the time.
            SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
                Some(Passing::Network)
            }
            SdkError::ResponseError(_) => Some(Passing::Service),
            _ => None,
        },
    }
}

fn hint(code: &str) -> Option<&'static str> {
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Some(
            "the credentials have expired: refresh them (aws sso login) and run the same command",
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
