// Events find their trace: through promises, timers and emitters, from OpenTelemetry, and over headers.

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { afterEach, test } from "node:test";

import { context as otelContext, trace as otelTrace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { authentication, trace, TraceContext } from "veribus";

import { captured } from "./support.mjs";

const HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const { bus, seen } = captured();

afterEach(() => void (seen.length = 0));

async function traces() {
  assert.ok(await bus.flush());
  return seen.map((event) => event.trace?.traceparent);
}

test("outside of a trace an event has none", async () => {
  bus.publish(authentication("x"));
  assert.deepEqual(await traces(), [undefined]);
});

test("a trace survives promises, timers, microtasks and emitters", async () => {
  const emitter = new EventEmitter();
  const publish = () => bus.publish(authentication("x"));
  await trace.use(HEADER, async () => {
    publish();
    await null;
    publish();
    await new Promise((resolve) => setTimeout(() => resolve(publish()), 1));
    await new Promise((resolve) => setImmediate(() => resolve(publish())));
    await new Promise((resolve) => queueMicrotask(() => resolve(publish())));
    emitter.once("now", publish);
    emitter.emit("now");
    emitter.once("later", trace.bind(publish));
  });
  emitter.emit("later");
  publish();
  assert.deepEqual(await traces(), [...Array(7).fill(HEADER), undefined]);
});

test("two requests at once keep their traces apart, and an event keeps its own", async () => {
  const one = TraceContext.newRoot();
  const two = TraceContext.newRoot();
  const request = (context) =>
    trace.use(context, async () => {
      for (let n = 0; n < 3; n++) {
        await new Promise((resolve) => setImmediate(resolve));
        bus.publish(authentication("x", { actor: context.traceId }));
      }
      bus.publish(authentication("x", { actor: "own", trace: HEADER }));
    });
  await Promise.all([request(one), request(two)]);
  await traces();
  assert.equal(seen.length, 8);
  for (const event of seen) {
    assert.equal(event.trace.traceparent, event.actor === "own" ? HEADER : event.actor === one.traceId ? one.traceparent : two.traceparent);
  }
});

test("headers of node:http and of fetch are read and written", () => {
  assert.equal(trace.extract({ traceparent: HEADER }).spanId, "00f067aa0ba902b7");
  assert.equal(trace.extract({ Traceparent: ` ${HEADER} ` }).traceId, "4bf92f3577b34da6a3ce929d0e0e4736");
  assert.equal(trace.extract(new Headers({ TraceParent: HEADER })).sampled, true);
  for (const headers of [{}, { traceparent: "nonsense" }, { traceparent: [HEADER, HEADER] }, new Headers()]) {
    assert.equal(trace.extract(headers), undefined);
  }
  trace.use(HEADER, () => {
    assert.equal(trace.inject({ a: 1 }).traceparent, HEADER);
    assert.equal(trace.inject(new Headers()).get("traceparent"), HEADER);
    assert.equal(trace.current().child().traceId, "4bf92f3577b34da6a3ce929d0e0e4736");
  });
  assert.deepEqual(trace.inject({}), {});
});

test("OpenTelemetry's active span wins over our context", async () => {
  otelContext.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  otelTrace.setGlobalTracerProvider(new BasicTracerProvider());
  const tracer = otelTrace.getTracer("test");
  await trace.use(HEADER, async () => {
    bus.publish(authentication("outside"));
    await tracer.startActiveSpan("login", async (span) => {
      await null;
      bus.publish(authentication("inside"));
      const { traceId, spanId } = span.spanContext();
      const [outside, inside] = await traces();
      assert.equal(outside, HEADER);
      assert.equal(inside, `00-${traceId}-${spanId}-01`);
      span.end();
    });
  });
});
