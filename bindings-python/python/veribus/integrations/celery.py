"""Celery: `connect(app)` on the sending and on the working side; tasks keep the trace of whoever sent them.

Works by Celery's signals, so `send_task` and `apply_async` are both seen, and call sites stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import signals

from .. import trace
from .._veribus import Authorization, Performance
from ._http import clean, publish

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

__all__ = ["connect"]

_tokens: dict[str, Any] = {}
"""The context that each running task of this process is in, by task id."""


def connect(app: Any = None, bus: VerificationEventBus | None = None) -> None:
    """Carries the trace in the message's headers; failed and revoked tasks become events. Twice is once."""
    listeners = _Listeners(bus)
    for name in ("before_task_publish", "task_prerun", "task_postrun", "task_failure", "task_revoked"):
        signal: Any = getattr(signals, name)
        signal.connect(getattr(listeners, name), weak=False, dispatch_uid=f"veribus.{name}")


class _Listeners:
    def __init__(self, bus: VerificationEventBus | None) -> None:
        self.bus = bus

    def before_task_publish(self, headers: Any = None, **_: Any) -> None:
        if headers is not None and "traceparent" not in headers:
            trace.inject(headers)

    def task_prerun(self, task_id: str = "", task: Any = None, **_: Any) -> None:
        request: Any = getattr(task, "request", None)
        header = getattr(request, "traceparent", None) or (getattr(request, "headers", None) or {}).get("traceparent")
        parent = trace.extract({"traceparent": header or ""})
        _tokens[task_id] = trace.enter(parent.child() if parent else None)

    def task_postrun(self, task_id: str = "", **_: Any) -> None:
        token = _tokens.pop(task_id, None)
        if token is not None:
            trace.leave(token)

    def task_failure(self, sender: Any = None, task_id: str = "", exception: Any = None, **_: Any) -> None:
        publish(
            self.bus,
            Performance(
                "celery.task",
                outcome="failure",
                reason=type(exception).__name__,
                target=clean(str(getattr(sender, "name", sender))),
                target_kind="task",
                attributes={"celery.task_id": clean(task_id)},
            ),
        )

    def task_revoked(self, sender: Any = None, request: Any = None, **_: Any) -> None:
        task_id = clean(str(getattr(request, "id", "")))
        name = clean(str(getattr(sender, "name", sender)))
        event = Authorization(
            "celery.task", outcome="failure", reason="revoked", target=name, target_kind="task",
            attributes={"celery.task_id": task_id},
        )
        publish(self.bus, event)
