"""The trace of the moment: W3C trace context, carried by `contextvars`, picked up by every event.

Nobody passes a trace by hand. `publish` and `verify` take OpenTelemetry's current span if the application has loaded
that package, else the innermost `use`, in this thread or task.

>>> from veribus import trace
>>> with trace.use("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
...     trace.inject({})
{'traceparent': '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'}
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable, Generator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeVar

from ._veribus import TraceContext, set_ambient
from .errors import TraceError

__all__ = ["Context", "TraceContext", "bind", "context", "current", "extract", "inject", "use"]

_Returned = TypeVar("_Returned")


class Context:
    """What a request knows of itself. One object for the whole request, also in the threads and tasks that it
    starts: what one of them learns (`actor`), the others see."""

    __slots__ = ("actor", "source_ip", "trace")

    def __init__(self, trace: TraceContext, source_ip: str | None = None, actor: str | None = None) -> None:
        self.trace = trace
        self.source_ip = source_ip
        self.actor = actor

    def __repr__(self) -> str:
        return f"<Context {self.trace} actor={self.actor!r} source_ip={self.source_ip!r}>"


_current: contextvars.ContextVar[Context | None] = contextvars.ContextVar("veribus", default=None)
set_ambient(_current)


def context() -> Context | None:
    """The request that this thread or task works for."""
    return _current.get()


def current() -> TraceContext | None:
    """The trace that an event published here and now would carry."""
    return _open_telemetry() or (found.trace if (found := _current.get()) else None)


def _open_telemetry() -> TraceContext | None:
    module: Any = sys.modules.get("opentelemetry.trace")
    if module is None:
        return None
    found = module.get_current_span().get_span_context()
    if not found.is_valid:
        return None
    return TraceContext.parse(f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}")


def enter(
    trace: TraceContext | str | None = None, *, source_ip: str | None = None, actor: str | None = None
) -> contextvars.Token[Context | None]:
    """As `use`, for those who cannot write a `with`: end it with `leave`."""
    if isinstance(trace, str):
        trace = TraceContext.parse(trace)
    set_ambient()
    return _current.set(Context(trace or TraceContext.new_root(), source_ip, actor))


def resume(context: Context | None) -> contextvars.Token[Context | None]:
    """Goes on with a request that was left: its answer is made piece by piece."""
    return _current.set(context)


def leave(token: contextvars.Token[Context | None]) -> None:
    """Ends what `enter` began; elsewhere than in the same context it is left to that context to end it."""
    try:
        _current.reset(token)
    except ValueError:
        pass


@contextmanager
def use(
    trace: TraceContext | str | None = None, *, source_ip: str | None = None, actor: str | None = None
) -> Generator[Context, None, None]:
    """Everything published inside belongs to this trace; to a new one without an argument.

    `verify` also takes `source_ip` and `actor` from here where it is given none.
    """
    token = enter(trace, source_ip=source_ip, actor=actor)
    try:
        found = _current.get()
        assert found is not None
        yield found
    finally:
        leave(token)


def extract(headers: Mapping[str, str]) -> TraceContext | None:
    """The trace of a request's headers, whatever their case; `None` if there is none or a bad one.

    >>> extract({"Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}).span_id
    '00f067aa0ba902b7'
    >>> extract({"traceparent": "nonsense"}) is None
    True
    """
    for name, value in headers.items():
        if name.lower() == "traceparent":
            try:
                return TraceContext.parse(value.strip())
            except TraceError:
                return None
    return None


def inject(headers: MutableMapping[str, str], trace: TraceContext | None = None) -> MutableMapping[str, str]:
    """Sets `traceparent` for an outgoing request or message; without a trace the headers stay as they are."""
    trace = trace or current()
    if trace is not None:
        headers["traceparent"] = trace.traceparent
    return headers


def bind(function: Callable[..., _Returned]) -> Callable[..., _Returned]:
    """The function, in the caller's context whenever and in whatever thread it runs: `pool.submit(trace.bind(work))`."""
    captured = contextvars.copy_context()

    def bound(*arguments: Any, **keywords: Any) -> _Returned:
        # A copy for each call: two threads may not be in one context at once.
        return captured.copy().run(function, *arguments, **keywords)

    return bound
