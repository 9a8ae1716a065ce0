//! Requests as anybody makes them: not signed, and of no service's client.

use super::refusals::chain;
use super::session::Cloud;
use crate::error::{Error, Result};
use aws_sdk_cloudformation::config::http::HttpRequest;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector;
use std::time::Duration;

/// How long an answer may take: API Gateway itself waits 29 seconds for what it calls.
const PATIENCE: Duration = Duration::from_secs(35);

/// What a request from outside was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The name that AWS gives the refusal, where it does.
    pub refusal: Option<String>,
}

impl Cloud {
    /// Asks a host over HTTPS, as somebody without credentials. Where an endpoint is set, it is asked in
    /// place of the host, and told whom the request is for.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, host: &str, verb: &str, path: &str) -> Result<Answered> {
        let config = self.config();
        let base = match config.endpoint_url() {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{host}"),
        };
        let unfit = |error: &dyn std::error::Error| {
            Error::asked(format!("{verb} {path} is no request.")).because(error.to_string())
        };
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method(verb).map_err(|error| unfit(&error))?;
        request
            .set_uri(format!("{base}{path}"))
            .map_err(|error| unfit(&error))?;
        request.headers_mut().insert("host", host.to_owned());
        request.headers_mut().insert("user-agent", "infra-verify");
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        let silent = |why: String| Error::aws(format!("{host} does not answer.")).because(why);
        let answer = tokio::time::timeout(PATIENCE, connector.call(request))
            .await
            .map_err(|_| silent(format!("nothing within {} s", PATIENCE.as_secs())))?
            .map_err(|error| silent(chain(&error)))?;
        // As `ForbiddenException:http://...`, where it is long.
        let refusal = answer.headers().get("x-amzn-errortype");
        let refusal = refusal.map(|text| text.split(':').next().unwrap_or(text).to_owned());
        Ok(Answered {
            status: answer.status().as_u16(),
            refusal,
        })
    }
}
