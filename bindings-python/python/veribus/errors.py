"""What can go wrong, one class for each kind; `code` is stable and the same in every SDK."""

from __future__ import annotations


class VeribusError(Exception):
    """The base of all of them."""

    code: str
    """The stable code, for example `EVT_TYPE_EMPTY`."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code)
        self.code = code

    def __str__(self) -> str:
        return f"{self.args[0]} [{self.code}]"


class EventError(VeribusError, ValueError):
    """An event that cannot be accepted: raised while it is built, never by `publish`.

    >>> import veribus
    >>> veribus.Authentication("login", severity="hgih")
    Traceback (most recent call last):
    veribus.errors.EventError: severity `hgih` is not known, did you mean `high`?; ... [EVT_SEVERITY_INVALID]
    """


class CodecError(VeribusError, ValueError):
    """Bytes that are no event or batch."""

    path: str = ""
    """Where: `events[3].attributes.x`; empty for the whole."""
    offset: int = 0
    """The byte at which it was noticed."""


class TraceError(VeribusError, ValueError):
    """A header that is no trace context."""


class ConfigError(VeribusError, ValueError):
    """A setting that cannot be used."""


class HandlerError(VeribusError, TypeError):
    """A handler that cannot be registered."""


class AuditError(VeribusError, OSError):
    """An audit trail that cannot be opened or read."""


class ForwardError(VeribusError, OSError):
    """A forwarder's spool that cannot be used."""


class NotAccepted(VeribusError):
    """`publish_confirmed` cannot say that the event is durable; see the classes below it."""


class DroppedError(NotAccepted):
    """There was no room for the event."""


class ClosedError(DroppedError):
    """The bus is closed."""


class NoDurableHandlerError(NotAccepted):
    """No registered handler is durable: register one, for example an `AuditLogger`."""


class NotConfirmedError(NotAccepted, TimeoutError):
    """Not known in time: the event is in the queue and may still become durable."""


class NotDurableError(NotAccepted):
    """A durable handler lost the event or could not sync it."""


class Retry(Exception):
    """Raised by a handler that took the first `done` events and asks to be given the others again, after a pause."""

    def __init__(self, done: int = 0, why: str = "the handler asks for a retry") -> None:
        super().__init__(why)
        self.done = max(0, int(done))
