// Where each setting comes from: the argument, else the environment, else a TOML file, else a default.

import { readFileSync } from "node:fs";

import { called, ConfigError } from "./errors.js";
import { native } from "./native.js";
import type { InitOptions } from "./settings.js";

/** What the bus itself takes. @internal */
export const OF_THE_BUS = ["service", "instance", "host", "environment", "network", "redact", "blockMs", "handlerQueue", "redaction"] as const;

/** What the way to the collector takes. @internal */
export const OF_THE_ADDRESS = [
  "token", "tokenFile", "user", "password", "passwordFile", "credsFile", "nkeyFile", "caFile", "certFile", "keyFile", "stream",
  "answerTimeoutMs", "inFlightMax",
] as const;

const KNOWN: readonly string[] = [...OF_THE_BUS, "capacity", "audit", "collector", "spool", "disabled", ...OF_THE_ADDRESS];
const NUMBERS = new Set(["capacity", "handlerQueue", "blockMs", "inFlightMax"]);
const SWITCHES = new Set(["audit", "spool", "disabled", "redaction"]);
const OFF = ["0", "false", "off", "no", ""];
const ON = ["1", "true", "on", "yes"];

/** Other names in the environment; `VERIBUS_` and the setting wins. */
const ALSO: readonly (readonly [variable: string, setting: string])[] = [
  ["VERIBUS_URL", "collector"], ["VERIBUS_ENV", "environment"], ["VERIBUS_SPOOL_DIR", "spool"], ["OTEL_SERVICE_NAME", "service"],
];

/** Names as all SDKs write them in the environment and in files, `token_file`; a time there is a text with its unit. */
const SPOKEN = new Map([...KNOWN, "collectorFile"].map((name) => [name.replace(/^answerTimeoutMs$/, "answerTimeout").replace(/[A-Z]/g, "_$&").toLowerCase(), name]));

/** Every setting that somebody gave, from the strongest source. @internal */
export function merged({ config, ...given }: InitOptions): Record<string, unknown> {
  const path = config ?? process.env.VERIBUS_CONFIG;
  const stronger: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (!KNOWN.includes(name)) {
      throw new ConfigError(`there is no setting \`${name.slice(0, 64)}\`; known are ${KNOWN.join(", ")}, config`, "CFG_KEY_UNKNOWN");
    }
    if (value !== undefined) {
      stronger[name] = value;
    }
  }
  const { collectorFile, ...settings } = over(over(path ? fromFile(path) : {}, fromEnvironment()), stronger);
  if (typeof collectorFile === "string" && settings.collector === undefined) {
    settings.collector = read(collectorFile, "collector_file").trim();
  }
  return settings;
}

/** A stronger source over a weaker one: either way of naming a collector in it displaces both in the weaker. */
function over({ collector, collectorFile, ...weaker }: Record<string, unknown>, stronger: Record<string, unknown>): Record<string, unknown> {
  const names = stronger.collector !== undefined || Boolean(stronger.collectorFile);
  return { ...weaker, ...(names ? {} : { collector, collectorFile }), ...stronger };
}

function fromEnvironment(): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const pairs = [...ALSO, ...[...SPOKEN].map(([spoken, name]) => [`VERIBUS_${spoken.toUpperCase()}`, name] as const)];
  for (const [variable, name] of pairs) {
    const text = process.env[variable];
    if (text !== undefined) {
      found[name] = understood(name, variable, text);
    }
  }
  return found;
}

function fromFile(path: string): Record<string, unknown> {
  const text = read(path, "config");
  let table: Record<string, boolean | number | string | string[]>;
  try {
    table = called(() => native.readSettings(text));
  } catch (thrown) {
    throw thrown instanceof ConfigError ? new ConfigError(`\`${path}\`: ${thrown.message}`, thrown.code) : thrown;
  }
  const found: Record<string, unknown> = {};
  for (const [spoken, value] of Object.entries(table)) {
    const name = SPOKEN.get(spoken);
    if (name === undefined) {
      throw new ConfigError(`\`${path}\` has a setting \`${spoken.slice(0, 64)}\`; known are ${[...SPOKEN.keys()].join(", ")}`, "CFG_KEY_UNKNOWN");
    }
    found[name] = understood(name, spoken, value);
  }
  return found;
}

/** What a setting that came as text, or from a file, means. */
function understood(name: string, said: string, value: boolean | number | string | string[]): unknown {
  if (NUMBERS.has(name)) {
    if (typeof value !== "number" && !/^\d+$/.test(String(value))) {
      throw new ConfigError(`\`${said}\` is \`${String(value).slice(0, 64)}\`; use a whole number`, "CFG_VALUE_RANGE");
    }
    return Number(value);
  }
  if (SWITCHES.has(name)) {
    const word = String(value).toLowerCase();
    return OFF.includes(word) ? false : ON.includes(word) ? true : String(value);
  }
  if (name === "redact") {
    return Array.isArray(value) ? value : String(value).split(",");
  }
  if (typeof value !== "string") {
    throw new ConfigError(`\`${said}\` is \`${String(value).slice(0, 64)}\`; use a text`, "CFG_VALUE_RANGE");
  }
  return value;
}

function read(path: string, setting: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`\`${setting}\`: cannot read \`${path}\``, "CFG_FILE", { cause });
  }
}
