//! Cognito: a sign-in prefix is one of the whole region's, whoever's account.

use super::Context;
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::plan::wanted::Wanted;

const CHECK: &str = "sign-in domain";

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let created = context.new_ones("AWS::Cognito::UserPoolDomain");
    for one in created.filter(|one| !one.replaces) {
        if let Some(domain) = one.text("Domain") {
            found.push(look(context, one, &domain).await);
        }
    }
    found
}

/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_DescribeUserPoolDomain.html>
async fn look(context: &Context<'_>, one: &Wanted, domain: &str) -> Finding {
    let request = context.cloud.cognito().describe_user_pool_domain();
    let answer = request.domain(domain).send().await;
    let answer = match answer.map_err(|error| refusal("DescribeUserPoolDomain", error)) {
        Ok(answer) => answer,
        Err(error) => return Finding::unknown(CHECK, &error).about(one),
    };
    // One that nobody has is described by nothing.
    let pool = answer
        .domain_description
        .and_then(|known| known.user_pool_id);
    match pool {
        Some(pool) => Finding::failed(CHECK, format!("{domain} is taken, by the user pool {pool}"))
            .about(one)
            .hint("choose another prefix"),
        None => Finding::ok(CHECK, format!("{domain} is free, or of another account")).about(one),
    }
}
