// The forwarder against a server that receipts: what is published arrives, with its service and trace.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";

import { authentication, Forwarder, VerificationEventBus } from "veribus";

import { folder, until } from "./support.mjs";

test("an unreachable collector costs nothing, and what is confirmed waits on disk", async () => {
  const forwarder = new Forwarder("http://127.0.0.1:9", { spool: join(folder(), "spool"), closeWithinMs: 50, backOffMs: [5, 20] });
  const bus = new VerificationEventBus(1000, { service: "web" });
  bus.registerHandler(forwarder);
  await bus.publishConfirmed(authentication("login"), { timeoutMs: 10_000 });
  for (let n = 0; n < 100; n++) {
    bus.publish(authentication("login"));
  }
  await bus.flush({ timeoutMs: 5000 });
  await until(() => forwarder.health().failures > 0, "a failure");
  const health = forwarder.health();
  assert.deepEqual([health.taken, health.stored, health.spool.pending, health.spool.state], [101, 0, 101, "normal"]);
  assert.equal(typeof health.lastError, "string");
  assert.equal((await bus.close({ timeoutMs: 5000 })).spooled, 101);
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
  const forwarder = new Forwarder(`http://127.0.0.1:${server.address().port}`, { token: "vbt_secret", closeWithinMs: 50, expiring: ["performance"], compressFrom: Infinity });
  const bus = new VerificationEventBus(1000, { service: "web" });
  bus.registerHandler(forwarder, { name: "collector" });
  bus.publish(authentication("login", { actor: "alice" }));
  await until(() => bodies.length > 0, "a request");
  const [authorization, type, body] = bodies[0];
  assert.equal(authorization, "Bearer vbt_secret");
  assert.match(type, /veribus\.v1\+msgpack/);
  const { codec } = await import("veribus");
  const batch = codec.decode(body, "msgpack");
  assert.deepEqual([batch.service, batch.events[0].actor], ["web", "alice"]);
  assert.doesNotMatch(JSON.stringify([forwarder.health(), bus.health()]), /vbt_secret/);
  assert.equal(bus.health().handlers[0].name, "collector");
  await bus.close({ timeoutMs: 1000 });
});

test("a wrong address or option is said at once", () => {
  assert.throws(() => new Forwarder("ftp://x"), { name: "ConfigError", code: "CFG_ADDRESS" });
  assert.throws(() => new Forwarder("http://collector.example"), { code: "CFG_ADDRESS" });
  assert.throws(() => new Forwarder("https://collector.example", { nkeyFile: "x" }), { code: "CFG_ADDRESS" });
  assert.throws(() => new Forwarder("https://collector.example", { caFile: "/nowhere" }), { code: "CFG_ADDRESS" });
});
