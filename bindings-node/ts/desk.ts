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

function described(thrown: unknown): string {
  try {
    if (thrown instanceof Error) {
      return `${thrown.name}: ${thrown.message}`.slice(0, 1024);
    }
    return `threw ${typeof thrown}: ${String(thrown)}`.slice(0, 1024);
  } catch {
    return "threw something that cannot be shown";
  }
}

function answer(job: number, thrown?: { thrown: unknown }): void {
  if (job === 0) {
    return;
  }
  if (thrown === undefined) {
    native.answer(job);
  } else {
    const done = thrown.thrown instanceof Retry ? thrown.thrown.done : undefined;
    native.answer(job, described(thrown.thrown), done);
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
  let result: unknown;
  try {
    result = piece.what === "told" ? perform(piece) : inJob(job, () => perform(piece));
  } catch (thrown) {
    answer(job, { thrown });
    return;
  }
  if (typeof (result as PromiseLike<unknown> | null)?.then !== "function") {
    answer(job);
  } else if (last) {
    Promise.resolve(result).catch(() => undefined);
    answer(job, { thrown: new Error("the process is exiting and cannot wait for a promise") });
  } else {
    Promise.resolve(result).then(
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
