"""Events: what goes in comes out, and what is wrong is said while it is built (BAD-01 to BAD-15)."""

from __future__ import annotations

import copy
import datetime
import ipaddress
import pickle
import time
import uuid
from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import pytest
import veribus

UTC = datetime.timezone.utc
EVERY_COMMON_FIELD: dict[str, Any] = {
    "outcome": "failure",
    "severity": "high",
    "reason": "bad_password",
    "actor": "alice",
    "source_ip": "203.0.113.9",
    "source_port": 4711,
    "source_host": "laptop",
    "target": "orders/17",
    "target_kind": "order",
    "trace": veribus.TraceContext.parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    "duration": 0.25,
    "time": datetime.datetime(2026, 11, 21, 10, 0, 0, 500, tzinfo=UTC),
    "attributes": {"text": "ü", "yes": True, "n": -1, "big": 2**64 - 1, "f": 0.5, "raw": b"\0\xff", "l": [1, {"m": "x"}]},
}
FAMILIES: list[tuple[type[veribus.VerificationEvent], dict[str, Any]]] = [
    (veribus.Authentication, {"method": "password", "credential": "key-7"}),
    (veribus.Authorization, {"permission": "orders:write", "policy": "p1"}),
    (veribus.Configuration, {"setting": "mfa", "old_value": "on", "new_value": "off"}),
    (veribus.Performance, {"value": 0.25, "unit": "seconds", "count": 7, "errors": 2**64 - 1}),
    (veribus.Security, {"technique": "T1110.001", "rule": "r", "score": 100}),
]


def code(build: Any) -> str:
    with pytest.raises(veribus.EventError) as raised:
        build()
    return raised.value.code


@pytest.mark.parametrize(("family", "own"), FAMILIES)
def test_every_field_comes_out_as_it_went_in(bus, captured, family, own):
    event = family("checked", **EVERY_COMMON_FIELD, **own)
    given = {"action": "checked", **EVERY_COMMON_FIELD, **own}
    assert event.to_dict() == given
    assert bus.publish(event)
    assert bus.flush(5)
    (found,) = captured.events
    assert type(found) is family
    assert found.to_dict() == given
    assert found.id is not None
    assert len(found.id) == 32


def test_an_event_is_a_value():
    event = veribus.Authentication("login", actor="alice", attributes={"a": [1]})
    same = veribus.Authentication("login", actor="alice", attributes={"a": [1]})
    assert event == same
    assert hash(event) == hash(same)
    assert event != veribus.Authentication("login", actor="bob", attributes={"a": [1]})
    assert event != veribus.Authorization("login", actor="alice", attributes={"a": [1]})
    assert pickle.loads(pickle.dumps(event)) == event == copy.deepcopy(event)
    assert event.replace(actor="bob").actor == "bob"
    assert event.replace(actor=None, attributes=None).to_dict() == {"action": "login"}
    assert event.actor == "alice"
    with pytest.raises(AttributeError):
        event.actor = "mallory"


def test_the_repr_is_the_call_that_makes_it():
    event = veribus.Security("scan\u002d1", severity="high", source_ip="203.0.113.9", attributes={"x": "\x1b[31m"})
    text = repr(event)
    assert text == "Security('scan-1', severity='high', source_ip='203.0.113.9', attributes={'x': '\\x1b[31m'})"
    assert eval(text, {"Security": veribus.Security}) == event


def test_the_bus_gives_the_time_unless_the_event_has_one(bus, captured):
    event = veribus.Authentication("login")
    assert event.time is None
    before = time.time_ns()
    bus.publish(event)
    bus.publish(event.replace(time="2026-11-21T10:00:00+01:00"))
    assert bus.flush(5)
    assert before <= captured.events[0].time_ns + 1_000_000 <= time.time_ns() + 50_000_000
    assert captured.events[1].time == datetime.datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_what_is_put_into_attributes_is_copied():
    inner = [1]
    given = {"l": inner}
    event = veribus.Security("x", attributes=given)
    inner.append(2)
    given["more"] = 3
    assert event.attributes == {"l": [1]}
    event.attributes["changed"] = True
    assert event.attributes == {"l": [1]}


def test_what_the_standard_library_has_a_text_for_is_taken_as_that_text():
    event = veribus.Security(
        "x",
        source_ip=ipaddress.ip_address("2001:db8::1"),
        duration=datetime.timedelta(milliseconds=1, microseconds=5),
        attributes=MappingProxyType(
            {
                "id": uuid.UUID(int=7),
                "day": datetime.date(2026, 11, 21),
                "net": ipaddress.ip_network("10.0.0.0/8"),
                "inner": OrderedDict(a=(1, 2)),
                "buffer": bytearray(b"x"),
            }
        ),
    )
    assert event.source_ip == "2001:db8::1"
    assert event.duration_ns == 1_005_000
    assert event.attributes == {
        "id": "00000000-0000-0000-0000-000000000007",
        "day": "2026-11-21",
        "net": "10.0.0.0/8",
        "inner": {"a": [1, 2]},
        "buffer": b"x",
    }


def test_bad_01_and_02_names():
    assert code(lambda: veribus.Authentication("")) == "EVT_TYPE_EMPTY"
    for name in ["log in", "a/b", "LOGIN", ".login", "a" * 300, "\x1b[31m"]:
        assert code(lambda: veribus.Authentication(name)) == "EVT_TYPE_INVALID"


def test_bad_03_a_severity_is_answered_with_the_nearest():
    with pytest.raises(veribus.EventError, match="did you mean `high`"):
        veribus.Security("x", severity="hgih")
    for severity in [7, 0, -1, 10**50, "HIGH"]:
        assert code(lambda: veribus.Security("x", severity=severity)) == "EVT_SEVERITY_INVALID"
    assert veribus.Security("x", severity=4).severity == "high"
    assert code(lambda: veribus.Security("x", outcome="failed")) == "EVT_OUTCOME_INVALID"


def test_bad_04_numbers_are_finite():
    for number in [float("nan"), float("inf"), -float("inf")]:
        assert code(lambda: veribus.Performance("x", value=number)) == "EVT_NUMBER_NOT_FINITE"
        assert code(lambda: veribus.Security("x", attributes={"n": number})) == "EVT_NUMBER_NOT_FINITE"
        assert code(lambda: veribus.Security("x", duration=number)) == "EVT_NUMBER_NOT_FINITE"
    assert str(veribus.Performance("x", value=-0.0).value) == "0.0"
    assert str(veribus.Security("x", attributes={"n": -0.0}).attributes["n"]) == "0.0"


def test_bad_05_integers_have_a_range_and_no_slow_conversion():
    huge = 10**10_000
    began = time.perf_counter()
    for number in [2**64, -(2**63) - 1, huge, -huge]:
        assert code(lambda: veribus.Security("x", attributes={"n": number})) == "EVT_NUMBER_RANGE"
    for number in [-1, huge]:
        assert code(lambda: veribus.Performance("x", count=number)) == "EVT_NUMBER_RANGE"
    assert code(lambda: veribus.Security("x", score=101)) == "EVT_NUMBER_RANGE"
    assert code(lambda: veribus.Security("x", source_port=65536)) == "EVT_NUMBER_RANGE"
    assert code(lambda: veribus.Security("x", duration=-1)) == "EVT_NUMBER_RANGE"
    assert time.perf_counter() - began < 0.05


def test_bad_06_text_is_unicode_and_the_first_bad_byte_is_named():
    with pytest.raises(veribus.EventError, match="byte 3") as raised:
        veribus.Authentication("login", actor="aü\ud800")
    assert raised.value.code == "EVT_TEXT_INVALID"
    assert code(lambda: veribus.Security("x", attributes={"a\udfff": 1})) == "EVT_TEXT_INVALID"


def test_bad_07_an_event_has_a_size():
    assert code(lambda: veribus.Security("x", reason="x" * (256 * 1024 + 1))) == "EVT_TEXT_TOO_LONG"
    large = {f"a{i}": "x" * (256 * 1024) for i in range(5)}
    assert code(lambda: veribus.Security("x", attributes=large)) == "EVT_TOO_LARGE"


def test_bad_08_and_09_depth_and_cycles():
    deep: Any = 1
    for _ in range(33):
        deep = [deep]
    assert code(lambda: veribus.Security("x", attributes={"d": deep})) == "EVT_TOO_DEEP"
    for circle in ({}, []):
        if isinstance(circle, dict):
            circle["me"] = circle
        else:
            circle.append([circle])
        assert code(lambda: veribus.Security("x", attributes={"c": circle})) == "EVT_CYCLE"
    itself: dict[str, Any] = {}
    itself["me"] = itself
    assert code(lambda: veribus.Security("x", attributes=itself)) == "EVT_CYCLE"
    wide: Any = [1]
    for _ in range(25):
        wide = [wide, wide]
    assert code(lambda: veribus.Security("x", attributes={"w": wide})) == "EVT_TOO_MANY_FIELDS"


def test_bad_10_what_is_no_data_is_refused_with_path_and_type():
    for value in [print, object(), object, lambda: 1, {1, 2}, None, 1j, range(3)]:
        with pytest.raises(veribus.EventError, match=r"attributes\.a\[1\]") as raised:
            veribus.Security("x", attributes={"a": [1, value]})
        assert raised.value.code == "EVT_TYPE_UNSUPPORTED"
    assert code(lambda: veribus.Security("x", actor=b"alice")) == "EVT_TYPE_UNSUPPORTED"
    assert code(lambda: veribus.Security("x", attributes={1: 1})) == "EVT_TYPE_UNSUPPORTED"
    assert code(lambda: veribus.Security("x", attributes=[1])) == "EVT_TYPE_UNSUPPORTED"


def test_bad_11_a_conversion_that_raises_or_changes_things_publishes_nothing(bus):
    class Raises(dict[str, Any]):
        pass

    class Hostile:
        def keys(self):
            return ["a"]

        def __getitem__(self, name):
            raise RuntimeError("boom")

        def __len__(self):
            return 1

        def __iter__(self):
            return iter(["a"])

        def items(self):
            raise RuntimeError("boom")

    from collections.abc import Mapping

    Mapping.register(Hostile)
    with pytest.raises(veribus.EventError, match="boom") as raised:
        veribus.Security("x", attributes={"h": Hostile()})
    assert raised.value.code == "EVT_CONVERSION_FAILED"
    assert isinstance(raised.value.__cause__, RuntimeError)

    growing: dict[str, Any] = {}

    class Grows(Mapping[str, Any]):
        def __getitem__(self, name):
            growing[str(len(growing))] = 1
            return 1

        def __iter__(self):
            return iter("ab")

        def __len__(self):
            return 2

    growing["g"] = Grows()
    assert veribus.Security("x", attributes=growing).attributes == {"g": {"a": 1, "b": 1}}
    assert bus.health().attempted == 0


def test_bad_12_and_13_how_many_and_which_attributes():
    many = {f"a{i}": i for i in range(65)}
    assert code(lambda: veribus.Security("x", attributes=many)) == "EVT_TOO_MANY_FIELDS"
    assert code(lambda: veribus.Security("x", attributes={"l": [1] * 600})) == "EVT_TOO_MANY_FIELDS"
    for name in ["seq", "tenant", "producer", "_veribus_x", "__proto__"]:
        assert code(lambda: veribus.Security("x", attributes={name: 1})) == "EVT_FIELD_RESERVED"

    class Same(str):
        """Equal to nothing but itself, and yet the same text."""

        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            return self is other

    assert code(lambda: veribus.Security("x", attributes={Same("a"): 1, Same("a"): 2})) == "EVT_FIELD_DUPLICATE"
    for name in ["", "a\nb", "a" * 129]:
        assert code(lambda: veribus.Security("x", attributes={name: 1})) == "EVT_FIELD_INVALID"


def test_bad_14_times():
    for when in ["yesterday", "1600-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "2026-11-21T10:00:00", datetime.datetime(2026, 1, 1)]:
        assert code(lambda: veribus.Security("x", time=when)) == "EVT_TIME_INVALID"
    tomorrow = datetime.datetime.now(UTC) + datetime.timedelta(days=1)
    assert veribus.Security("x", time=tomorrow).time == tomorrow


def test_bad_15_traces():
    for header in ["", "00-00", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "ü" * 55]:
        with pytest.raises(veribus.TraceError):
            veribus.Security("x", trace=header)
        with pytest.raises(veribus.TraceError):
            veribus.TraceContext.parse(header)


def test_an_unknown_field_is_named(bus):
    for make in (veribus.Authentication, veribus.Authentication("login").replace, bus.verify, bus.record):
        arguments = () if make.__name__ == "replace" else ("login",)
        with pytest.raises(TypeError, match="permission"):
            make(*arguments, permission="x")
        with pytest.raises(TypeError, match="usre"):
            make(*arguments, usre="alice")
        with pytest.raises(TypeError, match="usre"):
            make(*arguments, usre=None)
    with pytest.raises(TypeError, match="it has .*attributes"):
        bus.verify("login", permission="x")


@pytest.mark.parametrize(("family", "own"), FAMILIES)
def test_one_call_records_what_the_class_and_publish_do(bus, captured, family, own):
    fields = {**EVERY_COMMON_FIELD, **own}
    kind = family.__name__.lower()
    assert bus.record("checked", kind=kind, **fields)
    assert bus.record("bare", kind=kind)
    assert bus.publish(family("checked", **fields))
    assert bus.publish(family("bare"))
    assert bus.flush(5)
    recorded, bare, published, bare_published = captured.events
    assert type(recorded) is family
    assert recorded.to_dict() == published.to_dict() == {"action": "checked", **fields}
    assert bare.severity == bare_published.severity
    assert (bare.outcome, bare.attributes) == ("unknown", {})


def test_half_of_a_measurement_is_kept_too(bus, captured):
    bus.record("x", kind="performance", value=0.5)
    bus.record("x", kind="performance", unit="seconds")
    assert bus.flush(5)
    assert [(event.value, event.unit) for event in captured.events] == [(0.5, None), (None, "seconds")]
    assert veribus.Performance("x", unit="seconds").unit == "seconds"
    assert veribus.Security("x", target_kind="order").target_kind is None


def test_what_is_wrong_in_one_call_is_raised_and_not_published(bus, captured):
    for name, wrong in {
        "EVT_TYPE_INVALID": lambda: bus.record("LOGIN"),
        "EVT_SEVERITY_INVALID": lambda: bus.record("x", severity="hgih"),
        "EVT_TYPE_UNSUPPORTED": lambda: bus.record("x", attributes={"a": {1}}),
        "EVT_TEXT_INVALID": lambda: bus.record("x", attributes={"a\udfff": 1}),
        "EVT_FIELD_RESERVED": lambda: bus.record("x", attributes={"seq": 1}),
        "EVT_NUMBER_NOT_FINITE": lambda: bus.record("x", attributes={"n": float("inf")}),
        "EVT_NUMBER_RANGE": lambda: bus.record("x", attributes={"n": 2**64}),
        "EVT_TOO_MANY_FIELDS": lambda: bus.record("x", attributes={f"a{i}": i for i in range(65)}),
        "EVT_KIND_INVALID": lambda: bus.record("x", kind="auth"),
    }.items():
        assert code(wrong) == name
    assert bus.record("x", attributes={"n": -0.0, "big": 2**64 - 1, "deep": {"l": [b"x", (1, 2)]}})
    assert bus.flush(5)
    (event,) = captured.events
    assert (str(event.attributes["n"]), event.attributes["deep"]) == ("0.0", {"l": [b"x", [1, 2]]})
