// The bytes through which an event is handed over; src/stage.rs reads them and says how they are laid out.
//
// All text of an event is joined and written at once: one call for all of it is cheaper than one for each field, and
// where as many bytes as characters came out, all of it was ASCII.

import type { VerificationEvent } from "./event.js";

const BYTES = 65_536;
const TEXT_AT = 512;
const TRACE_AT = 65_472;
/** Text of more characters than this is not staged: each may take three bytes. */
const CHARACTERS_MAX = 21_000;
const ATTRIBUTES_MAX = 16;
const NAMES_MAX = 4096;

const memory = new ArrayBuffer(BYTES);
const bytes = Buffer.from(memory);
const words = new Uint32Array(memory, 0, 64);
const floats = new Float64Array(memory, 256, 32);
const write: (text: string, at: number) => number =
  typeof (bytes as unknown as { utf8Write?: unknown }).utf8Write === "function"
    ? (text, at) => (bytes as unknown as { utf8Write(text: string, at: number): number }).utf8Write(text, at)
    : (text, at) => bytes.write(text, at);

/** What the addon reads. @internal */
export const stage = new Uint8Array(memory);

const KINDS: Record<string, number> = {
  authentication: 1, authorization: 2, configuration: 3, performance: 4, security: 5,
};
const OUTCOMES: Record<string, number> = { unknown: 0, success: 1, failure: 2 };
const SEVERITIES: Record<string, number> = { informational: 1, low: 2, medium: 3, high: 4, critical: 5, fatal: 6 };

/** Names of events and attributes that the core has found good. */
const good = new Set<string>();

/** Whether the core would find nothing wrong with what was staged last. */
let sure = false;
let text = "";
let word = 0;
let present = 0;
let refused = false;

function put(slot: number, value: unknown): void {
  if (typeof value !== "string") {
    refused = true;
    return;
  }
  text += value;
  words[word++] = value.length;
  present |= 1 << slot;
}

/**
 * Writes the event to the stage; answers the bytes of its text, or −1 for an event that is not plain: it goes as JSON.
 * @internal
 */
export function put_event(e: VerificationEvent): number {
  const kind = KINDS[e.kind];
  const outcome = OUTCOMES[e.outcome];
  const severity = SEVERITIES[e.severity];
  if (kind === undefined || outcome === undefined || severity === undefined || e.time !== undefined || e.extra !== undefined) {
    return -1;
  }
  text = "";
  word = 3;
  present = 0;
  refused = false;
  put(0, e.action);
  sure = good.has(e.action);
  if (e.reason !== undefined) put(1, e.reason);
  if (e.actor !== undefined) put(2, e.actor);
  if (e.sourceIp !== undefined) {
    put(3, e.sourceIp);
    sure &&= isPlainIpv4(e.sourceIp);
  }
  if (e.sourceHost !== undefined) put(4, e.sourceHost);
  if (e.target !== undefined) put(5, e.target);
  if (e.targetKind !== undefined) put(6, e.targetKind);
  if (!payload(e)) {
    return -1;
  }
  if (e.trace !== undefined) put(10, e.trace.traceparent);
  if (e.sourcePort !== undefined) {
    if (!isWhole(e.sourcePort, 65_535)) return -1;
    floats[0] = e.sourcePort;
    present |= 1 << 16;
  }
  if (e.durationMs !== undefined) {
    // Beyond, nanoseconds are not exact.
    if (!(e.durationMs >= 0 && e.durationMs < 9e9)) return -1;
    floats[1] = Math.round(e.durationMs * 1e6);
    present |= 1 << 17;
  }
  let count = 0;
  if (e.attributes !== undefined) {
    count = attributes(e.attributes);
  }
  if (refused || count < 0 || text.length > CHARACTERS_MAX) {
    return -1;
  }
  words[0] = kind | (severity << 8) | (outcome << 16);
  words[1] = present;
  words[2] = count;
  const written = write(text, TEXT_AT);
  return written === text.length ? written : measure(count) ? written : -1;
}

function payload(e: VerificationEvent): boolean {
  switch (e.kind) {
    case "authentication":
      if ("method" in e && e.method !== undefined) put(7, e.method);
      if ("credential" in e && e.credential !== undefined) put(8, e.credential);
      return true;
    case "authorization":
      if ("permission" in e && e.permission !== undefined) put(7, e.permission);
      if ("policy" in e && e.policy !== undefined) put(8, e.policy);
      return true;
    case "configuration":
      if ("setting" in e && e.setting !== undefined) put(7, e.setting);
      if ("oldValue" in e && e.oldValue !== undefined) put(8, e.oldValue);
      if ("newValue" in e && e.newValue !== undefined) put(9, e.newValue);
      return true;
    case "performance":
      return "unit" in e && measured(e.value, e.unit, e.count, e.errors);
    default:
      if ("technique" in e) {
        if (e.technique !== undefined) put(7, e.technique);
        if (e.rule !== undefined) put(8, e.rule);
        if (e.score !== undefined) {
          if (!isWhole(e.score, 255)) return false;
          sure &&= e.score <= 100;
          floats[5] = e.score;
          present |= 1 << 21;
        }
        return true;
      }
      return false;
  }
}

function measured(value: unknown, unit: unknown, count: unknown, errors: unknown): boolean {
  if ((value === undefined) !== (unit === undefined)) {
    return false;
  }
  if (value !== undefined) {
    if (typeof value !== "number" || !Number.isFinite(value)) return false;
    put(7, unit);
    floats[2] = value;
    present |= 1 << 18;
  }
  if (count !== undefined) {
    if (!isWhole(count, Number.MAX_SAFE_INTEGER)) return false;
    floats[3] = count;
    present |= 1 << 19;
  }
  if (errors !== undefined) {
    if (!isWhole(errors, Number.MAX_SAFE_INTEGER)) return false;
    floats[4] = errors;
    present |= 1 << 20;
  }
  return true;
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}

function attributes(given: object): number {
  const prototype = Object.getPrototypeOf(given) as unknown;
  if (prototype !== Object.prototype && prototype !== null) {
    return -1;
  }
  let count = 0;
  for (const name in given) {
    const value = (given as Record<string, unknown>)[name];
    if (value === undefined || value === null) {
      continue;
    }
    if (count === ATTRIBUTES_MAX) {
      return -1;
    }
    sure &&= good.has(name);
    text += name;
    words[word++] = name.length;
    if (typeof value === "string") {
      text += value;
      words[word++] = 4 | (value.length << 3);
    } else if (typeof value === "number") {
      if (Number.isSafeInteger(value)) {
        words[word++] = 2;
        floats[6 + count] = value;
      } else if (Number.isFinite(value) && !Number.isInteger(value)) {
        words[word++] = 3;
        floats[6 + count] = value;
      } else {
        return -1;
      }
    } else if (typeof value === "boolean") {
      words[word++] = value ? 1 : 0;
    } else {
      return -1;
    }
    count++;
  }
  return count;
}

/** Puts lengths in bytes where lengths in characters stand; whether all of the text is Unicode. */
function measure(count: number): boolean {
  let at = 0;
  const part = (length: number): number => {
    const piece = text.slice(at, at + length);
    at += length;
    return piece.isWellFormed() ? Buffer.byteLength(piece) : -1;
  };
  const first = word - 2 * count;
  for (let index = 3; index < word; index++) {
    const found = words[index] as number;
    const isValue = index >= first && (index - first) % 2 === 1;
    if (isValue && (found & 7) !== 4) {
      continue;
    }
    const length = part(isValue ? found >>> 3 : found);
    if (length < 0) {
      return false;
    }
    words[index] = isValue ? 4 | (length << 3) : length;
  }
  return true;
}

/** Four numbers of 0 to 255 without leading zeroes; every other address is left to the core. */
function isPlainIpv4(address: string): boolean {
  let number = -1;
  let dots = 0;
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index);
    if (code === 46) {
      if (number < 0 || ++dots > 3) return false;
      number = -1;
    } else if (code < 48 || code > 57 || number === 0) {
      return false;
    } else {
      number = (number < 0 ? 0 : number * 10) + code - 48;
      if (number > 255) return false;
    }
  }
  return dots === 3 && number >= 0;
}

/** Whether the core would find nothing wrong with what was staged last. @internal */
export function isSure(): boolean {
  return sure;
}

/** The core found nothing wrong with this event. @internal */
export function foundGood(e: VerificationEvent): void {
  if (good.size >= NAMES_MAX) {
    good.clear();
  }
  good.add(e.action);
  for (const name in e.attributes) {
    good.add(name);
  }
}

let moment: string | undefined;

/** Puts the `traceparent` of the moment on the stage. @internal */
export function put_trace(traceparent: string): void {
  if (traceparent !== moment) {
    write(traceparent, TRACE_AT);
    moment = traceparent;
  }
}
