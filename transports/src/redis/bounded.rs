//! Replies of a size that memory is there for: what is longer is cut while it arrives, before the client sees it.
//!
//! The client takes whatever a reply announces, and the server knows no limit for an entry that anybody adds. Here a
//! text longer than [`TEXT_MAX`] arrives as its first bytes, a list longer than [`LIST_MAX`] as an empty one, and the
//! texts of one list are no longer than one text may be. So an entry takes a bounded room, is handed out as what it is,
//! too large, and stands in nobody's way. A reply that is still too large ends the connection.
//!
//! Source: redis.io/docs/latest/develop/reference/protocol-spec, RESP 2.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use veribus_core::event::limits::BATCH_BYTES_MAX;

/// One more than a parcel may have, so that it is seen to be too large; and room for the fields beside it.
const TEXT_MAX: u64 = BATCH_BYTES_MAX as u64 + 64 * 1024;
/// Members of a list: more than any that is asked for.
const LIST_MAX: i64 = 4_096;
/// Of one reply: as many of the largest entries as are asked for at once.
const REPLY_MAX: u64 = super::RECEIVE_MAX as u64 * (TEXT_MAX + 1024);
/// Lists in lists.
const DEPTH_MAX: usize = 8;
/// The line that announces something, or an error's text.
const LINE_MAX: usize = 64 * 1024;
/// Bytes read at once.
const READ: usize = 64 * 1024;

/// A connection whose replies are bounded.
pub(super) struct Bounded<S> {
    inner: S,
    cut: Cut,
    read: Box<[u8]>,
    /// What may be seen, from `seen` on.
    passed: Vec<u8>,
    seen: usize,
}

impl<S> Bounded<S> {
    pub(super) fn new(inner: S) -> Self {
        let read = vec![0; READ].into_boxed_slice();
        Bounded { inner, cut: Cut::default(), read, passed: Vec::new(), seen: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.seen == this.passed.len() {
            this.passed.clear();
            this.seen = 0;
            let mut read = ReadBuf::new(&mut this.read);
            ready!(Pin::new(&mut this.inner).poll_read(task, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.cut.pass(read.filled(), &mut this.passed)?;
        }
        let next = &this.passed[this.seen..];
        let next = &next[..next.len().min(into.remaining())];
        into.put_slice(next);
        this.seen += next.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(task, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(task)
    }
}

/// Where in a text we are.
#[derive(Debug, Clone, Copy)]
struct Text {
    shown: u64,
    hidden: u64,
    /// Bytes of the line end behind it, and whether they are shown.
    end: u64,
    is_shown: bool,
}

/// A list that has not ended.
#[derive(Debug)]
struct List {
    /// Members to come.
    left: u64,
    /// Bytes that its texts may still have.
    room: u64,
}

/// Walks through replies and leaves out what is too much.
#[derive(Debug, Default)]
struct Cut {
    line: Vec<u8>,
    text: Option<Text>,
    lists: Vec<List>,
    /// Members of lists that are not shown.
    hidden: u64,
    /// Bytes shown of this reply.
    reply: u64,
}

fn broken(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.to_owned())
}

impl Cut {
    /// Appends to `out` what of `bytes`, the next ones, may be seen.
    fn pass(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        while !bytes.is_empty() {
            let begun = out.len();
            bytes = match self.text.take() {
                Some(text) => self.in_text(text, bytes, out),
                None => self.in_line(bytes, out)?,
            };
            self.reply += (out.len() - begun) as u64;
            if self.reply > REPLY_MAX {
                return Err(broken("the reply is too large"));
            }
            if self.lists.is_empty() && self.hidden == 0 && self.text.is_none() && self.line.is_empty() {
                self.reply = 0;
            }
        }
        Ok(())
    }

    fn in_text<'b>(&mut self, mut text: Text, mut bytes: &'b [u8], out: &mut Vec<u8>) -> &'b [u8] {
        let is_shown = text.is_shown;
        for (left, shows) in [(&mut text.shown, true), (&mut text.hidden, false), (&mut text.end, is_shown)] {
            let now = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            if shows {
                out.extend_from_slice(&bytes[..now]);
            }
            (*left, bytes) = (*left - now as u64, &bytes[now..]);
        }
        if text.shown + text.hidden + text.end > 0 {
            self.text = Some(text);
        } else {
            self.ended();
        }
        bytes
    }

    fn in_line<'b>(&mut self, bytes: &'b [u8], out: &mut Vec<u8>) -> io::Result<&'b [u8]> {
        let (part, rest) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => bytes.split_at(end + 1),
            None => (bytes, &bytes[bytes.len()..]),
        };
        if self.line.len() + part.len() > LINE_MAX {
            return Err(broken("a line of the reply is too long"));
        }
        self.line.extend_from_slice(part);
        if self.line.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            self.announced(&line, out)?;
        }
        Ok(rest)
    }

    /// A whole line: something begins, or is there already.
    fn announced(&mut self, line: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let number = || {
            let digits = std::str::from_utf8(line).ok().and_then(|line| line.get(1..)?.strip_suffix("\r\n"));
            digits
                .and_then(|digits| digits.parse::<i64>().ok())
                .ok_or_else(|| broken("a length that is none"))
        };
        let is_hidden = self.hidden > 0;
        match line.first() {
            Some(b'$') => match u64::try_from(number()?) {
                Ok(length) => self.text_begins(length, out),
                Err(_no_text) => self.plain(line, out),
            },
            Some(b'*') => match number()? {
                length if is_hidden => {
                    // Its members are hidden in its place; it may have none.
                    let hidden = self.hidden.checked_add(length.max(0).unsigned_abs());
                    self.hidden = hidden.ok_or_else(|| broken("the reply is too large"))?;
                    self.ended();
                }
                length if length > LIST_MAX => {
                    out.extend_from_slice(b"*0\r\n");
                    self.hidden = length.unsigned_abs();
                }
                length if length > 0 => {
                    if self.lists.len() == DEPTH_MAX {
                        return Err(broken("the reply has lists in too many lists"));
                    }
                    out.extend_from_slice(line);
                    self.lists.push(List { left: length.unsigned_abs(), room: TEXT_MAX });
                }
                _empty => self.plain(line, out),
            },
            Some(b'+' | b'-' | b':') => self.plain(line, out),
            _ => return Err(broken("the reply is none")),
        }
        Ok(())
    }

    fn text_begins(&mut self, length: u64, out: &mut Vec<u8>) {
        let is_shown = self.hidden == 0;
        let room = self.lists.last_mut().map(|list| &mut list.room);
        let most = room.as_ref().map_or(TEXT_MAX, |room| **room);
        let shown = if is_shown { length.min(most) } else { 0 };
        if let Some(room) = room {
            *room -= shown;
        }
        if is_shown {
            out.extend_from_slice(format!("${shown}\r\n").as_bytes());
        }
        self.text = Some(Text { shown, hidden: length - shown, end: 2, is_shown });
    }

    fn plain(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if self.hidden == 0 {
            out.extend_from_slice(line);
        }
        self.ended();
    }

    /// A member has ended, and perhaps the lists whose last one it was.
    fn ended(&mut self) {
        if self.hidden > 0 {
            self.hidden -= 1;
            if self.hidden > 0 {
                return;
            }
        }
        while let Some(list) = self.lists.last_mut() {
            list.left -= 1;
            if list.left > 0 {
                return;
            }
            self.lists.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(reply: &[u8], at_once: usize) -> io::Result<Vec<u8>> {
        let (mut cut, mut out) = (Cut::default(), Vec::new());
        for part in reply.chunks(at_once) {
            cut.pass(part, &mut out)?;
        }
        assert!(cut.lists.is_empty() && cut.text.is_none() && cut.hidden == 0, "{cut:?}");
        Ok(out)
    }

    #[test]
    fn what_is_small_passes_as_it_is_however_it_arrives() {
        let reply = b"*3\r\n$2\r\nid\r\n*4\r\n$1\r\na\r\n$-1\r\n*0\r\n*-1\r\n:5\r\n+OK\r\n-ERR no\r\n$0\r\n\r\n*1\r\n*1\r\n$3\r\n\r\n$\r\n";
        for at_once in 1..=reply.len() {
            assert_eq!(passed(reply, at_once).unwrap(), reply);
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_its_beginning() {
        let most = TEXT_MAX as usize;
        let text =
            |length: usize| [format!("${length}\r\n").into_bytes(), vec![b'x'; length], b"\r\n".to_vec()];
        let mut reply = b"*2\r\n".to_vec();
        reply.extend(text(most - 10).concat());
        reply.extend(text(100_000).concat());
        reply.extend(b":7\r\n");
        let mut expected = b"*2\r\n".to_vec();
        expected.extend(text(most - 10).concat());
        expected.extend(text(10).concat());
        expected.extend(b":7\r\n");
        assert_eq!(passed(&reply, 10_007).unwrap(), expected);
    }

    #[test]
    fn a_list_that_is_too_long_is_empty_and_what_follows_is_whole() {
        let mut reply = b"*2\r\n*5000\r\n".to_vec();
        for number in 0..5_000 {
            reply.extend(if number % 2 == 0 { &b"*2\r\n$1\r\na\r\n*0\r\n"[..] } else { b"$3\r\nabc\r\n" });
        }
        reply.extend(b"$4\r\nnext\r\n+OK\r\n");
        assert_eq!(passed(&reply, 777).unwrap(), b"*2\r\n*0\r\n$4\r\nnext\r\n+OK\r\n");
    }

    #[test]
    fn a_list_that_is_too_long_ends_whatever_its_last_member_is() {
        for last in
            ["*0\r\n", "*-1\r\n", "$-1\r\n", "$0\r\n\r\n", ":1\r\n", "*1\r\n*0\r\n", "*2\r\n:1\r\n*-1\r\n"]
        {
            let (mut cut, mut out) = (Cut::default(), Vec::new());
            let list = ["*5000\r\n", &":1\r\n".repeat(4_999), last].concat();
            cut.pass(format!("*2\r\n:7\r\n{list}").as_bytes(), &mut out).unwrap();
            assert!(cut.lists.is_empty() && cut.hidden == 0 && cut.reply == 0, "{last:?}: {cut:?}");
            cut.pass(format!("{list}+OK\r\n").as_bytes(), &mut out).unwrap();
            assert!(cut.lists.is_empty() && cut.hidden == 0 && cut.reply == 0, "{last:?}: {cut:?}");
            assert_eq!(out, b"*2\r\n:7\r\n*0\r\n*0\r\n+OK\r\n", "{last:?}");
        }
    }

    #[test]
    fn what_no_server_says_ends_the_connection() {
        let deep = b"*1\r\n".repeat(DEPTH_MAX + 1);
        let long = vec![b'+'; LINE_MAX + 1];
        let endless = b"*9223372036854775807\r\n".repeat(3);
        for reply in [&deep[..], &long, &endless, b"$x\r\n", b"%1\r\n", b"\r\n"] {
            assert!(Cut::default().pass(reply, &mut Vec::new()).is_err());
        }
        let (mut cut, mut out) = (Cut::default(), Vec::new());
        let one = [format!("*1\r\n${TEXT_MAX}\r\n").into_bytes(), vec![0; TEXT_MAX as usize + 2]].concat();
        let mut many = || {
            cut.pass(b"*4096\r\n", &mut out)?;
            (0..LIST_MAX).try_for_each(|_| {
                out.clear();
                cut.pass(&one, &mut out)
            })
        };
        assert_eq!(many().unwrap_err().to_string(), "the reply is too large");
    }
}
