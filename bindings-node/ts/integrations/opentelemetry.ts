/**
 * OpenTelemetry logs: records become events beside the exporters that you already have.
 *
 * ```js
 * new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter }), new VeribusLogRecordProcessor()] });
 * ```
 *
 * @packageDocumentation
 */

import type { VerificationEventBus } from "../bus.js";
import type { Severity } from "../event.js";
import { Records } from "./log.js";

/** What is read of a log record. */
export interface LogRecord {
  readonly body?: unknown;
  readonly severityNumber?: number | undefined;
  readonly eventName?: string | undefined;
  readonly attributes?: object | undefined;
}

const WARN = 13;

function severity(number: number): Severity {
  return number >= 21 ? "critical" : number >= 17 ? "high" : number >= WARN ? "medium" : number >= 9 ? "low" : "informational";
}

/** Publishes each record from a severity number on (13, which is `WARN`); its event name, if it has one, is the action. */
export class VeribusLogRecordProcessor {
  readonly #records: Records;
  readonly #least: number;

  constructor({ bus, least = WARN }: { bus?: VerificationEventBus | undefined; least?: number | undefined } = {}) {
    this.#records = new Records(bus);
    this.#least = least;
  }

  /** Records that could not be events. */
  get refused(): number {
    return this.#records.refused;
  }

  /** Publishes one record; the provider calls it. */
  onEmit({ body, severityNumber = 9, eventName = "", attributes = {} }: LogRecord): void {
    if (severityNumber >= this.#least) {
      this.#records.publish(body, severity(severityNumber), attributes, eventName);
    }
  }

  /** Nothing waits here: the bus flushes. */
  async forceFlush(): Promise<void> {}

  /** The bus is closed by whoever made it. */
  async shutdown(): Promise<void> {}
}
