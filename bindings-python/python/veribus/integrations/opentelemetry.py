"""OpenTelemetry logs: a processor that publishes each record, beside the exporters that you already have.

    provider.add_log_record_processor(Publish())

An attribute may name a field of an event: `actor`, `outcome`, `source_ip` … Trace and span are those of the record.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LogRecordProcessor

from .. import trace
from ..errors import EventError
from ._http import publish
from .logging import to_event

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

__all__ = ["Publish"]

_TRACE, _WARN = 1, 13
"""Severity numbers of OpenTelemetry: four to a level, from TRACE to FATAL."""


class Publish(LogRecordProcessor):
    """Publishes records of at least this severity number; WARN is 13. What cannot be an event is counted in `refused`."""

    def __init__(self, least: int = _WARN, bus: VerificationEventBus | None = None) -> None:
        self.least = least
        self.bus = bus
        self.published = 0
        self.refused = 0

    def on_emit(self, log_record: Any) -> None:
        record = log_record.log_record
        number = int(getattr(record.severity_number, "value", None) or _TRACE)
        if number < self.least:
            return
        try:
            publish(self.bus, to_event(_as_logged(record, number)))
            self.published += 1
        except (EventError, TypeError, ValueError):
            self.refused += 1

    def shutdown(self) -> None:
        """The bus is closed by whoever made it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Publishing has handed the event over: there is nothing to wait for here."""
        return True


def _as_logged(record: Any, number: int) -> logging.LogRecord:
    levels = (logging.NOTSET, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
    fields: dict[str, Any] = dict(record.attributes or {})
    if record.trace_id and record.span_id:
        flags = int(record.trace_flags or 0)
        fields["trace"] = trace.TraceContext.parse(f"00-{record.trace_id:032x}-{record.span_id:016x}-{flags:02x}")
    if record.event_name:
        fields.setdefault("action", record.event_name)
    level = levels[min((number - 1) // 4, 5)]
    return logging.makeLogRecord({"name": "opentelemetry", "levelno": level, "msg": "%s", "args": (record.body,), **fields})
