// Moving from a logger to the bus while both run: `veribus compare` on the real output of pino and winston.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import pino from "pino";
import { authentication, Forwarder, VerificationEventBus } from "veribus";
import { pinoStream } from "veribus/pino";
import { VeribusTransport } from "veribus/winston";
import winston from "winston";

import { Collector, needs, veribus } from "./servers.mjs";
import { folder, until } from "./support.mjs";

/** A collector, a bus that sends to it, and what `veribus compare` says of a log. */
async function beside(service) {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  const bus = new VerificationEventBus(1000, { service });
  const forwarder = new Forwarder(collector.url, { spool: join(home, "spool"), tokenFile: collector.tokenFile });
  bus.registerHandler(forwarder);
  const log = join(home, "app.log");
  const compare = (...args) => {
    const { code, stdout, stderr } = veribus("compare", log, "--service", service, "--data", collector.data, "--json", ...args);
    assert.ok(code === 0 || code === 1, stderr);
    return { code, ...JSON.parse(stdout) };
  };
  const arrived = (count) => until(() => forwarder.health().stored === count, "the receipts");
  return { bus, log, compare, arrived };
}

test("pino's lines and the events beside them are the same, name by name, until one side lacks something", needs("veribus"), async () => {
  const { bus, log, compare, arrived } = await beside("web");
  const destination = pino.destination({ dest: log, sync: true });
  const logger = pino({}, pino.multistream([{ stream: destination }, { stream: pinoStream({ bus }), level: "warn" }]));
  for (let n = 0; n < 7; n++) {
    logger.warn({ actor: `user-${n}`, outcome: "failure" }, "login failed");
  }
  logger.error({ action: "orders.denied", actor: "alice" }, "denied");
  logger.warn("key sk_live_abcdefghijklmnopqrstuvwx was refused for password=hunter2");
  logger.warn({ actor: "without a text" });
  logger.info("hello");
  await arrived(10);
  const equal = compare("--level", "warn");
  assert.deepEqual([equal.code, equal.lines, equal.events, equal.below_level, equal.only_in_log, equal.only_on_bus], [0, 10, 10, 1, 0, 0]);
  assert.deepEqual(equal.names["login failed"], { lines: 7, events: 7 });
  assert.deepEqual(equal.names["orders.denied"], { lines: 1, events: 1 });
  assert.deepEqual(equal.names[""], { lines: 1, events: 1 });
  assert.doesNotMatch(JSON.stringify(equal), /hunter2/);
  // Without the level that the bridge takes, what it leaves out shows.
  assert.deepEqual(compare().names.hello, { lines: 1, events: 0 });

  // Phase 2: typed events come beside the lines, and one call site is forgotten.
  for (let n = 0; n < 2; n++) {
    bus.publish(authentication("login", { outcome: "failure", actor: `user-${n}` }));
  }
  bus.verify("login", () => true);
  await arrived(13);
  const typed = compare("--level", "warn", "--pair", "login failed=login:failure");
  assert.deepEqual([typed.code, typed.names["login failed"], typed.only_in_log], [1, { lines: 7, events: 2 }, 5]);

  // A line that never became an event, and an event without its line.
  logger.warn({ sourceIp: "nowhere" }, "refused by the bridge");
  const lines = readFileSync(log, "utf8").split("\n");
  writeFileSync(log, lines.slice(1).join("\n"));
  const apart = compare("--level", "warn");
  assert.deepEqual(apart.names["refused by the bridge"], { lines: 1, events: 0 });
  assert.deepEqual(apart.names["login failed"], { lines: 6, events: 7 });
  assert.deepEqual([apart.code, apart.only_in_log, apart.only_on_bus], [1, 1, 1]);
  await bus.close();
});

test("winston's lines and the events beside them are the same", needs("veribus"), async () => {
  const { bus, log, compare, arrived } = await beside("orders");
  const file = new winston.transports.File({ filename: log });
  const format = winston.format.combine(winston.format.timestamp(), winston.format.json());
  const logger = winston.createLogger({ format, transports: [file, new VeribusTransport({ bus, level: "warn" })] });
  logger.warn("login failed", { actor: "alice", outcome: "failure" });
  logger.error("order refused", { action: "orders.denied" });
  logger.log({ level: "warn", message: { order: 7, by: "alice" } });
  logger.info("hello");
  await arrived(3);
  await until(() => readFileSync(log, "utf8").split("\n").length === 5, "the lines");
  const found = compare("--level", "warn", "--since", "1h");
  assert.deepEqual([found.code, found.lines, found.events, found.below_level, found.outside], [0, 3, 3, 1, 0]);
  assert.deepEqual(Object.keys(found.names), ["login failed", "orders.denied", '{"by":"alice","order":7}']);
  assert.equal(compare("--until", "1h").outside, 4);
  await bus.close();
});
