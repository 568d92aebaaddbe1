// Handlers: batches, sync and async; the built-in ones; what is no handler. What they may do wrong: misbehaving.test.mjs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import {
  AlertHandler, auditVerify, AuditLogger, authentication, failures, MetricsCollector, Retry, security, VerificationEventBus,
} from "veribus";

import { captured, fault, folder, until } from "./support.mjs";

test("an object handles batches, is flushed, and hears the end", async () => {
  const heard = [];
  class Keeper {
    name = "keeper";
    handle(events) {
      heard.push(...events.map((event) => event.action));
    }
    flush() {
      heard.push("flush");
    }
    close() {
      heard.push("close");
    }
  }
  const bus = new VerificationEventBus(100);
  bus.registerHandler(new Keeper());
  bus.publish(authentication("login"));
  await bus.flush();
  await bus.close();
  await until(() => heard.includes("close"), "close");
  assert.deepEqual([heard[0], heard[1], heard.at(-1)], ["login", "flush", "close"]);
});

test("an async handler is waited for, and gets its batches one at a time", async () => {
  let running = 0;
  let most = 0;
  const seen = [];
  const bus = new VerificationEventBus(1000);
  bus.registerHandler(async (events) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(...events);
    running--;
  });
  for (let n = 0; n < 500; n++) {
    bus.publish(authentication("login", { attributes: { n } }));
    if (n % 50 === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  assert.ok(await bus.flush());
  assert.equal(most, 1);
  assert.deepEqual(seen.map((event) => event.attributes.n), Array.from({ length: 500 }, (_, n) => n));
  await bus.close();
});

test("kinds and atLeast filter before JavaScript is woken", async () => {
  const { bus, seen } = captured({}, { kinds: ["security"], atLeast: "high" });
  bus.publish(authentication("login", { severity: "fatal" }));
  bus.publish(security("scan"));
  bus.publish(security("breach", { severity: "critical" }));
  await bus.flush();
  assert.deepEqual(seen.map((event) => event.action), ["breach"]);
  const [handler] = bus.health().handlers;
  assert.deepEqual([handler.filtered, handler.handled], [2, 1]);
});

test("a bad event costs itself alone", async () => {
  const seen = [];
  const bus = new VerificationEventBus(100);
  bus.registerHandler((events) => {
    if (events.some((event) => event.action === "poison")) {
      throw new Error("cannot take it");
    }
    seen.push(...events.map((event) => event.action));
  });
  for (const action of ["a", "poison", "b"]) {
    bus.publish(authentication(action));
  }
  await bus.flush();
  assert.deepEqual(seen, ["a", "b"]);
  assert.deepEqual(bus.health().handlers[0].lost, { handler_failed: 1 });
  await bus.close();
});

test("Retry is given the rest again", async () => {
  const calls = [];
  const bus = new VerificationEventBus(100);
  bus.registerHandler((events) => {
    calls.push(events.map((event) => event.action));
    if (calls.length === 1) {
      throw new Retry(events.length - 1);
    }
  });
  bus.publish(authentication("a"));
  bus.publish(authentication("b"));
  assert.ok(await bus.flush({ timeoutMs: 5000 }));
  assert.equal(calls[1][0], calls[0].at(-1));
  assert.deepEqual(bus.health().handlers[0].lost, {});
  await bus.close();
});

fault("BAD-18: what is no handler, and a name that is taken", () => {
  const { bus } = captured({}, { name: "capture" });
  for (const wrong of [undefined, null, 5, "print", {}, { handle: 1 }, class Handler {}]) {
    assert.throws(() => bus.registerHandler(wrong), { code: "HND_NOT_CALLABLE" }, String(wrong));
  }
  assert.throws(() => bus.registerHandler(() => undefined, { name: "capture" }), { code: "HND_NAME_TAKEN" });
  assert.throws(() => bus.registerHandler(() => undefined, { kinds: ["sport"] }), { code: "EVT_KIND_INVALID" });
  assert.throws(() => bus.registerHandler(() => undefined, { atLeast: "loud" }), { code: "EVT_SEVERITY_INVALID" });
  const metrics = new MetricsCollector();
  bus.registerHandler(metrics);
  assert.throws(() => bus.registerHandler(metrics), { code: "HND_ALREADY_REGISTERED" });
});

test("the audit trail holds what was confirmed, and shows what was altered", async () => {
  const path = join(folder(), "audit.log");
  const bus = new VerificationEventBus(100);
  const audit = new AuditLogger(path);
  bus.registerHandler(audit);
  const receipt = await bus.publishConfirmed(authentication("login", { actor: "alice" }), { timeoutMs: 5000 });
  assert.ok(readFileSync(path, "utf8").includes(receipt.id));
  const many = await Promise.all(
    Array.from({ length: 50 }, (_, n) => bus.publishConfirmed(authentication("login", { attributes: { n } }), { timeoutMs: 5000 })),
  );
  assert.equal(new Set(many.map((found) => found.id)).size, 50);
  await bus.close();
  assert.equal(audit.status().events, 51);
  const report = auditVerify(path);
  assert.deepEqual([report.intact, report.events], [true, 51]);
  assert.throws(() => auditVerify(join(path, "nowhere")), { name: "AuditError" });
});

test("publishConfirmed says why it cannot", async () => {
  const { bus } = captured();
  await assert.rejects(bus.publishConfirmed(authentication("x")), { name: "NoDurableHandlerError", code: "BUS_NO_DURABLE_HANDLER" });
  bus.registerHandler({ handle() {}, flush: () => new Promise(() => undefined), durable: true }, { name: "stuck" });
  await assert.rejects(bus.publishConfirmed(authentication("x"), { timeoutMs: 20 }), { name: "NotConfirmedError", code: "BUS_TIMED_OUT" });
  await assert.rejects(bus.publishConfirmed(authentication("x"), { timeoutMs: -1 }), { code: "CFG_VALUE_RANGE" });
  const failing = new VerificationEventBus(100);
  failing.registerHandler({ handle() {}, flush() { throw new Error("disk is gone"); }, durable: true });
  await assert.rejects(failing.publishConfirmed(authentication("x"), { timeoutMs: 5000 }), { name: "NotDurableError", message: /disk is gone/ });
  await failing.close({ timeoutMs: 100 });
  await assert.rejects(failing.publishConfirmed(authentication("x")), { name: /ClosedError|NoDurableHandlerError/ });
});

test("metrics count events and render the ledger", async () => {
  const bus = new VerificationEventBus(100);
  const metrics = new MetricsCollector();
  bus.registerHandler(metrics);
  bus.publish(authentication("login", { outcome: "failure" }));
  await bus.flush();
  assert.match(metrics.render(bus), /login/);
  assert.match(metrics.contentType, /text\/plain/);
  await bus.close();
});

test("alerts reach a sink, sync or async, with the event that completed the match", async () => {
  const bus = new VerificationEventBus(100);
  const alerts = [];
  const handler = new AlertHandler([failures("brute-force", 3, 60_000, "high")], {
    sink: async (alert) => {
      await null;
      alerts.push(alert);
    },
  });
  bus.registerHandler(handler);
  for (let n = 0; n < 3; n++) {
    bus.publish(authentication("login", { outcome: "failure", actor: "alice", sourceIp: "203.0.113.9" }));
  }
  await bus.flush();
  await until(() => alerts.length === 1, "the alert");
  const [alert] = alerts;
  assert.deepEqual([alert.rule, alert.severity, alert.events, alert.event.actor], ["brute-force", "high", 3, "alice"]);
  assert.equal(alert.entity.name, "203.0.113.9");
  assert.match(alert.line, /brute-force/);
  assert.equal(handler.counts().raised, 1);
  await bus.close();
});
