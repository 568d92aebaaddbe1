"""`veribus.init`: arguments, else the environment, else a file; then one bus for the process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ._veribus import AuditLogger, Receipt, Verification, VerificationEvent
from .bus import VerificationEventBus, _verified  # pyright: ignore[reportPrivateUsage]
from .errors import AuditError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Unpack

    from ._fields import VerifyFields

__all__ = ["get_bus", "init", "publish", "verified", "verify"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_KEYS = {"service", "instance", "host", "environment", "network", "capacity", "audit", "redact"}

_default: VerificationEventBus | None = None


def init(
    service: str | None = None,
    *,
    instance: str | None = None,
    host: str | None = None,
    environment: str | None = None,
    network: str | None = None,
    capacity: int | None = None,
    audit: str | os.PathLike[str] | bool | None = None,
    redact: list[str] | None = None,
    config: str | os.PathLike[str] | None = None,
) -> VerificationEventBus:
    """Makes the bus of this process and returns it; `veribus.publish`, `verify` and `verified` then use it.

    Each setting comes from its argument, else from the environment (`VERIBUS_SERVICE`, `VERIBUS_AUDIT` …), else from
    the TOML file `config` (or `VERIBUS_CONFIG`). Where nothing says where events go, they go into an audit trail in
    `./veribus-audit`; `audit=False` leaves that out. Called again, it closes the bus it made before.

    Raises `ConfigError` for a setting that cannot be used; an audit trail that another process writes is no reason
    not to start: this process gets one beside it.
    """
    global _default
    from pathlib import Path

    given: dict[str, Any] = {
        "service": service, "instance": instance, "host": host, "environment": environment, "network": network,
        "capacity": capacity, "audit": audit, "redact": redact,
    }
    found = _merged({name: value for name, value in given.items() if value is not None}, config)
    trail = found.pop("audit", True)
    found.setdefault("service", Path(sys.argv[0] or "python").stem or "python")
    found["capacity"] = _number("capacity", found.get("capacity", 1000))
    bus = VerificationEventBus(found.pop("capacity"), **found)
    if trail is not False:
        bus.register_handler(_audit_logger(Path("veribus-audit/audit.log") if trail is True else Path(trail)))
    before, _default = _default, bus
    if before is not None:
        before.close()
    return bus


def _merged(given: dict[str, Any], config: str | os.PathLike[str] | None) -> dict[str, Any]:
    from pathlib import Path

    path = config or os.environ.get("VERIBUS_CONFIG")
    found = _from_file(Path(path)) if path else {}
    for name in _KEYS:
        if (text := os.environ.get(f"VERIBUS_{name.upper()}")) is not None:
            found[name] = text.split(",") if name == "redact" else text
    found.update(given)
    if found.get("audit") in ("0", "false", "off", ""):
        found["audit"] = False
    return found


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read `{path}`: {error.strerror}", "CFG_FILE") from error
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError as error:
            raise ConfigError("a settings file needs Python 3.11, or the package `tomli`", "CFG_FILE") from error
    try:
        found: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"`{path}` is not TOML: {error}", "CFG_FILE") from error
    unknown = sorted(set(found) - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise ConfigError(f"`{path}` has unknown settings: {', '.join(unknown)}; known are {known}", "CFG_KEY_UNKNOWN")
    return found


def _number(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ConfigError(f"`{name}` is `{value}`; use a whole number", "CFG_VALUE_RANGE") from None


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


def verify(action: str, **fields: Unpack[VerifyFields]) -> Verification:
    """A verification on the bus of this process, as a context manager."""
    return get_bus().verify(action, **fields)


def verified(action: str, **fields: Unpack[VerifyFields]) -> Callable[[_Function], _Function]:
    """A decorator for sync and async functions: each call is one verification on the bus of this process."""
    return _verified(get_bus, action, fields)
