// Begin and end of processes and workers: FM-24. Each program is a process of its own.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { auditVerify } from "veribus";

import { atLeast, fault, folder, HERE, program } from "./support.mjs";

const home = folder();
let count = 0;

/** A program with a bus, an audit trail, and a handler that prints how much it was given at its end. */
function scene(body, { handler = "(events) => void (given += events.length)" } = {}) {
  const path = join(home, `${++count}.log`);
  const source = `
    import { AuditLogger, authentication, VerificationEventBus } from "veribus";
    let given = 0;
    const bus = new VerificationEventBus(10_000, { service: "life" });
    bus.registerHandler(new AuditLogger(${JSON.stringify(path)}));
    bus.registerHandler(${handler});
    const publish = (count) => { for (let n = 0; n < count; n++) bus.publish(authentication("login", { attributes: { n } })); };
    process.on("exit", () => console.log("given", given));
    ${body}
  `;
  return { path, source };
}

function events(path) {
  const report = auditVerify(path);
  assert.equal(report.intact, true);
  return report.events;
}

for (const [what, body, code] of [
  ["it has nothing left to do", "publish(500);", 0],
  ["process.exit(3)", "publish(500); process.exit(3);", 3],
  ["process.exit in a promise", "publish(500); await null; process.exit(4);", 4],
  ["process.exit in a handler of a signal", "process.on('SIGTERM', () => process.exit(5)); publish(500); process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000);", 5],
  ["an uncaught exception", "publish(500); setTimeout(() => { throw new Error('uncaught'); }, 1);", 1],
  ["an unhandled rejection", "publish(500); Promise.reject(new Error('unhandled'));", 1],
  ["a close that was awaited", "publish(500); await bus.close(); process.exit(0);", 0],
]) {
  for (let round = 0; round < 2; round++) {
    fault(`FM-24: a process that ends by ${what} has lost nothing (round ${round + 1})`, async () => {
      const { path, source } = scene(body);
      const ended = await program(source);
      assert.deepEqual([ended.code, ended.signal], [code, null], ended.stderr);
      assert.equal(events(path), 500);
    });
  }
}

test("handlers in JavaScript get what is left at exit", async () => {
  const { source } = scene("publish(500); process.on('exit', () => console.log('last', given)); process.exit(0);");
  // The bus's own exit hook ran before this one: it was there first.
  const { stdout } = await program(source);
  assert.match(stdout, /given 500/);
});

test("a promise at exit is not waited for, and the process ends", async () => {
  const { path, source } = scene("publish(50); process.exit(0);", { handler: "async () => { await new Promise(() => {}); }" });
  const begun = Date.now();
  const ended = await program(source);
  assert.equal(ended.code, 0);
  assert.ok(Date.now() - begun < 10_000);
  assert.equal(events(path), 50);
});

test("an async handler is waited for when nothing else is left to do", async () => {
  const { source } = scene("publish(50);", {
    handler: "async (events) => { await new Promise((resolve) => setTimeout(resolve, 30)); given += events.length; }",
  });
  const { stdout } = await program(source);
  assert.match(stdout, /given 50/);
});

test("a registered handler alone does not keep a process alive", async () => {
  const begun = Date.now();
  const { code } = await program(scene("").source);
  assert.equal(code, 0);
  assert.ok(Date.now() - begun < 10_000);
});

fault("FM-24: an event loop that is blocked holds up nothing but handlers in JavaScript", async () => {
  const { path, source } = scene(`
    import { readFileSync } from "node:fs";
    publish(100);
    const until = Date.now() + 5000;
    let seen = 0;
    while (Date.now() < until) {
      // The loop is blocked, and the trail is written all the same.
      seen = readFileSync(${JSON.stringify(join(home, `${count + 1}.log`))}, "utf8").split("\\n").filter((line) => line.includes("login")).length;
      if (seen >= 1 && Date.now() > until - 4000) break;
    }
    while (Date.now() < until);
    console.log("while blocked", seen > 0, given);
    await bus.close();
    console.log("afterwards", given);
  `);
  const { stdout } = await program(source);
  assert.match(stdout, /while blocked true 0/);
  assert.match(stdout, /afterwards 100/);
  assert.equal(events(path), 100);
});

for (const [what, end] of [["terminate", "worker.terminate()"], ["its own process.exit", "worker.postMessage('exit')"], ["its own end", "worker.postMessage('end')"]]) {
  fault(`FM-24: a worker that ends by ${what} takes nobody with it`, async () => {
    const inner = join(home, `worker-${++count}.log`);
    const { path, source } = scene(`
      import { once } from "node:events";
      import { Worker } from "node:worker_threads";
      const worker = new Worker(\`
        const { parentPort } = require("node:worker_threads");
        const { AuditLogger, authentication, VerificationEventBus } = require("veribus");
        const bus = new VerificationEventBus(10_000);
        bus.registerHandler(new AuditLogger(${JSON.stringify(inner)}));
        bus.registerHandler(() => undefined);
        (async () => {
          await bus.publishConfirmed(authentication("confirmed"), { timeoutMs: 10_000 });
          parentPort.on("message", (what) => (what === "exit" ? process.exit(0) : parentPort.close()));
          for (let n = 0; n < 200; n++) bus.publish(authentication("buffered"));
          parentPort.postMessage("ready");
        })();
      \`, { eval: true, execArgv: [] });
      await once(worker, "message");
      publish(100);
      const exited = once(worker, "exit");
      ${end};
      await exited;
      publish(100);
      await bus.flush({ timeoutMs: 5000 });
      await bus.close();
      // The worker's trail is let go on a thread of its own: then it can be opened again.
      for (let mine; mine === undefined; await new Promise((resolve) => setTimeout(resolve, 5))) {
        try {
          mine = new AuditLogger(${JSON.stringify(inner)});
        } catch (thrown) {
          if (thrown.code !== "AUD_LOCKED") throw thrown;
        }
      }
    `);
    const ended = await program(source);
    assert.deepEqual([ended.code, ended.signal], [0, null], ended.stderr);
    assert.match(ended.stdout, /given 200/);
    assert.equal(events(path), 200);
    assert.ok(readFileSync(inner, "utf8").includes("confirmed"));
    if (what !== "terminate") {
      assert.equal(events(inner), 201);
    }
  });
}

fault("FM-24: workers come and go under load, and the process lives", async () => {
  const { source } = scene(`
    import { once } from "node:events";
    import { Worker } from "node:worker_threads";
    for (let round = 0; round < 12; round++) {
      const worker = new Worker(\`
        const { authentication, VerificationEventBus } = require("veribus");
        const { parentPort } = require("node:worker_threads");
        const bus = new VerificationEventBus(1000);
        bus.registerHandler(async () => { await new Promise((resolve) => setTimeout(resolve, 5)); });
        setInterval(() => { for (let n = 0; n < 50; n++) bus.publish(authentication("x")); }, 1);
        parentPort.postMessage("ready");
      \`, { eval: true, execArgv: [] });
      await once(worker, "message");
      publish(50);
      await worker.terminate();
    }
    await bus.close();
  `);
  const ended = await program(source, { timeoutMs: 60_000 });
  assert.deepEqual([ended.code, ended.signal], [0, null], ended.stderr);
  assert.match(ended.stdout, /given 600/);
});

fault("FM-24: cluster workers have buses of their own, and a killed one takes nobody with it", () => {
  const ran = spawnSync(process.execPath, [join(HERE, "programs", "cluster.mjs")], { encoding: "utf8", timeout: 30_000 });
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /instances 3\nworker 0\nprimary 1/);
});

fault("FM-24: the garbage collector under pressure moves nothing that is published", async () => {
  const { path, source } = scene(`
    import v8 from "node:v8";
    v8.setFlagsFromString("--expose-gc");
    const { runInNewContext } = await import("node:vm");
    const gc = runInNewContext("gc");
    for (let round = 0; round < 40; round++) {
      publish(20);
      let junk = Array.from({ length: 20_000 }, (_, n) => ({ n }));
      junk = undefined;
      gc();
      new VerificationEventBus(64).registerHandler(() => undefined);
    }
    await bus.close({ timeoutMs: 10_000 });
  `);
  const ended = await program(source, { timeoutMs: 60_000 });
  assert.deepEqual([ended.code, ended.signal], [0, null], ended.stderr);
  assert.equal(events(path), 800);
  assert.match(ended.stdout, /given 800/);
});

fault("FM-24: SIGKILL loses nothing that was confirmed", async () => {
  for (let round = 0; round < 3; round++) {
    const { path, source } = scene(`
      for (let n = 0; ; n++) {
        const receipt = await bus.publishConfirmed(authentication("login", { attributes: { n } }), { timeoutMs: 5000 });
        console.log("confirmed", receipt.id);
      }
    `);
    const ended = await program(source, { signalWhen: "confirmed " });
    assert.equal(ended.signal, "SIGKILL");
    const trail = readFileSync(path, "utf8");
    for (const [, id] of ended.stdout.matchAll(/confirmed ([0-9a-f]{32})\n/g)) {
      assert.ok(trail.includes(id), id);
    }
  }
});

atLeast("FM-24", 22);
