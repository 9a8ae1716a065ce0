//! One rate for all calls of a run. It is free until the service throttles; then calls are spaced, and
//! spaced less with each one that is let through.

use super::refusals::throttles;
use aws_sdk_cloudformation::config::endpoint::{
    DefaultResolver, EndpointFuture, Params, ResolveEndpoint,
};
use aws_sdk_cloudformation::config::http::{HttpRequest, HttpResponse};
use aws_sdk_cloudformation::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_cloudformation::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use http_body_util::BodyExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
pub(super) struct Rate {
    spacing: Mutex<Spacing>,
    /// Held by the call that goes next; those behind it stand in the order in which they came.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Spacing {
    /// Nothing while the rate is free.
    space: Duration,
    /// When a call went last.
    went: Option<Instant>,
    /// When the space was last made wider.
    widened: Option<Instant>,
}

impl Spacing {
    /// Lets a call go, or answers when it may.
    fn go(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let next = self.went.map(|went| went + self.space);
        let later = next.filter(|next| *next > now);
        if later.is_none() {
            self.went = Some(now);
        }
        later
    }

    /// Whether what became of a call that was sent then says something of the space as it is now. Calls that
    /// were under way together say the same thing: once is enough.
    fn concerns(&self, sent: Instant) -> bool {
        self.widened.is_none_or(|at| sent > at)
    }
}

impl Rate {
    fn spacing(&self) -> MutexGuard<'_, Spacing> {
        self.spacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is the call's turn. Whoever gives up waiting has taken nobody's place.
    async fn turn(&self) {
        if self.spacing().space.is_zero() {
            return;
        }
        let _turn = self.turn.lock().await;
        loop {
            let later = self.spacing().go();
            let Some(later) = later else { return };
            tokio::time::sleep_until(later).await;
        }
    }

    /// Learns from an answer to a call that was sent then. A service that fails says nothing of its rate.
    fn heard(&self, sent: Instant, status: u16, body: &[u8]) {
        if status == 429 || (status >= 400 && throttles(code(body))) {
            self.throttled(sent);
        } else if status < 500 {
            self.answered(sent);
        }
    }

    fn throttled(&self, sent: Instant) {
        let mut spacing = self.spacing();
        if spacing.concerns(sent) {
            let now = Instant::now();
            spacing.space = (spacing.space * 2).clamp(FIRST, LONGEST);
            spacing.widened = Some(now);
            spacing.went = Some(now);
        }
    }

    fn answered(&self, sent: Instant) {
        let mut spacing = self.spacing();
        if spacing.concerns(sent) {
            spacing.space = spacing.space.mul_f64(0.95);
            if spacing.space < SHORTEST {
                spacing.space = Duration::ZERO;
            }
        }
    }
}

/// The code of a refusal, as the Query protocol writes it.
fn code(body: &[u8]) -> &str {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let code = text.split_once("<Code>").map_or("", |(_, rest)| rest);
    code.split('<').next().unwrap_or_default()
}

/// Where each attempt of a call waits for its turn. An attempt asks where it is to go before it is signed, and what
/// is signed must arrive within five minutes:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-signing.html>
#[derive(Debug)]
pub(super) struct Turns {
    endpoints: DefaultResolver,
    rate: Arc<Rate>,
}

impl Turns {
    pub(super) fn new(rate: Arc<Rate>) -> Self {
        let endpoints = DefaultResolver::new();
        Self { endpoints, rate }
    }
}

impl ResolveEndpoint for Turns {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::new(async move {
            self.rate.turn().await;
            ResolveEndpoint::resolve_endpoint(&self.endpoints, params).await
        })
    }
}

/// An HTTP client that tells the rate how its requests are received. The time of an attempt begins when it is
/// sent, however long it has waited for its turn, and ends with the last byte of the answer.
#[derive(Debug, Clone)]
pub(super) struct Timed {
    pub(super) inner: SharedHttpClient,
    pub(super) rate: Arc<Rate>,
    pub(super) patience: Duration,
}

impl HttpClient for Timed {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(TimedConnector {
            inner: self.inner.http_connector(settings, components),
            rate: self.rate.clone(),
            patience: self.patience,
        })
    }
}

#[derive(Debug)]
struct TimedConnector {
    inner: SharedHttpConnector,
    rate: Arc<Rate>,
    patience: Duration,
}

impl HttpConnector for TimedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, rate) = (self.inner.call(request), self.rate.clone());
        let (patience, sent) = (self.patience, Instant::now());
        HttpConnectorFuture::new(async move {
            let timed = tokio::time::timeout(patience, whole(answer)).await;
            let late = || format!("there was no whole answer within {patience:?}");
            let whole = timed.map_err(|_| ConnectorError::timeout(late().into()))??;
            let body = whole.body().bytes().unwrap_or_default();
            rate.heard(sent, whole.status().as_u16(), body);
            Ok(whole)
        })
    }
}

/// An answer with its body, which is read to its end.
async fn whole(answer: HttpConnectorFuture) -> Result<HttpResponse, ConnectorError> {
    let mut answer = answer.await?;
    let body = answer.body_mut().collect().await;
    *answer.body_mut() = body.map_err(ConnectorError::io)?.to_bytes().into();
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::super::refusals::refusal;
    use super::super::session::{Connection, clients, configuration};
    use super::*;
    use crate::error::Passing;
    use aws_sdk_cloudformation::Client;
    use aws_sdk_s3::primitives::SdkBody;
    use hyper::body::{Body, Bytes, Frame};
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};
    use tokio::task::JoinSet;

    const SECOND: Duration = Duration::from_secs(1);

    async fn gap(rate: &Rate) -> Duration {
        let begun = Instant::now();
        rate.turn().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_spaces_calls_and_answers_close_up() {
        let rate = Rate::default();
        let sent = Instant::now();
        assert_eq!(gap(&rate).await, Duration::ZERO);
        tokio::time::advance(SECOND).await;
        rate.throttled(sent);
        assert_eq!((gap(&rate).await, gap(&rate).await), (FIRST, FIRST));
        // What was sent before says nothing new, neither for more space nor for less.
        rate.throttled(sent);
        rate.answered(sent);
        assert_eq!(gap(&rate).await, FIRST);
        rate.throttled(Instant::now());
        assert_eq!(gap(&rate).await, FIRST * 2);
        let sent = Instant::now();
        (0..100).for_each(|_| rate.answered(sent));
        assert_eq!(gap(&rate).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_has_taken_nobodys_place() {
        let rate = Arc::<Rate>::default();
        rate.throttled(Instant::now());
        let mut waiting = JoinSet::new();
        for _ in 0..1000 {
            let rate = rate.clone();
            waiting.spawn(async move { rate.turn().await });
        }
        tokio::task::yield_now().await;
        waiting.shutdown().await;
        assert_eq!(gap(&rate).await, FIRST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_known_by_its_code_whatever_its_status() {
        let closer = FIRST.mul_f64(0.95);
        for (status, code, space) in [
            (400, "Throttling", FIRST * 2),
            (400, "ThrottlingException", FIRST * 2),
            (503, "RequestLimitExceeded", FIRST * 2),
            (503, "SlowDown", FIRST * 2),
            (429, "", FIRST * 2),
            (500, "InternalFailure", FIRST),
            (503, "ServiceUnavailable", FIRST),
            (400, "ValidationError", closer),
            // A template that speaks of it.
            (200, "Throttling", closer),
        ] {
            let rate = Rate::default();
            rate.throttled(Instant::now());
            tokio::time::advance(SECOND).await;
            let body = format!("<ErrorResponse><Error><Code>{code}</Code>");
            rate.heard(Instant::now(), status, body.as_bytes());
            assert_eq!(rate.spacing().space, space, "{status} {code}");
        }
    }

    /// A service, as it is beneath the SDK.
    #[derive(Debug, Clone)]
    struct Service {
        per_second: f64,
        /// What is left of the rate, and since when.
        left: Arc<Mutex<(f64, Instant)>>,
        /// The first so many calls are never answered, every second of them but for its head.
        hangs: usize,
        asked: Arc<AtomicUsize>,
    }

    impl Service {
        fn new(per_second: f64, hangs: usize) -> Self {
            Self {
                per_second,
                left: Arc::new(Mutex::new((per_second, Instant::now()))),
                hangs,
                asked: Arc::default(),
            }
        }

        /// Takes from the rate, if there is something left of it.
        fn lets_through(&self) -> bool {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let grown = left.0 + (now - left.1).as_secs_f64() * self.per_second;
            let grown = grown.min(self.per_second);
            let through = grown >= 1.0;
            *left = (if through { grown - 1.0 } else { grown }, now);
            through
        }

        fn answer(&self) -> (u16, SdkBody) {
            if self.lets_through() {
                let text = "<ListStacksResponse><ListStacksResult/></ListStacksResponse>";
                (200, SdkBody::from(text))
            } else {
                let code = "<Code>Throttling</Code><Message>Rate exceeded</Message>";
                let text = format!("<ErrorResponse><Error>{code}</Error></ErrorResponse>");
                (400, SdkBody::from(text))
            }
        }

        /// A client of this service, made as a session makes it.
        async fn client(&self, patience: Duration) -> Client {
            let connection = Connection {
                region: Some("us-east-1".to_owned()),
                profile: None,
                endpoint: Some("http://127.0.0.1:1".to_owned()),
                fixed: false,
                patience,
                log: None,
            };
            let config = configuration(&connection, SharedHttpClient::new(self.clone())).await;
            clients(config, patience, &Arc::default(), &Arc::default()).formation
        }
    }

    impl HttpClient for Service {
        fn http_connector(
            &self,
            _: &HttpConnectorSettings,
            _: &RuntimeComponents,
        ) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    impl HttpConnector for Service {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let (service, nth) = (self.clone(), self.asked.fetch_add(1, Ordering::Relaxed));
            HttpConnectorFuture::new(async move {
                tokio::time::sleep(Duration::from_millis(40)).await;
                let (status, body) = match nth < service.hangs {
                    true if nth.is_multiple_of(2) => std::future::pending().await,
                    true => (200, SdkBody::from_body_1_x(Endless)),
                    false => service.answer(),
                };
                let status = status
                    .try_into()
                    .map_err(|_| ConnectorError::other("no status".into(), None))?;
                Ok(HttpResponse::new(status, body))
            })
        }
    }

    /// A body that never ends.
    struct Endless;

    impl Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    /// How long so many calls take that are made at once, each until it is answered.
    async fn all(service: &Service, calls: usize, patience: Duration) -> Duration {
        let (client, begun) = (service.client(patience).await, Instant::now());
        let mut made = JoinSet::new();
        for _ in 0..calls {
            let client = client.clone();
            made.spawn(async move { while client.list_stacks().send().await.is_err() {} });
        }
        made.join_all().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_calls_wait_they_get_through_at_the_services_rate() {
        // The wait for a turn is longer than an attempt may take.
        for (calls, per_second, patience) in [
            (200, 5.0, SECOND * 30),
            (998, 10.0, SECOND * 30),
            (100, 10.0, SECOND),
        ] {
            let service = Service::new(per_second, 0);
            let took = all(&service, calls, patience).await.as_secs_f64();
            let least = calls as f64 / per_second;
            let asked = service.asked.load(Ordering::Relaxed);
            assert!(
                took < least * 1.5,
                "{calls} at {per_second} a second took {took} s"
            );
            assert!(asked < calls * 3, "{calls} calls took {asked} attempts");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_to_its_end_is_asked_again() {
        let service = Service::new(1000.0, 30);
        let took = all(&service, 20, SECOND * 2).await;
        assert_eq!(service.asked.load(Ordering::Relaxed), 50);
        assert!(took > SECOND * 4 && took < SECOND * 8, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_answers_is_a_network_that_is_down() {
        let service = Service::new(1.0, usize::MAX);
        let client = service.client(SECOND).await;
        let error = client.list_stacks().send().await.err();
        let error = error
            .map(|error| refusal("ListStacks", error))
            .unwrap_or_else(|| crate::error::Error::aws("answered"));
        assert_eq!(error.passing, Some(Passing::Network), "{error}");
        assert_eq!(service.asked.load(Ordering::Relaxed), 8);
        let cause = "dispatch failure: timeout: there was no whole answer within 1s";
        assert_eq!(error.causes, [cause]);
    }
}
