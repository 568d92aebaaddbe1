//! An event as one line that a person reads; nothing in it can act on the terminal.

use std::fmt::{self, Display, Formatter};

use veribus_core::escape::truncated;
use veribus_core::{EventKind, Outcome, Severity, Timestamp, VerificationEvent};

use crate::output::Style;

/// Characters of one field that are shown.
const FIELD_CHARS: usize = 80;

/// `2026-11-21T10:00:00.000Z high ✗ authentication login actor=root ip=203.0.113.9 … sshd`.
#[derive(Debug)]
pub struct EventLine<'a> {
    /// The event.
    pub event: &'a VerificationEvent,
    /// Who sent it.
    pub service: &'a str,
    /// Colours, or none.
    pub style: Style,
}

impl Display for EventLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let EventLine { event, service, style } = self;
        write!(f, "{} ", style.dim(short_time(event.time)))?;
        severity(f, event.severity, *style)?;
        write!(f, " {} ", mark(event.outcome, *style))?;
        write!(
            f,
            "{} {}",
            truncated(event.kind.name(), 14),
            style.bold(truncated(&event.action, FIELD_CHARS))
        )?;
        fields(f, event)?;
        write!(f, " {}", style.cyan(truncated(service, FIELD_CHARS)))
    }
}

/// ` actor=… ip=… target=… reason=…` and the payload: what is there.
pub fn fields(f: &mut Formatter<'_>, event: &VerificationEvent) -> fmt::Result {
    let mut field = |name: &str, value: &dyn Display| write!(f, " {name}={value}");
    if let Some(actor) = &event.actor {
        actor.name.as_ref().map_or(Ok(()), |name| field("actor", &truncated(name, FIELD_CHARS)))?;
        actor.ip.map_or(Ok(()), |ip| field("ip", &ip))?;
        actor.host.as_ref().map_or(Ok(()), |host| field("host", &truncated(host, FIELD_CHARS)))?;
    }
    if let Some(target) = &event.target {
        field("target", &truncated(&target.name, FIELD_CHARS))?;
    }
    if let Some(reason) = &event.reason {
        field("reason", &truncated(reason, FIELD_CHARS))?;
    }
    let mut number =
        |name: &str, value: Option<&dyn Display>| value.map_or(Ok(()), |value| field(name, value));
    if let EventKind::Performance(measured) = &event.kind {
        number("value", measured.value.as_ref().map(|value| value as _))?;
        number("count", measured.count.as_ref().map(|count| count as _))?;
        number("errors", measured.errors.as_ref().map(|errors| errors as _))?;
    }
    if let EventKind::Security(noticed) = &event.kind {
        number("score", noticed.score.as_ref().map(|score| score as _))?;
    }
    event.kind.text_fields().try_for_each(|(name, text)| field(name, &truncated(text, FIELD_CHARS)))?;
    event.duration.map_or(Ok(()), |took| write!(f, " took={took:?}"))
}

/// ✓, ✗ or ?.
pub fn mark(outcome: Outcome, style: Style) -> impl Display {
    match outcome {
        Outcome::Success => style.green("✓"),
        Outcome::Failure => style.red("✗"),
        Outcome::Unknown => style.dim("?"),
    }
}

/// Milliseconds are enough for a reader.
pub fn short_time(time: Timestamp) -> String {
    let full = time.to_string();
    format!("{}Z", &full[..23])
}

fn severity(f: &mut Formatter<'_>, severity: Severity, style: Style) -> fmt::Result {
    let name = severity.as_str();
    match severity {
        Severity::Critical | Severity::Fatal | Severity::High => write!(f, "{:<8}", style.red(name)),
        Severity::Medium => write!(f, "{:<8}", style.yellow(name)),
        Severity::Informational => write!(f, "{:<8}", style.dim("info")),
        _ => write!(f, "{:<8}", style.dim(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veribus_core::{EventId, event};

    #[test]
    fn hostile_text_stays_on_its_line() {
        let event = event::authentication("login")
            .failure()
            .actor("root\x1b[2J\n2026 fake line")
            .source_ip([203, 0, 113, 9].into())
            .into_event(EventId::from_bits(1), Timestamp::from_seconds(0))
            .unwrap();
        let line = EventLine { event: &event, service: "ss\u{202e}hd", style: Style::plain() }.to_string();
        assert!(!line.contains(['\x1b', '\n', '\u{202e}']), "{line}");
        assert!(line.starts_with("1970-01-01T00:00:00.000Z "), "{line}");
        assert!(line.starts_with("1970-01-01T00:00:00.000Z info     ✗ "), "a severity is never cut: {line}");
        assert!(line.contains(r"actor=root\u{1b}[2J\n2026 fake line ip=203.0.113.9"), "{line}");
    }
    #[test]
    fn a_measurement_is_shown_with_its_number() {
        let event = event::performance("verify.latency")
            .measured(0.25, "seconds")
            .into_event(EventId::from_bits(1), Timestamp::from_seconds(0))
            .unwrap();
        let line = EventLine { event: &event, service: "orders", style: Style::plain() }.to_string();
        assert!(line.contains(" value=0.25 unit=seconds "), "{line}");
    }
}
