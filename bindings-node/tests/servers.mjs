// Real servers for the tests: `veribus collector`, nats-server, redis-server, each on a port of its own.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";

import { until } from "./support.mjs";

function which(name) {
  return (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)).find(existsSync);
}

/** The command line program; `cargo xtask node` builds it and names it. */
export const VERIBUS = process.env.VERIBUS_BINARY ?? which("veribus");

/** For a test that needs this program: skipped, visibly, where it is missing. */
export function needs(name) {
  const found = name === "veribus" ? VERIBUS : which(name);
  return { skip: found === undefined ? `\`${name}\` is not on this machine` : false };
}

/** Ours, without settings of veribus. */
export function plainEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VERIBUS_")));
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Runs the command line program; answers what it printed. */
export function veribus(...args) {
  const ran = spawnSync(VERIBUS, args, { encoding: "utf8", env: plainEnvironment(), timeout: 30_000, maxBuffer: 1 << 28 });
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

/** `veribus collector` in a process of its own, on one address for all of its life. */
export class Collector {
  #process;

  constructor(data, ...args) {
    this.data = data;
    this.args = args;
    after(() => this.kill());
  }

  async start() {
    this.port ??= await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    this.tokenFile = join(this.data, "token");
    const args = ["collector", "--listen", `127.0.0.1:${this.port}`, "--data", this.data, "--quiet", ...this.args];
    this.#process = spawn(VERIBUS, args, { stdio: ["ignore", "pipe", "inherit"], env: plainEnvironment() });
    for await (const line of createInterface(this.#process.stdout)) {
      if (line.startsWith("listening on")) {
        return this;
      }
    }
    throw new Error("the collector did not start");
  }

  async kill() {
    const running = this.#process;
    this.#process = undefined;
    if (running !== undefined) {
      running.kill("SIGKILL");
      await once(running, "exit");
    }
  }

  get token() {
    return readFileSync(this.tokenFile, "utf8").trim();
  }

  /** What the store has, oldest first. */
  events(query = "") {
    const terms = query === "" ? [] : query.split(" ");
    const { code, stdout, stderr } = veribus("search", "--jsonl", "--limit", "10000", "--data", this.data, ...terms);
    if (code !== 0) {
      throw new Error(stderr);
    }
    const rows = stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    return rows.sort((a, b) => a.ingest - b.ingest).map((row) => ({ ...row.event, source: row.source }));
  }

  /** How often each target is stored. */
  targets(query = "") {
    const counts = {};
    for (const { target } of this.events(query)) {
      counts[target?.name] = (counts[target?.name] ?? 0) + 1;
    }
    return counts;
  }

  /** The collector's own book of what each bus start published. */
  accounting() {
    const { code, stdout } = veribus("accounting", "--json", "--data", this.data);
    return { code, ...JSON.parse(stdout) };
  }
}

/** nats-server or redis-server. */
export class Broker {
  constructor(kind, folder) {
    this.kind = kind;
    this.folder = folder;
  }

  async start() {
    mkdirSync(this.folder, { recursive: true });
    const port = await freePort();
    this.url = `${this.kind}://127.0.0.1:${port}`;
    const [name, args] = this.kind === "nats"
      ? ["nats-server", ["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", this.folder]]
      : ["redis-server", ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", this.folder, "--save", ""]];
    const running = spawn(name, args, { stdio: "ignore" });
    after(() => running.kill("SIGKILL"));
    await until(() => new Promise((resolve) => {
      const asking = connect(port, "127.0.0.1", () => (asking.destroy(), resolve(true)));
      asking.on("error", () => resolve(false));
    }), `the start of ${name}`);
    return this;
  }
}
