"""The bus: receipts, confirmation, health, deadlines, close."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import weakref

import pytest
import veribus
from conftest import eventually

LOGIN = veribus.Authentication("login", outcome="failure", actor="alice", source_ip="203.0.113.9")


def test_the_three_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bus = veribus.init(service="orders")
    with bus.verify("api_key", actor="ci-bot") as v:
        v.fail("unknown_key")

    @veribus.verified("jwt.signature")
    def decode(token):
        return int(token)

    assert decode("42") == 42
    assert bus.publish(LOGIN)
    receipt = bus.publish_confirmed(LOGIN, timeout=5)
    assert receipt
    assert receipt.id is not None
    bus.close()
    report = veribus.audit_verify("veribus-audit/audit.log")
    assert report["spotless"]
    assert report["events"] == 4


@pytest.fixture
def nothing_set(tmp_path, monkeypatch):
    """No setting of veribus in the environment, and a folder of its own."""
    for name in [name for name in os.environ if name.startswith(("VERIBUS_", "OTEL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def names(bus):
    return [handler.name for handler in bus.health().handlers]


def test_the_environments_file_of_a_collector_wins_over_the_collector_of_a_settings_file(nothing_set, tmp_path):
    from veribus._config import merged

    (tmp_path / "veribus.toml").write_text('collector = "http://file:9"\n')
    (tmp_path / "url").write_text("http://environment:9\n")

    def collector(**given):
        return merged(given, "veribus.toml")["collector"]

    assert collector() == "http://file:9"
    nothing_set.setenv("VERIBUS_COLLECTOR_FILE", "url")
    assert collector() == "http://environment:9"
    assert collector(collector="http://argument:9") == "http://argument:9"
    nothing_set.setenv("VERIBUS_COLLECTOR_FILE", "missing")
    assert collector(collector="http://argument:9") == "http://argument:9"
    nothing_set.setenv("VERIBUS_COLLECTOR", "http://same:9")
    assert collector() == "http://same:9"
    assert collector(collector_file="url") == "http://environment:9"


def test_init_takes_a_collector_from_arguments_environment_and_file(nothing_set, tmp_path):
    with veribus.init("orders", collector="http://127.0.0.1:9") as bus:
        assert (names(bus), bus.service) == (["forward"], "orders")
    assert (tmp_path / "veribus-spool").is_dir()
    assert not (tmp_path / "veribus-audit").exists()

    (tmp_path / "token").write_text("secret")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "url").write_text("http://127.0.0.1:9\n")
    for variable, value in {
        "VERIBUS_COLLECTOR_FILE": "url", "VERIBUS_TOKEN_FILE": "token", "VERIBUS_SPOOL_DIR": "elsewhere",
        "OTEL_SERVICE_NAME": "shop", "VERIBUS_AUDIT": "trail.log", "VERIBUS_CAPACITY": "2000",
    }.items():
        nothing_set.setenv(variable, value)
    with veribus.init() as bus:
        assert (names(bus), bus.service) == (["forward", "audit"], "shop")
    assert (tmp_path / "elsewhere").is_dir()
    assert (tmp_path / "trail.log").exists()
    nothing_set.setenv("VERIBUS_SERVICE", "wins")
    nothing_set.setenv("VERIBUS_DISABLED", "1")
    with veribus.init() as bus:
        assert (names(bus), bus.service) == ([], "wins")
    nothing_set.setenv("VERIBUS_DISABLED", "0")
    nothing_set.setenv("VERIBUS_TOKEN_FILE", "missing")
    with pytest.raises(veribus.ConfigError, match="missing"):
        veribus.init()
    with veribus.init(collector="http://127.0.0.1:9", token_file="token", spool=False, audit=False, service="mine") as bus:
        assert (names(bus), bus.service) == (["forward"], "mine")
        with pytest.raises(veribus.NoDurableHandlerError):
            bus.publish_confirmed(LOGIN)


def test_init_reads_a_file_and_knows_no_other_words(nothing_set, tmp_path):
    pytest.importorskip("tomllib", reason="skip: this Python has no tomllib")
    config = tmp_path / "veribus.toml"
    config.write_text('service = "orders"\ncollector = "http://127.0.0.1:9"\nspool = "s"\nclose = 1\n')
    with pytest.raises(veribus.ConfigError, match="a setting `close`"):
        veribus.init(config=config)
    config.write_text('service = "orders"\ncolector = "http://127.0.0.1:9"\n')
    with pytest.raises(veribus.ConfigError, match="did you mean `collector`"):
        veribus.init(config=config)
    config.write_text('service = "orders"\ncollector = "http://127.0.0.1:9"\nspool = "s"\n')
    nothing_set.setenv("VERIBUS_CONFIG", str(config))
    with veribus.init() as bus:
        assert (names(bus), bus.service) == (["forward"], "orders")
    nothing_set.setenv("VERIBUS_COLLECTOR", "http://192.0.2.1")
    with pytest.raises(veribus.ConfigError, match="https://"):
        veribus.init()
    nothing_set.setenv("VERIBUS_CAPACITY", "many")
    with pytest.raises(veribus.ConfigError, match="whole number"):
        veribus.init()


def test_a_receipt_says_what_became_of_the_event(bus):
    receipt = bus.publish(LOGIN)
    assert receipt
    assert (receipt.status, receipt.reason) == ("accepted", None)
    assert repr(receipt) == f"<Receipt accepted {receipt.id}>"
    bus.close()
    refused = bus.publish(LOGIN)
    assert not refused
    assert (refused.status, refused.reason) == ("dropped", "closed")
    assert bus.health().dropped == {"closed": 1}


def test_what_does_not_fit_is_dropped_and_counted():
    with veribus.VerificationEventBus(64, handler_queue=64) as bus:
        hold = threading.Event()
        bus.register_handler(lambda events: hold.wait(20) and None)
        receipts = [bus.publish(LOGIN) for _ in range(20_000)]
        bus.flush(0.2)
        health = bus.health()
        assert health.attempted == 20_000 == health.accepted + sum(health.dropped.values())
        assert sum(1 for receipt in receipts if not receipt) == sum(health.dropped.values())
        (slow,) = health.handlers
        assert slow.accepted == slow.handled + sum(slow.lost.values()) + slow.queued
        assert slow.queued < 2000
        assert set(health.dropped) | set(slow.lost) == {"queue_full"}
        hold.set()


def test_a_bus_that_blocks_waits_for_room_and_lets_others_run():
    with veribus.VerificationEventBus(64, block=20.0, handler_queue=65536) as bus:
        seen = []
        bus.register_handler(seen.extend)
        assert all(bus.publish(LOGIN) for _ in range(5000))
        assert bus.flush(20)
        assert len(seen) == 5000


def test_publish_confirmed_means_durable_or_an_exception(bus, tmp_path):
    with pytest.raises(veribus.NoDurableHandlerError):
        bus.publish_confirmed(LOGIN)
    bus.register_handler(veribus.AuditLogger(tmp_path / "audit.log", sync="batch"))
    receipt = bus.publish_confirmed(LOGIN, timeout=10)
    assert receipt.id in (tmp_path / "audit.log").read_text()

    class Slow:
        durable = True
        release = threading.Event()

        def handle(self, events):
            self.release.wait(20)

    bus.register_handler(Slow())
    with pytest.raises(veribus.NotConfirmedError) as raised:
        bus.publish_confirmed(LOGIN, timeout=0.01)
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.code == "BUS_TIMED_OUT"
    Slow.release.set()


def test_a_durable_handler_that_fails_is_said(bus):
    class Fails:
        durable = True

        def handle(self, events):
            raise OSError("disk on fire")

    bus.register_handler(Fails())
    with pytest.raises(veribus.NotDurableError):
        bus.publish_confirmed(LOGIN, timeout=10)
    assert "disk on fire" in bus.health().handlers[0].last_error


def test_bad_16_closed_is_closed_and_says_the_same_each_time(bus, captured):
    bus.publish(LOGIN)
    report = bus.close()
    assert report == bus.close()
    assert (report.delivered, report.unfinished) == (1, [])
    with pytest.raises(veribus.NotAccepted):
        bus.publish_confirmed(LOGIN)
    assert bus.flush(0)
    assert "closed" in repr(bus)


def test_bad_16_close_inside_a_handler_does_not_wait_for_itself(bus):
    reports = []
    bus.register_handler(lambda events: reports.append(bus.close(5)))
    bus.publish(LOGIN)
    eventually(lambda: bool(reports))
    assert reports[0].closing_from_handler
    eventually(lambda: not bus.publish(LOGIN))


def test_bad_17_deadlines():
    bus = veribus.VerificationEventBus()
    for seconds in [-1, -0.001, float("nan"), -float("inf")]:
        for wait in (bus.flush, bus.close, lambda s: bus.publish_confirmed(LOGIN, s)):
            with pytest.raises(veribus.ConfigError) as raised:
                wait(seconds)
            assert raised.value.code == "CFG_VALUE_RANGE"
    began = time.monotonic()
    bus.register_handler(lambda events: time.sleep(0.2))
    bus.publish(LOGIN)
    bus.flush(0)
    assert time.monotonic() - began < 0.2
    assert bus.flush(float("inf"))
    bus.close(1e300)


def test_settings_out_of_range_are_refused():
    for capacity in [0, -1, 2**40]:
        with pytest.raises(veribus.ConfigError):
            veribus.VerificationEventBus(capacity)
    with pytest.raises(TypeError):
        veribus.VerificationEventBus(1000, colour="red")


def test_two_threads_at_once_lose_nothing(bus, captured):
    def work():
        for _ in range(500):
            while not bus.publish(LOGIN):
                time.sleep(0.001)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bus.flush(10)
    assert len({event.id for event in captured.events}) == 2000


def test_secrets_are_replaced_before_a_handler_sees_them(captured, bus):
    bus.publish(veribus.Authentication("login", reason="sent Bearer abc123.def", attributes={"password": "hunter2"}))
    assert bus.flush(5)
    assert "hunter2" not in repr(captured.events)
    assert "abc123" not in repr(captured.events)
    assert bus.health().redacted == 2


def test_nobody_keeps_a_bus_that_was_let_go():
    bus = veribus.VerificationEventBus()
    gone = weakref.ref(bus)
    bus.publish(LOGIN)
    del bus
    gc.collect()
    assert gone() is None


def test_waiting_does_not_hold_up_an_event_loop():
    async def main():
        async with veribus.VerificationEventBus() as bus:
            release = threading.Event()
            bus.register_handler(lambda events: release.wait(20) and None)
            bus.publish(LOGIN)
            waiting = asyncio.create_task(bus.aflush(20))
            await asyncio.sleep(0.01)
            assert not waiting.done()
            release.set()
            assert await waiting
            with pytest.raises(veribus.NoDurableHandlerError):
                await bus.apublish_confirmed(LOGIN)

    asyncio.run(main())
