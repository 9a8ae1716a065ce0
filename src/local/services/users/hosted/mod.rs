//! The hosted sign-in: pages for a browser, and OAuth's endpoints for an app. Beneath the domain's own
//! host, or beneath `/_auth/PREFIX` for browsers, which cannot be told to send another host.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-userpools-server-contract-reference.html>

mod authorize;
mod endpoints;
mod forms;
mod pages;

use super::facts::{self, Client, Pool};
use super::record::{UserPool, Waiting};
use super::{tidy, tokens, users_of};
use crate::local::core::Core;
use crate::local::model::State;
use crate::local::services::holdings::Holdings;
use crate::local::services::{Answer, Request};
use crate::platform::web::fields;
use serde_json::{Value, json};

const PREFIX: &str = "/_auth/";
/// The most that a form or a query of theirs holds.
const LONGEST: usize = 16 * 1024;

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// The sign-in of that prefix: what its paths begin with, and the path behind that.
    SignIn(&'a str, String, &'a str),
    /// What a pool of that id publishes: the path behind it.
    Pool(&'a str, &'a str),
}

fn place<'a>(host: &'a str, path: &'a str) -> Option<Place<'a>> {
    if let Some(rest) = path.strip_prefix(PREFIX) {
        let end = rest.find('/').unwrap_or(rest.len());
        let prefix = &rest[..end];
        return Some(Place::SignIn(
            prefix,
            format!("{PREFIX}{prefix}"),
            &rest[end..],
        ));
    }
    if let Some((prefix, rest)) = host.split_once(".auth.")
        && rest.contains(".amazoncognito.com")
    {
        return Some(Place::SignIn(prefix, String::new(), path));
    }
    let (pool, rest) = path.strip_prefix('/')?.split_once('/')?;
    let known = rest.starts_with(".well-known/") && pool.contains('_');
    known.then_some(Place::Pool(pool, rest))
}

/// Whether a request is for a sign-in, or for what a pool publishes.
pub fn is_for(host: &str, path: &str) -> bool {
    place(host, path).is_some()
}

/// A request to a sign-in.
struct Visit<'a> {
    core: &'a Core,
    pool: Pool,
    base: String,
    query: &'a str,
    /// What the query and the form say; a name that stands twice is refused before.
    asked: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    bearer: Option<String>,
}

impl Visit<'_> {
    fn text(&self, name: &str) -> &str {
        let mut all = self.asked.iter();
        all.find(|(own, _)| own == name)
            .map_or("", |(_, value)| value)
    }

    fn cookie(&self, name: &str) -> &str {
        let mut all = self.cookies.iter();
        all.find(|(own, _)| own == name)
            .map_or("", |(_, value)| value)
    }
}

/// What a sign-in is worked on with.
struct Desk<'a> {
    state: &'a mut State,
}

impl Desk<'_> {
    fn held(&mut self, pool: &Pool) -> &mut UserPool {
        users_of(&mut self.state.account, &pool.id)
    }

    /// The pool's app client of that id.
    fn client(&self, visit: &Visit<'_>, id: &str) -> Option<Client> {
        let found = facts::client(&Holdings::new(visit.core, self.state), id);
        found.filter(|client| client.pool == visit.pool.id)
    }
}

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Answer {
    let mut state = core.store.state();
    tidy(core, &mut state);
    let host = request.header("host").unwrap_or_default();
    let answered = match place(host, request.path) {
        Some(Place::SignIn(prefix, base, path)) => {
            sign_in(core, &mut state, request, (prefix, base, path))
        }
        Some(Place::Pool(id, path)) => published(core, &mut state, id, path),
        None => None,
    };
    state.account.changed = true;
    core.touch();
    answered.unwrap_or_else(|| pages::problem(404, "There is nothing here."))
}

fn sign_in(
    core: &Core,
    state: &mut State,
    request: &Request<'_>,
    (prefix, base, path): (&str, String, &str),
) -> Option<Answer> {
    let pool = facts::pool_of_domain(&Holdings::new(core, state), prefix)?;
    if request.body.len() > LONGEST || request.query.len() > LONGEST {
        return Some(pages::problem(413, "That is too long."));
    }
    let mut asked = fields(request.query);
    if request.method == "POST" {
        // What the form says is what counts.
        asked.splice(0..0, fields(&String::from_utf8_lossy(request.body)));
    }
    let cookies = request.header("cookie").unwrap_or_default().split(';');
    let cookies = cookies.filter_map(|one| one.trim().split_once('='));
    let bearer = request
        .header("authorization")
        .and_then(|text| text.strip_prefix("Bearer "));
    let visit = Visit {
        core,
        pool,
        base,
        query: request.query,
        asked,
        cookies: cookies
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        bearer: bearer.map(str::to_owned),
    };
    let mut desk = Desk { state };
    let work: fn(&Visit<'_>, &mut Desk<'_>) -> Answer = match (request.method, path) {
        ("GET", "/oauth2/authorize") => authorize::authorize,
        ("GET", "/login") => forms::login_page,
        ("POST", "/login") => forms::login,
        ("GET", "/signup") => forms::sign_up_page,
        ("POST", "/signup") => forms::sign_up,
        ("POST", "/confirm") => forms::confirm,
        ("POST", "/newPassword") => forms::new_password,
        ("GET", "/logout") => forms::logout,
        ("POST", "/oauth2/token") => endpoints::token,
        ("POST", "/oauth2/revoke") => endpoints::revoke,
        ("GET" | "POST", "/oauth2/userInfo") => endpoints::user_info,
        _ => return None,
    };
    Some(work(&visit, &mut desk))
}

/// The keys and the endpoints of a pool.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html>
fn published(core: &Core, state: &mut State, id: &str, path: &str) -> Option<Answer> {
    let pool = facts::pool(&Holdings::new(core, state), id)?;
    let held = users_of(&mut state.account, id);
    let told = match path {
        ".well-known/jwks.json" => {
            // A pool has its keys from the start.
            tokens::ensure(held).ok()?;
            tokens::published(held)
        }
        ".well-known/openid-configuration" => configuration(&pool, &core.options.region),
        _ => return None,
    };
    Some(json_answer(200, &told))
}

fn configuration(pool: &Pool, region: &str) -> Value {
    let mut told = json!({
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": pool.issuer,
        "jwks_uri": format!("{}/.well-known/jwks.json", pool.issuer),
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    if let Some(domain) = &pool.domain {
        let base = format!("https://{domain}.auth.{region}.amazoncognito.com");
        for (name, path) in [
            ("authorization_endpoint", "/oauth2/authorize"),
            ("token_endpoint", "/oauth2/token"),
            ("userinfo_endpoint", "/oauth2/userInfo"),
            ("revocation_endpoint", "/oauth2/revoke"),
            ("end_session_endpoint", "/logout"),
        ] {
            told[name] = Value::from(format!("{base}{path}"));
        }
    }
    told
}

fn json_answer(status: u16, value: &Value) -> Answer {
    let body = value.to_string().into_bytes();
    Answer::new(status, "application/json;charset=UTF-8", body)
        .with("cache-control", "no-store".to_owned())
}

fn redirect(to: String) -> Answer {
    Answer::new(302, "text/plain", Vec::new())
        .with("location", to)
        .with("cache-control", "no-store".to_owned())
}

/// The user of the browser's session, if it has one.
fn session(visit: &Visit<'_>, held: &UserPool) -> Option<String> {
    match held.waiting.get(visit.cookie("cognito"))? {
        Waiting::Browser { user, .. } => {
            let there = held.users.get(user).is_some_and(|user| !user.disabled);
            there.then(|| user.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_stands_in_the_host_or_in_the_path() {
        let host = "app.auth.eu-west-1.amazoncognito.com";
        assert_eq!(
            place(host, "/login"),
            Some(Place::SignIn("app", String::new(), "/login"))
        );
        let local = "127.0.0.1:4566";
        let beneath = Place::SignIn("app", "/_auth/app".to_owned(), "/oauth2/token");
        assert_eq!(place(local, "/_auth/app/oauth2/token"), Some(beneath));
        let keys = place(local, "/eu-west-1_Abc/.well-known/jwks.json");
        assert_eq!(
            keys,
            Some(Place::Pool("eu-west-1_Abc", ".well-known/jwks.json"))
        );
        assert_eq!(place(local, "/bucket/.well-known/x"), None);
        assert_eq!(place(local, "/bucket_a/key"), None);
    }
}
