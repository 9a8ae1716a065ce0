//! What an administrator does with users.

use super::facts::Pool;
use super::record::{User, UserPool};
use super::{Desk, attributes, invalid, listed, no_user, passwords};
use crate::chance;
use crate::local::ids;
use crate::local::refusal::Refusal;
use crate::local::services::pages::Paging;
use serde_json::{Value, json};

fn of<'a>(
    pool: &Pool,
    held: &'a mut UserPool,
    name: &str,
) -> Result<(String, &'a mut User), Refusal> {
    let sub = held.find(pool, name).ok_or_else(no_user)?;
    let user = held.users.get_mut(&sub).ok_or_else(no_user)?;
    Ok((sub, user))
}

fn told(sub: &str, user: &User) -> Value {
    json!({
        "Username": user.username,
        "Attributes": listed(sub, user),
        "UserCreateDate": ids::seconds(&user.created),
        "UserLastModifiedDate": ids::seconds(&user.modified),
        "Enabled": !user.disabled,
        "UserStatus": user.status,
    })
}

/// AdminCreateUser. No mail is sent; a temporary password that is not given is nobody's.
pub(super) fn create(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let name = desk.text("Username")?.to_owned();
    let given = desk.asked["UserAttributes"].clone();
    let temporary = desk.asked["TemporaryPassword"].as_str().map(str::to_owned);
    let again = desk.asked["MessageAction"] == "RESEND";
    let (pool, held) = desk.pool()?;
    match held.find(&pool, &name) {
        Some(_) if !again => {
            let message = "User account already exists";
            return Err(Refusal::new(400, "UsernameExistsException", message));
        }
        Some(sub) => {
            let user = held.users.get(&sub).ok_or_else(no_user)?;
            return Ok(json!({ "User": told(&sub, user) }));
        }
        None => {}
    }
    let (sub, mut user) = held.add(&pool, &name, &given)?;
    user.status = "FORCE_CHANGE_PASSWORD".to_owned();
    let password = match temporary {
        Some(password) => password,
        None => {
            let word = chance::word().map_err(|error| super::internal(&error))?;
            format!("aA1!{word}")
        }
    };
    passwords::set(&pool, &mut user, &password)?;
    let answer = json!({ "User": told(&sub, &user) });
    held.users.insert(sub, user);
    Ok(answer)
}

/// AdminSetUserPassword.
pub(super) fn set_password(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let (name, password) = (
        desk.text("Username")?.to_owned(),
        desk.text("Password")?.to_owned(),
    );
    let permanent = desk.asked["Permanent"] == true;
    let (pool, held) = desk.pool()?;
    let (_, user) = of(&pool, held, &name)?;
    passwords::set(&pool, user, &password)?;
    let status = if permanent {
        "CONFIRMED"
    } else {
        "FORCE_CHANGE_PASSWORD"
    };
    user.status = status.to_owned();
    user.modified = ids::now();
    Ok(Value::Null)
}

/// AdminGetUser.
pub(super) fn get(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let name = desk.text("Username")?.to_owned();
    let (pool, held) = desk.pool()?;
    let (sub, user) = of(&pool, held, &name)?;
    let mut told = told(&sub, user);
    if let Some(fields) = told.as_object_mut()
        && let Some(attributes) = fields.remove("Attributes")
    {
        fields.insert("UserAttributes".to_owned(), attributes);
    }
    Ok(told)
}

/// AdminDeleteUser.
pub(super) fn delete(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let name = desk.text("Username")?.to_owned();
    let (pool, held) = desk.pool()?;
    let (sub, _) = of(&pool, held, &name)?;
    held.users.remove(&sub);
    held.grants.retain(|_, grant| grant.user != sub);
    Ok(Value::Null)
}

/// AdminConfirmSignUp.
pub(super) fn confirm(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let name = desk.text("Username")?.to_owned();
    let (pool, held) = desk.pool()?;
    let (_, user) = of(&pool, held, &name)?;
    if user.status != "UNCONFIRMED" {
        let message = format!(
            "User cannot be confirmed. Current status is {}",
            user.status
        );
        return Err(Refusal::new(400, "NotAuthorizedException", message));
    }
    user.status = "CONFIRMED".to_owned();
    // Codes that were wrong are no passwords that were.
    user.failures = (0, 0);
    user.modified = ids::now();
    Ok(Value::Null)
}

/// AdminDisableUser and AdminEnableUser.
pub(super) fn disable(desk: &mut Desk<'_>, disabled: bool) -> Result<Value, Refusal> {
    let name = desk.text("Username")?.to_owned();
    let (pool, held) = desk.pool()?;
    let (_, user) = of(&pool, held, &name)?;
    user.disabled = disabled;
    user.modified = ids::now();
    Ok(Value::Null)
}

/// ListUsers. Of filters, equality and beginnings of one attribute.
/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html>
pub(super) fn list(desk: &mut Desk<'_>) -> Result<Value, Refusal> {
    let asked = desk.asked.clone();
    let (_, held) = desk.pool()?;
    let filter = asked["Filter"]
        .as_str()
        .filter(|filter| !filter.trim().is_empty());
    let filter = filter
        .map(|filter| parse(filter).ok_or_else(|| invalid("Error while parsing filter string.")));
    let filter = filter.transpose()?;
    let all = held
        .users
        .iter()
        .filter(|(sub, user)| filter.as_ref().is_none_or(|filter| filter.fits(sub, user)));
    let all: Vec<Value> = all.map(|(sub, user)| told(sub, user)).collect();
    let paging = Paging {
        list: "Users",
        next: "PaginationToken",
        usual: 60,
        most: 60,
    };
    let page = paging.page(
        &all,
        asked["PaginationToken"].as_str(),
        asked["Limit"].as_u64(),
    );
    page.ok_or_else(|| invalid("Invalid pagination token"))
}

struct Filter {
    name: String,
    value: String,
    whole: bool,
}

fn parse(text: &str) -> Option<Filter> {
    let at = text.find(['=', '^'])?;
    let (name, rest) = text.split_at(at);
    let whole = rest.starts_with('=');
    let value = rest.trim_start_matches('^').strip_prefix('=')?.trim();
    Some(Filter {
        name: name.trim().trim_matches('"').to_owned(),
        value: value
            .strip_prefix('"')?
            .strip_suffix('"')?
            .replace("\\\"", "\""),
        whole,
    })
}

impl Filter {
    fn fits(&self, sub: &str, user: &User) -> bool {
        let status = if user.disabled { "Disabled" } else { "Enabled" };
        let own = match self.name.as_str() {
            "sub" => sub,
            "username" => &user.username,
            "cognito:user_status" => &user.status,
            "status" => status,
            name => user.attributes.get(name).map_or("", String::as_str),
        };
        if self.whole {
            own == self.value
        } else {
            own.starts_with(&self.value)
        }
    }
}

/// Attributes that a request gives.
pub(super) fn given(desk: &Desk<'_>) -> std::collections::BTreeMap<String, String> {
    attributes(&desk.asked["UserAttributes"])
}
