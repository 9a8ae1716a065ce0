//! The users of Cognito's pools: who they are, how they sign in, and what they are given. What a pool
//! is stands in `cognito.rs`.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/Welcome.html>

mod admin;
mod auth;
mod facts;
pub mod hosted;
mod keys;
mod own;
mod passwords;
pub mod record;
mod tokens;

use self::facts::{Client, Pool};
use self::passwords::internal;
use self::record::{User, UserPool};
use super::holdings::Holdings;
use super::{Request, asked};
use crate::jwt::{Claims, Unfit};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::model::{Account, State};
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

/// Answers a request, if it is about users.
pub fn answer(core: &Core, request: &Request<'_>) -> Option<Result<Value, Refusal>> {
    let work: fn(&mut Desk<'_>) -> Result<Value, Refusal> = match request.target {
        "AdminCreateUser" => admin::create,
        "AdminSetUserPassword" => admin::set_password,
        "AdminGetUser" => admin::get,
        "AdminDeleteUser" => admin::delete,
        "AdminConfirmSignUp" => admin::confirm,
        "AdminDisableUser" => |desk| admin::disable(desk, true),
        "AdminEnableUser" => |desk| admin::disable(desk, false),
        "AdminInitiateAuth" => auth::initiate_as_admin,
        "ListUsers" => admin::list,
        "SignUp" => own::sign_up,
        "ConfirmSignUp" => own::confirm,
        "GetUser" => own::get,
        "GlobalSignOut" => own::sign_out,
        "RevokeToken" => own::revoke,
        "InitiateAuth" => auth::initiate,
        "RespondToAuthChallenge" => auth::respond,
        _ => return None,
    };
    let asked = match asked(request) {
        Ok(asked) => asked,
        Err(refused) => return Some(Err(refused)),
    };
    let mut state = core.store.state();
    tidy(core, &mut state);
    let mut desk = Desk {
        core,
        state: &mut state,
        asked,
    };
    let done = work(&mut desk);
    state.account.changed = true;
    core.touch();
    Some(done)
}

/// What a request is worked on with.
struct Desk<'a> {
    core: &'a Core,
    state: &'a mut State,
    asked: Value,
}

impl Desk<'_> {
    fn text(&self, name: &str) -> Result<&str, Refusal> {
        let text = self.asked[name].as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| invalid(&format!("Missing required parameter {name}")))
    }

    /// The pool that is named, and its users.
    fn pool(&mut self) -> Result<(Pool, &mut UserPool), Refusal> {
        let id = self.text("UserPoolId")?.to_owned();
        let found = facts::pool(&Holdings::new(self.core, self.state), &id);
        let pool = found.ok_or_else(|| no_pool(&id))?;
        Ok((pool, users_of(&mut self.state.account, &id)))
    }

    /// The app client that is named, its pool, and the users.
    fn client(&mut self) -> Result<(Pool, Client, &mut UserPool), Refusal> {
        let id = self.text("ClientId")?.to_owned();
        let holdings = Holdings::new(self.core, self.state);
        let found = facts::client(&holdings, &id);
        let found = found.and_then(|client| Some((facts::pool(&holdings, &client.pool)?, client)));
        let (pool, client) = found.ok_or_else(|| {
            let message = format!("User pool client {id} does not exist.");
            Refusal::new(400, "ResourceNotFoundException", message)
        })?;
        if client.has_secret {
            let message =
                format!("Client {id} is configured with secret but SECRET_HASH was not received");
            return Err(Refusal::new(400, "NotAuthorizedException", message));
        }
        let held = users_of(&mut self.state.account, &pool.id);
        Ok((pool, client, held))
    }
}

fn users_of<'a>(account: &'a mut Account, pool: &str) -> &'a mut UserPool {
    account.pools.entry(pool.to_owned()).or_default()
}

/// Users go with their pool; answers that nobody gave in time go too.
fn tidy(core: &Core, state: &mut State) {
    let holdings = Holdings::new(core, state);
    let pools: Vec<String> = holdings
        .all("AWS::Cognito::UserPool")
        .iter()
        .map(|held| held.id().to_owned())
        .collect();
    state.account.pools.retain(|id, _| pools.contains(id));
    let now = tokens::now();
    for pool in state.account.pools.values_mut() {
        pool.waiting.retain(|_, waiting| waiting.ends() > now);
    }
}

impl UserPool {
    /// The `sub` of who is called that: by name, or by address.
    fn find(&self, pool: &Pool, name: &str) -> Option<String> {
        let same = |own: &str| match pool.case_sensitive {
            true => own == name,
            false => own.to_lowercase() == name.to_lowercase(),
        };
        let by_email = |user: &User| {
            pool.by_email
                && user
                    .attributes
                    .get("email")
                    .is_some_and(|email| same(email))
        };
        let mut all = self.users.iter();
        let found = all.find(|(_, user)| same(&user.username) || by_email(user));
        found.map(|(sub, _)| sub.clone())
    }

    /// Adds a user who is called that.
    fn add(&mut self, pool: &Pool, name: &str, given: &Value) -> Result<(String, User), Refusal> {
        fits(name, given)?;
        if pool.by_email && !is_email(name) {
            return Err(invalid("Username should be an email."));
        }
        let sub = ids::uuid();
        let now = ids::now();
        let mut user = User {
            username: if pool.by_email {
                sub.clone()
            } else {
                name.to_owned()
            },
            attributes: attributes(given),
            created: now.clone(),
            modified: now,
            ..User::default()
        };
        if pool.by_email {
            let lower = if pool.case_sensitive {
                name.to_owned()
            } else {
                name.to_lowercase()
            };
            user.attributes.insert("email".to_owned(), lower);
        }
        match user.attributes.get("email") {
            Some(email) if !is_email(email) => Err(invalid("Invalid email address format.")),
            _ => Ok((sub, user)),
        }
    }
}

/// Whether what a user is to be called and to have is short enough to be kept.
/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AttributeType.html>
fn fits(name: &str, given: &Value) -> Result<(), Refusal> {
    let list = given.as_array().into_iter().flatten();
    let attributes = list.zip(1..).flat_map(|(one, nth)| {
        let member = |name: &str| format!("userAttributes.{nth}.member.{name}");
        [
            ("Name", member("name"), 32),
            ("Value", member("value"), 2048),
        ]
        .map(|(field, place, most)| (place, one[field].as_str().unwrap_or_default(), most))
    });
    let mut all = std::iter::once(("username".to_owned(), name, 128)).chain(attributes);
    match all.find(|(_, text, most)| text.chars().count() > *most) {
        None => Ok(()),
        Some((place, _, most)) => Err(invalid(&format!(
            "1 validation error detected: Value at '{place}' failed to satisfy constraint: \
             Member must have length less than or equal to {most}"
        ))),
    }
}

/// One at sign, something on either side, no white space.
fn is_email(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control()) && text.len() <= 254;
    let parts = text.split_once('@');
    plain
        && parts
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
}

fn attributes(list: &Value) -> std::collections::BTreeMap<String, String> {
    let list = list.as_array().into_iter().flatten();
    let pairs = list.filter_map(|one| {
        Some((
            one["Name"].as_str()?.to_owned(),
            one["Value"].as_str()?.to_owned(),
        ))
    });
    pairs.filter(|(name, _)| name != "sub").collect()
}

/// A user's attributes, as the API has them.
fn listed(sub: &str, user: &User) -> Value {
    let own = [("sub".to_owned(), sub.to_owned())].into_iter();
    let all = own.chain(user.attributes.clone());
    all.map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect()
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidParameterException", message)
}

fn no_pool(id: &str) -> Refusal {
    let message = format!("User pool {id} does not exist.");
    Refusal::new(400, "ResourceNotFoundException", message)
}

fn no_user() -> Refusal {
    Refusal::new(400, "UserNotFoundException", "User does not exist.")
}

fn wrong() -> Refusal {
    Refusal::new(
        400,
        "NotAuthorizedException",
        "Incorrect username or password.",
    )
}

/// What a token says that one of those pools (by their ids) issued.
///
/// # Errors
/// Why it is not believed.
pub fn claims(
    core: &Core,
    state: &State,
    pools: &[&str],
    token: &str,
    scoped: bool,
) -> Result<Claims, Unfit> {
    let holdings = Holdings::new(core, state);
    let wanted = if scoped { "access" } else { "id" };
    let mut last = Unfit::Key;
    for id in pools {
        let held = state.account.pools.get(*id);
        let (Some(pool), Some(held)) = (facts::pool(&holdings, id), held) else {
            continue;
        };
        match tokens::verified(&pool, held, token, wanted) {
            Ok(claims) => return Ok(claims),
            Err(Unfit::Key) => {}
            Err(unfit) => last = unfit,
        }
    }
    Err(last)
}
