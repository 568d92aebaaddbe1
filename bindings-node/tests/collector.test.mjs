// The forwarder against a real collector and real brokers: nothing durable is lost, nothing comes twice, the books balance.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Forwarder, init, security, trace, VerificationEventBus } from "veribus";

import { Broker, Collector, needs, plainEnvironment } from "./servers.mjs";
import { atLeast, balance, fault, folder, HERE, leftOnDisk, program, until } from "./support.mjs";

const HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const collectorIsThere = needs("veribus");

function send(bus, mark, count) {
  for (let n = 0; n < count; n++) {
    assert.equal(bus.publish(security("e", { target: `${mark}-${n}` })).accepted, true);
  }
}

function expected(marks, count) {
  return Object.fromEntries(marks.flatMap((mark) => Array.from({ length: count }, (_, n) => [`${mark}-${n}`, 1])));
}

function forwarder(collector, spool, more = {}) {
  return new Forwarder(collector.url, { spool, tokenFile: collector.tokenFile, ...more });
}

function busWith(handler, options = {}) {
  const bus = new VerificationEventBus(20_000, { service: "orders", ...options });
  bus.registerHandler(handler);
  return bus;
}

/** Runs a program with a bus that sends to the collector; the spool is that of `home`. */
function scene(collector, home, body, options) {
  const source = `
    import { authentication, configuration, Forwarder, performance, security, VerificationEventBus } from "veribus";
    const make = (more = {}) => {
      const bus = new VerificationEventBus(20_000, { service: "case" });
      const forwarder = new Forwarder(${JSON.stringify(collector.url)}, {
        spool: ${JSON.stringify(join(home, "spool"))}, tokenFile: ${JSON.stringify(collector.tokenFile)}, ...more,
      });
      bus.registerHandler(forwarder);
      return { bus, forwarder };
    };
    const send = (bus, mark, count) => {
      for (let n = 0; n < count; n++) bus.publish(security("e", { target: mark + "-" + n }));
    };
    ${body}
  `;
  return program(source, { env: plainEnvironment(), ...options });
}

/** What the process before left on disk is sent by the next one that uses the spool: it stays until nothing waits. */
const NEXT_ONE = `
  const { bus, forwarder } = make();
  await bus.publishConfirmed(security("e", { target: "next" }), { timeoutMs: 10_000 });
  const waits = ({ looked, adopted, spool }) => !looked || adopted > 0 || spool.pending > 0;
  while (waits(forwarder.health())) await new Promise((resolve) => setTimeout(resolve, 5));
  console.log((await bus.close({ timeoutMs: 5000 })).spooled, "left");
`;

/** All of these targets are in the store, each once, and the collector misses nothing. */
async function arrived(collector, wanted, { killed = false } = {}) {
  await until(() => collector.events("action:e").length >= Object.keys(wanted).length, "the events in the store");
  assert.deepEqual(collector.targets("action:e"), wanted);
  await until(() => collector.accounting().producers.every(({ pending }) => pending === 0), "an end of what is pending");
  const { code, producers } = collector.accounting();
  for (const { received, stored, duplicates, conflicts, missing } of producers) {
    assert.deepEqual([received, conflicts], [stored + duplicates, 0]);
    // A killed process may have given numbers to events that never reached its disk.
    assert.ok(killed || missing === 0, JSON.stringify(producers));
  }
  assert.ok(killed || code === 0);
  return producers;
}

test("events are in the collector's store with their service and trace", collectorIsThere, async () => {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  const handler = forwarder(collector, join(home, "spool"));
  assert.equal(handler.health().confirms, undefined);
  const bus = busWith(handler, { environment: "test" });
  trace.use(HEADER, () => bus.verify("login", { actor: "alice" }, (v) => v.fail("bad_password")), { sourceIp: "203.0.113.9" });
  send(bus, "a", 500);
  assert.equal((await bus.publishConfirmed(security("last"), { timeoutMs: 10_000 })).accepted, true);
  await until(() => handler.health().stored === 502, "502 receipts");
  const health = handler.health();
  assert.deepEqual([health.confirms, health.taken, health.duplicates, health.lost], ["stored", 502, 0, {}]);
  assert.deepEqual([health.spool.pending, health.spool.state, health.lastError], [0, "normal", undefined]);
  assert.deepEqual([health.destination, health.inFlight, health.inMemory], [collector.url, 0, 0]);
  const report = await bus.close({ timeoutMs: 10_000 });
  assert.deepEqual([report.spooled, report.unfinished, report.dropped], [0, [], {}]);
  const [login] = collector.events("action:login");
  assert.ok(login.trace.includes(HEADER.slice(3, 35)));
  assert.deepEqual([login.outcome, login.reason, login.actor], ["failure", "bad_password", { name: "alice", ip: "203.0.113.9" }]);
  assert.deepEqual([login.source.service, login.source.environment, login.source.sdk], ["orders", "test", "veribus-node"]);
  const [{ service, stored }] = await arrived(collector, expected(["a"], 500));
  assert.deepEqual([service, stored], ["orders", 502]);
});

test("the collector goes down and comes back: publishing goes on, the spool catches up, the books balance", collectorIsThere, async () => {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  const handler = forwarder(collector, join(home, "spool"), { backOffMs: [5, 50] });
  const bus = busWith(handler);
  const marks = [];
  for (const round of [1, 2]) {
    send(bus, `up${round}`, 100);
    await until(() => handler.health().stored === (round - 1) * 401 + 100, "receipts for all");
    await collector.kill();
    send(bus, `down${round}`, 300);
    await bus.publishConfirmed(security("e", { target: `sure${round}-0` }), { timeoutMs: 10_000 });
    await until(() => handler.health().failures > 0, "a failure");
    await until(() => handler.health().spool.pending === 301, "all of it on disk");
    assert.equal(typeof handler.health().lastError, "string");
    assert.equal(bus.health().handlers[0].state, "running");
    await collector.start();
    marks.push(`up${round}`, `down${round}`);
  }
  await until(() => handler.health().stored === 802, "receipts for all");
  assert.equal(handler.health().failures, 0);
  const before = bus.health();
  assert.deepEqual([before.attempted, balance(before).attempted, balance(before).handlers], [802, 802, [802]]);
  assert.equal((await bus.close({ timeoutMs: 10_000 })).spooled, 0);
  const wanted = { ...Object.fromEntries(marks.flatMap((mark) => Object.entries(expected([mark], mark.startsWith("up") ? 100 : 300)))), "sure1-0": 1, "sure2-0": 1 };
  const [producer, ...others] = await arrived(collector, wanted);
  assert.deepEqual([producer.instance, producer.stored, producer.lost, others], [bus.instanceId, 802, {}, []]);
});

test("what is confirmed while the collector is down waits on disk, and the next bus sends it once", collectorIsThere, async () => {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  await collector.kill();
  const down = busWith(forwarder(collector, join(home, "spool")));
  send(down, "down", 100);
  await down.publishConfirmed(security("e", { target: "confirmed" }), { timeoutMs: 10_000 });
  const report = await down.close({ timeoutMs: 1500 });
  leftOnDisk(report, 101);
  assert.deepEqual(report.dropped, {});
  await collector.start();
  const up = busWith(forwarder(collector, join(home, "spool")));
  send(up, "up", 10);
  const producers = await arrived(collector, { ...expected(["down"], 100), ...expected(["up"], 10), confirmed: 1 });
  assert.equal(producers.length, 2);
  assert.equal((await up.close({ timeoutMs: 10_000 })).spooled, 0);
});

const ENDINGS = {
  "nothing left to do": ["", 0],
  "process.exit": ["process.exit(4);", 4],
  "process.exit in a promise": ["await null; process.exit(4);", 4],
  "process.reallyExit": ["process.reallyExit(6);", 6],
  "process.abort": ["process.abort();", "SIGABRT"],
  SIGKILL: ["process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);", "SIGKILL"],
  SIGTERM: ["process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000);", "SIGTERM"],
  "SIGTERM with a handler": ["process.on('SIGTERM', () => process.exit(9)); process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000);", 9],
  "an uncaught exception": ["setTimeout(() => { throw new Error('uncaught'); });", 1],
  "an unhandled rejection": ["Promise.reject(new Error('unhandled'));", 1],
  "a handler that never ends": ["bus.registerHandler(() => new Promise(() => {})); bus.publish(configuration('slow')); process.exit(0);", 0],
  "publishing until the end": ["setInterval(() => bus.publish(performance('noise')), 1); setTimeout(() => process.exit(0), 20);", 0],
};

for (const [ending, [last, status]] of Object.entries(ENDINGS)) {
  for (const isUp of [true, false]) {
    fault(`FM-24: durable events survive the end of a process by ${ending}, the collector ${isUp ? "up" : "down"}`, collectorIsThere, async () => {
      const home = folder();
      const collector = await new Collector(join(home, "data")).start();
      if (!isUp) {
        await collector.kill();
      }
      const ended = await scene(collector, home, `
        const { bus } = make();
        send(bus, "kept", 50);
        await bus.publishConfirmed(security("e", { target: "confirmed" }), { timeoutMs: 10_000 });
        ${last}
      `);
      assert.equal(ended.code ?? ended.signal, status, ended.stderr);
      if (!isUp) {
        await collector.start();
      }
      const next = await scene(collector, home, NEXT_ONE);
      assert.deepEqual([next.code, next.stdout], [0, "0 left\n"], next.stderr);
      const killed = typeof status === "string" || ending === "process.reallyExit";
      await arrived(collector, { ...expected(["kept"], 50), confirmed: 1, next: 1 }, { killed });
    });
  }
}

fault("FM-24: worker_threads have spools of their own in one folder; one that is terminated leaves what it confirmed", collectorIsThere, async () => {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  const ended = await scene(collector, home, `
    import { once } from "node:events";
    import { Worker } from "node:worker_threads";
    const { bus, forwarder } = make();
    const workers = [0, 1, 2].map((n) => new Worker(\`
      const { parentPort, workerData: { n, url, spool, tokenFile } } = require("node:worker_threads");
      const { Forwarder, security, VerificationEventBus } = require("veribus");
      const bus = new VerificationEventBus(20_000, { service: "case" });
      bus.registerHandler(new Forwarder(url, { spool, tokenFile }));
      for (let i = 0; i < 50; i++) bus.publish(security("e", { target: "worker" + n + "-" + i }));
      bus.publishConfirmed(security("e", { target: "sure" + n + "-0" }), { timeoutMs: 10_000 }).then(() => parentPort.postMessage("sure"));
      setInterval(() => {}, 1000);
    \`, { eval: true, execArgv: [], workerData: {
      n, url: ${JSON.stringify(collector.url)}, spool: ${JSON.stringify(join(home, "spool"))}, tokenFile: ${JSON.stringify(collector.tokenFile)},
    } }));
    await Promise.all(workers.map((worker) => once(worker, "message")));
    send(bus, "main", 50);
    await Promise.all(workers.map((worker) => worker.terminate()));
    await bus.close({ timeoutMs: 5000 });
  `);
  assert.deepEqual([ended.code, ended.signal], [0, null], ended.stderr);
  const next = await scene(collector, home, NEXT_ONE);
  assert.deepEqual([next.code, next.stdout], [0, "0 left\n"], next.stderr);
  const producers = await arrived(collector, {
    ...expected(["main", "worker0", "worker1", "worker2"], 50), ...expected(["sure0", "sure1", "sure2"], 1), next: 1,
  });
  assert.equal(producers.length, 5);
});

fault("FM-24: cluster workers have spools of their own, a killed one leaves what it confirmed", collectorIsThere, async () => {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  await collector.kill();
  const script = join(HERE, "programs", "cluster-forward.mjs");
  const settings = { VERIBUS_COLLECTOR: collector.url, VERIBUS_TOKEN_FILE: collector.tokenFile, VERIBUS_SPOOL: join(home, "spool") };
  const ended = await program(`process.argv[1] = ${JSON.stringify(script)}; await import(${JSON.stringify(script)});`, {
    env: { ...plainEnvironment(), ...settings },
  });
  assert.deepEqual([ended.code, ended.stdout], [0, "SIGKILL 0\n"], ended.stderr);
  await collector.start();
  const next = await scene(collector, home, NEXT_ONE);
  assert.deepEqual([next.code, next.stdout], [0, "0 left\n"], next.stderr);
  const wanted = { ...expected(["primary", "worker1", "worker2"], 50), "sure1-0": 1, "sure2-0": 1, next: 1 };
  await arrived(collector, wanted, { killed: true });
});

test("a refused token loses nothing and is said, without the token", collectorIsThere, async () => {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  const handler = new Forwarder(collector.url, { spool: join(home, "spool"), token: "vbt_wrong" });
  const bus = busWith(handler);
  await bus.publishConfirmed(security("e", { target: "kept" }), { timeoutMs: 10_000 });
  await until(() => handler.health().failures > 0, "a failure");
  assert.equal(typeof handler.health().lastError, "string");
  assert.doesNotMatch(JSON.stringify([handler.health(), bus.health()]), /vbt_wrong/);
  leftOnDisk(await bus.close({ timeoutMs: 1500 }), 1);
  const other = busWith(forwarder(collector, join(home, "spool")));
  await arrived(collector, { kept: 1 });
  await other.close();
});

test("`init` sends to a collector that a file names, and arguments and the environment win over the file", collectorIsThere, async () => {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  const config = join(home, "veribus.toml");
  writeFileSync(config, `
    service = "from-file"
    collector = "${collector.url}"
    token_file = "${collector.tokenFile}"
    spool = "${join(home, "spool")}"
    answer_timeout = "5s"
    in_flight_max = 4
    redact = ["pet"]
  `);
  process.env.VERIBUS_CONFIG = config;
  process.env.VERIBUS_ENVIRONMENT = "test";
  try {
    const bus = init({ service: "from-argument" });
    bus.publish(security("e", { target: "one", attributes: { pet: "rex" } }));
    await arrived(collector, { one: 1 });
    const [{ source, attributes }] = collector.events("action:e");
    assert.deepEqual([source.service, source.environment, attributes], ["from-argument", "test", { pet: "***" }]);
    assert.equal((await bus.close()).spooled, 0);
  } finally {
    delete process.env.VERIBUS_CONFIG;
    delete process.env.VERIBUS_ENVIRONMENT;
  }
});

test("a forwarder takes a name and an interest", collectorIsThere, async () => {
  const home = folder();
  const collector = await new Collector(join(home, "data")).start();
  const bus = new VerificationEventBus(1000, { service: "orders" });
  bus.registerHandler(forwarder(collector, join(home, "one")), { name: "severe", atLeast: "high" });
  bus.registerHandler(forwarder(collector, join(home, "two")), { kinds: ["configuration"] });
  for (const severity of ["low", "high"]) {
    bus.publish(security("e", { severity, target: severity }));
  }
  assert.equal(await bus.flush({ timeoutMs: 10_000 }), true);
  const handlers = bus.health().handlers.map(({ name, handled, filtered }) => [name, handled, filtered]);
  assert.deepEqual(handlers, [["severe", 1, 1], ["forward", 0, 2]]);
  await until(() => collector.events("action:e").length > 0, "the event");
  assert.deepEqual(collector.targets("action:e"), { high: 1 });
  await bus.close();
});

for (const kind of ["nats", "redis"]) {
  const server = needs(`${kind}-server`);
  test(`through ${kind}: only the collector's receipt frees the spool`, { skip: collectorIsThere.skip || server.skip }, async () => {
    const home = folder();
    const broker = await new Broker(kind, join(home, kind)).start();
    const handler = new Forwarder(broker.url, { spool: join(home, "spool") });
    const bus = busWith(handler);
    send(bus, "a", 100);
    await bus.publishConfirmed(security("e", { target: "confirmed" }), { timeoutMs: 10_000 });
    // The broker has it all, and no collector has read it: nothing is receipted.
    await until(() => handler.health().inFlight > 0 && handler.health().confirms === "stored", "parcels on their way");
    assert.deepEqual([handler.health().spool.pending, handler.health().stored], [101, 0]);
    const collector = await new Collector(join(home, "data"), `--${kind}`, broker.url).start();
    await until(() => handler.health().stored === 101, "the receipts");
    assert.equal((await bus.close({ timeoutMs: 10_000 })).spooled, 0);
    await arrived(collector, { ...expected(["a"], 100), confirmed: 1 });
  });
}

atLeast("FM-24", 26);
