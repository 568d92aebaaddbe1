"""The ledger of a bus: what became of every event, exactly."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["BusHealth", "CloseReport", "HandlerHealth"]


class HandlerHealth(NamedTuple):
    """One handler. In every snapshot `accepted == filtered + handled + sum(lost.values()) + queued`."""

    name: str
    state: Literal["running", "quarantined", "stopped"]
    accepted: int
    """Events that the bus accepted since the handler was registered."""
    filtered: int
    """Events outside of its interest."""
    handled: int
    """Events it took."""
    queued: int
    """Events on their way to it."""
    lost: dict[str, int]
    """Events it will never take, by reason."""
    failures: int
    """Calls that raised."""
    panics: int
    """How many of them were not a `Retry`."""
    last_error: str | None
    busy_seconds: float


class BusHealth(NamedTuple):
    """The bus. In every snapshot `attempted == accepted + sum(dropped.values()) + rejected + returned`."""

    instance: str
    """What gives events their identity; another one after a fork."""
    attempted: int
    accepted: int
    dropped: dict[str, int]
    """Events refused after they had a number, by reason."""
    rejected: int
    returned: int
    redacted: int
    """Fields whose secrets were replaced."""
    lanes: int
    """Threads that published."""
    ring_bytes: int
    closed: bool
    handlers: list[HandlerHealth]

    def handler(self, name: str) -> HandlerHealth:
        """The handler of this name.

        Raises `KeyError` if there is none.
        """
        for found in self.handlers:
            if found.name == name:
                return found
        raise KeyError(name)


class CloseReport(NamedTuple):
    """What `close` left behind; the same for every caller."""

    delivered: int
    """Events handled, summed over the handlers."""
    spooled: int
    """Events left on disk for the next start."""
    dropped: dict[str, int]
    """Events lost over the life of the bus, by reason."""
    unfinished: list[str]
    """Handlers still busy when the time was up."""
    closing_from_handler: bool
    """`close` was called by a handler: the bus closes as soon as that handler returns."""
