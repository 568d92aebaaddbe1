//! SHA-256 over the exact bytes of a line, and the name of a log.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use veribus_core::InstanceId;

/// Hash of one line: `SHA-256(0x00 ‖ bytes of the line without its newline)`, printed as 64 lower-case
/// hexadecimal digits. (The 0x00 makes it a leaf hash of RFC 6962.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest([u8; 32]);

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Digest {
    /// What stands in place of a previous line's hash in the first line of a log.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The hash of a line, given without its newline.
    pub fn of_line(line: &[u8]) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        hasher.update(line);
        Digest(hasher.finalize().into())
    }

    /// The printed form.
    pub fn to_hex(self) -> [u8; 64] {
        let mut out = [0; 64];
        for (pair, byte) in out.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        out
    }

    /// Reads the printed form; lower-case only, so that one hash has one spelling.
    pub(crate) fn from_hex(hex: &[u8]) -> Option<Digest> {
        let mut out = [0; 32];
        if hex.len() != 64 {
            return None;
        }
        for (byte, pair) in out.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Digest(out))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.to_hex()).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    /// Reads 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// Says what was expected.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Digest::from_hex(text.as_bytes()).ok_or("expected 64 lower-case hexadecimal digits")
    }
}

/// Names one log: 64 random bits, drawn when its first line is written, printed as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LogId(u64);

impl LogId {
    pub(crate) fn random() -> LogId {
        LogId(InstanceId::random().0)
    }

    pub(crate) fn from_hex(hex: &[u8]) -> Option<LogId> {
        if hex.len() != 16 {
            return None;
        }
        hex.iter().try_fold(0, |n, digit| Some(n << 4 | u64::from(nibble(*digit)?))).map(LogId)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_hashes_as_a_shell_script_would() {
        // printf '\0hello' | sha256sum
        let expected = "8a2a5c9b768827de5a9552c38a044c66959c68f6d2f21b5260af54d2f87db827";
        assert_eq!(Digest::of_line(b"hello").to_string(), expected);
        assert_eq!(expected.parse(), Ok(Digest::of_line(b"hello")));
        assert!(expected.to_uppercase().parse::<Digest>().is_err());
    }
}
