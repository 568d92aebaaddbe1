/**
 * Know that every security check in your services happened, and prove it.
 *
 * ```js
 * import { authentication, init, verify } from "veribus";
 *
 * const bus = init({ service: "web" });
 * const claims = await verify("jwt.signature", { actor: "alice" }, () => jwtVerify(token, key));
 * bus.publish(authentication("login", { outcome: "failure", actor: "alice", sourceIp: "203.0.113.9" }));
 * ```
 *
 * @packageDocumentation
 */

import * as codec from "./codec.js";
import * as trace from "./trace.js";

export type { AlertCounts, AlertOptions, AlertRule, Alert } from "./alert.js";
export { AlertHandler, failures } from "./alert.js";
export type { AuditOptions, AuditReport, AuditStatus } from "./audit.js";
export { AuditLogger, auditVerify } from "./audit.js";
export type { BusOptions, Patience } from "./bus.js";
export { VerificationEventBus } from "./bus.js";
export {
  AuditError, ClosedError, CodecError, ConfigError, DroppedError, EventError, ForwardError, HandlerError, NoDurableHandlerError,
  NotAccepted, NotConfirmedError, NotDurableError, Retry, TraceError, VeribusError,
} from "./errors.js";
export type {
  Attributes, Authentication, AuthenticationFields, Authorization, AuthorizationFields, CommonFields, Configuration,
  ConfigurationFields, Kind, KnownEvent, Outcome, Performance, PerformanceFields, Security, SecurityFields, Severity, UnknownEvent,
  Value, VerificationEvent,
} from "./event.js";
export { authentication, authorization, configuration, performance, security } from "./event.js";
export type { AddressOptions, ForwardHealth, ForwardOptions } from "./forward.js";
export { Forwarder } from "./forward.js";
export type { BuiltIn, EventHandler, HandlerFunction, HandlerId, HandlerOptions } from "./handler.js";
export type { BusHealth, CloseReport, HandlerHealth, Losses } from "./health.js";
export { MetricsCollector } from "./metrics.js";
export type { Receipt } from "./receipt.js";
export type { InitOptions } from "./settings.js";
export { getBus, init, publish, verified, verify } from "./settings.js";
export type { Context } from "./trace.js";
export { TraceContext } from "./trace-context.js";
export type { Check, VerifyFields } from "./verification.js";
export { Verification } from "./verification.js";
export { codec, trace };
