"""The native half. Import its classes from `veribus`."""

import datetime
import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, ClassVar, Literal, TypedDict, final

from typing_extensions import Self, Unpack

from ._fields import (
    AddressOptions,
    AuthenticationFields,
    AuthorizationFields,
    ConfigurationFields,
    PerformanceFields,
    SecurityFields,
    VerifyFields,
)
from ._types import Kind, Outcome, Severity, Value
from .alert import Alert, AlertRule
from .errors import CodecError
from .health import BusHealth, CloseReport, ForwardHealth

__version__: str

class VerificationEvent:
    """One event, immutable. Build one of the five classes below it."""

    @property
    def id(self) -> str | None:
        """32 hexadecimal digits; none before the event is published."""
    @property
    def kind(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def severity_id(self) -> int:
        """OCSF's number, 1 to 6."""
    @property
    def reason(self) -> str | None: ...
    @property
    def actor(self) -> str | None: ...
    @property
    def source_ip(self) -> str | None: ...
    @property
    def source_port(self) -> int | None: ...
    @property
    def source_host(self) -> str | None: ...
    @property
    def target(self) -> str | None: ...
    @property
    def target_kind(self) -> str | None: ...
    @property
    def trace(self) -> TraceContext | None: ...
    @property
    def duration(self) -> float | None:
        """In seconds."""
    @property
    def duration_ns(self) -> int | None: ...
    @property
    def time(self) -> datetime.datetime | None:
        """In UTC, cut to microseconds; none before the event is published, unless it was given one."""
    @property
    def time_ns(self) -> int | None: ...
    @property
    def attributes(self) -> dict[str, Any]:
        """A copy."""
    @property
    def extra(self) -> dict[str, Any]:
        """Fields of a newer sender, as they came."""
    def to_dict(self) -> dict[str, Any]:
        """The fields that are given, by the names of the keyword arguments."""
    def to_json(self) -> str:
        """One line of JSON."""
    def replace(self, **changes: Any) -> Self:
        """The same event with other values in some fields, and without an id."""
    def __replace__(self, **changes: Any) -> Self: ...
    def __hash__(self) -> int: ...

@final
class Authentication(VerificationEvent):
    """An identity was checked: a login, a key, a signature, a token."""

    def __new__(cls, action: str, **fields: Unpack[AuthenticationFields]) -> Self: ...
    @property
    def method(self) -> str | None: ...
    @property
    def credential(self) -> str | None: ...

@final
class Authorization(VerificationEvent):
    """A permission was decided."""

    def __new__(cls, action: str, **fields: Unpack[AuthorizationFields]) -> Self: ...
    @property
    def permission(self) -> str | None: ...
    @property
    def policy(self) -> str | None: ...

@final
class Configuration(VerificationEvent):
    """Something that governs behaviour was changed."""

    def __new__(cls, action: str, **fields: Unpack[ConfigurationFields]) -> Self: ...
    @property
    def setting(self) -> str | None: ...
    @property
    def old_value(self) -> str | None: ...
    @property
    def new_value(self) -> str | None: ...

@final
class Performance(VerificationEvent):
    """How verifications performed."""

    def __new__(cls, action: str, **fields: Unpack[PerformanceFields]) -> Self: ...
    @property
    def value(self) -> float | None: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def count(self) -> int | None: ...
    @property
    def errors(self) -> int | None: ...

@final
class Security(VerificationEvent):
    """An attack, an anomaly or a violation was noticed."""

    def __new__(cls, action: str, **fields: Unpack[SecurityFields]) -> Self: ...
    @property
    def technique(self) -> str | None: ...
    @property
    def rule(self) -> str | None: ...
    @property
    def score(self) -> int | None: ...

@final
class UnknownEvent(VerificationEvent):
    """An event of a family that a newer sender knows and this version does not."""

@final
class Receipt:
    """The answer of `publish`: true where the event was taken."""

    @property
    def id(self) -> str | None: ...
    @property
    def status(self) -> Literal["accepted", "dropped", "rejected"]: ...
    @property
    def reason(self) -> str | None:
        """Why it was not taken."""
    def __bool__(self) -> bool: ...

@final
class TraceContext:
    """The place of an event in a distributed trace."""

    @staticmethod
    def parse(header: str) -> TraceContext:
        """Parses a W3C `traceparent` header; raises `TraceError`."""
    @staticmethod
    def new_root() -> TraceContext: ...
    def child(self) -> TraceContext: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def flags(self) -> int: ...
    @property
    def sampled(self) -> bool: ...
    @property
    def traceparent(self) -> str: ...
    def __hash__(self) -> int: ...

@final
class Verification:
    """A verification: made by `verify`, used as a context manager once."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> Literal[False]: ...
    def succeed(self) -> None:
        """The check passed, whatever happens behind it."""
    def fail(self, reason: str | None = None) -> None:
        """The check failed."""
    def unknown(self, reason: str | None = None) -> None:
        """Nobody can tell how the check ended."""
    def set(self, **fields: Unpack[VerifyFields]) -> None:
        """Sets fields that became known while it ran."""
    def __setitem__(self, name: str, value: Value, /) -> None: ...
    @property
    def outcome(self) -> Outcome:
        """How it ended; while it runs, unknown until the caller said something."""

@final
class HandlerId:
    """Names a registered handler on its bus."""

    def __hash__(self) -> int: ...

@final
class AuditLogger:
    """Writes every event into a hash-chained file; register it once."""

    def __new__(
        cls,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        sync: float | Literal["batch", "never"] | None = None,
        rotate_at_bytes: int | None = None,
        rotate_after: float | None = None,
        keep_segments: int | None = None,
    ) -> Self: ...
    @property
    def path(self) -> os.PathLike[str]: ...
    def status(self) -> dict[str, Any]: ...

@final
class Forwarder:
    """Sends every event to a collector: `https://`, `tls://` (NATS), `rediss://`, and to this machine `http://`,
    `nats://`, `redis://`. Register it once.

    With `spool`, a directory, it is durable: events stay on disk until the collector's store has them. Without, they
    are in memory alone. Times are in seconds.
    """

    def __new__(
        cls,
        url: str,
        *,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes_max: int = 268_435_456,
        reserve_bytes: int = 4_194_304,
        segment_bytes: int = 8_388_608,
        expire_after: float = 259_200.0,
        expiring: Sequence[Kind] = (),
        batch_events: int = 1000,
        linger: float = 0.01,
        compress_from: int | None = 16_384,
        window: int = 16,
        receipt_timeout: float = 30.0,
        back_off: tuple[float, float] = (0.1, 30.0),
        memory_bytes_max: int = 16_777_216,
        close_within: float = 1.0,
        **options: Unpack[AddressOptions],
    ) -> Self: ...
    @property
    def destination(self) -> str:
        """Where it sends to, without what is secret in the address."""
    def health(self) -> ForwardHealth:
        """How it stands: what waits, what was receipted, what was lost and why."""

class AuditReport(TypedDict):
    intact: bool
    spotless: bool
    lines: int
    events: int
    removed: int
    head: str | None
    segments: list[os.PathLike[str]]
    first_bad: tuple[os.PathLike[str], int, str] | None

def audit_verify(path: str | os.PathLike[str]) -> AuditReport: ...
@final
class MetricsCollector:
    """Counts events and renders Prometheus text; register it once."""

    CONTENT_TYPE: ClassVar[str]
    def __new__(cls, *, types_max: int = 200) -> Self: ...
    def render(self, bus: Bus | None = None) -> str: ...

@final
class AlertHandler:
    """Raises alerts; register it once."""

    def __new__(
        cls,
        *rules: AlertRule,
        sink: Callable[[Alert], object] | None = None,
        json: bool = False,
        cooldown: float = 600.0,
    ) -> Self: ...
    def counts(self) -> dict[str, int]: ...

class Bus:
    """The native half of `veribus.VerificationEventBus`."""

    def __new__(
        cls,
        capacity: int = 1000,
        *,
        service: str = "unnamed",
        instance: str | None = None,
        host: str | None = None,
        environment: str | None = None,
        network: str | None = None,
        block: float | None = None,
        handler_queue: int = 8192,
        redact: Sequence[str] | None = None,
        redaction: bool = True,
    ) -> Self: ...
    def publish(self, event: VerificationEvent) -> Receipt: ...
    def record(self, action: str, **fields: Unpack[VerifyFields]) -> Receipt:
        """Builds an event of the family `kind`, authentication unless said, and publishes it: the shortest way for what
        is published often. Raises as the event classes do."""
    def publish_confirmed(self, event: VerificationEvent, timeout: float = 0.25) -> Receipt: ...
    def verify(self, action: str, **fields: Unpack[VerifyFields]) -> Verification: ...
    def register_handler(
        self,
        handler: Any,
        *,
        name: str | None = None,
        kinds: Sequence[Kind] | None = None,
        at_least: Severity | int | None = None,
        durable: bool | None = None,
    ) -> HandlerId: ...
    def unregister_handler(self, handler: HandlerId) -> bool: ...
    def health(self) -> BusHealth: ...
    def flush(self, timeout: float = 1.0) -> bool: ...
    def close(self, timeout: float = 2.0) -> CloseReport: ...
    @property
    def instance_id(self) -> str: ...
    @property
    def service(self) -> str: ...

@final
class Desk:
    def next(self, raised: str | None = None, retry_done: int | None = None) -> tuple[str, Any] | None: ...
    def leave(self) -> None: ...

@final
class Batch:
    """A decoded batch."""

    @property
    def service(self) -> str: ...
    @property
    def events(self) -> list[VerificationEvent]: ...

def decode(data: bytes, format: Literal["json", "msgpack"]) -> Batch: ...
def decode_each(data: bytes, format: Literal["json", "msgpack"]) -> list[VerificationEvent | CodecError]: ...
def encode(batch: Batch, format: Literal["json", "msgpack"]) -> bytes: ...
def event_from_json(line: bytes) -> VerificationEvent: ...
def set_ambient(variable: ContextVar[Any] | None = None) -> None: ...
def set_start(start: Callable[[Desk, Any], None]) -> None: ...
def close_gate() -> None: ...
def after_fork() -> None: ...
