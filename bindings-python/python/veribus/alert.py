"""Alerts in the process: a severity, or so many events of one entity in a window of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._veribus import AlertHandler, VerificationEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._types import Kind, Outcome, Severity

__all__ = ["Alert", "AlertHandler", "AlertRule"]


class AlertRule(NamedTuple):
    """When to raise an alert: `events` of them `within` seconds, by one entity (an address, else an actor).

    >>> AlertRule("brute-force", events=5, within=600, kinds=["authentication"], outcome="failure").events
    5
    """

    name: str
    events: int = 1
    within: float = 0.0
    at_least: Severity | int = "informational"
    kinds: Sequence[Kind] | None = None
    outcome: Outcome | None = None
    action: str | None = None
    title: str | None = None
    severity: Severity | None = None
    """Severity of the alert; that of the event unless said."""
    cooldown: float | None = None
    """Seconds in which the same entity raises no second alert of this rule."""

    @classmethod
    def failures(cls, name: str, events: int, within: float, severity: Severity | None = None) -> AlertRule:
        """So many failed authentications of one entity."""
        return cls(name, events, within, kinds=["authentication"], outcome="failure", severity=severity)


class Alert(NamedTuple):
    """A rule that matched."""

    rule: str
    title: str
    severity: Severity
    entity_kind: str | None
    entity: str | None
    """Whom it is about."""
    events: int
    first_seen: str
    last_seen: str
    suppressed: int
    """Matches since the last alert that the cooldown kept quiet."""
    event: VerificationEvent
    """The event that completed the match."""
    line: str
    """One line for a terminal; what came from outside is escaped and cut."""

    def __str__(self) -> str:
        return self.line
