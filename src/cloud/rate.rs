//! One rate for all calls of a run. It is free until the service throttles; then calls are spaced, and
//! spaced less with each one that is let through.

use aws_sdk_cloudformation::config::http::HttpRequest;
use aws_sdk_cloudformation::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The space that the first refusal makes.
const FIRST: Duration = Duration::from_millis(100);
/// CloudFormation lets through more than that, whatever else asks it.
const LONGEST: Duration = Duration::from_secs(2);
/// Below that there is no space.
const SHORTEST: Duration = Duration::from_millis(5);

/// The rate that all calls share.
#[derive(Debug, Default)]
pub(super) struct Rate(Mutex<Spacing>);

#[derive(Debug, Default)]
struct Spacing {
    space: Duration,
    next: Option<Instant>,
    widened: Option<Instant>,
}

impl Rate {
    /// When the next call may go.
    fn slot(&self) -> Instant {
        let mut spacing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let slot = spacing.next.unwrap_or(now).max(now);
        spacing.next = Some(slot + spacing.space);
        slot
    }

    /// The service refused a call for its rate.
    pub(super) fn throttled(&self) {
        let mut spacing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Calls that were under way together say the same thing: once is enough.
        let fresh = spacing
            .widened
            .is_none_or(|at| now.duration_since(at) > spacing.space * 2);
        if fresh {
            spacing.space = (spacing.space * 2).clamp(FIRST, LONGEST);
            spacing.widened = Some(now);
        }
    }

    /// The service answered.
    pub(super) fn answered(&self) {
        let mut spacing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spacing.space = spacing.space.mul_f64(0.95);
        if spacing.space < SHORTEST {
            spacing.space = Duration::ZERO;
        }
    }
}

/// An HTTP client whose every request waits for its turn, retries too.
#[derive(Debug, Clone)]
pub(super) struct Paced {
    pub(super) inner: SharedHttpClient,
    pub(super) rate: Arc<Rate>,
}

impl HttpClient for Paced {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(PacedConnector {
            inner: self.inner.http_connector(settings, components),
            rate: self.rate.clone(),
        })
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    rate: Arc<Rate>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, slot) = (self.inner.clone(), self.rate.slot());
        HttpConnectorFuture::new(async move {
            tokio::time::sleep_until(slot).await;
            inner.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_spaces_calls_and_answers_close_up() {
        let rate = Rate::default();
        let gap = || rate.slot() - Instant::now();
        assert_eq!((gap(), gap()), (Duration::ZERO, Duration::ZERO));
        rate.throttled();
        rate.throttled();
        assert_eq!(gap(), Duration::ZERO);
        assert_eq!(gap(), FIRST);
        tokio::time::advance(Duration::from_secs(1)).await;
        rate.throttled();
        gap();
        assert_eq!(gap(), FIRST * 2);
        (0..100).for_each(|_| rate.answered());
        tokio::time::advance(Duration::from_secs(1)).await;
        gap();
        assert_eq!(gap(), Duration::ZERO);
    }
}
