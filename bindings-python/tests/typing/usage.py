"""What users write, as type checkers see it: right lines pass, and each wrong line is an error that is expected."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import veribus
from veribus import trace


def right(bus: veribus.VerificationEventBus) -> None:
    event = veribus.Authentication("login", outcome="failure", actor="alice", source_ip="203.0.113.9", method="password")
    receipt: veribus.Receipt = bus.publish(event)
    identity: str | None = receipt.id
    again: veribus.Authentication = event.replace(actor="bob")
    duration: float | None = again.duration
    when: datetime.datetime | None = again.time
    bus.record("check", kind="authorization", outcome="success", permission="orders:write")
    with bus.verify("check", kind="authorization", permission="orders:write") as v:
        v.fail("denied")
        v["tenant.id"] = "t-42"
    with veribus.VerificationEventBus(1000, service="orders", environment="test") as other:
        other.register_handler(handler, at_least="high", kinds=["security"])
        other.register_handler(veribus.AuditLogger("audit.log", sync="batch"))
        losses: dict[str, int] = other.health().dropped
    with trace.use("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") as request:
        request.actor = "alice"
    rule = veribus.AlertRule("r", events=5, within=60.0, outcome="failure")
    bus.register_handler(veribus.AlertHandler(rule, sink=lambda alert: print(alert.entity)))
    print(identity, duration, when, losses, decode("7") + 1)


def handler(events: Sequence[veribus.VerificationEvent]) -> None:
    for event in events:
        if isinstance(event, veribus.Authentication):
            print(event.method)


@veribus.verified("jwt.signature", method="jwt")
def decode(token: str) -> int:
    return int(token)


def wrong(bus: veribus.VerificationEventBus) -> None:
    veribus.Authentication("login", outcome="failed")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    veribus.Authentication("login", permission="x")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    veribus.VerificationEventBus(colour="red")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    bus.record("login", permision="x")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    bus.publish("login")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    decode(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
