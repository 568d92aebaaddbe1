// What can go wrong, one class for each kind; `code` is stable and the same in every SDK.

/** The base of all errors of veribus. */
export class VeribusError extends Error {
  /** The stable code, for example `EVT_TYPE_EMPTY`. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An event that cannot be accepted: thrown while it is built, never by `publish`. */
export class EventError extends VeribusError {}

/** Bytes that are no event or batch. */
export class CodecError extends VeribusError {
  /** Where: `events[3].attributes.x`; empty for the whole. */
  readonly path: string = "";
  /** The byte at which it was noticed. */
  readonly offset: number = 0;

  constructor(message: string, code: string, path = "", offset = 0) {
    super(message, code);
    this.path = path;
    this.offset = offset;
  }
}

/** A header that is no trace context. */
export class TraceError extends VeribusError {}
/** A setting that cannot be used. */
export class ConfigError extends VeribusError {}
/** A handler that cannot be registered. */
export class HandlerError extends VeribusError {}
/** An audit trail that cannot be opened or read. */
export class AuditError extends VeribusError {}
/** A forwarder that cannot be set up. */
export class ForwardError extends VeribusError {}
/** `publishConfirmed` cannot say that the event is durable; see the classes that extend it. */
export class NotAccepted extends VeribusError {}
/** There was no room for the event. */
export class DroppedError extends NotAccepted {}
/** The bus is closed. */
export class ClosedError extends DroppedError {}
/** No registered handler is durable: register one, for example an `AuditLogger`. */
export class NoDurableHandlerError extends NotAccepted {}
/** Not known in time: the event is in the queue and may still become durable. */
export class NotConfirmedError extends NotAccepted {}
/** A durable handler lost the event or could not sync it. */
export class NotDurableError extends NotAccepted {}

/** Thrown by a handler that took the first `done` events and asks to be given the others again, after a pause. */
export class Retry extends Error {
  /** How many events from the front were taken. */
  readonly done: number;

  constructor(done = 0, why = "the handler asks for a retry") {
    super(why);
    this.name = "Retry";
    this.done = Math.max(0, Math.trunc(done));
  }
}

const CLASSES: Record<string, new (message: string, code: string) => VeribusError> = {
  BUS_NO_DURABLE_HANDLER: NoDurableHandlerError,
  BUS_CLOSED: ClosedError,
  BUS_DROPPED: DroppedError,
  BUS_TIMED_OUT: NotConfirmedError,
  BUS_NOT_DURABLE: NotDurableError,
  EVT_TRACE_INVALID: TraceError,
};

const FAMILIES: Record<string, new (message: string, code: string) => VeribusError> = {
  EVT: EventError,
  CFG: ConfigError,
  HND: HandlerError,
  AUD: AuditError,
  FWD: ForwardError,
};

/**
 * The error of this code. What the codec says ends in two lines, its path and its byte.
 * @internal
 */
export function made(code: string, message: string, of: "codec" | "event" = "event"): VeribusError {
  const [text = "", path, offset] = message.split("\n");
  if (path !== undefined && offset !== undefined) {
    if (of === "codec" || !code.startsWith("EVT_")) {
      return new CodecError(text, code, path, Number(offset));
    }
    // An event's own text: where it was in the JSON of it says nothing to the caller.
    return new (CLASSES[code] ?? EventError)(text.replace(/ \(byte \d+\)$/, ""), code);
  }
  const family = FAMILIES[code.slice(0, code.indexOf("_"))];
  return new (CLASSES[code] ?? family ?? VeribusError)(message, code);
}

/**
 * Calls the addon; what it throws becomes an error of ours.
 * @internal
 */
export function called<T>(call: () => T, of: "codec" | "event" = "event"): T {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof VeribusError || !(thrown instanceof Error)) {
      throw thrown;
    }
    const code = (thrown as NodeJS.ErrnoException).code;
    throw code !== undefined && /^[A-Z]+_[A-Z0-9_]+$/.test(code) ? made(code, thrown.message, of) : thrown;
  }
}
