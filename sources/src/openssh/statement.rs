//! What one message of sshd states, before it becomes an event.

use veribus_core::{
    Attributes, Authentication, Authorization, EventKind, Outcome, Security, Severity, Target, Value,
    VerificationEvent,
};

use crate::line::{Ignored, Unparsed};
use crate::peer::Peer;
use crate::syslog::Entry;
use crate::text::{FIELD_BYTES_MAX, cut, event};

/// A reading of one message.
#[derive(Debug)]
pub(crate) enum Verdict<'a> {
    Says(Statement<'a>),
    Ignored(Ignored),
    Unparsed(Unparsed),
}

/// The family of a statement with what the payload holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind<'a> {
    Authentication { method: Option<&'a str>, credential: Option<&'a str> },
    Authorization { policy: Option<&'a str> },
    Security { technique: Option<&'static str> },
}

/// One thing that sshd says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement<'a> {
    pub(crate) action: &'static str,
    pub(crate) kind: Kind<'a>,
    pub(crate) severity: Severity,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<&'static str>,
    /// An empty name is kept as the attribute `empty_user`.
    pub(crate) user: Option<&'a str>,
    pub(crate) peer: Peer<'a>,
    /// Whether it is PAM's error about an attempt, not sshd's own line.
    pub(crate) by_pam: bool,
    /// The message itself, kept where no field says it.
    pub(crate) message: Option<&'a str>,
}

impl<'a> Statement<'a> {
    /// A failure: informational, by nobody, from nowhere.
    pub(crate) fn failure(action: &'static str, kind: Kind<'a>, reason: &'static str) -> Self {
        Statement {
            action,
            kind,
            severity: Severity::Low,
            outcome: Outcome::Failure,
            reason: Some(reason),
            user: None,
            peer: Peer::default(),
            by_pam: false,
            message: None,
        }
    }

    /// A warning about what happened on a connection, with the message itself.
    pub(crate) fn warning(
        action: &'static str,
        peer: Peer<'a>,
        reason: &'static str,
        message: &'a str,
    ) -> Self {
        let kind = Kind::Security { technique: None };
        Statement { peer, message: Some(message), ..Statement::failure(action, kind, reason) }
    }

    /// Whether it is an attempt by `keyboard-interactive`.
    pub(crate) fn of_keyboard_interactive(&self) -> bool {
        let Kind::Authentication { method: Some(method), .. } = self.kind else { return false };
        self.action == "login"
            && method.starts_with("keyboard-interactive")
            && self.outcome == Outcome::Failure
    }

    /// The event, at the time and place of `entry`.
    pub(crate) fn into_event(self, entry: &Entry<'_>, replaced: bool) -> VerificationEvent {
        let mut truncated = false;
        let mut keep = |text: &'a str| {
            let (kept, was_cut) = cut(text, FIELD_BYTES_MAX);
            truncated |= was_cut;
            kept
        };
        let user = self.user.map(&mut keep);
        let message = self.message.map(&mut keep);
        let kind = self.kind.into_payload(&mut keep);
        let mut event = event(entry.time, kind, self.action);
        (event.severity, event.outcome) = (self.severity, self.outcome);
        event.reason = self.reason.map(Into::into);
        event.actor = self.peer.actor(user);
        event.target = entry.host.map(|host| {
            let mut target = Target::default();
            target.name = cut(host, FIELD_BYTES_MAX).0.into();
            target.kind = Some("host".into());
            target
        });
        let mut attributes: [Option<(&str, Value)>; 7] = [const { None }; 7];
        attributes[0] = Some(("service", "sshd".into()));
        attributes[1] = entry.pid.map(|pid| ("pid", pid.into()));
        attributes[2] = self.peer.zone.map(|zone| ("zone", zone.into()));
        attributes[3] = message.map(|message| ("message", message.into()));
        attributes[4] = user.filter(|u| u.is_empty()).map(|_| ("empty_user", true.into()));
        attributes[5] = replaced.then(|| ("invalid_utf8", true.into()));
        attributes[6] = truncated.then(|| ("truncated", true.into()));
        event.attributes = attributes.into_iter().flatten().collect::<Attributes>();
        event
    }
}

impl<'a> Kind<'a> {
    fn into_payload(self, keep: &mut impl FnMut(&'a str) -> &'a str) -> EventKind {
        let mut text = |t: Option<&'a str>| t.map(|t| keep(t).into());
        match self {
            Kind::Authentication { method, credential } => {
                let mut payload = Authentication::default();
                (payload.method, payload.credential) = (text(method), text(credential));
                EventKind::Authentication(payload)
            }
            Kind::Authorization { policy } => {
                let mut payload = Authorization::default();
                (payload.permission, payload.policy) = (Some("ssh".into()), text(policy));
                EventKind::Authorization(payload)
            }
            Kind::Security { technique } => {
                let mut payload = Security::default();
                payload.technique = technique.map(Into::into);
                EventKind::Security(payload)
            }
        }
    }
}

impl From<Ignored> for Verdict<'_> {
    fn from(why: Ignored) -> Self {
        Verdict::Ignored(why)
    }
}

impl From<Unparsed> for Verdict<'_> {
    fn from(why: Unparsed) -> Self {
        Verdict::Unparsed(why)
    }
}

/// A statement that could be read, or the field that could not.
pub(crate) fn said<'a>(statement: Option<Statement<'a>>, field: &'static str) -> Verdict<'a> {
    statement.map_or(Verdict::Unparsed(Unparsed::Field { field }), Verdict::Says)
}
