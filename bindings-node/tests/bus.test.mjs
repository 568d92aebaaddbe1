// The bus: publishing never throws, the ledger balances, the end reports what it left.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import * as veribus from "veribus";
import { authentication, ConfigError, security, VerificationEventBus } from "veribus";

import { balance, captured, fault } from "./support.mjs";

test("an event arrives as it was built, with an id and a time", async () => {
  const { bus, seen } = captured();
  const receipt = bus.publish(
    authentication("login", { outcome: "failure", actor: "alice", sourceIp: "203.0.113.9", method: "password", attributes: { attempt: 3 } }),
  );
  assert.equal(receipt.accepted, true);
  assert.ok(await bus.flush());
  const [event] = seen;
  assert.equal(event.id, receipt.id);
  assert.ok(Math.abs(new Date(event.time) - Date.now()) < 60_000);
  assert.deepEqual(
    [event.kind, event.action, event.outcome, event.actor, event.sourceIp, event.method, event.attributes],
    ["authentication", "login", "failure", "alice", "203.0.113.9", "password", { attempt: 3 }],
  );
});

test("an event that is built before another is published as it was built", async () => {
  const { bus, seen } = captured();
  const first = authentication("first", { actor: "a" });
  const second = security("second", { actor: "b", score: 9 });
  bus.publish(first);
  bus.publish(second);
  bus.publish(first);
  await bus.flush();
  assert.deepEqual(seen.map((event) => [event.action, event.actor]), [["first", "a"], ["second", "b"], ["first", "a"]]);
});

test("a received event can be published again, as a new one", async () => {
  const { bus, seen } = captured();
  bus.publish(authentication("login", { actor: "José", durationMs: 1.5, attributes: { deep: { list: [1, 2n ** 60n, new Uint8Array([1])] } } }));
  await bus.flush();
  bus.publish(seen[0]);
  await bus.flush();
  const { id: first, ...one } = seen[0];
  const { id: second, ...two } = seen[1];
  assert.notEqual(first, second);
  assert.deepEqual(two, one);
});

test("the ledger balances under load, and says what was dropped", async () => {
  const { bus } = captured({ capacity: 64 });
  for (let n = 0; n < 50_000; n++) {
    bus.publish(authentication("login", { actor: `user-${n}` }));
  }
  await bus.flush({ timeoutMs: 10_000 });
  const health = bus.health();
  assert.equal(health.attempted, 50_000);
  assert.equal(balance(health).attempted, 50_000);
  assert.deepEqual(balance(health).handlers, [health.accepted]);
});

test("what is no event is rejected by its receipt, never thrown", () => {
  const { bus } = captured();
  for (const wrong of [undefined, null, 5, "login", {}, { kind: "authentication", action: 5 }, { kind: "authentication" }]) {
    const receipt = bus.publish(wrong);
    assert.deepEqual([receipt.accepted, receipt.status], [false, "rejected"], String(wrong));
  }
});

fault("BAD-16: a closed bus drops with a reason, and closes again with the same report", async () => {
  const { bus } = captured();
  bus.publish(authentication("login"));
  const report = await bus.close();
  assert.deepEqual([report.delivered, report.unfinished], [1, []]);
  assert.deepEqual(await bus.close(), report);
  const receipt = bus.publish(authentication("login"));
  assert.deepEqual([receipt.status, receipt.reason], ["dropped", "closed"]);
});

fault("BAD-17: a deadline below zero is refused, zero does not wait, a huge one is cut", async () => {
  const { bus } = captured();
  for (const timeoutMs of [-1, NaN, "soon"]) {
    await assert.rejects(bus.flush({ timeoutMs }), { code: "CFG_VALUE_RANGE" });
    await assert.rejects(bus.close({ timeoutMs }), ConfigError);
  }
  bus.publish(authentication("login"));
  assert.equal(typeof (await bus.flush({ timeoutMs: 0 })), "boolean");
  assert.equal(await bus.flush({ timeoutMs: 1e300 }), true);
});

test("settings that cannot be used are refused by name", () => {
  assert.throws(() => new VerificationEventBus(0), { code: "CFG_VALUE_RANGE" });
  assert.throws(() => new VerificationEventBus(1.5), { code: "CFG_VALUE_RANGE" });
  assert.throws(() => new VerificationEventBus(100, { blockMs: -1 }), { code: "CFG_VALUE_RANGE" });
  assert.throws(() => new VerificationEventBus(100, { servce: "x" }), { code: "CFG_KEY_UNKNOWN" });
});

test("secrets are replaced before a handler sees them", async () => {
  const { bus, seen } = captured({ bus: { redact: ["pet"] } });
  bus.publish(authentication("login", { attributes: { password: "hunter2", pet: "rex", city: "Bonn" } }));
  await bus.flush();
  assert.doesNotMatch(JSON.stringify(seen[0]), /hunter2|rex/);
  assert.equal(seen[0].attributes.city, "Bonn");
  assert.equal(bus.health().redacted, 2);
});

test("leaving `await using` closes the bus", async () => {
  const bus = new VerificationEventBus(100);
  await bus[Symbol.asyncDispose]();
  assert.equal(bus.health().closed, true);
});

test("require and import give one module", () => {
  const required = createRequire(import.meta.url)("veribus");
  assert.equal(required.VerificationEventBus, veribus.VerificationEventBus);
  assert.deepEqual(Object.keys(required).sort(), Object.keys(veribus).filter((name) => name !== "default").sort());
});
