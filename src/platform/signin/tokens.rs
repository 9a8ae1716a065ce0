//! The tokens of who has signed in: a file that only the user can read, a client's each, beside the
//! manifest.

use super::{Pool, browser, password};
use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::jwt::{self, Claims};
use crate::platform::web::Web;
use crate::settings;
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// A token that ends so soon is made fresh first: a request takes up to half a minute.
const SOON: u64 = 120;

/// How somebody signed in, and so how the tokens become fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// In the browser, by OAuth.
    Browser,
    /// With a password, by Cognito's API.
    Password,
}

/// What a sign-in gave. Shown nowhere.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// How.
    pub way: Way,
    /// The pool.
    pub pool: String,
    /// Goes to the API.
    pub id: String,
    /// Goes to Cognito.
    pub access: String,
    /// Makes the others fresh, until it ends itself.
    #[serde(default)]
    pub refresh: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}

/// The file.
#[derive(Debug, Clone)]
pub struct Kept {
    path: PathBuf,
}

impl Kept {
    /// That of the pool's client, in that directory.
    pub fn of(directory: &Path, pool: &Pool) -> Self {
        let name: String = pool
            .client
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        Self {
            path: directory.join(format!("{name}.json")),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept, if anything of this pool's is.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(&self, pool: &Pool) -> Result<Option<Tokens>> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(&self.path, "read", &error)),
        };
        let tokens: Tokens = serde_json::from_slice(&text).map_err(|_| {
            Error::asked(format!("{} holds no tokens of ours.", self.path.display()))
                .hint(format!("{} removes it", settings::command("logout")))
        })?;
        Ok((tokens.pool == pool.id).then_some(tokens))
    }

    /// Keeps them: whole or not at all, and for nobody else to read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, tokens: &Tokens) -> Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(directory)?;
            // A file of tempfile's is its owner's alone from the start.
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            file.write_all(&serde_json::to_vec(tokens)?)?;
            file.persist(&self.path)?;
            Ok(())
        };
        write().map_err(|error| Error::file(&self.path, "write", &error))
    }

    /// Removes it; whether it was there.
    ///
    /// # Errors
    /// When it stays.
    pub fn remove(&self) -> Result<bool> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::file(&self.path, "remove", &error)),
        }
    }
}

/// Who reads the tokens, and makes them fresh.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The pool.
    pub pool: Pool,
    /// Plain HTTP.
    pub web: Web,
    /// Cognito's API.
    pub cloud: Cloud,
    /// The file.
    pub kept: Kept,
    turn: Arc<Mutex<()>>,
}

impl Reader {
    /// One of that pool's tokens.
    pub fn new(pool: Pool, web: Web, cloud: Cloud, kept: Kept) -> Self {
        Self {
            pool,
            web,
            cloud,
            kept,
            turn: Arc::default(),
        }
    }

    /// An ID token that is good for a while yet, and was verified when it was kept.
    ///
    /// # Errors
    /// When nobody is signed in, or the sign-in has ended.
    pub async fn fresh(&self) -> Result<String> {
        // Of several at once, one makes the tokens fresh; the others find them so.
        let _turn = self.turn.lock().await;
        let tokens = self.kept.read(&self.pool)?.ok_or_else(nobody)?;
        let ends = jwt::claim(&tokens.id, "exp").and_then(|end| end.as_u64());
        if ends.is_some_and(|end| end > settings::now() + SOON) {
            return Ok(tokens.id);
        }
        let fresh = match tokens.way {
            Way::Browser => browser::refresh(&self.pool, &self.web, &tokens).await?,
            Way::Password => password::refresh(&self.pool, &self.cloud, &tokens).await?,
        };
        let Some(fresh) = fresh else {
            self.kept.remove()?;
            let another = format!("{} begins another one", settings::command("login"));
            return Err(Error::aws("the sign-in has ended.").hint(another));
        };
        let claims = self.pool.verify(&self.web, &fresh.id, None).await?;
        if claims.get("sub") != jwt::claim(&tokens.id, "sub").as_ref() {
            return Err(Error::aws(
                "the fresh token is somebody else's; nothing was kept.",
            ));
        }
        self.kept.write(&fresh)?;
        Ok(fresh.id)
    }

    /// Verifies what a sign-in gave and keeps it; answers who that is.
    ///
    /// # Errors
    /// When it is not to be trusted, or cannot be kept.
    pub async fn keep(&self, tokens: &Tokens, nonce: Option<&str>) -> Result<Claims> {
        let claims = self.pool.verify(&self.web, &tokens.id, nonce).await?;
        self.kept.write(tokens)?;
        Ok(claims)
    }
}

fn nobody() -> Error {
    Error::asked("nobody is signed in.").hint(format!(
        "{} signs in, in the browser or with --username",
        settings::command("login")
    ))
}
