//! One event for each refused request of an nginx or Apache access log.

mod request;
mod stamp;

use std::borrow::Cow;

use request::{Request, decode_escapes, host_of};
use stamp::StampCache;
use veribus_core::{
    Attributes, Authorization, EventKind, Outcome, Security, Severity, Target, Timestamp, Value,
    VerificationEvent,
};

use crate::format::Format;
use crate::line::{Ignored, LineOutcome, LineSource, Unparsed};
use crate::peer::Peer;
use crate::text::{FIELD_BYTES_MAX, cut, decode, event};

/// Longest user agent that is kept, in bytes.
const USER_AGENT_BYTES_MAX: usize = 512;

/// Translates the common and combined formats, with or without a virtual host before them and further fields
/// after them.
///
/// A request answered 401, 403 or 407 is an authorization that failed, 429 a security event; any other answer
/// is [`Ignored::NotDenied`]. The query of a path and the path of a referer are left out: secrets travel there.
#[derive(Debug, Default)]
pub struct AccessLog {
    stamps: StampCache,
}

/// One line, its parts as they stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    vhost: Option<&'a str>,
    peer: Peer<'a>,
    user: Option<&'a str>,
    /// Within the brackets.
    stamp: &'a str,
    /// Within the quotes, escapes and all.
    request: &'a str,
    status: u16,
    bytes: Option<u64>,
    referer: Option<&'a str>,
    user_agent: Option<&'a str>,
}

impl AccessLog {
    /// A translator for one input.
    pub fn new() -> Self {
        AccessLog::default()
    }

    fn text(&mut self, text: &str, replaced: bool) -> Result<VerificationEvent, LineOutcome> {
        match text.trim_ascii().as_bytes().first() {
            None => return Err(Ignored::Blank.into()),
            Some(b'#') => return Err(Ignored::Marker.into()),
            Some(_) => {}
        }
        let parts = Parts::split(text)?;
        let time = self.stamps.time(parts.stamp)?;
        let Some(refusal) = Refusal::of(&parts) else { return Err(Ignored::NotDenied.into()) };
        Ok(refused(&parts, &refusal, time, replaced))
    }
}

impl LineSource for AccessLog {
    fn format(&self) -> Format {
        Format::AccessLog
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<VerificationEvent>) -> LineOutcome {
        let read = match decode(line) {
            Ok((Cow::Borrowed(text), replaced)) => self.text(text, replaced),
            Ok((Cow::Owned(text), replaced)) => self.text(&text, replaced),
            Err(why) => Err(why.into()),
        };
        match read {
            Ok(event) => {
                out.push(event);
                LineOutcome::Events(1)
            }
            Err(outcome) => outcome,
        }
    }
}

impl<'a> Parts<'a> {
    /// Splits `[VHOST ]HOST IDENT USER [STAMP] "REQUEST" STATUS BYTES[ "REFERER" "AGENT"[ …]]`.
    ///
    /// A user name may hold spaces and brackets but no bare quote, so the first bare quote opens the request and
    /// the stamp is what stands before it, by its fixed width.
    ///
    /// Source: nginx, ngx_http_log_module; Apache, mod_log_config.
    pub(crate) fn split(line: &'a str) -> Result<Self, Unparsed> {
        let quote = bare_quote(line, 0).ok_or(Unparsed::Shape)?;
        let stamp_at = quote.checked_sub(stamp::BYTES + 3).ok_or(Unparsed::Shape)?;
        let stamp = line.get(stamp_at..quote).and_then(|s| s.strip_prefix('[')?.strip_suffix("] "));
        let stamp = stamp.ok_or(Unparsed::Shape)?;
        let (vhost, peer, user) = split_client(&line[..stamp_at])?;
        let (request, rest) = quoted(&line[quote..]).ok_or(Unparsed::Shape)?;
        let mut words = rest.trim_start_matches(' ').splitn(3, ' ');
        let status = words.next().filter(|s| s.len() == 3).and_then(|s| s.parse().ok());
        let status = status.filter(|s| (100..1000).contains(s)).ok_or(Unparsed::Field { field: "status" })?;
        let bytes = words.next().and_then(|b| b.parse().ok());
        let (referer, rest) = quoted(words.next().unwrap_or("")).unzip();
        let (user_agent, _) = quoted(rest.unwrap_or("").trim_start_matches(' ')).unzip();
        let given = |text: &&str| !matches!(*text, "" | "-");
        Ok(Parts {
            vhost,
            peer,
            user,
            stamp,
            request,
            status,
            bytes,
            referer: referer.filter(given),
            user_agent: user_agent.filter(given),
        })
    }
}

/// `[VHOST[:PORT] ]HOST IDENT USER `: a virtual host is a first word that is no address before one that is.
fn split_client(text: &str) -> Result<(Option<&str>, Peer<'_>, Option<&str>), Unparsed> {
    let (first, rest) = text.split_once(' ').ok_or(Unparsed::Shape)?;
    let peer = Peer::parse(first);
    let (vhost, peer, rest) = match (peer, rest.split_once(' ')) {
        (Some(Peer { ip: Some(_), .. }), _) => (None, peer, rest),
        (_, Some((second, tail))) if Peer::parse(second).is_some_and(|p| p.ip.is_some()) => {
            (Some(first), Peer::parse(second), tail)
        }
        _ => (None, peer, rest),
    };
    let peer = peer.ok_or(Unparsed::Field { field: "client" })?;
    let (_ident, user) = rest.split_once(' ').ok_or(Unparsed::Shape)?;
    let user = user.strip_suffix(' ').unwrap_or(user);
    Ok((vhost, peer, Some(user).filter(|u| !matches!(*u, "" | "-"))))
}

/// What stands between the quote at the beginning of `text` and the next bare one, and what follows that.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let end = bare_quote(inner, 0)?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// The place of the first `"` from `from` on that no backslash escapes.
fn bare_quote(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..)?) {
        if bytes[at + found] == b'"' {
            return Some(at + found);
        }
        at += found + 2;
    }
    None
}

/// How a request was refused.
struct Refusal {
    limited: bool,
    severity: Severity,
    reason: &'static str,
}

impl Refusal {
    fn of(parts: &Parts<'_>) -> Option<Refusal> {
        let (limited, severity, reason) = match parts.status {
            // The first request of a browser carries no credentials and is asked for them: no alarm.
            401 if parts.user.is_none() => (false, Severity::Informational, "unauthenticated"),
            401 => (false, Severity::Low, "bad_credentials"),
            403 => (false, Severity::Low, "forbidden"),
            407 => (false, Severity::Low, "proxy_unauthenticated"),
            429 => (true, Severity::Low, "rate_limited"),
            _ => return None,
        };
        Some(Refusal { limited, severity, reason })
    }
}

fn refused(parts: &Parts<'_>, refusal: &Refusal, time: Timestamp, replaced: bool) -> VerificationEvent {
    let mut odd = Oddities { replaced, truncated: false };
    let request = Request::read(parts.request);
    let method = odd.text(&request.method, FIELD_BYTES_MAX);
    let path = odd.text(&request.path, FIELD_BYTES_MAX);
    let user = parts.user.map(|user| odd.decoded(user, FIELD_BYTES_MAX));
    let agent = parts.user_agent.map(|agent| odd.decoded(agent, USER_AGENT_BYTES_MAX));
    let referer = parts.referer.and_then(host_of).map(|host| odd.decoded(host, FIELD_BYTES_MAX));
    let mut event = if refusal.limited {
        event(time, EventKind::Security(Security::default()), "http.rate_limited")
    } else {
        let mut payload = Authorization::default();
        payload.permission = (!method.is_empty()).then(|| method.clone().into());
        event(time, EventKind::Authorization(payload), "http.request")
    };
    (event.severity, event.outcome) = (refusal.severity, Outcome::Failure);
    event.reason = Some(refusal.reason.into());
    event.actor = parts.peer.actor(user.as_deref());
    event.target = (!path.is_empty()).then(|| {
        let mut target = Target::default();
        (target.name, target.kind) = (path.into(), Some("path".into()));
        target
    });
    let mut attributes: [Option<(&str, Value)>; 8] = [const { None }; 8];
    attributes[0] = Some(("status", i64::from(parts.status).into()));
    attributes[1] = parts.bytes.map(|bytes| ("bytes", bytes.into()));
    attributes[2] = agent.map(|agent| ("user_agent", agent.into()));
    attributes[3] = referer.map(|host| ("referer_host", host.into()));
    attributes[4] = parts.vhost.map(|vhost| ("vhost", cut(vhost, FIELD_BYTES_MAX).0.into()));
    attributes[5] = (refusal.limited && !method.is_empty()).then(|| ("method", method.into()));
    attributes[6] = odd.replaced.then(|| ("invalid_utf8", true.into()));
    attributes[7] = odd.truncated.then(|| ("truncated", true.into()));
    event.attributes = attributes.into_iter().flatten().collect::<Attributes>();
    event
}

/// What had to be done to the texts of a line.
struct Oddities {
    replaced: bool,
    truncated: bool,
}

impl Oddities {
    fn text(&mut self, (text, replaced): &(Cow<'_, str>, bool), max: usize) -> String {
        let (kept, truncated) = cut(text, max);
        self.replaced |= replaced;
        self.truncated |= truncated;
        kept.to_owned()
    }

    fn decoded(&mut self, text: &str, max: usize) -> String {
        let decoded = decode_escapes(text);
        self.text(&decoded, max)
    }
}
