"""The bus, as Python people would have written it; the work is done by `_veribus.Bus`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _life, _serve
from ._veribus import Bus, set_start

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._fields import VerifyFields
    from ._veribus import Receipt, VerificationEvent
    from .health import CloseReport

__all__ = ["VerificationEventBus"]

set_start(_serve.start)

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Answer = TypeVar("_Answer")


class VerificationEventBus(Bus):
    """A bounded, non-blocking bus. `capacity` is typical events per publishing thread.

    >>> import veribus
    >>> seen = []
    >>> with veribus.VerificationEventBus(1000, service="orders") as bus:
    ...     _ = bus.register_handler(seen.extend)
    ...     receipt = bus.publish(veribus.Authentication("login", outcome="failure", actor="alice"))
    >>> bool(receipt), seen[0].actor
    (True, 'alice')

    Leaving the `with` closes it; so does the interpreter's exit.
    """

    if not TYPE_CHECKING:  # the signature is that of `Bus`

        def __init__(self, *arguments, **settings):
            super().__init__()
            _life.watch(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aflush(self, timeout: float = 1.0) -> bool:
        """As `flush`, without holding up the event loop."""
        return await _elsewhere(self.flush, timeout)

    async def aclose(self, timeout: float = 2.0) -> CloseReport:
        """As `close`, without holding up the event loop."""
        return await _elsewhere(self.close, timeout)

    async def apublish_confirmed(self, event: VerificationEvent, timeout: float = 0.25) -> Receipt:
        """As `publish_confirmed`, without holding up the event loop."""
        return await _elsewhere(self.publish_confirmed, event, timeout)

    def verified(self, action: str, **fields: Unpack[VerifyFields]) -> Callable[[_Function], _Function]:
        """A decorator: each call is one verification, of sync and of async functions.

        >>> import veribus
        >>> bus = veribus.VerificationEventBus(1000)
        >>> @bus.verified("jwt.signature")
        ... def decode(token): return int(token)
        >>> decode("42")
        42
        """
        return _verified(lambda: self, action, fields)


async def _elsewhere(wait: Callable[..., _Answer], *arguments: Any) -> _Answer:
    import asyncio  # whoever awaits has it; nobody else pays for it

    return await asyncio.to_thread(wait, *arguments)


def _verified(bus: Callable[[], Bus], action: str, fields: Any) -> Callable[[_Function], _Function]:
    def decorate(function: _Function) -> _Function:
        import inspect

        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(f"`{function.__name__}` is a generator: a verification has one end; use `with bus.verify(...)`")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*arguments: Any, **keywords: Any) -> Any:
                with bus().verify(action, **fields):
                    return await function(*arguments, **keywords)

            return cast(_Function, run_async)

        @functools.wraps(function)
        def run(*arguments: Any, **keywords: Any) -> Any:
            with bus().verify(action, **fields):
                return function(*arguments, **keywords)

        return cast(_Function, run)

    return decorate
