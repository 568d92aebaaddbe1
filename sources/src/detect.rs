//! The format of an input, told from its first bytes and not from its name.

use crate::access_log::Parts;
use crate::format::Format;
use crate::options::SourceOptions;
use crate::syslog::{ClassicClock, Entry, JournalLine};
use veribus_core::Timestamp;

/// Most bytes of an input that [`detect`] looks at; more may be given.
pub const DETECT_BYTES_MAX: usize = 64 * 1024;

/// Most lines that are looked at.
const LINES_MAX: usize = 256;
/// One line in this many must be of a format.
const NOISE_RATIO: usize = 10;

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detection {
    /// Lines of this format, if not all of them.
    Text(Format),
    /// Nothing, or nothing but white space.
    Empty,
    /// Packed: `gzip`, `zstd`, `bzip2`, `xz` or `zip`.
    Compressed(&'static str),
    /// Text in UTF-16, which is not read.
    Utf16,
    /// Not text.
    Binary,
    /// Text of no known format.
    Unknown,
}

/// Tells the format of an input from its first bytes: the one that most of the first lines have, and at least
/// a tenth of them. `sample` may end within a line.
pub fn detect(sample: &[u8]) -> Detection {
    let sample = &sample[..sample.len().min(DETECT_BYTES_MAX)];
    if let Some(kind) = not_plain_text(sample) {
        return kind;
    }
    let sample = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sample);
    let whole = match memchr::memrchr(b'\n', sample) {
        Some(end) => &sample[..end],
        None => sample,
    };
    let mut counts = [0_usize; Format::ALL.len()];
    let mut lines = 0;
    for line in whole.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty()).take(LINES_MAX) {
        lines += 1;
        if let Some(format) = format_of(&String::from_utf8_lossy(line)) {
            counts[Format::ALL.iter().position(|f| *f == format).unwrap_or(0)] += 1;
        }
    }
    if lines == 0 {
        return Detection::Empty;
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    match counts.iter().position(|n| *n == most && most * NOISE_RATIO >= lines && most > 0) {
        Some(index) => Detection::Text(Format::ALL[index]),
        None => Detection::Unknown,
    }
}

fn not_plain_text(sample: &[u8]) -> Option<Detection> {
    const PACKED: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"PK\x03\x04", "zip"),
    ];
    if let Some((_, name)) = PACKED.iter().find(|(magic, _)| sample.starts_with(magic)) {
        return Some(Detection::Compressed(name));
    }
    if sample.starts_with(b"\xff\xfe") || sample.starts_with(b"\xfe\xff") {
        return Some(Detection::Utf16);
    }
    memchr::memchr(0, sample).map(|_| Detection::Binary)
}

/// The format of one line, by its shape alone.
fn format_of(line: &str) -> Option<Format> {
    let line = line.trim_end();
    if line.starts_with('{') {
        return match JournalLine::parse(line) {
            Ok(_) => Some(Format::OpenSsh),
            Err(_) => crate::veribus_json::looks_like_one(line).then_some(Format::VeribusJson),
        };
    }
    let mut clock = ClassicClock::new(&SourceOptions::new(Timestamp::from_nanos(0)));
    if Entry::parse(line, &mut clock).is_ok() {
        return Some(Format::OpenSsh);
    }
    Parts::split(line).is_ok().then_some(Format::AccessLog)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSH: &str = "Dec 10 06:55:46 h sshd[1]: Connection closed by 192.0.2.1";
    const WEB: &str = "192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 23";
    const JSON: &str = r#"{"id":"0000000000000000000000000000000a","kind":"security","action":"x"}"#;

    #[test]
    fn each_format_is_known_by_its_lines() {
        for (text, format) in [(SSH, Format::OpenSsh), (WEB, Format::AccessLog), (JSON, Format::VeribusJson)]
        {
            assert_eq!(detect(text.as_bytes()), Detection::Text(format));
            assert_eq!(detect(format!("\u{feff}{text}\r\n").as_bytes()), Detection::Text(format));
        }
    }

    #[test]
    fn noise_before_the_log_is_tolerated_and_prose_is_not_a_log() {
        let noise = "# a note\n\nsome words\n".repeat(3);
        assert_eq!(
            detect(format!("{noise}{WEB}\n{WEB}\n{SSH}\n").as_bytes()),
            Detection::Text(Format::AccessLog)
        );
        assert_eq!(detect("once upon a time\n".repeat(9).as_bytes()), Detection::Unknown);
        assert_eq!(detect(b"{\"a\":1}\n"), Detection::Unknown);
    }

    #[test]
    fn what_is_no_text_is_named() {
        assert_eq!(detect(b""), Detection::Empty);
        assert_eq!(detect(b" \r\n\n"), Detection::Empty);
        assert_eq!(detect(b"\x7fELF\0\0"), Detection::Binary);
        assert_eq!(detect(b"\x1f\x8b\x08\0"), Detection::Compressed("gzip"));
        assert_eq!(detect(b"\xff\xfeD\0e\0"), Detection::Utf16);
    }

    #[test]
    fn a_sample_may_end_anywhere() {
        let log = format!("{SSH}\n").repeat(2000);
        assert!(log.len() > DETECT_BYTES_MAX);
        assert_eq!(detect(log.as_bytes()), Detection::Text(Format::OpenSsh));
        assert_eq!(detect(&log.as_bytes()[..SSH.len() + 20]), Detection::Text(Format::OpenSsh));
    }
}
