//! The Secure Remote Password protocol as Cognito speaks it: a password is proved to somebody who has
//! only a verifier of it, and neither sends it nor lets it be guessed from what is sent.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html>
//!
//! SRP-6a (RFC 5054) over RFC 3526's group of 3,072 bits and SHA-256, with Cognito's own key
//! derivation and its own rule for how numbers become bytes.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{NonZero, Odd, U256, U3072, Uint};
use ring::hmac;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// RFC 3526, group 15.
const PRIME: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
                     020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
                     4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
                     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05\
                     98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB\
                     9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
                     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718\
                     3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33\
                     A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
                     ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864\
                     D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2\
                     08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";

type Number = FixedMontyForm<{ U3072::LIMBS }>;

struct Group {
    params: FixedMontyParams<{ U3072::LIMBS }>,
    prime: U3072,
    generator: Number,
    multiplier: Number,
}

static GROUP: LazyLock<Group> = LazyLock::new(|| {
    let prime = U3072::from_be_hex(PRIME);
    let params = FixedMontyParams::new(odd(prime));
    let two = U3072::from_u8(2);
    let k = Sha256::new()
        .chain_update(padded(&prime))
        .chain_update(padded(&two));
    let multiplier = Number::new(&U3072::from_be_slice(&wide(&k.finalize())), &params);
    Group {
        params,
        prime,
        generator: Number::new(&two, &params),
        multiplier,
    }
});

fn odd(prime: U3072) -> Odd<U3072> {
    let odd: Option<Odd<U3072>> = Odd::new(prime).into();
    odd.unwrap_or_else(|| unreachable!("RFC 3526's prime is odd"))
}

/// A number's bytes as Cognito hashes them: none of them leading zeros, but for one in front of a byte
/// that would read as negative.
fn padded<const LIMBS: usize>(number: &Uint<LIMBS>) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    trimmed(bytes.as_ref())
}

fn trimmed(bytes: &[u8]) -> Vec<u8> {
    let from = bytes
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(bytes.len() - 1);
    let bytes = &bytes[from..];
    match bytes.first() {
        Some(first) if *first >= 0x80 => [&[0], bytes].concat(),
        _ => bytes.to_vec(),
    }
}

/// A hash as a number's bytes.
fn wide(bytes: &[u8]) -> [u8; 384] {
    let mut wide = [0; 384];
    wide[384 - bytes.len()..].copy_from_slice(bytes);
    wide
}

fn hex(number: &U3072) -> String {
    format!("{number:x}").trim_start_matches('0').to_owned()
}

/// A number in hexadecimal digits, as the other side sent it; none that is 0 in the group.
fn read(text: &str) -> Option<U3072> {
    if text.len() > 2 * 384 + 2 {
        return None;
    }
    let number = U3072::from_str_radix_vartime(text.trim_start_matches('0'), 16).ok()?;
    let modulus: Option<NonZero<U3072>> = NonZero::new(GROUP.prime).into();
    let rest = number.rem_vartime(&modulus?);
    (rest != U3072::ZERO).then_some(number)
}

/// Who proves, and to which pool.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    /// The pool's id without the region in front.
    pub pool: &'a str,
    /// The user's name as the pool has it (USER_ID_FOR_SRP).
    pub user: &'a str,
}

/// The part of a pool's id that the proofs hold.
pub fn pool_name(id: &str) -> &str {
    id.split_once('_').map_or(id, |(_, name)| name)
}

fn private(salt: &[u8], who: Who<'_>, password: &str) -> U256 {
    let inner = Sha256::digest(format!("{}{}:{password}", who.pool, who.user));
    let outer = Sha256::new()
        .chain_update(trimmed(salt))
        .chain_update(inner);
    U256::from_be_slice(&outer.finalize())
}

/// What is kept of a password: nobody who has it can sign in with it.
pub fn verifier(salt: &[u8; 16], who: Who<'_>, password: &str) -> String {
    let x = private(salt, who, password);
    hex(&GROUP.generator.pow(&x).retrieve())
}

fn scramble(a: &U3072, b: &U3072) -> U256 {
    let hash = Sha256::new()
        .chain_update(padded(a))
        .chain_update(padded(b));
    U256::from_be_slice(&hash.finalize())
}

/// The key that both sides come to.
fn key(shared: &U3072, scramble: &U256) -> hmac::Key {
    let salt = hmac::Key::new(hmac::HMAC_SHA256, &padded(scramble));
    let secret = hmac::sign(&salt, &padded(shared));
    let expand = hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref());
    let derived = hmac::sign(&expand, b"Caldera Derived Key\x01");
    hmac::Key::new(hmac::HMAC_SHA256, &derived.as_ref()[..16])
}

fn claim(who: Who<'_>, secret_block: &[u8], time: &str) -> Vec<u8> {
    let head = format!("{}{}", who.pool, who.user);
    [head.as_bytes(), secret_block, time.as_bytes()].concat()
}

/// The side that has the password.
pub struct Client {
    secret: U256,
    public: U3072,
}

impl Client {
    /// One that has drawn that number.
    pub fn new(random: [u8; 32]) -> Self {
        let secret = U256::from_be_slice(&random);
        let public = GROUP.generator.pow(&secret).retrieve();
        Self { secret, public }
    }

    /// SRP_A.
    pub fn public(&self) -> String {
        hex(&self.public)
    }

    /// The proof, from what the pool answered; none where that is nothing to go by.
    pub fn prove(
        &self,
        who: Who<'_>,
        password: &str,
        answered: &Answered<'_>,
        time: &str,
    ) -> Option<Vec<u8>> {
        let (b, salt) = (read(answered.public)?, bytes(answered.salt)?);
        let u = scramble(&self.public, &b);
        let x = private(&salt, who, password);
        let power = GROUP.generator.pow(&x);
        let base = Number::new(&b, &GROUP.params).sub(&GROUP.multiplier.mul(&power));
        // B - k * g^x, to the power of a + u * x.
        let shared = base.pow(&self.secret).mul(&base.pow(&u).pow(&x));
        let proof = hmac::sign(
            &key(&shared.retrieve(), &u),
            &claim(who, answered.secret_block, time),
        );
        Some(proof.as_ref().to_vec())
    }
}

/// What a pool answers.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// SRP_B.
    pub public: &'a str,
    /// SALT.
    pub salt: &'a str,
    /// SECRET_BLOCK, decoded.
    pub secret_block: &'a [u8],
}

/// An even number of hexadecimal digits, or an odd one.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let even = match hex.len() % 2 {
        0 => hex.to_owned(),
        _ => format!("0{hex}"),
    };
    (!even.is_empty() && even.len() <= 128).then_some(())?;
    hex::decode(even).ok()
}

/// The side that has the verifier.
#[derive(Debug, Clone)]
pub struct Server {
    verifier: U3072,
    secret: U256,
    public: U3072,
    client: U3072,
}

impl Server {
    /// One that has drawn that number, for a client's SRP_A; none where that is no number to go by.
    pub fn new(verifier: &str, client: &str, random: [u8; 32]) -> Option<Self> {
        let (verifier, client) = (read(verifier)?, read(client)?);
        let secret = U256::from_be_slice(&random);
        let power = GROUP.generator.pow(&secret);
        let v = Number::new(&verifier, &GROUP.params);
        let public = GROUP.multiplier.mul(&v).add(&power).retrieve();
        Some(Self {
            verifier,
            secret,
            public,
            client,
        })
    }

    /// SRP_B.
    pub fn public(&self) -> String {
        hex(&self.public)
    }

    /// Whether the proof is that of somebody who has the password.
    pub fn accepts(&self, who: Who<'_>, secret_block: &[u8], time: &str, proof: &[u8]) -> bool {
        let u = scramble(&self.client, &self.public);
        let v = Number::new(&self.verifier, &GROUP.params);
        let a = Number::new(&self.client, &GROUP.params);
        let shared = a.mul(&v.pow(&u)).pow(&self.secret).retrieve();
        hmac::verify(&key(&shared, &u), &claim(who, secret_block, time), proof).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Who<'_> = Who {
        pool: "Abc123",
        user: "3f1e",
    };

    fn accepted(password: &str, time: &str) -> bool {
        let (salt, block) = ([0x8a; 16], b"block".as_slice());
        let client = Client::new([7; 32]);
        let kept = verifier(&salt, WHO, "Right-Horse-1!");
        let server = Server::new(&kept, &client.public(), [9; 32]).unwrap();
        let answered = Answered {
            public: &server.public(),
            salt: &"8a".repeat(16),
            secret_block: block,
        };
        let proof = client.prove(WHO, password, &answered, "Thu Jan 1 00:00:00 UTC 2026");
        server.accepts(WHO, block, time, &proof.unwrap())
    }

    #[test]
    fn who_has_the_password_is_believed_and_nobody_else() {
        let time = "Thu Jan 1 00:00:00 UTC 2026";
        assert!(accepted("Right-Horse-1!", time));
        assert!(!accepted("Wrong-Horse-1!", time));
        assert!(!accepted("Right-Horse-1!", "Thu Jan 1 00:00:01 UTC 2026"));
    }

    /// With A = 0, or a multiple of the prime, the shared secret is 0 whatever the password is.
    #[test]
    fn numbers_that_give_the_secret_away_are_refused() {
        let kept = verifier(&[1; 16], WHO, "x");
        for public in ["0", "000", PRIME, "", "zz", &"f".repeat(2000)] {
            assert!(Server::new(&kept, public, [1; 32]).is_none(), "{public}");
        }
    }

    #[test]
    fn numbers_are_hashed_without_leading_zeros_and_never_negative() {
        assert_eq!(trimmed(&[0, 0, 0x7f, 1]), [0x7f, 1]);
        assert_eq!(trimmed(&[0, 0x80]), [0, 0x80]);
        assert_eq!(trimmed(&[0, 0]), [0]);
        assert_eq!(bytes("abc"), Some(vec![0x0a, 0xbc]));
        assert_eq!(bytes("é"), None);
    }
}
