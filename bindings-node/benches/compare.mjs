// What one event costs the event loop, beside the peers, in one run: `node benches/compare.mjs`, after `npm run build`.
//
// Every contender builds the same event (9 fields, 4 attributes) and hands it over, 20 000 in a burst, then drains
// outside of the clock; rounds of all of them are interleaved. Shown is the median over the rounds, and the range. What
// other threads do (the bus, pino's destination) is not in it where they have a core of their own.

import { createSecretKey } from "node:crypto";
import { EventEmitter } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import os from "node:os";
import { performance } from "node:perf_hooks";

import { logs } from "@opentelemetry/api-logs";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { jwtVerify } from "jose";
import jwt from "jsonwebtoken";
import pino from "pino";
import { authentication, MetricsCollector, VerificationEventBus } from "veribus";
import winston from "winston";
import TransportStream from "winston-transport";

const EVENTS = Number(process.env.EVENTS ?? 20_000);
const ROUNDS = Number(process.env.ROUNDS ?? 15);

const sample = (n) => ({
  outcome: "failure", severity: "medium", reason: "bad_password", actor: `user-${n & 1023}@example.com`, sourceIp: `203.0.113.${n & 255}`,
  sourcePort: 50_000 + (n & 1023), target: "/api/login", durationMs: 1.25, method: "password",
  attributes: { tenant_id: `t-${n & 63}`, user_agent: "Mozilla/5.0 (X11; Linux x86_64)", attempts: n & 7, mfa: false },
});

const bus = new VerificationEventBus(100_000, { handlerQueue: 1 << 20 });
bus.registerHandler(new MetricsCollector());
const built = Array.from({ length: 1024 }, (_, n) => authentication("login", sample(n)));

const null_ = openSync("/dev/null", "w");
const destination = pino.destination({ dest: null_, sync: false, minLength: 4096 });
const pinoLogger = pino({ base: undefined }, destination);
const winstonLogger = winston.createLogger({
  format: winston.format.json(),
  transports: [new (class extends TransportStream { log(_info, next) { next(); } })()],
});
let exported = 0;
const exporter = { export: (records, done) => ((exported += records.length), done({ code: 0 })), shutdown: async () => {}, forceFlush: async () => {} };
const provider = new LoggerProvider({
  processors: [new BatchLogRecordProcessor({ exporter, maxQueueSize: 1 << 17, maxExportBatchSize: 4096, scheduledDelayMillis: 10 })],
});
logs.setGlobalLoggerProvider(provider);
const otel = logs.getLogger("bench");
const emitter = new EventEmitter();
let kept = 0;
emitter.on("login", (event) => void (kept += event.actor.length));

const CONTENDERS = {
  "veribus: build and publish": (n) => bus.publish(authentication("login", sample(n))),
  "veribus: publish an event that is built": (n) => bus.publish(built[n & 1023]),
  "veribus: verify around nothing": () => bus.verify("jwt.signature", { actor: "alice" }, () => true),
  "JSON.stringify of the event": (n) => void (kept += JSON.stringify({ kind: "authentication", action: "login", ...sample(n) }).length),
  "pino, asynchronous destination": (n) => pinoLogger.warn(sample(n), "login"),
  "winston, transport that drops": (n) => winstonLogger.warn("login", sample(n)),
  "OpenTelemetry logs, batch, null exporter": (n) => {
    const { attributes, ...fields } = sample(n);
    otel.emit({ body: "login", attributes: { ...fields, ...attributes } });
  },
  "EventEmitter.emit (the floor)": (n) => emitter.emit("login", sample(n)),
  "building the object alone": (n) => void (kept += sample(n).actor.length),
};

/**
 * Microseconds of the clock; on a machine that has other work, with CLOCK=thread, those that this thread has worked. The
 * system brings these up to date where a thread stops for a moment.
 */
const pause = new Int32Array(new SharedArrayBuffer(4));
const worked = process.env.CLOCK === "thread"
  ? () => (Atomics.wait(pause, 0, 0, 0.1), Number(readFileSync("/proc/self/schedstat", "utf8").split(" ", 1)[0]) / 1000)
  : () => performance.now() * 1000;

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function drain() {
  await bus.flush({ timeoutMs: 10_000 });
  await provider.forceFlush();
  await new Promise((resolve) => destination.flush(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

const results = Object.fromEntries(Object.keys(CONTENDERS).map((name) => [name, []]));
for (let round = 0; round < ROUNDS + 2; round++) {
  for (const [name, publish] of Object.entries(CONTENDERS)) {
    const begun = worked();
    for (let n = 0; n < EVENTS; n++) {
      publish(n);
    }
    const took = (worked() - begun) / EVENTS;
    await drain();
    if (round >= 2) {
      results[name].push(took);
    }
  }
}

console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, load ${os.loadavg()[0].toFixed(1)}, Node ${process.version}; µs an event, ${ROUNDS} rounds of ${EVENTS}`);
for (const [name, took] of Object.entries(results)) {
  console.log(`${name.padEnd(42)} ${median(took).toFixed(3).padStart(8)}   (${Math.min(...took).toFixed(3)} – ${Math.max(...took).toFixed(3)})`);
}
const ours = median(results["veribus: build and publish"]);
for (const peer of ["JSON.stringify of the event", "pino, asynchronous destination", "winston, transport that drops", "OpenTelemetry logs, batch, null exporter"]) {
  console.log(`${peer}: ${(median(results[peer]) / ours).toFixed(2)} × build and publish`);
}

// `verify` around a real check, in blocks that alternate with blocks of the check alone. Given a text as its key,
// jsonwebtoken tries it as a public key first, which takes half a millisecond; jose is asynchronous.
const secret = Buffer.from("secret-of-the-bench, 32 bytes long");
const key = createSecretKey(secret);
const token = jwt.sign({ sub: "alice", scope: "orders:write" }, key);
const fields = { actor: "alice", method: "jwt" };
const CHECKS = {
  "HS256 by jose": () => jwtVerify(token, key),
  "HS256 by jsonwebtoken, key of text": () => jwt.verify(token, secret.toString()),
  "HS256 by jsonwebtoken, key made once": () => jwt.verify(token, key),
};

for (const [name, check] of Object.entries(CHECKS)) {
  const block = name.endsWith("text") ? 50 : 1000;
  const time = async (work) => {
    const begun = worked();
    for (let n = 0; n < block; n++) await work();
    return (worked() - begun) / block;
  };
  const alone = [];
  const added = [];
  for (let round = 0; round < 2 * ROUNDS + 10; round++) {
    // By turns, so that neither is always the one that comes after the pause.
    const verified = () => bus.verify("jwt.signature", fields, check);
    const first = await time(round % 2 === 0 ? check : verified);
    const second = await time(round % 2 === 0 ? verified : check);
    const [one, two] = round % 2 === 0 ? [first, second] : [second, first];
    if (round >= 10) {
      alone.push(one);
      added.push(two - one);
    }
    await drain();
  }
  console.log(`${name}: ${median(alone).toFixed(2)} µs alone; verify adds ${median(added).toFixed(3)} µs, ${((median(added) / median(alone)) * 100).toFixed(1)} %`);
}
const health = bus.health();
console.log(`OpenTelemetry's exporter was given ${exported} records`);
console.log(`attempted ${health.attempted}, dropped ${JSON.stringify(health.dropped)}, rejected ${health.rejected}`);
await bus.close();
closeSync(null_);
