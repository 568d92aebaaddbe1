"""Flask: `init_app(app)`, with or without an app factory. Flask-Login's signals become events where it is loaded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .._veribus import Authentication
from ._http import publish
from .wsgi import VeribusMiddleware

if TYPE_CHECKING:
    from ..bus import VerificationEventBus

__all__ = ["init_app"]


def init_app(app: Any, bus: VerificationEventBus | None = None) -> None:
    """Wraps the app's WSGI entry, once."""
    if isinstance(app.wsgi_app, VeribusMiddleware):
        return
    app.wsgi_app = VeribusMiddleware(app.wsgi_app, bus)
    login: Any = sys.modules.get("flask_login")
    if login is None:
        return

    def heard(action: str, outcome: Any) -> Any:
        def receiver(sender: Any, user: Any = None, **_: Any) -> None:
            actor = str(user.get_id()) if user is not None and hasattr(user, "get_id") else None
            publish(bus, Authentication(action, outcome=outcome, actor=actor))

        return receiver

    login.user_logged_in.connect(heard("login", "success"), app, weak=False)
    login.user_logged_out.connect(heard("logout", "success"), app, weak=False)
    login.user_unauthorized.connect(heard("session", "failure"), app, weak=False)
