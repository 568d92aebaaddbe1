// The hash-chained audit trail.

import { called, ConfigError } from "./errors.js";
import { BuiltIn } from "./handler.js";
import { native, type NativeAuditLogger } from "./native.js";

/** How a trail is written; every default is safe to ship. */
export interface AuditOptions {
  /** Its name in health; `audit`. */
  name?: string | undefined;
  /** When lines reach the disk: with each batch, never, or after so many milliseconds at the latest. */
  sync?: "batch" | "never" | number | undefined;
  rotateAtBytes?: number | undefined;
  rotateAfterMs?: number | undefined;
  /** Closed segments that are kept. */
  keepSegments?: number | undefined;
}

/** How a trail stands. */
export interface AuditStatus {
  readonly log: string;
  readonly lines: number;
  readonly events: number;
  /** The head of the chain: publish it elsewhere, and nobody can cut the trail unseen. */
  readonly head: string;
  readonly syncedLines: number;
  readonly rotations: number;
  readonly incidents: number;
  readonly lastIncident?: string;
}

/** What a verification of a trail found; an altered trail is no error. */
export interface AuditReport {
  readonly intact: boolean;
  readonly spotless: boolean;
  readonly lines: number;
  readonly events: number;
  readonly removed: number;
  readonly head?: string;
  readonly segments: readonly string[];
  readonly firstBad?: { readonly segment: string; readonly line: number; readonly problem: string };
}

/** Writes every event into a hash-chained file; register it once. */
export class AuditLogger extends BuiltIn {
  /** @internal */
  readonly native: NativeAuditLogger;
  readonly path: string;

  /** @throws {@link AuditError} if the trail cannot be opened. */
  constructor(path: string, options: AuditOptions = {}) {
    super();
    const { sync, ...others } = options;
    if (sync !== undefined && typeof sync !== "number" && sync !== "batch" && sync !== "never") {
      throw new ConfigError('`sync` is "batch", "never" or milliseconds', "CFG_VALUE_RANGE");
    }
    const settings = { ...others, sync: typeof sync === "string" ? sync : undefined, syncMs: typeof sync === "number" ? sync : undefined };
    this.path = path;
    this.native = called(() => new native.NativeAuditLogger(path, settings));
  }

  /** How the log stands, as of the last batch or sync. */
  status(): AuditStatus {
    return this.native.status();
  }
}

/** Verifies a trail. @throws {@link AuditError} if it cannot be read. */
export function auditVerify(path: string): AuditReport {
  return called(() => native.auditVerify(path));
}
