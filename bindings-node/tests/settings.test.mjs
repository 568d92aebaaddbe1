// `init`: arguments win over the environment, wrong settings are named, and a taken trail is no reason not to start.

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { authentication, init, publish, verified, verify, VerificationEventBus } from "veribus";

import { folder, leftOnDisk } from "./support.mjs";

const before = { ...process.env };
const cwd = process.cwd();
const home = folder();

beforeEach(() => process.chdir(home));
afterEach(() => {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) {
    if (!(name in before)) {
      delete process.env[name];
    }
  }
});

test("without a collector events go into an audit trail", async () => {
  const bus = init({ service: "web" });
  assert.equal(publish(authentication("login")).accepted, true);
  assert.equal(verify("x", () => 7), 7);
  assert.equal(verified("y", (n) => n + 1)(1), 2);
  assert.deepEqual(bus.health().handlers.map((handler) => handler.name), ["audit"]);
  assert.ok(existsSync(join(home, "veribus-audit", "audit.log")));
  // A second one in the same folder gets a trail beside it.
  const other = init({ service: "web" });
  await bus.close();
  assert.equal(other.publish(authentication("login")).accepted, true);
  await other.close();
});

test("arguments win over the environment", async () => {
  Object.assign(process.env, { VERIBUS_SERVICE: "from-environment", VERIBUS_AUDIT: "off", VERIBUS_CAPACITY: "64", VERIBUS_REDACT: "pet,car" });
  const one = init();
  assert.deepEqual([one.service, one.health().handlers.length], ["from-environment", 0]);
  const two = init({ service: "argument", audit: join(home, "own.log") });
  assert.deepEqual([two.service, two.health().handlers.length], ["argument", 1]);
  await one.close();
  await two.close();
});

test("a collector gets a forwarder with a spool, of which the token is never shown", async () => {
  Object.assign(process.env, { VERIBUS_URL: "http://127.0.0.1:9", VERIBUS_TOKEN: "vbt_secret" });
  const bus = init({ service: "web" });
  assert.deepEqual(bus.health().handlers.map((handler) => handler.name), ["forward"]);
  assert.ok(existsSync(join(home, "veribus-spool")));
  const receipt = await bus.publishConfirmed(authentication("login"), { timeoutMs: 10_000 });
  assert.equal(receipt.accepted, true);
  const report = await bus.close({ timeoutMs: 1500 });
  leftOnDisk(report, 1);
  assert.doesNotMatch(JSON.stringify(report), /vbt_secret/);
});

test("wrong settings are named", async () => {
  assert.throws(() => init({ servce: "x" }), { code: "CFG_KEY_UNKNOWN", message: /servce/ });
  assert.throws(() => init({ collector: "gopher://x" }), { code: "CFG_ADDRESS" });
  assert.throws(() => init({ collector: "http://127.0.0.1:1", tokenFile: "/nowhere" }), { code: "CFG_ADDRESS" });
  process.env.VERIBUS_CAPACITY = "many";
  assert.throws(() => init(), { code: "CFG_VALUE_RANGE", message: /many/ });
  delete process.env.VERIBUS_CAPACITY;
  process.env.VERIBUS_COLLECTOR_FILE = join(home, "nowhere");
  assert.throws(() => init(), { code: "CFG_FILE" });
  writeFileSync(join(home, "collector"), "http://127.0.0.1:9\n");
  process.env.VERIBUS_COLLECTOR_FILE = join(home, "collector");
  const bus = init({ spool: false });
  assert.deepEqual(bus.health().handlers.map((handler) => handler.name), ["forward"]);
  await bus.close({ timeoutMs: 100 });
});

test("the environment's file of a collector wins over the collector of a settings file", async () => {
  const config = join(home, "both.toml");
  writeFileSync(config, 'collector = "gopher://file"\n');
  writeFileSync(join(home, "address"), "http://127.0.0.1:9\n");
  assert.throws(() => init({ config }), { code: "CFG_ADDRESS" });
  process.env.VERIBUS_COLLECTOR_FILE = join(home, "address");
  const bus = init({ config, spool: false });
  assert.deepEqual(bus.health().handlers.map((handler) => handler.name), ["forward"]);
  await bus.close({ timeoutMs: 100 });
  // Beside an address of a stronger source the file is not even read; in one source the address wins.
  process.env.VERIBUS_COLLECTOR_FILE = join(home, "nowhere");
  assert.throws(() => init({ config, collector: "gopher://argument" }), { code: "CFG_ADDRESS" });
  process.env.VERIBUS_COLLECTOR = "gopher://environment";
  assert.throws(() => init({ config }), { code: "CFG_ADDRESS" });
});

test("a file gives what neither an argument nor the environment gives, and knows no other words", async () => {
  const config = join(home, "veribus.toml");
  const written = (text) => {
    writeFileSync(config, text);
    return { config };
  };
  const good = 'service = "orders"\ncollector = "http://127.0.0.1:9" # here\nspool = "s"\ncapacity = 0x100\naudit = false\n';
  assert.throws(() => init(written(`${good}close = 1\n`)), { code: "CFG_KEY_UNKNOWN", message: /`close`.*token_file/s });
  assert.throws(() => init(written(`${good}tokenFile = "x"\n`)), { code: "CFG_KEY_UNKNOWN" });
  assert.throws(() => init(written(`${good}capacity = 7\n`)), { code: "CFG_FILE", message: /line 6/ });
  assert.throws(() => init(written('token = "hunter2')), (thrown) => thrown.code === "CFG_FILE" && /line 1/.test(thrown.message) && !/hunter2/.test(thrown.message));
  assert.throws(() => init(written("token = 5")), { code: "CFG_VALUE_RANGE", message: /`token`/ });
  assert.throws(() => init(written("[bus]\nservice = 'x'")), { code: "CFG_VALUE_RANGE", message: /`bus`/ });
  assert.throws(() => init(written("capacity = true")), { code: "CFG_VALUE_RANGE", message: /`capacity`/ });
  assert.throws(() => init({ config: join(home, "missing.toml") }), { code: "CFG_FILE", message: /`config`: cannot read/ });
  const named = init(written(good));
  assert.deepEqual([named.service, named.health().handlers.map((handler) => handler.name)], ["orders", ["forward"]]);
  assert.ok(existsSync(join(home, "s")));
  Object.assign(process.env, { VERIBUS_CONFIG: config, VERIBUS_SPOOL: "off", VERIBUS_ANSWER_TIMEOUT: "250ms", OTEL_SERVICE_NAME: "shop" });
  const bus = init({ audit: join(home, "beside.log") });
  assert.deepEqual([bus.service, bus.health().handlers.map((handler) => handler.name)], ["shop", ["forward", "audit"]]);
  const last = init({ audit: false });
  await assert.rejects(last.publishConfirmed(authentication("x")), { name: "NoDurableHandlerError" });
  process.env.VERIBUS_ANSWER_TIMEOUT = "250";
  assert.throws(() => init(), { code: "CFG_ADDRESS", message: /like `250ms`/ });
  for (const made of [named, bus, last]) {
    await made.close({ timeoutMs: 100 });
  }
});

test("a disabled bus takes events and hands them to nobody", async () => {
  process.env.VERIBUS_DISABLED = "1";
  const bus = init({ service: "web", collector: "http://127.0.0.1:9" });
  assert.ok(bus instanceof VerificationEventBus);
  assert.deepEqual([bus.publish(authentication("x")).accepted, bus.health().handlers.length], [true, 0]);
  await bus.close();
});
