//! The verb that people remember: time a check, record how it ended, keep its trace.

use std::fmt::Display;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::VerificationEventBus;
use crate::event::{Draft, Family, Name, Outcome, Severity, ValueRef};

/// Longest reason taken from an error's text, in bytes; the rest is cut at a character.
const REASON_BYTES_MAX: usize = 256;

/// A verification about to run; made by [`VerificationEventBus::verify`].
///
/// It publishes one event when the check ends: its duration, its outcome, and for an error the error's text as
/// reason. The check's own result passes through untouched, also when the bus is full or closed. A check that panics
/// is recorded as a failure (`panicked`), a future that is dropped before its end as unknown (`cancelled`).
///
/// ```
/// # use veribus_core::VerificationEventBus;
/// # let event_bus = VerificationEventBus::new(1000);
/// # fn decode(token: &str) -> Result<u32, std::num::ParseIntError> { token.parse() }
/// let token = "42";
/// let claims = event_bus.verify("jwt.signature").actor("alice").run(|| decode(&token))?;
/// assert_eq!(claims, 42);
/// let known = event_bus.verify("api_key").run_with(|| token == "42", |known| (*known).into());
/// assert!(known);
/// # Ok::<(), std::num::ParseIntError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a verification does nothing until it runs"]
pub struct Verification<'a> {
    bus: &'a VerificationEventBus,
    draft: Draft<'a>,
}

impl<'a> Verification<'a> {
    #[inline]
    pub(crate) fn new(bus: &'a VerificationEventBus, action: Name<'a>) -> Self {
        Verification { bus, draft: crate::event::authentication(action).into() }
    }

    /// Who is verified.
    #[inline]
    pub fn actor(mut self, name: &'a str) -> Self {
        self.draft.set_actor(name);
        self
    }

    /// Where they come from.
    #[inline]
    pub fn source_ip(mut self, ip: IpAddr) -> Self {
        self.draft.ip = Some(ip);
        self
    }

    /// What they ask for.
    #[inline]
    pub fn target(mut self, name: &'a str) -> Self {
        self.draft.set_target(name);
        self
    }

    /// The family, when it is not an authentication.
    #[inline]
    pub fn kind(mut self, family: Family) -> Self {
        self.draft.family = family;
        self
    }

    /// The severity; [`Severity::Informational`] unless said.
    #[inline]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.draft.severity = severity;
        self
    }

    /// One more attribute.
    #[inline]
    pub fn attribute(mut self, name: impl Into<Name<'a>>, value: impl Into<ValueRef<'a>>) -> Self {
        self.draft.more.push(name.into(), value.into());
        self
    }

    /// Runs a check that answers with a [`Result`]: `Ok` is a success, `Err` a failure with the error's text as
    /// reason.
    ///
    /// # Errors
    /// Those of `check`, unchanged.
    pub fn run<T, E: Display>(self, check: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let open = Open::begin(self);
        let result = check();
        open.end_result(&result);
        result
    }

    /// Runs a check of any answer; `outcome` says how it ended.
    pub fn run_with<T>(self, check: impl FnOnce() -> T, outcome: impl FnOnce(&T) -> Outcome) -> T {
        let open = Open::begin(self);
        let answer = check();
        open.end(outcome(&answer), None);
        answer
    }

    /// Runs a future that answers with a [`Result`], as [`run`](Verification::run) does. The clock runs from the first
    /// poll.
    pub fn run_async<F, T, E>(self, check: F) -> RunAsync<'a, F>
    where
        F: Future<Output = Result<T, E>>,
        E: Display,
    {
        RunAsync { check, waiting: Some(self), open: None }
    }
}

pin_project! {
    /// The future of [`Verification::run_async`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RunAsync<'a, F> {
        #[pin]
        check: F,
        waiting: Option<Verification<'a>>,
        open: Option<Open<'a>>,
    }
}

impl<F, T, E> Future for RunAsync<'_, F>
where
    F: Future<Output = Result<T, E>>,
    E: Display,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(waiting) = this.waiting.take() {
            let open = this.open.insert(Open::begin(waiting));
            open.unfinished = (Outcome::Unknown, "cancelled");
        }
        let poll = this.check.poll(context);
        if let (Poll::Ready(result), Some(open)) = (&poll, this.open.take_if(|_| poll.is_ready())) {
            open.end_result(result);
        }
        poll
    }
}

/// A verification that is running. Dropped without an end, it records that there was none.
struct Open<'a> {
    verification: Option<Verification<'a>>,
    begun: Instant,
    /// What to record if it never comes to an end.
    unfinished: (Outcome, &'static str),
}

impl<'a> Open<'a> {
    fn begin(verification: Verification<'a>) -> Self {
        Open {
            verification: Some(verification),
            begun: Instant::now(),
            unfinished: (Outcome::Failure, "panicked"),
        }
    }

    fn end_result<T, E: Display>(self, result: &Result<T, E>) {
        match result {
            Ok(_) => self.end(Outcome::Success, None),
            Err(error) => self.end(Outcome::Failure, Some(&error.to_string())),
        }
    }

    fn end(mut self, outcome: Outcome, reason: Option<&str>) {
        if let Some(verification) = self.verification.take() {
            record(verification, self.begun.elapsed(), outcome, reason);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(verification) = self.verification.take() {
            let (mut outcome, mut reason) = self.unfinished;
            if std::thread::panicking() {
                (outcome, reason) = (Outcome::Failure, "panicked");
            }
            record(verification, self.begun.elapsed(), outcome, Some(reason));
        }
    }
}

fn record(verification: Verification<'_>, took: Duration, outcome: Outcome, reason: Option<&str>) {
    let Verification { bus, mut draft } = verification;
    draft.outcome = outcome;
    draft.duration = Some(took);
    let reason = reason.map(|text| &text[..text.floor_char_boundary(REASON_BYTES_MAX)]);
    // The receipt says what the ledger counts; a verification must not end differently for it.
    drop(bus.publish(draft.with_reason(reason)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_of_a_check_passes_through_a_closed_bus() {
        let bus = VerificationEventBus::new(64);
        bus.close(Duration::from_secs(1));
        assert_eq!(bus.verify("check").run(|| Ok::<_, String>(7)), Ok(7));
        assert_eq!(bus.verify("check").run(|| Err::<(), _>("no")), Err("no"));
        assert_eq!(bus.health().dropped.get(crate::LossReason::Closed), 2);
    }
}
