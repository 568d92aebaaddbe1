// The way of one event to the addon: staged when it is built, and handed over as it stands where it is published next.

import { called } from "./errors.js";
import type { VerificationEvent } from "./event.js";
import { native } from "./native.js";
import { accepted, type Receipt, refused } from "./receipt.js";
import { foundGood, isSure, putEvent, putWay } from "./stage.js";
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
  length = putEvent(event);
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
    putWay(0, length, 0, undefined);
    called(() => native.checkStaged());
    foundGood(event);
  }
  return event;
}

/** @internal */
export function publishOn(bus: number, instance: string, event: VerificationEvent): Receipt {
  let number: number;
  try {
    const plain = isStaged(event);
    putWay(bus, plain ? length : 0, jobOfTheMoment(), event.trace === undefined ? traceOfTheMoment() : undefined);
    number = plain ? native.publish() : native.publishJson(toLine(event), event.time !== undefined);
  } catch (thrown) {
    // Not an event, or one that was changed into something that is none.
    const { code = "EVT_INVALID", message = "" } = Object(thrown) as { code?: string; message?: string };
    return refused({ status: "rejected", code, reason: `${code}: ${message}` });
  }
  return number >= 0 ? accepted(instance, number) : refused(native.lastReceipt());
}

/** @internal */
export function confirmOn(bus: number, event: VerificationEvent, asked: number): string {
  const plain = isStaged(event);
  putWay(bus, plain ? length : 0, jobOfTheMoment(), event.trace === undefined ? traceOfTheMoment() : undefined);
  const line = plain ? undefined : toLine(event);
  return called(() => native.publishConfirmed(line, event.time !== undefined, asked));
}

/** The event as the wire has it, in one line of JSON. @internal */
export function line(event: VerificationEvent): string {
  if (event.time !== undefined || event.id !== undefined || !isStaged(event)) {
    return toLine(event);
  }
  putWay(0, length, 0, undefined);
  return called(() => native.stagedToJson());
}
