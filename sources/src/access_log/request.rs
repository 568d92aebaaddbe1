//! The request line as a server logs it: escaped, sometimes broken, and with secrets in its query.

use std::borrow::Cow;

/// Method and path, each with whether bytes had to be replaced. Both empty where there was no request (`-`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) method: (Cow<'a, str>, bool),
    /// Without query and fragment; of an absolute URL only the path. Of what is no request, all of it.
    pub(super) path: (Cow<'a, str>, bool),
}

impl<'a> Request<'a> {
    /// Reads `METHOD TARGET[ HTTP/VERSION]`, still escaped.
    pub(super) fn read(text: &'a str) -> Self {
        let none = || (Cow::Borrowed(""), false);
        if matches!(text, "" | "-") {
            return Request { method: none(), path: none() };
        }
        let is_method = |m: &str| {
            !m.is_empty() && m.len() <= 32 && m.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
        };
        match text.split_once(' ').filter(|(method, _)| is_method(method)) {
            Some((method, rest)) => {
                let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
                Request { method: (method.into(), false), path: decode_escapes(path_of(target)) }
            }
            None => Request { method: none(), path: decode_escapes(path_of(text)) },
        }
    }
}

/// The path of a request target. The authority of an absolute URL goes too: it may hold a password.
fn path_of(target: &str) -> &str {
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let target = &target[..end];
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return target;
    }
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// The host of a referer, without user, port, path and query; `None` where there is none.
pub(super) fn host_of(referer: &str) -> Option<&str> {
    let (_, rest) = referer.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// Undoes what servers do to control characters, quotes and backslashes: `\xHH`, `\"`, `\\`, `\n`, `\t` …
pub(super) fn decode_escapes(text: &str) -> (Cow<'_, str>, bool) {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return (Cow::Borrowed(text), false);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, length) = match &rest[at + 1..] {
            [b'x' | b'X', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), 4)
            }
            [b'n', ..] => (b'\n', 2),
            [b't', ..] => (b'\t', 2),
            [b'r', ..] => (b'\r', 2),
            [b'b', ..] => (8, 2),
            [b'v', ..] => (11, 2),
            [b'f', ..] => (12, 2),
            [quote @ (b'"' | b'\\'), ..] => (*quote, 2),
            _ => (b'\\', 1),
        };
        out.push(byte);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
    match String::from_utf8(out) {
        Ok(text) => (Cow::Owned(text), false),
        Err(bytes) => (Cow::Owned(String::from_utf8_lossy(bytes.as_bytes()).into_owned()), true),
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String) {
        let request = Request::read(text);
        (request.method.0.into_owned(), request.path.0.into_owned())
    }

    #[test]
    fn a_query_and_an_authority_are_left_out() {
        for (text, method, path) in [
            ("GET /admin?token=s3cret HTTP/1.1", "GET", "/admin"),
            ("POST /a%20b#x HTTP/2.0", "POST", "/a%20b"),
            ("GET http://u:p@example.com/x?y HTTP/1.1", "GET", "/x"),
            ("GET http://example.com HTTP/1.1", "GET", "/"),
            ("CONNECT example.com:443 HTTP/1.1", "CONNECT", "example.com:443"),
            ("GET /a b HTTP/1.1", "GET", "/a b"),
            ("GET /", "GET", "/"),
            (r"GET /\x22q\x22 HTTP/1.1", "GET", "/\"q\""),
            (r"\x16\x03\x01", "", "\u{16}\u{3}\u{1}"),
            ("-", "", ""),
            ("", "", ""),
        ] {
            assert_eq!(read(text), (method.into(), path.into()), "{text}");
        }
    }

    #[test]
    fn escapes_are_undone_and_bad_bytes_replaced() {
        assert_eq!(decode_escapes(r#"a\"b\\c\n\q\"#), (Cow::Borrowed("a\"b\\c\n\\q\\"), false));
        assert_eq!(decode_escapes(r"\xff\xZZ"), (Cow::Borrowed("\u{fffd}\\xZZ"), true));
        assert_eq!(decode_escapes(r"\xC3\xA9"), (Cow::Borrowed("é"), false));
    }

    #[test]
    fn only_the_host_of_a_referer_is_kept() {
        assert_eq!(host_of("https://user:pw@shop.example.com:8443/x?y"), Some("shop.example.com"));
        assert_eq!(host_of("http://[2001:db8::1]:80/"), Some("2001:db8::1"));
        assert_eq!(host_of("not a url"), None);
    }
}
