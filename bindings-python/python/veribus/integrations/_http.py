"""What all web frameworks have in common: the request's trace and peer, and answers that are security events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import trace
from .._veribus import Authentication, Authorization, Security, VerificationEvent
from ..settings import get_bus

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

TEXT_MAX = 256


def of_answer(status: int, method: str, path: str, source_ip: str | None) -> VerificationEvent | None:
    """The event that an answer is: 401 a failed authentication, 403 a denied permission, 429 a limit that was hit.

    It has the account, if the request knows it by now."""
    asked = trace.context()
    common: dict[str, Any] = {
        "actor": asked.actor if asked else None,
        "source_ip": source_ip,
        "target": clean(path),
        "target_kind": "path",
        "outcome": "failure",
        "reason": f"http_{status}",
        "attributes": {"http.request.method": clean(method), "http.response.status_code": status},
    }
    if status == 401:
        return Authentication("http.request", **common)
    if status == 403:
        return Authorization("http.request", permission=clean(method), **common)
    if status == 429:
        return Security("http.rate_limited", severity="low", **common)
    return None


def clean(text: str) -> str:
    """Text from outside: cut, and without halves of characters."""
    return text[:TEXT_MAX].encode("utf-8", "replace").decode("utf-8")


def address(text: str | None) -> str | None:
    """The text, if it is an IP address: what is not says nothing of where a request came from."""
    import ipaddress

    try:
        return str(ipaddress.ip_address((text or "").split("%")[0]))
    except ValueError:
        return None


def publish(bus: VerificationEventBus | None, event: VerificationEvent | None) -> None:
    """Publishes, on the process's bus unless another one was given."""
    if event is not None:
        (bus or get_bus()).publish(event)
