// `init`: arguments, else the environment, else the defaults; then one bus for the process.

import { basename, dirname, extname, join } from "node:path";
import { mkdirSync } from "node:fs";

import { AuditLogger } from "./audit.js";
import { type BusOptions, VerificationEventBus } from "./bus.js";
import { AuditError, ConfigError } from "./errors.js";
import type { VerificationEvent } from "./event.js";
import type { Receipt } from "./receipt.js";
import type { Check, VerifyFields } from "./verification.js";

/** The settings of the bus of this process. */
export interface InitOptions extends BusOptions {
  capacity?: number | undefined;
  /** Where the audit trail is; `./veribus-audit/audit.log` unless said, `false` for none. */
  audit?: string | boolean | undefined;
}

let bus: VerificationEventBus | undefined;

const TEXTS = ["service", "instance", "host", "environment", "network"] as const;

function fromEnvironment(): InitOptions {
  const found: Record<string, unknown> = {};
  for (const name of TEXTS) {
    found[name] = process.env[`VERIBUS_${name.toUpperCase()}`];
  }
  const { VERIBUS_CAPACITY: capacity, VERIBUS_AUDIT: audit, VERIBUS_REDACT: redact } = process.env;
  if (capacity !== undefined) {
    if (!/^\d+$/.test(capacity)) {
      throw new ConfigError(`\`VERIBUS_CAPACITY\` is \`${capacity.slice(0, 64)}\`; use a whole number`, "CFG_VALUE_RANGE");
    }
    found.capacity = Number(capacity);
  }
  if (audit !== undefined) {
    found.audit = ["0", "false", "off", ""].includes(audit) ? false : audit;
  }
  if (redact !== undefined) {
    found.redact = redact.split(",");
  }
  return found;
}

/**
 * Makes the bus of this process and returns it; `publish` and `verify` then use it.
 *
 * Each setting comes from its argument, else from the environment (`VERIBUS_SERVICE`, `VERIBUS_AUDIT` …). Where nothing
 * says where events go, they go into an audit trail in `./veribus-audit`. Called again, it closes the bus it made
 * before. An audit trail that another process (or worker) writes is no reason not to start: this one gets one beside it.
 *
 * @throws {@link ConfigError} for a setting that cannot be used, {@link AuditError} for a trail that cannot be opened.
 */
export function init(options: InitOptions = {}): VerificationEventBus {
  const merged: InitOptions = fromEnvironment();
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) {
      (merged as Record<string, unknown>)[name] = value;
    }
  }
  const { capacity, audit = true, ...others } = merged;
  const script = basename(process.argv[1] ?? "node");
  others.service ??= script.slice(0, script.length - extname(script).length) || "node";
  const made = new VerificationEventBus(capacity, others);
  if (audit !== false) {
    made.registerHandler(auditLogger(audit === true ? join("veribus-audit", "audit.log") : audit));
  }
  const before = bus;
  bus = made;
  void before?.close();
  return made;
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
