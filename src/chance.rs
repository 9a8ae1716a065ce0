//! Chance that nobody can guess: what keeps a sign-in apart from every other one.

use crate::jwt::encode;
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes from the system.
///
/// # Errors
/// When the system has none.
pub fn bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| std::io::Error::other("the system gives no random bytes"))?;
    Ok(bytes)
}

/// 256 bits as text that fits into a URL.
///
/// # Errors
/// When the system has none.
pub fn word() -> std::io::Result<String> {
    bytes::<32>().map(encode)
}
