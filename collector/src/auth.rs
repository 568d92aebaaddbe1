//! The bearer token: recognisable, kept only as a keyed hash while serving, compared in constant time.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every token begins with, so that secret scanners know it.
pub const TOKEN_PREFIX: &str = "vbt_";
const SECRET_BYTES: usize = 32;

/// Failed attempts of one address in one window after which it is answered `AUTH_LIMITED`.
pub const FAILURES_MAX: u32 = 20;
/// Failed attempts of all addresses together in one window.
pub const FAILURES_TOTAL_MAX: u32 = 200;
/// The window of both limits.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(60);

/// A bearer token: `vbt_` and 64 hexadecimal digits (32 random bytes). Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why a text or file is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not `vbt_` and 64 hexadecimal digits.
    #[error("it does not hold a token: `vbt_` and 64 hexadecimal digits")]
    Shape,
    /// A link, folder or device.
    #[error("it is not a regular file")]
    NotAFile,
    /// Others may read the file.
    #[error("it has mode {mode:04o}, others may read it; close it with `chmod 600`")]
    Readable {
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

impl Token {
    /// A new token from the operating system's randomness.
    ///
    /// # Errors
    /// [`TokenError::NoRandomness`]: a guessable token is never made.
    pub fn generate() -> Result<Self, TokenError> {
        let mut secret = [0_u8; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(|_| TokenError::NoRandomness)?;
        let digits: String = secret.iter().map(|b| format!("{b:02x}")).collect();
        Ok(Token(format!("{TOKEN_PREFIX}{digits}")))
    }

    /// The token itself, to be sent or shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let digits = text.strip_prefix(TOKEN_PREFIX).ok_or(TokenError::Shape)?;
        let good = digits.len() == 2 * SECRET_BYTES && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if good { Ok(Token(text.to_owned())) } else { Err(TokenError::Shape) }
    }
}

/// Why a request is not let in. All reasons look and take the same to the sender, but for the missing header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No `Authorization: Bearer …`.
    #[error("no bearer token was given")]
    Missing,
    /// Malformed or unknown.
    #[error("the bearer token is not valid")]
    Invalid,
    /// Too many failures before this one.
    #[error("too many failed attempts")]
    Limited,
}

impl AuthError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            AuthError::Missing => "AUTH_MISSING",
            AuthError::Invalid => "AUTH_INVALID",
            AuthError::Limited => "AUTH_LIMITED",
        }
    }
}

/// Knows the token without holding it: a SHA-256 under a key of this process.
pub struct Authenticator {
    key: [u8; 32],
    expected: [u8; 32],
}

impl Authenticator {
    /// Lets in who has `token`.
    ///
    /// # Errors
    /// [`TokenError::NoRandomness`].
    pub fn new(token: &Token) -> Result<Self, TokenError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| TokenError::NoRandomness)?;
        Ok(Authenticator { key, expected: keyed_hash(&key, token.reveal().as_bytes()) })
    }

    /// Checks the value of an `Authorization` header.
    ///
    /// # Errors
    /// [`AuthError::Missing`] or [`AuthError::Invalid`].
    pub fn check(&self, authorization: Option<&[u8]>) -> Result<(), AuthError> {
        let value = authorization.ok_or(AuthError::Missing)?;
        let (scheme, token) = value.split_at_checked(7).ok_or(AuthError::Missing)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return Err(AuthError::Missing);
        }
        let given = keyed_hash(&self.key, token.trim_ascii());
        if bool::from(given.ct_eq(&self.expected)) { Ok(()) } else { Err(AuthError::Invalid) }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator(***)")
    }
}

fn keyed_hash(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(key).chain_update(text).finalize().into()
}

/// Counts failed attempts by address in windows of [`FAILURE_WINDOW`]; at most 1,024 addresses at once.
///
/// A right token is always let in: the limit slows guessing, it locks nobody out.
#[derive(Debug, Default)]
pub struct FailureLimiter {
    window_start: Duration,
    total: u32,
    by_address: HashMap<IpAddr, u32>,
}

impl FailureLimiter {
    const ADDRESSES_MAX: usize = 1_024;

    /// Counts one failure of `address` at the steady time `now`; `true` if it is beyond the limit.
    pub fn count(&mut self, address: IpAddr, now: Duration) -> bool {
        if now.saturating_sub(self.window_start) >= FAILURE_WINDOW {
            *self = FailureLimiter { window_start: now, ..Default::default() };
        }
        self.total = self.total.saturating_add(1);
        if !self.by_address.contains_key(&address) && self.by_address.len() >= Self::ADDRESSES_MAX {
            return true;
        }
        let failures = self.by_address.entry(address).or_default();
        *failures = failures.saturating_add(1);
        *failures > FAILURES_MAX || self.total > FAILURES_TOTAL_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_let_in() {
        let token = Token::generate().unwrap();
        let door = Authenticator::new(&token).unwrap();
        let with = |text: String| door.check(Some(text.as_bytes()));
        assert_eq!(with(format!("Bearer {}", token.reveal())), Ok(()));
        assert_eq!(with(format!("bearer {}", token.reveal())), Ok(()));
        assert_eq!(with(format!("Bearer {}", &token.reveal()[1..])), Err(AuthError::Invalid));
        assert_eq!(with(format!("Bearer {}0", token.reveal())), Err(AuthError::Invalid));
        assert_eq!(with("Bearer ".into()), Err(AuthError::Invalid));
        assert_eq!(with(format!("Basic {}", token.reveal())), Err(AuthError::Missing));
        assert_eq!(door.check(None), Err(AuthError::Missing));
    }

    #[test]
    fn a_token_never_shows_itself() {
        let token = Token::generate().unwrap();
        assert_eq!(format!("{token:?}"), "***");
        assert_eq!(token.reveal().parse(), Ok(token.clone()));
        assert_eq!("vbt_12".parse::<Token>(), Err(TokenError::Shape));
    }

    #[test]
    fn guessing_is_slowed_by_address_and_forgiven_after_a_window() {
        let mut limiter = FailureLimiter::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        let start = FAILURE_WINDOW;
        for _ in 0..FAILURES_MAX {
            assert!(!limiter.count(address, start));
        }
        assert!(limiter.count(address, start));
        assert!(!limiter.count(IpAddr::from([192, 0, 2, 2]), start), "others are not slowed");
        assert!(!limiter.count(address, start + FAILURE_WINDOW));
    }
}
