//! What would fail in a deploy, found before anything starts. Which checks there are follows from what
//! the plan makes.

mod api;
mod bucket;
mod caller;
mod cognito;
mod lambda;
mod names;
mod network;
mod quotas;
mod redshift;

pub use bucket::TemplateBucket;
pub use caller::Caller;

use super::Finding;
use crate::cloud::Cloud;
use crate::permissions::Right;
use crate::plan::wanted::Wanted;

/// What the checks are about.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The connection.
    pub cloud: &'a Cloud,
    /// Who asks.
    pub caller: &'a Caller,
    /// What the plan makes.
    pub wanted: &'a [Wanted],
    /// What IAM must allow the deploy itself.
    pub rights: &'a [Right],
    /// The bucket that templates go through, where one of them is too large to be sent.
    pub bucket: Option<&'a TemplateBucket>,
    /// The day, as `2026-01-31`.
    pub today: &'a str,
}

impl<'a> Context<'a> {
    /// What the plan makes of a type.
    fn all(&self, kind: &'a str) -> impl Iterator<Item = &'a Wanted> + use<'a> {
        self.wanted.iter().filter(move |one| one.kind == kind)
    }

    /// What the plan makes anew of a type.
    fn new_ones(&self, kind: &'a str) -> impl Iterator<Item = &'a Wanted> + use<'a> {
        self.all(kind).filter(|one| one.is_new)
    }
}

/// Everything that can be said before a deploy; all is asked at once.
pub async fn preflight(context: &Context<'_>) -> Vec<Finding> {
    let found = tokio::join!(
        caller::check(context),
        network::check(context),
        quotas::check(context),
        names::check(context),
        bucket::check(context),
        redshift::check(context),
        lambda::check(context),
        api::check(context),
        cognito::check(context),
    );
    let (caller, network, quotas, names, bucket, redshift, lambda, api, cognito) = found;
    [
        caller, network, quotas, names, bucket, redshift, lambda, api, cognito,
    ]
    .concat()
}
