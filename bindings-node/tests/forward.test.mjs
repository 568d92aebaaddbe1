// The forwarder where no collector is: what waits, what is lost and counted, what is refused, and TLS.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { inspect } from "node:util";

import { authentication, codec, Forwarder, security, VerificationEventBus } from "veribus";

import { freePort, needs } from "./servers.mjs";
import { folder, leftOnDisk, until } from "./support.mjs";

test("an unreachable collector costs nothing, and what is confirmed waits on disk", async () => {
  const forwarder = new Forwarder("http://127.0.0.1:9", { spool: join(folder(), "spool"), backOffMs: [5, 20] });
  const bus = new VerificationEventBus(1000, { service: "web" });
  bus.registerHandler(forwarder);
  await bus.publishConfirmed(authentication("login"), { timeoutMs: 10_000 });
  for (let n = 0; n < 100; n++) {
    bus.publish(authentication("login"));
  }
  await bus.flush({ timeoutMs: 5000 });
  await until(() => forwarder.health().failures > 0 && forwarder.health().spool.pending === 101, "a failure, and all on disk");
  const health = forwarder.health();
  assert.deepEqual([health.taken, health.stored, health.spool.state], [101, 0, "normal"]);
  assert.equal(typeof health.lastError, "string");
  leftOnDisk(await bus.close({ timeoutMs: 1500 }), 101);
});

test("events leave as batches of the wire", async () => {
  const bodies = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    bodies.push([request.headers.authorization, request.headers["content-type"], Buffer.concat(chunks)]);
    response.statusCode = 503;
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const forwarder = new Forwarder(`http://127.0.0.1:${server.address().port}`, { token: "vbt_secret", expiring: ["performance"], compressFrom: Infinity });
  const bus = new VerificationEventBus(1000, { service: "web" });
  bus.registerHandler(forwarder, { name: "collector" });
  bus.publish(authentication("login", { actor: "alice" }));
  await until(() => bodies.length > 0, "a request");
  const [authorization, type, body] = bodies[0];
  assert.equal(authorization, "Bearer vbt_secret");
  assert.match(type, /veribus\.v1\+msgpack/);
  const batch = codec.decode(body, "msgpack");
  assert.deepEqual([batch.service, batch.events[0].actor], ["web", "alice"]);
  assert.doesNotMatch(JSON.stringify([forwarder.health(), bus.health()]), /vbt_secret/);
  assert.equal(bus.health().handlers[0].name, "collector");
  await bus.close({ timeoutMs: 300 });
});

test("a destination that hangs holds up nobody", async () => {
  const silent = createTcpServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  after(() => silent.close());
  const bus = new VerificationEventBus(1000);
  bus.registerHandler(new Forwarder(`http://127.0.0.1:${silent.address().port}`, { spool: join(folder(), "spool") }));
  for (let n = 0; n < 10; n++) {
    bus.publish(security("e"));
  }
  const begun = Date.now();
  assert.equal((await bus.publishConfirmed(security("e"), { timeoutMs: 10_000 })).accepted, true);
  const report = await bus.close({ timeoutMs: 2000 });
  assert.ok(Date.now() - begun < 4000);
  leftOnDisk(report, 11);
});

test("without a spool nothing is durable, and what memory cannot hold is counted", async () => {
  const forwarder = new Forwarder(`http://127.0.0.1:${await freePort()}`, { memoryBytesMax: 2000 });
  const bus = new VerificationEventBus(20_000);
  bus.registerHandler(forwarder);
  await assert.rejects(bus.publishConfirmed(security("e")), { name: "NoDurableHandlerError" });
  for (let n = 0; n < 2000; n++) {
    bus.publish(security("e", { target: `a-${n}` }));
  }
  await bus.flush({ timeoutMs: 10_000 });
  const { taken, lost, inMemory } = forwarder.health();
  assert.equal(taken, 2000);
  assert.ok(lost.queue_full > 0);
  assert.equal(lost.queue_full + inMemory, 2000);
  await bus.close({ timeoutMs: 300 });
});

test("a full spool refuses who waits and counts the others", async () => {
  const forwarder = new Forwarder(`http://127.0.0.1:${await freePort()}`, {
    spool: join(folder(), "spool"), spoolBytesMax: 64_000, reserveBytes: 4096, segmentBytes: 16_384,
  });
  const bus = new VerificationEventBus(100_000);
  bus.registerHandler(forwarder);
  for (let n = 0; n < 3000; n++) {
    bus.publish(security("e", { target: `a-${n}` }));
  }
  await until(() => forwarder.health().taken === 3000 && forwarder.health().lost.spool_full > 0, "the full spool");
  await assert.rejects(bus.publishConfirmed(security("e", { reason: "x".repeat(2000) }), { timeoutMs: 10_000 }), { name: "NotDurableError" });
  await until(() => forwarder.health().lost.spool_full + forwarder.health().spool.pending === 3001, "the whole account");
  const { spool } = forwarder.health();
  assert.ok(spool.bytes <= 64_000, JSON.stringify(spool));
  await bus.close({ timeoutMs: 300 });
});

test("an address or option that cannot be used is answered with one that can, and without its secrets", async () => {
  const home = folder();
  const said = (url, options) => {
    let message;
    assert.throws(() => new Forwarder(url, options), (thrown) => {
      assert.equal(thrown.name, "ConfigError");
      assert.match(thrown.code, /^CFG_(ADDRESS|KEY_UNKNOWN)$/);
      assert.doesNotMatch(inspect(thrown), /hunter2/);
      message = thrown.message;
      return true;
    });
    return message;
  };
  assert.match(said("http://192.0.2.1:7480"), /https:\/\/192\.0\.2\.1:7480/);
  assert.match(said("https://c.example", { cafile: "x" }), /`cafile`.*caFile/);
  assert.match(said("https://c.example", { nkeyFile: "x" }), /nkey_file/);
  assert.match(said("kafka://localhost"), /no such way/);
  assert.match(said("ftp://x"), /no such way/);
  assert.match(said("https://c.example", { caFile: join(home, "missing.pem") }), /cannot read/);
  assert.match(said("https://c.example", { tokenFile: join(home, "missing") }), /cannot read/);
  writeFileSync(join(home, "open"), "hunter2");
  chmodSync(join(home, "open"), 0o644);
  assert.match(said("https://c.example", { tokenFile: join(home, "open") }), /chmod 600/);
  assert.match(said("redis://user:hunter2@192.0.2.1"), /this machine/);
  assert.match(said("nats://localhost", { answerTimeoutMs: 1 }), /from 100ms/);
  assert.match(said("nats://localhost", { answerTimeoutMs: "soon" }), /like `250ms`/);
  assert.throws(() => new VerificationEventBus(100).registerHandler(new Forwarder("http://localhost", { lingerMs: -1 })), { code: "CFG_VALUE_RANGE" });
  assert.throws(() => new VerificationEventBus(100).registerHandler(new Forwarder("http://localhost", { expiring: ["nonsense"] })), { code: "EVT_KIND_INVALID" });
  assert.doesNotMatch(inspect(new Forwarder("nats://user:hunter2@localhost").health()), /hunter2/);
  const one = new Forwarder("http://localhost", { expiring: ["performance"], token: undefined });
  const bus = new VerificationEventBus(100);
  bus.registerHandler(one);
  assert.throws(() => bus.registerHandler(one), { code: "HND_ALREADY_REGISTERED" });
  await bus.close({ timeoutMs: 100 });
});

test("a spool that cannot be made is said when it is registered", () => {
  const home = folder();
  writeFileSync(join(home, "file"), "no directory");
  const bus = new VerificationEventBus(100);
  const register = (options) => bus.registerHandler(new Forwarder("http://localhost", options));
  assert.throws(() => register({ spool: join(home, "file", "spool") }), { name: "ForwardError", code: "FWD_IO" });
  assert.throws(() => register({ spool: home, spoolBytesMax: 2 ** 60 }), { code: "FWD_CEILING" });
});

/** A key, and a certificate of its own for `localhost`. */
function certificate(home) {
  const [keyFile, certFile] = [join(home, "key.pem"), join(home, "ca.pem")];
  const args = [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-keyout", keyFile, "-out", certFile,
    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
  ];
  const made = spawnSync("openssl", args, { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  return { keyFile, certFile };
}

test("TLS with a private authority, and a token from a file", needs("openssl"), async () => {
  const home = folder();
  const { keyFile, certFile } = certificate(home);
  writeFileSync(join(home, "token"), "vbt_secret\n");
  chmodSync(join(home, "token"), 0o600);
  const stored = [];
  const tokens = new Set();
  // Answers as a collector does; the collector itself listens on this machine alone.
  const server = createTlsServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, async (request, response) => {
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const events = chunks.length > 0 ? codec.decode(Buffer.concat(chunks), "msgpack").events : [];
    stored.push(...events);
    tokens.add(request.headers.authorization);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ accepted: events.length, duplicates: 0, rejected: [], parcel: request.headers["veribus-parcel"] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `https://localhost:${server.address().port}`;
  const untrusted = new Forwarder(url, { spool: join(home, "one") });
  const one = new VerificationEventBus(100);
  one.registerHandler(untrusted);
  one.publish(security("e"));
  await until(() => untrusted.health().failures > 0, "a failure");
  leftOnDisk(await one.close({ timeoutMs: 1500 }), 1);
  assert.deepEqual(stored, []);
  const trusted = new Forwarder(url, { spool: join(home, "two"), caFile: certFile, tokenFile: join(home, "token"), compressFrom: Infinity });
  const two = new VerificationEventBus(1000);
  two.registerHandler(trusted);
  for (let n = 0; n < 20; n++) {
    two.publish(security("e", { target: `tls-${n}` }));
  }
  await until(() => trusted.health().stored === 20, "the receipts");
  assert.equal((await two.close({ timeoutMs: 5000 })).spooled, 0);
  assert.deepEqual(stored.map((event) => event.target), Array.from({ length: 20 }, (_, n) => `tls-${n}`));
  assert.deepEqual([...tokens], ["Bearer vbt_secret"]);
});
