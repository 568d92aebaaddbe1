"""Sentry: breadcrumbs of security become events, whether or not an error follows, and stay breadcrumbs.

    sentry_sdk.init(before_breadcrumb=Publish())
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import EventError
from ._http import publish
from .logging import to_event

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

__all__ = ["Publish"]

_Crumb = dict[str, Any]
_LEVELS = {
    "debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR,
    "critical": logging.CRITICAL, "fatal": logging.CRITICAL,
}  # fmt: skip


class Publish:
    """Publishes breadcrumbs of these categories (`auth`, and what begins with `auth.`) and passes every one on, to the
    hook `then` if there is one. A crumb's `data` may name fields of an event."""

    def __init__(
        self,
        categories: tuple[str, ...] = ("auth", "security"),
        then: Callable[[_Crumb, Any], _Crumb | None] | None = None,
        bus: VerificationEventBus | None = None,
    ) -> None:
        self.categories = categories
        self.then = then
        self.bus = bus
        self.published = 0
        self.refused = 0
        """Crumbs that could not be events."""

    def __call__(self, crumb: _Crumb, hint: Any) -> _Crumb | None:
        category = str(crumb.get("category") or "")
        if any(category == known or category.startswith(f"{known}.") for known in self.categories):
            self._publish(crumb, category)
        return self.then(crumb, hint) if self.then else crumb

    def _publish(self, crumb: _Crumb, category: str) -> None:
        level = _LEVELS.get(str(crumb.get("level") or "info"), logging.INFO)
        fields = {str(name): value for name, value in dict(crumb.get("data") or {}).items() if value is not None}
        record = {"name": category, "levelno": level, "msg": "%s", "args": (crumb.get("message") or "",)}
        try:
            publish(self.bus, to_event(logging.makeLogRecord({**record, **fields})))
            self.published += 1
        except (EventError, TypeError, ValueError):
            self.refused += 1
