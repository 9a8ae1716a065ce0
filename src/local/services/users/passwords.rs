//! Passwords: what a pool asks of them, and how one is kept and proved.

use super::facts::Pool;
use super::record::User;
use crate::chance;
use crate::local::refusal::Refusal;
use crate::srp::{self, Who, pool_name};
use serde_json::Value;

/// <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html>
const SYMBOLS: &str = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+= ";

/// What is wrong with a password, in Cognito's words.
pub fn refused(pool: &Pool, password: &str) -> Option<Refusal> {
    let number = |name: &str, usual: usize| match &pool.password[name] {
        Value::String(text) => text.parse().unwrap_or(usual),
        other => other
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(usual),
    };
    let asked = |name: &str| match (&pool.password, &pool.password[name]) {
        // A pool without a policy asks for all of it.
        (Value::Null, _) => true,
        (_, Value::String(text)) => text == "true",
        (_, other) => *other == true,
    };
    let lacks = |name: &str, has: &dyn Fn(char) -> bool| asked(name) && !password.chars().any(has);
    let length = password.chars().count();
    let why = if length < number("MinimumLength", 8) {
        "Password not long enough"
    } else if length > 256 {
        "Password must satisfy regular expression pattern: ^[\\S]+.*[\\S]+$"
    } else if lacks("RequireLowercase", &|c| c.is_ascii_lowercase()) {
        "Password must have lowercase characters"
    } else if lacks("RequireUppercase", &|c| c.is_ascii_uppercase()) {
        "Password must have uppercase characters"
    } else if lacks("RequireNumbers", &|c| c.is_ascii_digit()) {
        "Password must have numeric characters"
    } else if lacks("RequireSymbols", &|c| SYMBOLS.contains(c)) {
        "Password must have symbol characters"
    } else {
        return None;
    };
    let message = format!("Password did not conform with policy: {why}");
    Some(Refusal::new(400, "InvalidPasswordException", message))
}

/// Gives a user a password.
///
/// # Errors
/// When the policy or the system refuses it.
pub fn set(pool: &Pool, user: &mut User, password: &str) -> Result<(), Refusal> {
    if let Some(refused) = refused(pool, password) {
        return Err(refused);
    }
    let salt: [u8; 16] = chance::bytes().map_err(|error| internal(&error))?;
    user.verifier = srp::verifier(&salt, who(pool, &user.username), password);
    user.salt = hex::encode(salt);
    Ok(())
}

/// Whether that is the user's password.
pub fn is(pool: &Pool, user: &User, password: &str) -> bool {
    let mut salt = [0; 16];
    hex::decode_to_slice(&user.salt, &mut salt).is_ok()
        && !user.verifier.is_empty()
        && srp::verifier(&salt, who(pool, &user.username), password) == user.verifier
}

/// Whom a proof is about.
pub fn who<'a>(pool: &'a Pool, user: &'a str) -> Who<'a> {
    Who {
        pool: pool_name(&pool.id),
        user,
    }
}

/// The service's own failure.
pub fn internal(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(500, "InternalErrorException", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(password: &str) -> String {
        let pool = Pool {
            password: json!({"MinimumLength": "12", "RequireLowercase": true, "RequireUppercase": "true",
                             "RequireNumbers": true, "RequireSymbols": true}),
            ..Pool::default()
        };
        let refused = refused(&pool, password);
        refused.map_or_else(String::new, |refused| {
            let words = refused.message;
            words
                .trim_start_matches("Password did not conform with policy: ")
                .to_owned()
        })
    }

    #[test]
    fn the_pools_policy_is_held() {
        assert_eq!(said("Aa1!"), "Password not long enough");
        assert_eq!(
            said("AAAAAAAAAAA1!"),
            "Password must have lowercase characters"
        );
        assert_eq!(
            said("aaaaaaaaaaa1!"),
            "Password must have uppercase characters"
        );
        assert_eq!(
            said("aaaaaaaaaaaA!"),
            "Password must have numeric characters"
        );
        assert_eq!(
            said("aaaaaaaaaaaA1"),
            "Password must have symbol characters"
        );
        assert_eq!(said("aaaaaaaaaaaA1!"), "");
    }

    #[test]
    fn a_password_is_kept_as_a_verifier() {
        let pool = Pool {
            id: "us-east-1_Abc".to_owned(),
            ..Pool::default()
        };
        let mut user = User {
            username: "u".to_owned(),
            ..User::default()
        };
        assert!(!is(&pool, &user, ""));
        set(&pool, &mut user, "Right-Horse-1!").unwrap();
        assert!(is(&pool, &user, "Right-Horse-1!"));
        assert!(!is(&pool, &user, "Right-Horse-2!"));
        assert!(!serde_json::to_string(&user).unwrap().contains("Horse"));
    }
}
