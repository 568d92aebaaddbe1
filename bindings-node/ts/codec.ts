// The wire: batches to bytes and back, for tools; docs/wire-format.md is the contract.

import { called, type CodecError, made } from "./errors.js";
import type { VerificationEvent } from "./event.js";
import { native, type NativeBatch } from "./native.js";
import { line } from "./publish.js";
import { fromLine } from "./wire.js";

/** An encoding of the wire. */
export type Format = "json" | "msgpack";

/** A decoded batch. */
export class Batch {
  readonly #native: NativeBatch;

  /** @internal */
  constructor(decoded: NativeBatch) {
    this.#native = decoded;
  }

  /** Name of the service that sent it. */
  get service(): string {
    return this.#native.service;
  }

  /** Its events. */
  get events(): VerificationEvent[] {
    return this.#native.lines.map(fromLine);
  }

  /** Its events as lines of JSON. */
  get lines(): string[] {
    return this.#native.lines;
  }

  /** Writes the batch in its canonical form. */
  encode(format: Format): Buffer {
    return called(() => this.#native.encode(format), "codec");
  }
}

/** Reads a batch of which every event is good. @throws {@link CodecError} with the path and byte of what is wrong. */
export function decode(data: Uint8Array, format: Format): Batch {
  return new Batch(called(() => native.decode(data, format), "codec"));
}

/** Reads a batch event by event: an event, or the error that it is. */
export function decodeEach(data: Uint8Array, format: Format): (VerificationEvent | CodecError)[] {
  const each = called(() => native.decodeEach(data, format), "codec");
  return each.map((found) =>
    found.line == null ? (made(found.code ?? "", found.message ?? "", "codec") as CodecError) : fromLine(found.line),
  );
}

/** An event as one line of JSON, as the wire has it. */
export function eventToJson(event: VerificationEvent): string {
  return line(event);
}

/** An event from one line of JSON. @throws {@link CodecError} */
export function eventFromJson(text: string): VerificationEvent {
  called(() => native.checkJson(text), "codec");
  return fromLine(text);
}

/** The event as the core writes it: read from JavaScript's JSON, in the order of the canonical form. @internal */
export function canonical(event: VerificationEvent): string {
  return called(() => native.canonical(line(event)), "codec");
}
