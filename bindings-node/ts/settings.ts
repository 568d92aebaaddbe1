// `init`: arguments, else the environment, else a file, else the defaults; then one bus for the process.

import { basename, dirname, extname, join } from "node:path";
import { mkdirSync } from "node:fs";

import { AuditLogger } from "./audit.js";
import { type BusOptions, VerificationEventBus } from "./bus.js";
import { merged, OF_THE_ADDRESS, OF_THE_BUS } from "./config.js";
import { AuditError } from "./errors.js";
import type { VerificationEvent } from "./event.js";
import { type AddressOptions, Forwarder } from "./forward.js";
import type { Receipt } from "./receipt.js";
import type { Check, VerifyFields } from "./verification.js";

/** The settings of the bus of this process. */
export interface InitOptions extends BusOptions, AddressOptions {
  capacity?: number | undefined;
  /** The address of a collector, or of a broker in front of it: a `Forwarder` sends every event there. */
  collector?: string | undefined;
  /** Where events wait for the collector's receipt; `./veribus-spool` unless said, `false` for memory alone. */
  spool?: string | boolean | undefined;
  /** Where the audit trail is: `./veribus-audit/audit.log` without a collector, none beside one, unless said. */
  audit?: string | boolean | undefined;
  /** A bus that hands events to nobody. */
  disabled?: boolean | undefined;
  /** A TOML file with settings that neither an argument nor the environment gives, each named as in the environment: `token_file`. */
  config?: string | undefined;
}

let bus: VerificationEventBus | undefined;

/**
 * Makes the bus of this process and returns it; `publish` and `verify` then use it.
 *
 * Each setting comes from its argument, else from the environment (`VERIBUS_SERVICE`, `VERIBUS_COLLECTOR`,
 * `VERIBUS_TOKEN_FILE` …), else from the TOML file `config` (or `VERIBUS_CONFIG`). With a `collector` events go there,
 * through a spool; without one they go into an audit trail in `./veribus-audit`. `VERIBUS_DISABLED=1` makes a bus that
 * hands events to nobody. Called again, it closes the bus it made before. That the collector cannot be reached is no
 * error, and neither is an audit trail that another process (or worker) writes: this one gets one beside it.
 *
 * @throws {@link ConfigError} for a setting that cannot be used, {@link AuditError} or {@link ForwardError} for a folder
 * that cannot be written.
 */
export function init(options: InitOptions = {}): VerificationEventBus {
  const found = merged(options);
  const script = basename(process.argv[1] ?? "node");
  found.service ??= script.slice(0, script.length - extname(script).length) || "node";
  const pick = (names: readonly string[]): object => Object.fromEntries(names.filter((name) => name in found).map((name) => [name, found[name]]));
  const made = new VerificationEventBus(found.capacity as number | undefined, pick(OF_THE_BUS));
  try {
    if (found.disabled !== true) {
      register(made, found as InitOptions, pick(OF_THE_ADDRESS));
    }
  } catch (thrown) {
    void made.close({ timeoutMs: 0 });
    throw thrown;
  }
  const before = bus;
  bus = made;
  void before?.close();
  return made;
}

function register(made: VerificationEventBus, { collector, spool = true, audit = collector === undefined }: InitOptions, way: AddressOptions): void {
  if (collector !== undefined && collector !== "") {
    const dir = spool === false ? undefined : spool === true ? "veribus-spool" : spool;
    made.registerHandler(new Forwarder(collector, { ...way, spool: dir }));
  }
  if (audit !== false) {
    made.registerHandler(auditLogger(audit === true ? join("veribus-audit", "audit.log") : audit));
  }
}

function auditLogger(path: string): AuditLogger {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return new AuditLogger(path);
  } catch (thrown) {
    if (!(thrown instanceof AuditError) || thrown.code !== "AUD_LOCKED") {
      throw thrown;
    }
    const beside = (n: number): string => {
      const extension = extname(path);
      const worker = n === 0 ? `${process.pid}` : `${process.pid}-${n}`;
      return `${path.slice(0, path.length - extension.length)}-${worker}${extension}`;
    };
    for (let n = 0; n < 64; n++) {
      try {
        return new AuditLogger(beside(n));
      } catch (again) {
        if (!(again instanceof AuditError) || again.code !== "AUD_LOCKED") {
          throw again;
        }
      }
    }
    throw thrown;
  }
}

/** The bus of this process; `init` with every default if nobody called it. */
export function getBus(): VerificationEventBus {
  return bus ?? init();
}

/** Publishes on the bus of this process. */
export function publish(event: VerificationEvent): Receipt {
  return getBus().publish(event);
}

/** Runs a check as a verification on the bus of this process; see {@link VerificationEventBus.verify}. */
export function verify<T>(action: string, fields: VerifyFields, check: Check<T>): T;
export function verify<T>(action: string, check: Check<T>): T;
export function verify<T>(action: string, fields: VerifyFields | Check<T>, check?: Check<T>): T {
  return typeof fields === "function" ? getBus().verify(action, fields) : getBus().verify(action, fields, check as Check<T>);
}

/** The function, each call of it one verification on the bus of this process. */
export function verified<A extends unknown[], R>(action: string, work: (...args: A) => R, fields: VerifyFields = {}): (...args: A) => R {
  return function (this: unknown, ...args: A): R {
    return getBus().verify(action, fields, () => work.apply(this, args));
  };
}
