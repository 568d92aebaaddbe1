// Each framework and logger, the real one: trace and peer inside of a request, denials as events, records as events.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";

import "reflect-metadata";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { serve as serveHono } from "@hono/node-server";
import { Controller, ForbiddenException, Get, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import pino from "pino";
import { authentication, trace, VerificationEventBus } from "veribus";
import { veribus as expressVeribus } from "veribus/express";
import fastifyVeribus from "veribus/fastify";
import { veribus as honoVeribus } from "veribus/hono";
import { useVeribus, Verified } from "veribus/nestjs";
import { VeribusLogRecordProcessor } from "veribus/opentelemetry";
import { pinoStream } from "veribus/pino";
import { VeribusTransport } from "veribus/winston";
import winston from "winston";

import { captured, folder, program, until } from "./support.mjs";

const HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const { bus, seen } = captured();

afterEach(() => void (seen.length = 0));

/** What every framework's handlers do. */
async function inside(body) {
  trace.context().actor = "alice";
  await new Promise((resolve) => setTimeout(resolve, 1));
  bus.verify("order.read", { kind: "authorization" }, () => body !== "wrong");
}

async function listening(server) {
  if (!server.listening) {
    await once(server, "listening");
  }
  after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** A request that is fine, one with a body, three that are denied, and two at once: the same for every framework. */
async function check(url) {
  const headers = { traceparent: HEADER };
  assert.equal((await fetch(`${url}/orders?token=secret`, { headers })).status, 200);
  assert.equal((await fetch(`${url}/orders`, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify({ a: "x".repeat(100_000) }) })).status, 200);
  for (const status of [401, 403, 429, 404]) {
    assert.equal((await fetch(`${url}/deny/${status}?token=secret`, { headers })).status, status);
  }
  await until(async () => (await bus.flush()) && seen.length >= 5, "the events");
  const [read, written, ...denied] = seen;
  for (const event of [read, written]) {
    assert.deepEqual([event.kind, event.action, event.actor, event.sourceIp, event.trace.traceId], ["authorization", "order.read", "alice", "127.0.0.1", TRACE]);
    assert.notEqual(event.trace.spanId, "00f067aa0ba902b7", "a span of ours");
  }
  denied.sort((a, b) => a.reason.localeCompare(b.reason));
  assert.deepEqual(denied.map((event) => [event.kind, event.action, event.reason]), [
    ["authentication", "http.request", "http_401"], ["authorization", "http.request", "http_403"], ["security", "http.rate_limited", "http_429"],
  ]);
  for (const event of denied) {
    assert.equal(event.target, `/deny/${event.reason.slice(5)}`, "without what stands behind the question mark");
    assert.deepEqual([event.sourceIp, event.trace.traceId], ["127.0.0.1", TRACE]);
  }
  seen.length = 0;
  const both = await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}/orders`)));
  assert.ok(both.every((response) => response.status === 200));
  await bus.flush();
  assert.equal(new Set(seen.map((event) => event.trace.traceId)).size, 8, "each request has a trace of its own");
}

test("Express", async () => {
  const app = express();
  app.use(expressVeribus({ bus }));
  app.use(express.json());
  app.all("/orders", async (request, response) => {
    await inside(request.body);
    response.json({});
  });
  app.get("/deny/:status", (request, response) => response.sendStatus(Number(request.params.status)));
  await check(await listening(app.listen(0, "127.0.0.1")));
});

test("a plain server of node:http", async () => {
  const middleware = expressVeribus({ bus });
  const server = createServer((request, response) => middleware(request, response, async () => {
    for await (const _ of request);
    const status = /^\/deny\/(\d+)/.exec(request.url)?.[1];
    if (status === undefined) {
      await inside();
    }
    response.statusCode = Number(status ?? 200);
    response.end();
  }));
  await check(await listening(server.listen(0, "127.0.0.1")));
});

test("Fastify", async () => {
  const app = Fastify();
  await app.register(fastifyVeribus, { bus });
  app.route({ method: ["GET", "POST"], url: "/orders", handler: async (request) => (await inside(request.body), {}) });
  app.get("/deny/:status", async (request, reply) => reply.code(Number(request.params.status)).send());
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  after(() => app.close());
  await check(url);
});

test("Hono", async () => {
  const app = new Hono();
  app.use(honoVeribus({ bus }));
  app.on(["GET", "POST"], "/orders", async (context) => {
    await inside(context.req.method === "POST" ? await context.req.json() : undefined);
    return context.json({});
  });
  app.get("/deny/:status", (context) => context.body(null, Number(context.req.param("status"))));
  await check(await listening(serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" })));
});

test("NestJS", async () => {
  class Orders {
    async read() {
      await inside();
      return {};
    }
    deny() {
      throw new ForbiddenException();
    }
    decode(token) {
      return token === "good";
    }
  }
  // What the decorators of TypeScript do.
  const decorate = (decorators, name) => decorators.reduceRight((found, one) => one(Orders.prototype, name, found) ?? found, Object.getOwnPropertyDescriptor(Orders.prototype, name));
  decorate([Get("orders")], "read");
  decorate([Get("deny")], "deny");
  Object.defineProperty(Orders.prototype, "decode", decorate([Verified("jwt.signature", { bus, actor: "bob" })], "decode"));
  Controller()(Orders);
  class AppModule {}
  Module({ controllers: [Orders] })(AppModule);
  const own = new VerificationEventBus(100);
  const events = [];
  own.registerHandler((batch) => void events.push(...batch));
  const app = await NestFactory.create(AppModule, { logger: false });
  await useVeribus(app, { bus: own });
  await app.listen(0, "127.0.0.1");
  const url = await app.getUrl();
  assert.equal((await fetch(`${url}/orders`, { headers: { traceparent: HEADER } })).status, 200);
  assert.equal((await fetch(`${url}/deny`, { headers: { traceparent: HEADER } })).status, 403);
  await bus.flush();
  assert.deepEqual([seen[0].actor, seen[0].trace.traceId], ["alice", TRACE]);
  await until(async () => (await own.flush()) && events.length === 1, "the denial");
  assert.deepEqual([events[0].reason, events[0].trace.traceId], ["http_403", TRACE]);
  assert.equal(new Orders().decode("bad"), false);
  await bus.flush();
  assert.deepEqual([seen.at(-1).action, seen.at(-1).outcome, seen.at(-1).actor], ["jwt.signature", "failure", "bob"]);
  await app.close();
  assert.equal(own.health().closed, true);
});

test("a pino stream publishes records beside the lines", async () => {
  const lines = [];
  const stream = pinoStream({ bus });
  const logger = pino({}, pino.multistream([{ stream: { write: (line) => lines.push(line) } }, { stream }]));
  logger.warn({ actor: "alice", outcome: "failure", action: "login", tenant_id: "t-1", sourceIp: "203.0.113.9" }, "login failed");
  logger.info("hello");
  logger.error({ list: [1, 2], "log.message": "of the record's own" }, "broken");
  logger.info({ actor: { not: "a name" } }, "refused");
  stream.write("no json\n");
  await bus.flush();
  assert.equal(lines.length, 4);
  const [login, hello, broken] = seen;
  assert.deepEqual(
    [login.action, login.severity, login.actor, login.outcome, login.sourceIp, login.attributes],
    ["login", "medium", "alice", "failure", "203.0.113.9", { "log.message": "login failed", tenant_id: "t-1" }],
  );
  assert.deepEqual([hello.action, hello.severity, broken.severity, broken.attributes], ["log.record", "low", "high", { list: [1, 2], "log.message": "broken" }]);
  assert.deepEqual([seen.length, stream.refused, stream.malformed], [3, 1, 1]);
});

test("pino loads veribus/pino as a transport, in a worker, and the trail has the record", async () => {
  const path = join(folder(), "audit.log");
  const ended = await program(`
    import pino from "pino";
    const transport = pino.transport({ target: "veribus/pino", options: { service: "web", audit: ${JSON.stringify(path)} } });
    const alive = setInterval(() => undefined, 1000);
    transport.on("ready", () => {
      pino(transport).warn({ actor: "alice", action: "login" }, "login failed");
      transport.end();
    });
    transport.on("close", () => clearInterval(alive));
  `);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(readFileSync(path, "utf8"), /"actor":\{"name":"alice"\}/);
});

test("a winston transport publishes records beside the lines", async () => {
  const transport = new VeribusTransport({ bus });
  const logger = winston.createLogger({ transports: [transport], level: "silly" });
  logger.warn("login failed", { actor: "alice", outcome: "failure", action: "login", tenant_id: "t-1" });
  logger.debug("details");
  logger.error("refused", { sourceIp: "nowhere" });
  await bus.flush();
  assert.deepEqual(
    [seen[0].action, seen[0].severity, seen[0].actor, seen[0].attributes],
    ["login", "medium", "alice", { "log.message": "login failed", tenant_id: "t-1" }],
  );
  assert.deepEqual([seen[1].severity, seen.length, transport.refused], ["informational", 2, 1]);
});

test("OpenTelemetry log records become events beside the exporters, and a bad one costs itself alone", async () => {
  const exporter = new InMemoryLogRecordExporter();
  const processor = new VeribusLogRecordProcessor({ bus });
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter }), processor] });
  const logger = provider.getLogger("shop");
  const circle = {};
  circle.self = circle;
  logger.emit({ body: "login failed", severityNumber: 13, attributes: { actor: "alice", "http.route": "/login" } });
  logger.emit({ body: { order: 7 }, severityNumber: 21, eventName: "orders.denied" });
  logger.emit({ body: "hello", severityNumber: 9 });
  processor.onEmit({ body: circle, severityNumber: 17 });
  processor.onEmit({ body: "x", severityNumber: 17, attributes: { get actor() { throw new Error("no"); } } });
  logger.emit({ body: "x", severityNumber: 17, attributes: { sourceIp: "nowhere" } });
  await bus.flush();
  assert.deepEqual(seen.map((event) => [event.action, event.severity, event.actor, event.attributes]), [
    ["log.record", "medium", "alice", { "log.message": "login failed", "http.route": "/login" }],
    ["orders.denied", "critical", undefined, { "log.message": '{"order":7}' }],
  ]);
  assert.equal(processor.refused, 3);
  await provider.shutdown();
});

test("an integration without a bus of its own uses that of the process", async () => {
  const { init, getBus } = await import("veribus");
  const made = init({ audit: false });
  assert.equal(getBus(), made);
  assert.equal(made.publish(authentication("x")).accepted, true);
  await made.close();
});
