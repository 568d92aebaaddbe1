"""Pure ASGI middleware: the request's trace and peer for everything inside, and 401, 403 and 429 as events.

    app = VeribusMiddleware(app)

It never wraps the body, and it is not a `BaseHTTPMiddleware`, which would cut context variables.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from .. import trace
from ._http import address, of_answer, publish

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

__all__ = ["VeribusMiddleware"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class VeribusMiddleware:
    """Put it outermost. Behind a proxy, let your server set the peer (uvicorn's `--proxy-headers`): headers that
    anybody can send are not believed here."""

    def __init__(self, app: _App, bus: VerificationEventBus | None = None) -> None:
        self.app = app
        self.bus = bus

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", ())}
        source_ip = address((scope.get("client") or (None,))[0])
        method = scope.get("method", "WEBSOCKET")

        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                publish(self.bus, of_answer(message["status"], method, scope.get("path", ""), source_ip))
            await send(message)

        parent = trace.extract(headers)
        token = trace.enter(parent.child() if parent else None, source_ip=source_ip)
        try:
            await self.app(scope, receive, watched)
        finally:
            trace.leave(token)
