//! What is remembered of a pool's users. Of a password only the verifier, of a refresh token only a
//! digest: the state file signs nobody in.

use super::keys::SigningKey;
use crate::srp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A pool's users and what they were given.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UserPool {
    /// What its tokens are signed with; made when it is first needed.
    pub key: SigningKey,
    /// The users by their `sub`.
    pub users: BTreeMap<String, User>,
    /// Sign-ins that can be gone on with, by the refresh token's digest.
    pub grants: BTreeMap<String, Grant>,
    /// Answers that are waited for, by what the user has to repeat. A restart forgets them.
    #[serde(skip)]
    pub waiting: BTreeMap<String, Waiting>,
}

/// A user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// Its name, which is its `sub` where users sign in with their address.
    pub username: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// CONFIRMED, UNCONFIRMED or FORCE_CHANGE_PASSWORD.
    pub status: String,
    /// Whether it may not sign in.
    pub disabled: bool,
    /// When it was made.
    pub created: String,
    /// When it was last changed.
    pub modified: String,
    /// The salt, in hexadecimal digits.
    pub salt: String,
    /// What the password is proved against; empty where there is none.
    pub verifier: String,
    /// The code that confirms a sign-up.
    pub code: Option<String>,
    /// Failures in a row, and when the next attempt is heard: seconds since 1970.
    #[serde(skip)]
    pub failures: (u32, u64),
}

/// A sign-in that a refresh token goes on with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grant {
    /// The user's `sub`.
    pub user: String,
    /// The app client.
    pub client: String,
    /// What the tokens may be used for.
    pub scopes: Vec<String>,
    /// When the user signed in: seconds since 1970.
    pub began: u64,
    /// When it ends.
    pub ends: u64,
    /// What all tokens of the sign-in have in common.
    pub origin: String,
}

/// An answer that is waited for.
#[derive(Debug, Clone)]
pub enum Waiting {
    /// A proof of a password.
    Proof {
        /// The user; none where nobody has that name, which is not told.
        user: Option<String>,
        /// The name that the proof is made with.
        name: String,
        /// This side's numbers.
        server: Box<srp::Server>,
        /// The app client.
        client: String,
        /// When it is too late.
        ends: u64,
    },
    /// A password of the user's own choice.
    NewPassword {
        /// The user.
        user: String,
        /// The app client.
        client: String,
        /// When it is too late.
        ends: u64,
    },
    /// A browser that comes back within the hour need not sign in again.
    Browser {
        /// The user.
        user: String,
        /// When it is too late.
        ends: u64,
    },
    /// A code that an app changes for tokens.
    Code {
        /// The sign-in.
        grant: Grant,
        /// Where it led back to.
        callback: String,
        /// The digest of the app's verifier, if it sent one.
        challenge: Option<String>,
        /// What the ID token repeats.
        nonce: Option<String>,
        /// When it is too late.
        ends: u64,
    },
}

impl Waiting {
    /// When it is too late.
    pub fn ends(&self) -> u64 {
        match self {
            Self::Proof { ends, .. }
            | Self::NewPassword { ends, .. }
            | Self::Browser { ends, .. }
            | Self::Code { ends, .. } => *ends,
        }
    }
}
