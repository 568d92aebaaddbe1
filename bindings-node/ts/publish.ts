// The way of one event to the addon: staged when it is built, and handed over as it stands where it is published next.

import { called } from "./errors.js";
import type { VerificationEvent } from "./event.js";
import { native } from "./native.js";
import { accepted, type Receipt, refused } from "./receipt.js";
import { foundGood, isSure, put_event, put_trace } from "./stage.js";
import { jobOfTheMoment, traceOfTheMoment } from "./trace.js";
import { toLine } from "./wire.js";

/** The event on the stage, and the bytes of its text. */
let staged: VerificationEvent | undefined;
let length = 0;

/** Puts the event on the stage unless it stands there; whether it is one that can. */
function isStaged(event: VerificationEvent): boolean {
  if (event === staged) {
    return true;
  }
  staged = undefined;
  length = put_event(event);
  if (length < 0) {
    return false;
  }
  staged = event;
  return true;
}

/**
 * The event, if nothing is wrong with it. What is surely good is not asked about; the core judges all else.
 * @internal
 */
export function judge<E extends VerificationEvent>(event: E): E {
  if (!isStaged(event)) {
    const line = toLine(event);
    called(() => native.checkJson(line));
  } else if (!isSure()) {
    called(() => native.checkStaged(length));
    foundGood(event);
  }
  return event;
}

/** @internal */
export function publishOn(bus: number, instance: string, event: VerificationEvent): Receipt {
  try {
    const job = jobOfTheMoment();
    const trace = event.trace === undefined ? traceOfTheMoment() : undefined;
    if (trace !== undefined) {
      put_trace(trace);
    }
    const number = isStaged(event)
      ? native.publish(bus, length, job, trace !== undefined)
      : native.publishJson(bus, toLine(event), event.time !== undefined, job, trace !== undefined);
    return number >= 0 ? accepted(instance, number) : refused(native.lastReceipt());
  } catch (thrown) {
    // Not an event, or one that was changed into something that is none.
    const found = thrown as { code?: string; message?: string };
    return refused({ status: "rejected", code: found.code ?? "EVT_INVALID", reason: `${found.code ?? "EVT_INVALID"}: ${found.message ?? ""}` });
  }
}

/** @internal */
export function confirmOn(bus: number, event: VerificationEvent, asked: number): string {
  const trace = event.trace === undefined ? traceOfTheMoment() : undefined;
  if (trace !== undefined) {
    put_trace(trace);
  }
  const line = isStaged(event) ? undefined : toLine(event);
  return called(() =>
    native.publishConfirmed(bus, Math.max(0, length), line, event.time !== undefined, trace !== undefined, asked),
  );
}

/** The event as the wire has it, in one line of JSON. @internal */
export function line(event: VerificationEvent): string {
  return event.time === undefined && event.id === undefined && isStaged(event)
    ? called(() => native.stagedToJson(length))
    : toLine(event);
}

