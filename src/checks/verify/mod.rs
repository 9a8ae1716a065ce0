//! Whether what is deployed works: the live things, beside what their stacks ask. Which checks there are
//! follows from the types of the resources, in whatever stacks they are.

mod api;
mod asked;
mod cognito;
mod comparison;
mod groups;
mod lambda;
mod network;
mod outside;
mod redshift;
mod routes;
mod rules;
mod stages;
mod waf;

pub use asked::{Asked, Stack, asked};

use super::Finding;
use crate::cloud::Cloud;
use crate::project::Project;

/// What the checks are about.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The connection.
    pub cloud: &'a Cloud,
    /// The project, which knows where a resource stands.
    pub project: &'a Project,
    /// What the stacks ask.
    pub asked: &'a [Asked],
}

impl<'a> Context<'a> {
    /// What the stacks ask of a type.
    fn all(&self, kind: &'a str) -> impl Iterator<Item = &'a Asked> + Clone + use<'a> {
        self.asked.iter().filter(move |one| one.kind == kind)
    }
}

/// Everything that can be said of what is deployed; all is asked at once.
pub async fn verify(context: &Context<'_>) -> Vec<Finding> {
    let found = tokio::join!(
        network::check(context),
        routes::check(context),
        groups::check(context),
        redshift::check(context),
        lambda::check(context),
        api::check(context),
        stages::check(context),
        cognito::check(context),
        waf::check(context),
        outside::check(context),
    );
    let (network, routes, groups, redshift, lambda, api, stages, cognito, waf, outside) = found;
    [
        network, routes, groups, redshift, lambda, api, stages, cognito, waf, outside,
    ]
    .concat()
}
