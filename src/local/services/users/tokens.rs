//! The tokens that a pool gives, and who brings one back.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-with-identity-providers.html>

use super::facts::{Client, Pool};
use super::keys::SigningKey;
use super::passwords::internal;
use super::record::{Grant, User, UserPool};
use crate::chance;
use crate::jwt::{Claims, Keys, Unfit, encode};
use crate::local::ids;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The scope of tokens that the API gives.
pub const ADMIN: &str = "aws.cognito.signin.user.admin";

/// What a sign-in gives.
#[derive(Debug)]
pub struct Given {
    /// The ID token; none without the scope openid.
    pub id: Option<String>,
    /// The access token.
    pub access: String,
    /// The refresh token, where the sign-in begins.
    pub refresh: Option<String>,
    /// Seconds that the access token lasts.
    pub lasting: u64,
}

/// Now, in seconds since 1970.
pub fn now() -> u64 {
    ids::seconds(&ids::now()) as u64
}

/// A token's digest, which is all that is kept of it.
pub fn digest(token: &str) -> String {
    encode(Sha256::digest(token))
}

/// A sign-in that begins.
pub fn begin(user: &str, client: &Client, scopes: Vec<String>) -> Grant {
    let now = now();
    Grant {
        user: user.to_owned(),
        client: client.id.clone(),
        scopes,
        began: now,
        ends: now + client.lasting("RefreshToken"),
        origin: ids::uuid(),
    }
}

/// Tokens of a sign-in. With a refresh token where it begins.
///
/// # Errors
/// When the user is not there any more, or the system refuses.
pub fn give(
    pool: &Pool,
    client: &Client,
    held: &mut UserPool,
    grant: &Grant,
    nonce: Option<&str>,
    begins: bool,
) -> Result<Given, Refusal> {
    let user = held
        .users
        .get(&grant.user)
        .ok_or_else(super::wrong)?
        .clone();
    ensure(held)?;
    let sign = |claims: Value| {
        held.key
            .sign(&claims)
            .ok_or_else(|| internal(&"no token could be signed"))
    };
    let now = now();
    let access = sign(access(pool, client, grant, &user, now))?;
    let openid = grant
        .scopes
        .iter()
        .any(|scope| scope == "openid" || scope == ADMIN);
    let id = match openid {
        true => Some(sign(identity(
            pool,
            client,
            grant,
            &user,
            (now, nonce, &access),
        ))?),
        false => None,
    };
    let refresh = match begins {
        true => Some(
            chance::bytes::<64>()
                .map(encode)
                .map_err(|error| internal(&error))?,
        ),
        false => None,
    };
    if let Some(refresh) = &refresh {
        held.grants.retain(|_, grant| grant.ends > now);
        held.grants.insert(digest(refresh), grant.clone());
    }
    Ok(Given {
        id,
        access,
        refresh,
        lasting: client.lasting("AccessToken"),
    })
}

/// Makes the pool's key, if it has none yet.
///
/// # Errors
/// When the system refuses.
pub fn ensure(held: &mut UserPool) -> Result<(), Refusal> {
    if !held.key.is_there() {
        held.key = SigningKey::make().map_err(|error| internal(&error))?;
    }
    Ok(())
}

fn access(pool: &Pool, client: &Client, grant: &Grant, user: &User, now: u64) -> Value {
    json!({
        "sub": grant.user,
        "iss": pool.issuer,
        "client_id": client.id,
        "origin_jti": grant.origin,
        "event_id": ids::uuid(),
        "token_use": "access",
        "scope": grant.scopes.join(" "),
        "auth_time": grant.began,
        "exp": now + client.lasting("AccessToken"),
        "iat": now,
        "jti": ids::uuid(),
        "username": user.username,
    })
}

fn identity(
    pool: &Pool,
    client: &Client,
    grant: &Grant,
    user: &User,
    (now, nonce, access): (u64, Option<&str>, &str),
) -> Value {
    let mut claims = json!({
        "sub": grant.user,
        "iss": pool.issuer,
        "cognito:username": user.username,
        "origin_jti": grant.origin,
        "aud": client.id,
        "event_id": ids::uuid(),
        "token_use": "id",
        "auth_time": grant.began,
        "exp": now + client.lasting("IdToken"),
        "iat": now,
        "jti": ids::uuid(),
    });
    for (name, value) in &user.attributes {
        claims[name.as_str()] = match name.as_str() {
            "email_verified" => Value::Bool(value == "true"),
            _ => Value::from(value.as_str()),
        };
    }
    // OpenID Connect Core, 3.1.3.6: half of the access token's hash. What the API gives has none.
    if !grant.scopes.iter().any(|scope| scope == ADMIN) {
        claims["at_hash"] = Value::from(encode(&Sha256::digest(access)[..16]));
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = Value::from(nonce);
    }
    claims
}

/// The sign-in that a refresh token goes on with.
///
/// # Errors
/// In Cognito's words, when there is none.
pub fn refreshed(held: &UserPool, client: &Client, token: &str) -> Result<Grant, Refusal> {
    let no = |words: &str| Err(Refusal::new(400, "NotAuthorizedException", words));
    let Some(grant) = held.grants.get(&digest(token)) else {
        return no("Invalid Refresh Token");
    };
    let user = held.users.get(&grant.user);
    match user {
        _ if grant.client != client.id => no("Invalid Refresh Token"),
        _ if grant.ends <= now() => no("Refresh Token has expired"),
        None => no("Invalid Refresh Token"),
        Some(user) if user.disabled => no("User is disabled."),
        Some(_) => Ok(grant.clone()),
    }
}

/// The public keys, as others read them.
pub fn published(held: &UserPool) -> Value {
    let keys: Vec<Value> = held
        .key
        .is_there()
        .then(|| held.key.public())
        .into_iter()
        .collect();
    json!({ "keys": keys })
}

/// What a token of the pool says that is of that use, and has not expired. One whose sign-in was
/// revoked is still good for others than Cognito, until it expires: so it is there too.
///
/// # Errors
/// Why it is not believed.
pub fn verified(pool: &Pool, held: &UserPool, token: &str, wanted: &str) -> Result<Claims, Unfit> {
    let keys = Keys::parse(published(held).to_string().as_bytes()).unwrap_or_default();
    let claims = keys.signed(token)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("iss") != pool.issuer {
        return Err(Unfit::Issuer(text("iss").to_owned()));
    }
    if text("token_use") != wanted {
        return Err(Unfit::Use(if wanted == "id" { "ID" } else { "access" }));
    }
    let ends = claims.get("exp").and_then(Value::as_u64);
    match ends.is_some_and(|ends| ends > now()) {
        true => Ok(claims),
        false => Err(Unfit::Expired),
    }
}

/// The user whose access token that is.
///
/// # Errors
/// In Cognito's words, when it is nobody's or its sign-in was ended.
pub fn bearer(pool: &Pool, held: &UserPool, token: &str) -> Result<(String, Claims), Refusal> {
    let no = |words: &str| Refusal::new(400, "NotAuthorizedException", words);
    let claims = verified(pool, held, token, "access").map_err(|unfit| match unfit {
        Unfit::Expired => no("Access Token has expired"),
        _ => no("Invalid Access Token"),
    })?;
    let text = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let origin = text("origin_jti");
    if !held.grants.values().any(|grant| grant.origin == origin) {
        return Err(no("Access Token has been revoked"));
    }
    Ok((text("sub"), claims))
}
