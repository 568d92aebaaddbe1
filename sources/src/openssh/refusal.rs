//! Somebody known was turned away: by a list, a policy, a revoked or expired key.

use veribus_core::Severity;

use super::statement::{Kind, Statement, Verdict, said};
use crate::peer::Peer;

/// Reads a refusal, or answers `None` for any other message.
pub(crate) fn read(text: &str) -> Option<Verdict<'_>> {
    let statement = if let Some(rest) = text.strip_prefix("User ") {
        let (who, why) = rest.split_once(" not allowed because ")?;
        said(not_allowed(who, why), "from")
    } else if let Some(peer) = text.strip_prefix("ROOT LOGIN REFUSED FROM ") {
        said(root_refused(peer), "from")
    } else if let Some(rest) = text.strip_prefix("Access denied for user ") {
        said(access_denied(rest), "user")
    } else if let Some(rest) = text.strip_prefix("refused connect from ") {
        said(wrapper(rest), "from")
    } else {
        key_refused(text)?
    };
    Some(statement)
}

fn access<'a>(policy: &'a str, reason: &'static str) -> Statement<'a> {
    Statement::failure("ssh.access", Kind::Authorization { policy: Some(policy) }, reason)
}

/// `USER[ from HOST] not allowed because WHY`: the user exists, so its name is plain.
fn not_allowed<'a>(who: &'a str, why: &'a str) -> Option<Statement<'a>> {
    const LISTS: [&str; 4] = ["AllowUsers", "DenyUsers", "AllowGroups", "DenyGroups"];
    let (user, peer) = match who.rsplit_once(" from ") {
        Some((user, host)) => (user, Peer::parse_with_port(host)?),
        None => (who, Peer::default()),
    };
    let refused = match LISTS.into_iter().find(|list| why.ends_with(list)) {
        Some(list) => access(list, "not_allowed"),
        None if why.contains("locked") => access("account", "account_locked"),
        None if why.starts_with("shell ") => access("account", "no_shell"),
        None => access("account", "not_allowed"),
    };
    Some(Statement { user: Some(user), peer, ..refused })
}

fn root_refused(peer: &str) -> Option<Statement<'_>> {
    let peer = Peer::parse_with_port(peer)?;
    let refused = access("PermitRootLogin", "not_allowed");
    Some(Statement { user: Some("root"), peer, severity: Severity::Medium, ..refused })
}

/// `USER by PAM account configuration`.
fn access_denied(text: &str) -> Option<Statement<'_>> {
    let (user, _) = text.rsplit_once(" by PAM account configuration")?;
    Some(Statement { user: Some(user), ..access("pam_account", "not_allowed") })
}

/// `HOST (ADDRESS)` of TCP wrappers.
fn wrapper(text: &str) -> Option<Statement<'_>> {
    let (host, address) = text.split_once(" (").unwrap_or((text, text));
    let peer = Peer::parse(address.trim_end_matches(')')).or_else(|| Peer::parse(host))?;
    Some(Statement { peer, ..access("hosts.deny", "not_allowed") })
}

/// A key or certificate that is known and not accepted.
fn key_refused(text: &str) -> Option<Verdict<'_>> {
    let (reason, severity) = if text.starts_with("Authentication key ") && text.contains(" revoked by ") {
        ("revoked", Severity::Medium)
    } else if text.starts_with("Certificate invalid: ") {
        (if text.contains("expired") { "expired" } else { "certificate_invalid" }, Severity::Low)
    } else if text.starts_with("Authentication refused: ") {
        ("insecure_permissions", Severity::Low)
    } else {
        return None;
    };
    let credential = text.split(' ').find(|word| word.starts_with("SHA256:") || word.starts_with("MD5:"));
    let kind = Kind::Authentication { method: Some("publickey"), credential };
    let failure = Statement::failure("ssh.key", kind, reason);
    Some(Verdict::Says(Statement { severity, message: Some(text), ..failure }))
}
