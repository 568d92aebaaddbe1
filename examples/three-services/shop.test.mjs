// The acceptance test: Node, Python and Rust in one trace, over HTTP, NATS and Redis; with real servers that fail.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { build, has, LAMP, Shop, tour } from "./shop.mjs";

const programs = build();
const page = readFileSync(new URL("../../docs/three-services.md", import.meta.url), "utf8");

const rows = (text) => text.trim().split("\n").map((line) => line.trim().split(" "));
const BOOKED = rows(`
  web token.signature success
  web token.address success
  web order.create success
  orders api_key success
  orders account.use success
  ledger order.signature success
  ledger entry.write success`);
/** An order that ends otherwise: the rows of one that is booked, up to the last that is given, and that one. */
const but = (...ends) => [...BOOKED.slice(0, BOOKED.findIndex((row) => row[1] === ends[0][1])), ...ends];
const failure = (service, action) => [service, action, "failure"];
const REFUSED_BY_WEB = failure("web", "http.request");
const REFUSED_BY_ORDERS = [failure("orders", "http.request"), REFUSED_BY_WEB];
const elsewhere = (timeline) => timeline.map((row) => (row[1] === "token.address" ? failure(...row) : row));

const ATTACK = [
  ...elsewhere(but(failure("ledger", "order.signature"))),
  ...[1, 2, 3].flatMap(() => elsewhere(but(failure("orders", "account.use"), ...REFUSED_BY_ORDERS))),
];

/** The lines of the tour without what is different each time: ids, numbers, order, and what else raises a risk. */
const lines = (text) =>
  text
    .replace(/(rule of level \w+) .*/g, "$1")
    .replace(/[0-9a-f]{32}|[0-9a-f]{16}/g, "ID")
    .replace(/took=\S+|[\d.,:TZ+-]*\d[\d.,:TZ+-]*/g, "#")
    .split("\n")
    .map((line) => line.trim().replace(/ +/g, " "))
    .sort();

for (const [over, server] of [["http"], ["nats", "nats-server"], ["redis", "redis-server"]]) {
  test(`one trace tells what three languages checked, over ${over}`, { timeout: 120_000 }, async (t) => {
    if (server !== undefined && !has(server)) {
      console.log(`skipped: ${server} is not on this machine`);
      return t.skip(`${server} is not on this machine`);
    }
    const shop = await Shop.open(programs, over);
    t.after(() => shop.close());
    const stored = { web: 0, orders: 0, ledger: 0 };
    const told = async (trace, expected) => {
      assert.deepEqual(await shop.timeline(trace, expected.length), expected);
      expected.forEach(([service]) => stored[service]++);
    };
    const ends = async (status, expected, order) => {
      const answer = await shop.order(order);
      assert.equal(answer.status, status);
      await told(answer.trace, expected);
    };

    await t.test("an attack through all three is one alert of the trace", async () => {
      const { text, honest, attack } = await tour(shop);
      await told(honest, BOOKED);
      await told(attack, ATTACK);
      const sdks = shop.json("trace", attack).events.map(({ source }) => `${source.service} ${source.sdk}`);
      assert.deepEqual([...new Set(sdks)], ["web veribus-node", "orders veribus-python", "ledger veribus-rust"]);
      const { alerts } = shop.json("alerts", "list");
      assert.deepEqual(alerts.map(({ rule }) => rule).sort(), ["credential-replay", "token-thief"]);
      assert.deepEqual(alerts.find(({ rule }) => rule === "token-thief").entity, { kind: "trace", value: attack });
      assert.doesNotMatch(text, new RegExp(shop.secret), "a secret is shown");
      assert.deepEqual(lines(/```text\n([^]*?)```/.exec(page)[1]), lines(text), "docs/three-services.md: node examples/three-services/shop.mjs");
    });

    await t.test("each service refuses for its own reason", async () => {
      await ends(401, [failure("web", "token.signature"), REFUSED_BY_WEB], { token: shop.token({ secret: "guessed" }) });
      await ends(403, but(failure("web", "order.create"), REFUSED_BY_WEB), { token: shop.token({ scope: "orders:read" }) });
      await ends(401, [failure("orders", "api_key"), REFUSED_BY_ORDERS[0]], { to: shop.orders });
      await ends(422, but(failure("ledger", "order.signature")), { order: { ...LAMP, amount: 900 }, signed: LAMP });
      await ends(403, but(failure("ledger", "entry.write"), ...REFUSED_BY_ORDERS), { order: { ...LAMP, amount: 9_000 } });
    });

    const goesOnWithout = async (what, stop, start) => {
      await t.test(`all three go on answering without the ${what}, and catch up`, async () => {
        await stop();
        const began = performance.now();
        const { status, trace } = await shop.order();
        assert.deepEqual([status, performance.now() - began < 5_000], [201, true]);
        assert.deepEqual(shop.json("trace", trace).events, [], `the ${what} is away`);
        await start();
        await told(trace, BOOKED);
      });
    };
    await goesOnWithout("collector", () => shop.collector.end("SIGKILL"), () => shop.startCollector());
    if (shop.broker !== undefined) {
      await goesOnWithout("broker", () => shop.broker.kill(), () => shop.broker.start());
    }

    await t.test("the books balance, and one attack is still one alert", async () => {
      await shop.stopServices();
      const { producers } = shop.json("accounting"); // fails where something is missing
      const found = producers.map(({ service, received, stored, duplicates, conflicts, lost, pending, missing }) => {
        assert.deepEqual([received, lost, pending, missing], [stored + duplicates + conflicts, {}, 0, 0], service);
        return [service, stored];
      });
      assert.deepEqual(Object.fromEntries(found), stored);
      assert.equal(producers.length, 3, "each service started once");
      assert.equal(shop.json("alerts", "list").alerts.filter(({ rule }) => rule === "token-thief").length, 1);
    });
  });
}
