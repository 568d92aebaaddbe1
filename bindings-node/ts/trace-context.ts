// W3C trace contexts: parsed and made by the core, immutable.

import { called } from "./errors.js";
import { native } from "./native.js";

/** The place of an event in a distributed trace. */
export class TraceContext {
  /** The `traceparent` header of version 00. */
  readonly traceparent: string;

  /** @internal */
  constructor(canonical: string) {
    this.traceparent = canonical;
  }

  /**
   * Parses a W3C `traceparent` header.
   *
   * @throws {@link TraceError} if it is none.
   */
  static parse(header: string): TraceContext {
    return new TraceContext(called(() => native.traceParse(header)));
  }

  /** The root of a new trace. */
  static newRoot(): TraceContext {
    return new TraceContext(native.traceRoot());
  }

  /** A new span in the same trace. */
  child(): TraceContext {
    return new TraceContext(called(() => native.traceChild(this.traceparent)));
  }

  /** 32 hexadecimal digits. */
  get traceId(): string {
    return this.traceparent.slice(3, 35);
  }

  /** 16 hexadecimal digits. */
  get spanId(): string {
    return this.traceparent.slice(36, 52);
  }

  /** The flags; the lowest bit says that the trace is sampled. */
  get flags(): number {
    return Number.parseInt(this.traceparent.slice(53), 16);
  }

  /** Whether somebody upstream keeps the trace. */
  get sampled(): boolean {
    return (this.flags & 1) === 1;
  }

  /** The `traceparent` header. */
  toString(): string {
    return this.traceparent;
  }

  /** The `traceparent` header. */
  toJSON(): string {
    return this.traceparent;
  }
}
