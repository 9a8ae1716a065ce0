//! Signing in by the API.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html>

use super::facts::{Client, Pool};
use super::passwords::{internal, who};
use super::record::{User, UserPool, Waiting};
use super::tokens::{self, Given, now};
use super::{Desk, invalid, no_user, passwords, wrong};
use crate::chance;
use crate::local::ids;
use crate::local::refusal::Refusal;
use crate::srp::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Seconds that an answer is waited for.
const PATIENCE: u64 = 180;

/// InitiateAuth.
pub(super) fn initiate(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let flow = desk.text("AuthFlow")?.to_owned();
    let given = desk.asked["AuthParameters"].clone();
    let (pool, client, held) = desk.client()?;
    start(&pool, &client, held, &flow, &given)
}

/// AdminInitiateAuth.
pub(super) fn initiate_as_admin(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let flow = desk.text("AuthFlow")?.to_owned();
    let given = desk.asked["AuthParameters"].clone();
    let named = desk.text("UserPoolId")?.to_owned();
    let (pool, client, held) = desk.client()?;
    if pool.id != named {
        return Err(super::no_pool(&named));
    }
    start(&pool, &client, held, &flow, &given)
}

fn start(
    pool: &Pool,
    client: &Client,
    held: &mut UserPool,
    flow: &str,
    given: &Value,
) -> Result<Value, Refusal> {
    let text = |name: &str| {
        let text = given[name].as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| invalid(&format!("Missing required parameter {name}")))
    };
    let flow = if flow == "REFRESH_TOKEN" {
        "REFRESH_TOKEN_AUTH"
    } else {
        flow
    };
    if !client.allows(flow) {
        let message = match flow {
            "USER_SRP_AUTH" => "USER_SRP_AUTH is not enabled for the client.".to_owned(),
            _ => format!("{flow} flow not enabled for this client"),
        };
        return Err(invalid(&message));
    }
    match flow {
        "REFRESH_TOKEN_AUTH" => {
            let grant = tokens::refreshed(held, client, text("REFRESH_TOKEN")?)?;
            let given = tokens::give(pool, client, held, &grant, None, false)?;
            Ok(done(given))
        }
        "USER_SRP_AUTH" => challenge(pool, client, held, text("USERNAME")?, text("SRP_A")?),
        "USER_PASSWORD_AUTH" | "ADMIN_USER_PASSWORD_AUTH" => {
            let (name, password) = (text("USERNAME")?, text("PASSWORD")?);
            let sub = checked(pool, client, held, name, |user| {
                passwords::is(pool, user, password)
            })?;
            welcome(pool, client, held, sub)
        }
        other => Err(invalid(&format!(
            "the embedded Cognito knows no flow {other}"
        ))),
    }
}

/// Asks for a proof of the password. Where nobody has that name, one is asked for all the same.
fn challenge(
    pool: &Pool,
    client: &Client,
    held: &mut UserPool,
    name: &str,
    public: &str,
) -> Result<Value, Refusal> {
    let sub = held.find(pool, name);
    let user = sub.as_ref().and_then(|sub| held.users.get(sub));
    if user.is_none() && !client.discreet {
        return Err(no_user());
    }
    let nobody = stranger(pool, name);
    let user = user
        .filter(|user| !user.verifier.is_empty())
        .unwrap_or(&nobody);
    let random = chance::bytes().map_err(|error| internal(&error))?;
    let server = Server::new(&user.verifier, public, random)
        .ok_or_else(|| invalid("SRP_A is not a valid number"))?;
    let block = chance::bytes::<192>().map_err(|error| internal(&error))?;
    let block = STANDARD.encode(block);
    let asked = json!({
        "SALT": user.salt,
        "SECRET_BLOCK": block,
        "SRP_B": server.public(),
        "USERNAME": user.username,
        "USER_ID_FOR_SRP": user.username,
    });
    let waiting = Waiting::Proof {
        name: user.username.clone(),
        user: sub,
        server: Box::new(server),
        client: client.id.clone(),
        ends: now() + PATIENCE,
    };
    held.waiting.insert(block, waiting);
    Ok(json!({ "ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": asked }))
}

/// Who stands in for a user that is not there: always the same for the same name.
fn stranger(pool: &Pool, name: &str) -> User {
    let drawn = ids::stable(&format!("{}/{}", pool.id, name.to_lowercase()));
    let part = |from: usize, to: usize| drawn.get(from..to).unwrap_or_default().to_owned();
    User {
        username: format!(
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        ),
        salt: part(32, 64),
        verifier: hex::encode(drawn),
        ..User::default()
    }
}

/// RespondToAuthChallenge.
pub(super) fn respond(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let name = desk.text("ChallengeName")?.to_owned();
    let given = desk.asked["ChallengeResponses"].clone();
    let session = desk.asked["Session"].as_str().map(str::to_owned);
    let (pool, client, held) = desk.client()?;
    let text = |name: &str| {
        let text = given[name].as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| invalid(&format!("Missing required parameter {name}")))
    };
    match name.as_str() {
        "PASSWORD_VERIFIER" => {
            let block = text("PASSWORD_CLAIM_SECRET_BLOCK")?;
            let (proof, time) = (text("PASSWORD_CLAIM_SIGNATURE")?, text("TIMESTAMP")?);
            let waiting = held.waiting.remove(block).ok_or_else(wrong)?;
            let Waiting::Proof {
                user: sub,
                name,
                server,
                client: began,
                ..
            } = waiting
            else {
                return Err(wrong());
            };
            if began != client.id {
                return Err(wrong());
            }
            let (block, proof) = (STANDARD.decode(block), STANDARD.decode(proof));
            let holds = match (block, proof) {
                (Ok(block), Ok(proof)) => server.accepts(who(&pool, &name), &block, time, &proof),
                _ => false,
            };
            let named = sub.ok_or_else(wrong)?;
            let sub = checked(&pool, &client, held, &named, |_| holds)?;
            welcome(&pool, &client, held, sub)
        }
        "NEW_PASSWORD_REQUIRED" => {
            let password = text("NEW_PASSWORD")?;
            let bad = || {
                Refusal::new(
                    400,
                    "NotAuthorizedException",
                    "Invalid session for the user.",
                )
            };
            let session = session.ok_or_else(bad)?;
            let Some(Waiting::NewPassword {
                user,
                client: began,
                ..
            }) = held.waiting.get(&session)
            else {
                return Err(bad());
            };
            if *began != client.id {
                return Err(bad());
            }
            let sub = user.clone();
            let user = held.users.get_mut(&sub).ok_or_else(bad)?;
            passwords::set(&pool, user, password)?;
            user.status = "CONFIRMED".to_owned();
            user.modified = ids::now();
            held.waiting.remove(&session);
            welcome(&pool, &client, held, sub)
        }
        other => Err(invalid(&format!(
            "the embedded Cognito asks for no {other}"
        ))),
    }
}

/// The user of that name, or `sub`, if what is shown is right; failures in a row are heard ever later.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html>
pub(super) fn checked(
    pool: &Pool,
    client: &Client,
    held: &mut UserPool,
    name: &str,
    right: impl FnOnce(&User) -> bool,
) -> Result<String, Refusal> {
    let found = match held.users.contains_key(name) {
        true => Some(name.to_owned()),
        false => held.find(pool, name),
    };
    let Some(sub) = found else {
        return Err(if client.discreet { wrong() } else { no_user() });
    };
    let user = held.users.get_mut(&sub).ok_or_else(wrong)?;
    let now = now();
    let (failures, heard) = user.failures;
    if heard > now {
        let message = "Password attempts exceeded";
        return Err(Refusal::new(400, "NotAuthorizedException", message));
    }
    if !right(user) {
        let failures = failures + 1;
        // From the fifth on a second, and twice as long each time, up to a quarter of an hour.
        let pause = match failures {
            ..5 => 0,
            more => 1_u64.checked_shl(more - 5).unwrap_or(900).min(900),
        };
        user.failures = (failures, now + pause);
        return Err(wrong());
    }
    user.failures = (0, 0);
    if user.disabled {
        return Err(Refusal::new(
            400,
            "NotAuthorizedException",
            "User is disabled.",
        ));
    }
    if user.status == "UNCONFIRMED" {
        let message = "User is not confirmed.";
        return Err(Refusal::new(400, "UserNotConfirmedException", message));
    }
    Ok(sub)
}

/// Tokens, or what is still asked of the user.
fn welcome(
    pool: &Pool,
    client: &Client,
    held: &mut UserPool,
    sub: String,
) -> Result<Value, Refusal> {
    let user = held.users.get(&sub).ok_or_else(wrong)?;
    if user.status == "FORCE_CHANGE_PASSWORD" {
        let attributes = serde_json::to_string(&user.attributes).unwrap_or_default();
        let session = chance::word().map_err(|error| internal(&error))?;
        let asked = json!({
            "USER_ID_FOR_SRP": user.username,
            "requiredAttributes": "[]",
            "userAttributes": attributes,
        });
        let waiting = Waiting::NewPassword {
            user: sub,
            client: client.id.clone(),
            ends: now() + PATIENCE,
        };
        held.waiting.insert(session.clone(), waiting);
        return Ok(json!({
            "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": session, "ChallengeParameters": asked,
        }));
    }
    let grant = tokens::begin(&sub, client, vec![tokens::ADMIN.to_owned()]);
    tokens::give(pool, client, held, &grant, None, true).map(done)
}

fn done(given: Given) -> Value {
    let mut result = json!({
        "AccessToken": given.access,
        "ExpiresIn": given.lasting,
        "IdToken": given.id,
        "TokenType": "Bearer",
    });
    if let Some(refresh) = given.refresh {
        result["RefreshToken"] = Value::from(refresh);
    }
    json!({ "AuthenticationResult": result, "ChallengeParameters": {} })
}
