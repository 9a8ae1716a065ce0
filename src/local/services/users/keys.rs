//! The key that a pool signs with: RSA of 2,048 bits, made once and kept in the state, which is its
//! owner's alone to read.

use crate::chance;
use crate::jwt::{decode, encode};
use crypto_bigint::rand_core::{Infallible, TryCryptoRng, TryRng};
use crypto_bigint::{NonZero, U1024, U2048};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const EXPONENT: u32 = 65_537;

/// A private key, in the numbers that RFC 7518 names so, each in base64url.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SigningKey {
    kid: String,
    n: String,
    d: String,
    p: String,
    q: String,
    dp: String,
    dq: String,
    qi: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The system's chance for primes. Should the system have none, what it gives is nothing that a prime
/// is found in.
struct Chance;

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(chance::bytes().unwrap_or_default()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(chance::bytes().unwrap_or_default()))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        for part in into.chunks_mut(32) {
            let bytes: [u8; 32] = chance::bytes().unwrap_or_default();
            part.copy_from_slice(&bytes[..part.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Chance {}

/// A prime with its two highest bits set, so that two of them make a modulus of 2,048 bits, and with
/// which the public exponent can be undone.
fn prime() -> Option<U1024> {
    loop {
        let factory = SmallFactorsSieveFactory::new(Flavor::Any, 1024, SetBits::TwoMsb).ok()?;
        let fits = |_: &mut Chance, candidate: &U1024| is_prime(Flavor::Any, candidate);
        let found: U1024 = sieve_and_find(&mut Chance, factory, fits).ok()??;
        if undone(&found).is_some() {
            return Some(found);
        }
    }
}

/// The public exponent's inverse modulo a prime less one.
fn undone(prime: &U1024) -> Option<U1024> {
    let order: Option<NonZero<U1024>> = NonZero::new(prime.wrapping_sub(&U1024::ONE)).into();
    U1024::from_u32(EXPONENT).invert_mod(&order?).into()
}

/// A number's bytes, without the leading zeros that ring takes for a mistake.
fn written(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    encode(&bytes[zeros..])
}

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn make() -> std::io::Result<Self> {
        // Asked once, so that the primes' chance is known to be there.
        let kid = encode(chance::bytes::<24>()?);
        Self::draw(kid).ok_or_else(|| std::io::Error::other("no key could be made"))
    }

    fn draw(kid: String) -> Option<Self> {
        let (one, other) = (prime()?, prime()?);
        let (p, q) = if one > other {
            (one, other)
        } else {
            (other, one)
        };
        let wide = |number: &U1024| number.resize::<{ U2048::LIMBS }>();
        let n = wide(&p).wrapping_mul(&wide(&q));
        let less = |number: &U1024| wide(&number.wrapping_sub(&U1024::ONE));
        let order: Option<NonZero<U2048>> = NonZero::new(less(&p).wrapping_mul(&less(&q))).into();
        let d: Option<U2048> = U2048::from_u32(EXPONENT).invert_mod(&order?).into();
        let modulus: Option<NonZero<U1024>> = NonZero::new(p).into();
        let qi: Option<U1024> = q.invert_mod(&modulus?).into();
        let text = |number: &U1024| written(number.to_be_bytes().as_ref());
        let key = Self {
            kid,
            n: written(n.to_be_bytes().as_ref()),
            d: written(d?.to_be_bytes().as_ref()),
            p: text(&p),
            q: text(&q),
            dp: text(&undone(&p)?),
            dq: text(&undone(&q)?),
            qi: text(&qi?),
        };
        key.pair().map(|_| key)
    }

    fn pair(&self) -> Option<KeyPair> {
        let exponent = EXPONENT.to_be_bytes();
        let public_key = PublicKeyComponents {
            n: decode(&self.n)?,
            e: exponent[1..].to_vec(),
        };
        let components = KeyPairComponents {
            public_key,
            d: decode(&self.d)?,
            p: decode(&self.p)?,
            q: decode(&self.q)?,
            dP: decode(&self.dp)?,
            dQ: decode(&self.dq)?,
            qInv: decode(&self.qi)?,
        };
        KeyPair::from_components(&components).ok()
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        !self.kid.is_empty()
    }

    /// The public half, as a JSON Web Key.
    pub fn public(&self) -> Value {
        json!({ "alg": "RS256", "e": "AQAB", "kid": self.kid, "kty": "RSA", "n": self.n, "use": "sig" })
    }

    /// A token that says so.
    pub fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({ "kid": self.kid, "alg": "RS256" });
        let text = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let pair = self.pair()?;
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )
        .ok()?;
        Some(format!("{text}.{}", encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{Keys, Unfit, Wanted};

    #[test]
    fn a_number_is_written_without_leading_zeros() {
        assert_eq!(written(&[0, 0, 1, 0]), encode([1, 0]));
    }

    #[test]
    fn what_a_key_signs_its_public_half_verifies() {
        let (key, other) = (SigningKey::make().unwrap(), SigningKey::make().unwrap());
        let keys = |key: &SigningKey| {
            Keys::parse(json!({ "keys": [key.public()] }).to_string().as_bytes()).unwrap()
        };
        let token = key.sign(&json!({ "sub": "x" })).unwrap();
        assert_eq!(keys(&key).signed(&token).unwrap()["sub"], "x");
        assert_eq!(keys(&other).signed(&token), Err(Unfit::Key));
        assert!(!format!("{key:?}").contains(&key.d));
    }

    #[test]
    fn a_token_is_believed_for_what_it_is_and_nothing_else() {
        let (key, stranger) = (SigningKey::make().unwrap(), SigningKey::make().unwrap());
        let text = json!({ "keys": [key.public()] }).to_string();
        let keys = Keys::parse(text.as_bytes()).unwrap();
        let good = json!({ "iss": "https://pool", "aud": "app", "token_use": "id", "nonce": "n",
                           "iat": 1000, "exp": 2000, "sub": "x" });
        let wanted = Wanted {
            issuer: "https://pool",
            audience: Some("app"),
            nonce: Some("n"),
            now: 1500,
        };
        let judged = |token: &str| keys.verify(token, &wanted).map(drop);
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            judged(&key.sign(&claims).unwrap())
        };
        let token = key.sign(&good).unwrap();
        assert_eq!(judged(&token), Ok(()));
        assert_eq!(with("aud", json!(["other", "app"])), Ok(()));
        // Another OpenID provider has no such claim.
        assert_eq!(with("token_use", Value::Null), Ok(()));
        assert_eq!(
            with("iss", json!("https://other")),
            Err(Unfit::Issuer("https://other".to_owned()))
        );
        for audience in [json!("other"), json!(["other"]), json!(7), Value::Null] {
            assert_eq!(with("aud", audience), Err(Unfit::Audience));
        }
        assert_eq!(with("token_use", json!("access")), Err(Unfit::Use("ID")));
        for end in [json!(1500), json!(0), json!("2000"), json!(-1), Value::Null] {
            assert_eq!(with("exp", end), Err(Unfit::Expired));
        }
        assert_eq!(with("iat", json!(1561)), Err(Unfit::Early));
        assert_eq!(with("nbf", json!(9999)), Err(Unfit::Early));
        assert_eq!(with("nonce", json!("m")), Err(Unfit::Nonce));
        assert_eq!(judged(&stranger.sign(&good).unwrap()), Err(Unfit::Key));

        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            panic!("{token}")
        };
        let headed = |header: Value| format!("{}.{claims}.{signature}", encode(header.to_string()));
        let kid = key.public()["kid"].clone();
        for alg in ["none", "None", "HS256", "RS384", ""] {
            let forged = headed(json!({ "alg": alg, "kid": kid }));
            assert_eq!(judged(&forged), Err(Unfit::Algorithm(alg.to_owned())));
        }
        assert_eq!(judged(&headed(json!({ "alg": "RS256" }))), Err(Unfit::Key));
        // The same key under another's name, and other claims under the same signature.
        let changed = encode(good.to_string().replace("\"x\"", "\"y\""));
        assert_eq!(
            judged(&format!("{header}.{changed}.{signature}")),
            Err(Unfit::Signature)
        );
        assert_eq!(
            judged(&format!("{header}.{claims}.")),
            Err(Unfit::Signature)
        );
        for text in [
            "",
            ".",
            "..",
            "a.b.c",
            &format!("{token}."),
            &format!("{token}.x"),
            &"a".repeat(20_000),
        ] {
            assert_eq!(judged(text), Err(Unfit::Malformed), "{text}");
        }
    }
}
