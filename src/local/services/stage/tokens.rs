//! Tokens, and whom they are from. No user pool here has issued one yet, so that none is good: what
//! verifies them comes in here.

use super::responses::{self, Refused};
use serde_json::Value;

/// What a token says of its bearer, if one of the pools (ARNs) issued it. With scopes it has to be an
/// access token that has one of them, without them an ID token.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html>
pub fn claims(token: &str, pools: &[&str], scopes: &[&str]) -> Result<Value, Refused> {
    let _ = (token, pools, scopes);
    Err(responses::UNAUTHORIZED.into())
}
