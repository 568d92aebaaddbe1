//! What is being reported about: a token's or a message's signature, a password, checked by the crates that people use.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ring::hmac;
use serde::{Deserialize, Serialize};

/// One check; a real one, of an honest input.
pub(crate) trait Check {
    /// Checks once; whether it held.
    fn holds(&self) -> bool;
}

/// Claims that make a token of 240 bytes.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
    scope: String,
}

fn token(secret: &[u8]) -> Result<String, String> {
    let claims = Claims {
        sub: "user-00000000001".to_owned(),
        iss: "auth.example".to_owned(),
        aud: "orders".to_owned(),
        iat: 1_700_000_000,
        exp: 4_000_000_000,
        scope: "orders:r orders:w".to_owned(),
    };
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret))
        .map_err(|error| format!("cannot make a token: {error}"))
}

/// HS256, claims decoded and validated.
pub(crate) struct Jwt {
    token: String,
    key: DecodingKey,
    validation: Validation,
}

impl Jwt {
    pub(crate) fn start() -> Result<Self, String> {
        let secret = [7; 32];
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&["orders"]);
        Ok(Jwt { token: token(&secret)?, key: DecodingKey::from_secret(&secret), validation })
    }
}

impl Check for Jwt {
    #[inline]
    fn holds(&self) -> bool {
        std::hint::black_box(decode::<Claims>(&self.token, &self.key, &self.validation)).is_ok()
    }
}

/// HMAC-SHA256 of the same token's signed part, compared in constant time, and nothing else.
pub(crate) struct Hmac {
    signed: Vec<u8>,
    tag: hmac::Tag,
    key: hmac::Key,
}

impl Hmac {
    pub(crate) fn start() -> Result<Self, String> {
        let secret = [7; 32];
        let token = token(&secret)?;
        let signed = token.rsplit_once('.').ok_or("a token without a signature")?.0.as_bytes().to_vec();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Ok(Hmac { tag: hmac::sign(&key, &signed), signed, key })
    }
}

impl Check for Hmac {
    #[inline]
    fn holds(&self) -> bool {
        std::hint::black_box(hmac::verify(&self.key, &self.signed, self.tag.as_ref())).is_ok()
    }
}

/// A signature over 256 bytes.
pub(crate) struct Ed25519 {
    key: VerifyingKey,
    message: [u8; 256],
    signature: Signature,
}

impl Ed25519 {
    pub(crate) fn start() -> Result<Self, String> {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let message = [42; 256];
        Ok(Ed25519 { key: signing.verifying_key(), signature: signing.sign(&message), message })
    }
}

impl Check for Ed25519 {
    #[inline]
    fn holds(&self) -> bool {
        let verified = self.key.verify(std::hint::black_box(&self.message), &self.signature);
        std::hint::black_box(verified).is_ok()
    }
}

/// A password against its Argon2id hash, with the crate's defaults (19 MiB, two passes).
pub(crate) struct Argon2id {
    hash: PasswordHash,
}

impl Argon2id {
    const PASSWORD: &[u8] = b"correct horse battery staple";

    pub(crate) fn start() -> Result<Self, String> {
        let hashed = Argon2::default().hash_password_with_salt(Self::PASSWORD, b"0123456789abcdef");
        Ok(Argon2id { hash: hashed.map_err(|error| format!("cannot hash a password: {error}"))? })
    }
}

impl Check for Argon2id {
    #[inline]
    fn holds(&self) -> bool {
        std::hint::black_box(Argon2::default().verify_password(Self::PASSWORD, &self.hash)).is_ok()
    }
}
