"""Where each setting comes from: the argument, else the environment, else a TOML file, else a default."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from .errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

OF_THE_BUS = ("service", "instance", "host", "environment", "network", "capacity", "redact")
"""What the bus itself takes."""

OF_THE_ADDRESS = (
    "token", "token_file", "user", "password", "password_file", "creds_file", "nkey_file", "ca_file", "cert_file",
    "key_file", "stream", "answer_timeout", "in_flight_max",
)  # fmt: skip
"""What the way to the collector takes."""

KNOWN = (*OF_THE_BUS, "audit", "collector", "collector_file", "spool", "disabled", *OF_THE_ADDRESS)

_ALSO = {
    "VERIBUS_URL": "collector",
    "VERIBUS_ENV": "environment",
    "VERIBUS_SPOOL_DIR": "spool",
    "OTEL_SERVICE_NAME": "service",
}
"""Other names in the environment; the name `VERIBUS_` + setting wins."""

_OFF = ("0", "false", "off", "no", "")


def merged(given: dict[str, Any], config: str | os.PathLike[str] | None) -> dict[str, Any]:
    """Every setting that somebody gave, from the strongest source."""
    path = config or os.environ.get("VERIBUS_CONFIG")
    found: dict[str, Any] = {}
    arguments = {name: value for name, value in given.items() if value is not None}
    for source in (_from_file(path) if path else {}, _from_environment(), arguments):
        if "collector" in source or source.get("collector_file"):
            # Either way of naming a collector displaces both of a weaker source.
            found.pop("collector", None)
            found.pop("collector_file", None)
        found.update(source)
    for switch in ("audit", "spool", "disabled"):
        if isinstance(text := found.get(switch), str) and text.lower() in _OFF:
            found[switch] = False
    if "capacity" in found:
        found["capacity"] = _whole("capacity", found["capacity"])
    if (file := found.pop("collector_file", None)) and "collector" not in found:
        found["collector"] = _read(file, "collector_file").strip()
    return found


def _from_environment() -> dict[str, Any]:
    found: dict[str, Any] = {name: os.environ[variable] for variable, name in _ALSO.items() if variable in os.environ}
    for name in KNOWN:
        if (text := os.environ.get(f"VERIBUS_{name.upper()}")) is not None:
            found[name] = text.split(",") if name == "redact" else text
    return found


def _from_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    text = _read(path, "config")
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
        raise ConfigError(f"`{os.fspath(path)}` is not TOML: {error}", "CFG_FILE") from error
    for name in found:
        if name not in KNOWN:
            raise ConfigError(f"`{os.fspath(path)}` has a setting `{name}`: {_instead(name)}", "CFG_KEY_UNKNOWN")
    return found


def _instead(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, KNOWN, 1)
    return f"did you mean `{near[0]}`?" if near else f"known are {', '.join(KNOWN)}"


def _read(path: str | os.PathLike[str], setting: str) -> str:
    from pathlib import Path

    try:
        return Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"`{setting}`: cannot read `{os.fspath(path)}`: {error.strerror}", "CFG_FILE") from error


def _whole(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ConfigError(f"`{name}` is `{value}`; use a whole number", "CFG_VALUE_RANGE") from None


def folder(value: Any, default: str) -> Path | None:
    """The path that a setting names; its default where it only says yes, `None` where it says no."""
    from pathlib import Path

    if value is False:
        return None
    return Path(default) if value is True else Path(value)
