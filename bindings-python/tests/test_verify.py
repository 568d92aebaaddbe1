"""Verifications: every way in which a check can end."""

from __future__ import annotations

import asyncio

import pytest
import veribus


def ended(bus, captured):
    assert bus.flush(5)
    event = captured.events[-1]
    return event.outcome, event.reason


def test_leaving_normally_is_a_success_with_its_duration(bus, captured):
    with bus.verify("api_key", actor="ci-bot", method="api_key", attributes={"tenant.id": "t"}) as v:
        v["attempt"] = 2
    assert ended(bus, captured) == ("success", None)
    (event,) = captured.events
    assert (event.actor, event.method) == ("ci-bot", "api_key")
    assert event.attributes == {"tenant.id": "t", "attempt": 2}
    assert 0 < event.duration < 1


def test_what_was_said_wins(bus, captured):
    with bus.verify("api_key") as v:
        assert v.outcome == "unknown"
        v.fail("unknown_key")
    assert v.outcome == "failure"
    with bus.verify("api_key", actor="alice") as passed:
        pass
    assert passed.outcome == "success"
    with bus.verify("api_key") as v:
        v.fail("unknown_key")
    assert ended(bus, captured) == ("failure", "unknown_key")
    with bus.verify("api_key") as v:
        v.unknown("backend_down")
    assert ended(bus, captured) == ("unknown", "backend_down")
    with pytest.raises(KeyError), bus.verify("api_key") as v:
        v.succeed()
        raise KeyError("something else")
    assert ended(bus, captured) == ("success", None)


def test_an_exception_is_a_failure_and_passes_through(bus, captured):
    with pytest.raises(ValueError, match="bad token"), bus.verify("jwt"):
        raise ValueError("bad token")
    assert ended(bus, captured) == ("failure", "ValueError")
    assert captured.events[-1].attributes == {"exception.message": "bad token"}


def test_an_exception_whose_text_raises_is_still_only_a_failure(bus, captured):
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError("no text for you")

    with pytest.raises(Hostile), bus.verify("jwt"):
        raise Hostile
    assert ended(bus, captured) == ("failure", "Hostile")


@pytest.mark.parametrize(("error", "reason"), [(KeyboardInterrupt, "KeyboardInterrupt"), (SystemExit, "SystemExit")])
def test_leaving_the_program_says_nothing_of_the_check(bus, captured, error, reason):
    with pytest.raises(error), bus.verify("jwt"):
        raise error
    assert ended(bus, captured) == ("unknown", reason)


def test_a_cancelled_check_is_unknown(bus, captured):
    @bus.verified("slow")
    async def check():
        await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(check())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended(bus, captured) == ("unknown", "cancelled")


def test_another_family_has_its_own_fields(bus, captured):
    with bus.verify("check", kind="authorization", permission="orders:write") as v:
        v.set(policy="p1", target="orders/17")
    assert bus.flush(5)
    (event,) = captured.events
    assert type(event) is veribus.Authorization
    assert (event.permission, event.policy, event.target) == ("orders:write", "p1", "orders/17")
    with pytest.raises(veribus.EventError, match="authentication, authorization"):
        bus.verify("check", kind="auth")


def test_a_decorated_function_is_the_same_function(bus, captured):
    @bus.verified("jwt.signature", method="jwt")
    def decode(token: str) -> int:
        """Reads it."""
        return int(token)

    @bus.verified("jwt.signature")
    async def decode_async(token: str) -> int:
        return int(token)

    assert decode("7") == 7
    assert decode.__doc__ == "Reads it."
    assert asyncio.run(decode_async("8")) == 8
    with pytest.raises(ValueError):
        decode("x")
    assert bus.flush(5)
    assert [event.outcome for event in captured.events] == ["success", "success", "failure"]
    with pytest.raises(TypeError, match="generator"):

        @bus.verified("x")
        def generate():
            yield 1


def test_a_check_does_not_end_differently_for_a_closed_bus(bus):
    bus.close()
    with bus.verify("jwt"):
        answer = 7
    assert answer == 7
    assert bus.health().dropped == {"closed": 1}


def test_a_verification_is_recorded_once(bus, captured):
    verification = bus.verify("jwt")
    for _ in range(2):
        with verification:
            pass
    assert bus.flush(5)
    assert len(captured.events) == 1
