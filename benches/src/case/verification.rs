//! What is being reported about: a token's signature and a message's, checked by the crates that people use.

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::{Case, Ledger};
use crate::sample::Sample;

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

pub(super) struct Jwt {
    token: String,
    key: DecodingKey,
    validation: Validation,
    refused: u64,
}

impl Jwt {
    pub(super) fn start() -> Result<Self, String> {
        let secret = [7; 32];
        let claims = Claims {
            sub: "user-00000000001".to_owned(),
            iss: "auth.example".to_owned(),
            aud: "orders".to_owned(),
            iat: 1_700_000_000,
            exp: 4_000_000_000,
            scope: "orders:r orders:w".to_owned(),
        };
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(&secret))
            .map_err(|error| format!("cannot make a token: {error}"))?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&["orders"]);
        Ok(Jwt { token, key: DecodingKey::from_secret(&secret), validation, refused: 0 })
    }
}

impl Case for Jwt {
    #[inline]
    fn once(&mut self, _sample: &Sample) {
        let claims = decode::<Claims>(&self.token, &self.key, &self.validation);
        self.refused += u64::from(std::hint::black_box(claims).is_err());
    }

    fn finish(self, handed: u64) -> Ledger {
        Ledger { handed, arrived: handed - self.refused, lost: self.refused }
    }
}

pub(super) struct Ed25519 {
    key: VerifyingKey,
    message: [u8; 256],
    signature: Signature,
    refused: u64,
}

impl Ed25519 {
    pub(super) fn start() -> Result<Self, String> {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let message = [42; 256];
        Ok(Ed25519 { key: signing.verifying_key(), signature: signing.sign(&message), message, refused: 0 })
    }
}

impl Case for Ed25519 {
    #[inline]
    fn once(&mut self, _sample: &Sample) {
        let verified = self.key.verify(std::hint::black_box(&self.message), &self.signature);
        self.refused += u64::from(std::hint::black_box(verified).is_err());
    }

    fn finish(self, handed: u64) -> Ledger {
        Ledger { handed, arrived: handed - self.refused, lost: self.refused }
    }
}
