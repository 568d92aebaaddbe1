// The ledger of a bus: what became of every event, exactly.

/** Counts by reason: `queue_full`, `handler_failed`, `closed` … */
export type Losses = { readonly [reason: string]: number };

/** One handler. In every snapshot `accepted = filtered + handled + all of lost + queued`. */
export interface HandlerHealth {
  readonly name: string;
  readonly state: "running" | "quarantined" | "stopped";
  /** Events that the bus accepted since the handler was registered. */
  readonly accepted: number;
  /** Events outside of its interest. */
  readonly filtered: number;
  /** Events it took. */
  readonly handled: number;
  /** Events on their way to it. */
  readonly queued: number;
  /** Events it will never take. */
  readonly lost: Losses;
  /** Calls that threw. */
  readonly failures: number;
  /** How many of them were not a `Retry`. */
  readonly panics: number;
  readonly lastError?: string;
  readonly busySeconds: number;
}

/** The bus. In every snapshot `attempted = accepted + all of dropped + rejected + returned`. */
export interface BusHealth {
  /** What gives events their identity. */
  readonly instance: string;
  readonly attempted: number;
  readonly accepted: number;
  /** Events refused after they had a number. */
  readonly dropped: Losses;
  readonly rejected: number;
  readonly returned: number;
  /** Fields whose secrets were replaced. */
  readonly redacted: number;
  /** Threads that published. */
  readonly lanes: number;
  readonly ringBytes: number;
  readonly closed: boolean;
  readonly handlers: readonly HandlerHealth[];
}

/** What `close` left behind; the same for every caller. */
export interface CloseReport {
  /** Events handled, summed over the handlers. */
  readonly delivered: number;
  /** Events left on disk for the next start. */
  readonly spooled: number;
  /** Events lost over the life of the bus. */
  readonly dropped: Losses;
  /** Handlers still busy when the time was up. */
  readonly unfinished: readonly string[];
  /** `close` was called by a handler: the bus closes as soon as that handler returns. */
  readonly closingFromHandler: boolean;
}
