// Prometheus counters.

import type { VerificationEventBus } from "./bus.js";
import { BuiltIn } from "./handler.js";
import { native, type NativeMetricsCollector } from "./native.js";

/** Counts events and renders Prometheus text; register it once. */
export class MetricsCollector extends BuiltIn {
  /** @internal */
  readonly native: NativeMetricsCollector;

  /** At most `typesMax` event types get a series of their own; 200. */
  constructor({ typesMax = 200 }: { typesMax?: number | undefined } = {}) {
    super();
    this.native = new native.NativeMetricsCollector(typesMax);
  }

  /** The media type of what `render` answers. */
  get contentType(): string {
    return this.native.contentType();
  }

  /** Prometheus text, format 0.0.4; with the bus also its ledger. */
  render(bus?: VerificationEventBus): string {
    return this.native.render(bus?.number);
  }
}
