"""Handlers in Python: batches, failures, circles, closing; and the built-in ones (FM-17, FM-18, BAD-18)."""

from __future__ import annotations

import threading

import pytest
import veribus
from conftest import eventually

LOGIN = veribus.Authentication("login", outcome="failure", actor="alice")


class Uncanny(BaseException):
    def __str__(self):
        raise RuntimeError("not even its text")


def deep():
    return deep()


@pytest.mark.parametrize("turn", range(2))
@pytest.mark.parametrize(
    "raise_it",
    [
        lambda: 1 / 0,
        lambda: (_ for _ in ()).throw(Uncanny()),
        lambda: (_ for _ in ()).throw(SystemExit(3)),
        lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
        lambda: (_ for _ in ()).throw(MemoryError()),
        deep,
    ],
)
def test_fm_17_a_handler_that_raises_is_caught_counted_and_quarantined(bus, captured, raise_it, turn):
    bus.register_handler(lambda events: raise_it(), name="bad")
    for _ in range(12):
        bus.publish(LOGIN)
        bus.flush(5)
    health = bus.health()
    bad, good = health.handler("bad"), health.handler("captured")
    assert bad.state == "quarantined"
    assert bad.failures >= 5
    assert bad.panics == bad.failures
    assert sum(bad.lost.values()) == 12
    assert good.handled == 12
    assert len(captured.events) == 12


def test_fm_17_one_bad_event_costs_itself_alone(bus):
    taken = []

    def picky(events):
        if any(event.action == "poison" for event in events):
            raise ValueError("poison")
        taken.extend(event.action for event in events)

    bus.register_handler(picky)
    for number in range(20):
        bus.publish(veribus.Security("poison" if number == 7 else f"good-{number}"))
    assert bus.flush(5)
    health = bus.health().handlers[0]
    assert (health.handled, health.lost, health.state) == (19, {"handler_failed": 1}, "running")
    assert "ValueError: poison" in health.last_error
    assert len(taken) == 19


def test_fm_17_a_handler_that_raises_while_it_goes_harms_nobody(captured, bus):
    class Goes:
        def handle(self, events):
            pass

        def close(self):
            raise RuntimeError("in close")

        def __del__(self):
            raise RuntimeError("in its destructor")

    going = bus.register_handler(Goes())
    bus.publish(LOGIN)
    assert bus.flush(5)
    assert bus.unregister_handler(going)
    bus.publish(LOGIN)
    assert bus.flush(5)
    assert len(captured.events) == 2
    assert bus.close(5).unfinished == []


def test_a_handler_may_ask_for_the_rest_again(bus):
    taken = []

    def one_at_a_time(events):
        taken.append(events[0].id)
        if len(events) > 1:
            raise veribus.Retry(done=1, why="one is enough")

    bus.register_handler(one_at_a_time)
    for _ in range(3):
        bus.publish(LOGIN)
    eventually(lambda: len(taken) == 3)
    assert len(set(taken)) == 3


@pytest.mark.parametrize("turn", range(5))
def test_fm_18_a_handler_that_answers_itself_is_cut_off_at_depth_eight(bus, turn):
    depths = []

    def echo(events):
        depths.extend(event.action for event in events)
        for event in events:
            bus.publish(veribus.Security(f"d{int(event.action[1:]) + 1}"))

    bus.register_handler(echo)
    bus.publish(veribus.Security("d0"))
    eventually(lambda: bus.health().dropped.get("loop_limit") == 1)
    assert depths == [f"d{n}" for n in range(9)]


@pytest.mark.parametrize("turn", range(5))
def test_fm_18_a_handler_of_a_full_bus_that_blocks_does_not_wait_for_itself(turn):
    with veribus.VerificationEventBus(64, block=0.02, handler_queue=1) as bus:
        answered = []

        def answers(events):
            answered.extend(bool(bus.publish(veribus.Security("answer"))) for event in events if event.action == "go")

        bus.register_handler(answers)
        for _ in range(300):
            bus.publish(veribus.Security("go"))
        assert bus.flush(10)
        health = bus.health()
        (one,) = health.handlers
        assert health.attempted == health.accepted + sum(health.dropped.values())
        assert one.accepted == one.handled + sum(one.lost.values()) + one.queued
        assert answered


@pytest.mark.parametrize("turn", range(5))
def test_fm_18_two_buses_that_answer_each_other_end(turn):
    with veribus.VerificationEventBus() as ping, veribus.VerificationEventBus() as pong:
        ping.register_handler(lambda events: [pong.publish(LOGIN) for _ in events] and None)
        pong.register_handler(lambda events: [ping.publish(LOGIN) for _ in events] and None)
        ping.publish(LOGIN)
        eventually(lambda: bool(ping.health().dropped or pong.health().dropped))


@pytest.mark.parametrize("turn", range(5))
def test_fm_18_a_handler_may_register_unregister_flush_and_ask(bus, captured, turn):
    done = threading.Event()
    own = []

    def busy(events):
        bus.register_handler(lambda events: None, name="late")
        assert bus.health().handler("busy").state == "running"
        assert not bus.flush(0)
        bus.unregister_handler(own[0])
        done.set()

    own.append(bus.register_handler(busy, name="busy"))
    bus.publish(LOGIN)
    assert done.wait(10)
    eventually(lambda: [handler.name for handler in bus.health().handlers] == ["captured", "late"])


def test_a_handler_is_told_what_it_asked_for(bus):
    severe, logins = [], []
    bus.register_handler(severe.extend, name="severe", at_least="high")
    bus.register_handler(logins.extend, name="logins", kinds=["authentication"])
    bus.publish(LOGIN)
    bus.publish(veribus.Security("scan", severity="critical"))
    assert bus.flush(5)
    assert [event.action for event in severe] == ["scan"]
    assert [event.action for event in logins] == ["login"]
    assert bus.health().handler("severe").filtered == 1


def test_an_object_is_flushed_and_closed(bus):
    calls = []

    class Writer:
        name = "writer"

        def handle(self, events):
            calls.append(len(events))

        def flush(self):
            calls.append("flush")

        def close(self):
            calls.append("close")

    bus.register_handler(Writer())
    bus.publish(LOGIN)
    assert bus.flush(5)
    assert calls == [1, "flush"]
    bus.close()
    assert calls[-1] == "close"


def test_a_handler_that_hangs_holds_up_neither_its_neighbour_nor_close(bus, captured):
    release = threading.Event()
    bus.register_handler(lambda events: release.wait(30) and None, name="hangs")
    bus.publish(LOGIN)
    eventually(lambda: len(captured.events) == 1)
    report = bus.close(0.2)
    assert report.unfinished == ["hangs"]
    release.set()


def test_bad_18_what_is_no_handler_is_refused(bus):
    def handler_code(*arguments, **keywords):
        with pytest.raises(veribus.HandlerError) as raised:
            bus.register_handler(*arguments, **keywords)
        return raised.value.code

    async def slow(events):
        pass

    class Slow:
        async def handle(self, events):
            pass

    class NoInstance:
        def handle(self, events):
            pass

    assert handler_code(42) == "HND_NOT_CALLABLE"
    assert handler_code(object()) == "HND_NOT_CALLABLE"
    assert handler_code(NoInstance) == "HND_NOT_CALLABLE"
    assert handler_code(slow) == "HND_ASYNC_MISMATCH"
    assert handler_code(Slow()) == "HND_ASYNC_MISMATCH"
    bus.register_handler(print, name="mine")
    assert handler_code(print, name="mine") == "HND_NAME_TAKEN"
    metrics = veribus.MetricsCollector()
    bus.register_handler(metrics)
    assert handler_code(metrics) == "HND_ALREADY_REGISTERED"


def test_the_audit_trail_is_locked_verified_and_notices_a_change(bus, tmp_path):
    path = tmp_path / "audit.log"
    logger = veribus.AuditLogger(path, sync="batch")
    with pytest.raises(veribus.AuditError) as raised:
        veribus.AuditLogger(path)
    assert raised.value.code == "AUD_LOCKED"
    bus.register_handler(logger)
    bus.publish(LOGIN)
    assert bus.flush(5)
    assert logger.status()["events"] == 1
    bus.close()
    assert veribus.audit_verify(path)["spotless"]
    path.write_text(path.read_text().replace("alice", "mallo"))
    assert not veribus.audit_verify(path)["intact"]
    with pytest.raises(veribus.AuditError):
        veribus.audit_verify(tmp_path / "nothing.log")


def test_metrics_are_prometheus_text(bus):
    metrics = veribus.MetricsCollector()
    bus.register_handler(metrics)
    bus.publish(LOGIN)
    assert bus.flush(5)
    text = metrics.render(bus)
    assert 'veribus_events_total{category="authentication",outcome="failure",type="login"} 1' in text
    assert "veribus_events_accepted_total 1" in text


def test_alerts_come_once_and_a_sink_that_fails_is_asked_again(bus):
    alerts = []

    def flaky(alert):
        alerts.append(alert)
        if len(alerts) == 1:
            raise ConnectionError("not now")

    handler = veribus.AlertHandler(
        veribus.AlertRule.failures("brute-force", events=5, within=600, severity="high"),
        veribus.AlertRule("takeover", action="takeover", at_least="critical"),
        sink=flaky,
    )
    bus.register_handler(handler)
    for _ in range(12):
        bus.publish(LOGIN)
    eventually(lambda: handler.counts()["delivered"] == 1)
    assert [alert.rule for alert in alerts] == ["brute-force", "brute-force"]
    assert (alerts[0].entity, alerts[0].events, alerts[0].severity) == ("alice", 5, "high")
    assert "ALERT high brute-force" in str(alerts[0])
    assert type(alerts[0].event) is veribus.Authentication
