//! Events, and logs of them in a folder that is gone afterwards.

#![allow(dead_code, unused_imports)] // each test file uses a part of it

#[cfg(feature = "audit")]
pub(crate) mod edits;
#[cfg(feature = "audit")]
mod trail;

use std::sync::Arc;

use veribus_core::{EventId, InstanceId, Timestamp, VerificationEvent, event};

#[cfg(feature = "audit")]
pub(crate) use trail::Trail;

/// The `n`th failed login of `actor`.
pub(crate) fn failed_login(n: u64, actor: &str) -> Arc<VerificationEvent> {
    let draft =
        event::authentication("login").failure().actor(actor).method("password").reason("bad_password");
    let time = Timestamp::from_seconds(1_700_000_000 + n as i64);
    Arc::new(draft.into_event(EventId::new(InstanceId(7), 1, n), time).expect("a valid event"))
}

pub(crate) fn logins(from: u64, count: u64) -> Vec<Arc<VerificationEvent>> {
    (from..from + count).map(|n| failed_login(n, "alice")).collect()
}
