//! Signing in in the browser: OAuth's authorization code with PKCE (RFC 7636), led back to a loopback
//! address (RFC 8252).
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html>

use super::Pool;
use super::callback::{Callback, Listener};
use super::tokens::{Tokens, Way};
use crate::chance;
use crate::error::{Error, Result};
use crate::jwt;
use crate::platform::web::{Reply, Web, form};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// What the tokens are asked to tell.
const SCOPES: &str = "openid email profile";

/// A sign-in that has begun. Nothing that it is answered counts but with what it has drawn.
pub struct Begun {
    listener: Listener,
    callback: String,
    state: String,
    verifier: String,
    /// What the ID token has to repeat.
    pub nonce: String,
    /// Where the browser goes.
    pub url: String,
}

impl Begun {
    /// Listens, and draws.
    ///
    /// # Errors
    /// When the callback is none that can be listened on.
    pub async fn new(pool: &Pool, callback: &str) -> Result<Self> {
        let draw = || {
            chance::word()
                .map_err(|error| Error::asked(format!("cannot begin a sign-in: {error}.")))
        };
        let listener = Listener::bind(callback).await?;
        let (state, verifier, nonce) = (draw()?, draw()?, draw()?);
        let challenge = jwt::encode(Sha256::digest(&verifier));
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &pool.client),
            ("redirect_uri", callback),
            ("scope", SCOPES),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(Self {
            listener,
            callback: callback.to_owned(),
            state,
            verifier,
            nonce,
            url: format!("{}/oauth2/authorize?{query}", pool.sign_in.url),
        })
    }

    /// Waits for the browser to be led back, and changes the code that it brings for tokens.
    ///
    /// # Errors
    /// When it is not within the time, or the sign-in refuses.
    pub async fn end(&self, pool: &Pool, web: &Web, patience: Duration) -> Result<Tokens> {
        let expected = Callback {
            state: &self.state,
            issuer: &pool.issuer,
        };
        let waited = tokio::time::timeout(patience, self.listener.code(&expected)).await;
        let code = waited.unwrap_or_else(|_| {
            let seconds = patience.as_secs();
            Err(Error::aws(format!("nobody signed in within {seconds} s."))
                .hint("run the same command again, or give it more time with --timeout"))
        })?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", &pool.client),
            ("code", &code),
            ("redirect_uri", &self.callback),
            ("code_verifier", &self.verifier),
        ];
        let reply = ask(pool, web, &fields).await?;
        read(pool, &reply, None)
    }
}

async fn ask(pool: &Pool, web: &Web, fields: &[(&str, &str)]) -> Result<Reply> {
    let to = pool.sign_in.join("/oauth2/token");
    web.form(&to, fields, "the sign-in's tokens").await
}

/// Fresh tokens, or none where the sign-in has ended.
pub(super) async fn refresh(pool: &Pool, web: &Web, tokens: &Tokens) -> Result<Option<Tokens>> {
    let Some(refresh) = &tokens.refresh else {
        return Ok(None);
    };
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", pool.client.as_str()),
        ("refresh_token", refresh),
    ];
    let reply = ask(pool, web, &fields).await?;
    if reply.status == 400 && reply.json()["error"] == "invalid_grant" {
        return Ok(None);
    }
    read(pool, &reply, Some(refresh)).map(Some)
}

/// The tokens of an answer; the refresh token that there was stays unless there is another one.
fn read(pool: &Pool, reply: &Reply, refresh: Option<&String>) -> Result<Tokens> {
    let answer = reply.json();
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    if reply.status == 200
        && let (Some(id), Some(access)) = (text("id_token"), text("access_token"))
    {
        return Ok(Tokens {
            way: Way::Browser,
            pool: pool.id.clone(),
            id,
            access,
            refresh: text("refresh_token").or_else(|| refresh.cloned()),
        });
    }
    let said = match text("error") {
        Some(error) => tame(&error),
        None => "no tokens".to_owned(),
    };
    Err(Error::aws(format!(
        "the sign-in answered HTTP {}: {said}.",
        reply.status
    ))
    .hint("sign in again: a code is good once, and for five minutes"))
}

/// Words of a stranger's, fit to be shown: an OAuth error has these characters only (RFC 6749, 5.2).
pub(super) fn tame(text: &str) -> String {
    let fit = |c: &char| matches!(c, ' '..='~') && *c != '"' && *c != '\\';
    text.chars().filter(fit).take(200).collect()
}
