"""The ledger of a bus: what became of every event, exactly."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["BusHealth", "CloseReport", "ForwardHealth", "HandlerHealth", "SpoolHealth"]


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


class SpoolHealth(NamedTuple):
    """What a forwarder keeps on disk."""

    state: Literal["normal", "pressure", "full", "recovering"]
    """Over 80 % of its ceiling is pressure; full drops what comes, and counts it."""
    changes: int
    """How often the state changed."""
    bytes: int
    bytes_max: int
    pending: int
    """Events without a receipt."""


class ForwardHealth(NamedTuple):
    """How a forwarder stands. A forked child's own, once the child has published."""

    destination: str
    """Where it sends to, without what is secret in the address."""
    confirms: Literal["stored", "accepted"] | None
    """What frees an event: the store's receipt, or only the next hop's word. `None` before it first connected."""
    taken: int
    """Events taken from the bus."""
    stored: int
    """Events that receipts called new."""
    duplicates: int
    """Events that receipts called stored before."""
    lost: dict[str, int]
    """Events lost after they were taken, by reason."""
    spool: SpoolHealth | None
    in_memory: int
    """Events that wait in memory, where there is no spool."""
    in_flight: int
    """Parcels sent and without a receipt."""
    receipts: int
    resent: int
    """Parcels that were sent again."""
    adopted: int
    """Spools of dead processes that are being sent."""
    set_aside: list[str]
    """What was left alone in the spool's directory, and why."""
    damaged_bytes: int
    breaker: Literal["closed", "open"]
    """Open after five failures in a row: then one parcel at a time tries."""
    failures: int
    """Failures in a row."""
    last_error: str | None


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
