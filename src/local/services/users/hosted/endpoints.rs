//! What apps ask without a browser.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html>

use super::authorize::proves;
use super::{Desk, Visit, json_answer};
use crate::local::services::Answer;
use crate::local::services::users::facts::Client;
use crate::local::services::users::record::{Grant, Waiting};
use crate::local::services::users::tokens::{self, Given};
use serde_json::{Map, Value, json};

fn refuse(error: &str) -> Answer {
    json_answer(400, &json!({ "error": error }))
}

/// POST /oauth2/token.
pub(super) fn token(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    let Some(client) = desk.client(visit, visit.text("client_id")) else {
        return refuse("invalid_client");
    };
    // A secret is of AWS's making, and nobody knows it here.
    if client.has_secret {
        return refuse("invalid_client");
    }
    let found = match visit.text("grant_type") {
        "authorization_code" => code(visit, desk, &client),
        "refresh_token" => {
            let held = desk.held(&visit.pool);
            let grant = tokens::refreshed(held, &client, visit.text("refresh_token"));
            grant
                .map(|grant| (grant, None, false))
                .map_err(|_| "invalid_grant")
        }
        "" => Err("invalid_request"),
        _ => Err("unsupported_grant_type"),
    };
    let (grant, nonce, begins) = match found {
        Ok(found) => found,
        Err(error) => return refuse(error),
    };
    let held = desk.held(&visit.pool);
    match tokens::give(&visit.pool, &client, held, &grant, nonce.as_deref(), begins) {
        Ok(given) => json_answer(200, &told(given)),
        Err(_) => refuse("invalid_grant"),
    }
}

type Found = (Grant, Option<String>, bool);

/// The sign-in of a code. It is good once, whatever comes of it.
fn code(visit: &Visit<'_>, desk: &mut Desk<'_>, client: &Client) -> Result<Found, &'static str> {
    let held = desk.held(&visit.pool);
    let known = matches!(
        held.waiting.get(visit.text("code")),
        Some(Waiting::Code { .. })
    );
    let waiting = known
        .then(|| held.waiting.remove(visit.text("code")))
        .flatten();
    let Some(Waiting::Code {
        grant,
        callback,
        challenge,
        nonce,
        ..
    }) = waiting
    else {
        return Err("invalid_grant");
    };
    let fits = grant.client == client.id
        && callback == visit.text("redirect_uri")
        && proves(challenge.as_deref(), visit.text("code_verifier"));
    fits.then_some((grant, nonce, true)).ok_or("invalid_grant")
}

fn told(given: Given) -> Value {
    let mut told = json!({
        "access_token": given.access, "expires_in": given.lasting, "token_type": "Bearer",
    });
    for (name, token) in [("id_token", given.id), ("refresh_token", given.refresh)] {
        if let Some(token) = token {
            told[name] = Value::from(token);
        }
    }
    told
}

/// POST /oauth2/revoke.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html>
pub(super) fn revoke(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    let Some(client) = desk.client(visit, visit.text("client_id")) else {
        return refuse("invalid_client");
    };
    let token = tokens::digest(visit.text("token"));
    let held = desk.held(&visit.pool);
    match held.grants.get(&token) {
        Some(grant) if grant.client != client.id => return refuse("unauthorized_client"),
        _ => held.grants.remove(&token),
    };
    Answer::new(200, "application/json", Vec::new())
}

/// GET and POST /oauth2/userInfo.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/userinfo-endpoint.html>
pub(super) fn user_info(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    let held = desk.held(&visit.pool);
    let told = visit.bearer.as_deref().and_then(|token| {
        let (sub, claims) = tokens::bearer(&visit.pool, held, token).ok()?;
        let scopes = claims
            .get("scope")
            .and_then(Value::as_str)
            .unwrap_or_default();
        scopes
            .split(' ')
            .any(|scope| scope == "openid")
            .then_some(())?;
        let user = held.users.get(&sub)?;
        let mut told: Map<String, Value> = user
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        told.insert("sub".to_owned(), Value::from(sub));
        told.insert("username".to_owned(), Value::from(user.username.as_str()));
        Some(Value::Object(told))
    });
    match told {
        Some(told) => json_answer(200, &told),
        None => json_answer(
            401,
            &json!({
                "error": "invalid_token", "error_description": "Access token is expired, disabled, or deleted, or the user has globally signed out.",
            }),
        ),
    }
}
