"""The trace follows the request: threads, tasks, executors, OpenTelemetry."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import veribus
from veribus import trace

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def traces(bus, captured):
    assert bus.flush(5)
    return [event.trace and event.trace.traceparent for event in captured.events]


def test_headers_go_in_and_out(bus, captured):
    with trace.use(trace.extract({"TraceParent": HEADER})) as request:
        bus.publish(veribus.Security("in"))
        assert trace.inject({"a": "b"}) == {"a": "b", "traceparent": HEADER}
        assert trace.current() == request.trace
        with trace.use():
            assert trace.current() != request.trace
        bus.publish(veribus.Security("own", trace=HEADER.replace("4bf", "5bf")))
    bus.publish(veribus.Security("out"))
    assert traces(bus, captured) == [HEADER, HEADER.replace("4bf", "5bf"), None]
    assert trace.inject({}) == {}
    child = request.trace.child()
    assert (child.trace_id, child.sampled) == (request.trace.trace_id, True)
    assert child.span_id != request.trace.span_id
    assert eval(repr(child), {"TraceContext": veribus.TraceContext}) == child


def test_tasks_executors_and_threads_keep_their_own(bus, captured):
    async def request(header):
        with trace.use(header):
            await asyncio.sleep(0.001)
            bus.publish(veribus.Security("task", target=header))
            await asyncio.to_thread(bus.publish, veribus.Security("to-thread", target=header))
            await asyncio.create_task(child(header))

    async def child(header):
        bus.publish(veribus.Security("child", target=header))

    async def main():
        headers = [HEADER.replace("4bf", f"{n:03x}") for n in range(1, 20)]
        await asyncio.gather(*(request(header) for header in headers))

    asyncio.run(main())
    with trace.use(HEADER), ThreadPoolExecutor(1) as pool:
        pool.submit(trace.bind(lambda: bus.publish(veribus.Security("bound", target=HEADER)))).result()
        thread = threading.Thread(target=trace.bind(lambda: bus.publish(veribus.Security("bound", target=HEADER))))
        thread.start()
        thread.join()
    assert bus.flush(5)
    assert len(captured.events) == 19 * 3 + 2
    assert all(event.trace.traceparent == event.target for event in captured.events)


def test_verify_knows_who_asks_from_the_request(bus, captured):
    with trace.use(HEADER, source_ip="203.0.113.9") as request:
        request.actor = "alice"
        with bus.verify("password"):
            pass
        with bus.verify("password", actor="bob", source_ip="198.51.100.1"):
            pass
    assert traces(bus, captured) == [HEADER, HEADER]
    assert [(event.actor, event.source_ip) for event in captured.events] == [
        ("alice", "203.0.113.9"),
        ("bob", "198.51.100.1"),
    ]


def test_a_span_of_open_telemetry_wins(bus, captured):
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("tests")
    with trace.use(HEADER):
        with tracer.start_as_current_span("request") as span:
            context = span.get_span_context()
            expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 3:02x}"
            bus.publish(veribus.Security("inside"))
            assert trace.current().traceparent == expected
        bus.publish(veribus.Security("outside"))
    assert traces(bus, captured) == [expected, HEADER]
