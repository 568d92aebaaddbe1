//! Names under which values are secret, compared without case and punctuation.

use std::collections::BTreeSet;

use crate::event::limits::NAME_BYTES_MAX;

/// Secret at the end of any name: `db_password`, `X-Api-Key`, `clientSecret`.
const ENDINGS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passphrases",
    "passcode",
    "passwordhash",
    "passwordsalt",
    "passwordconfirm",
    "passwordconfirmation",
    "dbpass",
    "userpass",
    "smtppass",
    "mysqlpass",
    "adminpass",
    "rootpass",
    "secret",
    "secrets",
    "secretid",
    "secretkey",
    "secretvalue",
    "token",
    "authtokens",
    "accesstokens",
    "refreshtokens",
    "authorization",
    "apikey",
    "apikeys",
    "accesskey",
    "privatekey",
    "privatekeys",
    "privkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sharedkey",
    "sessionkey",
    "hmackey",
    "cookie",
    "cookies",
    "sessionid",
    "sessid",
    "credentials",
    "authcode",
    "authorizationcode",
    "onetimecode",
    "verificationcode",
    "recoverycode",
    "recoverycodes",
    "backupcode",
    "backupcodes",
    "otpcode",
    "mfacode",
    "cardnumber",
    "creditcard",
    "ccnumber",
    "securitycode",
    "socialsecuritynumber",
    "seedphrase",
    "recoveryphrase",
    "mnemonic",
    "samlresponse",
    "samlassertion",
    "clientassertion",
    "xamzsignature",
    "xgoogsignature",
];

/// Secret as the last word of a name: `user_pin`, `cardCvv`, but not `spin`.
const WORDS: &[&str] = &["pin", "pwd", "cvv", "cvc", "otp", "totp", "jwt", "ssn", "csrf", "xsrf"];

/// Bits of a table of name endings.
const TAIL_BITS: usize = 1024;
/// Letters of a long and of a short ending; no name above is shorter.
const LONG_TAIL: usize = 5;
const SHORT_TAIL: usize = 3;

/// Decides whether a name is secret.
pub(super) struct KeyNames {
    /// Endings of five letters, of the names that have so many: they decide most questions.
    long_tails: Tails,
    /// Endings of three letters, of the others.
    short_tails: Tails,
    /// A name too short for both was added, so every name is compared.
    added_shorter: bool,
    added: BTreeSet<Vec<u8>>,
    allowed: BTreeSet<Vec<u8>>,
}

impl KeyNames {
    /// The names of `docs/redaction.md`.
    pub(super) fn standard() -> Self {
        let mut names = KeyNames {
            long_tails: Tails::default(),
            short_tails: Tails::default(),
            added_shorter: false,
            added: BTreeSet::new(),
            allowed: BTreeSet::new(),
        };
        ENDINGS.iter().chain(WORDS).for_each(|name| names.mark(name.as_bytes()));
        names
    }

    /// `name` is secret, also behind other words.
    pub(super) fn add(&mut self, name: &str) {
        let words = Words::of(name.as_bytes());
        if words.letters().is_empty() {
            return;
        }
        self.mark(name.as_bytes());
        self.added.insert(words.letters().to_vec());
    }

    /// `name` is not secret.
    pub(super) fn allow(&mut self, name: &str) {
        self.allowed.insert(Words::of(name.as_bytes()).letters().to_vec());
    }

    fn mark(&mut self, name: &[u8]) {
        match tails(name) {
            (_, Some(long)) => self.long_tails.insert(long),
            (Some(short), None) => self.short_tails.insert(short),
            (None, None) => self.added_shorter = true,
        }
    }

    /// Whether values under `name` are secret. The cheap answer first: most names end like no secret one.
    #[inline]
    pub(super) fn is_secret(&self, name: &[u8]) -> bool {
        let (short, long) = tails(name);
        let may_be = short.is_some_and(|tail| self.short_tails.contains(tail))
            || long.is_some_and(|tail| self.long_tails.contains(tail))
            || self.added_shorter;
        may_be && self.compare(name)
    }

    fn compare(&self, name: &[u8]) -> bool {
        let words = Words::of(name);
        let letters = words.letters();
        // `password2` is a password: trailing digits do not count.
        let digits = letters.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let stem = &letters[..letters.len() - digits];
        let last_word = |word: &[u8], of: &[u8]| of.ends_with(word) && words.begins_at(of.len() - word.len());
        let secret = ENDINGS.iter().any(|ending| stem.ends_with(ending.as_bytes()))
            || WORDS.iter().any(|word| last_word(word.as_bytes(), stem))
            || self.added.iter().any(|added| last_word(added, letters));
        secret && !self.allowed.contains(letters)
    }
}

/// A set of hashes of name endings; may contain more than was put in, never less.
#[derive(Default)]
struct Tails([u64; TAIL_BITS / 64]);

impl Tails {
    fn insert(&mut self, tail: usize) {
        self.0[tail / 64 % self.0.len()] |= 1 << (tail % 64);
    }

    #[inline]
    fn contains(&self, tail: usize) -> bool {
        self.0[tail / 64 % self.0.len()] & 1 << (tail % 64) != 0
    }
}

/// Hashes of the last three and five letters of a name, trailing digits and all punctuation left out; `None`
/// where it has fewer.
#[inline]
fn tails(name: &[u8]) -> (Option<usize>, Option<usize>) {
    // Nearly all names end in five small letters; then the hash of those is all that is asked for.
    if let Some(last @ [a, b, c, d, e]) = name.last_chunk::<LONG_TAIL>()
        && last.iter().all(u8::is_ascii_lowercase)
    {
        let [a, b, c, d, e] = [a, b, c, d, e].map(|letter| usize::from(*letter));
        let short = e * (37 * 37) + d * 37 + c;
        return (Some(short), Some(short * (37 * 37) + b * 37 + a));
    }
    let (mut hash, mut letters, mut short) = (0_usize, 0, None);
    for byte in name.iter().rev() {
        if !is_letter(*byte) || letters == 0 && byte.is_ascii_digit() {
            continue;
        }
        hash = hash * 37 + usize::from(byte.to_ascii_lowercase());
        letters += 1;
        if letters == SHORT_TAIL {
            short = Some(hash);
        }
        if letters == LONG_TAIL {
            return (short, Some(hash));
        }
    }
    (short, None)
}

/// Letters and digits, and everything that is not ASCII.
#[inline]
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// A name in lower case without punctuation, and where its words begin. Only the last 128 letters of it.
struct Words {
    letters: [u8; NAME_BYTES_MAX],
    from: usize,
    /// Bit `i`: a word begins at `letters[i]`.
    begins: u128,
}

impl Words {
    fn of(name: &[u8]) -> Words {
        let mut words = Words { letters: [0; NAME_BYTES_MAX], from: NAME_BYTES_MAX, begins: 0 };
        for (at, byte) in name.iter().enumerate().rev().filter(|(_, b)| is_letter(**b)) {
            if words.from == 0 {
                break;
            }
            words.from -= 1;
            words.letters[words.from] = byte.to_ascii_lowercase();
            let before = at.checked_sub(1).map(|at| name[at]);
            let begins =
                before.is_none_or(|b| !is_letter(b) || byte.is_ascii_uppercase() && !b.is_ascii_uppercase());
            words.begins |= u128::from(begins) << words.from;
        }
        words
    }

    fn letters(&self) -> &[u8] {
        &self.letters[self.from..]
    }

    /// Whether a word begins at `letters()[index]`.
    fn begins_at(&self, index: usize) -> bool {
        self.begins & 1 << (self.from + index) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_punctuation_and_company_do_not_hide_a_secret_name() {
        let names = KeyNames::standard();
        for name in [
            "password",
            "PASSWORD",
            "Pass.Word",
            "db_password",
            "dbPassword",
            "user[password]",
            "password2",
            "old-password",
            "API_KEY",
            "x-api-key",
            "apiKey",
            "http.request.header.authorization",
            "Set-Cookie",
            "PIN",
            "user_pin",
            "userPin",
            "card.cvv2",
            "CVC",
            "csrf",
            "csrf_token",
            "aws_secret_access_key",
            "session-id",
            "JSESSIONID",
            "PHPSESSID",
            "client_secret",
            "mysql_pwd",
            "passwd",
            "private key",
            "headers/cookie",
            "password_hash",
            "credentials",
            "X-Amz-Security-Token",
        ] {
            assert!(names.is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn names_about_secrets_are_not_secret() {
        let names = KeyNames::standard();
        for name in [
            "",
            "_",
            "a",
            "password_age_days",
            "token_count",
            "token_type",
            "prompt_tokens",
            "max_tokens",
            "password_policy",
            "secret_name",
            "key",
            "key_id",
            "access_key_id",
            "public_key",
            "cookie_consent",
            "session",
            "session_duration",
            "spin",
            "shipping",
            "mapping",
            "opinion",
            "authorization_url",
            "author",
            "credential",
            "credential_id",
            "user",
            "pinned",
            "passed",
            "bypass",
            "compass",
            "hotp_drift",
        ] {
            assert!(!names.is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn names_are_added_and_allowed_by_their_words() {
        let mut names = KeyNames::standard();
        names.add("Card-Ref");
        names.add("k1");
        names.add("--");
        names.allow("session.id");
        for name in ["card_ref", "cardRef", "user.CARD_REF", "k1", "my.k1"] {
            assert!(names.is_secret(name.as_bytes()), "{name}");
        }
        for name in ["card_refs", "discardref", "k2", "ak1", "sessionId", ""] {
            assert!(!names.is_secret(name.as_bytes()), "{name}");
        }
        assert!(names.is_secret(b"user_session_id"), "only exactly the allowed name");
    }

    #[test]
    fn a_name_longer_than_any_is_judged_by_its_end() {
        let names = KeyNames::standard();
        assert!(names.is_secret(format!("{}password", "x".repeat(1000)).as_bytes()));
        assert!(names.is_secret(format!("{}_pin", "x".repeat(1000)).as_bytes()));
        assert!(!names.is_secret(format!("{}pin", "x".repeat(1000)).as_bytes()));
        assert!(names.is_secret("é_pin".as_bytes()) && !names.is_secret("épin".as_bytes()));
    }
}
