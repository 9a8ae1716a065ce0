//! Tokens that are not what they say: forged, changed, expired, of another pool, of another kind. At the
//! stage's authorizer, and where `infra login` verifies what the sign-in gave it.

use crate::login::{Waiting, claim, encode};
use crate::platform::{EMAIL, HANDLER, Platform, REQUEST};
use crate::sandbox::Ran;
use crate::web::{self, Playing, play, says};
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::{hmac, rand, signature};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Another pool in the same account, whose users are nobody before the API.
const OTHER_POOL: &str = "
  OtherPool:
    Type: AWS::Cognito::UserPool
    Properties:
      UserPoolName: other
  OtherClient:
    Type: AWS::Cognito::UserPoolClient
    Properties:
      UserPoolId: !Ref OtherPool
      ExplicitAuthFlows: [ALLOW_ADMIN_USER_PASSWORD_AUTH]

Outputs:
  OtherPoolId:
    Value: !Ref OtherPool
  OtherClientId:
    Value: !Ref OtherClient
";

/// A pool's private key, as the embedded Cognito keeps it: who has it can sign whatever they like.
struct Key {
    id: String,
    modulus: String,
    pair: KeyPair,
}

impl Key {
    fn of(platform: &Platform, pool: &str) -> Self {
        // A pool has its key when somebody asks for it, and on disk a moment later.
        let url = format!("{}/{pool}/.well-known/jwks.json", platform.endpoint);
        let id = web::get(&url).json()["keys"][0]["kid"].clone();
        let path = platform.sandbox.path().join(".infra/local/account.json");
        let mut tries = 0..200;
        let key = loop {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let account: Value = serde_json::from_str(&text).unwrap_or_default();
            let key = account["pools"][pool]["key"].clone();
            if key["kid"] == id {
                break key;
            }
            assert!(tries.next().is_some(), "the key is not kept");
            std::thread::sleep(Duration::from_millis(50));
        };
        let number = |name: &str| decode(key[name].as_str().unwrap());
        let components = KeyPairComponents {
            public_key: PublicKeyComponents {
                n: number("n"),
                e: vec![1, 0, 1],
            },
            d: number("d"),
            p: number("p"),
            q: number("q"),
            dP: number("dp"),
            dQ: number("dq"),
            qInv: number("qi"),
        };
        Self {
            id: id.as_str().unwrap().to_owned(),
            modulus: key["n"].as_str().unwrap().to_owned(),
            pair: KeyPair::from_components(&components).unwrap(),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "kid": self.id, "alg": "RS256" }), claims)
    }

    fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let text = parts(header, claims);
        let mut signed = vec![0; self.pair.public().modulus_len()];
        let random = rand::SystemRandom::new();
        self.pair
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &random,
                text.as_bytes(),
                &mut signed,
            )
            .unwrap();
        format!("{text}.{}", url_safe(&signed))
    }

    /// What everybody knows of the key, taken for a secret: the oldest trick against a verifier.
    fn as_secret(&self, claims: &Value) -> String {
        let text = parts(&json!({ "kid": self.id, "alg": "HS256" }), claims);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &decode(&self.modulus));
        format!(
            "{text}.{}",
            url_safe(hmac::sign(&secret, text.as_bytes()).as_ref())
        )
    }
}

fn parts(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        encode(&header.to_string()),
        encode(&claims.to_string())
    )
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .unwrap()
}

fn url_safe(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// All that a token says.
fn claims(token: &str) -> Value {
    serde_json::from_slice(&decode(token.split('.').nth(1).unwrap())).unwrap()
}

fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// The shipped platform beside another pool.
fn two_pools() -> Platform {
    Platform::set_up(Some(HANDLER), |sandbox| {
        sandbox.edit("templates/api-and-cognito.yaml", "\nOutputs:\n", OTHER_POOL);
    })
}

/// An ID token of a user of the other pool, as that pool gives it.
fn strangers(platform: &Platform) -> String {
    let (pool, client) = (
        platform.output("OtherPoolId"),
        platform.output("OtherClientId"),
    );
    let call = |operation: &str, mut asked: Value| {
        asked["UserPoolId"] = json!(pool);
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let headers = [("X-Amz-Target", target.as_str())];
        let answer = web::send("POST", &platform.endpoint, &headers, &asked.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    call("AdminCreateUser", json!({ "Username": "eve" }));
    let password = "Right-Horse-1!";
    call(
        "AdminSetUserPassword",
        json!({ "Username": "eve", "Password": password, "Permanent": true }),
    );
    let given = call(
        "AdminInitiateAuth",
        json!({ "ClientId": client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
                "AuthParameters": { "USERNAME": "eve", "PASSWORD": password } }),
    );
    let token = given["AuthenticationResult"]["IdToken"].as_str();
    token.unwrap().to_owned()
}

#[test]
fn a_stage_believes_its_own_pools_id_tokens_and_no_other() {
    let platform = two_pools();
    let token = platform.sign_in();
    let stranger = strangers(&platform);
    let key = Key::of(&platform, &platform.output("UserPoolId"));
    let other = Key::of(&platform, &platform.output("OtherPoolId"));
    let good = claims(&token);
    let at = format!(
        "{}/_execute-api/{}/prod/loan",
        platform.endpoint,
        platform.output("ApiId")
    );
    let post = |token: &str| {
        let bearer = format!("Bearer {token}");
        web::send("POST", &at, &[("Authorization", &bearer)], REQUEST)
    };
    // The measure: what is signed anew with the same words opens, so each change below is what shuts.
    assert_eq!(post(&key.sign(&good)).status, 200);
    assert_eq!(claim(&stranger, "token_use"), "id");
    // Which of the pool's clients it is for is nothing that API Gateway looks at.
    let elsewhere = changed(&good, "aud", json!("another client"));
    assert_eq!(post(&key.sign(&elsewhere)).status, 200);

    let of = |name: &str, value: Value| key.sign(&changed(&good, name, value));
    let header = |header: Value| key.sign_as(&header, &good);
    let unsigned = |alg: &str| format!("{}.", parts(&json!({ "alg": alg, "kid": key.id }), &good));
    let signature = token.rsplit('.').next().unwrap();
    let root = changed(&good, "sub", json!("root"));
    let swapped = parts(&json!({ "alg": "RS256", "kid": key.id }), &root);
    for (what, forged) in [
        ("another pool's, as it gave it", stranger.clone()),
        ("another pool's key, our words", other.sign(&good)),
        (
            "another pool's key under our key's name",
            other.sign_as(&json!({ "kid": key.id, "alg": "RS256" }), &good),
        ),
        (
            "our key, another pool's issuer",
            of("iss", claim(&stranger, "iss")),
        ),
        ("expired a second ago", of("exp", json!(now() - 1))),
        ("expired in 1970", of("exp", json!(1))),
        ("ending in words", of("exp", json!("9999999999"))),
        ("without an end", of("exp", Value::Null)),
        (
            "an access token by its use",
            of("token_use", json!("access")),
        ),
        ("of no use", of("token_use", Value::Null)),
        ("no algorithm", unsigned("none")),
        ("no algorithm, in capitals", unsigned("NONE")),
        ("RS256 without a signature", unsigned("RS256")),
        ("the public key as a secret", key.as_secret(&good)),
        (
            "another algorithm's name",
            header(json!({ "kid": key.id, "alg": "RS512" })),
        ),
        (
            "a key that is nobody's",
            header(json!({ "kid": "nobody", "alg": "RS256" })),
        ),
        ("no key's name", header(json!({ "alg": "RS256" }))),
        (
            "a key of its own",
            header(
                json!({ "alg": "RS256", "jwk": { "kty": "RSA", "e": "AQAB", "n": other.modulus } }),
            ),
        ),
        (
            "other words under a good signature",
            format!("{swapped}.{signature}"),
        ),
    ] {
        let refused = post(&forged);
        assert_eq!(refused.status, 401, "{what}: {refused:?}");
        let told = refused.json();
        let words = told["message"].as_str().unwrap();
        assert!(
            words.starts_with("no token, or one that is not valid"),
            "{what}: {words}"
        );
    }
    // Whatever came, the function was asked for what opens alone.
    let logs = platform.sandbox.path().join(".infra/local/logs");
    let log = std::fs::read_dir(logs).unwrap().next().unwrap().unwrap();
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(log.matches("asked by").count(), 2, "{log}");
}

/// A hosted sign-in of the attacker's: it gives what it is told to give for any code.
struct Attacker {
    given: Arc<Mutex<Value>>,
    server: Playing,
}

impl Attacker {
    fn new() -> Self {
        let given: Arc<Mutex<Value>> = Arc::default();
        let own = given.clone();
        let server = play(move |_| {
            says(
                200,
                "content-type: application/json\r\n",
                &own.lock().unwrap().to_string(),
            )
        });
        Self { given, server }
    }

    /// A sign-in in the browser that is given a token which `make` makes of the nonce.
    fn sign_in(&self, platform: &Platform, make: impl FnOnce(&str) -> String) -> Ran {
        let mut command = Waiting::command(platform);
        command.env("INFRA_SIGN_IN_URL", &self.server.url);
        let waiting = Waiting::start(command);
        let token = make(&waiting.field("nonce"));
        *self.given.lock().unwrap() =
            json!({ "id_token": token, "access_token": "a", "refresh_token": "r" });
        let back = format!(
            "{}?code=c&state={}",
            platform.callback,
            waiting.field("state")
        );
        assert_eq!(web::get(&back).status, 200);
        waiting.end()
    }
}

#[test]
fn a_sign_in_keeps_no_token_that_it_cannot_trust() {
    let platform = two_pools();
    let token = platform.sign_in();
    platform.run(&["logout"]).code(0);
    let key = Key::of(&platform, &platform.output("UserPoolId"));
    let other = Key::of(&platform, &platform.output("OtherPoolId"));
    let (good, attacker) = (claims(&token), Attacker::new());
    let kept = platform.sandbox.path().join(".infra/sign-in");
    let nothing = || std::fs::read_dir(&kept).map_or(0, Iterator::count) == 0;
    type Make<'a> = Box<dyn Fn(&Value) -> String + 'a>;
    let with = |name: &'static str, value: Value| -> Make<'_> {
        let key = &key;
        Box::new(move |good| key.sign(&changed(good, name, value.clone())))
    };
    let headed = |header: Value| -> Make<'_> {
        let key = &key;
        Box::new(move |good| key.sign_as(&header, good))
    };
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other";
    for (make, words) in [
        (
            with("iss", json!(issuer)),
            format!("it was issued by {issuer}."),
        ),
        (
            with("aud", json!(platform.output("OtherClientId"))),
            "it is for another client.".to_owned(),
        ),
        (
            with("token_use", json!("access")),
            "it is no ID token.".to_owned(),
        ),
        (with("exp", json!(now() - 1)), "it has expired.".to_owned()),
        (
            with("iat", json!(now() + 3600)),
            "it was issued in the future: compare the clocks.".to_owned(),
        ),
        (
            with("nonce", json!("another")),
            "its nonce is not that of this sign-in.".to_owned(),
        ),
        (
            with("nonce", Value::Null),
            "its nonce is not that of this sign-in.".to_owned(),
        ),
        (
            Box::new(|good: &Value| other.sign(good)),
            "it is signed with a key that the user pool does not have.".to_owned(),
        ),
        (
            Box::new(|good: &Value| other.sign_as(&json!({ "kid": key.id, "alg": "RS256" }), good)),
            "its signature is wrong.".to_owned(),
        ),
        (
            Box::new(|good: &Value| key.as_secret(good)),
            "it is signed with HS256, not with RS256.".to_owned(),
        ),
        (
            Box::new(|good: &Value| format!("{}.", parts(&json!({ "alg": "none" }), good))),
            "it is signed with none, not with RS256.".to_owned(),
        ),
        // What it says goes to the terminal, and may not move its cursor.
        (
            headed(json!({ "kid": key.id, "alg": "\u{1b}[2Jx" })),
            "it is signed with [2Jx, not with RS256.".to_owned(),
        ),
        (
            headed(json!({ "kid": "nobody", "alg": "RS256" })),
            "it is signed with a key that the user pool does not have.".to_owned(),
        ),
        (
            Box::new(|_: &Value| "nonsense".to_owned()),
            "it is no signed token.".to_owned(),
        ),
        (
            Box::new(|_: &Value| "a".repeat(100_000)),
            "it is no signed token.".to_owned(),
        ),
    ] {
        let ran = attacker
            .sign_in(&platform, |nonce| {
                make(&changed(&good, "nonce", json!(nonce)))
            })
            .code(3);
        let expected = format!(
            "error: the ID token is not to be trusted: {words}\n  hint: nothing was kept: sign in again, and if it stays \
             so ask who runs the sign-in\n"
        );
        assert!(ran.err.ends_with(&expected), "{words}: {}", ran.err);
        assert!(nothing(), "{words}");
    }
    assert!(
        platform
            .run(&["token"])
            .code(2)
            .err
            .starts_with("error: nobody is signed in.")
    );

    // The measure: the same way with the pool's own words is a sign-in, and what is due later is fresh only
    // if it is the same person's.
    let soon = changed(&good, "exp", json!(now() + 30));
    let signed = |nonce: &str| key.sign(&changed(&soon, "nonce", json!(nonce)));
    attacker.sign_in(&platform, signed).code(0);
    assert!(!nothing());
    let fresh = |token: String| {
        *attacker.given.lock().unwrap() = json!({ "id_token": token, "access_token": "a" });
        let mut command = platform.command(&["token"]);
        command.env("INFRA_SIGN_IN_URL", &attacker.server.url);
        crate::sandbox::ran(command.output().unwrap())
    };
    for (token, words) in [
        (
            key.sign(&changed(&good, "sub", json!("eve"))),
            "the fresh token is somebody else's; nothing was kept.",
        ),
        (
            key.sign(&changed(&good, "exp", json!(now() - 1))),
            "it has expired.",
        ),
        (other.sign(&good), "a key that the user pool does not have."),
    ] {
        let refused = fresh(token).code(3);
        assert!(refused.err.contains(words), "{words}: {}", refused.err);
        assert_eq!(refused.out, "");
    }
    let renewed = key.sign(&changed(&good, "email", json!(EMAIL)));
    assert_eq!(fresh(renewed.clone()).code(0).out.trim(), renewed);
}
