//! Text as JSON that cannot drive a terminal or hide in it.

use super::room::Room;

/// Appends `text` as a JSON string with its quotes.
///
/// Escaped are `"`, `\`, C0 controls (`\b \t \n \f \r` in their short forms), DEL, C1 controls, and what is
/// invisible or turns the direction of text: U+061C, U+200B–200F, U+2028–202E, U+2060–206F, U+FEFF. So one
/// value is one line, and what is shown is what is there. Everything else stands as itself, in UTF-8.
///
/// ```
/// let mut line = Vec::new();
/// veribus_core::codec::json_string("a\x1b[31m\u{202e}é\n", &mut line);
/// assert_eq!(line, br#""a\u001b[31m\u202e"#.iter().chain("é\\n\"".as_bytes()).copied().collect::<Vec<u8>>());
/// ```
pub fn json_string(text: &str, out: &mut Vec<u8>) {
    string(&mut Room::new(out), text);
}

/// The same at the end of a [`Room`].
#[inline]
pub(super) fn string(room: &mut Room<'_>, text: &str) {
    if !room.quoted(text.as_bytes()) {
        room.append(|out| {
            out.reserve(text.len() + 2);
            out.push(b'"');
            escaped(text.as_bytes(), out);
            out.push(b'"');
        });
    }
}

fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let (mut plain_from, mut at) = (0, 0);
    while at < bytes.len() {
        let class = CLASS[usize::from(bytes[at])];
        if class == PLAIN {
            at += 1;
            continue;
        }
        let length = match class {
            ESCAPE => 1,
            _ => match hidden(&bytes[at..]) {
                0 => {
                    at += 1;
                    continue;
                }
                length => length,
            },
        };
        out.extend_from_slice(&bytes[plain_from..at]);
        escape(&bytes[at..at + length], out);
        at += length;
        plain_from = at;
    }
    out.extend_from_slice(&bytes[plain_from..]);
}

const PLAIN: u8 = 0;
const ESCAPE: u8 = 1;
/// First byte of a character that may be hidden.
const LEAD: u8 = 2;

const CLASS: [u8; 256] = {
    let mut class = [PLAIN; 256];
    let mut byte = 0;
    while byte < 0x20 {
        class[byte] = ESCAPE;
        byte += 1;
    }
    class[b'"' as usize] = ESCAPE;
    class[b'\\' as usize] = ESCAPE;
    class[0x7f] = ESCAPE;
    class[0xc2] = LEAD;
    class[0xd8] = LEAD;
    class[0xe2] = LEAD;
    class[0xef] = LEAD;
    class
};

/// Bytes of the hidden character that begins `rest`, 0 if it is none.
fn hidden(rest: &[u8]) -> usize {
    match rest {
        [0xc2, 0x80..=0x9f, ..] | [0xd8, 0x9c, ..] => 2,
        [0xe2, 0x80, 0x8b..=0x8f | 0xa8..=0xae, ..] | [0xe2, 0x81, 0xa0..=0xaf, ..] => 3,
        [0xef, 0xbb, 0xbf, ..] => 3,
        _ => 0,
    }
}

fn escape(character: &[u8], out: &mut Vec<u8>) {
    let short = match character {
        [b'"'] => b'"',
        [b'\\'] => b'\\',
        [0x08] => b'b',
        b"\t" => b't',
        b"\n" => b'n',
        [0x0c] => b'f',
        b"\r" => b'r',
        _ => {
            let code = match *character {
                [one] => u16::from(one),
                [one, two] => u16::from(one & 0x1f) << 6 | u16::from(two & 0x3f),
                [one, two, three] => {
                    u16::from(one & 0x0f) << 12 | u16::from(two & 0x3f) << 6 | u16::from(three & 0x3f)
                }
                _ => 0xfffd,
            };
            out.extend_from_slice(b"\\u");
            out.extend([12, 8, 4, 0].map(|shift| b"0123456789abcdef"[usize::from(code >> shift & 15)]));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = Vec::new();
        json_string(text, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn exactly_the_documented_characters_are_escaped() {
        for code in (0..=0x10ffff).filter_map(char::from_u32) {
            let hidden = matches!(code, '\0'..='\x1f' | '"' | '\\' | '\x7f'..='\u{9f}' | '\u{61c}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            let text = shown(code.encode_utf8(&mut [0; 4]));
            assert_eq!(text.starts_with("\"\\"), hidden, "{code:?} became {text}");
            // Wherever it stands in a text of whatever length.
            for length in if code < '\u{a0}' { 1..20_usize } else { 1..1 } {
                for at in 0..length {
                    let mut long = "a".repeat(length);
                    long.replace_range(at..=at, code.encode_utf8(&mut [0; 4]));
                    assert_eq!(shown(&long).contains('\\'), hidden, "{code:?} at {at} of {length}");
                }
            }
        }
    }
}
