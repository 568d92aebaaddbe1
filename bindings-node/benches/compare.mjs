// What one event costs the event loop, beside the peers, in one run: `node benches/compare.mjs`, after `npm run build`.
//
// Every contender builds the same event (9 fields, 4 attributes) and hands it over, 20 000 in a burst, then drains
// outside of the clock; rounds of all of them are interleaved. Shown is the median over the rounds, and the range.

import { EventEmitter } from "node:events";
import { closeSync, openSync } from "node:fs";
import os from "node:os";
import { performance } from "node:perf_hooks";

import { logs } from "@opentelemetry/api-logs";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import jwt from "jsonwebtoken";
import pino from "pino";
import { authentication, MetricsCollector, VerificationEventBus } from "veribus";
import winston from "winston";
import TransportStream from "winston-transport";

const EVENTS = 20_000;
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
const provider = new LoggerProvider({
  processors: [new BatchLogRecordProcessor({ export: (_records, done) => done({ code: 0 }), shutdown: async () => {} }, { maxQueueSize: 1 << 17, scheduledDelayMillis: 10 })],
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
    const begun = performance.now();
    for (let n = 0; n < EVENTS; n++) {
      publish(n);
    }
    const took = ((performance.now() - begun) * 1000) / EVENTS;
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

// `verify` around a real check, in blocks that alternate with blocks of the check alone.
const token = jwt.sign({ sub: "alice", scope: "orders:write" }, "secret-of-the-bench");
const check = () => jwt.verify(token, "secret-of-the-bench");
const alone = [];
const added = [];
for (let block = 0; block < 120; block++) {
  const time = (work) => {
    const begun = performance.now();
    for (let n = 0; n < 500; n++) work();
    return ((performance.now() - begun) * 1000) / 500;
  };
  const one = time(check);
  const two = time(() => bus.verify("jwt.signature", { actor: "alice", method: "jwt" }, check));
  if (block >= 20) {
    alone.push(one);
    added.push(two - one);
  }
  await drain();
}
console.log(`HS256 decode alone ${median(alone).toFixed(2)} µs; verify adds ${median(added).toFixed(3)} µs, ${((median(added) / median(alone)) * 100).toFixed(1)} %`);
const health = bus.health();
console.log(`attempted ${health.attempted}, dropped ${JSON.stringify(health.dropped)}, rejected ${health.rejected}`);
await bus.close();
closeSync(null_);
