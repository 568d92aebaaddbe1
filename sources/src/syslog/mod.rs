//! The outside of a system log line: when, on which host, by which program, and its message.

mod classic;
mod iso;
mod journal;

pub(crate) use classic::{ClassicClock, month_of};
pub(crate) use journal::JournalLine;
use veribus_core::Timestamp;

use crate::line::Unparsed;

/// One line without its wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) time: Timestamp,
    pub(crate) host: Option<&'a str>,
    /// Name without path: `sshd`. Empty where a line has none: `last message repeated 2 times`.
    pub(crate) program: &'a str,
    pub(crate) pid: Option<u32>,
    pub(crate) message: &'a str,
}

impl<'a> Entry<'a> {
    /// Reads `TIME HOST PROGRAM[PID]: MESSAGE`, with a classic or an RFC 3339 stamp, after an optional `<PRI>`.
    ///
    /// Source: RFC 3164, section 4.1; RFC 5424, section 6; `journalctl -o short`, `short-iso`.
    pub(crate) fn parse(line: &'a str, clock: &mut ClassicClock) -> Result<Self, Unparsed> {
        let (line, rfc5424) = strip_priority(line);
        if rfc5424 {
            return parse_rfc5424(line);
        }
        let (time, rest) = match line.as_bytes().first() {
            Some(b'0'..=b'9') => iso::split_stamp(line)?,
            Some(b'A'..=b'Z') => clock.split_stamp(line)?,
            _ => return Err(Unparsed::Shape),
        };
        let (host, rest) = rest.split_once(' ').ok_or(Unparsed::Shape)?;
        if host.is_empty() {
            return Err(Unparsed::Shape);
        }
        let bare = |message| Entry { time, host: Some(host), program: "", pid: None, message };
        if is_repeat_notice(rest) {
            return Ok(bare(rest));
        }
        let (program, pid, message) = split_tag(rest).ok_or(Unparsed::Shape)?;
        Ok(Entry { program, pid, ..bare(message) })
    }
}

/// `last message repeated N times`, which BSD's syslogd writes without a program.
pub(crate) fn is_repeat_notice(text: &str) -> bool {
    text.trim_start_matches('-').trim_start().starts_with("last message repeated ")
}

/// `program[pid]: message` or `program: message`; a path before the program's name is cut off.
fn split_tag(text: &str) -> Option<(&str, Option<u32>, &str)> {
    let end = memchr::memchr3(b':', b'[', b' ', text.as_bytes())?;
    let program = text[..end].rsplit('/').next().filter(|p| !p.is_empty())?;
    let (pid, rest) = match text.as_bytes()[end] {
        b'[' => {
            let (pid, rest) = text[end + 1..].split_once(']')?;
            (parse_pid(pid), rest)
        }
        b' ' => return None,
        _ => (None, &text[end..]),
    };
    let message = rest.strip_prefix(':')?;
    Some((program, pid, message.strip_prefix(' ').unwrap_or(message)))
}

pub(crate) fn parse_pid(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// The line without `<PRI>` at its beginning, and whether RFC 5424's version 1 followed it.
fn strip_priority(line: &str) -> (&str, bool) {
    let Some((priority, rest)) = line.strip_prefix('<').and_then(|l| l.split_once('>')) else {
        return (line, false);
    };
    let number = !priority.is_empty() && priority.len() <= 3 && priority.bytes().all(|b| b.is_ascii_digit());
    match rest.strip_prefix("1 ") {
        _ if !number => (line, false),
        Some(rest) => (rest, true),
        None => (rest, false),
    }
}

/// `TIME HOST PROGRAM PID MSGID STRUCTURED-DATA MESSAGE`.
fn parse_rfc5424(line: &str) -> Result<Entry<'_>, Unparsed> {
    let mut parts = line.splitn(6, ' ');
    let mut next = || parts.next().ok_or(Unparsed::Shape);
    let (stamp, host, program, pid) = (next()?, next()?, next()?, next()?);
    let (_message_id, rest) = (next()?, next()?);
    let (time, _) = iso::split_stamp(stamp)?;
    let message = match rest.strip_prefix('-') {
        Some(message) => message,
        None => skip_structured_data(rest).ok_or(Unparsed::Shape)?,
    };
    let message = message.strip_prefix(' ').unwrap_or(message);
    Ok(Entry {
        time,
        host: Some(host).filter(|h| *h != "-"),
        program: program.rsplit('/').next().unwrap_or(program),
        pid: parse_pid(pid),
        message: message.strip_prefix('\u{feff}').unwrap_or(message),
    })
}

/// What follows `[id name="value"][id2 …]`; quotes and brackets within values are escaped by backslash.
fn skip_structured_data(text: &str) -> Option<&str> {
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if open => quoted = !quoted,
            b'[' if !open => open = true,
            b']' if open && !quoted => open = false,
            _ if open => {}
            b' ' if at > 0 => return Some(&text[at..]),
            _ => return None,
        }
    }
    (!open && !text.is_empty()).then_some("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::SourceOptions;

    fn entry(line: &str) -> Result<Entry<'_>, Unparsed> {
        let reference = "2026-12-24T00:00:00Z".parse().expect("a time");
        Entry::parse(line, &mut ClassicClock::new(&SourceOptions::new(reference)))
    }

    #[test]
    fn every_way_to_wrap_a_message_is_unwrapped() {
        let expected = Entry {
            time: "2026-12-10T06:55:46Z".parse().expect("a time"),
            host: Some("web1"),
            program: "sshd",
            pid: Some(42),
            message: "hello: [you]",
        };
        for line in [
            "Dec 10 06:55:46 web1 sshd[42]: hello: [you]",
            "Dec 10 06:55:46.000 web1 sshd[42]: hello: [you]",
            "<38>Dec 10 06:55:46 web1 /usr/sbin/sshd[42]: hello: [you]",
            "2026-12-10T07:55:46.000000+01:00 web1 sshd[42]: hello: [you]",
            "2026-12-10T06:55:46+0000 web1 sshd[42]: hello: [you]",
            "2026-12-10 06:55:46Z web1 sshd[42]: hello: [you]",
            "<38>1 2026-12-10T06:55:46Z web1 sshd 42 - - hello: [you]",
            "<38>1 2026-12-10T06:55:46Z web1 sshd 42 ID1 [a@1 b=\"x\\\"] y\"][c] \u{feff}hello: [you]",
        ] {
            assert_eq!(entry(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_log_line_is_refused_and_a_false_date_is_named() {
        for line in ["", "hello", "Dec 10 06:55:46 web1", "Dec 10 06:55:46 web1 no tag here", "<999999>x y z"]
        {
            assert_eq!(entry(line), Err(Unparsed::Shape), "{line}");
        }
        for line in
            ["Feb 30 06:55:46 h sshd: x", "Dec 10 24:55:46 h sshd: x", "2026-13-01T00:00:00Z h sshd: x"]
        {
            assert_eq!(entry(line), Err(Unparsed::Time), "{line}");
        }
    }
}
