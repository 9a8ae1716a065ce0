//! Generated secrets: always the same for the same secret, so that no file has to hold them.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html>

use crate::local::formation::evaluate::same;
use crate::local::ids;
use serde_json::{Value, json};

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = r##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##;

const LENGTH: usize = 32;
const LONGEST: usize = 4096;

/// What is generated for a secret by these rules: a password, or a JSON text with one in it.
///
/// # Errors
/// The service's words for rules that cannot be kept.
pub fn generated(rules: &Value, seed: &str) -> Result<String, String> {
    let password = password(rules, &format!("{seed}/{rules}"))?;
    let (template, key) = (&rules["SecretStringTemplate"], &rules["GenerateStringKey"]);
    let (Some(template), Some(key)) = (template.as_str(), key.as_str()) else {
        return Ok(password);
    };
    let mut whole: Value = serde_json::from_str(template)
        .ok()
        .filter(Value::is_object)
        .ok_or("Could not parse SecretStringTemplate JSON")?;
    whole[key] = json!(password);
    Ok(whole.to_string())
}

/// A password by the rules of GetRandomPassword.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html>
///
/// # Errors
/// The service's words for rules that cannot be kept.
pub fn password(rules: &Value, seed: &str) -> Result<String, String> {
    let is = |name: &str| same(&rules[name], &json!(true));
    let excluded = rules["ExcludeCharacters"].as_str().unwrap_or_default();
    let groups: Vec<Vec<char>> = [
        (LOWER, !is("ExcludeLowercase")),
        (UPPER, !is("ExcludeUppercase")),
        (DIGITS, !is("ExcludeNumbers")),
        (PUNCTUATION, !is("ExcludePunctuation")),
        (" ", is("IncludeSpace")),
    ]
    .into_iter()
    .filter(|(_, taken)| *taken)
    .map(|(letters, _)| letters.chars().filter(|c| !excluded.contains(*c)).collect())
    .filter(|group: &Vec<char>| !group.is_empty())
    .collect();
    let all: Vec<char> = groups.iter().flatten().copied().collect();
    let length = match &rules["PasswordLength"] {
        Value::Number(number) => number.as_u64().unwrap_or_default() as usize,
        Value::String(text) => text.parse().unwrap_or_default(),
        _ => LENGTH,
    };
    let each = rules
        .get("RequireEachIncludedType")
        .is_none_or(|_| is("RequireEachIncludedType"));
    if all.is_empty() || !(1..=LONGEST).contains(&length) || (each && length < groups.len()) {
        return Err("The password length or the excluded characters leave no password.".to_owned());
    }
    let mut letters = Letters::of(seed);
    loop {
        let password: Vec<char> = (0..length).map(|_| letters.one_of(&all)).collect();
        let has = |group: &Vec<char>| password.iter().any(|letter| group.contains(letter));
        if !each || groups.iter().all(has) {
            return Ok(password.into_iter().collect());
        }
    }
}

/// A sequence without an end that follows from a text.
struct Letters<'a> {
    seed: &'a str,
    turn: u64,
    left: Vec<u8>,
}

impl<'a> Letters<'a> {
    fn of(seed: &'a str) -> Self {
        Self {
            seed,
            turn: 0,
            left: Vec::new(),
        }
    }

    fn one_of(&mut self, all: &[char]) -> char {
        let number = loop {
            if let Some(byte) = self.left.pop() {
                break byte;
            }
            self.turn += 1;
            self.left = ids::digest(&format!("{}/{}", self.seed, self.turn)).to_vec();
        };
        all.get(usize::from(number) % all.len())
            .copied()
            .unwrap_or('x')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_keep_the_rules_and_are_always_the_same() {
        let rules = json!({"PasswordLength": "30", "ExcludeCharacters": "\"@/\\'"});
        let made = password(&rules, "a").unwrap();
        assert_eq!(made, password(&rules, "a").unwrap());
        assert_ne!(made, password(&rules, "b").unwrap());
        assert_eq!(made.len(), 30);
        for group in [LOWER, UPPER, DIGITS] {
            assert!(made.chars().any(|letter| group.contains(letter)), "{made}");
        }
        assert!(!made.contains(['"', '@', '/', '\\', '\'']), "{made}");
        let digits = json!({
            "PasswordLength": 4, "ExcludeLowercase": true, "ExcludeUppercase": true,
            "ExcludePunctuation": true,
        });
        assert!(
            password(&digits, "a")
                .unwrap()
                .bytes()
                .all(|b| b.is_ascii_digit())
        );
        assert_eq!(password(&json!({}), "a").unwrap().len(), LENGTH);
        assert!(password(&json!({"PasswordLength": 3}), "a").is_err());
    }

    #[test]
    fn a_template_gets_its_key() {
        let rules = json!({
            "SecretStringTemplate": r#"{"username": "admin"}"#, "GenerateStringKey": "password",
        });
        let whole: Value = serde_json::from_str(&generated(&rules, "a").unwrap()).unwrap();
        assert_eq!(whole["username"], "admin");
        assert_eq!(whole["password"].as_str().unwrap().len(), LENGTH);
    }
}
