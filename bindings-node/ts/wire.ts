// Events as the wire's JSON: what the stage cannot hold goes this way, and all that comes back comes this way.

import { made, VeribusError } from "./errors.js";
import {
  type Attributes, Authentication, Authorization, type CommonFields, Configuration, type Kind, OF_FAMILY, Performance, Security, UnknownEvent,
  type Value, type VerificationEvent,
} from "./event.js";
import { TraceContext } from "./trace-context.js";

const DEPTH_MAX = 32;
const VALUES_MAX = 512;
const TEXT_BYTES_MAX = 256 * 1024;
const TAGS = ["$bytes", "$i64", "$u64", "$map"];

/** The event as one line of JSON, at time 0 where it has none. @internal */
export function toLine(e: VerificationEvent): string {
  const values = new Values();
  const text = (name: string, value: unknown): string | undefined => (value === undefined ? undefined : values.text(value, name));
  const number = (name: string, value: unknown): unknown => (value === undefined ? undefined : values.number(value, name));
  const own = e as unknown as Record<string, unknown>;
  const { actor: moreOfActor, target: moreOfTarget, ...extra } = e.extra === undefined ? {} : values.map(e.extra, "extra", 1);
  const actor = {
    name: text("actor", e.actor), ip: text("sourceIp", e.sourceIp), port: number("sourcePort", e.sourcePort),
    host: text("sourceHost", e.sourceHost), ...(moreOfActor as object | undefined),
  };
  const target = { name: text("target", e.target), kind: text("targetKind", e.targetKind), ...(moreOfTarget as object | undefined) };
  const tree: Record<string, unknown> = {
    ...extra,
    id: text("id", e.id),
    time: text("time", e.time) ?? "1970-01-01T00:00:00Z",
    kind: text("kind", e.kind),
    action: values.text(e.action, "action"),
    severity: text("severity", e.severity),
    outcome: text("outcome", e.outcome),
    reason: text("reason", e.reason),
    actor: Object.values(actor).some((value) => value !== undefined) ? actor : undefined,
    target: e.target === undefined ? undefined : target,
    trace: e.trace === undefined ? undefined : text("trace", e.trace.traceparent),
    duration_ns: e.durationMs === undefined ? undefined : nanoseconds(e.durationMs),
    attributes: e.attributes === undefined ? undefined : values.map(e.attributes, "attributes", 1),
  };
  for (const name of OF_FAMILY[e.kind as Kind] ?? []) {
    const value = own[name];
    const numeric = name === "value" || name === "count" || name === "errors" || name === "score";
    tree[SNAKE[name] ?? name] = numeric ? number(name, value) : text(name, value);
  }
  return JSON.stringify(tree);
}

const SNAKE: Record<string, string> = { oldValue: "old_value", newValue: "new_value" };

function nanoseconds(milliseconds: unknown): unknown {
  if (typeof milliseconds !== "number") {
    throw unsupported(milliseconds, "durationMs", "a number of milliseconds");
  }
  const nanos = Math.round(milliseconds * 1e6);
  if (!Number.isFinite(nanos)) {
    throw made("EVT_NUMBER_NOT_FINITE", "`durationMs` is not a finite number");
  }
  if (nanos < 0 || nanos >= 2 ** 64) {
    throw made("EVT_NUMBER_RANGE", "`durationMs` is out of range; a duration is not negative and below 584 years");
  }
  return tagged(BigInt(nanos));
}

function tagged(number: bigint): unknown {
  if (number >= -(2n ** 53n) && number <= 2n ** 53n) {
    return Number(number);
  }
  return number < 2n ** 63n ? { $i64: String(number) } : { $u64: String(number) };
}

function typeName(value: unknown): string {
  if (typeof value === "object" && value !== null) {
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
    return typeof name === "string" && name !== "" ? name.slice(0, 64) : "object";
  }
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : typeof value;
}

function unsupported(value: unknown, path: string, wanted: string): VeribusError {
  const type = value === null ? "null" : typeName(value);
  return made("EVT_TYPE_UNSUPPORTED", `\`${path}\` is of type ${type}; use ${wanted}`);
}

/** Walks values that code of the caller's may be behind; bounded in depth and number. */
class Values {
  #open = new Set<object>();
  #count = 0;

  text(value: unknown, path: string): string {
    if (typeof value !== "string") {
      throw unsupported(value, path, "a string");
    }
    const length = value.length > TEXT_BYTES_MAX / 3 ? Buffer.byteLength(value) : value.length;
    if (length > TEXT_BYTES_MAX) {
      throw made("EVT_TEXT_TOO_LONG", `\`${path}\` has ${length} bytes; the limit is ${TEXT_BYTES_MAX}`);
    }
    if (!value.isWellFormed()) {
      const at = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.exec(value)?.index ?? 0;
      throw made("EVT_TEXT_INVALID", `\`${path}\` is not valid Unicode at byte ${Buffer.byteLength(value.slice(0, at))}`);
    }
    return value;
  }

  number(value: unknown, path: string): unknown {
    if (typeof value === "bigint") {
      if (value < -(2n ** 63n) || value >= 2n ** 64n) {
        throw made("EVT_NUMBER_RANGE", `\`${path}\` is out of range; attributes take −2^63 to 2^64 − 1, counts nothing below 0`);
      }
      return tagged(value);
    }
    if (typeof value !== "number") {
      throw unsupported(value, path, "a number");
    }
    if (!Number.isFinite(value)) {
      throw made("EVT_NUMBER_NOT_FINITE", `\`${path}\` is not a finite number`);
    }
    if (Number.isInteger(value) && Math.abs(value) < 1e21 && (value < -(2 ** 63) || value >= 2 ** 64)) {
      throw made("EVT_NUMBER_RANGE", `\`${path}\` is out of range; attributes take −2^63 to 2^64 − 1, counts nothing below 0`);
    }
    return value === 0 ? 0 : value;
  }

  value(value: unknown, path: string, depth: number): unknown {
    if (++this.#count > VALUES_MAX + ATTRIBUTES_SPARE) {
      throw made("EVT_TOO_MANY_FIELDS", `the event has more than ${VALUES_MAX} attribute values; the limit is ${VALUES_MAX}`);
    }
    switch (typeof value) {
      case "string":
        return this.text(value, path);
      case "number":
      case "bigint":
        return this.number(value, path);
      case "boolean":
        return value;
      case "object":
        if (value !== null) {
          return this.object(value, path, depth);
        }
    }
    throw unsupported(value, path, "a string, a number, a boolean, bytes, a date, an array or an object of these");
  }

  object(value: object, path: string, depth: number): unknown {
    if (value instanceof Uint8Array) {
      return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
    }
    if (value instanceof Error) {
      return this.text(`${value.name}: ${value.message}`, path);
    }
    if (Array.isArray(value)) {
      return this.#inside(value, path, depth, () =>
        value.slice(0, VALUES_MAX + 1).map((item, index) => this.value(item, `${path}[${index}]`, depth + 1)),
      );
    }
    const toJSON = this.#asked(path, () => (value as { toJSON?: unknown }).toJSON);
    if (typeof toJSON === "function") {
      const plain = this.#asked(path, () => toJSON.call(value, path) as unknown);
      if (plain !== value) {
        return this.#inside(value, path, depth, () => this.value(plain, path, depth + 1));
      }
    }
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (value instanceof Map || (prototype !== null && Object.getPrototypeOf(prototype) !== null)) {
      throw unsupported(value, path, "a string, a number, a boolean, bytes, a date, an array or a plain object of these");
    }
    const map = this.map(value as Attributes, path, depth + 1);
    return Object.keys(map).some((name) => TAGS.includes(name)) ? { $map: map } : map;
  }

  map(given: unknown, path: string, depth: number): Record<string, unknown> {
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      throw unsupported(given, path, "an object of names and values");
    }
    return this.#inside(given, path, depth - 1, () => {
      const map = Object.create(null) as Record<string, unknown>;
      for (const name of this.#asked(path, () => Object.keys(given))) {
        const value = this.#asked(`${path}.${name}`, () => (given as Record<string, unknown>)[name]);
        if (value !== undefined && value !== null) {
          this.text(name, `${path}.(a name)`);
          map[name] = this.value(value, `${path}.${name.slice(0, 64)}`, depth);
        }
      }
      return map;
    });
  }

  /** Notes a container as being walked; refuses one that holds itself or lies too deep. */
  #inside<T>(value: object, path: string, depth: number, walk: () => T): T {
    if (this.#open.has(value)) {
      throw made("EVT_CYCLE", `\`${path}\` contains itself`);
    }
    if (depth > DEPTH_MAX) {
      throw made("EVT_TOO_DEEP", `\`${path.slice(0, 64)}\` is nested deeper than ${DEPTH_MAX} levels`);
    }
    this.#open.add(value);
    const walked = walk();
    this.#open.delete(value);
    return walked;
  }

  /** Runs code that may be the caller's: a getter, `toJSON`, a proxy. */
  #asked<T>(path: string, ask: () => T): T {
    try {
      return ask();
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      const failed = new (made("EVT_CONVERSION_FAILED", "").constructor as typeof VeribusError)(
        `\`${path}\` could not be converted: ${said}`, "EVT_CONVERSION_FAILED", { cause },
      );
      throw failed;
    }
  }
}

/** Values beside those of attributes, of an event that a newer sender made. */
const ATTRIBUTES_SPARE = 512;

type Tree = Record<string, unknown>;

/** What stands for no id. */
const NO_ID = "0".repeat(32);

/** An event from a line of the wire's JSON. @internal */
export function fromLine(line: string): VerificationEvent {
  return fromTree(JSON.parse(line) as Tree);
}

/** An event from the tree of the wire's JSON. @internal */
export function fromTree(tree: Tree): VerificationEvent {
  const {
    id, time, kind, action, severity, outcome, reason, actor, target, trace, duration_ns, attributes, ...rest
  } = tree as Tree & { actor?: Tree; target?: Tree };
  const f: Record<string, unknown> = {
    severity, outcome, reason, time, actor: actor?.name, sourceIp: actor?.ip, sourcePort: actor?.port, sourceHost: actor?.host,
    target: target?.name, targetKind: target?.kind, trace: trace === undefined ? undefined : new TraceContext(trace as string),
    durationMs: duration_ns === undefined ? undefined : Number(revived(duration_ns)) / 1e6,
    attributes: attributes === undefined ? undefined : mapped(attributes as Tree),
  };
  for (const name of OF_FAMILY[kind as Kind] ?? []) {
    const key = SNAKE[name] ?? name;
    if (rest[key] !== undefined) {
      f[name] = revived(rest[key]);
      delete rest[key];
    }
  }
  const event = constructed(kind as string, action as string, f);
  const given = event as { id?: unknown; extra?: unknown };
  given.id = id === NO_ID ? undefined : id;
  const { name: _name, ip: _ip, port: _port, host: _host, ...moreOfActor } = actor ?? {};
  const { name: _target, kind: _kind, ...moreOfTarget } = target ?? {};
  if (Object.keys(moreOfActor).length > 0) {
    rest.actor = moreOfActor;
  }
  if (Object.keys(moreOfTarget).length > 0) {
    rest.target = moreOfTarget;
  }
  if (Object.keys(rest).length > 0) {
    given.extra = mapped(rest);
  }
  return event;
}

function constructed(kind: string, action: string, f: CommonFields): VerificationEvent {
  switch (kind) {
    case "authentication":
      return new Authentication(action, f);
    case "authorization":
      return new Authorization(action, f);
    case "configuration":
      return new Configuration(action, f);
    case "performance":
      return new Performance(action, f);
    case "security":
      return new Security(action, f);
    default:
      return new UnknownEvent(kind, action, f);
  }
}

function mapped(tree: Tree): Attributes {
  const map: Record<string, Value> = {};
  for (const name of Object.keys(tree)) {
    Object.defineProperty(map, name, { value: revived(tree[name]), enumerable: true, writable: true, configurable: true });
  }
  return map;
}

/** A value of the wire as JavaScript has it. */
function revived(value: unknown): Value {
  if (typeof value !== "object" || value === null) {
    return value as Value;
  }
  if (Array.isArray(value)) {
    return value.map(revived);
  }
  const tree = value as Tree;
  const names = Object.keys(tree);
  if (names.length === 1) {
    const content = tree[names[0] as string];
    switch (names[0]) {
      case "$bytes":
        return new Uint8Array(Buffer.from(content as string, "base64"));
      case "$i64":
      case "$u64":
        return BigInt(content as string);
      case "$map":
        return mapped(content as Tree) as Value;
    }
  }
  return mapped(tree) as Value;
}
