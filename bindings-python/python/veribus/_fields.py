"""The keyword arguments of events, for type checkers alone: importing this costs nothing at run time."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Mapping
from typing import TypedDict

from ._types import Kind, Outcome, Severity, Value
from ._veribus import TraceContext


class Fields(TypedDict, total=False):
    """What every event may have."""

    outcome: Outcome | None
    severity: Severity | int | None
    reason: str | None
    actor: str | None
    source_ip: str | ipaddress.IPv4Address | ipaddress.IPv6Address | None
    source_port: int | None
    source_host: str | None
    target: str | None
    target_kind: str | None
    trace: TraceContext | str | None
    duration: float | datetime.timedelta | None
    time: datetime.datetime | str | None
    attributes: Mapping[str, Value] | None


class AuthenticationFields(Fields, total=False):
    method: str | None
    credential: str | None


class AuthorizationFields(Fields, total=False):
    permission: str | None
    policy: str | None


class ConfigurationFields(Fields, total=False):
    setting: str | None
    old_value: str | None
    new_value: str | None


class PerformanceFields(Fields, total=False):
    value: float | None
    unit: str | None
    count: int | None
    errors: int | None


class SecurityFields(Fields, total=False):
    technique: str | None
    rule: str | None
    score: int | None


class AddressOptions(TypedDict, total=False):
    """Options of the way to a collector; each may also stand in the query of the address, and wins over it."""

    token: str | None
    """Bearer token (http), or NATS token."""
    token_file: str | os.PathLike[str] | None
    user: str | None
    """Of nats and redis."""
    password: str | None
    password_file: str | os.PathLike[str] | None
    creds_file: str | os.PathLike[str] | None
    """A NATS credentials file."""
    nkey_file: str | os.PathLike[str] | None
    """The seed of a NATS nkey."""
    ca_file: str | os.PathLike[str] | None
    """PEM file of the only authorities trusted; those of the web without it."""
    cert_file: str | os.PathLike[str] | None
    """Client certificate, PEM."""
    key_file: str | os.PathLike[str] | None
    stream: str | None
    """Name of the stream in NATS and Redis: `veribus`."""
    group: str | None
    answer_timeout: float | str | None
    """Seconds without an answer that break the connection: 10."""
    in_flight_max: int | None
    """Parcels sent and not answered: 1024."""


class VerifyFields(
    AuthenticationFields, AuthorizationFields, ConfigurationFields, PerformanceFields, SecurityFields, total=False
):
    """`kind` says which family; its own fields are taken then."""

    kind: Kind
