"""Which interpreter this is: the native half belongs to the main one, by its threads and its exit hook."""

from __future__ import annotations

import sys
from typing import Any


def refuse_all_but_the_main_one() -> None:
    """Raises `ImportError` in a subinterpreter."""
    if _is_sub():
        raise ImportError(
            "veribus cannot be used in a subinterpreter: its threads and its exit hook belong to the main interpreter. "
            "Under mod_wsgi set `WSGIApplicationGroup %{GLOBAL}`"
        )


def _is_sub() -> bool:
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    try:
        interpreters: Any = __import__(name)
    except ImportError:
        return False  # built without them
    return bool(interpreters.get_current() != interpreters.get_main())
