//! Signed tokens, as user pools issue them: read, and verified before anything in them is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Map, Value};

/// A longer text is no token of a user pool; nothing of it is read.
const LONGEST: usize = 16 * 1024;
/// Seconds that two clocks may differ by.
const SKEW: u64 = 60;

/// What a token says.
pub type Claims = Map<String, Value>;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not in the form of a token.
    #[error("it is no signed token")]
    Malformed,
    /// It is signed in a way that user pools do not sign in.
    #[error("it is signed with {0}, not with RS256")]
    Algorithm(String),
    /// Its key is none of the pool's.
    #[error("it is signed with a key that the user pool does not have")]
    Key,
    /// The signature does not hold.
    #[error("its signature is wrong")]
    Signature,
    /// Somebody else issued it.
    #[error("it was issued by {0}")]
    Issuer(String),
    /// It is for somebody else.
    #[error("it is for another client")]
    Audience,
    /// It is of another kind.
    #[error("it is no {0} token")]
    Use(&'static str),
    /// It has expired.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet.
    #[error("it was issued in the future: compare the clocks")]
    Early,
    /// It answers another question.
    #[error("its nonce is not that of this sign-in")]
    Nonce,
}

/// The public keys of a user pool.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    id: String,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// What an ID token must say.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Who issues it.
    pub issuer: &'a str,
    /// Which client it is for; any, where there is none.
    pub audience: Option<&'a str>,
    /// What the sign-in asked it to repeat.
    pub nonce: Option<&'a str>,
    /// Seconds since 1970.
    pub now: u64,
}

/// Bytes, as a token writes them.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a text that a token holds.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl Keys {
    /// Reads a JSON Web Key Set. Keys that are not for RS256 are left out.
    /// <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html>
    pub fn parse(text: &[u8]) -> Option<Self> {
        let set: Value = serde_json::from_slice(text).ok()?;
        let keys = set["keys"].as_array()?;
        Some(Self(keys.iter().filter_map(key).collect()))
    }

    /// Whether one of them has that id.
    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id == id)
    }

    /// Verifies an ID token, and answers what it says.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn verify(&self, token: &str, wanted: &Wanted<'_>) -> Result<Claims, Unfit> {
        let claims = self.signed(token)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("iss") != wanted.issuer {
            return Err(Unfit::Issuer(tame(text("iss"), 200)));
        }
        // A token without a use is an ID token of another OpenID provider.
        if !matches!(text("token_use"), "" | "id") {
            return Err(Unfit::Use("ID"));
        }
        match wanted.audience {
            Some(audience) if !is_for(&claims, audience) => return Err(Unfit::Audience),
            _ => {}
        }
        let moment = |name: &str| claims.get(name).and_then(Value::as_u64);
        if moment("exp").is_none_or(|end| end <= wanted.now) {
            return Err(Unfit::Expired);
        }
        let begins = moment("nbf").max(moment("iat"));
        if begins.is_none_or(|begin| begin > wanted.now.saturating_add(SKEW)) {
            return Err(Unfit::Early);
        }
        if wanted.nonce.is_some_and(|nonce| text("nonce") != nonce) {
            return Err(Unfit::Nonce);
        }
        Ok(claims)
    }

    /// What a token says whose signature holds.
    ///
    /// # Errors
    /// When it is no token, or the signature does not hold.
    pub fn signed(&self, token: &str) -> Result<Claims, Unfit> {
        let (header, claims, signature) = parts(token).ok_or(Unfit::Malformed)?;
        let text = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default();
        // Never what the token says that it is: a key of RSA taken for one of HMAC, or none at all.
        if text("alg") != "RS256" {
            return Err(Unfit::Algorithm(tame(text("alg"), 20)));
        }
        let mut keys = self.0.iter();
        let key = keys.find(|key| key.id == text("kid")).ok_or(Unfit::Key)?;
        let public = RsaPublicKeyComponents {
            n: &key.modulus,
            e: &key.exponent,
        };
        let (signed, _) = token.rsplit_once('.').ok_or(Unfit::Malformed)?;
        public
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
            .map_err(|_| Unfit::Signature)?;
        Ok(claims)
    }
}

/// Words of a token that is not believed, fit to be shown.
fn tame(text: &str, most: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(most)
        .collect()
}

fn is_for(claims: &Claims, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(all)) => all.iter().any(|one| one == audience),
        _ => false,
    }
}

fn key(key: &Value) -> Option<Key> {
    let text = |name: &str| key[name].as_str();
    let fits = text("kty") == Some("RSA")
        && text("alg").is_none_or(|alg| alg == "RS256")
        && text("use").is_none_or(|use_| use_ == "sig");
    fits.then_some(())?;
    Some(Key {
        id: text("kid")?.to_owned(),
        modulus: decode(text("n")?)?,
        exponent: decode(text("e")?)?,
    })
}

/// The header, the claims and the signature.
fn parts(token: &str) -> Option<(Claims, Claims, Vec<u8>)> {
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split('.');
    let object = |text: &str| serde_json::from_slice::<Claims>(&decode(text)?).ok();
    let (header, claims) = (object(parts.next()?)?, object(parts.next()?)?);
    let signature = decode(parts.next()?)?;
    parts
        .next()
        .is_none()
        .then_some((header, claims, signature))
}

/// The id of the key that a token says it is signed with. Not verified.
pub fn key_id(token: &str) -> Option<String> {
    let (header, ..) = parts(token)?;
    header.get("kid")?.as_str().map(str::to_owned)
}

/// A claim of a token that was verified when it was kept.
pub fn claim(token: &str, name: &str) -> Option<Value> {
    let (_, mut claims, _) = parts(token)?;
    claims.remove(name)
}
