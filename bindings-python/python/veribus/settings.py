"""`veribus.init`: one bus for the process, from arguments, the environment or a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import _config
from ._veribus import AuditLogger, Forwarder, Receipt, Verification, VerificationEvent
from .bus import VerificationEventBus, _verified  # pyright: ignore[reportPrivateUsage]
from .errors import AuditError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Unpack

    from ._fields import AddressOptions, VerifyFields

__all__ = ["get_bus", "init", "publish", "record", "verified", "verify"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_default: VerificationEventBus | None = None


def init(
    service: str | None = None,
    *,
    collector: str | None = None,
    spool: str | os.PathLike[str] | bool | None = None,
    audit: str | os.PathLike[str] | bool | None = None,
    instance: str | None = None,
    host: str | None = None,
    environment: str | None = None,
    network: str | None = None,
    capacity: int | None = None,
    redact: list[str] | None = None,
    disabled: bool | None = None,
    config: str | os.PathLike[str] | None = None,
    **options: Unpack[AddressOptions],
) -> VerificationEventBus:
    """Makes the bus of this process and returns it; `veribus.publish`, `verify` and `verified` then use it.

    With a `collector`, the address of one or of a broker in front of it, a `Forwarder` sends every event there and
    keeps it in a spool, `./veribus-spool` unless said; `spool=False` keeps events in memory alone. Without one, events
    go into an audit trail in `./veribus-audit`; `audit` asks for one beside a collector, or `False` for none.

    Each setting comes from its argument, else from the environment (`VERIBUS_SERVICE`, `VERIBUS_COLLECTOR`,
    `VERIBUS_TOKEN_FILE` …), else from the TOML file `config` (or `VERIBUS_CONFIG`). `VERIBUS_DISABLED=1` makes a bus
    that hands events to nobody. Called again, it closes the bus it made before.

    Raises `ConfigError` for a setting that cannot be used, `ForwardError` or `AuditError` for a folder that cannot be
    written. That the collector cannot be reached is no error, and neither is an audit trail that another process
    writes: this process gets one beside it.

    >>> bus = init(service="orders", collector="http://127.0.0.1:7480", token="vbt_...", spool="spool")
    >>> bus.health().handlers[0].name
    'forward'
    """
    global _default
    from pathlib import Path

    given: dict[str, Any] = {
        "service": service, "instance": instance, "host": host, "environment": environment, "network": network,
        "capacity": capacity, "redact": redact, "collector": collector, "spool": spool, "audit": audit,
        "disabled": disabled, **options,
    }  # fmt: skip
    found = _config.merged(given, config)
    found.setdefault("service", Path(sys.argv[0] or "python").stem or "python")
    of_the_bus = {name: found[name] for name in _config.OF_THE_BUS if name in found}
    bus = VerificationEventBus(of_the_bus.pop("capacity", 1000), **of_the_bus)
    if not found.get("disabled", False):
        try:
            _register(bus, found)
        except BaseException:
            bus.close(0)
            raise
    before, _default = _default, bus
    if before is not None:
        before.close()
    return bus


def _register(bus: VerificationEventBus, found: dict[str, Any]) -> None:
    address = found.get("collector")
    if address:
        options = {name: found[name] for name in _config.OF_THE_ADDRESS if name in found}
        spool = _config.folder(found.get("spool", True), "veribus-spool")
        bus.register_handler(Forwarder(address, spool=spool, **options))
    trail = _config.folder(found.get("audit", not address), "veribus-audit/audit.log")
    if trail is not None:
        bus.register_handler(_audit_logger(trail))


def _audit_logger(path: Path) -> AuditLogger:
    try:
        return AuditLogger(path)
    except AuditError as error:
        if error.code != "AUD_LOCKED":
            raise
        return AuditLogger(path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}"))


def get_bus() -> VerificationEventBus:
    """The bus of this process; `init` with every default if nobody called it."""
    return _default if _default is not None else init()


def publish(event: VerificationEvent) -> Receipt:
    """Publishes on the bus of this process."""
    return get_bus().publish(event)


def record(action: str, **fields: Unpack[VerifyFields]) -> Receipt:
    """Builds an event and publishes it, in one call, on the bus of this process.

    >>> bus = init(service="orders")
    >>> bool(record("login", outcome="failure", actor="alice", source_ip="203.0.113.9"))
    True
    >>> bool(record("orders.read", kind="authorization", outcome="success", permission="orders:read"))
    True
    """
    return get_bus().record(action, **fields)


def verify(action: str, **fields: Unpack[VerifyFields]) -> Verification:
    """A verification on the bus of this process, as a context manager."""
    return get_bus().verify(action, **fields)


def verified(action: str, **fields: Unpack[VerifyFields]) -> Callable[[_Function], _Function]:
    """A decorator for sync and async functions: each call is one verification on the bus of this process."""
    return _verified(get_bus, action, fields)
