//! What users do themselves.

use super::facts::Pool;
use super::record::{User, UserPool};
use super::tokens::{bearer, digest};
use super::{Desk, admin, invalid, listed, no_user, passwords};
use crate::chance;
use crate::local::core::Core;
use crate::local::refusal::Refusal;
use crate::local::{ids, services::holdings::Holdings};
use serde_json::{Value, json};
use std::io::Write;

/// Where mail goes that nobody sends: a file in the state.
const OUTBOX: &str = "outbox.txt";

/// SignUp.
pub(super) fn sign_up(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let (name, password) = (
        desk.text("Username")?.to_owned(),
        desk.text("Password")?.to_owned(),
    );
    let given = desk.asked["UserAttributes"].clone();
    let mut known = admin::given(desk);
    let core = desk.core;
    let (pool, _, held) = desk.client()?;
    if pool.by_email {
        known
            .entry("email".to_owned())
            .or_insert_with(|| name.clone());
    }
    let lacking = pool
        .required
        .iter()
        .filter(|required| !known.contains_key(*required));
    let lacking: String = lacking
        .map(|name| format!("{name}: The attribute is required\n"))
        .collect();
    if !lacking.is_empty() {
        return Err(invalid(&format!(
            "Attributes did not conform to the schema: {lacking}"
        )));
    }
    let sub = begin(core, &pool, held, (&name, &password), &given)?;
    let verified = pool.verifies_email.then(|| {
        json!({ "Destination": hidden(&name), "DeliveryMedium": "EMAIL", "AttributeName": "email" })
    });
    Ok(json!({ "UserConfirmed": false, "UserSub": sub, "CodeDeliveryDetails": verified }))
}

/// Adds a user who has to be confirmed, and puts the code into the outbox.
pub(super) fn begin(
    core: &Core,
    pool: &Pool,
    held: &mut UserPool,
    (name, password): (&str, &str),
    given: &Value,
) -> Result<String, Refusal> {
    if pool.admin_only {
        let message = "SignUp is not permitted for this user pool";
        return Err(Refusal::new(400, "NotAuthorizedException", message));
    }
    if held.find(pool, name).is_some() {
        let message = match pool.by_email {
            true => "An account with the given email already exists.",
            false => "User already exists",
        };
        return Err(Refusal::new(400, "UsernameExistsException", message));
    }
    let (sub, mut user) = held.add(pool, name, given)?;
    // What a user says of itself is not verified by that.
    user.attributes
        .insert("email_verified".to_owned(), "false".to_owned());
    passwords::set(pool, &mut user, password)?;
    user.status = "UNCONFIRMED".to_owned();
    let random = chance::bytes::<4>().map_err(|error| super::internal(&error))?;
    let code = format!("{:06}", u32::from_le_bytes(random) % 1_000_000);
    if pool.verifies_email {
        let line = format!(
            "{} to {name}: your confirmation code is {code}\n",
            ids::now()
        );
        post(core, &line).map_err(|error| super::internal(&error))?;
    }
    user.code = Some(code);
    held.users.insert(sub.clone(), user);
    Ok(sub)
}

fn post(core: &Core, line: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let path = core.store.directory().join(OUTBOX);
    options.open(path)?.write_all(line.as_bytes())
}

fn hidden(email: &str) -> String {
    let (user, host) = email.split_once('@').unwrap_or((email, ""));
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    format!("{}***@{}***", first(user), first(host))
}

/// ConfirmSignUp.
pub(super) fn confirm(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let (name, code) = (
        desk.text("Username")?.to_owned(),
        desk.text("ConfirmationCode")?.to_owned(),
    );
    let (pool, _, held) = desk.client()?;
    confirmed(&pool, held, &name, &code)?;
    Ok(Value::Null)
}

/// Confirms a user by the code.
pub(super) fn confirmed(
    pool: &Pool,
    held: &mut UserPool,
    name: &str,
    code: &str,
) -> Result<(), Refusal> {
    let mismatch = || {
        let message = "Invalid verification code provided, please try again.";
        Refusal::new(400, "CodeMismatchException", message)
    };
    let sub = held.find(pool, name).ok_or_else(mismatch)?;
    let user = held.users.get_mut(&sub).ok_or_else(no_user)?;
    if user.status != "UNCONFIRMED" {
        let message = format!(
            "User cannot be confirmed. Current status is {}",
            user.status
        );
        return Err(Refusal::new(400, "NotAuthorizedException", message));
    }
    // A code of six digits is guessed if it may be tried for ever.
    let (failures, _) = user.failures;
    if failures >= 5 {
        let message = "Attempt limit exceeded, please try after some time.";
        return Err(Refusal::new(400, "LimitExceededException", message));
    }
    if user.code.as_deref() != Some(code) {
        user.failures.0 += 1;
        return Err(mismatch());
    }
    user.failures = (0, 0);
    user.code = None;
    user.status = "CONFIRMED".to_owned();
    user.attributes
        .insert("email_verified".to_owned(), "true".to_owned());
    user.modified = ids::now();
    Ok(())
}

/// The pool and the user whose access token is sent.
fn who(desk: &Desk<'_>) -> Result<(Pool, String), Refusal> {
    let token = desk.text("AccessToken")?;
    let holdings = Holdings::new(desk.core, desk.state);
    let mut refused = Refusal::new(400, "NotAuthorizedException", "Invalid Access Token");
    for (id, held) in &desk.state.account.pools {
        let Some(pool) = super::facts::pool(&holdings, id) else {
            continue;
        };
        match bearer(&pool, held, token) {
            Ok((sub, _)) => return Ok((pool, sub)),
            Err(no) if no.message != "Invalid Access Token" => refused = no,
            Err(_) => {}
        }
    }
    Err(refused)
}

/// GetUser.
pub(super) fn get(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let (pool, sub) = who(desk)?;
    let held = super::users_of(&mut desk.state.account, &pool.id);
    let user: &User = held.users.get(&sub).ok_or_else(no_user)?;
    Ok(json!({ "Username": user.username, "UserAttributes": listed(&sub, user) }))
}

/// GlobalSignOut.
pub(super) fn sign_out(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let (pool, sub) = who(desk)?;
    let held = super::users_of(&mut desk.state.account, &pool.id);
    held.grants.retain(|_, grant| grant.user != sub);
    Ok(Value::Null)
}

/// RevokeToken. A token that is none is revoked already.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/token-revocation.html>
pub(super) fn revoke(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let token = digest(desk.text("Token")?);
    let (_, client, held) = desk.client()?;
    if held
        .grants
        .get(&token)
        .is_some_and(|grant| grant.client != client.id)
    {
        let message = "Token was not issued to this client";
        return Err(Refusal::new(400, "UnauthorizedException", message));
    }
    held.grants.remove(&token);
    Ok(Value::Null)
}
