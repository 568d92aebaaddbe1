// What the tests share: a bus with a handler that keeps what it gets, child processes, and waiting on conditions.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { VerificationEventBus } from "veribus";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const REPOSITORY = join(HERE, "..", "..");

/** A bus and what its handler has got. */
export function captured(options = {}, registered = {}) {
  const bus = new VerificationEventBus(options.capacity ?? 1000, { service: "test", ...options.bus });
  const seen = [];
  bus.registerHandler(function capture(events) {
    seen.push(...events);
  }, registered);
  after(() => bus.close());
  return { bus, seen };
}

/** Waits until the condition holds, at most ten seconds. */
export async function until(condition, what = "the condition") {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > end) {
      throw new Error(`${what} did not come true within ten seconds`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A folder that goes with the test file. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "veribus-node-"));
  after(() => rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 10 }));
  return path;
}

/** Runs a program of JavaScript in a process of its own; answers how it ended and what it wrote. */
export function program(source, { timeoutMs = 30_000, signalWhen, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
      cwd: join(HERE, ".."), stdio: ["ignore", "pipe", "pipe"], ...options,
    });
    let stdout = "";
    let stderr = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`the program did not end in ${timeoutMs} ms\n${stdout}\n${stderr}`));
    }, timeoutMs);
    child.stdout.on("data", (data) => {
      stdout += data;
      if (signalWhen !== undefined && stdout.includes(signalWhen)) {
        child.kill("SIGKILL");
      }
    });
    child.stderr.on("data", (data) => (stderr += data));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** How many events a ledger accounts for; equal to what it attempted. */
export function balance(health) {
  const sum = (losses) => Object.values(losses).reduce((all, count) => all + count, 0);
  return {
    attempted: health.accepted + sum(health.dropped) + health.rejected + health.returned,
    handlers: health.handlers.map((found) => found.filtered + found.handled + sum(found.lost) + found.queued),
  };
}

/** What a close left on disk; on a machine that is too busy a forwarder may not end in time, and the report says that. */
export function leftOnDisk(report, events) {
  assert.ok(report.spooled === events || report.unfinished.includes("forward"), JSON.stringify(report));
}

const tried = new Map();

/** A test that is named for a fault of docs/node-tests.md: `FM-24: a worker that …`. */
export function fault(name, ...rest) {
  const id = name.slice(0, name.indexOf(":"));
  tried.set(id, (tried.get(id) ?? 0) + 1);
  return test(name, ...rest);
}

/** Stands behind the tests of a file: so many of them were for this fault. */
export function atLeast(id, least) {
  test(`${id} was tried at least ${least} times here`, () => assert.ok((tried.get(id) ?? 0) >= least, `${tried.get(id)}`));
}
