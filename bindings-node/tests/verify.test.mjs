// `verify` records how a check ended, and changes nothing about it.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { trace } from "veribus";

import { captured } from "./support.mjs";

const { bus, seen } = captured();

afterEach(() => void (seen.length = 0));

async function recorded() {
  assert.ok(await bus.flush());
  assert.equal(seen.length, 1);
  return seen[0];
}

test("a check that returns is a success, and its answer passes through", async () => {
  const answer = { sub: "alice" };
  assert.equal(bus.verify("jwt.signature", { actor: "alice", method: "jwt" }, () => answer), answer);
  const event = await recorded();
  assert.deepEqual([event.outcome, event.action, event.actor, event.method], ["success", "jwt.signature", "alice", "jwt"]);
  assert.ok(event.durationMs >= 0 && event.durationMs < 1000);
});

test("a promise is timed to its end", async () => {
  const answer = await bus.verify("api_key", async () => {
    await new Promise((resolve) => setTimeout(resolve, 15));
    return 7;
  });
  assert.equal(answer, 7);
  const event = await recorded();
  assert.ok(event.durationMs >= 10, `${event.durationMs}`);
});

for (const [what, check] of Object.entries({ "at once": () => false, "by a promise": async () => false })) {
  test(`a check that answers false ${what} has failed`, async () => {
    assert.equal(await bus.verify("password", check), false);
    const event = await recorded();
    assert.deepEqual([event.outcome, event.reason], ["failure", "returned_false"]);
  });
}

class TokenExpiredError extends Error {
  name = "TokenExpiredError";
}

for (const [what, check, reason, message] of [
  ["an error", () => { throw new TokenExpiredError("jwt expired"); }, "TokenExpiredError", "jwt expired"],
  ["an error with a code", () => { throw Object.assign(new Error("no"), { code: "ERR_JWT" }); }, "ERR_JWT", "no"],
  ["a text", () => { throw "no"; }, "thrown", "no"],
  ["a rejection", async () => { throw new TypeError("x".repeat(1000)); }, "TypeError", "x".repeat(256)],
]) {
  test(`${what} is a failure, and passes on`, async () => {
    let caught;
    try {
      await bus.verify("jwt.signature", check);
    } catch (thrown) {
      caught = thrown;
    }
    assert.notEqual(caught, undefined);
    const event = await recorded();
    assert.deepEqual([event.outcome, event.reason, event.attributes["exception.message"]], ["failure", reason, message]);
  });
}

test("an aborted check is unknown", async () => {
  const controller = new AbortController();
  const check = bus.verify("remote", () => new Promise((_, reject) => controller.signal.addEventListener("abort", () => reject(controller.signal.reason))));
  controller.abort();
  await assert.rejects(check, { name: "AbortError" });
  const event = await recorded();
  assert.deepEqual([event.outcome, event.reason], ["unknown", "cancelled"]);
});

test("the check says more of itself", async () => {
  bus.verify("api_key", { kind: "authorization", permission: "read" }, (v) => {
    v.set({ actor: "ci-bot", attributes: { a: 1 } });
    v.attribute("b", 2);
    v.fail("revoked");
  });
  const event = await recorded();
  assert.deepEqual(
    [event.kind, event.permission, event.outcome, event.reason, event.actor, event.attributes],
    ["authorization", "read", "failure", "revoked", "ci-bot", { a: 1, b: 2 }],
  );
});

test("what the check said stays, whatever it throws behind it", async () => {
  assert.throws(() => bus.verify("x", (v) => {
    v.succeed();
    throw new Error("later");
  }));
  assert.equal((await recorded()).outcome, "success");
});

test("fields that cannot be in an event do not end the check, and something is recorded", async () => {
  assert.equal(bus.verify("Not A Name", { actor: 5, attributes: { f() {} } }, () => 7), 7);
  const event = await recorded();
  assert.deepEqual([event.action, event.outcome, event.attributes], ["verification", "success", { "veribus.incomplete": true }]);
});

test("verified makes each call of a method a verification", async () => {
  class Keys {
    #known = "k";
    check = bus.verified("api_key", function (key) {
      return key === this.expected;
    });
    expected = this.#known;
  }
  const keys = new Keys();
  assert.equal(keys.check("k"), true);
  assert.equal((await recorded()).outcome, "success");
});

test("inside of a request, verify knows who and whence", async () => {
  trace.use(undefined, (context) => {
    context.actor = "alice";
    bus.verify("x", () => true);
  }, { sourceIp: "203.0.113.9" });
  const event = await recorded();
  assert.deepEqual([event.actor, event.sourceIp], ["alice", "203.0.113.9"]);
});

test("a closed bus changes nothing for the check", async () => {
  const { bus: closed } = captured();
  await closed.close();
  assert.equal(closed.verify("x", () => 7), 7);
  assert.equal(closed.health().dropped.closed, 1);
});

test("what throws whatever is asked of it passes on as it is, and the check has failed", async () => {
  const hostile = new Proxy({}, { get() { throw new Error("no"); }, getPrototypeOf() { throw new Error("no"); } });
  const error = Object.defineProperty(new Error(), "name", { value: 5 });
  for (const thrown of [hostile, error]) {
    let caught;
    try {
      bus.verify("jwt", () => { throw thrown; });
    } catch (found) {
      caught = found;
    }
    assert.ok(caught === thrown);
    const [found] = await bus.verify("jwt", async () => { throw thrown; }).then(() => [], (rejected) => [rejected]);
    assert.ok(found === thrown);
  }
  assert.ok(bus.verify("jwt", () => hostile) === hostile);
  await bus.flush();
  assert.deepEqual(seen.map((event) => event.outcome), ["failure", "failure", "failure", "failure", "success"]);
});
