//! Tokens, and whom they are from: the user pools that the authorizer names.

use super::super::holdings::Holdings;
use super::super::users;
use super::responses::{self, Refused};
use crate::jwt::Unfit;
use crate::local::core::Core;
use serde_json::Value;

/// What a token says of its bearer, if one of the pools (ARNs) issued it. With scopes it has to be an
/// access token that has one of them, without them an ID token.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html>
pub fn claims(
    core: &Core,
    holdings: &Holdings<'_>,
    token: &str,
    (pools, scopes): (&[&str], &[&str]),
) -> Result<Value, Refused> {
    let pools = pools.iter().filter_map(|arn| arn.rsplit('/').next());
    let pools: Vec<&str> = pools.collect();
    let verified = users::claims(core, holdings.state, &pools, token, !scopes.is_empty());
    let claims = verified.map_err(|unfit| match unfit {
        Unfit::Expired => {
            Refused::saying(responses::UNAUTHORIZED, "The incoming token has expired")
        }
        _ => responses::UNAUTHORIZED.into(),
    })?;
    let given = claims
        .get("scope")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let has = |scope: &&str| given.split(' ').any(|given| given == *scope);
    if !scopes.is_empty() && !scopes.iter().any(has) {
        return Err(responses::UNAUTHORIZED.into());
    }
    Ok(Value::Object(claims))
}
