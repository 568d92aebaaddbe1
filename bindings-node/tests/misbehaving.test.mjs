// Handlers that misbehave: what they throw is caught, counted and quarantined (FM-17); what they publish ends (FM-18).

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";

import { authentication, AuditLogger, VerificationEventBus } from "veribus";

import { atLeast, balance, captured, fault, folder, until } from "./support.mjs";

const hostile = new Proxy({}, { get() { throw new Error("no"); }, getPrototypeOf() { throw new Error("no"); } });
const revoked = Proxy.revocable({}, {});
revoked.revoke();

const THROWN = {
  "an error": () => { throw new Error("broken"); },
  "an error with a cause that is itself": () => { const error = new Error("broken"); error.cause = error; throw error; },
  "an error whose message throws": () => { throw Object.defineProperty(new Error(), "message", { get() { throw 1; } }); },
  "an error of a mebibyte": () => { throw new Error("x".repeat(1 << 20)); },
  "an error with half a character": () => { throw new Error("\ud800"); },
  "a text": () => { throw "broken"; },
  "undefined": () => { throw undefined; },
  "a symbol": () => { throw Symbol("broken"); },
  "an object without a prototype": () => { throw Object.create(null); },
  "a proxy that throws": () => { throw hostile; },
  "a proxy that is revoked": () => { throw revoked.proxy; },
  "a rejection": async () => { throw new Error("broken"); },
  "a rejection after a while": async () => { await new Promise((resolve) => setImmediate(resolve)); throw new Error("broken"); },
  "a promise of another make": () => ({ then(_yes, no) { no(new Error("broken")); } }),
  "a promise whose `then` throws": () => ({ get then() { throw new Error("broken"); } }),
  "too deep a recursion": function deep() { return deep() + 1; },
};

for (const [what, broken] of Object.entries(THROWN)) {
  fault(`FM-17: a handler that throws ${what} is quarantined, and its neighbour goes on`, async () => {
    const { bus, seen } = captured();
    bus.registerHandler(broken, { name: "broken" });
    let published = 0;
    await until(() => {
      bus.publish(authentication("login"));
      published += 1;
      return bus.health().handlers.find((handler) => handler.name === "broken").state === "quarantined";
    }, "the quarantine");
    await bus.flush({ timeoutMs: 5000 });
    await until(() => seen.length === published, "the neighbour's events");
    const health = bus.health();
    const found = health.handlers.find((handler) => handler.name === "broken");
    assert.ok(found.failures >= 5 && found.panics >= 5, JSON.stringify(found));
    assert.equal(typeof found.lastError, "string");
    assert.deepEqual(balance(health).handlers, [health.accepted, health.accepted]);
  });
}

for (const [where, more] of Object.entries({
  flush: { flush() { throw new Error("broken"); } },
  "an async flush": { async flush() { throw new Error("broken"); } },
  close: { close() { throw new Error("broken"); } },
  "an async close": { async close() { throw new Error("broken"); } },
})) {
  fault(`FM-17: a handler that throws in ${where} harms nobody`, async () => {
    const { bus, seen } = captured();
    bus.registerHandler({ handle() {}, ...more }, { name: "broken" });
    bus.publish(authentication("login"));
    await bus.flush({ timeoutMs: 5000 });
    const report = await bus.close({ timeoutMs: 5000 });
    assert.deepEqual([seen.length, report.unfinished, report.delivered], [1, [], 2]);
  });
}

const emitter = new EventEmitter();
/** How a handler comes to publish. */
const WAYS = {
  "at once": (publish) => void publish(),
  "behind an await": async (publish) => { await null; publish(); },
  "behind a timer": async (publish) => { await new Promise((resolve) => setTimeout(resolve)); publish(); },
  "behind setImmediate": (publish) => new Promise((resolve) => setImmediate(() => (publish(), resolve()))),
  "in a microtask": (publish) => new Promise((resolve) => queueMicrotask(() => (publish(), resolve()))),
  "in process.nextTick": (publish) => new Promise((resolve) => process.nextTick(() => (publish(), resolve()))),
  "by an EventEmitter": async (publish) => { const heard = once(emitter, "publish"); emitter.emit("publish"); await heard; publish(); },
};

for (const [how, way] of Object.entries(WAYS)) {
  fault(`FM-18: a handler that publishes to itself ${how} is cut at depth 8`, async () => {
    const bus = new VerificationEventBus(1000);
    let calls = 0;
    bus.registerHandler((events) => {
      calls += events.length;
      return way(() => bus.publish(authentication("echo")));
    });
    bus.publish(authentication("first"));
    await until(() => bus.health().dropped.loop_limit === 1, "the cut");
    await bus.flush();
    assert.equal(calls, 9, "the first, and eight answers");
    await bus.close();
  });

  fault(`FM-18: two buses whose handlers publish to each other ${how} come to an end`, async () => {
    const one = new VerificationEventBus(100);
    const two = new VerificationEventBus(100);
    let calls = 0;
    const cut = () => (one.health().dropped.loop_limit ?? 0) + (two.health().dropped.loop_limit ?? 0);
    one.registerHandler(() => way(() => (calls++, two.publish(authentication("ping")))));
    two.registerHandler(() => way(() => (calls++, one.publish(authentication("pong")))));
    one.publish(authentication("first"));
    await until(() => cut() === 1, "the cut");
    const before = calls;
    await one.flush();
    await two.flush();
    assert.deepEqual([calls, cut()], [before, 1]);
    await one.close();
    await two.close();
  });
}

fault("FM-18: a handler of a full bus that blocks does not wait for itself", async () => {
  const bus = new VerificationEventBus(64, { blockMs: 20, handlerQueue: 1 });
  let echoed = 0;
  bus.registerHandler(() => {
    for (; echoed < 500; echoed++) {
      bus.publish(authentication("echo", { reason: "x".repeat(100) }));
    }
  });
  bus.publish(authentication("first"));
  await until(() => echoed === 500, "the publishing in the handler");
  await bus.flush({ timeoutMs: 5000 });
  const health = bus.health();
  assert.equal(health.attempted, 501);
  assert.equal(balance(health).attempted, 501);
  await bus.close();
});

const SELF = {
  "closes its bus": async (bus) => assert.equal((await bus.close({ timeoutMs: 5000 })).closingFromHandler, true),
  "closes its bus and does not wait": (bus) => void bus.close({ timeoutMs: 5000 }),
  "waits for a flush of its bus": async (bus) => void (await bus.flush({ timeoutMs: 50 })),
  "asks for the health of its bus": (bus) => void bus.health(),
  "unregisters itself": (bus, id) => void bus.unregisterHandler(id),
  "unregisters itself behind an await": async (bus, id) => { await null; bus.unregisterHandler(id); },
  "registers another": (bus) => void bus.registerHandler(() => undefined, { name: "other" }),
  "registers an audit trail": (bus) => void bus.registerHandler(new AuditLogger(`${folder()}/audit.log`)),
  "publishes and waits for the confirmation": (bus) => bus.publishConfirmed(authentication("echo"), { timeoutMs: 50 }).catch(() => undefined),
  "makes a bus of its own and closes it": async () => {
    const inner = new VerificationEventBus(100);
    inner.registerHandler(() => undefined);
    inner.publish(authentication("inner"));
    await inner.close({ timeoutMs: 5000 });
  },
};

for (const [what, act] of Object.entries(SELF)) {
  fault(`FM-18: a handler that ${what} waits for nobody`, async () => {
    const bus = new VerificationEventBus(100);
    let ended;
    let id;
    const begun = Date.now();
    id = bus.registerHandler(async (events) => {
      if (events.some((event) => event.action === "first")) {
        await act(bus, id);
        ended = Date.now();
      }
    });
    bus.publish(authentication("first"));
    await until(() => ended !== undefined, "the end of the handler");
    await bus.close({ timeoutMs: 5000 });
    await until(() => bus.health().closed, "the close");
    assert.ok(Date.now() - begun < 5000, "the watchdog");
    const health = bus.health();
    assert.equal(balance(health).attempted, health.attempted);
  });
}

test("a report from inside of a handler says so, and the bus closes behind it", async () => {
  const bus = new VerificationEventBus(100);
  let report;
  bus.registerHandler(async () => void (report = await bus.close({ timeoutMs: 5000 })));
  bus.publish(authentication("end"));
  await until(() => report !== undefined, "the close");
  assert.equal(report.closingFromHandler, true);
  await until(() => bus.health().closed);
});

atLeast("FM-17", 20);
atLeast("FM-18", 25);
