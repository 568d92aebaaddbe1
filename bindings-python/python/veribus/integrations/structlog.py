"""structlog: a processor that publishes each entry and passes it on as it came.

    structlog.configure(processors=[..., Publish(), structlog.processors.JSONRenderer()])
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from ..errors import EventError
from ._http import publish
from .logging import to_event

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

__all__ = ["Publish"]


class Publish:
    """Takes the fields of an event (`actor`, `outcome`, `source_ip` …) by their names; the rest are attributes."""

    def __init__(self, least: str = "warning", bus: VerificationEventBus | None = None) -> None:
        self.least = _number(least)
        self.bus = bus
        self.published = 0
        self.refused = 0
        """Entries that could not be events."""

    def __call__(self, logger: Any, name: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if _number(name) >= self.least:
            given = {key: value for key, value in entry.items() if key != "event" and not key.startswith("_")}
            record = logging.makeLogRecord({
                "name": str(given.pop("logger", "structlog")), "levelno": _number(name), "msg": "%s",
                "args": (entry.get("event", ""),), **{key: value for key, value in given.items() if key != "exc_info"},
            })
            try:
                publish(self.bus, to_event(record))
                self.published += 1
            except (EventError, TypeError, ValueError):
                self.refused += 1
        return entry


_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}


def _number(level: str) -> int:
    return _LEVELS.get(level.lower(), logging.INFO)
