// Compiled, never run: what callers write, and what must not compile.

import {
  AlertHandler, AuditLogger, authentication, authorization, configuration, EventError, failures, Forwarder, init, MetricsCollector,
  performance, publish, Retry, security, trace, verify, VerificationEventBus, type BusHealth, type EventHandler, type VerificationEvent,
} from "veribus";

const bus: VerificationEventBus = init({ service: "web", collector: "https://collector.example", tokenFile: "/run/token" });

async function uses(token: string): Promise<string> {
  const claims: { sub: string } = await verify("jwt.signature", { actor: "alice" }, async () => ({ sub: token }));
  const known: boolean = bus.verify("api_key", (v) => {
    v.set({ actor: "ci" });
    v.fail("revoked");
    return token === "x";
  });
  const id: string | undefined = publish(authentication("login", { outcome: "failure", sourceIp: "203.0.113.9" })).id;
  const receipt = await bus.publishConfirmed(security("attack", { score: 90 }), { timeoutMs: 250 });
  const health: BusHealth = bus.health();
  const decode = bus.verified("jwt", (text: string, times: number) => text.repeat(times));
  const text: string = decode("a", 2);
  return `${claims.sub}${known}${id}${receipt.status}${health.accepted}${text}`;
}

class Keeper implements EventHandler {
  handle(events: readonly VerificationEvent[]): void {
    for (const event of events) {
      if (event.kind === "authentication" && "method" in event) {
        const method: string | undefined = event.method;
        void method;
      }
    }
    throw new Retry(1);
  }
}

const handler = bus.registerHandler(new Keeper(), { kinds: ["security"], atLeast: "high" });
bus.registerHandler(async (events) => void events.length);
bus.registerHandler(new AuditLogger("audit.log", { sync: "batch" }));
bus.registerHandler(new MetricsCollector());
bus.registerHandler(new AlertHandler([failures("brute-force", 5, 600_000)], { sink: (alert) => console.log(alert.line) }));
bus.registerHandler(new Forwarder("https://collector.example", { spool: "spool" }));
const gone: boolean = bus.unregisterHandler(handler);
trace.use(undefined, (context) => void (context.actor = "alice"));
const code: string = new EventError("no", "EVT_TYPE_EMPTY").code;
authorization("read", { permission: "orders:read", attributes: { tenant: "t", big: 1n, raw: new Uint8Array(), nested: { list: [1, "a"] } } });
performance("hs256", { value: 1.5, unit: "ms", count: 10n });
configuration("policy", { setting: "mfa", oldValue: "off", newValue: "on" });

// @ts-expect-error no such severity
authentication("x", { severity: "hgih" });
// @ts-expect-error a field of another family
authentication("x", { permission: "read" });
// @ts-expect-error misspelt
authentication("x", { sourceIP: "203.0.113.9" });
// @ts-expect-error no value of an attribute
authentication("x", { attributes: { f: () => 1 } });
// @ts-expect-error an event is read-only
authentication("x").actor = "alice";
// @ts-expect-error no handler
bus.registerHandler({});
// @ts-expect-error a name of ours only
bus.unregisterHandler({});

export { code, gone, uses };
