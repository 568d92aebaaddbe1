// The bus, as people of JavaScript would have written it; the work is done by the core.

import { ask, forget } from "./desk.js";
import { called, ConfigError, made, NotConfirmedError } from "./errors.js";
import type { Kind, VerificationEvent } from "./event.js";
import { type BuiltIn, type EventHandler, type HandlerFunction, type HandlerId, type HandlerOptions, registerOn } from "./handler.js";
import type { BusHealth, CloseReport } from "./health.js";
import { unwatch, watch } from "./life.js";
import { native } from "./native.js";
import { confirmOn, publishOn } from "./publish.js";
import type { Receipt } from "./receipt.js";
import { jobOfTheMoment } from "./trace.js";
import { type Check, verifyOn, type VerifyFields } from "./verification.js";

/** Who sends, and how the bus behaves; every default is safe to ship. */
export interface BusOptions {
  /** Name of the service; `unnamed` unless said. */
  service?: string | undefined;
  /** Which of its running copies. */
  instance?: string | undefined;
  host?: string | undefined;
  environment?: string | undefined;
  network?: string | undefined;
  /** Let a publish wait so long for room, instead of dropping the event. Blocks the event loop. */
  blockMs?: number | undefined;
  /** Events that may wait for one handler; 8192. */
  handlerQueue?: number | undefined;
  /** More names whose values are secrets. */
  redact?: readonly string[] | undefined;
  /** Whether secrets are replaced before any handler sees them; true. */
  redaction?: boolean | undefined;
}

const KEYS = new Set(["service", "instance", "host", "environment", "network", "blockMs", "handlerQueue", "redact", "redaction"]);

/** How long to wait. */
export interface Patience {
  /** In milliseconds: 0 does not wait, a day is the most. */
  timeoutMs?: number | undefined;
}

/** A bounded, non-blocking bus. `capacity` is typical events that may wait for the dispatcher; 1000. */
export class VerificationEventBus {
  readonly #bus: number;
  readonly #instance: string;
  /** Name of the service. */
  readonly service: string;

  constructor(capacity = 1000, options: BusOptions = {}) {
    for (const name in options) {
      if (!KEYS.has(name)) {
        throw new ConfigError(`there is no setting \`${name.slice(0, 64)}\`; known are ${[...KEYS].join(", ")}`, "CFG_KEY_UNKNOWN");
      }
    }
    this.service = options.service ?? "unnamed";
    this.#bus = called(() =>
      native.open({
        capacity,
        handlerQueue: options.handlerQueue ?? 8192,
        service: this.service,
        instance: options.instance,
        host: options.host,
        environment: options.environment,
        network: options.network,
        blockMs: options.blockMs,
        redact: [...(options.redact ?? [])],
        redaction: options.redaction ?? true,
      }),
    );
    this.#instance = native.instanceId(this.#bus);
    watch(this, this.#bus);
  }

  /** What gives events their identity: 16 hexadecimal digits. */
  get instanceId(): string {
    return this.#instance;
  }

  /** Hands an event over. Never blocks (but see `blockMs`) and never throws: the receipt says what became of it. */
  publish(event: VerificationEvent): Receipt {
    return publishOn(this.#bus, this.#instance, event);
  }

  /**
   * Publishes, and waits until every durable handler has synced the event; answers its id.
   *
   * @throws {@link NotAccepted} when that cannot be said.
   */
  async publishConfirmed(event: VerificationEvent, { timeoutMs = 250 }: Patience = {}): Promise<Receipt> {
    requireDeadline(timeoutMs);
    return new Promise((resolve, reject) => {
      let id = "";
      let question = 0;
      // Keeps the process alive while somebody waits.
      const timer = setTimeout(() => {
        forget(question);
        reject(new NotConfirmedError(`event ${id} was not confirmed within ${timeoutMs} ms; it may still be`, "BUS_TIMED_OUT"));
      }, Math.min(timeoutMs, 86_400_000));
      const told = (answer: string): void => {
        clearTimeout(timer);
        const [code, ...message] = answer.split("\n");
        if (code === "") {
          resolve({ accepted: true, status: "accepted", id, reason: undefined });
        } else {
          reject(made(code as string, message.join(" ")));
        }
      };
      try {
        id = ask((number) => {
          question = number;
          return confirmOn(this.#bus, event, number);
        }, told);
      } catch (thrown) {
        clearTimeout(timer);
        reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
    });
  }

  /**
   * Runs a check, times it, and records how it ended: success when it returns (or its promise is fulfilled), failure
   * when it throws (or rejects) or answers `false`. The check's own answer passes through untouched.
   */
  verify<T>(action: string, fields: VerifyFields, check: Check<T>): T;
  verify<T>(action: string, check: Check<T>): T;
  verify<T>(action: string, fields: VerifyFields | Check<T>, check?: Check<T>): T {
    return typeof fields === "function" ? verifyOn(this, action, {}, fields) : verifyOn(this, action, fields, check as Check<T>);
  }

  /** The function, each call of it one verification. */
  verified<A extends unknown[], R>(action: string, work: (...args: A) => R, fields: VerifyFields = {}): (...args: A) => R {
    const bus = this;
    return function (this: unknown, ...args: A): R {
      return verifyOn(bus, action, fields, () => work.apply(this, args));
    };
  }

  /** Adds a handler, for the events published from now on. */
  registerHandler(handler: HandlerFunction | EventHandler | BuiltIn, options: HandlerOptions = {}): HandlerId {
    return registerOn(this.#bus, handler, options);
  }

  /** Takes a handler out after it was given what was published so far; whether it was there. */
  unregisterHandler(handler: HandlerId): boolean {
    return called(() => native.unregisterHandler(this.#bus, handler.native, jobOfTheMoment()));
  }

  /** The ledger now. */
  health(): BusHealth {
    return native.health(this.#bus);
  }

  /** Waits until all that was published before is handled and flushed; whether it was. */
  async flush({ timeoutMs = 1000 }: Patience = {}): Promise<boolean> {
    requireDeadline(timeoutMs);
    const answer = await awake((told) => ask((question) => called(() => native.flush(this.#bus, timeoutMs, jobOfTheMoment(), question)), told));
    return answer === "true";
  }

  /** Stops the bus within the deadline and says what it left behind; also a second time. */
  async close({ timeoutMs = 2000 }: Patience = {}): Promise<CloseReport> {
    requireDeadline(timeoutMs);
    const answer = await awake((told) => ask((question) => called(() => native.close(this.#bus, timeoutMs, jobOfTheMoment(), question)), told));
    const report = JSON.parse(answer) as CloseReport;
    if (!report.closingFromHandler) {
      unwatch(this);
    }
    return report;
  }

  /** Closes the bus where `await using` leaves it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The number of the bus on this thread. @internal */
  get number(): number {
    return this.#bus;
  }
}

function requireDeadline(timeoutMs: number): void {
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
    throw new ConfigError(`a deadline of ${String(timeoutMs)} ms is not allowed; use 0 (do not wait) to 86400000 ms`, "CFG_VALUE_RANGE");
  }
}

/** Keeps the process alive until the answer is there. */
function awake(begin: (told: (answer: string) => void) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const alive = setInterval(() => undefined, 1 << 30);
    try {
      begin((answer) => {
        clearInterval(alive);
        resolve(answer);
      });
    } catch (thrown) {
      clearInterval(alive);
      reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  });
}

/** Fields of a verification. */
export type { VerifyFields };
/** The family of a verification. */
export type { Kind };
