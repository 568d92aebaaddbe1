// The events: five families, plain and read-only, each known by its `kind`.

import { inspect } from "node:util";

import { EventError, made } from "./errors.js";
import { judge } from "./publish.js";
import { TraceContext } from "./trace-context.js";

/** The five families. */
export type Kind = "authentication" | "authorization" | "configuration" | "performance" | "security";
/** How a check ended. */
export type Outcome = "success" | "failure" | "unknown";
/** How bad it is, by OCSF's names. */
export type Severity = "informational" | "low" | "medium" | "high" | "critical" | "fatal";
/** A value of an attribute. Dates become text; what is `null` or `undefined` is left out. */
export type Value =
  | string | number | bigint | boolean | Uint8Array | Date | readonly Value[] | { readonly [name: string]: Value | null | undefined };
/** What has no field of its own: at most 64 names. */
export type Attributes = { readonly [name: string]: Value | null | undefined };

type Given<T> = T | null | undefined;

/** The fields of every event. */
export interface CommonFields {
  /** How the check ended; `unknown` unless said. */
  outcome?: Given<Outcome>;
  /** How bad it is; each family has its own default. */
  severity?: Given<Severity | 1 | 2 | 3 | 4 | 5 | 6>;
  /** Why it ended so: a short code like `bad_password`. */
  reason?: Given<string>;
  /** Who acted: an account, service or key owner. */
  actor?: Given<string>;
  /** The address it came from. */
  sourceIp?: Given<string>;
  /** The port it came from. */
  sourcePort?: Given<number>;
  /** The host it came from, where only its name is known. */
  sourceHost?: Given<string>;
  /** What it was about: `orders/17`, `/admin`. */
  target?: Given<string>;
  /** What the target is: `order`, `path`. Kept only beside a `target`. */
  targetKind?: Given<string>;
  /** The trace it belongs to, also as a `traceparent` header; that of the moment unless said. */
  trace?: Given<TraceContext | string>;
  /** How long the check took, in milliseconds. */
  durationMs?: Given<number>;
  /** When it happened, if that is not now: a date, or RFC 3339 text. */
  time?: Given<Date | string>;
  /** What has no field of its own. */
  attributes?: Given<Attributes>;
}

/** Fields of an authentication. */
export interface AuthenticationFields extends CommonFields {
  /** How the identity was checked: `password`, `publickey`, `jwt`. */
  method?: Given<string>;
  /** Which credential, by key id or fingerprint; never the secret. */
  credential?: Given<string>;
}

/** Fields of an authorization. */
export interface AuthorizationFields extends CommonFields {
  /** What was asked for: `orders:write`, `GET`. */
  permission?: Given<string>;
  /** The policy or rule that decided. */
  policy?: Given<string>;
}

/** Fields of a configuration change. */
export interface ConfigurationFields extends CommonFields {
  /** Name of the setting, policy or environment. */
  setting?: Given<string>;
  /** Value before the change. */
  oldValue?: Given<string>;
  /** Value after the change. */
  newValue?: Given<string>;
}

/** Fields of a measurement. */
export interface PerformanceFields extends CommonFields {
  /** The measurement, in `unit`. */
  value?: Given<number>;
  /** `seconds`, `bytes`, `ratio`, `events/s`. */
  unit?: Given<string>;
  /** How many operations it covers. */
  count?: Given<number | bigint>;
  /** How many of them ended in an error. */
  errors?: Given<number | bigint>;
}

/** Fields of an attack, an anomaly or a violation. */
export interface SecurityFields extends CommonFields {
  /** MITRE ATT&CK technique: `T1110.001`. */
  technique?: Given<string>;
  /** The rule or detector that noticed it. */
  rule?: Given<string>;
  /** Risk, 0 to 100. */
  score?: Given<number>;
}

abstract class Common {
  abstract readonly kind: string;
  /** What was verified: `login`, `jwt.signature`. */
  readonly action: string;
  readonly outcome: Outcome;
  readonly severity: Severity;
  readonly reason: string | undefined;
  readonly actor: string | undefined;
  readonly sourceIp: string | undefined;
  readonly sourcePort: number | undefined;
  readonly sourceHost: string | undefined;
  readonly target: string | undefined;
  readonly targetKind: string | undefined;
  readonly trace: TraceContext | undefined;
  /** In milliseconds. */
  readonly durationMs: number | undefined;
  /** RFC 3339 in UTC with nanoseconds; none before the event is published, unless it was given one. */
  readonly time: string | undefined;
  /** 32 hexadecimal digits; none before the event is published. */
  readonly id: string | undefined;
  readonly attributes: Attributes | undefined;
  /** Fields of a newer sender, as they came. */
  readonly extra: Attributes | undefined;

  constructor(action: string, f: CommonFields, severity: Severity) {
    const { trace, time, severity: given } = f;
    this.action = action;
    this.outcome = f.outcome ?? "unknown";
    this.severity = given == null ? severity : typeof given === "number" ? named(given) : given;
    this.reason = f.reason ?? undefined;
    this.actor = f.actor ?? undefined;
    this.sourceIp = f.sourceIp ?? undefined;
    this.sourcePort = f.sourcePort ?? undefined;
    this.sourceHost = f.sourceHost ?? undefined;
    this.target = f.target ?? undefined;
    this.targetKind = f.targetKind ?? undefined;
    this.trace = trace == null ? undefined : typeof trace === "string" ? TraceContext.parse(trace) : trace;
    this.durationMs = f.durationMs ?? undefined;
    this.time = time == null ? undefined : time instanceof Date ? moment(time) : time;
    this.id = undefined;
    this.attributes = f.attributes ?? undefined;
    this.extra = undefined;
  }

  /** Shows the fields that say something. */
  [inspect.custom](depth: number, options: object, show: typeof inspect): string {
    const given = Object.entries(this).filter(([, value]) => value !== undefined);
    return `${this.constructor.name} ${depth < 0 ? "{…}" : show(Object.fromEntries(given), options)}`;
  }
}

const SEVERITIES: readonly Severity[] = ["informational", "low", "medium", "high", "critical", "fatal"];

function named(number: number): Severity {
  // What is no severity stays as it is; the core says so, with what is allowed.
  return SEVERITIES[number - 1] ?? (String(number) as Severity);
}

function moment(date: Date): string {
  if (Number.isNaN(date.getTime())) {
    throw made("EVT_TIME_INVALID", "time is not a valid `Date`");
  }
  return date.toISOString();
}

/** An identity was checked: a login, a key, a signature, a token. */
export class Authentication extends Common {
  readonly kind = "authentication";
  readonly method: string | undefined;
  readonly credential: string | undefined;

  /** @internal */
  constructor(action: string, f: AuthenticationFields) {
    super(action, f, "informational");
    this.method = f.method ?? undefined;
    this.credential = f.credential ?? undefined;
  }
}

/** A permission was decided. */
export class Authorization extends Common {
  readonly kind = "authorization";
  readonly permission: string | undefined;
  readonly policy: string | undefined;

  /** @internal */
  constructor(action: string, f: AuthorizationFields) {
    super(action, f, "informational");
    this.permission = f.permission ?? undefined;
    this.policy = f.policy ?? undefined;
  }
}

/** Something that governs behaviour was changed. */
export class Configuration extends Common {
  readonly kind = "configuration";
  readonly setting: string | undefined;
  readonly oldValue: string | undefined;
  readonly newValue: string | undefined;

  /** @internal */
  constructor(action: string, f: ConfigurationFields) {
    super(action, f, "low");
    this.setting = f.setting ?? undefined;
    this.oldValue = f.oldValue ?? undefined;
    this.newValue = f.newValue ?? undefined;
  }
}

/** How verifications performed. */
export class Performance extends Common {
  readonly kind = "performance";
  readonly value: number | undefined;
  readonly unit: string | undefined;
  readonly count: number | bigint | undefined;
  readonly errors: number | bigint | undefined;

  /** @internal */
  constructor(action: string, f: PerformanceFields) {
    super(action, f, "informational");
    this.value = f.value ?? undefined;
    this.unit = f.unit ?? undefined;
    this.count = f.count ?? undefined;
    this.errors = f.errors ?? undefined;
  }
}

/** An attack, an anomaly or a violation was noticed. */
export class Security extends Common {
  readonly kind = "security";
  readonly technique: string | undefined;
  readonly rule: string | undefined;
  readonly score: number | undefined;

  /** @internal */
  constructor(action: string, f: SecurityFields) {
    super(action, f, "medium");
    this.technique = f.technique ?? undefined;
    this.rule = f.rule ?? undefined;
    this.score = f.score ?? undefined;
  }
}

/** An event of a family that a newer sender knows and this version does not. */
export class UnknownEvent extends Common {
  readonly kind: string;

  /** @internal */
  constructor(kind: string, action: string, f: CommonFields) {
    super(action, f, "informational");
    this.kind = kind;
  }
}

/** An event; `kind` says of which family. */
export type KnownEvent = Authentication | Authorization | Configuration | Performance | Security;
/** An event, also of a family that only a newer sender knows. */
export type VerificationEvent = KnownEvent | UnknownEvent;

const COMMON = [
  "outcome", "severity", "reason", "actor", "sourceIp", "sourcePort", "sourceHost", "target", "targetKind", "trace",
  "durationMs", "time", "attributes",
] as const;

/** The fields that only one family has. @internal */
export const OF_FAMILY: Record<Kind, readonly string[]> = {
  authentication: ["method", "credential"],
  authorization: ["permission", "policy"],
  configuration: ["setting", "oldValue", "newValue"],
  performance: ["value", "unit", "count", "errors"],
  security: ["technique", "rule", "score"],
};

/** Whether every family has this field; names are compared as pointers, which a set of them is not. */
function isCommon(name: string): boolean {
  switch (name) {
    case "outcome":
    case "severity":
    case "reason":
    case "actor":
    case "sourceIp":
    case "sourcePort":
    case "sourceHost":
    case "target":
    case "targetKind":
    case "trace":
    case "durationMs":
    case "time":
    case "attributes":
      return true;
    default:
      return false;
  }
}

/** Refuses a field that the family does not have: a misspelt one would be lost. */
function known(kind: Kind, fields: object): void {
  const own = OF_FAMILY[kind];
  for (const name in fields) {
    if (!isCommon(name) && !own.includes(name)) {
      const has = [...COMMON, ...own].join(", ");
      throw new EventError(
        `an event of family ${kind} has no field '${name.slice(0, 64)}'; it has ${has}. Put everything else into \`attributes\``,
        "EVT_FIELD_UNKNOWN",
      );
    }
  }
}

const NOTHING = {};

/**
 * A login, key validation or signature verification. `action` names it: `login`, `jwt.signature`.
 *
 * @throws {@link EventError} for what cannot be in an event.
 */
export function authentication(action: string, fields: AuthenticationFields = NOTHING): Authentication {
  known("authentication", fields);
  return judge(new Authentication(action, fields));
}

/**
 * A permission check, denial or policy violation. `action` names it: `permission_check`.
 *
 * @throws {@link EventError} for what cannot be in an event.
 */
export function authorization(action: string, fields: AuthorizationFields = NOTHING): Authorization {
  known("authorization", fields);
  return judge(new Authorization(action, fields));
}

/**
 * A policy update, configuration change or environment switch; severity `low` unless said otherwise.
 *
 * @throws {@link EventError} for what cannot be in an event.
 */
export function configuration(action: string, fields: ConfigurationFields = NOTHING): Configuration {
  known("configuration", fields);
  return judge(new Configuration(action, fields));
}

/**
 * Verification timing, throughput or error rates.
 *
 * @throws {@link EventError} for what cannot be in an event.
 */
export function performance(action: string, fields: PerformanceFields = NOTHING): Performance {
  known("performance", fields);
  return judge(new Performance(action, fields));
}

/**
 * An attack, an anomaly or a violation; severity `medium` unless said otherwise.
 *
 * @throws {@link EventError} for what cannot be in an event.
 */
export function security(action: string, fields: SecurityFields = NOTHING): Security {
  known("security", fields);
  return judge(new Security(action, fields));
}

/**
 * An event of any family, not judged yet; `kind` may stand among its fields.
 * @internal
 */
export function unjudged(kind: Kind, action: string, fields: CommonFields & { kind?: Kind | undefined }): KnownEvent {
  const own = OF_FAMILY[kind];
  for (const name in fields) {
    if (name !== "kind" && !isCommon(name) && !own.includes(name)) {
      known(kind, { [name]: true });
    }
  }
  switch (kind) {
    case "authorization":
      return new Authorization(action, fields);
    case "configuration":
      return new Configuration(action, fields);
    case "performance":
      return new Performance(action, fields);
    case "security":
      return new Security(action, fields);
    default:
      return new Authentication(action, fields);
  }
}
