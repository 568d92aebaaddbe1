// Begin and end of a process or worker: what an exit does to buses that nobody closed.

import type { VerificationEventBus } from "./bus.js";
import { work } from "./desk.js";
import { native } from "./native.js";

/** What all buses together may take to drain when the process exits. */
const EXIT_MS = 2000;

const open = new Map<number, WeakRef<VerificationEventBus>>();
const numbers = new WeakMap<VerificationEventBus, number>();
/** A bus that nobody has any more is let go, which drains it on another thread. */
const forgotten = new FinalizationRegistry<number>((number) => {
  open.delete(number);
  native.letGo(number);
});

/** Closes the bus when this thread ends in order. @internal */
export function watch(bus: VerificationEventBus, number: number): void {
  open.set(number, new WeakRef(bus));
  numbers.set(bus, number);
  forgotten.register(bus, number, bus);
}

/** The bus was closed. @internal */
export function unwatch(bus: VerificationEventBus): void {
  const number = numbers.get(bus);
  if (number !== undefined) {
    open.delete(number);
  }
}

let flushed = -1;

/** The event loop has nothing left to do: handlers that wait for it may still have. */
process.on("beforeExit", () => {
  const alive = [...open.values()].flatMap((bus) => bus.deref() ?? []);
  const attempted = alive.reduce((sum, bus) => sum + bus.health().attempted, 0);
  if (attempted !== flushed) {
    // Once for what there is: whoever publishes in `beforeExit` is flushed again.
    flushed = attempted;
    for (const bus of alive) {
      void bus.flush({ timeoutMs: EXIT_MS });
    }
  }
});

/** Nothing asynchronous happens any more: handlers get what is left here and now. */
process.on("exit", () => {
  const until = performance.now() + EXIT_MS;
  const left = [...open.keys()];
  if (left.length === 0) {
    return;
  }
  native.closeAtExit(left, EXIT_MS);
  for (;;) {
    const piece = native.fetchWithin(Math.max(0, until - performance.now()));
    if (piece === null) {
      break;
    }
    work(piece, true);
  }
  native.leave();
});
