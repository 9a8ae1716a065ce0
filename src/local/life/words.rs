//! How a refusal reads in an event.

use crate::local::ids;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum No {
    /// CloudFormation's own words.
    Own(String),
    /// A handler's words, with its error code.
    Handler(&'static str, String),
    /// A service's words, that a handler hands on.
    Service {
        service: &'static str,
        status: u16,
        code: &'static str,
        words: String,
    },
}

/// A service's refusal as most are: status 400, InvalidRequest.
pub(super) fn no(service: &'static str, words: impl Into<String>) -> No {
    No::Service {
        service,
        status: 400,
        code: "InvalidRequest",
        words: words.into(),
    }
}

impl No {
    /// The same with another status and another error code of the handler.
    /// <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html>
    pub(super) fn with(self, status: u16, code: &'static str) -> Self {
        match self {
            Self::Service { service, words, .. } => Self::Service {
                service,
                status,
                code,
                words,
            },
            other => other,
        }
    }

    /// The status reason.
    pub(super) fn told(self) -> String {
        let returned = |words: String, code: &str| {
            format!(
                "Resource handler returned message: \"{words}\" (RequestToken: {}, \
                 HandlerErrorCode: {code})",
                ids::uuid()
            )
        };
        match self {
            Self::Own(words) => words,
            Self::Handler(code, words) => returned(words, code),
            Self::Service {
                service,
                status,
                code,
                words,
            } => returned(
                format!(
                    "{words} (Service: {service}, Status Code: {status}, Request ID: {}) (SDK \
                     Attempt Count: 1)",
                    ids::uuid()
                ),
                code,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_as_it_does_in_an_account() {
        let told = no("Ec2", "The maximum number of VPCs has been reached.")
            .with(400, "GeneralServiceException")
            .told();
        let (start, rest) = told.split_once(" (Service: Ec2").unwrap();
        assert_eq!(
            start,
            "Resource handler returned message: \"The maximum number of VPCs has been reached."
        );
        assert!(
            rest.starts_with(", Status Code: 400, Request ID: "),
            "{told}"
        );
        assert!(
            rest.contains(") (SDK Attempt Count: 1)\" (RequestToken: "),
            "{told}"
        );
        assert!(
            told.ends_with(", HandlerErrorCode: GeneralServiceException)"),
            "{told}"
        );
        assert_eq!(No::Own("no".to_owned()).told(), "no");
    }
}
