// Fetches the work of handlers and answers it: one piece for each wake, so that the event loop goes on between them.

import { native, type Work } from "./native.js";
import { Retry } from "./errors.js";
import { stage } from "./stage.js";
import { inJob } from "./trace.js";

/** What the desk calls; an answer that is a promise is waited for. */
export interface Clerk {
  events?(lines: string): unknown;
  alert?(json: string): unknown;
  flush?(): unknown;
  /** The last that is heard of it. */
  close?(): unknown;
}

const clerks = new Map<number, Clerk>();
const asked = new Map<number, (answer: string) => void>();
let next = 0;

/** Gives a clerk its number. @internal */
export function employ(clerk: Clerk): number {
  clerks.set(++next, clerk);
  return next;
}

/** Forgets a clerk that was never registered. @internal */
export function dismiss(number: number): void {
  clerks.delete(number);
}

/** Asks the addon for something that it tells later. @internal */
export function ask<T>(call: (question: number) => T, told: (answer: string) => void): T {
  const question = ++next;
  asked.set(question, told);
  try {
    return call(question);
  } catch (thrown) {
    asked.delete(question);
    throw thrown;
  }
}

/** Nobody waits for the answer any more. @internal */
export function forget(question: number): void {
  asked.delete(question);
}

/** What was thrown, in words, and what a `Retry` says of it; a proxy throws whatever is asked of it. */
function described(thrown: unknown): [text: string, done?: number] {
  try {
    if (thrown instanceof Error) {
      const text = `${thrown.name}: ${thrown.message}`.slice(0, 1024);
      return thrown instanceof Retry ? [text, thrown.done] : [text];
    }
    return [`threw ${typeof thrown}: ${String(thrown)}`.slice(0, 1024)];
  } catch {
    return ["threw something that cannot be shown"];
  }
}

function answer(job: number, thrown?: { thrown: unknown }): void {
  if (job === 0) {
    return;
  }
  if (thrown === undefined) {
    native.answer(job);
  } else {
    native.answer(job, ...described(thrown.thrown));
  }
}

function perform({ of, what, text }: Work): unknown {
  const clerk = clerks.get(of);
  switch (what) {
    case "events":
      return clerk?.events?.(text);
    case "alert":
      return clerk?.alert?.(text);
    case "flush":
      return clerk?.flush?.();
    case "close":
      clerks.delete(of);
      return clerk?.close?.();
    default:
      asked.get(of)?.(text);
      asked.delete(of);
      return undefined;
  }
}

/** Does one piece of work; `last` if no promise can be waited for any more. @internal */
export function work(piece: Work, last = false): void {
  const { job } = piece;
  let result: Promise<unknown> | undefined;
  try {
    const returned = piece.what === "told" ? perform(piece) : inJob(job, () => perform(piece));
    // Inside of the fence: what was returned may throw when it is asked whether it is a promise.
    if (typeof (returned as PromiseLike<unknown> | null)?.then === "function") {
      result = Promise.resolve(returned);
    }
  } catch (thrown) {
    answer(job, { thrown });
    return;
  }
  if (result === undefined) {
    answer(job);
  } else if (last) {
    result.catch(() => undefined);
    answer(job, { thrown: new Error("the process is exiting and cannot wait for a promise") });
  } else {
    result.then(
      () => answer(job),
      (thrown: unknown) => answer(job, { thrown }),
    );
  }
}

native.start(stage, () => {
  const piece = native.fetch();
  if (piece !== null) {
    work(piece);
  }
});
