//! What people fill in: plain forms, which work without scripts.

use super::authorize::{asked, lead_back};
use super::pages::{self, Page};
use super::{Desk, Visit, redirect};
use crate::chance;
use crate::local::refusal::Refusal;
use crate::local::services::Answer;
use crate::local::services::users::record::Waiting;
use crate::local::services::users::tokens::now;
use crate::local::services::users::{auth, own, passwords};
use serde_json::json;

/// Seconds that a browser is remembered.
const REMEMBERED: u64 = 3600;

/// Shows a page. Its form carries what the cookie has, which no other site's form can.
fn show(visit: &Visit<'_>, page: Page<'_>, problem: Option<&str>) -> Answer {
    let token = match visit.cookie("XSRF-TOKEN") {
        "" => chance::word().unwrap_or_default(),
        known => known
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
            .collect(),
    };
    let path = if visit.base.is_empty() {
        "/"
    } else {
        &visit.base
    };
    pages::page(visit.query, &token, page, problem).with(
        "set-cookie",
        format!("XSRF-TOKEN={token}; Path={path}; HttpOnly; SameSite=Lax"),
    )
}

/// Whether a form came from one of these pages.
fn is_own(visit: &Visit<'_>) -> bool {
    let token = visit.cookie("XSRF-TOKEN");
    !token.is_empty() && token == visit.text("_csrf")
}

const STRAY: &str = "This form is not from here, or it is too old. Try again.";

/// GET /login.
pub(super) fn login_page(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    match asked(visit, desk) {
        Ok(_) => show(visit, Page::Login(""), None),
        Err(answer) => answer,
    }
}

/// POST /login.
pub(super) fn login(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    let asked = match asked(visit, desk) {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    let name = visit.text("username");
    if !is_own(visit) {
        return show(visit, Page::Login(name), Some(STRAY));
    }
    let Some(client) = desk.client(visit, visit.text("client_id")) else {
        return pages::problem(400, "There is no such app client.");
    };
    let (pool, password) = (&visit.pool, visit.text("password"));
    let held = desk.held(pool);
    let checked = auth::checked(pool, &client, held, name, |user| {
        passwords::is(pool, user, password)
    });
    let user = match checked {
        Ok(user) => user,
        Err(no) if no.code == "UserNotConfirmedException" => {
            return show(
                visit,
                Page::Confirm(name),
                Some("This address is not confirmed yet."),
            );
        }
        Err(no) => return show(visit, Page::Login(name), Some(&no.message)),
    };
    if held
        .users
        .get(&user)
        .is_some_and(|user| user.status == "FORCE_CHANGE_PASSWORD")
    {
        let Ok(session) = chance::word() else {
            return pages::problem(500, "There is no session to be had.");
        };
        let waiting = Waiting::NewPassword {
            user,
            client: client.id,
            ends: now() + 180,
        };
        held.waiting.insert(session.clone(), waiting);
        return show(visit, Page::NewPassword(&session), None);
    }
    welcome(visit, desk, asked, &user)
}

/// Remembers the browser, and leads it back.
fn welcome(
    visit: &Visit<'_>,
    desk: &mut Desk<'_>,
    asked: super::authorize::Asked,
    user: &str,
) -> Answer {
    let answer = lead_back(visit, desk, asked, user);
    let Ok(session) = chance::word() else {
        return answer;
    };
    let waiting = Waiting::Browser {
        user: user.to_owned(),
        ends: now() + REMEMBERED,
    };
    desk.held(&visit.pool)
        .waiting
        .insert(session.clone(), waiting);
    answer.with("set-cookie", cookie(visit, &session, REMEMBERED))
}

fn cookie(visit: &Visit<'_>, session: &str, seconds: u64) -> String {
    let path = if visit.base.is_empty() {
        "/"
    } else {
        &visit.base
    };
    format!("cognito={session}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax")
}

/// POST /newPassword.
pub(super) fn new_password(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    let asked = match asked(visit, desk) {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    let session = visit.text("session");
    if !is_own(visit) {
        return show(visit, Page::Login(""), Some(STRAY));
    }
    let held = desk.held(&visit.pool);
    let Some(Waiting::NewPassword { user, .. }) = held.waiting.get(session) else {
        return show(
            visit,
            Page::Login(""),
            Some("That took too long. Sign in again."),
        );
    };
    let sub = user.clone();
    let Some(user) = held.users.get_mut(&sub) else {
        return show(visit, Page::Login(""), Some("Sign in again."));
    };
    if let Err(no) = passwords::set(&visit.pool, user, visit.text("password")) {
        return show(visit, Page::NewPassword(session), Some(&no.message));
    }
    user.status = "CONFIRMED".to_owned();
    held.waiting.remove(session);
    welcome(visit, desk, asked, &sub)
}

/// GET /signup.
pub(super) fn sign_up_page(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    match asked(visit, desk) {
        Ok(_) => show(visit, Page::SignUp("", ""), None),
        Err(answer) => answer,
    }
}

/// POST /signup.
pub(super) fn sign_up(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    if let Err(answer) = asked(visit, desk) {
        return answer;
    }
    let (email, name) = (visit.text("username"), visit.text("name").trim());
    let again = |why: &str| show(visit, Page::SignUp(email, name), Some(why));
    if !is_own(visit) {
        return again(STRAY);
    }
    if name.is_empty() {
        return again("The full name is missing.");
    }
    let given = json!([{ "Name": "name", "Value": name }, { "Name": "email", "Value": email }]);
    let (pool, password) = (&visit.pool, visit.text("password"));
    let begun = own::begin(visit.core, pool, desk.held(pool), (email, password), &given);
    match begun {
        Ok(_) => show(visit, Page::Confirm(email), None),
        Err(Refusal { message, .. }) => again(&message),
    }
}

/// POST /confirm.
pub(super) fn confirm(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    if let Err(answer) = asked(visit, desk) {
        return answer;
    }
    let (name, pool) = (visit.text("username"), &visit.pool);
    if !is_own(visit) {
        return show(visit, Page::Confirm(name), Some(STRAY));
    }
    match own::confirmed(pool, desk.held(pool), name, visit.text("code").trim()) {
        Ok(()) => redirect(format!("{}/login?{}", visit.base, visit.query)),
        Err(no) => show(visit, Page::Confirm(name), Some(&no.message)),
    }
}

/// GET /logout.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html>
pub(super) fn logout(visit: &Visit<'_>, desk: &mut Desk<'_>) -> Answer {
    let Some(client) = desk.client(visit, visit.text("client_id")) else {
        return pages::problem(400, "invalid_request: there is no such app client.");
    };
    let to = visit.text("logout_uri");
    let to = match client.logouts.iter().find(|known| *known == to) {
        Some(known) => known.clone(),
        None if !visit.text("redirect_uri").is_empty() => {
            format!("{}/login?{}", visit.base, visit.query)
        }
        None => {
            return pages::problem(
                400,
                "redirect_mismatch: logout_uri is none of the app client's.",
            );
        }
    };
    desk.held(&visit.pool)
        .waiting
        .remove(visit.cookie("cognito"));
    redirect(to).with("set-cookie", cookie(visit, "", 0))
}
