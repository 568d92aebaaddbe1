// What can be in an event and what cannot: BAD-01 to BAD-15, each followed by a good event.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { inspect } from "node:util";

import {
  authentication, authorization, codec, configuration, EventError, performance, security, TraceContext, TraceError,
} from "veribus";

import { captured, fault } from "./support.mjs";

const { bus, seen } = captured();

afterEach(async () => {
  assert.equal(bus.publish(authentication("login", { actor: "alice" })).accepted, true);
  assert.ok(await bus.flush());
  assert.equal(seen.at(-1).actor, "alice");
  seen.length = 0;
});

function refused(code, build, more = {}) {
  assert.throws(build, (thrown) => {
    assert.equal(thrown.code, code, `${thrown}`);
    assert.ok(thrown instanceof EventError || thrown instanceof TraceError, thrown.name);
    for (const piece of more.says ?? []) {
      assert.ok(thrown.message.includes(piece), thrown.message);
    }
    return true;
  });
}

fault("BAD-01: an empty name", () => {
  refused("EVT_TYPE_EMPTY", () => authentication(""));
});

fault("BAD-02: a name of another alphabet or length", () => {
  for (const name of ["log in", "a/b", "Login", "x".repeat(300), ".login"]) {
    refused("EVT_TYPE_INVALID", () => authentication(name), { says: ["a-z"] });
  }
  refused("EVT_TYPE_UNSUPPORTED", () => authentication(undefined));
});

fault("BAD-03: a severity that is none", () => {
  refused("EVT_SEVERITY_INVALID", () => authentication("x", { severity: "hgih" }), { says: ["`high`", "critical"] });
  refused("EVT_SEVERITY_INVALID", () => authentication("x", { severity: 7 }));
  refused("EVT_OUTCOME_INVALID", () => authentication("x", { outcome: "failed" }), { says: ["failure"] });
  assert.equal(authentication("x", { severity: 4 }).severity, "high");
});

fault("BAD-04: numbers that are not finite; −0 is 0", async () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    refused("EVT_NUMBER_NOT_FINITE", () => performance("p", { value, unit: "s" }));
    refused("EVT_NUMBER_NOT_FINITE", () => authentication("x", { attributes: { value } }), { says: ["attributes.value"] });
    refused("EVT_NUMBER_NOT_FINITE", () => authentication("x", { durationMs: value }));
  }
  bus.publish(performance("p", { value: -0, unit: "s", attributes: { zero: -0 } }));
  await bus.flush();
  assert.ok(Object.is(seen[0].value, 0) && Object.is(seen[0].attributes.zero, 0));
});

fault("BAD-05: integers of more than 64 bits", () => {
  for (const value of [2 ** 64, 2n ** 64n, -(2n ** 63n) - 1n, 10n ** 10_000n]) {
    const begun = globalThis.performance.now();
    refused("EVT_NUMBER_RANGE", () => authentication("x", { attributes: { value } }));
    assert.ok(globalThis.performance.now() - begun < 100);
  }
  refused("EVT_NUMBER_RANGE", () => security("s", { score: 101 }));
  refused("EVT_NUMBER_RANGE", () => authentication("x", { sourcePort: 65_536 }));
  refused("EVT_NUMBER_RANGE", () => authentication("x", { durationMs: -1 }));
});

fault("BAD-06: text that is not Unicode, with its byte", () => {
  refused("EVT_TEXT_INVALID", () => authentication("x", { actor: "é\ud800" }), { says: ["`actor`", "byte 2"] });
  refused("EVT_TEXT_INVALID", () => authentication("x", { attributes: { a: ["ok", "\udc00"] } }), { says: ["attributes.a[1]", "byte 0"] });
  // A pair that only the joining of two fields would make is none.
  refused("EVT_TEXT_INVALID", () => authentication("x", { reason: "\ud83d", actor: "\ude00" }));
});

fault("BAD-07: an event above a mebibyte, a text above 256 KiB", () => {
  const attributes = Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`a${n}`, "x".repeat(220_000)]));
  refused("EVT_TOO_LARGE", () => authentication("x", { attributes }), { says: ["1048576"] });
  refused("EVT_TEXT_TOO_LONG", () => authentication("x", { actor: "x".repeat(256 * 1024 + 1) }), { says: ["262145", "262144"] });
  assert.equal(bus.publish(authentication("x", { actor: "é".repeat(128 * 1024) })).accepted, true);
});

fault("BAD-08: values nested too deeply", () => {
  const nest = (depth) => (depth === 0 ? 1 : { n: nest(depth - 1) });
  refused("EVT_TOO_DEEP", () => authentication("x", { attributes: { a: nest(33) } }), { says: ["attributes.a"] });
  refused("EVT_TOO_DEEP", () => authentication("x", { attributes: { a: nest(5000) } }));
  assert.equal(bus.publish(authentication("x", { attributes: { a: nest(30) } })).accepted, true);
});

fault("BAD-09: values that contain themselves", () => {
  const object = { name: "o" };
  object.self = object;
  const array = [1];
  array.push(array);
  refused("EVT_CYCLE", () => authentication("x", { attributes: object }), { says: ["attributes.self"] });
  refused("EVT_CYCLE", () => authentication("x", { attributes: { array } }), { says: ["attributes.array[1]"] });
});

fault("BAD-10: values that are no data, by path and type", () => {
  class Account {}
  const wrong = [() => 1, Symbol("s"), Account, new Account(), new Map(), Promise.resolve(), /x/];
  const types = ["function", "symbol", "class", "Account", "Map", "Promise", "RegExp"];
  wrong.forEach((value, index) => {
    refused("EVT_TYPE_UNSUPPORTED", () => authentication("x", { attributes: { a: { b: value } } }), { says: ["attributes.a.b", types[index]] });
  });
  refused("EVT_TYPE_UNSUPPORTED", () => authentication("x", { attributes: "text" }));
  refused("EVT_TYPE_UNSUPPORTED", () => authentication("x", { actor: 5 }), { says: ["`actor`", "number"] });
});

fault("BAD-11: getters and toJSON that throw or change what is converted", async () => {
  const cause = new Error("no, thanks");
  const attributes = { ok: 1, get bad() { throw cause; } };
  assert.throws(() => authentication("x", { attributes: { nested: attributes } }), (thrown) => {
    assert.equal(thrown.code, "EVT_CONVERSION_FAILED");
    assert.equal(thrown.cause, cause);
    return true;
  });
  refused("EVT_CONVERSION_FAILED", () => authentication("x", { attributes: { a: { toJSON() { throw cause; } } } }));
  const shrinking = [1, { toJSON() { shrinking.length = 0; return "gone"; } }, 3];
  bus.publish(authentication("x", { attributes: { shrinking } }));
  await bus.flush();
  assert.ok(seen.length <= 1);
});

fault("BAD-12: too many names or values", () => {
  const many = (count) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, n]));
  refused("EVT_TOO_MANY_FIELDS", () => authentication("x", { attributes: many(65) }), { says: ["65", "64"] });
  refused("EVT_TOO_MANY_FIELDS", () => authentication("x", { attributes: { a: many(513) } }), { says: ["512"] });
  refused("EVT_TOO_MANY_FIELDS", () => authentication("x", { attributes: { a: new Array(1_000_000).fill(1) } }));
  assert.equal(bus.publish(authentication("x", { attributes: many(64) })).accepted, true);
});

fault("BAD-13: names that belong to the bus, and no prototype is polluted", async () => {
  for (const name of ["seq", "tenant", "producer", "_veribus_x", "__proto__"]) {
    refused("EVT_FIELD_RESERVED", () => authentication("x", { attributes: JSON.parse(`{"${name}":{"polluted":true}}`) }), { says: [name] });
  }
  bus.publish(authentication("x", { attributes: { inner: JSON.parse('{"__proto__":{"polluted":true}}') } }));
  await bus.flush();
  assert.equal({}.polluted, undefined);
  assert.equal(Object.getPrototypeOf(seen[0].attributes.inner), Object.prototype);
});

fault("BAD-14: times", async () => {
  refused("EVT_TIME_INVALID", () => authentication("x", { time: "yesterday" }));
  refused("EVT_TIME_INVALID", () => authentication("x", { time: "1600-01-01T00:00:00Z" }));
  refused("EVT_TIME_INVALID", () => authentication("x", { time: "9999-01-01T00:00:00Z" }));
  refused("EVT_TIME_INVALID", () => authentication("x", { time: new Date(NaN) }));
  const tomorrow = new Date(Date.now() + 86_400_000);
  bus.publish(authentication("x", { time: tomorrow }));
  bus.publish(authentication("x", { time: "2026-11-21T11:00:00.123456789+01:00" }));
  await bus.flush();
  assert.deepEqual(seen.map((event) => new Date(event.time).getTime())[0], tomorrow.getTime());
  assert.equal(seen[1].time, "2026-11-21T10:00:00.123456789Z");
});

fault("BAD-15: traces that are none", () => {
  for (const trace of ["", "00-short", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`, `00-${"a".repeat(32)}-${"0".repeat(16)}-01`]) {
    refused("EVT_TRACE_INVALID", () => authentication("x", { trace }));
    assert.throws(() => TraceContext.parse(trace), TraceError);
  }
});

test("a misspelt field is refused, one that is null is left out", () => {
  refused("EVT_FIELD_UNKNOWN", () => authentication("x", { sourceIP: "203.0.113.9" }), { says: ["'sourceIP'", "sourceIp"] });
  refused("EVT_FIELD_UNKNOWN", () => authentication("x", { permission: "read" }));
  const event = authentication("x", { actor: null, reason: undefined, attributes: { a: null, b: undefined, c: 1 } });
  assert.equal(codec.eventToJson(event).includes('"attributes":{"c":1}'), true);
});

test("each family carries its own fields, in the form of every other SDK", () => {
  const of = (event) => JSON.parse(codec.eventToJson(event));
  const { id: _id, time, ...login } = of(authentication("login", {
    outcome: "success", actor: "alice", sourceIp: "2001:db8::1", sourcePort: 22, sourceHost: "h", target: "sshd", targetKind: "service",
    durationMs: 1.5, method: "password", credential: "key-1", reason: "r",
  }));
  assert.deepEqual(login, {
    kind: "authentication", action: "login", severity: "informational", outcome: "success", reason: "r",
    actor: { name: "alice", ip: "2001:db8::1", port: 22, host: "h" }, target: { name: "sshd", kind: "service" },
    duration_ns: 1_500_000, method: "password", credential: "key-1",
  });
  assert.ok(time);
  assert.deepEqual([of(authorization("a", { permission: "p", policy: "q" })).permission, of(authorization("a", { policy: "q" })).policy], ["p", "q"]);
  const change = of(configuration("c", { setting: "s", oldValue: "1", newValue: "2" }));
  assert.deepEqual([change.severity, change.setting, change.old_value, change.new_value], ["low", "s", "1", "2"]);
  const measured = of(performance("p", { value: 0.25, unit: "seconds", count: 10, errors: 2n }));
  assert.deepEqual([measured.value, measured.unit, measured.count, measured.errors], [0.25, "seconds", 10, 2]);
  assert.equal(of(performance("p", { unit: "s" })).unit, "s");
  const attack = of(security("s", { technique: "T1110", rule: "r", score: 90 }));
  assert.deepEqual([attack.severity, attack.technique, attack.rule, attack.score], ["medium", "T1110", "r", 90]);
});

test("the stage and the JSON of an event say the same", async () => {
  const fields = { outcome: "failure", actor: "Zoë 😀", reason: "naïve", target: "/ä", durationMs: 0.125, sourceIp: "203.0.113.9" };
  const plain = authentication("login", { ...fields, attributes: { name: "Ωmega", whole: 2 ** 53 - 1, part: -0.5, yes: true } });
  bus.publish(plain);
  // A list is what the stage does not hold.
  bus.publish(authentication("login", { ...fields, attributes: { name: "Ωmega", whole: 2 ** 53 - 1, part: -0.5, yes: true, list: [] } }));
  await bus.flush();
  const [{ id: _a, time: _b, ...staged }, { id: _c, time: _d, ...spoken }] = seen;
  delete spoken.attributes.list;
  assert.deepEqual(spoken, staged);
});

test("an event shows what it says", () => {
  assert.equal(inspect(authentication("login", { actor: "alice" })).includes("reason"), false);
  assert.match(inspect(authentication("login", { actor: "alice" })), /^Authentication \{[^]*actor: 'alice'/);
});
