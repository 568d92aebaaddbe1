// The addon, and what it exports: everything typed here is in bindings-node/src.

import { join } from "node:path";

/** @internal */
export interface Work {
  job: number;
  of: number;
  what: "events" | "alert" | "flush" | "close" | "told";
  text: string;
}

/** @internal */
export interface Answered {
  id?: string;
  status: "accepted" | "dropped" | "rejected";
  reason?: string;
  code?: string;
}

/** @internal */
export interface NativeHandlerId {
  readonly native: unique symbol;
}

/** @internal */
export interface NativeHandler {
  register(bus: number, said: Record<string, unknown>, job: number): NativeHandlerId;
}

/** @internal */
export interface NativeAuditLogger extends NativeHandler {
  status(): import("./audit.js").AuditStatus;
}

/** @internal */
export interface NativeMetricsCollector extends NativeHandler {
  render(bus?: number): string;
  contentType(): string;
}

/** @internal */
export interface NativeAlertHandler extends NativeHandler {
  counts(): import("./alert.js").AlertCounts;
}

/** @internal */
export interface NativeForwarder extends NativeHandler {
  status(): import("./forward.js").ForwardHealth;
}

/** @internal */
export interface NativeBatch {
  readonly service: string;
  readonly lines: string[];
  encode(format: string): Buffer;
}

/** @internal */
export interface Native {
  start(stage: Uint8Array, wake: () => void): void;
  open(settings: Record<string, unknown>): number;
  letGo(bus: number): void;
  publish(): number;
  publishJson(line: string, timed: boolean): number;
  publishConfirmed(line: string | undefined, timed: boolean, asked: number): string;
  lastReceipt(): Answered | null;
  checkStaged(): void;
  checkJson(line: string): void;
  canonical(line: string): string;
  stagedToJson(): string;
  health(bus: number): import("./health.js").BusHealth;
  flush(bus: number, timeoutMs: number, job: number, asked: number): void;
  close(bus: number, timeoutMs: number, job: number, asked: number): void;
  instanceId(bus: number): string;
  requireFreeName(bus: number, name: string): void;
  registerHandler(bus: number, wanted: Record<string, unknown>, job: number): NativeHandlerId;
  unregisterHandler(bus: number, handler: NativeHandlerId, job: number): boolean;
  fetch(): Work | null;
  fetchWithin(timeoutMs: number): Work | null;
  answer(job: number, threw?: string, done?: number): void;
  closeAtExit(buses: number[], timeoutMs: number): void;
  leave(): void;
  traceParse(header: string): string;
  traceRoot(): string;
  traceChild(header: string): string;
  decode(data: Uint8Array, format: string): NativeBatch;
  decodeEach(data: Uint8Array, format: string): { line?: string; code?: string; message?: string }[];
  readSettings(text: string): Record<string, boolean | number | string | string[]>;
  auditVerify(path: string): import("./audit.js").AuditReport;
  NativeAuditLogger: new (path: string, settings: Record<string, unknown>) => NativeAuditLogger;
  NativeMetricsCollector: new (typesMax: number) => NativeMetricsCollector;
  NativeForwarder: new (url: string, settings: Record<string, unknown>) => NativeForwarder;
  NativeAlertHandler: new (
    rules: Record<string, unknown>[], sink: number | undefined, json: boolean, cooldownMs: number,
  ) => NativeAlertHandler;
}

/** The package that brings a prebuilt addon for this platform: `@veribus/linux-x64-gnu`. */
export function platform(): string {
  const report = process.platform === "linux" ? (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }) : {};
  const libc = process.platform === "linux" ? (report.header?.glibcVersionRuntime ? "-gnu" : "-musl") : process.platform === "win32" ? "-msvc" : "";
  return `@veribus/${process.platform}-${process.arch}${libc}`;
}

function load(): Native {
  const built = join(__dirname, "veribus.node");
  try {
    return require(built) as Native;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") {
      throw cause;
    }
  }
  const prebuilt = platform();
  try {
    return require(prebuilt) as Native;
  } catch (cause) {
    const message =
      `veribus has no addon for this platform: neither ${built} nor the package ${prebuilt} is there. ` +
      "If optional dependencies were left out, install again with them; else build it: npm run build, with Rust";
    throw new Error(message, { cause });
  }
}

/** @internal */
export const native: Native = load();
