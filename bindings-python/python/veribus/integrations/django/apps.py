"""The application: settings, and the signals of `django.contrib.auth`."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.contrib.auth import signals

from ... import trace
from ..._veribus import Authentication
from ...settings import init
from .._http import address, clean, publish


class VeribusConfig(AppConfig):
    """Calls `veribus.init` with `settings.VERIBUS` and listens to the signals of `django.contrib.auth`."""

    name = "veribus.integrations.django"
    label = "veribus"

    def ready(self) -> None:
        given = getattr(django_settings, "VERIBUS", None)
        if given is not None:
            init(**given)
        signals.user_logged_in.connect(_logged_in, dispatch_uid="veribus")
        signals.user_logged_out.connect(_logged_out, dispatch_uid="veribus")
        signals.user_login_failed.connect(_login_failed, dispatch_uid="veribus")


def _peer(request: Any) -> str | None:
    return address(request.META.get("REMOTE_ADDR")) if request is not None else None


def _logged_in(sender: Any, request: Any = None, user: Any = None, **_: Any) -> None:
    name = clean(user.get_username())
    if (context := trace.context()) is not None:
        context.actor = name
    publish(None, Authentication("login", outcome="success", actor=name, source_ip=_peer(request)))


def _logged_out(sender: Any, request: Any = None, user: Any = None, **_: Any) -> None:
    name = clean(user.get_username()) if user is not None else None
    publish(None, Authentication("logout", outcome="success", actor=name, source_ip=_peer(request)))


def _login_failed(sender: Any, credentials: Any = None, request: Any = None, **_: Any) -> None:
    # Django has replaced the secrets among the credentials; only the name is taken.
    name = (credentials or {}).get("username")
    actor = clean(str(name)) if name is not None else None
    publish(None, Authentication("login", outcome="failure", reason="refused", actor=actor, source_ip=_peer(request)))
