#!/usr/bin/env python3
"""What one event costs its caller, beside its peers, in one run.

    cargo xtask python                                  # makes the environment
    maturin build --release, pip install the wheel      # measure a release build
    python bindings-python/benches/compare.py

Bursts of 64 with a pause between them, so that background threads do not fall on the caller; median and 99th percentile
of the bursts' means. Not measured: what happens behind the queue. A fast bus that drops is not fast: losses are printed.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import math
import platform
import queue
import statistics
import sys
import threading
import time
from collections.abc import Callable

import veribus

BURST, ROUNDS = 64, 300
RECORD = "veribus: record (9 fields, 4 attributes)"
BUILD = "veribus: build (9 fields, 4 attributes) and publish"
PUBLISH = "veribus: publish an event that is built"
FIELDS = {
    "outcome": "failure", "severity": "medium", "reason": "bad_password", "actor": "alice", "source_ip": "203.0.113.9",
    "source_port": 4711, "target": "orders/17", "method": "password",
}
ATTRIBUTES = {"tenant.id": "t-42", "user_agent": "Mozilla/5.0 (X11; Linux)", "attempt": 3, "mfa": True}


def measure(call: Callable[[], object]) -> tuple[float, float, float]:
    """Median, the half width of its 95 % interval, and 99th percentile, in microseconds."""
    for _ in range(BURST * 4):
        call()
    means = []
    for _ in range(ROUNDS):
        time.sleep(0.001)
        began = time.perf_counter_ns()
        for _ in range(BURST):
            call()
        means.append((time.perf_counter_ns() - began) / BURST / 1000)
    means.sort()
    # The interval of a median: the ranks that a fair coin leaves, and no shape of the distribution assumed.
    reach = round(0.98 * math.sqrt(len(means)))
    middle = len(means) // 2
    half = (means[middle + reach] - means[middle - reach]) / 2
    return statistics.median(means), half, means[int(len(means) * 0.99)]


def ours(bus: veribus.VerificationEventBus) -> dict[str, Callable[[], object]]:
    ready = veribus.Authentication("login", **FIELDS, attributes=ATTRIBUTES)
    make, publish = veribus.Authentication, bus.publish

    def whole() -> None:
        publish(make("login", outcome="failure", severity="medium", reason="bad_password", actor="alice",
                     source_ip="203.0.113.9", source_port=4711, target="orders/17", method="password",
                     attributes=ATTRIBUTES))

    def record() -> None:
        bus.record("login", outcome="failure", severity="medium", reason="bad_password", actor="alice",
                   source_ip="203.0.113.9", source_port=4711, target="orders/17", method="password",
                   attributes=ATTRIBUTES)

    def plain_record() -> None:
        bus.record("login", outcome="failure", actor="alice", source_ip="203.0.113.9")

    def plain() -> None:
        publish(make("login", outcome="failure", actor="alice", source_ip="203.0.113.9"))

    def check() -> None:
        with bus.verify("jwt.signature"):
            pass

    return {
        RECORD: record,
        "veribus: record (4 fields)": plain_record,
        BUILD: whole,
        "veribus: build (4 fields) and publish": plain,
        PUBLISH: lambda: publish(ready),
        "veribus: with bus.verify(...): pass": check,
    }


def peers() -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {}
    record = {"action": "login", **FIELDS, **ATTRIBUTES}

    class Json(logging.Formatter):
        def format(self, one: logging.LogRecord) -> str:
            return json.dumps({"time": one.created, "message": one.getMessage(), **one.event})  # type: ignore[attr-defined]

    waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
    sink = logging.StreamHandler(open("/dev/null", "w"))
    sink.setFormatter(Json())
    listener = logging.handlers.QueueListener(waiting, sink)  # type: ignore[arg-type]
    listener.start()
    log = logging.getLogger("bench")
    log.propagate = False
    log.addHandler(logging.handlers.QueueHandler(waiting))  # type: ignore[arg-type]
    log.setLevel(logging.INFO)
    found["logging + QueueHandler, JSON behind it"] = lambda: log.info("login", extra={"event": dict(record)})

    try:
        import structlog

        bound = structlog.wrap_logger(
            structlog.PrintLogger(open("/dev/null", "w")),
            processors=[structlog.processors.TimeStamper(), structlog.processors.JSONRenderer()],
        )
        found["structlog, JSON to /dev/null"] = lambda: bound.info("login", **FIELDS, **ATTRIBUTES)
    except ImportError:
        print("skip: structlog is not installed")
    try:
        import loguru

        loguru.logger.remove()
        loguru.logger.add(open("/dev/null", "w"), enqueue=True, serialize=True)
        found["loguru, enqueue=True, serialize=True"] = lambda: loguru.logger.bind(**record).info("login")
    except ImportError:
        print("skip: loguru is not installed")
    try:
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogExporter, LogExportResult

        class Null(LogExporter):
            def export(self, batch):  # type: ignore[no-untyped-def]
                return LogExportResult.SUCCESS

            def shutdown(self):  # type: ignore[no-untyped-def]
                pass

            def force_flush(self, timeout_millis=30_000):  # type: ignore[no-untyped-def]
                return True

        provider = LoggerProvider()
        provider.add_log_record_processor(BatchLogRecordProcessor(Null()))
        emitter = provider.get_logger("bench")
        from opentelemetry._logs import LogRecord

        found["OpenTelemetry logs SDK, batch, null exporter"] = lambda: emitter.emit(
            LogRecord(timestamp=time.time_ns(), body="login", attributes=record)
        )
    except ImportError:
        print("skip: the OpenTelemetry logs SDK is not installed, or not of this shape")
    try:
        import blinker

        signal = blinker.Signal()

        def receiver(sender: object, **_: object) -> None:
            pass

        signal.connect(receiver)
        found["blinker.send, one empty receiver"] = lambda: signal.send("login", **FIELDS, attributes=ATTRIBUTES)
    except ImportError:
        print("skip: blinker is not installed")

    def function(action, *, outcome, severity, reason, actor, source_ip, source_port, target, method, attributes):  # type: ignore[no-untyped-def]
        pass

    class Class:
        def __init__(self, action, **fields):  # type: ignore[no-untyped-def]
            pass

    found["floor: a Python function with these keywords"] = lambda: function("login", **FIELDS, attributes=ATTRIBUTES)
    found["floor: an empty Python class with these keywords"] = lambda: Class("login", **FIELDS, attributes=ATTRIBUTES)
    return found


class Nothing:
    """What any context manager written in Python costs."""

    def verify(self, action: str) -> Nothing:
        return self

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *ended: object) -> None:
        pass


def jwt_overhead(bus: veribus.VerificationEventBus | Nothing) -> str:
    """What `verify` adds to a real decode: short blocks with and without, in turns, and the mean of their ratios with
    its 95 % interval, by the clock and by the processor time of the calling thread alone."""
    try:
        import jwt
    except ImportError:
        return "skip: PyJWT is not installed"
    key = "k" * 32
    token = jwt.encode({"sub": "alice", "scope": "orders:write"}, key, "HS256")

    def bare() -> None:
        jwt.decode(token, key, ["HS256"])

    def verified() -> None:
        with bus.verify("jwt.signature"):
            jwt.decode(token, key, ["HS256"])

    def block(call: Callable[[], None]) -> tuple[int, int]:
        clock, processor = time.perf_counter_ns(), time.thread_time_ns()
        for _ in range(20):
            call()
        return time.perf_counter_ns() - clock, time.thread_time_ns() - processor

    ratios: tuple[list[float], list[float]] = ([], [])
    alone = []
    for turn in range(3000):
        first, second = (bare, verified) if turn % 2 else (verified, bare)
        one, two = block(first), block(second)
        without, with_it = (one, two) if turn % 2 else (two, one)
        for kept, before, after in zip(ratios, without, with_it, strict=True):
            kept.append(after / before)
        alone.append(without[1] / 20)
    by_clock, by_processor = (shown(kept) for kept in ratios)
    return f"{by_clock} by the clock, {by_processor} of processor time; a decode alone takes {statistics.median(alone) / 1000:.1f} µs"


def shown(ratios: list[float]) -> str:
    """The mean without both tails, in which the machine did something else."""
    ratios.sort()
    kept = ratios[len(ratios) // 10 : -len(ratios) // 10]
    mean, error = statistics.mean(kept), 1.96 * statistics.stdev(kept) / math.sqrt(len(kept))
    return f"{(mean - 1) * 100:.2f} % ± {error * 100:.2f}"


def four_threads(bus: veribus.VerificationEventBus) -> str:
    """Four threads at once, beside four that only call a Python function: the interpreter's lock is in both. Turn by
    turn, and the median of the turns; by the processor time of all threads, so that other programs do not count."""
    event = veribus.Authentication("login", **FIELDS)

    def each(call: Callable[[], object], threads: int) -> float:
        ready, spent = threading.Barrier(threads), []

        def work() -> None:
            ready.wait()
            began = time.thread_time_ns()
            for _ in range(10_000):
                call()
            spent.append(time.thread_time_ns() - began)

        running = [threading.Thread(target=work) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        bus.flush(10)
        return sum(spent) / (threads * 10_000) / 1000

    def pure() -> None:
        sum((1, 2, 3, 4, 5, 6, 7, 8))

    calls = {"publish": lambda: bus.publish(event), "a Python call": pure}
    turns = [[each(call, threads) for call in calls.values() for threads in (1, 4)] for _ in range(15)]
    one, four, one_pure, four_pure = (statistics.median(column) for column in zip(*turns, strict=True))
    return (
        f"publish {one:.2f} -> {four:.2f} µs an event ({four / one:.2f} times), "
        f"a Python call {one_pure:.2f} -> {four_pure:.2f} µs ({four_pure / one_pure:.2f} times)"
    )


def main() -> None:
    print(f"{platform.machine()}, CPython {platform.python_version()}, veribus {veribus.__version__}; µs an event: median, p99")
    with veribus.VerificationEventBus(1_000_000) as bus:
        bus.register_handler(veribus.MetricsCollector())
        own = ours(bus)
        shown = {name: measure(call) for name, call in own.items()}
        added, nothing, threads = jwt_overhead(bus), jwt_overhead(Nothing()), four_threads(bus)
        shown.update({name: measure(call) for name, call in peers().items()})
        shown[f"{PUBLISH}, OpenTelemetry loaded"] = measure(own[PUBLISH])
        for name, (median, half, worst) in shown.items():
            print(f"{name:62} {median:8.2f} ± {half:.2f} {worst:8.2f}")
        for ours_is in (RECORD, BUILD, PUBLISH):
            for name in ("logging + QueueHandler, JSON behind it", "blinker.send, one empty receiver"):
                if name in shown:
                    print(f"{name} / {ours_is}: {shown[name][0] / shown[ours_is][0]:.1f}")
        print("verify around PyJWT HS256 adds", added)
        print("an empty context manager in Python adds", nothing)
        print("four threads:", threads)
        bus.flush(10)
        print("lost:", bus.health().dropped or "nothing")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
