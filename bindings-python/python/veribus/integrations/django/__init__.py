"""Django: middleware for the request's context, and every login, logout and failed login as an event.

    INSTALLED_APPS += ["veribus.integrations.django"]
    MIDDLEWARE = ["veribus.integrations.django.Middleware", *MIDDLEWARE]
    VERIBUS = {"service": "shop"}                 # arguments of veribus.init
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.decorators import sync_and_async_middleware

from ... import trace
from .._http import address, of_answer, publish

__all__ = ["Middleware"]


def _peer(request: Any) -> str | None:
    return address(request.META.get("REMOTE_ADDR")) if request is not None else None


@sync_and_async_middleware
def Middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:  # noqa: N802
    """Put it first: the request's trace and peer for everything inside, and 401, 403 and 429 as events."""
    from asgiref.sync import iscoroutinefunction

    def enter(request: Any) -> Any:
        parent = trace.extract({"traceparent": request.META.get("HTTP_TRACEPARENT", "")})
        return trace.enter(parent.child() if parent else None, source_ip=_peer(request))

    def answered(request: Any, response: Any) -> None:
        publish(None, of_answer(response.status_code, request.method or "", request.path, _peer(request)))

    if iscoroutinefunction(get_response):

        async def run_async(request: Any) -> Any:
            token = enter(request)
            try:
                response = await get_response(request)
                answered(request, response)
                return response
            finally:
                trace.leave(token)

        return run_async

    def run(request: Any) -> Any:
        token = enter(request)
        try:
            response = get_response(request)
            answered(request, response)
            return response
        finally:
            trace.leave(token)

    return run
