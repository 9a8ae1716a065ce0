//! Signing in to the platform's user pool, and the tokens of who has.

pub mod browser;
mod callback;
pub mod password;
pub mod tokens;

use super::outputs::{Outputs, find};
use super::web::{Address, Web};
use crate::error::{Error, Result};
use crate::jwt::{self, Claims, Keys, Wanted};

/// The user pool, as a client of it sees it.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its id.
    pub id: String,
    /// The app client's id.
    pub client: String,
    /// The hosted sign-in; the user's browser goes there too.
    pub sign_in: Address,
    /// Who issues its tokens.
    pub issuer: String,
    /// Where its public keys are.
    keys: Address,
}

/// Where things are that are not where AWS has them.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// The endpoint of everything (the embedded services, or AWS_ENDPOINT_URL).
    pub endpoint: Option<String>,
    /// The endpoint of Cognito's alone.
    pub cognito: Option<String>,
    /// The hosted sign-in: a domain of one's own.
    pub sign_in: Option<String>,
}

impl Pool {
    /// The pool of which the stacks' outputs tell.
    ///
    /// # Errors
    /// When they do not.
    pub fn of(outputs: &Outputs, elsewhere: &Elsewhere) -> Result<Self> {
        let id = find(outputs, "UserPoolId")?;
        let (region, _) = id.split_once('_').ok_or_else(|| {
            Error::asked(format!("UserPoolId is {id}, which is no user pool's id."))
        })?;
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        let issuer = format!("https://cognito-idp.{region}.amazonaws.com{suffix}/{id}");
        let keys = Address::new(
            &format!("{issuer}/.well-known/jwks.json"),
            elsewhere
                .cognito
                .as_deref()
                .or(elsewhere.endpoint.as_deref()),
        );
        let domain = find(outputs, "SignInDomain")?;
        let sign_in = match (&elsewhere.sign_in, &elsewhere.endpoint) {
            (Some(given), _) => given.trim_end_matches('/').to_owned(),
            // A browser cannot be told to send another host: the embedded sign-in stands beneath a path.
            (None, Some(endpoint)) => {
                let prefix = domain.split('.').next().unwrap_or_default();
                format!("{}/_auth/{prefix}", endpoint.trim_end_matches('/'))
            }
            (None, None) => format!("https://{domain}"),
        };
        Ok(Self {
            id: id.to_owned(),
            client: find(outputs, "UserPoolClientId")?.to_owned(),
            sign_in: Address::new(&sign_in, None),
            issuer,
            keys,
        })
    }

    /// What an ID token says that this pool issued to this client, and that has not expired.
    ///
    /// # Errors
    /// What is wrong with it, or that the pool's keys cannot be read.
    pub async fn verify(&self, web: &Web, token: &str, nonce: Option<&str>) -> Result<Claims> {
        let reply = web.get(&self.keys, "the user pool's keys").await?;
        let keys = (reply.status == 200)
            .then(|| Keys::parse(&reply.body))
            .flatten();
        let keys = keys.ok_or_else(|| {
            Error::aws(format!(
                "{} answered HTTP {} and no keys.",
                self.keys.url, reply.status
            ))
        })?;
        let wanted = Wanted {
            issuer: &self.issuer,
            audience: Some(&self.client),
            nonce,
            now: crate::settings::now(),
        };
        keys.verify(token, &wanted).map_err(|unfit| refused(&unfit))
    }
}

fn refused(unfit: &jwt::Unfit) -> Error {
    Error::aws(format!("the ID token is not to be trusted: {unfit}."))
        .hint("nothing was kept: sign in again, and if it stays so ask who runs the sign-in")
}
