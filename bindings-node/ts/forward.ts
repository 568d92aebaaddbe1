// Events to a collector: kept on disk until its store has them, sent in batches, again until receipted.

import { called, ConfigError } from "./errors.js";
import type { Kind } from "./event.js";
import { BuiltIn } from "./handler.js";
import type { Losses } from "./health.js";
import { native, type NativeForwarder } from "./native.js";

/** Options of the way to the collector; docs/transports.md says which address takes which. */
export interface AddressOptions {
  token?: string | undefined;
  tokenFile?: string | undefined;
  user?: string | undefined;
  password?: string | undefined;
  passwordFile?: string | undefined;
  credsFile?: string | undefined;
  nkeyFile?: string | undefined;
  caFile?: string | undefined;
  certFile?: string | undefined;
  keyFile?: string | undefined;
  stream?: string | undefined;
  /** Milliseconds, or a text with its unit: `250ms`. */
  answerTimeoutMs?: number | string | undefined;
  inFlightMax?: number | undefined;
}

/** How a forwarder is set up; every default is safe to ship. */
export interface ForwardOptions extends AddressOptions {
  /** A directory for the spools of all processes of this service. With one the forwarder is durable. */
  spool?: string | undefined;
  /** 256 MiB. */
  spoolBytesMax?: number | undefined;
  /** 4 MiB. */
  reserveBytes?: number | undefined;
  /** 8 MiB. */
  segmentBytes?: number | undefined;
  /** 72 hours. */
  expireAfterMs?: number | undefined;
  /** Families whose events may expire in the spool; all others wait for ever. */
  expiring?: readonly Kind[] | undefined;
  /** 1000. */
  batchEvents?: number | undefined;
  /** 10 ms. */
  lingerMs?: number | undefined;
  /** 16 KiB; `Infinity` for never. */
  compressFrom?: number | undefined;
  /** 16. */
  window?: number | undefined;
  /** 30 s. */
  receiptTimeoutMs?: number | undefined;
  /** The first and the longest pause after a failure: 100 ms, 30 s. */
  backOffMs?: readonly [first: number, most: number] | undefined;
  /** 16 MiB. */
  memoryBytesMax?: number | undefined;
  /** How long it may go on sending when its bus goes without a `close`, whose own deadline counts else: 1 s. */
  closeWithinMs?: number | undefined;
}

/** How a forwarder stands. */
export interface ForwardHealth {
  /** Where it sends to, without what is secret in the address. */
  readonly destination: string;
  /** What frees an event: the store's receipt, or only the next hop's word; none before it first connected. */
  readonly confirms?: "stored" | "accepted";
  readonly taken: number;
  /** Events that receipts called new. */
  readonly stored: number;
  /** Events that receipts called stored before. */
  readonly duplicates: number;
  readonly lost: Losses;
  readonly spool?: { readonly state: string; readonly pending: number; readonly bytes: number; readonly bytesMax: number };
  readonly inMemory: number;
  readonly inFlight: number;
  readonly receipts: number;
  readonly resent: number;
  /** Whether it has looked for spools of dead processes yet; before, `adopted` says nothing. */
  readonly looked: boolean;
  /** Spools of dead processes that are being sent. */
  readonly adopted: number;
  readonly setAside: readonly string[];
  readonly damagedBytes: number;
  /** Open after five failures in a row: then one parcel at a time tries. */
  readonly breaker: "closed" | "open";
  readonly failures: number;
  readonly lastError?: string;
}

const OF_THE_ADDRESS = {
  token: "token", tokenFile: "token_file", user: "user", password: "password", passwordFile: "password_file",
  credsFile: "creds_file", nkeyFile: "nkey_file", caFile: "ca_file", certFile: "cert_file", keyFile: "key_file",
  stream: "stream", inFlightMax: "in_flight_max",
} as const;

const OWN = new Set([
  "spool", "spoolBytesMax", "reserveBytes", "segmentBytes", "expireAfterMs", "expiring", "batchEvents", "lingerMs", "compressFrom", "window",
  "receiptTimeoutMs", "backOffMs", "memoryBytesMax", "closeWithinMs", "answerTimeoutMs",
]);

/**
 * Sends every event to a collector: `https://`, `tls://` (NATS), `rediss://`, and to this machine `http://`, `nats://`,
 * `redis://`. Register it once.
 */
export class Forwarder extends BuiltIn {
  /** @internal */
  readonly native: NativeForwarder;

  /** @throws {@link ConfigError} for an address, an option or a file that cannot be used. */
  constructor(url: string, given: ForwardOptions = {}) {
    super();
    const options: Record<string, string> = {};
    const settings: Record<string, unknown> = { ...given };
    for (const [name, option] of Object.entries(OF_THE_ADDRESS)) {
      const value = settings[name];
      delete settings[name];
      if (value !== undefined) {
        options[option] = String(value);
      }
    }
    if (given.answerTimeoutMs !== undefined) {
      options.answer_timeout = typeof given.answerTimeoutMs === "string" ? given.answerTimeoutMs : `${given.answerTimeoutMs}ms`;
    }
    const unknown = Object.keys(settings).find((name) => !OWN.has(name));
    if (unknown !== undefined) {
      const known = [...OWN, ...Object.keys(OF_THE_ADDRESS)].join(", ");
      throw new ConfigError(`a forwarder has no option \`${unknown.slice(0, 64)}\`; known are ${known}`, "CFG_KEY_UNKNOWN");
    }
    const [backOffFirstMs, backOffMostMs] = given.backOffMs ?? [];
    const expiring = given.expiring === undefined ? undefined : [...given.expiring];
    this.native = called(() => new native.NativeForwarder(url, { ...settings, expiring, options, backOffFirstMs, backOffMostMs }));
  }

  /** How it stands: what waits, what was receipted, what was lost and why. */
  health(): ForwardHealth {
    return this.native.status();
  }
}
