"""The standard library's `logging`: records become events beside the lines that you already have.

    logging.getLogger("security").addHandler(Handler())
    LOGGING["handlers"]["veribus"] = {"class": "veribus.integrations.logging.Handler", "level": "WARNING"}

A record's `extra` may name fields of an event: `log.warning("denied", extra={"actor": "alice", "outcome": "failure"})`.
Whatever else it has goes into the attributes. What cannot be an event costs itself alone and is counted in `refused`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .._veribus import Security
from ..errors import EventError
from ._http import publish

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

__all__ = ["Handler", "to_event"]

_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FIELDS = {"outcome", "reason", "actor", "source_ip", "source_port", "source_host", "target", "target_kind", "trace"}
_MESSAGE_MAX = 1024


def _severity(level: int) -> Any:
    steps = ((logging.CRITICAL, "critical"), (logging.ERROR, "high"), (logging.WARNING, "medium"), (logging.INFO, "low"))
    return next((name for least, name in steps if level >= least), "informational")


def to_event(record: logging.LogRecord) -> Security:
    """The record as an event named `log.record`, or as its `extra={"action": ...}` says.

    Raises `EventError` for an `extra` that no event can hold.
    """
    extra: dict[str, Any] = {name: value for name, value in vars(record).items() if name not in _OWN}
    action = extra.pop("action", "log.record")
    fields = {name: extra.pop(name) for name in _FIELDS & set(extra)}
    message = record.getMessage()[:_MESSAGE_MAX].encode("utf-8", "replace").decode()
    attributes = {**extra, "log.logger": record.name, "log.message": message}
    if record.exc_info and record.exc_info[0] is not None:
        attributes["exception.type"] = record.exc_info[0].__name__
    return Security(action, severity=_severity(record.levelno), attributes=attributes, **fields)


class Handler(logging.Handler):
    """Publishes each record; on the process's bus unless given another one."""

    def __init__(self, level: int | str = logging.NOTSET, bus: VerificationEventBus | None = None) -> None:
        super().__init__(level)
        self.bus = bus
        self.published = 0
        self.refused = 0
        """Records that could not be events."""

    def createLock(self) -> None:  # noqa: N802
        """Publishing needs no lock."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            publish(self.bus, to_event(record))
            self.published += 1
        except (EventError, TypeError, ValueError):
            self.refused += 1
