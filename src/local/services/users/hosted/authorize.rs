//! The authorization endpoint: who is asked for, by which app, and where that leads.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html>

use super::{Desk, Visit, pages, redirect, session};
use crate::chance;
use crate::jwt::encode;
use crate::local::services::Answer;
use crate::local::services::users::facts::Client;
use crate::local::services::users::record::Waiting;
use crate::local::services::users::tokens::{self, now};
use crate::platform::web::form;

/// Seconds that a code is good for.
const CODE: u64 = 300;

/// What an app asks, as far as it may.
pub(super) struct Asked {
    client: Client,
    callback: String,
    scopes: Vec<String>,
    state: String,
    nonce: Option<String>,
    challenge: Option<String>,
}

/// Reads what is asked. Where app or callback are not known, nothing leads anywhere: a page says so.
pub(super) fn asked(visit: &Visit<'_>, desk: &Desk<'_>) -> Result<Asked, Answer> {
    let stop = |words: &str| pages::problem(400, words);
    let client = desk.client(visit, visit.text("client_id"));
    let client = client.ok_or_else(|| stop("invalid_request: there is no such app client."))?;
    let callback = visit.text("redirect_uri").to_owned();
    if !client.callbacks.contains(&callback) {
        return Err(stop(
            "redirect_mismatch: the callback is none of the app client's.",
        ));
    }
    let state = visit.text("state").to_owned();
    let back = |error: &str, why: &str| {
        let fields = [
            ("error", error),
            ("error_description", why),
            ("state", &state),
        ];
        let sent = if state.is_empty() {
            &fields[..2]
        } else {
            &fields[..]
        };
        redirect(format!("{callback}{}{}", joint(&callback), form(sent)))
    };
    if visit.text("response_type") != "code" {
        return Err(back(
            "unsupported_response_type",
            "response_type must be code",
        ));
    }
    if !client.grants.iter().any(|grant| grant == "code") {
        return Err(back(
            "unauthorized_client",
            "the app client does not allow the code grant",
        ));
    }
    let given: Vec<String> = visit
        .text("scope")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let scopes = if given.is_empty() {
        client.scopes.clone()
    } else {
        given
    };
    if scopes.iter().any(|scope| !client.scopes.contains(scope)) {
        return Err(back("invalid_scope", "a scope is none of the app client's"));
    }
    let some = |name: &str| Some(visit.text(name).to_owned()).filter(|text| !text.is_empty());
    let challenge = some("code_challenge");
    if challenge.is_some() != (visit.text("code_challenge_method") == "S256") {
        return Err(back(
            "invalid_request",
            "code_challenge goes with code_challenge_method S256",
        ));
    }
    Ok(Asked {
        client,
        callback,
        scopes,
        state,
        nonce: some("nonce"),
        challenge,
    })
}

fn joint(callback: &str) -> char {
    if callback.contains('?') { '&' } else { '?' }
}

/// GET /oauth2/authorize.
pub(super) fn authorize(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    let asked = match asked(visit, desk) {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    match session(visit, desk.held(&visit.pool)) {
        Some(user) => lead_back(visit, desk, asked, &user),
        None => redirect(format!("{}/login?{}", visit.base, visit.query)),
    }
}

/// Leads the browser back to the app, with a code.
pub(super) fn lead_back(
    visit: &Visit<'_>,
    desk: &mut Desk<'_>,
    asked: Asked,
    user: &str,
) -> Answer {
    let Ok(code) = chance::word() else {
        return pages::problem(500, "There is no code to be had.");
    };
    let waiting = Waiting::Code {
        grant: tokens::begin(user, &asked.client, asked.scopes),
        callback: asked.callback.clone(),
        challenge: asked.challenge,
        nonce: asked.nonce,
        ends: now() + CODE,
    };
    desk.held(&visit.pool).waiting.insert(code.clone(), waiting);
    let fields = [("code", code.as_str()), ("state", &asked.state)];
    let sent = if asked.state.is_empty() {
        &fields[..1]
    } else {
        &fields[..]
    };
    redirect(format!(
        "{}{}{}",
        asked.callback,
        joint(&asked.callback),
        form(sent)
    ))
}

/// Whether a verifier is the one whose digest was sent (RFC 7636, 4.6).
pub(super) fn proves(challenge: Option<&str>, verifier: &str) -> bool {
    use sha2::{Digest, Sha256};
    match challenge {
        None => verifier.is_empty(),
        Some(challenge) => {
            (43..=128).contains(&verifier.len()) && encode(Sha256::digest(verifier)) == challenge
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_worth_nothing_without_its_verifier() {
        // RFC 7636, appendix B.
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(proves(
            challenge,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        ));
        assert!(!proves(
            challenge,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"
        ));
        assert!(!proves(challenge, ""));
        assert!(!proves(None, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(proves(None, ""));
    }
}
