// `verify`: times a check and records how it ended, whatever becomes of it.

import type { VerificationEventBus } from "./bus.js";
import { authentication, type AuthenticationFields, type Kind, type Outcome, unjudged, type Value, type VerificationEvent } from "./event.js";
import { judge } from "./publish.js";
import { context } from "./trace.js";

/** Longest text taken from an error, in characters. */
const MESSAGE_MAX = 256;

/** The fields of a verification: those of its family, and what its answer means. */
export type VerifyFields = Omit<AuthenticationFields, "durationMs"> & {
  /** The family, when it is not an authentication. */
  kind?: Kind | undefined;
  permission?: string | undefined;
  policy?: string | undefined;
  setting?: string | undefined;
  oldValue?: string | undefined;
  newValue?: string | undefined;
  technique?: string | undefined;
  rule?: string | undefined;
  score?: number | undefined;
};

/** A check; it may say more of itself to the verification that runs it. */
export type Check<T> = (verification: Verification) => T;

/** A verification that is running. */
export class Verification {
  #fields: Record<string, unknown>;
  #outcome: Outcome | undefined;
  #reason: string | undefined;

  /** @internal */
  constructor(fields: VerifyFields) {
    this.#fields = fields as Record<string, unknown>;
    this.#outcome = fields.outcome ?? undefined;
    this.#reason = fields.reason ?? undefined;
  }

  /** The check passed, whatever happens behind it. */
  succeed(): void {
    this.#decide("success", undefined);
  }

  /** The check failed, for this reason. */
  fail(reason?: string): void {
    this.#decide("failure", reason);
  }

  /** Nobody can tell how the check ended. */
  unknown(reason?: string): void {
    this.#decide("unknown", reason);
  }

  /** Sets fields that became known while it ran. */
  set(fields: VerifyFields): void {
    this.#fields = { ...this.#fields, ...fields };
    if (fields.outcome != null) {
      this.#outcome = fields.outcome;
    }
    if (fields.reason != null) {
      this.#reason = fields.reason;
    }
  }

  /** Sets one attribute. */
  attribute(name: string, value: Value): void {
    this.#fields = { ...this.#fields, attributes: { ...(this.#fields.attributes as object | undefined), [name]: value } };
  }

  #decide(outcome: Outcome, reason: string | undefined): void {
    this.#outcome = outcome;
    this.#reason = reason;
  }

  /** Makes the event; `found` is what the check's end says, unless the check said it. @internal */
  event(action: string, durationMs: number, found: Found): VerificationEvent {
    const fields = this.#fields as VerifyFields;
    const event = unjudged(fields.kind ?? "authentication", action, fields) as Writable;
    const asked = context();
    event.durationMs = durationMs;
    if (asked !== undefined) {
      event.actor ??= asked.actor;
      event.sourceIp ??= asked.sourceIp;
    }
    if (this.#outcome !== undefined) {
      event.outcome = this.#outcome;
      event.reason = this.#reason;
      return judge(event as VerificationEvent);
    }
    event.outcome = found.outcome;
    event.reason = this.#reason ?? found.reason;
    if (found.message !== undefined) {
      event.attributes = { ...event.attributes, "exception.message": found.message };
    }
    return judge(event as VerificationEvent);
  }
}

/** An event that nobody has seen yet. */
type Writable = { -readonly [name in keyof VerificationEvent]: VerificationEvent[name] };

interface Found {
  outcome: Outcome;
  reason?: string | undefined;
  message?: string | undefined;
}

const PASSED: Found = { outcome: "success" };
const REFUSED: Found = { outcome: "failure", reason: "returned_false" };

function cut(text: string): string {
  return text.length > MESSAGE_MAX ? text.slice(0, MESSAGE_MAX).toWellFormed() : text.toWellFormed();
}

/** What a thrown value says of the check: aborted is unknown, everything else a failure. */
function judged(thrown: unknown): Found {
  try {
    return thrown instanceof Error ? judgedError(thrown) : { outcome: "failure", reason: "thrown", message: typeof thrown === "string" ? cut(thrown) : undefined };
  } catch {
    // It throws whatever is asked of it; the caller gets it as it is.
    return { outcome: "failure", reason: "thrown" };
  }
}

function judgedError(thrown: Error): Found {
  const code = (thrown as NodeJS.ErrnoException).code;
  if (thrown.name === "AbortError") {
    return { outcome: "unknown", reason: "cancelled" };
  }
  const message = cut(String(thrown.message));
  return { outcome: "failure", reason: cut(typeof code === "string" && code !== "" ? code : thrown.name), message: message === "" ? undefined : message };
}

function isPromise(result: unknown): boolean {
  try {
    return typeof (result as PromiseLike<unknown> | null | undefined)?.then === "function";
  } catch {
    return false;
  }
}

/** @internal */
export function verifyOn<T>(bus: VerificationEventBus, action: string, fields: VerifyFields, check: Check<T>): T {
  const verification = new Verification(fields);
  const begun = performance.now();
  const end = (found: Found): void => {
    const took = performance.now() - begun;
    try {
      bus.publish(verification.event(action, took, found));
    } catch {
      // Fields that cannot be in an event must not end the check; what is left of it is recorded.
      bus.publish(bare(action, took, found));
    }
  };
  let result: T;
  try {
    result = check(verification);
  } catch (thrown) {
    end(judged(thrown));
    throw thrown;
  }
  if (isPromise(result)) {
    return (result as unknown as PromiseLike<unknown>).then(
      (answer) => {
        end(answer === false ? REFUSED : PASSED);
        return answer;
      },
      (thrown: unknown) => {
        end(judged(thrown));
        throw thrown;
      },
    ) as T;
  }
  end(result === false ? REFUSED : PASSED);
  return result;
}

/** What is left of a verification whose fields cannot be in an event. */
function bare(action: string, durationMs: number, found: Found): VerificationEvent {
  const name = /^[a-z0-9][a-z0-9_.-]{0,127}$/.test(action) ? action : "verification";
  const { outcome, reason } = found;
  return authentication(name, { outcome, reason, durationMs, attributes: { "veribus.incomplete": true } });
}
