"""Know that every security check in your services happened, and prove it.

>>> import veribus
>>> bus = veribus.VerificationEventBus(1000)
>>> with bus.verify("api_key", actor="ci-bot") as v:
...     v.fail("unknown_key")
>>> bus.publish(veribus.Authentication("login", outcome="failure", actor="alice", source_ip="203.0.113.9"))
<Receipt accepted ...>
"""

from __future__ import annotations

from . import _interpreter

_interpreter.refuse_all_but_the_main_one()

from ._veribus import (  # noqa: E402
    AlertHandler,
    AuditLogger,
    Authentication,
    Authorization,
    Configuration,
    Forwarder,
    MetricsCollector,
    Performance,
    Receipt,
    Security,
    TraceContext,
    UnknownEvent,
    Verification,
    VerificationEvent,
    __version__,
    audit_verify,
)
from . import trace
from .alert import Alert, AlertRule
from .bus import VerificationEventBus
from .errors import (
    AuditError,
    ClosedError,
    CodecError,
    ConfigError,
    DroppedError,
    EventError,
    ForwardError,
    HandlerError,
    NoDurableHandlerError,
    NotAccepted,
    NotConfirmedError,
    NotDurableError,
    Retry,
    TraceError,
    VeribusError,
)
from .health import BusHealth, CloseReport, ForwardHealth, HandlerHealth, SpoolHealth
from .settings import get_bus, init, publish, record, verified, verify

del _interpreter

__all__ = [
    "Alert",
    "AlertHandler",
    "AlertRule",
    "AuditError",
    "AuditLogger",
    "Authentication",
    "Authorization",
    "BusHealth",
    "CloseReport",
    "ClosedError",
    "CodecError",
    "ConfigError",
    "Configuration",
    "DroppedError",
    "EventError",
    "ForwardError",
    "ForwardHealth",
    "Forwarder",
    "HandlerError",
    "HandlerHealth",
    "MetricsCollector",
    "NoDurableHandlerError",
    "NotAccepted",
    "NotConfirmedError",
    "NotDurableError",
    "Performance",
    "Receipt",
    "Retry",
    "Security",
    "SpoolHealth",
    "TraceContext",
    "TraceError",
    "UnknownEvent",
    "VeribusError",
    "Verification",
    "VerificationEvent",
    "VerificationEventBus",
    "__version__",
    "audit_verify",
    "get_bus",
    "init",
    "publish",
    "record",
    "trace",
    "verified",
    "verify",
]
