/**
 * winston: records become events beside the lines that you already have.
 *
 * ```js
 * winston.createLogger({ transports: [new winston.transports.Console(), new VeribusTransport()] });
 * ```
 *
 * @packageDocumentation
 */

import Transport from "winston-transport";

import type { VerificationEventBus } from "../bus.js";
import type { Severity } from "../event.js";
import { Records } from "./log.js";

const SEVERITIES: Record<string, Severity> = {
  emerg: "fatal", alert: "critical", crit: "critical", error: "high", warning: "medium", warn: "medium", notice: "low", info: "low",
};

/** Publishes each record; on the bus of the process unless given another one. */
export class VeribusTransport extends Transport {
  readonly #records: Records;

  constructor(options: Transport.TransportStreamOptions & { bus?: VerificationEventBus | undefined } = {}) {
    const { bus, ...others } = options;
    super(others);
    this.#records = new Records(bus);
  }

  /** Records that could not be events. */
  get refused(): number {
    return this.#records.refused;
  }

  /** Publishes one record; winston calls it. */
  override log(info: { level: string; message: unknown; [name: string]: unknown }, next: () => void): void {
    const { level, message, ...rest } = info;
    this.#records.publish(message, SEVERITIES[level] ?? "informational", rest);
    next();
  }
}
