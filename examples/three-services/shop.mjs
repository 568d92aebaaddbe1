// The shop on this machine: builds what is missing, starts the collector and the three services, orders and attacks.
//
//     node examples/three-services/shop.mjs [--nats | --redis] [--docs: writes what it says into docs/three-services.md]

import { spawn, spawnSync } from "node:child_process";
import { createHash, createHmac, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const SOON_MS = 60_000;

/** Where Alice is at home, and where the thief of her token is. */
export const HOME = "192.0.2.10";
export const ELSEWHERE = "203.0.113.9";
/** What Alice orders. */
export const LAMP = { account: "alice-1", item: "lamp", amount: 2 };

/** Waits until `probe` answers something true, and answers that. */
export async function until(what, probe) {
  for (const end = Date.now() + SOON_MS; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const found = await probe();
    if (found) {
      return found;
    }
    if (Date.now() > end) {
      throw new Error(`still waiting for ${what}`);
    }
  }
}

/** A process of ours; what it said is kept, to be shown where it fails. */
class Program {
  said = "";

  constructor(command, args, options = {}) {
    this.child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.child.once("close", resolve));
    this.child.once("error", (error) => (this.said += error.message));
    for (const pipe of [this.child.stdout, this.child.stderr]) {
      pipe.on("data", (chunk) => (this.said = (this.said + chunk).slice(-16_384)));
    }
  }

  /** The address that it says it listens on. */
  async url() {
    const address = () => / on (http:\/\/127\.0\.0\.1:\d+)/.exec(this.said)?.[1];
    await until(`an address in: ${this.child.spawnargs.join(" ")}`, () => address() ?? this.child.exitCode !== null);
    if (address() === undefined) {
      throw new Error(`${this.child.spawnargs.join(" ")} ended: ${this.said}`);
    }
    return address();
  }

  async end(signal) {
    this.child.kill(signal);
    await this.ended;
  }
}

const run = (command, args, options = {}) => {
  if (options.stdio !== undefined) {
    console.error(`$ ${command} ${args.join(" ")}`); // may take minutes
  }
  const ran = spawnSync(command, args, { cwd: root, encoding: "utf8", ...options });
  if (ran.status !== 0) {
    throw ran.error ?? new Error(`${command} ${args.join(" ")} ended with ${ran.status}: ${ran.stdout}${ran.stderr}`);
  }
  return ran.stdout;
};

/** Builds what is not there: the collector, the ledger, and both packages with what the services need beside them. */
export function build() {
  const shown = { stdio: ["ignore", "ignore", "inherit"] };
  const env = { ...process.env, VERIBUS_PROFILE: "dev", MATURIN_PEP517_ARGS: "--profile dev" };
  run("cargo", ["build", "--quiet", "--locked", "--workspace", "--bin", "veribus", "--bin", "ledger"], shown);
  const target = JSON.parse(run("cargo", ["metadata", "--no-deps", "--format-version", "1"], { maxBuffer: 1 << 26 })).target_directory;
  if (!existsSync(join(root, "bindings-node/dist/index.mjs"))) {
    run("npm", ["ci", "--silent"], { ...shown, cwd: join(root, "bindings-node"), env });
  }
  if (!existsSync(join(here, "web/node_modules/veribus"))) {
    run("npm", ["ci", "--silent", "--ignore-scripts"], { ...shown, cwd: join(here, "web") });
  }
  const python = process.env.SHOP_PYTHON ?? join(here, "orders/.venv/bin/python");
  if (spawnSync(python, ["-c", "import fastapi, httpx, uvicorn, veribus"]).status !== 0) {
    run("python3", ["-m", "venv", join(here, "orders/.venv")], shown);
    run(python, ["-m", "pip", "install", "--quiet", "-r", join(here, "orders/requirements.txt"), join(root, "bindings-python")], { ...shown, env });
  }
  return { veribus: join(target, "debug/veribus"), ledger: join(target, "debug/ledger"), python };
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** A broker that can be killed and started again on the same port, with what it has on disk. */
class Broker {
  constructor(kind, port, folder) {
    const options = {
      nats: ["nats-server", ["-a", "127.0.0.1", "-p", port, "-js", "-sd", folder]],
      redis: ["redis-server", ["--bind", "127.0.0.1", "--port", port, "--dir", folder, "--save", "", "--appendonly", "yes"]],
    };
    [this.command, this.args] = options[kind];
    this.port = port;
  }

  async start() {
    this.program = new Program(this.command, this.args.map(String));
    const answers = () =>
      new Promise((resolve) => {
        const socket = connect(this.port, "127.0.0.1", () => resolve(socket.destroy())).once("error", () => resolve());
      });
    await until(`${this.command} on port ${this.port}: ${this.program.said}`, answers);
  }

  kill() {
    return this.program.end("SIGKILL");
  }
}

/** Whether a program can be started here. */
export const has = (program) => process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, program)));

/** The collector, a broker if `over` is `nats` or `redis`, and the three services. */
export class Shop {
  folder = mkdtempSync(join(tmpdir(), "shop-"));
  data = join(this.folder, "data");
  secret = randomBytes(32).toString("hex");
  alice = generateKeyPairSync("ed25519");
  services = [];

  static async open(programs, over = "http") {
    const shop = new Shop();
    Object.assign(shop, { programs, port: await freePort() });
    try {
      await shop.#start(over);
      return shop;
    } catch (error) {
      await shop.close();
      throw error;
    }
  }

  async #start(over) {
    if (over !== "http") {
      const port = await freePort();
      this.broker = new Broker(over, port, this.folder);
      this.way = `${over}://127.0.0.1:${port}`;
      this.receive = [`--${over}`, this.way];
      await this.broker.start();
    }
    await this.startCollector();
    const env = {
      PATH: process.env.PATH, // and nothing else of ours
      VERIBUS_URL: this.way ?? `http://127.0.0.1:${this.port}?token_file=${join(this.data, "token")}`,
      VERIBUS_SPOOL: join(this.folder, "spool"),
    };
    const start = async (command, args, more) => {
      const program = new Program(command, args, { cwd: here, env: { ...env, ...more } });
      this.services.push(program);
      return program.url();
    };
    const apiKey = randomBytes(16).toString("hex");
    const ledger = await start(this.programs.ledger, [], { ALICE_KEY: this.alice.publicKey.export({ format: "jwk" }).x });
    this.orders = await start(
      this.programs.python, ["-m", "uvicorn", "--app-dir", "orders", "--port", "0", "orders:app"],
      { LEDGER: ledger, API_KEY_SHA256: createHash("sha256").update(apiKey).digest("hex"), PYTHONDONTWRITEBYTECODE: "1" },
    );
    this.web = await start(process.execPath, ["web/web.mjs"], { ORDERS: this.orders, API_KEY: apiKey, JWT_SECRET: this.secret });
  }

  async startCollector() {
    const rules = ["--rules", join(root, "rules"), "--rules", join(here, "rules.yml")];
    const args = ["collector", "--listen", `127.0.0.1:${this.port}`, "--data", this.data, ...rules, ...(this.receive ?? [])];
    this.collector = new Program(this.programs.veribus, args);
    await this.collector.url();
  }

  /** What `veribus` prints about this shop. */
  veribus(...args) {
    return run(this.programs.veribus, args, { env: { ...process.env, VERIBUS_DATA: this.data } });
  }

  json(...args) {
    return JSON.parse(this.veribus(...args, "--json"));
  }

  /** A token as a login service gives it out: HS256, for ten minutes, to who is at this address. */
  token({ secret = this.secret, ...claims } = {}) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const about = { sub: "alice", scope: "orders:write", ip: HOME, jti: randomBytes(8).toString("hex"), exp: Math.floor(Date.now() / 1000) + 600 };
    const unsigned = `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...about, ...claims })}`;
    return `${unsigned}.${createHmac("sha256", secret).update(unsigned).digest("base64url")}`;
  }

  /** Orders as a browser does, in a trace of its own unless one is given; answers the status and the trace. */
  async order({ order = LAMP, signed = order, token = this.token(), from = HOME, to = this.web, ...more } = {}) {
    const { key = this.alice.privateKey, trace = newTrace() } = more;
    const body = JSON.stringify(order);
    const headers = {
      authorization: `Bearer ${token}`,
      traceparent: `00-${trace}-${randomBytes(8).toString("hex")}-01`,
      "x-customer": "alice", // believed from web alone, which has the key for it
      "x-forwarded-for": from, // said by the proxy before web
      "x-signature": sign(null, Buffer.from(JSON.stringify(signed)), key).toString("base64url"),
    };
    const answer = await fetch(`${to}/orders`, { method: "POST", headers, body });
    await answer.arrayBuffer();
    return { status: answer.status, trace };
  }

  /** A thief has Alice's token, but not her key: tries it from elsewhere, then on the accounts of others. */
  async attack(token, trace = newTrace()) {
    const thief = { token, trace, from: ELSEWHERE, key: generateKeyPairSync("ed25519").privateKey };
    const statuses = [];
    for (const account of ["alice-1", "bob-1", "carol-1", "dave-1"]) {
      statuses.push((await this.order({ ...thief, order: { account, item: "watch", amount: 900 } })).status);
    }
    return { statuses, trace };
  }

  /** The events of a trace, once there are so many. */
  async timeline(trace, count) {
    const stored = () => this.json("trace", trace).events;
    const events = await until(`${count} events of trace ${trace}`, () => (stored().length >= count ? stored() : undefined));
    return events.map(({ source, event }) => [source.service, event.action, event.outcome]);
  }

  async stopServices() {
    await Promise.all(this.services.splice(0).map((service) => service.end("SIGTERM")));
  }

  async close() {
    await this.stopServices();
    await this.collector?.end("SIGTERM");
    await this.broker?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const newTrace = () => randomBytes(16).toString("hex");

/** One order and one attack, and what the collector has to say about them. */
export async function tour(shop) {
  const token = shop.token();
  const honest = await shop.order({ token });
  await shop.timeline(honest.trace, 7);
  const { trace, statuses } = await shop.attack(token);
  await shop.timeline(trace, 27);
  await until("the alert", () => shop.json("alerts", "list").alerts.some((alert) => alert.rule === "token-thief"));
  const told = (...args) => `$ veribus ${args.join(" ")}\n${shop.veribus(...args)}`;
  const text = [
    `An order of Alice: ${honest.status}`,
    told("trace", honest.trace),
    `A thief of her token: ${statuses.join(", ")}`,
    told("trace", trace),
    told("alerts", "list"),
    told("accounting"),
  ].join("\n");
  return { text, honest: honest.trace, attack: trace };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const over = ["nats", "redis"].find((name) => process.argv.includes(`--${name}`));
  const shop = await Shop.open(build(), over);
  try {
    const { text } = await tour(shop);
    process.stdout.write(text);
    if (process.argv.includes("--docs")) {
      const page = join(root, "docs/three-services.md");
      writeFileSync(page, readFileSync(page, "utf8").replace(/```text\n[^]*?```/, () => `\`\`\`text\n${text}\`\`\``));
    }
  } finally {
    await shop.close();
  }
}
