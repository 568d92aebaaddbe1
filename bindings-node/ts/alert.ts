// Alerts in the process: a severity, or so many events of one entity in a window of time.

import { dismiss, employ } from "./desk.js";
import { called } from "./errors.js";
import type { Kind, Outcome, Severity, VerificationEvent } from "./event.js";
import { BuiltIn } from "./handler.js";
import { native, type NativeAlertHandler } from "./native.js";
import { fromTree } from "./wire.js";

/** When to raise an alert: `events` of them within `withinMs`, by one entity (an address, else an actor). */
export interface AlertRule {
  name: string;
  /** 1 unless said. */
  events?: number | undefined;
  withinMs?: number | undefined;
  /** Only events of this severity and above. */
  atLeast?: Severity | undefined;
  kinds?: readonly Kind[] | undefined;
  outcome?: Outcome | undefined;
  action?: string | undefined;
  title?: string | undefined;
  /** Severity of the alert; that of the event unless said. */
  severity?: Severity | undefined;
  /** How long the same entity raises no second alert of this rule. */
  cooldownMs?: number | undefined;
}

/** A rule that matched. */
export interface Alert {
  readonly rule: string;
  readonly title: string;
  readonly severity: Severity;
  /** Whom it is about. */
  readonly entity: { readonly kind: string; readonly name: string } | undefined;
  readonly events: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Matches since the last alert that the cooldown kept quiet. */
  readonly suppressed: number;
  /** The event that completed the match. */
  readonly event: VerificationEvent;
  /** One line for a terminal; what came from outside is escaped and cut. */
  readonly line: string;
}

/** How many alerts there were. */
export interface AlertCounts {
  readonly raised: number;
  readonly suppressed: number;
  readonly delivered: number;
  readonly lost: number;
  readonly evicted: number;
  readonly withoutEntity: number;
}

/** How alerts are raised. */
export interface AlertOptions {
  /** Is given each alert; may be async. Without one, alerts are printed. */
  sink?: ((alert: Alert) => unknown) | undefined;
  /** Print JSON instead of lines. */
  json?: boolean | undefined;
  /** 600 000 unless said. */
  cooldownMs?: number | undefined;
}

interface Tree {
  line: string;
  entity: Alert["entity"] | null;
  firstSeen: string;
  lastSeen: string;
  alert: { rule: string; title: string; severity: Severity; events: number; suppressed: number };
  event: Record<string, unknown>;
}

function alertOf(json: string): Alert {
  const { line, entity, firstSeen, lastSeen, alert, event } = JSON.parse(json) as Tree;
  const { rule, title, severity, events, suppressed } = alert;
  return { rule, title, severity, entity: entity ?? undefined, events, firstSeen, lastSeen, suppressed, event: fromTree(event), line };
}

/** Raises alerts; register it once. Without rules: severity high and above, and five failed logins in ten minutes. */
export class AlertHandler extends BuiltIn {
  /** @internal */
  readonly native: NativeAlertHandler;

  constructor(rules: readonly AlertRule[] = [], options: AlertOptions = {}) {
    super();
    const { sink } = options;
    const number = sink === undefined ? undefined : employ({ alert: (json) => sink(alertOf(json)) });
    const given = rules.map((rule) => ({
      ...rule,
      events: rule.events ?? 1,
      withinMs: rule.withinMs ?? 0,
      atLeast: rule.atLeast ?? "informational",
      kinds: rule.kinds === undefined ? undefined : [...rule.kinds],
    }));
    try {
      this.native = called(() => new native.NativeAlertHandler(given, number, options.json ?? false, options.cooldownMs ?? 600_000));
    } catch (thrown) {
      if (number !== undefined) {
        dismiss(number);
      }
      throw thrown;
    }
  }

  /** How many alerts were raised, suppressed, delivered and lost. */
  counts(): AlertCounts {
    return this.native.counts();
  }
}

/** So many failed authentications of one entity. */
export function failures(name: string, events: number, withinMs: number, severity?: Severity): AlertRule {
  return { name, events, withinMs, kinds: ["authentication"], outcome: "failure", severity };
}
