//! Who may sign in: the users of the platform's pool, by Cognito's admin API.

use crate::chance;
use crate::cloud::{Cloud, refusal};
use crate::error::{Error, Result};
use crate::settings::{command, quoted};
use aws_sdk_cognitoidentityprovider::types::{AttributeType, MessageActionType, UserType};
use serde::Serialize;

/// A user.
#[derive(Debug, Clone, Serialize)]
pub struct User {
    /// The e-mail address.
    pub email: String,
    /// The full name.
    pub name: String,
    /// CONFIRMED, FORCE_CHANGE_PASSWORD and so on.
    pub status: String,
    /// Whether the user may sign in.
    pub enabled: bool,
    /// When it was created, as RFC 3339 writes it.
    pub created: String,
}

/// The pool's users.
#[derive(Debug)]
pub struct Users<'a> {
    /// AWS.
    pub cloud: &'a Cloud,
    /// The pool's id.
    pub pool: &'a str,
}

impl Users<'_> {
    /// Creates a user with a verified e-mail address and a password that lasts. No mail is sent.
    /// Answers whether there was none yet; one that is there is left as it is.
    ///
    /// # Errors
    /// When Cognito refuses; a user whose password is refused is removed again.
    pub async fn create(&self, email: &str, name: &str, password: &str) -> Result<bool> {
        let attribute = |name: &str, value: &str| {
            let built = AttributeType::builder().name(name).value(value).build();
            built.map_err(|error| Error::asked(format!("{error}.")))
        };
        let created = self
            .cloud
            .cognito()
            .admin_create_user()
            .user_pool_id(self.pool)
            .username(email)
            .user_attributes(attribute("email", email)?)
            .user_attributes(attribute("email_verified", "true")?)
            .user_attributes(attribute("name", name)?)
            .message_action(MessageActionType::Suppress)
            .send()
            .await
            .map_err(|error| refusal("AdminCreateUser", error));
        match created {
            Ok(_) => {}
            Err(error) if error.code.as_deref() == Some("UsernameExistsException") => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        let set = self
            .cloud
            .cognito()
            .admin_set_user_password()
            .user_pool_id(self.pool)
            .username(email)
            .password(password)
            .permanent(true)
            .send()
            .await
            .map_err(|error| refusal("AdminSetUserPassword", error));
        let Err(refused) = set else { return Ok(true) };
        // Half a user could not sign in, and would be in the way of the next attempt.
        match self.delete(email).await {
            Ok(_) => Err(refused),
            Err(_) => Err(refused.hint(format!(
                "{email} is there without a password: {}",
                command(&format!("user delete {}", quoted(email)))
            ))),
        }
    }

    /// All of them, by their addresses.
    ///
    /// # Errors
    /// When Cognito refuses.
    pub async fn list(&self) -> Result<Vec<User>> {
        let mut pages = self
            .cloud
            .cognito()
            .list_users()
            .user_pool_id(self.pool)
            .into_paginator()
            .items()
            .send();
        let mut all = Vec::new();
        while let Some(one) = pages.next().await {
            all.push(told(&one.map_err(|error| refusal("ListUsers", error))?));
        }
        all.sort_by(|a, b| a.email.cmp(&b.email));
        Ok(all)
    }

    /// Deletes a user; whether there was one.
    ///
    /// # Errors
    /// When Cognito refuses.
    pub async fn delete(&self, email: &str) -> Result<bool> {
        let request = self.cloud.cognito().admin_delete_user();
        let sent = request.user_pool_id(self.pool).username(email).send().await;
        match sent.map_err(|error| refusal("AdminDeleteUser", error)) {
            Ok(_) => Ok(true),
            Err(error) if error.code.as_deref() == Some("UserNotFoundException") => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn told(user: &UserType) -> User {
    let text = |name: &str| {
        let mut all = user.attributes().iter();
        let found = all.find(|attribute| attribute.name() == name);
        found
            .and_then(AttributeType::value)
            .unwrap_or_default()
            .to_owned()
    };
    let created = user
        .user_create_date()
        .map(|date| date.secs())
        .unwrap_or_default();
    let millis = u64::try_from(created).unwrap_or_default() * 1000;
    User {
        email: text("email"),
        name: text("name"),
        status: user
            .user_status()
            .map_or("", |status| status.as_str())
            .to_owned(),
        enabled: user.enabled(),
        created: crate::settings::moment(millis),
    }
}

/// A password of 24 characters, about 140 bits, with one of each kind that a policy can ask for.
///
/// # Errors
/// When the system gives no random bytes.
pub fn password() -> std::io::Result<String> {
    // Without what looks like something else, and without what a shell or a form would take apart.
    const KINDS: [&[u8]; 4] = [
        b"abcdefghijkmnopqrstuvwxyz",
        b"ABCDEFGHJKLMNPQRSTUVWXYZ",
        b"23456789",
        b"-_.+=@^",
    ];
    let all = KINDS.concat();
    loop {
        let random = chance::bytes::<96>()?;
        // What is over the last whole multiple would favour the first characters.
        let even = 256 - 256 % all.len();
        let fit = random
            .iter()
            .map(|&byte| usize::from(byte))
            .filter(|byte| *byte < even);
        let drawn: Vec<u8> = fit.map(|byte| all[byte % all.len()]).take(24).collect();
        let has = |kind: &&[u8]| drawn.iter().any(|byte| kind.contains(byte));
        if drawn.len() == 24 && KINDS.iter().all(has) {
            return Ok(drawn.into_iter().map(char::from).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_drawn_password_has_every_kind_and_no_second_like_it() {
        let all: std::collections::BTreeSet<String> =
            (0..50).map(|_| super::password().unwrap()).collect();
        assert_eq!(all.len(), 50);
        for password in all {
            assert_eq!(password.len(), 24);
            let any = |fit: fn(char) -> bool| password.chars().any(fit);
            assert!(any(|c| c.is_ascii_lowercase()) && any(|c| c.is_ascii_uppercase()));
            assert!(any(|c| c.is_ascii_digit()) && any(|c| c.is_ascii_punctuation()));
        }
    }
}
