"""WSGI middleware: the request's trace and peer for everything inside, and 401, 403 and 429 as events.

    app = VeribusMiddleware(app)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import trace
from ._http import address, of_answer, publish

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

__all__ = ["VeribusMiddleware"]


class VeribusMiddleware:
    """Put it outermost, but inside of what corrects `REMOTE_ADDR` behind a proxy (werkzeug's `ProxyFix`)."""

    def __init__(self, app: Callable[..., Iterable[bytes]], bus: VerificationEventBus | None = None) -> None:
        self.app = app
        self.bus = bus

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        source_ip = address(environ.get("REMOTE_ADDR"))
        parent = trace.extract({"traceparent": environ.get("HTTP_TRACEPARENT", "")})

        def watched(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
            publish(self.bus, of_answer(int(status.split(" ")[0]), method, path, source_ip))
            return start_response(status, headers, *rest)

        token = trace.enter(parent.child() if parent else None, source_ip=source_ip)
        context = trace.context()
        try:
            return _Body(self.app(environ, watched), context)
        finally:
            trace.leave(token)


class _Body:
    """The answer's body: each piece is made in the request's context, and between them nothing is left behind."""

    def __init__(self, body: Iterable[bytes], context: trace.Context | None) -> None:
        self.body = body
        self.context = context

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self.body)
        while True:
            token = trace.resume(self.context)
            try:
                piece = next(pieces)
            except StopIteration:
                return
            finally:
                trace.leave(token)
            yield piece

    def close(self) -> None:
        close: Any = getattr(self.body, "close", None)
        if close is not None:
            token = trace.resume(self.context)
            try:
                close()
            finally:
                trace.leave(token)
