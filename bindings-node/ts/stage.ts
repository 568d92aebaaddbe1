// The bytes through which an event is handed over; src/stage.rs reads them and says how they are laid out.
//
// All text of an event is joined and written at once: one call for all of it is cheaper than one for each field, and
// where as many bytes as characters came out, all of it was ASCII.

import type { Authentication, Authorization, Configuration, Performance, Security, VerificationEvent } from "./event.js";

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

/** Where the way of the event stands. */
const BUS = 3;
const JOB = 4;
const LENGTH = 5;
/** The first word of the lengths. */
const LENGTHS = 6;
const TRACED = 0x8000_0000;

/**
 * Writes the event to the stage; answers the bytes of its text, or −1 for an event that is not plain: it goes as JSON.
 *
 * One function with local state: it runs for each event, and this is half of what JavaScript does for it.
 * @internal
 */
export function putEvent(e: VerificationEvent): number {
  const kind = KINDS[e.kind];
  const outcome = OUTCOMES[e.outcome];
  const severity = SEVERITIES[e.severity];
  const { action, reason, actor, sourceIp, sourceHost, target, targetKind, trace, sourcePort, durationMs, attributes } = e;
  if (kind === undefined || outcome === undefined || severity === undefined || e.time !== undefined || e.extra !== undefined || typeof action !== "string") {
    return -1;
  }
  let text = action;
  let word = LENGTHS + 1;
  let present = 1;
  words[LENGTHS] = action.length;
  sure = good.has(action);
  if (reason !== undefined) {
    if (typeof reason !== "string") return -1;
    text += reason;
    words[word++] = reason.length;
    present |= 1 << 1;
  }
  if (actor !== undefined) {
    if (typeof actor !== "string") return -1;
    text += actor;
    words[word++] = actor.length;
    present |= 1 << 2;
  }
  if (sourceIp !== undefined) {
    if (typeof sourceIp !== "string") return -1;
    text += sourceIp;
    words[word++] = sourceIp.length;
    present |= 1 << 3;
    sure &&= isPlainIpv4(sourceIp);
  }
  if (sourceHost !== undefined) {
    if (typeof sourceHost !== "string") return -1;
    text += sourceHost;
    words[word++] = sourceHost.length;
    present |= 1 << 4;
  }
  if (target !== undefined) {
    if (typeof target !== "string") return -1;
    text += target;
    words[word++] = target.length;
    present |= 1 << 5;
  }
  if (targetKind !== undefined) {
    if (typeof targetKind !== "string") return -1;
    text += targetKind;
    words[word++] = targetKind.length;
    present |= 1 << 6;
  }
  const [one, two, three] = payload(e);
  if (one !== undefined) {
    if (typeof one !== "string") return -1;
    text += one;
    words[word++] = one.length;
    present |= 1 << 7;
  }
  if (two !== undefined) {
    if (typeof two !== "string") return -1;
    text += two;
    words[word++] = two.length;
    present |= 1 << 8;
  }
  if (three !== undefined) {
    if (typeof three !== "string") return -1;
    text += three;
    words[word++] = three.length;
    present |= 1 << 9;
  }
  if (trace !== undefined) {
    text += trace.traceparent;
    words[word++] = trace.traceparent.length;
    present |= 1 << 10;
  }
  if (sourcePort !== undefined) {
    if (!isWhole(sourcePort, 65_535)) return -1;
    floats[0] = sourcePort;
    present |= 1 << 16;
  }
  if (durationMs !== undefined) {
    // Beyond, nanoseconds are not exact.
    if (!(durationMs >= 0 && durationMs < 9e9)) return -1;
    floats[1] = Math.round(durationMs * 1e6);
    present |= 1 << 17;
  }
  if (kind > 3) {
    const given = numbers(e as Performance | Security);
    if (given < 0) return -1;
    present |= given;
  }
  let count = 0;
  if (attributes !== undefined) {
    // Whatever is no plain object, or says it is none, goes as JSON.
    if (typeof attributes !== "object" || attributes.constructor !== Object) return -1;
    for (const name in attributes) {
      const value = attributes[name];
      if (value === undefined || value === null) continue;
      if (count === ATTRIBUTES_MAX) return -1;
      sure &&= good.has(name);
      text += name;
      words[word++] = name.length;
      if (typeof value === "string") {
        text += value;
        words[word++] = 4 | (value.length << 3);
      } else if (typeof value === "boolean") {
        words[word++] = value ? 1 : 0;
      } else if (typeof value === "number" && Number.isSafeInteger(value)) {
        words[word++] = 2;
        floats[6 + count] = value;
      } else if (typeof value === "number" && Number.isFinite(value) && !Number.isInteger(value)) {
        words[word++] = 3;
        floats[6 + count] = value;
      } else {
        return -1;
      }
      count++;
    }
  }
  if (text.length > CHARACTERS_MAX) {
    return -1;
  }
  words[0] = kind | (severity << 8) | (outcome << 16);
  words[1] = present;
  words[2] = count;
  const written = write(text, TEXT_AT);
  return written === text.length || measure(text, word, count) ? written : -1;
}

const NONE: readonly [undefined, undefined, undefined] = [undefined, undefined, undefined];

/** The texts that only the event's family has. */
function payload(e: VerificationEvent): readonly [unknown?, unknown?, unknown?] {
  switch (e.kind) {
    case "authentication": {
      const { method, credential } = e as Authentication;
      return [method, credential, undefined];
    }
    case "authorization": {
      const { permission, policy } = e as Authorization;
      return [permission, policy, undefined];
    }
    case "configuration": {
      const { setting, oldValue, newValue } = e as Configuration;
      return [setting, oldValue, newValue];
    }
    case "performance":
      return [(e as Performance).unit, undefined, undefined];
    case "security": {
      const { technique, rule } = e as Security;
      return [technique, rule, undefined];
    }
  }
  return NONE;
}

/** Puts the numbers that only the event's family has; which of them are given, or −1. */
function numbers(e: Performance | Security): number {
  let present = 0;
  if (e.kind === "security") {
    if (e.score !== undefined) {
      if (!isWhole(e.score, 255)) return -1;
      sure &&= e.score <= 100;
      floats[5] = e.score;
      present = 1 << 21;
    }
    return present;
  }
  const { value, unit, count, errors } = e;
  if ((value === undefined) !== (unit === undefined)) return -1;
  if (value !== undefined) {
    if (typeof value !== "number" || !Number.isFinite(value)) return -1;
    floats[2] = value;
    present |= 1 << 18;
  }
  if (count !== undefined) {
    if (!isWhole(count, Number.MAX_SAFE_INTEGER)) return -1;
    floats[3] = count;
    present |= 1 << 19;
  }
  if (errors !== undefined) {
    if (!isWhole(errors, Number.MAX_SAFE_INTEGER)) return -1;
    floats[4] = errors;
    present |= 1 << 20;
  }
  return present;
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}

/** Puts lengths in bytes where lengths in characters stand; whether all of the text is Unicode. */
function measure(text: string, end: number, count: number): boolean {
  let at = 0;
  const part = (length: number): number => {
    const piece = text.slice(at, at + length);
    at += length;
    return piece.isWellFormed() ? Buffer.byteLength(piece) : -1;
  };
  const first = end - 2 * count;
  for (let index = LENGTHS; index < end; index++) {
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

/** Puts on the stage where the event goes, from which job, and in which trace. @internal */
export function putWay(bus: number, length: number, job: number, traceparent: string | undefined): void {
  words[BUS] = bus;
  words[JOB] = job;
  if (traceparent === undefined) {
    words[LENGTH] = length;
    return;
  }
  words[LENGTH] = length + TRACED;
  if (traceparent !== moment) {
    write(traceparent, TRACE_AT);
    moment = traceparent;
  }
}
