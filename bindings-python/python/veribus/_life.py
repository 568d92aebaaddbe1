"""Begin and end of a process: what a fork, an exit and `multiprocessing` do to buses."""

from __future__ import annotations

import atexit
import os
import sys
import time
import weakref
from typing import Any

from ._veribus import Bus, after_fork, close_gate

EXIT_SECONDS = 2.0
"""What all buses together may take to drain when the interpreter exits."""

_buses: weakref.WeakSet[Bus] = weakref.WeakSet()
_finalized_by: int | None = None
"""The process whose `multiprocessing` finalizer is in place."""
_asked = False
"""Whether `multiprocessing` calls us in its children."""


def watch(bus: Bus) -> None:
    """Closes the bus when the process ends in order."""
    _buses.add(bus)
    _watch_child()


def close_all(seconds: float = EXIT_SECONDS) -> None:
    """Closes every bus, all within so many seconds."""
    until = time.monotonic() + seconds
    for bus in list(_buses):
        bus.close(max(0.0, until - time.monotonic()))


def _at_exit() -> None:
    close_all()
    close_gate()


def _in_child() -> None:
    after_fork()
    _watch_child()


def _watch_child(_: Any = None) -> None:
    """Children of `multiprocessing` leave by `os._exit`, without `atexit`: they run its finalizers instead."""
    global _finalized_by, _asked
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None:
        return
    if process.parent_process() is not None and _finalized_by != os.getpid():
        _finalized_by = os.getpid()
        util.Finalize(None, close_all, exitpriority=-100)
    if not _asked:
        # The child clears all finalizers when it begins, and then asks these.
        util.register_after_fork(_Token, _after_bootstrap)
        _asked = True


class _Token:
    """What `multiprocessing` keeps our hook by."""


def _after_bootstrap(_: Any) -> None:
    global _finalized_by
    _finalized_by = None
    _watch_child()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
