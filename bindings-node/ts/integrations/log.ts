// What all loggers have in common: a record becomes an event, beside the line that is there already.

import type { VerificationEventBus } from "../bus.js";
import { VeribusError } from "../errors.js";
import { security, type Severity } from "../event.js";
import { getBus } from "../settings.js";

const FIELDS = ["outcome", "reason", "actor", "sourceIp", "sourcePort", "sourceHost", "target", "targetKind", "trace"] as const;
const MESSAGE_MAX = 1024;

/** Publishes records, and counts those that could not be events. @internal */
export class Records {
  refused = 0;
  readonly #bus: VerificationEventBus | undefined;

  constructor(bus: VerificationEventBus | undefined) {
    this.#bus = bus;
  }

  /** A record; what it names like a field of an event is one, the rest goes into the attributes. */
  publish(message: unknown, severity: Severity, record: Readonly<Record<string, unknown>>): void {
    try {
      const rest: Record<string, unknown> = { ...record };
      const fields: Record<string, unknown> = {};
      for (const name of FIELDS) {
        if (rest[name] !== undefined) {
          fields[name] = rest[name];
        }
        delete rest[name];
      }
      const action = typeof rest.action === "string" ? rest.action : "log.record";
      delete rest.action;
      const text = (typeof message === "string" ? message : String(message ?? "")).slice(0, MESSAGE_MAX).toWellFormed();
      const event = security(action, { ...fields, severity, attributes: { "log.message": text, ...rest } as Record<string, string> });
      (this.#bus ?? getBus()).publish(event);
    } catch (thrown) {
      if (!(thrown instanceof VeribusError)) {
        throw thrown;
      }
      this.refused += 1;
    }
  }
}
