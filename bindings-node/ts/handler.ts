// Handlers: a function or an object of the caller's, or one of the built-in ones.

import { type Clerk, dismiss, employ } from "./desk.js";
import { called, HandlerError } from "./errors.js";
import type { Kind, Severity, VerificationEvent } from "./event.js";
import { native, type NativeHandler, type NativeHandlerId } from "./native.js";
import { jobOfTheMoment } from "./trace.js";
import { fromLine } from "./wire.js";

type Awaitable = unknown;

/** Takes events in batches, one at a time. May be async, slow, throw, and publish: nobody else notices. */
export interface EventHandler {
  /** Its name in health; that of its class unless said. */
  readonly name?: string;
  /** Takes one batch; a throw or rejection is counted, and the batch is given again event by event. */
  handle(events: readonly VerificationEvent[]): Awaitable;
  /** Brings what was taken where it belongs; called each second, by `flush` and at the end. */
  flush?(): Awaitable;
  /** The last that it hears. */
  close?(): Awaitable;
  /** Whether a `flush` that succeeded means that power may fail: `publishConfirmed` waits for these. */
  readonly durable?: boolean;
}

/** A function of a batch. */
export type HandlerFunction = (events: readonly VerificationEvent[]) => Awaitable;

/** What a handler wants to see, and under which name. */
export interface HandlerOptions {
  /** A name that no handler of the bus has. */
  name?: string | undefined;
  /** Only these families. */
  kinds?: readonly Kind[] | undefined;
  /** Only events of this severity and above. */
  atLeast?: Severity | 1 | 2 | 3 | 4 | 5 | 6 | undefined;
  durable?: boolean | undefined;
}

/** Names a registered handler on its bus. */
export class HandlerId {
  protected readonly handlerId = true;
  /** @internal */
  readonly native: NativeHandlerId;

  /** @internal */
  constructor(found: NativeHandlerId) {
    this.native = found;
  }
}

/** A handler that is written in Rust; made once, registered once. */
export abstract class BuiltIn {
  protected readonly builtIn = true;
  /** @internal */
  abstract readonly native: NativeHandler;
}

/** @internal */
export function registerOn(
  bus: number, handler: HandlerFunction | EventHandler | BuiltIn, options: HandlerOptions,
): HandlerId {
  if (options.name !== undefined) {
    const name = options.name;
    called(() => native.requireFreeName(bus, name));
  }
  const job = jobOfTheMoment();
  const said = {
    name: options.name,
    kinds: options.kinds === undefined ? undefined : [...options.kinds],
    atLeast: options.atLeast === undefined ? undefined : String(options.atLeast),
  };
  if (handler instanceof BuiltIn) {
    return new HandlerId(called(() => handler.native.register(bus, said, job)));
  }
  const { clerk, name, durable } = described(handler);
  const number = employ(clerk);
  const wanted = {
    ...said,
    number,
    name: options.name ?? name,
    durable: options.durable ?? durable,
    flushes: clerk.flush !== undefined,
  };
  try {
    return new HandlerId(called(() => native.registerHandler(bus, wanted, job)));
  } catch (thrown) {
    dismiss(number);
    throw thrown;
  }
}

function described(handler: unknown): { clerk: Clerk; name: string; durable: boolean } {
  const isClass = typeof handler === "function" && /^class\b/.test(Function.prototype.toString.call(handler));
  if (typeof handler === "function" && !isClass) {
    const call = handler as HandlerFunction;
    return { clerk: { events: (lines) => call(batch(lines)) }, name: call.name || "function", durable: false };
  }
  const object = handler as EventHandler | null;
  if (typeof object !== "object" || object === null || typeof object.handle !== "function") {
    const type = handler === null ? "null" : isClass ? "a class" : `of type ${typeof handler}`;
    throw new HandlerError(`the handler is ${type}, neither a function nor an object with a method \`handle(events)\``, "HND_NOT_CALLABLE");
  }
  const clerk: Clerk = { events: (lines) => object.handle(batch(lines)) };
  if (typeof object.flush === "function") {
    clerk.flush = () => object.flush?.();
  }
  if (typeof object.close === "function") {
    clerk.close = () => object.close?.();
  }
  const name = typeof object.name === "string" && object.name !== "" ? object.name : object.constructor?.name;
  return { clerk, name: name || "handler", durable: object.durable === true };
}

function batch(lines: string): VerificationEvent[] {
  return lines.split("\n").map(fromLine);
}
