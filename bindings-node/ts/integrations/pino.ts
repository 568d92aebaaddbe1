/**
 * pino: records become events beside the lines that you already have.
 *
 * ```js
 * pino({ transport: { target: "veribus/pino", options: { service: "web" } } });      // in pino's worker
 * pino({}, pino.multistream([process.stdout, pinoStream({ bus })]));                   // in this thread
 * ```
 *
 * @packageDocumentation
 */

import { Writable } from "node:stream";

import type { Severity } from "../event.js";
import type { VerificationEventBus } from "../bus.js";
import { init, type InitOptions } from "../settings.js";
import { Records } from "./log.js";

/** Longest line that is looked at, in bytes. */
const LINE_MAX = 1 << 20;

function severity(level: unknown): Severity {
  const number = typeof level === "number" ? level : 30;
  return number >= 60 ? "critical" : number >= 50 ? "high" : number >= 40 ? "medium" : number >= 30 ? "low" : "informational";
}

/** A stream of pino's lines. */
export class PinoStream extends Writable {
  readonly #records: Records;
  #rest = "";
  /** Lines that were no JSON. */
  malformed = 0;

  constructor(bus: VerificationEventBus | undefined, end?: () => Promise<unknown>) {
    super({
      decodeStrings: false,
      final: (done) => {
        this.#lines("\n");
        void Promise.resolve(end?.()).then(() => done(), done);
      },
    });
    this.#records = new Records(bus);
  }

  /** Records that could not be events. */
  get refused(): number {
    return this.#records.refused;
  }

  /** Takes lines as pino writes them. @internal */
  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#lines(chunk.toString());
    done();
  }

  #lines(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LINE_MAX) {
      this.#rest = "";
      this.malformed += 1;
    }
    for (const line of lines) {
      if (line !== "") {
        this.#line(line);
      }
    }
  }

  #line(line: string): void {
    let record: Record<string, unknown>;
    try {
      record = JSON.parse(line) as Record<string, unknown>;
    } catch {
      this.malformed += 1;
      return;
    }
    const { level, time: _time, pid: _pid, hostname: _hostname, msg, ...rest } = record;
    this.#records.publish(msg, severity(level), rest);
  }
}

/** A stream for `pino` or `pino.multistream`, on the bus of the process unless given another one. */
export function pinoStream({ bus }: { bus?: VerificationEventBus | undefined } = {}): PinoStream {
  return new PinoStream(bus);
}

/** What `pino({ transport: { target: "veribus/pino" } })` loads, in a thread of its own with a bus of its own. */
export default function transport(options: InitOptions = {}): PinoStream {
  // pino adds some of its own.
  const own = Object.entries(options).filter(([name]) => !name.startsWith("$") && name !== "pinoWillSendConfig");
  const bus = init(Object.fromEntries(own) as InitOptions);
  return new PinoStream(bus, () => bus.close({ timeoutMs: 2000 }));
}
