// The trace of the moment: W3C trace context, carried by AsyncLocalStorage, picked up by every event.

import { AsyncLocalStorage } from "node:async_hooks";

import { VeribusError } from "./errors.js";
import { TraceContext } from "./trace-context.js";

export { TraceContext };

/** What a request knows of itself; one object for the whole request, so what one part learns the others see. */
export interface Context {
  readonly trace: TraceContext;
  /** The address that asks; `verify` takes it where it is given none. */
  sourceIp: string | undefined;
  /** Who asks, once somebody knows; `verify` takes it where it is given none. */
  actor: string | undefined;
}

interface Moment {
  context: Context | undefined;
  /** The job of the handler that runs here; 0 outside of handlers. */
  job: number;
}

const storage = new AsyncLocalStorage<Moment>();
/** Whether anybody ever ran something in a context: until then nobody has to look. */
let used = false;

/** Runs `work` in a context; whatever it starts (promises, timers, emitters) stays in it. */
export function use<T>(
  trace: TraceContext | string | undefined,
  work: (context: Context) => T,
  known: { sourceIp?: string | undefined; actor?: string | undefined } = {},
): T {
  const parsed = typeof trace === "string" ? TraceContext.parse(trace) : (trace ?? TraceContext.newRoot());
  const context: Context = { trace: parsed, sourceIp: known.sourceIp, actor: known.actor };
  return resume(context, () => work(context));
}

/** Goes on in a context that was left: in a callback that some other request registered. */
export function resume<T>(context: Context | undefined, work: () => T): T {
  used = true;
  return storage.run({ context, job: storage.getStore()?.job ?? 0 }, work);
}

/** The request that is worked for here. */
export function context(): Context | undefined {
  return used ? storage.getStore()?.context : undefined;
}

/** The function, in the context of this moment whenever it is called. */
export function bind<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R {
  return AsyncLocalStorage.bind(work);
}

/** The trace that an event published here and now would carry. */
export function current(): TraceContext | undefined {
  const found = traceOfTheMoment();
  return found === undefined ? undefined : new TraceContext(found);
}

/** The trace of a request's headers (an object of node:http, or `Headers`); none if there is none or a bad one. */
export function extract(headers: Headers | { readonly [name: string]: string | string[] | undefined }): TraceContext | undefined {
  let found: unknown;
  if (typeof (headers as Headers).get === "function") {
    found = (headers as Headers).get("traceparent");
  } else {
    const plain = headers as Record<string, unknown>;
    found = plain.traceparent ?? Object.entries(plain).find(([name]) => name.toLowerCase() === "traceparent")?.[1];
  }
  if (typeof found !== "string") {
    return undefined;
  }
  try {
    return TraceContext.parse(found.trim());
  } catch (thrown) {
    if (thrown instanceof VeribusError) {
      return undefined;
    }
    throw thrown;
  }
}

/** Sets `traceparent` for an outgoing request or message; without a trace the headers stay as they are. */
export function inject<H extends Headers | Record<string, unknown>>(headers: H, trace: TraceContext | undefined = current()): H {
  if (trace !== undefined) {
    if (typeof (headers as Headers).set === "function") {
      (headers as Headers).set("traceparent", trace.traceparent);
    } else {
      (headers as Record<string, unknown>).traceparent = trace.traceparent;
    }
  }
  return headers;
}

/** Runs a handler: what it publishes comes from inside of that job. @internal */
export function inJob<T>(job: number, work: () => T): T {
  used = true;
  return storage.run({ context: undefined, job }, work);
}

/** @internal */
export function jobOfTheMoment(): number {
  return used ? (storage.getStore()?.job ?? 0) : 0;
}

interface OpenTelemetry {
  context?: { active?(): { getValue?(key: symbol): unknown } };
}

/** Where the API of OpenTelemetry keeps what was registered, and under which key a context keeps its span. */
const API = Symbol.for("opentelemetry.js.api.1");
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

/** The `traceparent` of OpenTelemetry's active span if that package is loaded, else of our context. @internal */
export function traceOfTheMoment(): string | undefined {
  const api = (globalThis as unknown as Record<symbol, OpenTelemetry | undefined>)[API];
  const foreign = api?.context === undefined ? undefined : activeSpan(api);
  return foreign ?? (used ? storage.getStore()?.context?.trace.traceparent : undefined);
}

function activeSpan(api: OpenTelemetry): string | undefined {
  try {
    const span = api.context?.active?.().getValue?.(SPAN) as
      | { spanContext?(): { traceId: string; spanId: string; traceFlags: number } }
      | undefined;
    const found = span?.spanContext?.();
    if (found === undefined || /^0*$/.test(found.traceId) || /^0*$/.test(found.spanId)) {
      return undefined;
    }
    return `00-${found.traceId}-${found.spanId}-${(found.traceFlags & 3).toString(16).padStart(2, "0")}`;
  } catch {
    // An event without its trace beats no event.
    return undefined;
  }
}
