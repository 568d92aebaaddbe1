"""The Python thread of a handler: asks for work, does it, says how it went."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from typing import Any

from ._veribus import Desk
from .errors import Retry

_start_new_thread: Callable[..., int] = _thread.start_new_thread


def start(desk: Desk, handler: Any) -> None:
    """Starts a thread of the operating system, also where gevent has put greenlets in their place."""
    monkey: Any = sys.modules.get("gevent.monkey")
    begin = monkey.get_original("_thread", "start_new_thread") if monkey else _start_new_thread
    begin(_serve, (desk, handler))


def _serve(desk: Desk, handler: Any) -> None:
    raised: str | None = None
    done: int | None = None
    try:
        while (work := desk.next(raised, done)) is not None:
            raised, done = _work(handler, *work)
            del work
    finally:
        desk.leave()


def _work(handler: Any, what: str, argument: Any) -> tuple[str | None, int | None]:
    try:
        if what == "handle" or what == "alert":
            getattr(handler, what, handler)(argument)
        else:
            getattr(handler, what)()
    except Retry as retry:
        return _said(retry), retry.done
    except BaseException as error:  # a handler may raise anything, `SystemExit` too: its thread goes on
        return _said(error), None
    return None, None


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:1024]
    except BaseException:  # the exception's own `__str__` is the handler's code too
        return type(error).__name__
