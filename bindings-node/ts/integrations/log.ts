// What all loggers have in common: a record becomes an event, beside the line that is there already.

import type { VerificationEventBus } from "../bus.js";
import { security, type Severity } from "../event.js";
import { getBus } from "../settings.js";

const FIELDS = ["outcome", "reason", "actor", "sourceIp", "sourcePort", "sourceHost", "target", "targetKind", "trace"] as const;
const MESSAGE_MAX = 1024;

function inWords(message: unknown): string {
  return typeof message === "string" ? message : typeof message === "object" && message !== null ? JSON.stringify(message) : String(message ?? "");
}

/** Publishes records, and counts those that could not be events. @internal */
export class Records {
  refused = 0;
  readonly #bus: VerificationEventBus | undefined;

  constructor(bus: VerificationEventBus | undefined) {
    this.#bus = bus;
  }

  /** A record, perhaps with the name of its event; what it names like a field of an event is one, the rest goes into the attributes. */
  publish(message: unknown, severity: Severity, record: object, named = ""): void {
    try {
      const rest: Record<string, unknown> = { ...record };
      const fields: Record<string, unknown> = {};
      for (const name of FIELDS) {
        if (rest[name] !== undefined) {
          fields[name] = rest[name];
        }
        delete rest[name];
      }
      const action = named !== "" ? named : typeof rest.action === "string" ? rest.action : "log.record";
      delete rest.action;
      const text = inWords(message).slice(0, MESSAGE_MAX).toWellFormed();
      const event = security(action, { ...fields, severity, attributes: { ...rest, "log.message": text } as Record<string, string> });
      (this.#bus ?? getBus()).publish(event);
    } catch {
      // Whatever it is, a getter that throws too: the line is written all the same, and its logger must not notice.
      this.refused += 1;
    }
  }
}
